# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, pinned host keys, and reaching a host.

By OpenSSH's own programs, as Ansible does it: so the user's configuration, agent and jump hosts work here
as they do in the plays that follow.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
import typing as t

from . import _pin, _process
from ._clock import Clock
from ._durable import place
from ._errors import BadOption, MachineError
from ._pin import private_key
from ._record import Record

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
            place(temporary + suffix, path + suffix)
    return read_public_key(path)


def read_public_key(private: str) -> str:
    """The public half of a private key, "type base64": from its .pub file, or made from the key."""
    try:
        with open(f"{private}.pub", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        text = _run(["ssh-keygen", "-y", "-P", "", "-f", private])
    return " ".join(text.split()[:2])


def fingerprint(key: str) -> str:
    """Of a public key, as ssh and ssh-keygen show it."""
    kind, data = key.split()[:2]
    digest = hashlib.sha256(base64.b64decode(data)).digest()
    return f"{kind} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


@functools.cache
def public_half(private: str) -> str:
    """As read_public_key(). Empty if that can't be read: the key has a passphrase and no .pub file, or is not there."""
    try:
        return read_public_key(private) if os.path.isfile(private) else ""
    except (MachineError, OSError, UnicodeError):
        return ""


def means(ssh: dict[str, t.Any], private: str) -> bool:
    """Whether a record means this key of the user's. A shared store knows it by its public half, wherever it is."""
    return private == ssh.get("key") or ("given" in ssh and public_half(private) == ssh["given"])


def as_shared(ssh: dict[str, t.Any]) -> dict[str, t.Any]:
    """For a shared store: a user's key is known by its public half, since its path differs from node to node."""
    return {**ssh, "given": public_half(ssh["key"]) or ssh.get("given", "")} if ssh.get("key") else ssh


def check_user_key(path: str) -> None:
    """The option ssh_key: the user's own private key."""
    if not os.path.isfile(path):
        raise BadOption("ssh_key", f"{path!r} is not a file", "Give the path of a private key, or leave the option out")


class Host:
    """A machine as SSH reaches it."""

    def __init__(self, record: Record, observed: dict[str, t.Any], folder: str, estate: t.Sequence[str] = ()) -> None:
        """``estate``: the arguments for ssh that the estate's settings give to Ansible, such as a jump host."""
        self.record = record
        self.folder = folder
        self.estate = estate
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
                file.write(_pin.known_hosts(self.record))
            policy = "yes" if self.record.ssh["host_keys"] else "accept-new"
            pin = [*_pin.file_option(known), *_pin.options(self.record, policy), *_newer_options()]
            result = self._ssh(pin, command, limit)
            with open(known, encoding="utf-8") as file:
                keys = [" ".join(line.split()[1:3]) for line in file if line.strip()]
            if result.returncode != 0:
                error = self._explain(result.stderr, result.returncode)
                if isinstance(error, Refused):
                    error.host_keys = keys
                raise error
            if not keys:
                raise MachineError(
                    f"ssh logged in to {self.record.name} ({self.address} port {self.port}) and recorded no host key",
                    code="host_key",
                    remedy="Give the host's public key (host_key)",
                )
            return result.stdout, keys

    def is_direct(self) -> bool:
        """Whether ssh connects to the host itself, as far as it says: not by a jump host, nor by a command."""
        return not self.settings().keys() & {"proxyjump", "proxycommand"}

    def settings(self) -> dict[str, str]:
        """ssh's settings for this host, from its configuration and the arguments, by their names in lower case."""
        line = [_program("ssh"), "-G", *self._arguments(), *self._target()]
        return dict(one.split(" ", 1) for one in _process.run(line, 10).stdout.splitlines() if " " in one)

    def proxy(self) -> list[str] | None:
        """The command that ssh would run to reach the host; None if it connects to it directly."""
        settings = self.settings()
        target = settings.get("hostname") or self.address
        if settings.get("proxyjump"):
            rest, _comma, last = settings["proxyjump"].rpartition(",")
            user, _at, place = last.removeprefix("ssh://").rpartition("@")
            port = re.fullmatch(r"(\[.*\]|[^:]*):([0-9]+)", place)
            words = self._arguments()
            files = [
                after if word == "-F" else word[2:]
                for word, after in zip(words, [*words[1:], ""], strict=True)
                if word.startswith("-F")
            ]
            line = [
                _program("ssh"),
                "-o",
                "BatchMode=yes",
                "-o",
                "ControlPath=none",
                *(f"-F{file}" for file in files[:1]),
            ]
            line += ["-J", rest] if rest else []
            line += ["-p", port[2]] if port else []
            line += ["-l", user] if user else []
            return [*line, "-W", f"[{target}]:{self.port}", (port[1] if port else place).strip("[]")]
        if not settings.get("proxycommand"):
            return None
        user = self.record.ssh.get("user") or "root"
        values = {"%": "%", "h": target, "n": self.address, "p": str(self.port), "r": user}
        command = re.sub("%([%hnpr])", lambda found: values[found[1]], settings["proxycommand"])
        return ["/bin/sh", "-c", f"exec {command}"]

    def _target(self) -> list[str]:
        return ["-p", str(self.port), "-l", self.record.ssh.get("user") or "root", self.address]

    def _arguments(self) -> list[str]:
        return [*_pin.machine_arguments(self.record), *self.estate]

    def boot_id(self) -> str:
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    def reboot(self) -> None:
        """Ask for a reboot; the connection may break before an answer comes."""
        sudo = "" if (self.record.ssh.get("user") or "root") == "root" else "sudo -n "
        with contextlib.suppress(Unreachable):
            self.run(f"{sudo}systemctl reboot || {sudo}reboot")

    def _ssh(self, pin: list[str], command: str, limit: float) -> _process.Result[str]:
        # What is ours alone comes first, since ssh takes an option's first value; then what the user and the estate say.
        line = [_program("ssh"), *pin, "-o", "ControlPath=none", "-o", "BatchMode=yes", *self._arguments()]
        line += ["-o", f"ConnectTimeout={CONNECT_TIMEOUT}"]
        key = private_key(self.record, self.folder)
        if key:
            line += ["-i", key]
        line += [*self._target(), command]
        try:
            # In a session of its own: else the ssh of a jump host asks at the terminal for its unknown key.
            return _process.run(line, limit, env={**os.environ, "LC_ALL": "C"}, start_new_session=True)
        except _process.TimeoutExpired:
            return _process.Result(line, TRANSPORT_FAILED, "", f"no answer within {limit:g} s")

    def _explain(self, stderr: str, status: int) -> MachineError:
        where = f"{self.record.ssh.get('user')}@{self.address} port {self.port}"
        lines = [line for line in stderr.strip().splitlines() if not line.startswith("Warning: Permanently added")]
        said = lines[-1] if lines else f"exit status {status}"
        if status != TRANSPORT_FAILED:
            return MachineError(f"A command failed on {where}: {said}", code="remote_command")
        if "Host key verification failed" in stderr and self.record.id not in stderr:
            # Of the machine's own key ssh speaks by its alias.
            words = [line.strip() for line in lines if line.strip(" @\r")]
            return MachineError(
                f"The host key of a jump host on the way to {where} is not known, or not the known one: {' '.join(words)}",
                code="jump_host_key",
                remedy=f"The record of {self.record.name} is not the cause. Put the jump host's key into the known_hosts "
                "of the user who runs Ansible, after a look at it",
            )
        if "Host key verification failed" in stderr:
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
    clock = Clock()
    deadline = clock.monotonic() + limit
    # The greeting first, by short looks: a forwarded port accepts long before the machine behind it answers.
    if host.is_direct():
        clock.until(lambda: _greets(host.address, host.port), limit, 0.2, 0.2)
    for _left in clock.poll(max(deadline - clock.monotonic(), 0), 1, 1):
        try:
            host.log_in()
            return
        except MachineError as error:
            again = patient if isinstance(error, Refused) else isinstance(error, Unreachable)
            if not again or clock.monotonic() >= deadline:
                raise


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

    host_keys: t.Sequence[str] = ()  # that ssh has accepted before


@functools.lru_cache(maxsize=1)
def _newer_options() -> list[str]:
    """Those options of the pin that this controller's ssh knows."""
    known = []
    for option in _pin.NEWER:
        if _process.run([_program("ssh"), "-G", "-F", "/dev/null", "-o", option, "x"], 10).returncode == 0:
            known += ["-o", option]
    return known


def _program(name: str) -> str:
    path = shutil.which(os.environ.get(f"ANSIBLE_{name.upper()}_EXECUTABLE") or name)
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
