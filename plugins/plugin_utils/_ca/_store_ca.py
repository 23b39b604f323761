# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CAs of a store, for a host that is given no others, and the folder with the client's certificate.

They are created where there are none, as for the store's first machine.
"""

from __future__ import annotations

import functools
import os
import shlex
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, _ca
from ansible_collections.dockyard.machine.plugins.module_utils._store._base import PAIR
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

SERVER_CA, SERVER_KEY, CLIENT_CA = "server-ca.pem", "server-ca-key.pem", "client-ca.pem"
NEEDED = {CLIENT_CA, *PAIR.values()}


class StoreCA:
    """``files`` are the CA's. Where there is none, they are of a CA that is kept nowhere, until ``create`` is called."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changed = False
        self.warnings: list[str] = []
        self.files = self._checked(self._read())
        self.is_missing = not self.files

    def options(self) -> dict[str, str]:
        """The CAs, as the role's options without prefix."""
        files = self.files or self._planned
        return {
            "server_ca_cert": files[SERVER_CA],
            "server_ca_key": files.get(SERVER_KEY, ""),
            "client_ca_cert": files[CLIENT_CA],
        }

    def is_of(self, client_ca: str) -> bool:
        """Whether a host that accepts the clients of this CA accepts those of the store."""
        return bool(self.files) and _tls.share_certificates(client_ca, self.files[CLIENT_CA])

    def would_change(self) -> bool:
        """Whether ``create`` would change anything."""
        return self._is_due() or (not self.store.shared and self._client_differs())

    def create(self) -> None:
        """Create the CAs and the client's folder where they are missing; renew the client's certificate in time."""
        if self._is_due():
            self._change(self._make)
        if self._client_differs():
            self._change(self.store.give_client)

    def _make(self) -> bool:
        self.store.create()
        made = self.store.make_ca()
        self.store.fill_ca()
        self.files = self._checked(self._read())
        return made

    def _change(self, change: t.Callable[[], bool]) -> None:
        try:
            self.changed = change() or self.changed
        except MachineError as error:
            if not self.files:
                raise
            # Whoever can only read the store can set up hosts nevertheless.
            self.warnings.append(f"The client's certificate could not be renewed or copied: {error.text()}")

    @property
    def client_folder(self) -> str | None:
        """The client's folder, where it is complete."""
        return None if self.is_missing and not self.files or self._client_differs() else self.store.client

    def message(self, docker_host: str, check_mode: bool) -> list[str]:
        """How a Docker client reaches the Engine."""
        folder = self.store.client if check_mode else self.client_folder
        lines = []
        if self.store.shared or folder is None:
            folder = "FOLDER"
            lines.append(
                f"The client's certificate is in the store {self.store.where}. To get a folder with ca.pem, cert.pem and key.pem: "
                "ansible-playbook dockyard.machine.client_certificate -e machine_client_name=NAME "
                f"-e machine_client_folder=FOLDER -e machine_store={shlex.quote(self.store.where)}"
            )
        elif not check_mode:
            lines.append(
                f"The client's certificate is in {folder}: ca.pem, cert.pem and key.pem. The key gives root on the host."
            )
        else:
            lines.append(f"The client's certificate would be in {folder}: ca.pem, cert.pem and key.pem.")
        return [
            *lines,
            f"export DOCKER_HOST={shlex.quote(docker_host)} DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={shlex.quote(folder)}",
        ]

    def _read(self) -> _ca.Files:
        """The CA's files; none, if there is no CA. Of a shared store, they are fetched once a run."""
        if self.store.shared and (fetched := _texts(self.store.ca)).keys() >= NEEDED:
            return fetched
        if not self.store.exists:
            return {}
        self.store.meta()  # an error, if the store was moved
        if self.store.shared:
            self.store.fill_ca()
            return _texts(self.store.ca)
        return _ca.in_use(self.store.ca_files())

    def _checked(self, files: _ca.Files) -> _ca.Files:
        missing = sorted(NEEDED - files.keys()) if files else []
        if missing:
            raise MachineError(
                f"The CA of the store {self.store.where} is not complete: {', '.join(missing)} is missing",
                code="damaged_store",
                remedy="Restore the folder ca of the store from a backup",
            )
        return files

    @functools.cached_property
    def _planned(self) -> _ca.Files:
        return _tls.new_authorities()

    def _is_due(self) -> bool:
        return not self.files or _ca.made(self.files) is not None

    def _client_differs(self) -> bool:
        return not self.files or any(
            _text(os.path.join(self.store.client, name)) != self.files[own] for name, own in PAIR.items()
        )


def server_ca_of(store: str | None, key: str | None) -> dict[str, str]:
    """The server CA of a store, as options of a module. The key is needed where the store has none."""
    ca = StoreCA(open_store(store))
    if ca.is_missing:
        raise _ca.none_yet(ca.store.where)
    options = ca.options()
    return {"server_ca_cert": options["server_ca_cert"], "server_ca_key": options["server_ca_key"] or key or ""}


def _texts(folder: str) -> _ca.Files:
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {name: _text(os.path.join(folder, name)) for name in names if name.endswith(".pem")}


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
