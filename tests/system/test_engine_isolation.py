# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an Engine's data is and whose user ids it uses: the role docker_engine on container hosts, by real runs."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from tests.beds import image
from tests.beds._base import run, until
from tests.beds.engine import Player, docker, engine_pid

# Waits for a copy to be under way and kills it: as a network that went, or an impatient person, would.
KILLER = "while [ ! -e {0}/.dockyard-moving/volumes/store/_data/file-1 ]; do :; done; pkill -9 -x python3"


# A user namespace may only mount what its parent sees whole, and of a container host's /proc and /sys parts are covered.
UNCOVER = (
    'mount -o remount,rw /sys; for point in $(awk \'$5 ~ "^/(proc|sys)/." && $5 !~ "^/sys/fs/cgroup" {print $5}\' '
    "/proc/self/mountinfo | sort -r); do umount -l $point; done"
)


@pytest.fixture(scope="module")
def play(tmp_path_factory, collections):
    return Player(tmp_path_factory.mktemp("play"), collections, {"docker_engine_access": "local"})


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "busybox.tar"
    image.build(path)
    return path


@pytest.fixture(scope="module")
def root_host(bed, play):
    """A host with a second file system, what looks like NVIDIA's toolkit, and an Engine."""
    host = bed.host(
        customize={"/usr/local/bin/nvidia-container-runtime": '#!/bin/sh\necho as nvidia >&2\nexec runc "$@"\n'}
    )
    host.ssh(UNCOVER)
    host.ssh("mkdir -p /srv/disk && mount -t tmpfs -o mode=755 tmpfs /srv/disk")
    play(host)
    yield host
    bed.remove(host)


def load(host, archive):
    with open(archive, "rb") as stream:
        content = stream.read()
    run(*host.ssh_command(), "sudo docker load", input=content, text=False)


def fill(host):
    """Images with whiteouts and opaque folders; containers that run, with and without a restart policy; a volume."""
    for name, change in (
        ("before", "mkdir /there && touch /there/old"),
        ("change", "rm /bin/vi && rm -rf /there && mkdir /there && touch /there/new"),
    ):
        source = image.NAME if name == "before" else "before:local"
        host.ssh(f"docker run --name {name} {source} sh -c '{change}' && docker commit {name} {name}:local")
    files = "i=0; while [ $i -lt 3000 ]; do echo $i > /data/file-$i; i=$((i+1)); done; ln /data/file-0 /data/linked"
    host.ssh(f"docker run --name filler -v store:/data {image.NAME} sh -c '{files}'")
    ended = "sh -c 'trap \"exit 0\" TERM; sleep 100000 & wait'"
    for more in (
        "--name web --restart unless-stopped -v store:/data",
        "--name once",
        "--name passing --rm -v own:/own",
    ):
        host.ssh(f"docker run -d {more} change:local {ended}")


def running(host):
    return sorted(host.out("docker ps --format '{{.Names}}'").split())


# How many opaque folders and whiteouts the layers have, wherever they are
LAYERS = """
import os, stat, subprocess
root = subprocess.check_output(["docker", "info", "-f", "{{.DockerRootDir}}"], text=True).strip()
opaque = white = 0
for name in os.listdir(root + "/overlay2"):
    for base, folders, files in os.walk(root + "/overlay2/" + name + "/diff"):
        opaque += "trusted.overlay.opaque" in os.listxattr(base)
        about = [os.lstat(os.path.join(base, file)) for file in files]
        white += sum(stat.S_ISCHR(status.st_mode) and status.st_rdev == 0 for status in about)
print(opaque, white)
"""


def everything(host):
    """What must not be lost."""
    return {
        "images": sorted(host.out("docker images -aq --no-trunc").split()),
        "containers": sorted(
            name for name in host.out("docker ps -a --format '{{.Names}}'").split() if name != "passing"
        ),
        "volumes": sorted(host.out("docker volume ls -q").split()),
        "whiteouts": host.out("docker run --rm change:local sh -c 'ls /there; test -e /bin/vi || echo no vi'").split(),
        "layers": host.out(f"python3 -c '{LAYERS}'").split(),
        "files": host.out(
            "docker exec web sh -c 'cat /data/file-2999; stat -c %h /data/file-0; ls /data | wc -l'"
        ).split(),
    }


