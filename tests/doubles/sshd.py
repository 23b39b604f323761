# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH server in this process, for answers that a real sshd does not give. It runs no command."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import typing as t

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

CHANGE_PASSWORD = 60  # SSH_MSG_USERAUTH_PASSWD_CHANGEREQ


def _host_key() -> t.Any:
    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return paramiko.Ed25519Key.from_private_key(_file(text.decode()))


def _file(text: str) -> t.Any:
    import io

    return io.StringIO(text)


class Server:
    """Who may log in, and what was tried. The tests change the attributes."""

    def __init__(self) -> None:
        self.key = _host_key()
        self.password = "hunter2"
        self.methods = "publickey,password"
        self.more = ""  # methods that it asks for after the password
        self.questions: list[list[tuple[str, bool]]] = [[("Password: ", False)]]
        self.expired = False
        self.answer: bytes | None = None  # of the command that adds a key, in place of success
        self.tried: list[tuple[str, str]] = []  # method, secret
        self.keys: list[str] = []  # that are let in
        self.scripts: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def passwords(self) -> list[str]:
        return [secret for method, secret in self.tried if method != "publickey"]

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.key)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Session(self, transport))

    def close(self) -> None:
        self._socket.close()


class _Session(paramiko.ServerInterface):
    def __init__(self, server: Server, transport: t.Any) -> None:
        self.server = server
        self.transport = transport
        self.asked = 0

    def get_allowed_auths(self, username: str) -> str:
        return self.server.methods

    def check_auth_publickey(self, username: str, key: t.Any) -> int:
        known = f"{key.get_name()} {key.get_base64()}" in self.server.keys
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self.server.tried.append(("password", password))
        if self.server.expired:
            message = paramiko.Message()
            message.add_byte(bytes([CHANGE_PASSWORD]))
            message.add_string("expired")
            message.add_string("")
            self.transport._send_message(message)
        return self._judged(password)

    def _judged(self, password: str) -> int:
        if password != self.server.password or self.server.expired:
            return paramiko.AUTH_FAILED
        if self.server.more:
            self.server.methods = self.server.more
            return paramiko.AUTH_PARTIALLY_SUCCESSFUL
        return paramiko.AUTH_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> t.Any:
        return self._ask()

    def check_auth_interactive_response(self, responses: list[str]) -> t.Any:
        self.server.tried += [("keyboard-interactive", one) for one in responses]
        return self._ask() if self.asked < len(self.server.questions) else self._judged((responses or [""])[-1])

    def _ask(self) -> t.Any:
        self.asked += 1
        return paramiko.InteractiveQuery("", "", *self.server.questions[self.asked - 1])

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: t.Any, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def _run(self, channel: t.Any, command: bytes) -> None:
        with contextlib.suppress(OSError, EOFError):
            if command == b"sh":
                script = b""
                while data := channel.recv(4096):
                    script += data
                self.server.scripts.append(script.decode())
                if self.server.answer is None:
                    self.server.keys += re.findall(r"^key='(.*)'$", script.decode(), re.MULTILINE)
                    channel.sendall(b"dockyard: done\n")
                else:
                    channel.sendall(self.server.answer)
            channel.send_exit_status(0)
            channel.close()


@contextlib.contextmanager
def server() -> t.Iterator[Server]:
    it = Server()
    threading.Thread(target=it.run, daemon=True).start()
    try:
        yield it
    finally:
        it.close()
