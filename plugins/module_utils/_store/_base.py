# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store does, and what all of them share.

A store keeps one record a machine, what was last seen of it, its private files, the CA and the tombstones.
What is promised, whatever it is kept in:

- a save is durable when it returns, whole or not there, under the machine's lock *and* a compare-and-set;
- the files in a machine's folder are durable before the record that was saved after they were made;
- who holds a lock is alone with that machine for as long as ``lock.check(seconds)`` says so;
- two first runs at once make one store and one CA, and a change of the CA is seen whole or not at all;
- a store that was moved, or is the copy of another, lets nobody work on its machines.
"""

from __future__ import annotations

import abc
import contextlib
import os
import typing as t
import uuid

from .. import _pin, _schema
from .._errors import MachineError
from .._record import Record, tombstone_from_json
from .._times import now
from . import _ca
from ._digest import KEY, META_SCHEMA, Digests

SCHEMA = 1
CA_LOCK, PICKS_LOCK = ".ca", ".picks"  # no machine's name begins with a dot
CALL = 5.0  # seconds that a lock must be ours for a save, which is compare-and-set besides
PAIR = {"ca.pem": "server-ca.pem", "cert.pem": "client-cert.pem", "key.pem": "client-key.pem"}  # a DOCKER_CERT_PATH
DAMAGE = ("damaged_record", "newer_record", "unreadable_record")  # codes of errors that tell of one record alone
DERIVED = {*_pin.FILES, *PAIR}  # files of a machine that are made from the record and the CA

# In store.json while a store is being moved, and ever after at the place that it was moved from
MOVED, MOVING, FILLING = "moved_to", "moving_to", "filled_from"


class Lock(t.Protocol):
    """One machine's lock, held by the process that makes the calls."""

    name: str

    @property
    def held(self) -> bool: ...

    def check(self, seconds: float) -> None:
        """Make sure that it is ours for at least so long, else raise: call this before whatever can't be undone."""