def test_users_are_remapped_and_what_that_hides_is_said(root_host, play, archive):
    host = root_host
    play(host, docker_engine_userns_remap="default")
    ids = host.out("grep -h ^dockremap: /etc/subuid /etc/subgid | cut -d: -f2").split()
    assert ids[0] == ids[1] and host.out("grep -c . /etc/subuid") == "2"
    assert play(host, docker_engine_userns_remap="default").changed == 0
    remapped = f"/var/lib/docker/{ids[0]}.{ids[1]}"
    assert host.out("docker info -f '{{.DockerRootDir}}'") == remapped
    load(host, archive)
    assert host.out(f"docker run --rm {image.NAME} cat /proc/self/uid_map").split() == ["0", ids[0], "65536"]

    # Not a card, but the way to it: the program that is entered as runtime is used
    assert host.out(f"docker run --rm --runtime nvidia {image.NAME} echo used") == "used"

    host.ssh(f"docker run -d --name web --restart always {image.NAME} sleep 100000")
    refused = play(host, ok=False)
    assert "1 images, 1 containers" in refused.message and "docker_engine_interrupt" in refused.message
    assert running(host) == ["web"]
    play(host, docker_engine_interrupt=True, docker_engine_gpu="none")
    assert host.out("docker info -f '{{.DockerRootDir}}'") == "/var/lib/docker"
    assert not host.out("docker images -q") and not host.out("pgrep -x sleep || true"), "it runs, and nobody knows"
    assert "runtimes" not in host.out("cat /etc/docker/daemon.json")
    assert host.out(f"ls {remapped}/containers | wc -l") == "1"


def test_data_moves_with_its_root_or_stays_where_it_is(root_host, play, archive):
    host = root_host
    load(host, archive)
    fill(host)
    before, pid = everything(host), engine_pid(host)
    assert before["whiteouts"] == ["new", "no", "vi"] and min(map(int, before["layers"])) > 0
    assert before["files"] == ["2999", "2", "3001"]
    there = {"docker_engine_config": {"data-root": "/srv/disk/docker"}}

    # Not by accident
    assert "docker_engine_move_data" in play(host, ok=False, **there).message
    there.update(docker_engine_move_data=True, docker_engine_interrupt=True)
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

    play(host, **there)
    assert host.out("docker info -f '{{.DockerRootDir}}'") == "/srv/disk/docker"
    assert everything(host) == before and running(host) == ["once", "web"]
    assert host.out("docker info -f '{{.LiveRestoreEnabled}}'") == "true"
    assert host.out("ls -A /var/lib/docker /srv/disk") == "/srv/disk:\ndocker\n\n/var/lib/docker:"
    assert host.out("ls /var/lib/dockyard") == "engine.json"
    host.ssh("docker restart -t 1 web")

    # On the same file system, by a rename, and to a place behind a link
    host.ssh("ln -s disk /srv/link")
    inode = host.out("stat -c %i /srv/disk/docker/volumes/store/_data/file-1")
    del there["docker_engine_config"]
    there["docker_engine_data_root"] = "/srv/link/deep/engine/"
    bad = {**there, "docker_engine_config": {"storage-driver": "no-such-driver"}}
    assert "The data is in /srv/disk/docker" in play(host, ok=False, **bad).message
    assert everything(host) == before and running(host) == ["once", "web"]
    play(host, **there)
    assert host.out("stat -c %i /srv/disk/deep/engine/volumes/store/_data/file-1") == inode
    assert everything(host) == before and running(host) == ["once", "web"]

    # And home again, where the option is taken out; the old data is kept if that is asked for
    home = {**there, "docker_engine_data_root": "", "docker_engine_keep_data": True}
    play(host, **home)
    assert host.out("docker info -f '{{.DockerRootDir}}'") == "/var/lib/docker"
    assert everything(host) == before and running(host) == ["once", "web"]
    assert host.out("ls /srv/disk/deep/engine/volumes/store/_data | wc -l") == "3001"
    assert play(host, **home).changed == 0


# -- devices by CDI

# A device of nobody's, and a variable that says which
CDI = {
    "cdiVersion": "0.5.0",
    "kind": "example.org/device",
    "devices": [
        {
            "name": "zero",
            "containerEdits": {
                "env": ["WHICH=zero"],
                "deviceNodes": [
                    {"path": "/dev/dockyard0", "hostPath": "/dev/null", "type": "c", "major": 1, "minor": 3}
                ],
            },
        }
    ],
}


@pytest.mark.long
def test_a_device_by_cdi(new_host, play, archive):
    """On Debian 13, whose own Engine has CDI and does not look for it unless it is told to."""
    host = new_host(suite="trixie", customize={"/etc/cdi/example.json": json.dumps(CDI)})
    play(host)
    load(host, archive)
    # Its Engine insists on settings of the network that a container in a container may not make
    run = f"docker run --rm --network=none --device example.org/device=zero {image.NAME} sh -c"
    look = "echo $WHICH; stat -c %F /dev/dockyard0; echo gone > /dev/dockyard0; cat /dev/dockyard0"
    assert "cdi" in host.ssh(f"{run} '{look}'", check=False).stderr
    play(host, docker_engine_gpu="cdi")
    assert host.out(f"{run} '{look}'").split("\n") == ["zero", "character special file"]
    assert play(host, docker_engine_gpu="cdi").changed == 0
    play(host)
    assert "cdi" in host.ssh(f"{run} '{look}'", check=False).stderr
    assert "features" not in host.out("cat /etc/docker/daemon.json")


# -- an Engine without root

USER = "dockyard"
ROOTLESS = {"docker_engine_rootless_user": USER, "docker_engine_access": "tls"}


OUTSIDE = """[Unit]
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; . /usr/local/lib/uncover'

[Install]
WantedBy=sysinit.target
"""


