# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One login by password, which adds the machine's key to the user's authorized_keys.

OpenSSH's client takes a password only from a terminal, so this one login is made by paramiko. The password is in memory
only, and is sent to a host whose key ssh has accepted just before.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
import socket
import sys
import time
import typing as t

from ansible.module_utils.basic import missing_required_lib

from . import _process, _ssh
from ._errors import MachineError

CONNECT_TIMEOUT = float(_ssh.CONNECT_TIMEOUT)
ANSWER_TIMEOUT = 60.0  # seconds for the authentication, which servers delay, and for the command
LONGEST = 20_000  # bytes of the command's output
DONE = "dockyard: done"
EXPIRED = re.compile(
    r"\b(new|change|current|expired)\b.{0,60}\bpassword\b|\bpassword\b.{0,60}\b(expired|change)\b", re.I | re.S
)
# Runs as the user, whatever the login shell is. It follows a link only if the user or root has made it.
SCRIPT = """set -eu
umask 077
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
key={key}
comment={comment}
die() {{ echo "dockyard: $1"; exit 1; }}
user=$(id -un)
home=$(getent passwd "$user" 2>/dev/null | cut -d: -f6) || home=
[ -n "$home" ] || home=$(awk -F: -v user="$user" '$1 == user {{ print $6; exit }}' /etc/passwd)
[ -n "$home" ] && [ -d "$home" ] || die "$user has no home folder"
trusted() {{
  owner=$(stat $1 -c %u "$2") || die "can't read the owner of $2"
  [ "$owner" = "$(id -u)" ] || [ "$owner" = 0 ] || die "$2 belongs to another user"
}}
check() {{
  [ ! -L "$1" ] || trusted "" "$1"
  [ -e "$1" ] || die "$1 is a link to nothing"
  trusted -L "$1"
  [ ! -O "$1" ] || chmod go-w "$1"
}}
trusted -L "$home"
folder=$home/.ssh file=$home/.ssh/authorized_keys
[ -e "$folder" ] || [ -L "$folder" ] || mkdir "$folder" || die "can't create $folder"
check "$folder"
[ -e "$file" ] || [ -L "$file" ] || (set -C; : > "$file") || die "can't create $file"
check "$file"
[ -f "$file" ] || die "$file is not a file"
if ! grep -v '^[[:space:]]*#' "$file" | grep -qF -- "$key"; then
  end=
  [ -z "$(tail -c 1 "$file")" ] || end='
'
  printf '%s%s %s\\n' "$end" "$key" "$comment" >> "$file"
fi
! command -v restorecon >/dev/null 2>&1 || restorecon "$folder" "$file" || true
sync "$file" 2>/dev/null || sync
echo '{done}'
"""


class PasswordLogin:
    """The password of one machine in one run: used at most once."""

    def __init__(
        self,
        ask: t.Callable[[], str | None],
        save: t.Callable[[], None],
        at_once: bool = False,
    ) -> None:
        """``save`` keeps the record, with the key's place. ``at_once``: no key works before this login."""
        self._ask = ask
        self.save = save
        self.at_once = at_once
        self.user = ""  # for whom the key was or would be added

    def would_install(self, host: _ssh.Host) -> None:
        _need_paramiko()
        self.user = _user(host)

    def install(
        self,
        host: _ssh.Host,
        public_key: str,
        host_keys: list[str],
        accepted: t.Callable[[], None],
        before: t.Callable[[], None] = lambda: None,
    ) -> bool:
        """Add the key. False if there is no password yet, or it was used already.

        ``before`` is called when the host has shown its key, ``accepted`` when it has accepted the password.
        """
        password = None if self.user else self._ask()
        if not password:
            return False
        paramiko = _need_paramiko()
        where = _where(host)
        with _transport(paramiko, host, where, host_keys) as transport:
            self.user = _user(host)
            before()
            try:
                _authenticate(paramiko, transport, where, self.user, password)
            except MachineError as error:  # it may quote the host
                error.message = error.message.replace(password, "********")
                raise
            accepted()
            try:
                _add_key(transport, public_key, host.record.name)
            except _CommandError as error:
                said = _printable(error.args[0].replace(password, "********"))
                raise _explain_command(where, host.record.name, said) from None
            except Exception as error:
                raise _explain_command(where, host.record.name, type(error).__name__) from None
        return True


def _user(host: _ssh.Host) -> str:
    return host.record.ssh.get("user") or "root"


