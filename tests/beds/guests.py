# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that misbehave: how each comes to it, what a run must say or do, and how the cause goes again."""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import threading
import time
import typing as t
import urllib.parse

from tests.beds import image
from tests.beds._base import locked, run, until
from tests.beds._engine import GATEWAY
from tests.beds.hosts import ENGINE, Host

CONTAINER = "keep"

# Whether a module waits: it is a Python that reads its program from a pipe, and that sleeps.
WAITS = {
    "/usr/local/bin/module-waits": """#!/bin/sh
for folder in /proc/[0-9]*; do
    test "$(tr '\\0' ' ' < $folder/cmdline)" = "/usr/bin/python3 " && grep -q nanosleep $folder/wchan && exit 0
done 2> /dev/null
exit 1
"""
}
# Holds a file's lock as dpkg and apt do, for so many seconds.
# With {since} it counts from when a module waits for it.
HOLD = """
cat > /root/hold.py <<'END'
import fcntl, subprocess, sys, time
with open("/var/lib/dpkg/lock-frontend", "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    open("/run/held", "w").close()
    while sys.argv[2:] and subprocess.call(["module-waits"]):
        time.sleep(0.1)
    time.sleep(float(sys.argv[1]))
END
systemd-run --quiet python3 /root/hold.py {seconds} {since}
while ! test -e /run/held; do :; done
"""
# The port is closed first, as before sshd starts, and then connections are reset, as by a host that is overloaded.
LATE = """
cat > /root/late.py <<'END'
import socket, struct, subprocess, time
subprocess.run(["systemctl", "stop", "ssh.service"], check=True)
time.sleep(5)
with socket.create_server(("", 22)) as server:
    server.settimeout(60)
    end = float("inf")
    while time.monotonic() < end:
        try:
            stream, dummy = server.accept()
        except TimeoutError:
            break
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
        open("/run/was-reset", "w").close()
        end = min(end, time.monotonic() + 6)
        server.settimeout(1)
subprocess.run(["systemctl", "start", "ssh.service"], check=True)
END
systemd-run --quiet python3 /root/late.py
while systemctl --quiet is-active ssh.service; do :; done
"""
# dpkg tells it what it does; in the middle, the host goes down as by a power cut. Once.
CRASH = {
    "/etc/dpkg/dpkg.cfg.d/crash": "status-logger=/usr/local/bin/crash\n",
    "/usr/local/bin/crash": """#!/bin/sh
while read -r line; do
    case $line in
        "status: docker.io:"*" unpacked "*|"status: docker.io: unpacked"*)
            test -e /root/crashed && continue
            touch /root/crashed
            exec systemctl reboot --force --force ;;
    esac
done
""",
}
CLOUD_INIT = {
    "/etc/cloud/cloud.cfg.d/99-bed.cfg": "datasource_list: [NoCloud]\nnetwork: {config: disabled}\n",
    "/var/lib/cloud/seed/nocloud/meta-data": "instance-id: bed\n",
    "/var/lib/cloud/seed/nocloud/user-data": """#cloud-config
ssh_deletekeys: false
preserve_hostname: true
users: []
apt: {preserve_sources_list: true}
runcmd:
  - until test -e /run/go-on && module-waits; do sleep 0.2; done
  - sleep 4
""",
}
GERMAN = {
    "/etc/cloud/cloud-init.disabled": "",
    "/etc/environment": "LANG=de_DE.UTF-8\nLC_ALL=de_DE.UTF-8\nLANGUAGE=de\n",
}
NO_PYTHON = """
SUDO_FORCE_REMOVE=yes dpkg --purge --force-all \
    $(dpkg-query -W -f '${Package} ' 'python3*' 'libpython3*' sudo) > /dev/null 2>&1
! command -v python3
"""
# An Engine that no package knows, as from an archive.
UNPACKED = """
systemctl stop docker.service docker.socket containerd.service
mkdir /root/kept && cd /root/kept
cp -a /usr/sbin/dockerd /usr/bin/docker /usr/bin/docker-* /usr/bin/containerd* /usr/sbin/runc /usr/bin/tini* . 2> /dev/null
cp -a /lib/systemd/system/docker.service /lib/systemd/system/docker.socket /lib/systemd/system/containerd.service .
dpkg --purge --force-all docker.io containerd runc > /dev/null 2>&1
groupadd -f docker
mv *.service *.socket /etc/systemd/system/
mv * /usr/local/bin/
sed -i 's#/usr/s*bin/\\(dockerd\\|containerd\\)#/usr/local/bin/\\1#' /etc/systemd/system/docker.service
sed -i 's#/usr/bin/containerd#/usr/local/bin/containerd#' /etc/systemd/system/containerd.service
systemctl daemon-reload
systemctl enable --quiet --now containerd.service docker.socket docker.service
"""
ADOPTED = "test -e /root/image.tar && docker load -q -i /root/image.tar && docker run -d --name keep %s sleep 100000"
READ_ONLY = "mount --rbind /etc /etc && mount -o remount,ro,bind /etc"
NO_IPTABLES = """
systemctl stop docker.service docker.socket
dpkg --purge --force-all iptables > /dev/null 2>&1
systemctl start docker.service || systemctl reset-failed docker.service
"""


