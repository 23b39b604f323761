# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swarm mode on two container hosts: a fleet that is a swarm, and the role by itself.

There is no IP_VS in a container, so services publish no ports.
"""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import subprocess
import typing as t

import pytest

from tests.beds import image
from tests.beds._base import until
from tests.beds.hosts import ENGINE, Host
from tests.system._harness import Ansible
from tests.system._swarm import KEY, SETTINGS, TOKEN, Role, nodes, swarm_of


@pytest.fixture(scope="module")
def hosts(bed: t.Any) -> t.Iterator[list[Host]]:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        made = [future.result() for future in [pool.submit(bed.host, packages=ENGINE) for _number in range(2)]]
    yield made
    for host in made:
        bed.remove(host)


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("image") / "busybox.tar"
    image.build(path)
    return path


def load(host: Host, archive: pathlib.Path) -> None:
    with open(archive, "rb") as stream:
        subprocess.run([*host.ssh_command(), "sudo docker load"], stdin=stream, check=True, capture_output=True)


def runs_on(manager: Host) -> list[str]:
    """Where tasks of the service run."""
    form = "'{{.Node}} {{.CurrentState}}'"
    listed = manager.out(f"docker service ps sleep --filter desired-state=running --format {form}")
    return sorted(line.split()[0] for line in listed.splitlines() if line.split()[1] == "Running")


def keep_busy(manager: Host, where: str) -> None:
    """A service whose task does not end when it is asked to."""
    program = "sh -c \"trap '' TERM; while :; do sleep 1; done\""
    patient = f"--stop-grace-period 1h --constraint {where}"
    manager.ssh(f"docker service create -d --name busy --no-resolve-image {patient} {image.NAME} {program}")
    listed = "docker service ps busy --format '{{.CurrentState}}'"
    until(lambda: manager.out(listed).startswith("Running"), "a task that does not end", limit=60)


def end_that(manager: Host, host: Host) -> None:
    manager.ssh("docker service rm busy")
    host.ssh("docker kill $(docker ps -q --filter name=busy)")


def engine_pid(host: Host) -> str:
    return host.out("cat /run/docker.pid")


def test_a_fleet_is_a_swarm_that_shrinks_by_draining_and_ends(
    ansible: Ansible, store: pathlib.Path, hosts: list[Host], busybox: pathlib.Path
) -> None:
    first, second = hosts

    def role(host: Host, **more: t.Any) -> dict[str, t.Any]:
        return {"driver": "generic", "count": 1, "options": {"address": host.address}, "ssh_user": host.user, **more}

    roles = {"core": role(first), "web": role(second, labels={"tier": "front"})}
    for one in roles.values():
        one["ssh_key"] = str(first.key)
    fleet = {"id": "shop", "swarm": {"managers": 1}, "roles": roles}
    extra = {"machine_store": str(store), "machine_fleet": fleet, "docker_swarm_settings": SETTINGS}

    made = ansible.playbook("create_hosts", extra, "-vvv").ok()
    assert nodes(first) == {first.name: "Ready Active Leader", second.name: "Ready Active"}
    assert TOKEN not in made.stdout + made.stderr + json.dumps(made.events)
    assert not [path for path in store.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    for host in hosts:
        load(host, busybox)
        assert not host.ssh(f"grep -rl {TOKEN} /root /home /tmp /var/lib/dockyard /etc", check=False).stdout
    labels = json.loads(first.out(f"docker node inspect -f '{{{{json .Spec.Labels}}}}' {second.name}"))
    assert labels["tier"] == "front", "a machine's labels are its node's"
    program = "sh -c \"trap 'exit 0' TERM; sleep 100000 & wait\""
    placed = "--placement-pref spread=node.id"
    first.ssh(f"docker service create -d --name sleep --replicas 2 --no-resolve-image {placed} {image.NAME} {program}")
    until(lambda: runs_on(first) == sorted([first.name, second.name]), "the service on both nodes", limit=60)

    again = ansible.playbook("create_hosts", extra).ok()
    assert again.changed == 0, again
    asked = [one for one in again.results(task="Read the swarm from a manager") if one["status"] != "skipped"]
    assert len(asked) == 1, "one look for the whole swarm"
    assert not again.results(task="Read the state of the hosts without a confirmed membership")

    # What needs a restart of the Engines has each node drained for it, one after the other
    changed = ansible.playbook("create_hosts", {**extra, "docker_engine_log_driver": "local"}).ok()
    assert changed.results(task="Drain the node", host="shop-core-0") and changed.results(
        task="Drain the node", host="shop-web-0"
    )
    steps = [(one["host"], one["task"].split(" : ")[-1]) for one in changed.events if one["event"] == "task"]
    kept = [host for host, task in steps if task in ("Drain the node", "Restore the availability of the node")]
    assert len(kept) == 4 and kept[0] == kept[1] != kept[2] == kept[3], "both at once"
    assert nodes(first) == {first.name: "Ready Active Leader", second.name: "Ready Active"}
    until(lambda: len(runs_on(first)) == 2, "the service again", limit=60)

    pids = [engine_pid(host) for host in hosts]
    fewer = {**extra, "docker_engine_log_driver": "local", "machine_counts": {"web": 0}, "machine_remove_surplus": True}
    keep_busy(first, "node.labels.tier==front")
    kept_on = ansible.playbook("create_hosts", {**fewer, "docker_swarm_drain_timeout": 3}).failed()
    for said in ("shop-web-0 still has ", " tasks 3 s after it was drained. It stays in the swarm."):
        assert said in kept_on.messages
    assert nodes(first) == {first.name: "Ready Active Leader", second.name: "Ready Drain"}
    assert json.loads((store / "machines" / "shop-web-0" / "observed.json").read_text())["engine"]["swarm"]
    end_that(first, second)
    shrunk = ansible.playbook("create_hosts", fewer).ok()
    events = kept_on.events + shrunk.events
    tasks = [event for event in events if event["event"] == "task" and event["result"].get("changed")]
    order = [event["task"].split(" : ")[-1] for event in tasks]
    assert order.index("Drain the nodes") < order.index("Leave the swarm") < order.index("Remove the machine")
    assert nodes(first) == {first.name: "Ready Active Leader"}
    until(lambda: runs_on(first) == [first.name] * 2, "both tasks on the node that is left")
    assert swarm_of(second)["LocalNodeState"] == "inactive"
    assert not (store / "machines" / "shop-web-0").exists()
    assert pids == [engine_pid(host) for host in hosts], "no Engine was restarted"

    # By its name alone: what it is in the swarm stands in its record
    gone = ansible.playbook("remove_hosts", {"machine_store": str(store), "machine_names": "shop-core-0"}).ok()
    assert swarm_of(first)["LocalNodeState"] == "inactive", gone
    assert not (store / "machines" / "shop-core-0").exists()


def test_the_role_on_hosts_of_ones_own(
    ansible: Ansible, hosts: list[Host], busybox: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first, second = hosts
    play = Role(ansible, hosts, tmp_path)
    key = play.key

    # As role docker_engine leaves a host that is in no swarm; the test before this one has left an Engine there
    install = "apt-get -q update && apt-get -q -y install --no-install-recommends docker.io"
    for host in hosts:
        host.ssh(f"command -v dockerd >/dev/null || {{ {install}; }}; mkdir -p /etc/docker", limit=300)
        host.ssh("echo '{\"live-restore\": true}' > /etc/docker/daemon.json && systemctl reload docker")
    pids = [engine_pid(host) for host in hosts]
    labels = {"tier": "front", "zone": ""}
    asked: dict[str, t.Any] = {"each": {second.name: {"docker_swarm_labels": labels}}}
    # There is no place for the key, so that the next run hands it on
    begun = play("manager worker", "-vvv", **asked, key_file="/nonexistent/swarm.key").failed()
    kept = play("manager worker", "-vvv", **asked).ok()
    assert nodes(first) == {first.name: "Ready Active Leader", second.name: "Ready Active"}
    assert pids == [engine_pid(host) for host in hosts], "an Engine was restarted to switch live-restore off"
    assert key.read_text().startswith(KEY) and key.stat().st_mode & 0o777 == 0o600
    for said in (begun.stdout, kept.stdout):
        assert key.read_text() not in said and TOKEN not in said
    assert play("manager worker", **asked).changed == 0
    token = first.out("docker swarm join-token -q worker")

    # Promoted, with a label less, and a new token; then it is restarted, drained, and unlocked again
    unlock = {"docker_swarm_unlock_key": key.read_text()}
    changed = play(
        "manager manager",
        each={second.name: {"docker_swarm_labels": {"tier": "front"}}},
        docker_swarm_rotate_tokens=["worker"],
        swarm_restarts=[second.name],
        **unlock,
    ).ok()
    labels = json.loads(first.out(f"docker node inspect -f '{{{{json .Spec.Labels}}}}' {second.name}"))
    assert labels == {"tier": "front", "dockyard.labels": "tier", "dockyard.host": second.name}
    assert first.out("docker swarm join-token -q worker") != token
    meanwhile = changed.result(task="Tell how available the node is meanwhile")["stdout_lines"]
    assert f"{second.name} Drain" in meanwhile
    assert nodes(first)[second.name] == "Ready Active Reachable"
    assert key.read_text() not in changed.stdout

    # A task that does not end keeps its Engine from being restarted
    load(second, busybox)
    keep_busy(first, f"node.hostname=={second.name}")
    pid, only = engine_pid(second), ("--start-at-task", "Do what comes before")
    more = {"swarm_restarts": [second.name], "docker_swarm_drain_timeout": 3, **unlock}
    busy = play("manager manager", *only, **more).failed()
    assert f"{second.name} still has " in busy.messages and " tasks 3 s after it was drained" in busy.messages
    assert nodes(first)[second.name] == "Ready Drain Reachable" and engine_pid(second) == pid
    end_that(first, second)

    # A manager becomes a worker that gets no new tasks, and takes the place of the other one, which leaves
    play("manager worker", each={second.name: {"docker_swarm_availability": "pause"}}).ok()
    until(lambda: nodes(first)[second.name] == "Ready Pause", "it is no manager", limit=60)
    play("absent manager", each={second.name: {"docker_swarm_availability": "active"}}).ok()
    assert nodes(second) == {second.name: "Ready Active Leader"}
    assert swarm_of(first)["LocalNodeState"] == "inactive"

    # Locked, it is unlocked before the other one joins as a manager, to which nobody else tells of the swarm
    second.ssh("systemctl restart docker")
    until(lambda: swarm_of(second)["LocalNodeState"] == "locked", "it is locked", limit=60)
    play("manager manager", **unlock).ok()
    assert nodes(second) == {first.name: "Ready Active Reachable", second.name: "Ready Active Leader"}

    # Without the second there is no quorum: nothing is decided, and the error says what to do
    second.ssh("systemctl stop docker.socket docker.service")
    until(lambda: "leader" in swarm_of(first)["Error"], "the first manager finds out", limit=60)
    lost = play("manager manager", "--limit", first.name).failed()
    assert "has lost its quorum" in lost.messages and "--force-new-cluster" in lost.messages
    assert lost.changed == 0