def _need_paramiko() -> t.Any:
    try:
        import paramiko
    except ImportError as error:
        raise MachineError(
            missing_required_lib("paramiko", reason="to log in with ssh_password"),
            code="missing_library",
            remedy=f"Install it for the Python that runs Ansible: {sys.executable} -m pip install paramiko",
        ) from error
    log = logging.getLogger("paramiko")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return paramiko


@contextlib.contextmanager
def _transport(paramiko: t.Any, host: _ssh.Host, where: str, host_keys: list[str]) -> t.Iterator[t.Any]:
    """A connection to a host that has proved to have one of these keys."""
    with _connected(host, where) as connection:
        transport = paramiko.Transport(connection)
        try:
            transport.banner_timeout = transport.auth_timeout = ANSWER_TIMEOUT
            _expect(transport, host_keys)
            try:
                transport.start_client(timeout=ANSWER_TIMEOUT)
                shown = transport.get_remote_server_key()
            except paramiko.ssh_exception.IncompatiblePeer as error:
                raise _other_key(host, where, f"it does not offer a key of that type: {_printable(error)}") from error
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise _ssh.Unreachable(
                    f"{where} can't be reached with ssh_password: {_printable(error)}",
                    code="unreachable",
                    remedy="Check address, port and network",
                ) from error
            if f"{shown.get_name()} {shown.get_base64()}" not in host_keys:
                raise _other_key(host, where, "it shows another one")
            yield transport
        finally:
            transport.close()


def _expect(transport: t.Any, host_keys: list[str]) -> None:
    """Negotiate a host key of the types that are known: a host has several."""
    types = []
    for key in host_keys:
        kind = key.split()[0]
        types += ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    options = transport.get_security_options()
    known = [kind for kind in options.key_types if kind in types]
    if known:  # else the comparison fails
        options.key_types = known


@contextlib.contextmanager
def _connected(host: _ssh.Host, where: str) -> t.Iterator[socket.socket]:
    """A socket that leads to the host by the way that ssh takes: directly, by a jump host or a command."""
    command = host.proxy()
    if command is None:
        address = host.settings().get("hostname") or host.address
        try:
            connection = socket.create_connection((address, host.port), CONNECT_TIMEOUT)
        except OSError as error:
            raise _ssh.Unreachable(
                f"{where} can't be reached: {error}", code="unreachable", remedy="Check address, port and network"
            ) from error
        with connection:
            yield connection
        return
    mine, others = socket.socketpair()
    with mine:
        with others:  # what the command says of a failure, ssh has said just before
            process = _process.start(
                command,
                stdin=others.fileno(),
                stdout=others.fileno(),
                stderr=_process.DEVNULL,
                start_new_session=True,
            )
        try:
            yield mine
        finally:
            mine.close()
            process.kill()
            process.wait()


def _authenticate(paramiko: t.Any, transport: t.Any, where: str, user: str, password: str) -> None:
    """By password, or by a single question for it. Nothing else is tried, and each at most once."""
    asked: list[str] = []

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        if not prompts:
            return []
        if asked or len(prompts) > 1 or prompts[0][1] or EXPIRED.search(f"{title} {instructions} {prompts[0][0]}"):
            asked.append(" ".join([title, instructions, *(prompt for prompt, _echo in prompts)]))
            raise paramiko.SSHException("asks for more than a password")
        asked.append("")
        return [password]

    method = "none"
    try:
        try:
            transport.auth_none(user)
            return
        except paramiko.BadAuthenticationType as error:
            allowed = error.allowed_types
        method = next((one for one in ("password", "keyboard-interactive") if one in allowed), "")
        if not method:
            raise MachineError(
                f"{where} does not allow logins by password, but by {', '.join(map(_printable, allowed)) or 'nothing'}",
                code="no_password_login",
                remedy="Give ssh_key, a private key whose public half is in the user's authorized_keys there; or allow "
                "PasswordAuthentication in the host's sshd_config for this one login",
            )
        if method == "password":
            more = transport.auth_password(user, password, fallback=False)
        else:
            more = transport.auth_interactive(user, answer)
    except paramiko.AuthenticationException as error:
        if isinstance(error, paramiko.ssh_exception.PartialAuthentication):
            more = error.allowed_types
        else:
            raise _explain_refusal(where, asked, _printable(error)) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        if method == "password" and "info request" in str(error):  # the same number as a request for another password
            raise _expired(where) from None
        raise _explain_refusal(where, asked, _printable(error)) from None
    if more:
        raise _more_than_a_password(where, ", ".join(map(_printable, more)))


