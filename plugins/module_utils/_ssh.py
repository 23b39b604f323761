# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, pinned host keys, and reaching a host.

By OpenSSH's own programs, as Ansible does it: so the user's configuration, agent and jump hosts work here
as they do in the plays that follow.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import tempfile
import time
import typing as t

from . import _process
from ._durable import sync, write_file
from ._errors import BadOption, MachineError
from ._record import Record, known_hosts, private_key, ssh_arguments

CONNECT_TIMEOUT = 10  # seconds for one try
TRANSPORT_FAILED = 255  # ssh's own exit status: no session


def make_key(path: str, comment: str) -> str:
    """A new Ed25519 pair at ``path`` and ``path``.pub, unless it is there already; returns the public key."""
    if not (os.path.exists(path) and os.path.exists(f"{path}.pub")):
        # Made under another name: a key that exists is a whole one.
        temporary = f"{path}.new"
        for name in (temporary, f"{temporary}.pub"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", temporary])
        for suffix in (".pub", ""):
            os.chmod(temporary + suffix, 0o600)
            sync(temporary + suffix)
            os.rename(temporary + suffix, path + suffix)
        sync(os.path.dirname(path))
    return read_public_key(path)


def read_public_key(private: str) -> str:
    """The public half of a private key, "type base64": from its .pub file, or made from the key."""
    try:
        with open(f"{private}.pub", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        text = _run(["ssh-keygen", "-y", "-P", "", "-f", private])
    return " ".join(text.split()[:2])


def check_user_key(path: str) -> None:
    """The option ssh_key: the user's own private key."""
    if not os.path.isfile(path):
        raise BadOption("ssh_key", path, "is no file", "Give the path of a private key, or leave the option out")


def write_known_hosts(record: Record, folder: str) -> None:
    """The file is derived: whatever happens to it, the record says what it holds."""
    path, text = os.path.join(folder, "known_hosts"), known_hosts(record)
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
        if file.read() == text:
            return
    write_file(path, text)


class Host:
    """A machine as SSH reaches it."""

    def __init__(self, record: Record, observed: dict[str, t.Any], folder: str) -> None:
        self.record = record
        self.folder = folder
        if not observed.get("address"):
            raise MachineError(f"{record.name} has no address yet", code="no_address", remedy="Run again")
        self.address = observed["address"]
        self.port = observed.get("ssh_port") or 22

    def run(self, command: str, limit: float = 60) -> str:
        """Run a command as the machine's user, the host's key being the pinned one. Returns its output."""
        return self._session(command, limit)[0]

    def log_in(self) -> list[str]:
        """Log in, and return the host's keys: the pinned ones, or at a first contact those that it shows."""
        return self._session("true", 60)[1]

    def _session(self, command: str, limit: float) -> tuple[str, list[str]]:
        # In a file of its own: the machine's folder may not exist yet, and a check must not make it.
        with tempfile.TemporaryDirectory(prefix="dockyard-") as scratch:
            known = os.path.join(scratch, "known_hosts")
            with open(known, "w", encoding="utf-8") as file:
                file.write(known_hosts(self.record))
            policy = "yes" if self.record.ssh["host_keys"] else "accept-new"
            learning = {"UserKnownHostsFile": known, "StrictHostKeyChecking": policy}
            result = self._ssh(ssh_arguments(self.record, self.folder, **learning), command, limit)
            if result.returncode != 0:
                raise self._explain(result.stderr, result.returncode)
            with open(known, encoding="utf-8") as file:
                return result.stdout, [" ".join(line.split()[1:3]) for line in file if line.strip()]

    def boot_id(self) -> str:
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    def reboot(self) -> None:
        """Ask for a reboot; the connection may break before an answer comes."""
        sudo = "" if (self.record.ssh.get("user") or "root") == "root" else "sudo -n "
        with contextlib.suppress(Unreachable):
            self.run(f"{sudo}systemctl reboot || {sudo}reboot")

    def _ssh(self, arguments: list[str], command: str, limit: float) -> _process.Result[str]:
        line = [_program("ssh"), *arguments, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT}"]
        line += ["-o", "ControlPath=none", "-o", "UpdateHostKeys=no", "-o", "GlobalKnownHostsFile=/dev/null"]
        key = private_key(self.record, self.folder)
        if key:
            line += ["-i", key]
        line += ["-p", str(self.port), "-l", self.record.ssh.get("user") or "root", self.address, command]
        try:
            return _process.run(line, limit, env={**os.environ, "LC_ALL": "C"})
        except _process.TimeoutExpired:
            return _process.Result(line, TRANSPORT_FAILED, "", f"no answer within {limit:g} s")

    def _explain(self, stderr: str, status: int) -> MachineError:
        where = f"{self.record.ssh.get('user')}@{self.address} port {self.port}"
        lines = [line for line in stderr.strip().splitlines() if not line.startswith("Warning: Permanently added")]
        said = lines[-1] if lines else f"exit status {status}"
        if status != TRANSPORT_FAILED:
            return MachineError(f"A command failed on {where}: {said}", code="remote_command")
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in stderr or "Host key verification failed" in stderr:
            return MachineError(
                f"The host key of {where} is not the one that is pinned for {self.record.name}",
                code="host_key_changed",
                remedy="Find out why. If the host was reinstalled on purpose, remove the machine's record "
                "(state: absent) and create it again",
            )
        if "Permission denied" in stderr:
            key = private_key(self.record, self.folder) or "the agent's and default keys"
            return Refused(
                f"{where} refuses the login with {key}",
                code="ssh_login",
                remedy="Check ssh_user and ssh_key, and that the public key is in the user's authorized_keys",
            )
        return Unreachable(
            f"{where} can't be reached: {said}", code="unreachable", remedy="Check address, port and network"
        )


def wait_until_up(host: Host, limit: float, patient: bool) -> None:
    """Until the SSH server greets and lets us in. ``patient``: the user may still be in the making (cloud-init)."""
    deadline = time.monotonic() + limit
    # The greeting first, by short looks: a forwarded port accepts long before the machine behind it answers.
    while not host.record.ssh.get("args") and time.monotonic() < deadline and not _greets(host.address, host.port):
        time.sleep(0.2)
    while True:
        try:
            host.log_in()
            return
        except MachineError as error:
            again = patient if isinstance(error, Refused) else isinstance(error, Unreachable)
            if not again or time.monotonic() >= deadline:
                raise
        time.sleep(1)


def _greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


class Unreachable(MachineError):
    """Nobody answered, or not for long enough."""


class Refused(Unreachable):
    """The login was refused; a host that is still booting may let us in later."""


def _program(name: str) -> str:
    path = shutil.which(name)
    if not path:
        raise MachineError(
            f"There is no {name} on this controller", code="missing_program", remedy="Install OpenSSH's client"
        )
    return path


def _run(command: list[str]) -> str:
    result = _process.run([_program(command[0]), *command[1:]])
    if result.returncode != 0:
        if os.strerror(errno.ENOSPC) in result.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), command[-1])
        raise MachineError(f"{command[0]} failed: {result.stderr.strip() or result.returncode}", code="ssh_key")
    return result.stdout
