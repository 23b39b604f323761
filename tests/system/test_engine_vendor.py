# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages as the vendor's, from a signed repository: on a machine that boots, and for an Engine without root."""

from __future__ import annotations

import pytest

from tests.beds import image
from tests.beds import repository as repositories
from tests.beds._base import until
from tests.beds.engine import Authority, Player, docker
from tests.beds.hosts import own_suite
from tests.beds.repository import NEW, OLD
from tests.system.test_engine_isolation import ROOTLESS, USER, as_outside

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def repository(bed):
    with repositories.serving(bed) as it:
        it.add(own_suite())
        yield it


def test_the_vendors_packages_on_a_machine_that_boots(ansible, store, inventory, use, baked_image, repository):
    """The image has the distribution's Engine, which waits for its configuration: the vendor's takes its place."""
    extra = {"machine_store": str(store), "machine_driver": "qemu", "machine_names": "web", **repository.options()}

    def create(version):
        return ansible.playbook("create_hosts", {**extra, "docker_engine_version": version}).ok()

    def packages():
        command = (
            "dpkg-query -W -f '${db:Status-Abbrev}${Package} ${source:Upstream-Version}\\n' 'docker*' 'containerd*'"
        )
        ran = ansible.module("ansible.builtin.shell", {"cmd": command}, host="web", inventory=inventory).ok()
        return dict(line[3:].split() for line in ran.value["stdout"].splitlines() if line.startswith("ii "))

    made = create("27.3")
    assert made.result(task="Note the result")["ansible_facts"]["docker_engine_result"]["source"] == "docker_ce"
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