def _explain_refusal(where: str, asked: list[str], said: str) -> MachineError:
    question = asked[-1] if asked else ""
    if question and EXPIRED.search(question):
        return _expired(where)
    if question:
        return _more_than_a_password(where, _printable(question))
    if "Authentication failed" not in said or "transport shut down" in said or "imeout" in said:
        return MachineError(
            f"{where} broke off the login with ssh_password: {said}",
            code="ssh_password",
            remedy="Nothing was changed there. See the log of its sshd: it may refuse this address for a while. Run again",
        )
    return MachineError(
        f"{where} refuses ssh_password. It was tried once",
        code="ssh_password",
        remedy="Nothing was changed there. Check ssh_user and ssh_password, whether the account is locked, and whether the "
        "host's sshd accepts passwords for this user (for root: PermitRootLogin yes). Or give ssh_key",
    )


def _expired(where: str) -> MachineError:
    return MachineError(
        f"The password at {where} has expired: the host demands another one before it allows anything",
        code="password_expired",
        remedy="Log in once by hand, set another password, and give that as ssh_password. Nothing was changed there",
    )


def _more_than_a_password(where: str, what: str) -> MachineError:
    return MachineError(
        f"{where} asks for more than a password ({what})",
        code="no_password_login",
        remedy="Nothing was changed there. Give ssh_key, a private key whose public half is in the user's authorized_keys there",
    )


class _CommandError(Exception):
    pass


def _add_key(transport: t.Any, public_key: str, name: str) -> None:
    """One session with one command: a shell that reads the script, since login shells differ."""
    comment = shlex.quote(f"dockyard.machine {name}")
    script = SCRIPT.format(key=shlex.quote(public_key), comment=comment, done=DONE)
    deadline = time.monotonic() + ANSWER_TIMEOUT
    channel = transport.open_session(timeout=CONNECT_TIMEOUT)
    channel.set_combine_stderr(True)
    channel.settimeout(ANSWER_TIMEOUT)
    channel.exec_command("sh")
    with contextlib.suppress(OSError):  # who runs another command does not read it
        channel.sendall(script.encode())
        channel.shutdown_write()
    output = b""
    while len(output) < LONGEST and time.monotonic() < deadline:
        data = channel.recv(4096)
        if not data:
            break
        output += data
    text = output.decode(errors="replace")
    if DONE not in text.splitlines():
        raise _CommandError(text)


def _explain_command(where: str, name: str, said: str) -> MachineError:
    if EXPIRED.search(said):
        return _expired(where)
    lines = [line.strip() for line in said.split("\n") if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith("dockyard: ")]  # ends before the key is added
    why = "; ".join([*ours[-1:], *[line for line in lines if not line.startswith("dockyard: ")][-1:]])
    return MachineError(
        f"{where} accepted ssh_password, and the key could not be added to authorized_keys: {why or 'no answer'}",
        code="authorized_keys",
        left_behind=[] if ours else [f"maybe the key of {name} in authorized_keys of {where}"],
        remedy="Correct that on the host and run again, or give ssh_key",
    )


def _where(host: _ssh.Host) -> str:
    return f"{_user(host)}@{host.address} port {host.port}"


def added_key(host: _ssh.Host) -> str:
    """What the login has left behind, for people."""
    return f"the key of {host.record.name} in authorized_keys of {_where(host)}"


def key_refused(host: _ssh.Host) -> MachineError:
    where = _where(host)
    return MachineError(
        f"{where} refuses the login with the key that was just added to its authorized_keys",
        code="ssh_login",
        left_behind=[added_key(host)],
        remedy="Check in the host's sshd_config that it accepts keys (PubkeyAuthentication) and reads that file "
        "(AuthorizedKeysFile), and that nobody but the user can write to the home folder. Then run again",
    )


def _other_key(host: _ssh.Host, where: str, why: str) -> MachineError:
    return MachineError(
        f"The host key of {where} is not the one that is pinned for {host.record.name}: {why}. The password was not sent",
        code="host_key_changed",
        remedy="Find out why. If the host was reinstalled on purpose, remove the machine's record "
        "(state: absent) and create it again",
    )


def _printable(text: t.Any) -> str:
    """What a host has said, at most a few lines."""
    return "".join(one for one in str(text)[-1000:] if one.isprintable() or one == "\n").strip()


__all__ = ["PasswordLogin", "added_key", "key_refused"]
