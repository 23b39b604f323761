# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role docker_swarm does when hosts are not as they should be: foreign, gone, locked, dead, or the last manager."""

from __future__ import annotations

import concurrent.futures
import pathlib
import typing as t

import pytest

from tests.beds import image
from tests.beds._base import until
from tests.beds.hosts import Host
from tests.system._harness import Ansible
from tests.system._swarm import TOKEN, Role, nodes, swarm_of
from tests.system.test_swarm import busybox, load

__all__ = ["busybox"]
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def three(bed: t.Any) -> t.Iterator[list[Host]]:
    """Hosts with an Engine, as the role docker_engine leaves them in a swarm."""
    settings = {"etc/docker/daemon.json": '{"live-restore": false}'}
    packages = ("docker.io", "python3-docker")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = [pool.submit(bed.host, packages=packages, customize=settings) for _number in range(3)]
        made = [future.result() for future in asked]
    yield made
    for host in made:
        bed.remove(host)


def ids(manager: Host) -> dict[str, str]:
    """Node id -> host name, of all entries."""
    listed = manager.out("docker node ls --format '{{.ID}} {{.Hostname}}'")
    return dict(line.split() for line in listed.splitlines())


def there(manager: Host) -> list[str]:
    """What the nodes that are ready are among the managers."""
    return sorted(said.removeprefix("Ready Active").strip() for said in nodes(manager).values() if "Ready" in said)


def tokens(manager: Host) -> list[str]:
    return [manager.out(f"docker swarm join-token -q {kind}") for kind in ("worker", "manager")]


def test_a_foreign_swarm_is_left_alone_and_who_has_left_comes_back(
    ansible: Ansible, three: list[Host], tmp_path: pathlib.Path
) -> None:
    a, b, c = three
    play = Role(ansible, three, tmp_path)

    # The swarm that c is in is another team's: neither joined nor left, whether or not there is one of ours
    c.ssh("docker swarm init --advertise-addr $(hostname -i)")
    theirs = swarm_of(c)
    refused = play("manager worker worker").failed()
    assert f"{c.name} is the manager of a swarm" in refused.messages and "docker swarm leave" in refused.messages
    assert refused.changed == 0 and [swarm_of(host)["LocalNodeState"] for host in (a, b)] == ["inactive"] * 2
    a.ssh("docker swarm init --advertise-addr $(hostname -i)")
    refused = play("manager worker worker").failed()
    assert f"{c.name} is a node of another swarm" in refused.messages and "docker swarm leave" in refused.messages
    assert refused.changed == 0 and len(ids(a)) == 1 and swarm_of(b)["LocalNodeState"] == "inactive"
    now = swarm_of(c)
    assert (now["NodeID"], now["Cluster"]["Version"]) == (theirs["NodeID"], theirs["Cluster"]["Version"])
    assert c.out("docker node inspect -f '{{json .Spec.Labels}}' self") == "{}"

    # A manager joins what was begun by hand; a node that has left joins again, as what it is to be now
    c.ssh("docker swarm leave --force")
    play("manager worker manager").ok()
    assert nodes(a) == {a.name: "Ready Active Leader", b.name: "Ready Active", c.name: "Ready Active Reachable"}
    before, secrets = ids(a), tokens(a)
    b.ssh("docker swarm leave")
    until(lambda: nodes(a)[b.name] == "Down Active", "the managers miss it", limit=60)
    made = play("manager manager manager", "-vvv", docker_swarm_rotate_tokens=["worker", "manager"]).ok()
    assert nodes(a)[b.name] == "Ready Active Reachable" and len(ids(a)) == 3
    assert set(before) - set(ids(a)) == {id for id, name in before.items() if name == b.name}
    assert not set(secrets) & set(tokens(a)) and TOKEN not in made.stdout
    again = play("manager manager manager")
    assert again.changed == 0
    assert len([one for one in again.results(task="Read the swarm from a manager") if one["status"] != "skipped"]) == 1


