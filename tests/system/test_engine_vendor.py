# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages as the vendor's, from a signed repository: on a machine that boots, for an Engine without root, and in turn
with other sources."""

from __future__ import annotations

import pytest

from tests.beds import image
from tests.beds._base import until
from tests.beds.engine import Authority, Player, container_pid, docker, start_container
from tests.beds.hosts import own_suite
from tests.beds.repository import NEW, OLD
from tests.system.test_engine_isolation import ROOTLESS, USER, as_outside
from tests.system.test_engine_sources import ALL, installed, static

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def release(repository):
    return repository.add(own_suite())


def test_the_vendors_packages_on_a_machine_that_boots(ansible, store, inventory, use, baked_image, repository):
    """The image has the distribution's Engine, which waits for its configuration: the vendor's takes its place."""
    extra = {"machine_store": str(store), "machine_driver": "qemu", "machine_names": "web", **repository.options()}

    def create(version):
        return ansible.playbook("create_hosts", {**extra, "docker_engine_version": version}).ok()

    def out(command):
        run = ansible.module("ansible.builtin.shell", {"cmd": command}, host="web", inventory=inventory)
        return run.ok().value["stdout"]

    def packages():
        listed = out(
            "dpkg-query -W -f '${db:Status-Abbrev}${Package} ${source:Upstream-Version}\\n' 'docker*' 'containerd*'"
        )
        return dict(line[3:].split() for line in listed.splitlines() if line.startswith("ii "))

    made = create("27.3")
    assert made.results(task="Set the result")[-1]["ansible_facts"]["docker_engine_result"]["source"] == "docker_ce"
    assert packages() == {"docker-ce": OLD, "docker-ce-cli": OLD, "containerd.io": OLD}
    container = use("web")
    assert container["State"]["Running"]
    assert create("27.3").changed == 0

    # A newer one, under the container
    assert create("27.4").changed
    assert packages() == {"docker-ce": NEW, "docker-ce-cli": NEW, "containerd.io": OLD}
    after = use("web")["State"]
    assert (after["StartedAt"], after["Pid"]) == (container["State"]["StartedAt"], container["State"]["Pid"])
    assert create("27.4").changed == 0


def test_an_engine_without_root_of_the_vendor(new_host, collections, repository, tmp_path):
    """First the distribution's, then the vendor's, whose rootlesskit is in a package of its own that excludes the other."""
    host = as_outside(new_host())
    authority = Authority(tmp_path / "ca").make()
    client = authority.folder / "client"
    (tmp_path / "play").mkdir()
    play = Player(tmp_path / "play", collections, {**authority.variables(), **ROOTLESS})
    play(host)
    image.build(tmp_path / "busybox.tar")
    docker(host, client, "load", "-i", str(tmp_path / "busybox.tar"))
    ended = "trap 'exit 0' TERM; sleep 54321 & wait"
    docker(host, client, "run", "-d", "--name", "web", "--restart", "always", image.NAME, "sh", "-c", ended)

    vendor = {**repository.options(), "docker_engine_interrupt": True}
    assert play(host, **vendor).facts["source"] == "docker_ce"
    assert host.out(
        "dpkg -S $(readlink -f /usr/bin/rootlesskit) /usr/bin/dockerd-rootless.sh | cut -d: -f1 | uniq"
    ) == ("docker-ce-rootless-extras")
    assert "/usr/bin/dockerd-rootless.sh" in host.out("cat /etc/systemd/user/docker.service")
    assert host.out("pgrep -u root -x dockerd || true") == "" and host.out(f"pgrep -u {USER} -x dockerd")
    assert "rootless" in docker(host, client, "info", "-f", "{{.SecurityOptions}}").stdout
    until(lambda: docker(host, client, "ps", "--format", "{{.Names}}").stdout.strip() == "web", "the container is back")
    assert host.out("ps -o user= -p $(pgrep -x -f 'sleep 54321')") == USER
    assert play(host, **vendor).changed == 0


# Where each source has its program. The ways that are gone here are those that test_engine_sources does not go.
PROGRAMS = {
    "docker_ce": "/usr/bin/dockerd",
    "distro": "/usr/sbin/dockerd",
    "static": "/opt/dockyard/engine/current/dockerd",
}


def test_each_source_takes_the_place_of_each_other(new_host, play, repository, release, client, archive):
    """A container outlives a change of packages; one from or to an archive ends it, and the new Engine starts it again."""
    options = {
        "docker_ce": repository.options(),
        "distro": {"docker_engine_source": "distro"},
        "static": static(f"{repository.url}/{release.suite}.tgz", release.archive),
    }
    hosts = [new_host() for _number in range(2)]
    kept = {}

    def change(*sources, **more):
        """Of as many hosts as sources are named; what tells of each whether its container is the one of before."""
        asked = hosts[: len(sources)]
        each = {host.name: options[source] for host, source in zip(asked, sources, strict=True)}
        played = play(*asked, each=each, **more)
        for host, source in zip(asked, sources, strict=True):
            assert played.of(host).facts["source"] == source
            assert f"path={PROGRAMS[source]} " in host.out("systemctl show -P ExecStart docker.service")
            if host.name not in kept:
                kept[host.name] = start_container(host, client, archive, "--restart=always")
            until(
                lambda it=host: docker(it, client, "ps", "-q", "--no-trunc").stdout.strip() == kept[it.name], "it runs"
            )
        assert play(*asked, each=each).changed == 0
        return [container_pid(host, client, kept[host.name]) for host in asked]

    packages, _archive = change("docker_ce", "static")
    refused = play(hosts[1], ok=False, **options["docker_ce"])
    assert "the 1 containers that run would stop" in refused.message
    assert "docker_engine_interrupt" in refused.message
    wrong = {**options["distro"], "docker_engine_config": {"storage-driver": "no-such-driver"}}
    failed = play(hosts[0], ok=False, **wrong)
    assert "no-such-driver" in failed.message and "The former packages are back" in failed.message
    assert [container_pid(hosts[0], client, kept[hosts[0].name])] == [packages], (
        "the container did not outlive the failure"
    )
    assert change("distro", "docker_ce", docker_engine_interrupt=True)[0] == packages, "the container was restarted"
    for source in ("static", "distro"):
        change(source, docker_engine_interrupt=True)
    assert not installed(hosts[0], *ALL) and not hosts[0].out("ls -A /opt/dockyard/engine")
