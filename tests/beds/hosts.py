# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts to provision: containers with systemd, sshd, python3 and sudo, and no Engine.

A pytest plugin (``-p tests.beds.hosts``) with the fixtures ``bed`` (a session's) and ``new_host`` (makes hosts
that go at the test's end), and a command for the hand::

    python -m tests.beds.hosts up 2       # two hosts; prints an inventory; they stay until "down"
    python -m tests.beds.hosts down
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import shlex
import socket
import sys
import tarfile
import time
import typing as t

import pytest

from tests.beds._base import BedError, cache_folder, locked, run, run_folder, until
from tests.beds._engine import Engine

USER = "debian"
PACKAGES = (
    *("systemd-sysv", "dbus", "openssh-server", "python3", "python3-apt", "sudo", "iproute2", "iptables"),
    *("ca-certificates", "openssl", "procps", "curl"),
)
ENGINE = ("docker.io",)  # for hosts of tests that are not about installing: the role then takes half the time
# What makes a container boot slower or fails in one
MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer "
    "systemd-timesyncd.service systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service "
    "getty.target console-getty.service systemd-logind.service sys-kernel-debug.mount modprobe@.service "
    "systemd-resolved.service systemd-networkd.service dev-hugepages.mount dev-mqueue.mount"
)
CUSTOMIZE = "\n".join(
    (
        f'chroot "$1" useradd --create-home --shell /bin/bash {USER}',
        f'echo "{USER} ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/{USER}"',
        'rm -f "$1"/etc/ssh/ssh_host_*',
        'printf "UseDNS no\\nGSSAPIAuthentication no\\n" > "$1/etc/ssh/sshd_config.d/bed.conf"',
        f'for unit in {MASKED}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done',
        ': > "$1/etc/machine-id"',
    )
)
CAPABILITIES = [
    "AUDIT_CONTROL",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_TIME",
    "NET_ADMIN",
    "IPC_LOCK",
    "DAC_READ_SEARCH",
    "LINUX_IMMUTABLE",
    "SYSLOG",
    "LEASE",
]
# What puts further packages into the image. Nothing is started there.
INSTALL = """
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q -y install --no-install-recommends "$@"
apt-get clean
! test -e /usr/share/i18n/locales/de_DE || localedef -i de_DE -f UTF-8 de_DE.UTF-8
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d
"""
_OWNER = "dockyard.bed.owner"


