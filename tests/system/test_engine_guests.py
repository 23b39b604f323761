# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role docker_engine on hosts that misbehave, all in one inventory; tests/beds/guests.py has the table.

A first run over all of them converges, or fails with what to do. Then the causes go: a second run converges on each host,
and a third changes nothing.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import typing as t

import pytest

from tests.beds.engine import Authority, Played, Player, docker
from tests.beds.guests import CONTAINER, GUESTS, LATE, Mirror, made, sources
from tests.beds.hosts import ENGINE, Bed, Host

# What a run says at once that may not wait, in check mode
IMPATIENT = {
    "lock held for 120 s": (
        "/var/lib/dpkg/lock-frontend is held by process",
        "(python3, run-",
        "did not end within 1 s",
    ),
    "cloud-init runs": ("cloud-init is in its stage modules-final", "did not end within 1 s"),
    "no Python and no sudo": ("Python is missing on this host, and check mode installs nothing",),
}
LONG = "lock held for 120 s"
# What takes its time, or has a sibling that shows the same
RARELY = {
    LONG,
    "unpacked Engine, with a container",
    "disk full, seen before",
    "no iptables, and nothing may be installed",
    "in German",
    "bad option of others",
}
# Looked at on the host: what was written since it began to misbehave, and when the container was started
WRITTEN = "find /etc /var/lib/dpkg /var/lib/dockyard -newer /run/misbehaves -type f 2> /dev/null || :"
STARTED = f"docker inspect -f '{{{{.State.Pid}}}} {{{{.State.StartedAt}}}}' {CONTAINER}"


@dataclasses.dataclass
class Story:
    """What happened to all the hosts."""

    hosts: dict[str, Host] = dataclasses.field(default_factory=dict)
    impatient: dict[str, Played] = dataclasses.field(default_factory=dict)
    first: dict[str, Played] = dataclasses.field(default_factory=dict)
    second: dict[str, Played] = dataclasses.field(default_factory=dict)
    third: dict[str, Played] = dataclasses.field(default_factory=dict)
    written: dict[str, str] = dataclasses.field(default_factory=dict)
    started: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    mirror: t.Any = None
    text: str = ""

    def make(self, bed: Bed, name: str) -> None:
        guest = GUESTS[name]
        host = self.hosts[name] = made(bed, guest, self.mirror)
        host.ssh("cp /etc/resolv.conf /root/resolv.conf.before")
        if guest.make:
            host.ssh(guest.make)
        if "image.tar" in guest.make:
            self.started[name] = [host.out(STARTED)]
        if not guest.touched:
            host.ssh("touch /run/misbehaves")

    def unleash(self, name: str) -> None:
        if GUESTS[name].at_last:
            self.hosts[name].ssh(GUESTS[name].at_last)

    def mend(self, bed: Bed, name: str) -> None:
        host, guest = self.hosts[name], GUESTS[name]
        if not guest.touched:
            self.written[name] = host.out(WRITTEN)
        if name in self.started:
            self.started[name].append(host.out(STARTED))
        if bed.engine.docker("inspect", "-f", "{{.State.Running}}", host.container) == "false":
            bed.start(host)
        if guest.left:
            host.ssh(guest.left)
        if guest.mend:
            host.ssh(guest.mend)
        host.more.update(guest.mended)


@pytest.fixture(scope="module")
def story(
    request: pytest.FixtureRequest,
    bed: Bed,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    collections: t.Any,
) -> t.Iterator[Story]:
    it = Story()
    # Only the hosts of those tests that were asked for
    asked = {item.name for item in request.session.items}
    guests = [name for name in GUESTS if f"test_guest[{name}]" in asked]
    impatient = [name for name in IMPATIENT if name in guests]

    def player() -> t.Callable[..., Played]:
        """For each thread its own, since each has files of its own."""
        return Player(tmp_path_factory.mktemp("play"), collections, authority.variables())

    def over(names: list[str], *arguments: str, **variables: t.Any) -> dict[str, Played]:
        if not names:
            return {}
        hosts = [it.hosts[name] for name in names]
        played = player()(*hosts, ok=None, arguments=["--forks", str(len(hosts)), *arguments], **variables)
        it.text += played.text
        return {name: played.of(it.hosts[name]) for name in names}

    with Mirror(seconds=6) as it.mirror, concurrent.futures.ThreadPoolExecutor(6) as pool:
        try:
            list(pool.map(lambda name: it.make(bed, name), impatient))
            rest = [pool.submit(it.make, bed, name) for name in guests if name not in impatient]
            it.impatient = over(impatient, "--check", docker_engine_wait_timeout=1)
            long = pool.submit(over, [name for name in guests if name == LONG])
            for each in rest:
                each.result()
            others = [name for name in guests if name != LONG]
            for name in others:
                it.unleash(name)
            it.first = over(others)
            list(pool.map(lambda name: it.mend(bed, name), others))
            it.second = over(others)
            it.first |= long.result()
            it.third = over(guests)
            yield it
        finally:
            for host in it.hosts.values():
                bed.remove(host)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in RARELY else ()) for name in GUESTS]
)
def test_guest(story: Story, authority: Authority, name: str) -> None:
    guest, host, first = GUESTS[name], story.hosts[name], story.first[name]
    if guest.says:
        assert first.rc, "the first run did not fail"
        for part in guest.says:
            meant = [part.replace("{source}", one) for one in sources(host)] if "{source}" in part else [part]
            assert any(one in first.message for one in meant), first.message
    else:
        assert not first.rc, first.message
    if guest.waited:
        assert guest.waited in first.result("Read the state of the host and plan the changes")["waited"][0]
    assert not story.written.get(name), "a run that says no before anything is touched has written something"
    for part in IMPATIENT.get(name, ()):
        assert part in story.impatient[name].message
    if name in story.second:
        assert not story.second[name].rc, story.second[name].message
    assert (story.third[name].rc, story.third[name].changed) == (0, 0), story.third[name].message
    version = docker(host, authority.folder / "client", "version", "-f", "{{.Server.Version}}").stdout.strip()
    assert version == story.third[name].facts["version"]
    assert "geheim" not in story.text
    if "mirror" in name:
        assert story.mirror.refused and story.mirror.served
    if name in story.started:
        assert len({*story.started[name], host.out(STARTED)}) == 1, "the container of others was restarted"


def test_create_hosts_waits_for_an_sshd_that_is_late(
    ansible: t.Any, store: pathlib.Path, new_host: t.Callable[..., Host]
) -> None:
    host = new_host(packages=ENGINE)
    fleet = {"id": "late", "roles": {"late": host.fleet_role()}}
    extra = {"machine_store": str(store), "machine_fleet": fleet, "docker_engine_source": "distro"}
    host.ssh(LATE)
    made = ansible.playbook("create_hosts", extra).ok()
    host.ssh("test -e /run/was-reset")
    assert made.result(action="machine_record", status="ok")["changed"]
    assert ansible.playbook("create_hosts", extra).ok().changed == 0