def test_managers_that_are_locked_or_dead_and_the_last_one(
    ansible: Ansible, three: list[Host], tmp_path: pathlib.Path
) -> None:
    a, b, c = three
    play = Role(ansible, three, tmp_path)
    play("manager manager manager").ok()
    key = a.out("docker swarm unlock-key -q")

    # Restarted managers are locked: two of three, so that there is no quorum, and then all of them
    for restarted in ([b, c], three):
        for host in restarted:
            host.ssh("systemctl restart docker")
        until(
            lambda: [swarm_of(host)["LocalNodeState"] for host in (b, c)] == ["locked"] * 2, "both are locked", limit=30
        )
        until(
            lambda: swarm_of(a)["Error"] or swarm_of(a)["LocalNodeState"] == "locked",
            "the third one finds out",
            limit=60,
        )
        locked = play("manager manager manager").failed()
        assert "is locked" in locked.messages and "docker_swarm_unlock_key" in locked.messages
        assert locked.changed == 0 and swarm_of(c)["LocalNodeState"] == "locked"
        unlocked = play("manager manager manager", docker_swarm_unlock_key=key).ok()
        until(lambda: there(a) == ["Leader", "Reachable", "Reachable"], "all are managers again", limit=30)
        assert key not in unlocked.stdout and len(ids(a)) == 3

    # A living manager becomes a worker, that gets no new tasks for a while, and then all that it was
    play("manager manager worker", each={c.name: {"docker_swarm_availability": "pause"}}).ok()
    until(lambda: nodes(a)[c.name] == "Ready Pause", "it is no manager", limit=30)
    assert not swarm_of(c)["ControlAvailable"] and len(ids(a)) == 3
    assert play("manager manager worker").changed == 0, "how available it is, is left as it is"
    play("manager manager manager", each={c.name: {"docker_swarm_availability": "active"}}).ok()
    until(lambda: there(a) == ["Leader", "Reachable", "Reachable"], "it is a manager again", limit=30)
    assert len(ids(a)) == 3

    # The first one can't be reached by SSH, so the next one is asked, and what can be done is done
    away = {a.name: {"ansible_port": 9}, c.name: {"docker_swarm_labels": {"zone": "c"}}}
    play("manager manager manager", each=away).ok()
    assert a.out(f"docker node inspect -f '{{{{.Spec.Labels.zone}}}}' {c.name}") == "c"

    # With one dead, the others are needed; the dead one can go, and then one of two
    c.ssh("systemctl stop docker.socket docker.service")
    until(lambda: nodes(a)[c.name] == "Down Active Unreachable", "the managers miss it", limit=60)
    for parts in ("manager worker manager", "manager absent manager"):
        needed = play(parts, "--limit", f"{a.name},{b.name}").failed()
        assert f"Without the manager {b.name}, 1 of 2 managers could be reached" in needed.messages
        assert needed.changed == 0 and nodes(a)[b.name].split()[:2] == ["Ready", "Active"]
    play("manager manager absent").ok()
    assert set(nodes(a)) == {a.name, b.name}

    # Alive again, it is no node any longer: it can't be unlocked, and is told so; without its past it comes back
    c.ssh("systemctl start docker")
    for given, said in ((key[:-4] + "AAAA", "invalid key"), (key, f"{c.name} could not be unlocked")):
        refused = play("manager manager manager", docker_swarm_unlock_key=given).failed()
        assert said in refused.messages and "docker swarm leave --force" in refused.messages
        assert key not in refused.messages
    c.ssh("systemctl restart docker && docker swarm leave --force")
    play("manager manager manager").ok()
    assert there(a) == ["Leader", "Reachable", "Reachable"] and len(ids(a)) == 3

    # Alive, they are drained, demoted and leave one after the other
    play("manager absent absent").ok()
    assert nodes(a) == {a.name: "Ready Active Leader"} and swarm_of(b)["LocalNodeState"] == "inactive"

    # The last manager stays one as long as there is another node
    play("manager worker absent").ok()
    for parts in ("worker worker absent", "absent worker absent"):
        last = play(parts).failed()
        assert last.changed == 0 and a.name in last.messages, parts
    assert nodes(a) == {a.name: "Ready Active Leader", b.name: "Ready Active"}

    # It hands over to a worker, in one run, and what else is to be done is done by the new one
    play("worker manager absent", docker_swarm_rotate_tokens=["worker"]).ok()
    # Beside much else, its Engine takes its time to come back as a worker's
    until(lambda: nodes(b) == {a.name: "Ready Active", b.name: "Ready Active Leader"}, "it is a worker", limit=120)
    assert play("worker manager absent").changed == 0


def test_containers_of_ones_own_on_the_way_into_a_swarm(
    ansible: Ansible, three: list[Host], store: pathlib.Path, busybox: pathlib.Path
) -> None:
    host = three[2]
    assert swarm_of(host)["LocalNodeState"] == "inactive"
    load(host, busybox)
    host.ssh(f"docker run -d --name own --init {image.NAME} sleep 100000")
    running = "docker inspect -f '{{.State.Running}}' own"
    fleet = {"id": "shop", "swarm": {"managers": 1}, "roles": {"core": host.fleet_role()}}
    extra = {"machine_store": str(store), "machine_fleet": fleet, "docker_swarm_drain_timeout": 30}

    # It is no node that could be drained, and has no live-restore
    refused = ansible.playbook("create_hosts", extra).failed()
    assert "1 containers run on shop-core-0, which is not a node" in refused.messages
    assert "docker_swarm_interrupt" in refused.messages and host.out(running) == "true"
    ansible.playbook("create_hosts", {**extra, "docker_swarm_interrupt": True}).ok()
    assert nodes(host) == {host.name: "Ready Active Leader"} and host.out(running) == "false"

    # An Engine that hangs says neither that it is a node nor what it runs
    host.ssh("docker start own && pkill -STOP -x dockerd")
    try:
        refused = ansible.playbook("create_hosts", {**extra, "docker_engine_log_driver": "local"}).failed()
        assert "runs, but does not answer" in refused.messages and "docker_swarm_interrupt" in refused.messages
    finally:
        host.ssh("pkill -CONT -x dockerd")
    assert host.out(running) == "true"
    ansible.playbook("remove_hosts", {"machine_store": str(store), "machine_names": "shop-core-0"}).ok()
    host.ssh("docker rm -f own")


def test_a_node_that_does_not_come_back_from_a_restart(
    ansible: Ansible, three: list[Host], tmp_path: pathlib.Path
) -> None:
    a, b, _c = three
    play = Role(ansible, three, tmp_path)
    play("worker manager absent").ok()

    def back() -> t.Any:
        """What comes after a restart."""
        only = ("--start-at-task", "Do what comes after")
        return play("worker manager absent", *only, swarm_restarts=[a.name], docker_swarm_join_timeout=5)

    a.ssh("iptables -I OUTPUT -p tcp --dport 2377 -j REJECT --reject-with tcp-reset")
    until(lambda: nodes(b)[a.name].startswith("Down"), "the manager misses it", limit=60)
    down = back().failed()
    assert (
        f"{b.name} finds it down (heartbeat failure) after 5 looks" in down.messages and "restart it" in down.messages
    )
    a.ssh("systemctl restart docker")
    away = back().failed()
    assert (
        f"{a.name} is not active in its swarm: its Engine reports pending" in away.messages and "2377" in away.messages
    )

    a.ssh("iptables -D OUTPUT 1")
    until(lambda: nodes(b)[a.name].startswith("Ready"), "it is back", limit=60)
    back().ok()
