# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of objects as such: store.json, and the CA."""

from __future__ import annotations

import contextlib
import json
import typing as t

from .._errors import MachineError
from . import _ca, _names
from ._base import PAIR, Store
from ._digest import DIGEST
from ._lease import Conflict, Objects, StoredObject, nonce, write
from ._scratch import CA, CLIENT, Scratch, explained


class ObjectBase(Store):
    shared = True

    def __init__(self, objects: Objects, scratch: str | None) -> None:
        self.objects = objects
        self.where, self.place = objects.where, objects.place
        self._scratch = Scratch(objects.where, scratch)

    # The store itself

    def create(self, meta: dict[str, t.Any] | None = None) -> None:
        if self._meta is not None or self.objects.get("store.json"):
            return
        self._refuse_vanished()
        self.keep_digest_key(meta)
        data = to_json({**self._parted(meta or self._new_meta()), "location": self._location()})
        with contextlib.suppress(Conflict):
            write(self.objects, "store.json", data, None)
            self._refuse_unconditional(data)

    def _refuse_unconditional(self, data: bytes) -> None:
        """A service that ignores conditions would let two runs work on one machine: better told now than then."""
        tries: list[t.Callable[[], str]] = [
            lambda: self.objects.put_if_absent("store.json", data),
            lambda: self.objects.put_if_match("store.json", data, '"00000000000000000000000000000000"'),
        ]
        for attempt in tries:
            try:
                attempt()
            except Conflict:
                continue
            self.objects.delete("store.json")
            self.objects.delete(DIGEST)
            raise MachineError(
                f"The service of {self.where} ignores the conditions of writes (If-None-Match, If-Match)",
                code="store",
                remedy="Use another service, or a later release of it: without them nothing is safe",
            )

    @property
    def exists(self) -> bool:
        return self._meta is not None or bool(self.objects.get("store.json")) or bool(self._recorded())

    def _look(self, used: bool) -> None:
        """An error if this store is not to be looked into; one that isn't there is empty."""
        if self._meta is None and (used or self.objects.get("store.json")):
            self.meta()

    def _recorded(self) -> list[str]:
        keys = self.objects.list("records/")
        return _names.machines(key[len("records/") : -len(".json")] for key in keys if key.endswith(".json"))

    def explained(self) -> contextlib.AbstractContextManager[None]:
        return explained()

    # store.json

    def _read_meta(self) -> bytes:
        found = self.objects.get("store.json")
        if found is None:
            self._refuse_vanished()
            raise MachineError(f"There is no store at {self.where}", code="no_store")
        return found.data

    def replace_meta(self, meta: dict[str, t.Any]) -> None:
        found = self.objects.get("store.json")
        try:
            write(self.objects, "store.json", to_json(meta), found.tag if found else None)
        except Conflict:
            raise MachineError(
                f"store.json of {self.where} was changed by somebody else meanwhile",
                code="conflict",
                remedy="Run again",
            ) from None
        self._meta = None

    # The key of digests

    def _read_digest_key(self) -> bytes | None:
        found = self.objects.get(DIGEST)
        return found.data if found else None

    def _write_digest_key(self, text: bytes) -> None:
        with contextlib.suppress(Conflict):
            write(self.objects, DIGEST, text, None)

    def _part_digest_key(self) -> None:
        found = self.objects.get("store.json")
        if found:
            with contextlib.suppress(Conflict):  # by another run; if it was for something else, the next one does it
                write(self.objects, "store.json", to_json(self._parted(json.loads(found.data))), found.tag)
            self._meta = None

    def _location(self) -> dict[str, t.Any]:
        return {"place": self.objects.place}

    def _is_copy(self, meta: dict[str, t.Any]) -> bool:
        return bool(meta.get("location")) and meta["location"] != self._location()

    def _refuse_vanished(self) -> None:
        if self._recorded() and not self.objects.get("store.json"):
            raise MachineError(
                f"{self.objects.place}/store.json is gone, though machines exist in {self.objects.place}/records",
                code="store_vanished",
                remedy="Restore store.json from a backup: with a new one, the store would not own its machines",
            )

    # The CA and the Docker client's pair

    @property
    def ca(self) -> str:
        return self._scratch.folder(CA)

    def fill_ca(self) -> None:
        self._scratch.replace(CA, _ca.in_use(self.ca_files()))

    def put_ca(self, files: dict[str, str]) -> None:
        found = self.objects.get("ca.json")
        try:
            self._write_ca(files, found)
        except Conflict:
            raise MachineError(
                f"The CA of {self.where} was changed by somebody else meanwhile", code="conflict"
            ) from None

    def _write_ca(self, files: dict[str, str], found: StoredObject | None) -> None:
        write(self.objects, "ca.json", to_json({"nonce": nonce(), "files": files}), found.tag if found else None)

    def ca_files(self) -> dict[str, str]:
        return self._files_of(self.objects.get("ca.json"))

    def _files_of(self, found: StoredObject | None) -> dict[str, str]:
        if not found:
            return {}
        return _names.checked(json.loads(found.data)["files"], _names.is_ca_file, f"{self.objects.place}/ca.json")

    def change_ca(self, change: t.Callable[[_ca.Files], _ca.Files | None], timeout: float = 60) -> bool:
        while True:
            found = self.objects.get("ca.json")
            before = self._files_of(found)
            after = change(before)
            if after is None or after == before:
                return False
            self._check_usable()
            try:
                self._write_ca(after, found)
            except Conflict:
                continue  # another run was faster: what it has made is what is changed
            return True

    @property
    def client(self) -> str:
        return self._scratch.folder(CLIENT)

    def give_client(self) -> bool:
        return self.give_client_pair(CLIENT)

    def give_client_pair(self, name: str) -> bool:
        files = self.ca_files()
        if files:
            self._scratch.write(name, {new: files[old] for new, old in PAIR.items()})
        return False  # it is made from the CA wherever it is needed, and so never changes here


def to_json(data: dict[str, t.Any]) -> bytes:
    return json.dumps(data, indent=1, sort_keys=True).encode()