def as_outside(host):
    """Makes a host as they are outside of containers, at each boot: with logind, and the device for tunnels."""
    host.ssh(
        f"cat > /usr/local/lib/uncover <<'END'\n{UNCOVER}\nEND\n"
        f"cat > /etc/systemd/system/outside.service <<'END'\n{OUTSIDE}END\n"
        "systemctl unmask systemd-logind && systemctl enable --quiet --now outside.service"
    )
    return host


@pytest.fixture
def user_host(new_host):
    return as_outside(new_host())


def over_ssh(host, tmp_path, *arguments):
    """The client's own way over SSH, as that user."""
    program = tmp_path / "ssh"
    options = " ".join(host.ssh_command()[1:-3])
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    return run("docker", "-H", f"ssh://{USER}@{host.address}", *arguments, env=environment, check=False)


def test_an_engine_without_root(bed, user_host, play, authority, archive, tmp_path):
    host, client = user_host, authority.folder / "client"
    options = {**authority.variables(), **ROOTLESS}
    first = play(host, **options)
    assert first.facts["version"] and first.facts["certificate_not_after"]
    assert play(host, **options).changed == 0
    assert host.out("ss -ltnH 'sport = :2376'").split()[3] == "*:2376", "on IPv6, too"

    # Nothing of it is root's but the files that say how it runs
    assert host.out("pgrep -u root -x dockerd || true") == "" and host.out(f"pgrep -u {USER} -x dockerd")
    assert host.out("systemctl is-enabled docker.service docker.socket || true").split() == ["disabled", "disabled"]
    assert host.out("stat -c '%a %U' /etc/docker/tls /etc/docker/tls/key.pem").split("\n") == [
        "750 root",
        f"400 {USER}",
    ]
    assert "rootless" in docker(host, client, "info", "-f", "{{.SecurityOptions}}").stdout
    assert docker(host, authority.client("stranger", *reversed(_tls.new_ca("elsewhere"))), "ps", check=False).returncode

    docker(host, client, "load", "-i", str(archive))
    ended = "trap 'exit 0' TERM; sleep 54321 & wait"
    docker(host, client, "run", "-d", "--name", "web", "--restart", "always", image.NAME, "sh", "-c", ended)
    assert host.out("ps -o user= -p $(pgrep -x -f 'sleep 54321')") == USER, "root in the container is the user"

    # An Engine that does not start gets its configuration back; its containers end with it, and come again
    bad = {**options, "docker_engine_config": {"storage-driver": "no-such-driver"}}
    assert "docker_engine_interrupt" in play(host, ok=False, **bad).message
    failed = play(host, ok=False, docker_engine_interrupt=True, **bad)
    assert "no-such-driver" in failed.message and "former configuration is back" in failed.message
    until(lambda: docker(host, client, "ps", "--format", "{{.Names}}").stdout.strip() == "web", "the container is back")

    # By SSH, who logs in as that user; after a boot, without anybody having logged in
    play(host, **{**options, "docker_engine_access": "ssh", "docker_engine_interrupt": True})
    assert docker(host, client, "ps", check=False).returncode
    host.ssh(f"mkdir -p ~{USER}/.ssh && cp ~debian/.ssh/authorized_keys ~{USER}/.ssh/ && chown -R {USER}: ~{USER}/.ssh")
    bed.engine.docker("stop", host.container)
    bed.start(host)
    until(lambda: host.out(f"pgrep -u {USER} -x dockerd || true"), "the Engine runs after the boot", limit=60)
    assert USER not in host.out("loginctl list-sessions --no-legend")
    until(lambda: over_ssh(host, tmp_path, "ps", "--format", "{{.Names}}").stdout.strip() == "web", "it answers by SSH")

    # And root's again: the host has one Engine, which is the user's still where root's does not start
    root = {**authority.variables(), "docker_engine_access": "tls", "docker_engine_interrupt": True}
    bad = {"docker_engine_config": {"storage-driver": "no-such-driver"}}
    failed = play(host, ok=False, **{**root, **bad})
    assert "no-such-driver" in failed.message and f"The Engine of the user {USER} runs again" in failed.message
    until(lambda: over_ssh(host, tmp_path, "ps", "--format", "{{.Names}}").stdout.strip() == "web", "it is back")
    play(host, **root)
    assert not host.out(f"pgrep -u {USER} -x dockerd || true") and host.out("pgrep -u root -x dockerd")
    assert docker(host, client, "ps", "-aq").stdout == ""
    assert play(host, **root).changed == 0

    # The other way it is the same
    failed = play(host, ok=False, **{**root, **ROOTLESS, **bad})
    assert "no-such-driver" in failed.message and "system-wide Engine runs again" in failed.message
    assert not host.out(f"pgrep -u {USER} -x dockerd || true") and docker(host, client, "ps").returncode == 0
    assert host.out("stat -c '%a %U' /etc/docker/tls /etc/docker/tls/key.pem").split("\n") == ["700 root", "400 root"]
    assert play(host, **root).changed == 0