@dataclasses.dataclass
class Host:
    """A running host and how to reach it."""

    name: str
    address: str
    key: pathlib.Path
    known_hosts: pathlib.Path
    host_key: str
    user: str = USER
    port: int = 22
    container: str = ""
    bed: Bed | None = None
    more: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # further host variables

    def ssh_command(self, *options: str) -> list[str]:
        return [
            *("ssh", "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", *options),
            *("-p", str(self.port), f"{self.user}@{self.address}"),
        ]

    def ssh(self, command: str, check: bool = True, limit: float = 120) -> t.Any:
        """A shell command as root, over SSH."""
        shell = command if self.user == "root" else "sudo sh -c " + shlex.quote(command)
        return run(*self.ssh_command(), shell, check=check, limit=limit)

    def out(self, command: str, limit: float = 120) -> str:
        return self.ssh(command, limit=limit).stdout.strip()

    def fleet_role(self, **more: t.Any) -> dict[str, t.Any]:
        """A role of a fleet that this host alone is in."""
        options = {"address": self.address}
        return {"driver": "generic", "options": options, "ssh_user": self.user, "ssh_key": str(self.key), **more}

    def variables(self) -> dict[str, t.Any]:
        """Host variables for Ansible."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_become": self.user != "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_extra_args": f"-o IdentitiesOnly=yes -o UserKnownHostsFile={self.known_hosts} "
            "-o StrictHostKeyChecking=yes",
            **self.more,
        }


class Bed:
    """Container hosts on the beds' own Engine."""

    def __init__(self, owner: str | None = None) -> None:
        self.engine = Engine()
        self.owner = owner or f"pid-{os.getpid()}-{time.time_ns()}"
        self.folder = run_folder()
        self._extra: list[str] | None = None

    def enter(self) -> Bed:
        self.engine.enter()
        return self

    def leave(self) -> None:
        try:
            self.remove_all()
        finally:
            self.engine.leave()

    # -- the image

    def image(self, packages: t.Sequence[str] = (), suite: str = "") -> str:
        """The image that hosts of a Debian release run (this machine's own if none is named), with further packages if
        there are any; made and cached at the first use."""
        base = self._base_image(suite or own_suite())
        if not packages:
            return base
        return self.image_from(base, INSTALL, *packages)

    def image_from(self, base: str, script: str, *words: str) -> str:
        """What a shell script with these arguments makes of an image; made and cached at the first use."""
        key = hashlib.sha256(json.dumps([base, script, *words]).encode()).hexdigest()[:12]
        tag = f"dockyard-bed:{key}"
        with locked(cache_folder() / f"image-{key}.lock"):
            if not self.engine.docker("images", "-q", tag):
                container = self.engine.docker("create", base, "sh", "-ec", script, "sh", *words)
                try:
                    self.engine.docker("start", "-a", container, limit=300)
                    self.engine.docker("commit", "-c", 'CMD ["/sbin/init"]', container, tag, limit=120)
                finally:
                    self.engine.docker("rm", "-f", container, check=False)
        return tag

    def _base_image(self, suite: str) -> str:
        recipe = json.dumps([PACKAGES, CUSTOMIZE, suite])
        key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        tag = f"dockyard-bed:{key}"
        with locked(cache_folder() / "rootfs.lock"):
            if self.engine.docker("images", "-q", tag):
                return tag
            archive = cache_folder() / f"rootfs-{key}.tar"
            if not archive.exists():
                partial = archive.with_suffix(f".{os.getpid()}.tar")
                try:
                    run(
                        *("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
                        *(f"--customize-hook={CUSTOMIZE}", suite, str(partial)),
                        limit=600,
                    )
                    os.replace(partial, archive)
                finally:
                    partial.unlink(missing_ok=True)
            self.engine.docker("import", "-c", 'CMD ["/sbin/init"]', str(archive), tag, limit=300)
        return tag

    def _privileges(self) -> list[str]:
        """What lets systemd and an Engine run in a container here: asked of the machine, not assumed."""
        if self._extra is None:
            image = self.image()
            probe = ["run", "--rm", "--network=none", image, "true"]
            if not run(
                "docker", "-H", f"unix://{self.engine.socket}", *_after(probe, "--privileged"), check=False
            ).returncode:
                self._extra = ["--privileged"]
            else:
                self._extra = [
                    *(f"--cap-add={capability}" for capability in CAPABILITIES),
                    *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
                    "--device-cgroup-rule=a *:* rwm",
                ]
            if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
                self._extra += ["--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"]
        return self._extra

    # -- hosts

    def host(
        self,
        user: str = USER,
        wait: bool = True,
        customize: t.Mapping[str, str] | None = None,
        packages: t.Sequence[str] = (),
        suite: str = "",
        image: str = "",
    ) -> Host:
        """A new host. ``customize`` puts files in place before it boots, ``packages`` are there beside the usual ones.

        It runs the usual image, unless another is named.
        """
        name = f"bed-{os.urandom(4).hex()}"
        key, public = self._key_pair("id")
        host_private, host_public = _new_key_pair()
        container = self.engine.docker(
            *("create", "--name", name, "--hostname", name, "--label", f"{_OWNER}={self.owner}"),
            *("--stop-signal=SIGRTMIN+3", "--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker"),
            *("--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"),  # newer releases boot without cgroup v2 only so
            *(*self._privileges(), image or self.image(packages, suite)),
        )
        files = {
            "etc/ssh/ssh_host_ed25519_key": (host_private, 0o600, 0),
            "root/.ssh/authorized_keys": (public, 0o600, 0),
            f"home/{USER}/.ssh/authorized_keys": (public, 0o600, 1000),
        }
        for path, content in (customize or {}).items():
            files[path.lstrip("/")] = (content, 0o755 if content.startswith("#!") else 0o644, 0)
        self.engine.docker("cp", "-a", "-", f"{container}:/", input=_archive(files), text=False)
        self.engine.docker("start", container)
        known_hosts = self.folder / f"known_hosts-{name}"
        host = Host(name, "", key, known_hosts, host_public, user=user, container=container, bed=self)
        self._find(host)
        if wait:
            self.wait(host)
        return host

    def start(self, host: Host) -> None:
        """Start a host again that went down. It may have another address."""
        self.engine.docker("start", host.container)
        self._find(host)
        self.wait(host)

    def _find(self, host: Host) -> None:
        host.address = self.engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", host.container)
        host.known_hosts.write_text(f"{host.address} {host.host_key}\n")

    def wait(self, host: Host) -> None:
        """Until SSH lets us in."""
        until(lambda: _greets(host.address, host.port), f"sshd of {host.name}", limit=180, pause=0.05)
        until(lambda: not run(*host.ssh_command(), "true", check=False).returncode, f"login on {host.name}", limit=30)

    def _key_pair(self, name: str) -> tuple[pathlib.Path, str]:
        path = self.folder / name
        with locked(self.folder / f"{name}.lock"):
            if not path.with_suffix(".pub").exists():
                private, public = _new_key_pair()
                path.touch(mode=0o600)
                path.write_text(private)
                path.with_suffix(".pub").write_text(public + "\n")
        return path, path.with_suffix(".pub").read_text()

    def remove(self, host: Host) -> None:
        self.engine.docker("rm", "-fv", host.container, check=False)
        host.known_hosts.unlink(missing_ok=True)

    def remove_all(self) -> None:
        listed = self.engine.docker("ps", "-a", "--filter", f"label={_OWNER}={self.owner}", "--format", "{{.Names}}")
        for name in listed.split():
            self.engine.docker("rm", "-fv", name, check=False)
            (self.folder / f"known_hosts-{name}").unlink(missing_ok=True)


def own_suite() -> str:
    """The Debian release of this machine."""
    words = dict(
        line.strip().split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return words.get("VERSION_CODENAME", "").strip('"') or "stable"


def _after(command: list[str], option: str) -> list[str]:
    return [command[0], option, *command[1:]]


def _archive(files: t.Mapping[str, tuple[str, int, int]]) -> bytes:
    content = io.BytesIO()
    folders: set[str] = set()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, (text, mode, owner) in files.items():
            folder = os.path.dirname(path)
            if folder.endswith(".ssh") and folder not in folders:
                folders.add(folder)
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, owner, owner
                archive.addfile(entry)
            data = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.uid, entry.gid, entry.mtime = len(data), mode, owner, owner, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def _new_key_pair() -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def _greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1) as stream:
            return stream.recv(4) == b"SSH-"
    except OSError:
        return False


# -- pytest


@pytest.fixture(scope="session")
def bed() -> t.Iterator[Bed]:
    """Container hosts; what a session made goes at its end."""
    it = Bed().enter()
    try:
        yield it
    finally:
        it.leave()


@pytest.fixture()
def new_host(bed: Bed) -> t.Iterator[t.Callable[..., Host]]:
    """Makes hosts that go at the test's end."""
    made: list[Host] = []

    def make(**options: t.Any) -> Host:
        made.append(bed.host(**options))
        return made[-1]

    yield make
    for host in made:
        bed.remove(host)


# -- by hand


def main(arguments: list[str]) -> int:
    if arguments[:1] not in (["up"], ["down"]):
        print(__doc__, file=sys.stderr)
        return 2
    it = Bed(owner="hand").enter()
    if arguments[0] == "down":
        it.leave()
        return 0
    hosts = [it.host() for _number in range(int((arguments + ["1"])[1]))]
    print(json.dumps({"all": {"hosts": {host.name: host.variables() for host in hosts}}}, indent=2))
    # The lock goes with this process, and the Engine stays: the next one to leave stops it.
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BedError as error:
        sys.exit(str(error))
