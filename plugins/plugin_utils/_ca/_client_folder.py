# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that Docker clients take as DOCKER_CERT_PATH: the CA, the certificate, and the key unless somebody else has it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import stat
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._durable import make_folder, write_files
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority

CA, CERT, KEY = FILES = ("ca.pem", "cert.pem", "key.pem")
FOLDER_MODE, FILE_MODE = 0o700, 0o600
MOMENT = datetime.timedelta(seconds=2)  # certificates know whole seconds


class ClientFolder:
    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, name: str) -> str:
        """A file's text; none, if there is no such file."""
        with self._explained():
            try:
                with open(self._file(name), encoding="utf-8", errors="replace") as stream:
                    return stream.read()
            except FileNotFoundError:
                return ""

    def key(self) -> str:
        """The key that is there; an error, if it can't be used, since it would be lost."""
        text = self.read(KEY)
        if "PRIVATE KEY-----" not in text:
            return ""
        try:
            _tls.public_key_sha256(text)
        except _tls.TlsError as error:
            raise MachineError(
                f"{self._file(KEY)} can't be used: {error}",
                code="folder",
                remedy="Give another folder as output. Or give new_key, which writes a new one over it",
            ) from error
        return text

    def why_renew(self, request: _authority.Request, authority: _authority.Authority) -> str | None:
        """Why the certificate that is there won't do, or None."""
        text, key = self.read(CERT), request.public_key or self.key()
        if not text:
            return "there is none"
        if not key:
            return "its key is not there"
        try:
            look = _tls.inspect(text)
            if look["public_key_sha256"] != _tls.public_key_sha256(key):
                return "it is for another key"
            wanted = _tls.distinguished_name(request.subject).rfc4514_string()
            # Who signs elsewhere may write more into a subject
            same = look["common_name"] == request.subject["CN"] if authority.command else look["subject"] == wanted
            if not same:
                return f"it is for {look['subject']}"
            return (
                authority.why_not_ours(text)
                or _tls.needs_renewal(text, life=request.life)
                or self._why_not_so_long(text, request, authority)
            )
        except _tls.TlsError as error:
            return f"the one there can't be read ({error})"

    @staticmethod
    def _why_not_so_long(text: str, request: _authority.Request, authority: _authority.Authority) -> str | None:
        # A CA gives no more than it has left, and who signs elsewhere may always give less
        if not authority.key or _tls.inspect(text)["not_after"] == _tls.inspect(authority.bundle)["not_after"]:
            return None
        life = _tls.life_of(text)
        return (
            f"it was issued for {life}, and should be valid for {request.life}"
            if abs(life - request.life) > MOMENT
            else None
        )

    def issue(self, request: _authority.Request, authority: _authority.Authority, new_key: bool) -> dict[str, str]:
        """What is to be in the folder, beside the CA. A key that is there stays, unless a new one is asked for."""
        if request.public_key:
            return {CERT: authority.issue(request)}
        key = "" if new_key else self.key()
        made = key or _tls.new_key()
        csr = _tls.new_request(request.subject, (), made)
        certificate = authority.issue(dataclasses.replace(request, public_key=csr))
        return {KEY: made, CERT: certificate}

    def differs(self, texts: dict[str, str]) -> bool:
        return any(self.read(name) != text for name, text in texts.items()) or bool(self._too_open())

    def write(self, texts: dict[str, str]) -> None:
        with self._explained():
            make_folder(self.path)
            for path, mode in self._too_open().items():
                _restrict(path, mode)
            write_files(self.path, texts)

    def told(self) -> dict[str, t.Any]:
        """The folder as a difference shows it: no key, of course."""
        text = self.read(CERT)
        if not text and not os.path.isdir(self.path):
            return {}
        said: dict[str, t.Any] = {}
        with contextlib.suppress(_tls.TlsError):
            look = _tls.inspect(text)
            said = {name: look[name] for name in ("subject", "issuer", "not_after", "public_key_sha256")}
        with contextlib.suppress(_tls.TlsError):
            said["trusts"] = _tls.inspect(self.read(CA))["subject"]
        said["files"] = [f"{name} {self._mode(name):04o}" for name in FILES if os.path.exists(self._file(name))]
        return said

    def modes(self, with_key: bool) -> list[str]:
        """How the files are to be, as a difference shows them; a key that is there stays."""
        return [
            f"{name} {FILE_MODE:04o}" for name in FILES if with_key or name != KEY or os.path.exists(self._file(name))
        ]

    def _too_open(self) -> dict[str, int]:
        """What others may get at. What a link leads to, and a folder that holds other things as well, are their owner's business."""
        if not os.path.isdir(self.path):
            return {}
        with self._explained():
            paths = [self._file(name) for name in FILES]
            found = {path: FILE_MODE for path in paths if os.path.exists(path) and not os.path.islink(path)}
            if not set(os.listdir(self.path)) - set(FILES):
                found[self.path] = FOLDER_MODE
            return {path: mode for path, mode in found.items() if stat.S_IMODE(os.stat(path).st_mode) & 0o077}

    def _mode(self, name: str) -> int:
        return stat.S_IMODE(os.stat(self._file(name)).st_mode)

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    @contextlib.contextmanager
    def _explained(self) -> t.Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MachineError(
                f"The folder {self.path} can't be used: {error.strerror} ({error.filename})",
                code="folder",
                remedy="Give another folder as output, or fix its modes",
            ) from error


def _restrict(path: str, mode: int) -> None:
    # Who has the folder may put a link in a file's place meanwhile. The folder itself may be one.
    descriptor = os.open(path, os.O_RDONLY | (os.O_DIRECTORY if mode == FOLDER_MODE else os.O_NOFOLLOW))
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