@dataclasses.dataclass(frozen=True)
class Guest:
    """One way to misbehave."""

    make: str = ""  # shell, as root, once the host is up
    at_last: str = ""  # the same, just before the first run
    files: t.Mapping[str, str] = dataclasses.field(default_factory=dict)  # that are there when it boots
    packages: tuple[str, ...] = ()  # of its image
    variables: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)  # Ansible's, of the host
    says: tuple[str, ...] = ()  # what the first run fails with, {source}: a name that the host gets packages from;
    # without it, the first run converges
    touched: bool = True  # whether the run that fails may have written anything
    waited: str = ""  # what the first run waited for
    left: str = ""  # shell, as root, that succeeds if the first run has left the host as it should
    mend: str = ""  # shell, as root: the cause goes
    mended: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)  # variables that are other ones then


GUESTS: dict[str, Guest] = {
    "lock held for 5 s": Guest(
        files=WAITS,
        at_last=HOLD.format(seconds=5, since="module"),
        waited="/var/lib/dpkg/lock-frontend is held by process",
    ),
    "lock held for 120 s": Guest(
        make=HOLD.format(seconds=120, since=""), waited="/var/lib/dpkg/lock-frontend is held by process"
    ),
    "cloud-init runs": Guest(
        packages=("cloud-init", "locales"),
        files={**CLOUD_INIT, **WAITS},
        at_last="touch /run/go-on",
        waited="cloud-init is in its stage",
    ),
    "sshd late and resetting": Guest(packages=ENGINE, at_last=LATE, left="test -e /run/was-reset"),
    "reboot while packages are installed": Guest(
        files=CRASH, says=("ssh",), left="test -e /root/crashed && dpkg --audit | grep -q docker.io"
    ),
    "no DNS": Guest(
        make=f"echo nameserver {GATEWAY.partition('/')[0]} > /etc/resolv.conf",
        variables={"docker_engine_wait_timeout": 4},
        says=("can't resolve the name {source}", f"name servers are {GATEWAY.partition('/')[0]}", "Tried "),
        mend="cp /root/resolv.conf.before /etc/resolv.conf",
    ),
    "mirror without files for a while": Guest(
        files={"/etc/apt/apt.conf.d/90mirror": 'Acquire::http::Proxy "http://{mirror}";\n'},
        make="ip route delete default",  # nor is there a way around it
    ),
    "disk full, seen before": Guest(
        make="mount -t tmpfs -o size=30m tmpfs /var/cache/apt/archives",
        says=("/var/cache/apt/archives on this host has 30 MiB (31457280 bytes) free", "Free some space"),
        touched=False,
        mend="umount /var/cache/apt/archives",
    ),
    "disk full in the middle": Guest(
        make="cp -a /usr/sbin /usr/sbin.kept && mount -t tmpfs -o size=16m tmpfs /usr/sbin && cp -a /usr/sbin.kept/. /usr/sbin",
        says=("A file system of this host is full", "Free some space", "/usr/sbin/dockerd"),
        mend="mount -o remount,size=1g /usr/sbin",
    ),
    "bad option of others": Guest(
        packages=ENGINE,
        files={"/etc/docker/daemon.json": '{"no-such-option": 1}'},
        says=("don't match any configuration option: no-such-option", "The files are as they were before"),
        mend="echo '{\"debug\": false}' > /etc/docker/daemon.json",
    ),
    "bad option of ours": Guest(
        variables={"docker_engine_config": {"storage-driver": "no-such-driver"}},
        says=("no-such-driver", "The files are as they were before, and the Engine is not started"),
        left="! test -e /etc/docker/daemon.json",
        mended={"docker_engine_config": {}},
    ),
    "no Python and no sudo": Guest(make=NO_PYTHON, variables={"ansible_user": "root", "ansible_become": False}),
    "no sudo": Guest(
        packages=ENGINE,
        make="SUDO_FORCE_REMOVE=yes dpkg --purge sudo > /dev/null 2>&1",
        says=("There is no sudo on this host. Log in as root",),
        touched=False,
        mended={"ansible_user": "root", "ansible_become": False},
    ),
    "sudo with a password": Guest(
        packages=ENGINE,
        make="echo debian:geheim | chpasswd && echo 'debian ALL=(ALL) ALL' > /etc/sudoers.d/debian",
        says=("debian can't become root on this host", "ansible_become_password"),
        touched=False,
        mended={"ansible_become_password": "geheim"},
    ),
    "in German": Guest(
        packages=("cloud-init", "locales"),
        files=GERMAN,
        make="su debian -c 'sudo apt-get nonsense' 2>&1 | grep -q Ungültig",
        variables={"docker_engine_version": "20.10"},  # for which it has to be read what versions there are
    ),
    "Engine of others, with a container": Guest(
        packages=ENGINE,
        files={"/etc/docker/daemon.json": '{"max-download-attempts": 7}'},
        make=ADOPTED % image.NAME,
        variables={"docker_engine_source": "auto"},
    ),
    "unpacked Engine, with a container": Guest(
        packages=ENGINE, make=UNPACKED + ADOPTED % image.NAME, variables={"docker_engine_source": "present"}
    ),
    "no iptables": Guest(packages=ENGINE, make=NO_IPTABLES),
    "no iptables, and nothing may be installed": Guest(
        packages=ENGINE,
        make=NO_IPTABLES,
        variables={"docker_engine_source": "present"},
        says=("iptables is missing on this host", "Install it"),
        touched=False,
        mend="apt-get -q update && apt-get -q -y install --no-install-recommends iptables",
    ),
    "/etc read-only": Guest(
        packages=ENGINE,
        make=READ_ONLY,
        says=("/etc is mounted read-only on this host", "/etc/docker has to be written"),
        touched=False,
        mend="umount -l -R /etc",
    ),
}