class Store(Digests):
    """Where records and keys are kept. Nothing is read, asked or made before it is needed."""

    where: str  # what open_store() takes for this store
    place: str  # what stays the same however it is reached
    shared: t.ClassVar[bool]  # whether other controllers work on it, who see no file of this one
    moving = False  # for who moves it, and so must get past the marks

    _meta: dict[str, t.Any] | None = None

    # The store itself

    @abc.abstractmethod
    def create(self, meta: dict[str, t.Any] | None = None) -> None:
        """Make the store if there is none. Safe in parallel: the first one wins. ``meta``: one that is moved here."""

    @property
    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there is a store, be it a damaged one."""

    @property
    def id(self) -> str:
        return str(self.meta()["id"])

    def explained(self) -> contextlib.AbstractContextManager[None]:
        """Failures of files and disks, as errors that a person can act on."""
        return contextlib.nullcontext()

    # Machines

    def records(self, damage: dict[str, MachineError] | None = None) -> dict[str, Record]:
        """All of them, by name; an error if one can't be read, unless there is ``damage`` to note it in."""
        return {name: record for name in self.names() if (record := self._read_or_note(name, damage))}

    @abc.abstractmethod
    def names(self) -> list[str]:
        """Names of the machines that have a record, be it a damaged one."""

    @abc.abstractmethod
    def read(self, name: str) -> Record | None: ...

    def save(self, record: Record, lock: Lock | None) -> None:
        """Durable when this returns. Needs the machine's lock, and the record as it was read last."""
        self._demand(lock, record.name, f"The record of {record.name} was to be saved without its lock")
        current = self._current(record.name)
        if current != (record.revision, record.id) and (current[0] or record.revision):
            raise self._conflict(record.name)
        before = record.revision, record.updated, record.created
        record.revision += 1
        record.updated = now()
        record.created = record.created or record.updated
        try:
            self.put(record)
        except MachineError:
            record.revision, record.updated, record.created = before
            raise

    @abc.abstractmethod
    def put(self, record: Record) -> None:
        """Keep the record as it is, over the one that was read last. Who saves one uses save()."""

    def remove(self, record: Record, lock: Lock | None) -> None:
        """Bury the record: its tombstone first, then all that was kept of it."""
        self._demand(lock, record.name, f"The record of {record.name} was to be removed without its lock")
        self.bury(
            {
                "schema": SCHEMA,
                "id": record.id,
                "store": record.kept.get("store"),  # whose tags its resources bear, if it was adopted from another
                "name": record.name,
                "driver": record.driver,
                "account": record.account,
                "place": record.place,
                "resources": record.kept.get("gone", []),
                "removed": now(),
            }
        )
        self.clear(record.name, lock)

    @abc.abstractmethod
    def clear(self, name: str, lock: Lock | None) -> None:
        """Remove all that is kept of a machine; what a killed run has left of it, too."""

    @abc.abstractmethod
    def sweep(self, name: str, lock: Lock | None) -> None:
        """Remove what killed runs have left beside the record."""

    def untidy(self) -> list[str]:
        """Names of machines that a killed run has removed, though not all that was kept of them."""
        return []

    @abc.abstractmethod
    def observed(self, name: str) -> dict[str, t.Any]:
        """What was last seen of a machine. It can be seen again, so damage is no error: it is named in the answer."""

    @abc.abstractmethod
    def save_observed(self, name: str, observed: dict[str, t.Any]) -> None:
        """The last one to look is right. Nothing is kept of a machine that was removed meanwhile."""

    @abc.abstractmethod
    def lock(self, name: str, timeout: float = 60) -> contextlib.AbstractContextManager[Lock]:
        """Alone with a machine. A held lock is waited for; then the error names its holder."""

    @abc.abstractmethod
    def locked_names(self) -> list[str]:
        """All that is or was worked on."""

    def tombstones(self, damage: dict[str, MachineError] | None = None) -> list[dict[str, t.Any]]:
        """What removed machines were; an error if one can't be read, unless there is ``damage`` to note it in."""
        found = []
        for path, text in self._tombstone_texts():
            try:
                found.append(tombstone_from_json(text, path))
            except MachineError as error:
                if damage is None:
                    raise
                damage[path] = error
        return found

    @abc.abstractmethod
    def _tombstone_texts(self) -> list[tuple[str, bytes]]:
        """Where each tombstone is, and its text."""

    @abc.abstractmethod
    def bury(self, tombstone: dict[str, t.Any]) -> None:
        """Keep a tombstone."""

    @abc.abstractmethod
    def forget(self, id: str) -> None:
        """Drop a tombstone: nothing of that record can exist any more."""

    # A machine's private files: its keys, and whatever else a run leaves in its folder

    @abc.abstractmethod
    def folder(self, name: str) -> str:
        """Where a machine's files are on this controller: of a shared store, once fill() has brought them."""

    @abc.abstractmethod
    def fill(self, name: str) -> None:
        """Bring a machine's files into its folder. Done under the lock, what is changed there goes with each save."""

    @abc.abstractmethod
    def files(self, name: str) -> dict[str, str]:
        """A machine's own files, as fill() has brought them: name -> text."""

    @abc.abstractmethod
    def replace_files(self, name: str, texts: dict[str, str]) -> None:
        """Let a machine have these; kept by the time that the next put() is done."""

    @abc.abstractmethod
    def has_first_boot(self, name: str) -> bool:
        """Whether anything is kept that only the first boot needs."""

    @abc.abstractmethod
    def drop_first_boot(self, name: str, lock: Lock | None) -> None:
        """Remove that: it holds the host's private key."""

    # The CA, and the Docker client's pair

    @property
    @abc.abstractmethod
    def ca(self) -> str:
        """Folder of the CA on this controller: of a shared store, once fill_ca() was called."""

    @abc.abstractmethod
    def fill_ca(self) -> None:
        """Bring the CA's files, if there is one, into its folder."""

    @abc.abstractmethod
    def ca_files(self) -> dict[str, str]:
        """The CA's files; none, if there is no CA."""

    @abc.abstractmethod
    def put_ca(self, files: dict[str, str]) -> None:
        """Keep this CA, whatever was there."""

    @abc.abstractmethod
    def change_ca(self, change: t.Callable[[_ca.Files], _ca.Files | None], timeout: float = 60) -> bool:
        """Let the CA's files become what ``change`` makes of them (None: as they are), whole or not at all.

        Durable when this returns. Two at once come one after the other: ``change`` sees what the first one has done.
        """

    def make_ca(self, timeout: float = 60) -> bool:
        """Make the CAs and the client's pair where there are none; renew the client's certificate in time."""
        return self.change_ca(_ca.made, timeout)

    @abc.abstractmethod
    def give_client_pair(self, name: str) -> bool:
        """Make the machine's folder a DOCKER_CERT_PATH."""

    @property
    @abc.abstractmethod
    def client(self) -> str:
        """The folder with the client's pair for hosts that are no machines: a DOCKER_CERT_PATH, after give_client()."""

    @abc.abstractmethod
    def give_client(self) -> bool:
        """Make that folder."""

    def give_client_pairs(self, names: t.Iterable[str]) -> bool:
        """Let none of these machines' folders, nor the client's own, hold another CA's pair than is in use now."""
        # Where there is no folder, there is no such machine any more, or nothing that this run has brought.
        given = [self.give_client_pair(name) for name in names if os.path.isdir(self.folder(name))]
        return (os.path.isdir(self.client) and self.give_client()) or any(given)

    # store.json

    def meta(self, again: bool = False) -> dict[str, t.Any]:
        """What store.json says; an error if there is none, or if it says that this is no store to look into."""
        if self._meta is None or again:
            self._meta = self._check_meta(self._read_meta())
        return self._meta

    @abc.abstractmethod
    def _read_meta(self) -> bytes:
        """The text of store.json."""

    @abc.abstractmethod
    def _is_copy(self, meta: dict[str, t.Any]) -> bool:
        """Whether it was made for another place than this one."""

    @abc.abstractmethod
    def _location(self) -> dict[str, t.Any]:
        """What store.json says of the place that it was made for."""

    def claim(self) -> None:
        """Say that this place is the store's own, whatever place it was made for."""
        self.replace_meta({**self.meta(), "location": self._location()})

    @abc.abstractmethod
    def replace_meta(self, meta: dict[str, t.Any]) -> None:
        """Replace store.json, when the store is moved."""

    def _new_meta(self) -> dict[str, t.Any]:
        return {"schema": META_SCHEMA, "id": str(uuid.uuid4()), "created": now()}

    def _check_meta(self, text: bytes) -> dict[str, t.Any]:
        try:
            meta = _schema.parse(text)
            newer = meta["schema"] > META_SCHEMA
            if not newer:
                _schema.store(meta, "")
                _complete = meta["schema"] == META_SCHEMA or meta[KEY]
        except (ValueError, KeyError, TypeError) as error:
            raise MachineError(f"store.json of {self.where} can't be read ({error})", code="damaged_store") from error
        if newer:
            raise MachineError(f"The store {self.where} was made by a later release", code="newer_store")
        if self.moving:
            return t.cast(dict[str, t.Any], meta)
        if meta.get(MOVED):
            raise MachineError(
                f"The store {self.where} was moved to {meta[MOVED]}",
                code="moved_store",
                remedy="Give that one as store",
            )
        if meta.get(FILLING):
            raise MachineError(
                f"The store {self.where} is not complete: it is being filled from {meta[FILLING]}",
                code="moving_store",
                remedy=_finish(meta[FILLING], self.where),
            )
        return t.cast(dict[str, t.Any], meta)

    def _check_usable(self) -> None:
        """What is asked again under each lock: whether machines may be worked on from here."""
        meta = self.meta(again=True)
        if self.moving:
            return
        if meta.get(MOVING):
            raise MachineError(
                f"The store {self.where} is being moved to {meta[MOVING]}",
                code="moving_store",
                remedy=_finish(self.where, meta[MOVING]),
            )
        if self._is_copy(meta):
            origin = meta["location"].get("path") or meta["location"].get("place")
            raise MachineError(
                f"The store {self.where} is a copy of the one at {origin}: two stores with the same machines "
                "would conflict",
                code="copied_store",
                remedy=f"Use that one; or, if it is permanently lost, use this one instead: ansible-playbook "
                f"dockyard.machine.move_store -e machine_store_from={origin} -e machine_store_to={self.where} "
                "-e machine_store_gone=true",
            )
        if KEY in meta:
            self.keep_digest_key(meta)
            self._part_digest_key()

    # Helpers

    def _read_or_note(self, name: str, damage: dict[str, MachineError] | None) -> Record | None:
        try:
            return self.read(name)
        except MachineError as error:
            if damage is None or error.code not in DAMAGE:
                raise
            damage[name] = error
            return None

    @abc.abstractmethod
    def _current(self, name: str) -> tuple[int, str]:
        """Revision and id of the kept record; 0 if there is none."""

    @staticmethod
    def _demand(lock: Lock | None, name: str, otherwise: str) -> None:
        if lock and lock.name == name:
            lock.check(CALL)  # who has lost it is told so
            if lock.held:
                return
        raise MachineError(otherwise, code="bug")

    @staticmethod
    def _conflict(name: str) -> MachineError:
        return MachineError(
            f"The record of {name} was changed by somebody else meanwhile", code="conflict", remedy="Run again"
        )


def _finish(source: str, target: str) -> str:
    return (
        "Finish that: ansible-playbook dockyard.machine.move_store "
        f"-e machine_store_from={source} -e machine_store_to={target}"
    )
