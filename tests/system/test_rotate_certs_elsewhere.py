# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_certs where the store is on S3, where Engines are users', and where hosts are nodes of a swarm."""

from __future__ import annotations

import collections.abc
import contextlib
import pathlib
import shutil
import ssl
import threading
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._durable import write_files
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store, _ca
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store as open_any
from tests.beds import calls, image
from tests.beds._base import until
from tests.beds.calls import Stream, call, is_refused
from tests.beds.engine import docker, start_container
from tests.beds.hosts import Host
from tests.doubles import s3
from tests.system._harness import Ansible
from tests.system.test_engine_isolation import USER, user_host
from tests.system.test_shared_store import Node, double, node, private_keys, shared
from tests.system.test_swarm import busybox, load, nodes, runs_on

__all__ = ["busybox", "double", "node", "shared", "user_host"]
pytestmark = pytest.mark.long
NewHost = collections.abc.Callable[..., Host]
PAIR = {"ca.pem": "server-ca.pem", "cert.pem": "client-cert.pem", "key.pem": "client-key.pem"}


def fleet(store: object, hosts: dict[str, Host], **more: t.Any) -> dict[str, t.Any]:
    """Each host in a role of its own, since each has its address."""
    roles = {role: host.fleet_role() for role, host in hosts.items()}
    return {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": roles, **more}}


# A store on S3


@contextlib.contextmanager
def brought(open_store: t.Callable[[], Store], folder: pathlib.Path) -> collections.abc.Iterator[None]:
    """The client's pair in a folder, brought from the store over and over, as jobs do it each by itself."""
    over = threading.Event()

    def bring() -> None:
        files = open_store().ca_files()
        write_files(str(folder), {name: files[of] for name, of in PAIR.items()})

    def run() -> None:
        while not over.wait(0.2):
            bring()

    folder.mkdir()
    bring()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_two_controllers_that_have_nothing_but_the_store_in_common(
    node: Node,
    shared: str,
    double: s3.S3Double,
    new_host: NewHost,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts = {role: new_host() for role in ("web", "db")}
    extra, new_ca = fleet(shared, hosts), {"machine_store": shared, "machine_rotate": "ca"}
    for name, value in double.environment.items():
        monkeypatch.setenv(name, value)

    def open_store() -> Store:
        return open_any(shared, scratch=str(tmp_path))

    one, other, third = node(), node(), node()
    one.playbook("create_hosts", extra).ok()
    before, pair, old = open_store().ca_files(), tmp_path / "pair", tmp_path / "old"
    places = [(host, pair) for host in hosts.values()]
    with brought(open_store, pair), Stream(places) as stream:
        shutil.copytree(pair, old)
        shown = [calls.shown(*place) for place in places]
        with one.start_playbook("rotate_certs", new_ca) as cut:
            until(
                lambda: [calls.shown(*place) for place in places] != shown, "a host with a new certificate", limit=120
            )
            cut.kill()
        begun = _ca.rotation(open_store().ca_files())
        assert begun and begun.step.name == "hosts"
        done = other.playbook("rotate_certs", new_ca).ok()
        assert "is finished" in done.stdout and private_keys(other) == []
    assert stream.refused == [] and stream.calls > 100, stream.calls

    after = open_store().ca_files()
    assert sorted(after) == sorted(before) and not [name for name in before if after[name] == before[name]]
    for host in hosts.values():
        assert call(host, pair) and is_refused(host, pair, old)
        assert host.out("cat /etc/docker/tls/ca.pem") == after["client-ca.pem"].strip()
        with pytest.raises(ssl.SSLCertVerificationError):
            call(host, old)
    again = third.playbook("create_hosts", extra).ok()
    assert again.changed == 0 and private_keys(third) == []
    # Certificates alone, by yet another one
    shown = [calls.shown(*place) for place in places]
    third.playbook("rotate_certs", {"machine_store": shared}).ok()
    assert not {calls.shown(*place) for place in places} & set(shown) and private_keys(third) == []


# An Engine without root


def names(host: Host, pair: pathlib.Path) -> str:
    """Of the containers that run; nothing while the Engine is away."""
    return docker(host, pair, "ps", "--format", "{{.Names}}", check=False).stdout.strip()


def test_an_engine_without_root(ansible: Ansible, store: pathlib.Path, user_host: Host, tmp_path: pathlib.Path) -> None:
    host, it = user_host, FileStore(str(store))
    extra = {**fleet(store, {"web": host}), "docker_engine_rootless_user": USER}
    ansible.playbook("create_hosts", extra).ok()
    pair, old = store / "machines" / "shop-web-0", tmp_path / "old"
    shutil.copytree(pair, old)
    start_container(host, pair, tmp_path / "busybox.tar", "--name", "web", "--restart", "always", "--init")
    shown, unit = call(host, pair), host.out("cat /etc/systemd/user/docker.service")
    new_ca = {"machine_store": str(store), "machine_rotate": "ca"}

    # Its containers end with it, so somebody has to allow that; and nothing is lost until then
    refused = ansible.playbook("rotate_certs", new_ca).failed()
    assert "not possible without root" in refused.messages and "docker_engine_interrupt" in refused.messages
    assert call(host, pair) == shown and names(host, old) == "web"

    new_ca["docker_engine_interrupt"] = True
    with ansible.start_playbook("rotate_certs", new_ca) as cut:
        until(lambda: host.out("cat /etc/docker/tls/ca.pem").count("BEGIN") == 2, "files of both CAs", limit=120)
        cut.kill()
    assert _ca.rotation(it.ca_files())
    assert "is finished" in ansible.playbook("rotate_certs", new_ca).ok().stdout
    assert call(host, pair) != shown and is_refused(host, pair, old)
    until(lambda: names(host, pair) == "web", "the container is back")
    assert host.out("cat /etc/systemd/user/docker.service") == unit
    assert host.out("stat -c '%a %U' /etc/docker/tls/key.pem") == f"400 {USER}"

    shown = call(host, pair)
    ansible.playbook("rotate_certs", {"machine_store": str(store), "docker_engine_interrupt": True}).ok()
    assert call(host, pair) != shown
    assert ansible.playbook("create_hosts", extra).ok().changed == 0


# Nodes of a swarm


@contextlib.contextmanager
def watched(hosts: list[Host]) -> collections.abc.Iterator[list[int]]:
    """How many tasks of the service run on all hosts together, time and again; by processes, since Engines restart."""
    over, counts = threading.Event(), list[int]()

    def run() -> None:
        while not over.wait(0.2):
            counts.append(sum(int(host.out("pgrep -fcx 'sleep 100000' || true")) for host in hosts))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def drained(manager: Host) -> list[str]:
    """Names of nodes; none while the manager's Engine is away."""
    listed = manager.ssh("docker node ls --format '{{.Hostname}} {{.Availability}}'", check=False).stdout
    return [line.split()[0] for line in listed.splitlines() if line.endswith("Drain")]


def test_nodes_of_a_swarm(
    ansible: Ansible, store: pathlib.Path, new_host: NewHost, busybox: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Of three, so that the two tasks never come to be on one node, which has its turn next."""
    hosts = {role: new_host() for role in ("core", "web", "db")}
    first, second, third = hosts.values()
    extra = fleet(store, hosts, swarm={"managers": 1})
    ansible.playbook("create_hosts", extra).ok()
    places = [(host, store / "machines" / f"shop-{role}-0") for role, host in hosts.items()]
    old = tmp_path / "old"
    shutil.copytree(places[0][1], old)
    for host in hosts.values():
        load(host, busybox)
    program = "sh -c \"trap 'exit 0' TERM; sleep 100000 & wait\""
    placed = "--placement-pref spread=node.id"
    first.ssh(f"docker service create -d --name sleep --replicas 2 --no-resolve-image {placed} {image.NAME} {program}")
    until(lambda: len({*runs_on(first)}) == 2, "the service on two nodes", limit=60)
    ready = {first.name: "Ready Active Leader", second.name: "Ready Active", third.name: "Ready Active"}
    new_ca = {"machine_store": str(store), "machine_rotate": "ca"}

    shown = {host.name: call(host, pair) for host, pair in places}

    def restarted() -> bool:
        """Whether a node has the new certificate, and the swarm has not had it back yet."""
        names = drained(first)
        return any(host.name in names and calls.shown(host, pair) != shown[host.name] for host, pair in places)

    with watched(list(hosts.values())) as counts:
        # Cut off before the swarm has a node back, so that nothing is left to be restarted there …
        with ansible.start_playbook("rotate_certs", new_ca) as cut:
            until(restarted, "a drained node that was restarted", limit=200)
            cut.kill()
        assert drained(first)
        # … and ended
        done = ansible.playbook("rotate_certs", new_ca).ok()
    assert "is finished" in done.stdout and not drained(first)
    until(lambda: nodes(first) == ready, "all nodes ready", limit=30)
    assert counts and min(counts) > 0, "".join(map(str, counts))
    away, turns = set[str](), set[str]()
    for one in done.events:
        if one["event"] == "task" and one["status"] == "ok":
            if one["task"].endswith("Drain the node"):
                assert not away, f"{one['host']} is drained while {away} is"
                away.add(one["host"])
                turns.add(one["host"])
            elif one["task"].endswith("Restore the availability of the node"):
                away.discard(one["host"])
    assert len(turns) == 3 and not away
    for host, pair in places:
        assert call(host, pair) and is_refused(host, pair, old)
    until(lambda: len({*runs_on(first)}) == 2, "the service as before", limit=60)

    assert ansible.playbook("create_hosts", extra).ok().changed == 0