class Mirror:
    """A proxy to the real mirror, which says 404 for a while from the first question on."""

    def __init__(self, seconds: float) -> None:
        self.refused = self.served = 0
        self.address = ""
        self._seconds, self._since = seconds, 0.0
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror._answer(self)

            def log_message(self, *arguments: t.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((GATEWAY.partition("/")[0], 0), Handler)

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self._since = self._since or time.monotonic()
        if time.monotonic() < self._since + self._seconds:
            self.refused += 1
            handler.send_error(404)
            return
        self.served += 1
        url = urllib.parse.urlsplit(handler.path)
        connection = http.client.HTTPConnection(str(url.hostname), url.port or 80, timeout=60)
        headers = {name: value for name, value in handler.headers.items() if name.startswith(("If-", "Range", "Host"))}
        connection.request("GET", url.path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        handler.send_response(answer.status)
        for name in ("Last-Modified", "Content-Type", "Content-Range"):
            if answer.headers[name]:
                handler.send_header(name, answer.headers[name])
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def __enter__(self) -> Mirror:
        self.address = "{}:{}".format(*self._server.server_address[:2])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def image_archive(bed: t.Any) -> str:
    """The container image's archive, for hosts that run a container before a client reaches them over TLS."""
    path = bed.folder / "busybox.tar"
    with locked(bed.folder / "busybox.lock"):
        if not path.exists():
            image.build(path)
    return str(path)


def sources(host: Host) -> list[str]:
    """The names that a host gets its packages from: whatever this machine's own sources are, the beds have them."""
    uris = host.out("apt-get indextargets --format '$(REPO_URI)'").split()
    return sorted({str(urllib.parse.urlsplit(uri).hostname) for uri in uris})


def made(bed: t.Any, guest: Guest, mirror: Mirror) -> Host:
    """A host for a guest, which does not misbehave yet."""
    files = {path: text.replace("{mirror}", mirror.address) for path, text in guest.files.items()}
    host: Host = bed.host(user="root", customize=files, packages=guest.packages)
    host.more = {
        "ansible_user": "debian",
        "ansible_become": True,
        "docker_engine_source": "distro",
        **guest.variables,
    }
    if "image.tar" in guest.make:
        with open(image_archive(bed), "rb") as archive:
            run(*host.ssh_command(), "cat > /root/image.tar", stdin=archive, text=False)
    if guest.packages == ENGINE and "no-such-option" not in str(guest.files):
        until(
            lambda: host.out("systemctl is-active docker.service || :") == "active",
            f"the Engine of {host.name}",
            limit=90,
        )
    return host
