# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an Engine's data is and whose user ids it uses: the role docker_engine on container hosts, by real runs."""

from __future__ import annotations

import pytest

from tests.beds import image
from tests.beds.engine import Player, engine_pid

# Waits for a copy to be under way and kills it: as a network that went, or an impatient person, would.
KILLER = "while [ ! -e {0}/.dockyard-moving/volumes/store/_data/file-1 ]; do :; done; pkill -9 -x python3"


@pytest.fixture(scope="module")
def play(tmp_path_factory, collections):
    return Player(tmp_path_factory.mktemp("play"), collections, {"docker_engine_access": "local"})


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "busybox.tar"
    image.build(path)
    return path


@pytest.fixture
def root_host(new_host, play):
    """A host with a second file system, and an Engine."""
    host = new_host()
    host.ssh("mkdir -p /srv/disk && mount -t tmpfs -o mode=755 tmpfs /srv/disk")
    play(host)
    return host


def load(host, archive, docker="docker"):
    with open(archive, "rb") as stream:
        content = stream.read()
    from tests.beds._base import run

    run(*host.ssh_command(), f"sudo {docker} load", input=content, text=False)


def fill(host):
    """Images with whiteouts and opaque folders; containers that run, with and without a restart policy; a volume."""
    change = "rm /bin/vi && rm -rf /www && mkdir /www && touch /www/new"
    host.ssh(f"docker run --name change {image.NAME} sh -c '{change}' && docker commit change changed")
    files = "i=0; while [ $i -lt 3000 ]; do echo $i > /data/file-$i; i=$((i+1)); done; ln /data/file-0 /data/linked"
    host.ssh(f"docker run --name filler -v store:/data {image.NAME} sh -c '{files}'")
    ended = "sh -c 'trap \"exit 0\" TERM; sleep 100000 & wait'"
    for more in (
        "--name web --restart unless-stopped -v store:/data",
        "--name once",
        "--name passing --rm -v own:/own",
    ):
        host.ssh(f"docker run -d {more} changed {ended}")


def running(host):
    return sorted(host.out("docker ps --format '{{.Names}}'").split())


def everything(host):
    """What must not be lost."""
    return {
        "images": sorted(host.out("docker images -aq --no-trunc").split()),
        "containers": sorted(
            name for name in host.out("docker ps -a --format '{{.Names}}'").split() if name != "passing"
        ),
        "volumes": sorted(host.out("docker volume ls -q").split()),
        "whiteouts": host.out("docker run --rm changed sh -c 'ls /www; test -e /bin/vi || echo no vi'").split(),
        "files": host.out(
            "docker exec web sh -c 'cat /data/file-2999; stat -c %h /data/file-0; ls /data | wc -l'"
        ).split(),
    }


def test_data_moves_with_its_root_or_stays_where_it_is(root_host, play, archive):
    host = root_host
    load(host, archive)
    fill(host)
    before, pid = everything(host), engine_pid(host)
    assert before["whiteouts"] == ["new", "no", "vi"] and before["files"] == ["2999", "2", "3001"]
    there = {"docker_engine_config": {"data-root": "/srv/disk/docker"}}

    # Not by accident, and not without being allowed to stop what runs
    assert "docker_engine_move_data" in play(host, ok=False, **there).message
    there["docker_engine_move_data"] = True
    assert "docker_engine_interrupt" in play(host, ok=False, **there).message
    there["docker_engine_interrupt"] = True
    host.ssh("mkdir /srv/disk/docker && touch /srv/disk/docker/other")
    assert "not an empty folder" in play(host, ok=False, **there).message
    host.ssh("rm -r /srv/disk/docker")
    assert engine_pid(host) == pid

    # Killed in the middle: the old data is whole, and nothing runs on it that could change it unnoticed
    host.ssh(f"systemd-run -q --unit=killer sh -c '{KILLER.format('/srv/disk/docker')}'")
    play(host, ok=False, **there)
    assert "data-root" not in host.out("cat /etc/docker/daemon.json")
    assert host.ssh("docker ps", check=False).returncode, "the Engine was started during the move"
    copied = int(host.out("ls /srv/disk/docker/.dockyard-moving/volumes/store/_data | wc -l"))
    assert 0 < copied < 3001, copied

    # An Engine that won't start with it gets its old data back, and what ran runs
    bad = {**there, "docker_engine_config": {**there["docker_engine_config"], "storage-driver": "no-such-driver"}}
    failed = play(host, ok=False, **bad)
    assert "no-such-driver" in failed.message and "The data is in /var/lib/docker" in failed.message
    assert everything(host) == before and running(host) == ["once", "web"]

    played = play(host, **there)
    assert host.out("docker info -f '{{.DockerRootDir}}'") == "/srv/disk/docker"
    assert everything(host) == before and running(host) == ["once", "web"]
    assert host.out("docker info -f '{{.LiveRestoreEnabled}}'") == "true"
    assert host.out("ls -A /var/lib/docker /srv/disk") == "/srv/disk:\ndocker\n\n/var/lib/docker:"
    assert host.out("ls /var/lib/dockyard") == "engine.json"
    host.ssh("docker restart -t 1 web")
    assert play(host, **there).changed == 0
    assert played.facts["action"]

    # On the same file system, by a rename
    inode = host.out("stat -c %i /srv/disk/docker/volumes/store/_data/file-1")
    there["docker_engine_config"] = {"data-root": "/srv/disk/deep/engine"}
    bad["docker_engine_config"] = {**there["docker_engine_config"], "storage-driver": "no-such-driver"}
    assert "The data is in /srv/disk/docker" in play(host, ok=False, **bad).message
    assert everything(host) == before and running(host) == ["once", "web"]
    play(host, **there)
    assert host.out("stat -c %i /srv/disk/deep/engine/volumes/store/_data/file-1") == inode
    assert everything(host) == before and running(host) == ["once", "web"]

    # And home again, where the option is taken out; the old data is kept if that is asked for
    home = {**there, "docker_engine_config": {}, "docker_engine_keep_data": True}
    play(host, **home)
    assert host.out("docker info -f '{{.DockerRootDir}}'") == "/var/lib/docker"
    assert everything(host) == before and running(host) == ["once", "web"]
    assert host.out("ls /srv/disk/deep/engine/volumes/store/_data | wc -l") == "3001"
    assert play(host, **home).changed == 0
