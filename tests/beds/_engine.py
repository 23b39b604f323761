# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dockerd of the beds' own: beside any other, sharing nothing with it.

It has its own socket, data, run-time folder, pid file and bridge, writes no iptables rules but one for
masquerading (which goes with it), and is shared by all processes that use a bed at the same time: each
holds a shared lock, and the last one to leave stops it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import typing as t

from tests.beds._base import BedError, cache_folder, locked, run, run_folder, until

BRIDGE = "dockyard-beds"
NETWORK = "172.29.213.0/24"
GATEWAY = "172.29.213.1/24"
# Of its own: a bridge without one takes the lowest of its members', and when that host goes, the others' packets get lost
# until they have asked for the new address, which may take half a minute.
HARDWARE_ADDRESS = "02:42:ac:1d:d5:01"
_MASQUERADE = ("POSTROUTING", "-s", NETWORK, "!", "-o", BRIDGE, "-j", "MASQUERADE")
# What hosts need of this machine's kernel, at least; each watches files by some 8 instances. Put back at the end.
_SETTINGS = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 1024}
_FORWARD = (("FORWARD", "-i", BRIDGE, "-j", "ACCEPT"), ("FORWARD", "-o", BRIDGE, "-j", "ACCEPT"))


class Engine:
    """The beds' Engine, by its socket."""

    def __init__(self) -> None:
        self.folder = run_folder()
        self.socket = self.folder / "docker.sock"
        self.pid_file = self.folder / "docker.pid"
        self.log = self.folder / "docker.log"
        self._users: t.IO[str] | None = None

    def docker(self, *arguments: str, **more: t.Any) -> str:
        """One docker command's output."""
        return run("docker", "-H", f"unix://{self.socket}", *arguments, **more).stdout.strip()

    def answers(self) -> bool:
        return (
            self.socket.exists()
            and not run(
                "docker", "-H", f"unix://{self.socket}", "version", "-f", "{{.Server.Version}}", check=False, limit=20
            ).returncode
        )

    # -- sharing

    def enter(self) -> None:
        """Use the Engine: it is started if no process uses it yet."""
        if os.getuid() != 0:
            raise BedError("Container hosts need root: run the tests with sudo")
        for tool in ("dockerd", "docker", "ip", "iptables"):
            if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
                raise BedError(f"{tool} is missing: install the packages docker.io, iptables and iproute2")
        with locked(self.folder / "start.lock"):
            self._users = open(self.folder / "users.lock", "a", encoding="ascii")  # noqa: SIM115  # held until leave()
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not self.answers():
                self._start()

    def leave(self) -> None:
        """Stop using it; the last one stops it."""
        if self._users is None:
            return
        with locked(self.folder / "start.lock"):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                users, self._users = self._users, None
            with users:
                self.stop()

    # -- the daemon

    def _start(self) -> None:
        self.stop()
        self._network()
        data = cache_folder() / "engine"
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C in a test run must not take the daemon from another one.
            subprocess.Popen(
                [
                    *("dockerd", "--host", f"unix://{self.socket}", "--pidfile", str(self.pid_file)),
                    *("--data-root", str(data), "--exec-root", str(self.folder / "exec")),
                    *("--bridge", BRIDGE, "--iptables=false", "--ip-forward=false", "--userland-proxy=false"),
                    *("--config-file", str(self._empty_config())),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            until(self.answers, "The beds' Engine answers", limit=40)
        except BedError as error:
            tail = self.log.read_text(errors="replace").splitlines()[-15:]
            raise BedError(f"{error}. The end of its log:\n" + "\n".join(tail)) from None

    def _empty_config(self) -> pathlib.Path:
        path = self.folder / "daemon.json"
        path.write_text("{}\n")
        return path

    def pid(self) -> int | None:
        """The running daemon's, and only if that process really is ours."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            if str(self.pid_file).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None:
            if self.answers():
                running = self.docker("ps", "-aq").split()
                if running:
                    self.docker("rm", "-fv", *running)
            os.kill(pid, signal.SIGTERM)
            until(lambda: self.pid() is None, "The beds' Engine ends", limit=30)
        for left in self.folder.glob("known_hosts-*"):
            left.unlink()
        self._no_network()

    # -- its network

    def _network(self) -> None:
        run("ip", "link", "add", BRIDGE, "type", "bridge", check=False)
        run("ip", "link", "set", BRIDGE, "address", HARDWARE_ADDRESS)
        run("ip", "address", "replace", GATEWAY, "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for name, least in _SETTINGS.items():
            setting = pathlib.Path("/proc/sys") / name
            if int(setting.read_text()) < least:
                self._before(name).write_text(setting.read_text())
                setting.write_text(f"{least}\n")
        run("iptables", "-w", "-t", "nat", "-A", *_MASQUERADE)
        for rule in _FORWARD:
            run("iptables", "-w", "-I", *rule)

    def _no_network(self) -> None:
        for table, rule in (("nat", _MASQUERADE), *(("filter", rule) for rule in _FORWARD)):
            while not run("iptables", "-w", "-t", table, "-D", *rule, check=False).returncode:
                pass
        run("ip", "link", "delete", BRIDGE, check=False)
        for name in _SETTINGS:
            before = self._before(name)
            if before.exists():
                (pathlib.Path("/proc/sys") / name).write_text(before.read_text())
                before.unlink()

    def _before(self, name: str) -> pathlib.Path:
        """Where a setting's former value is kept."""
        return self.folder / name.replace("/", ".")


@contextlib.contextmanager
def engine() -> t.Iterator[Engine]:
    """The Engine, for the time of a with block."""
    it = Engine()
    it.enter()
    try:
        yield it
    finally:
        it.leave()
