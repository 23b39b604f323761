# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of objects, for controllers that have no file in common.

store.json                 UUID, schema, and the place that it was made for
private/digest.json        the key of digests of secrets
records/NAME.json          the record, and which object holds the machine's keys: the only commit
keys/NAME/NONCE.json       a machine's files; never changed, so what a record names is there and whole
observed/NAME.json         what was last seen
leases/NAME.json           who works on a machine; never deleted
ca.json                    server and client CA, the client's pair
tombstones/ID.json         what removed machines were

A machine's files are made in a folder of this run and go with the next save: the keys first, as a new object, then the
record that names it, then former keys are deleted. A run that is killed in between leaves keys that no record names:
the next one deletes them, but only after a write of the record of its own, so that a run that was overtaken between
its keys and its record has its record refused, and no record ever names keys that are gone. A first record has its
place reserved for that, before its keys are written.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import threading
import typing as t

from .. import _schema
from .._clock import Clock
from .._errors import MachineError
from .._record import BEING_REMOVED, Record, observed_from_json
from . import _names
from ._base import Lock
from ._lease import Boottime, Conflict, Lease, Objects, StoredObject, nonce, write
from ._object_base import ObjectBase, to_json

SCHEMA = 1
AT_ONCE = 16  # what is read at the same time


class RecordObject(t.NamedTuple):
    """A record's object as it was read or written last."""

    tag: str
    record: Record
    keys: str | None  # key of the object with the machine's files
    files: list[str]  # their names


class ObjectStore(ObjectBase):
    """Machines, on top of a store that is there."""

    def __init__(
        self, objects: Objects, scratch: str | None = None, clock: Clock | None = None, background: bool = True
    ) -> None:
        """``background``: leases are renewed by a thread; else whoever holds one calls heartbeat() now and then."""
        super().__init__(objects, scratch)
        self._clock = clock or Boottime()
        self._background = background
        self._leases: list[Lease] = []
        self._kept: dict[str, RecordObject | None] = {}
        self._places: dict[str, str] = {}  # name -> tag of the place that is kept for a first record
        self._filled: dict[str, str] = {}  # name -> the keys object whose files are in the machine's folder

    # Machines

    def names(self) -> list[str]:
        names = self._recorded()
        self._look(bool(names))
        return names

    def read(self, name: str) -> Record | None:
        kept = self._read(name)
        self._look(bool(kept))
        return kept.record if kept else None

    def records(self, damage: dict[str, MachineError] | None = None) -> dict[str, Record]:
        names = self.names()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            read = pool.map(lambda name: self._read_or_note(name, damage), names)
            return {name: record for name, record in zip(names, read, strict=True) if record}

    def _read(self, name: str) -> RecordObject | None:
        key = _record_key(name)
        found = self.objects.get(key)
        self._places.pop(name, None)
        if found is None:
            self._kept[name] = None
            return None
        path = f"{self.objects.place}/{key}"
        try:
            data = _schema.parse(found.data)
            if data["schema"] > SCHEMA:
                raise MachineError(
                    f"{path} has schema {data['schema']}, and this release knows up to {SCHEMA}",
                    code="newer_record",
                    remedy="Use the release of dockyard.machine that wrote it, or a later one",
                )
            if data["record"] is None:
                self._kept[name], self._places[name] = None, found.tag
                return None
            record = Record.from_json(json.dumps(data["record"]), path)
            _schema.optional(_schema.text)(data["keys"], "keys")
            _schema.list_of(_schema.text)(data["files"], "files")
            kept = RecordObject(found.tag, record, data["keys"], data["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise MachineError(
                f"The record {path} is damaged ({error})",
                code="damaged_record",
                remedy="Restore it from a backup; don't delete it as long as the machine may exist",
            ) from error
        if record.name != name:
            raise MachineError(
                f"The record {path} is damaged (it says its name is {record.name})", code="damaged_record"
            )
        self._kept[name] = kept
        return kept

    def put(self, record: Record) -> None:
        name, former = record.name, self._known(record.name)
        if former is None and name not in self._places:
            self._keep_place(name)
        keys, files = (former.keys, former.files) if former else (None, [])
        if keys is None or self._filled.get(name) == keys:  # else nothing can have been changed in the folder
            keys, files = self._keep_files(name)
        self._commit(record, keys, files)

    def _keep_place(self, name: str) -> None:
        """For a first record, before its keys: who clears them takes its tag away, so that no record can name them."""
        data = {"schema": SCHEMA, "nonce": nonce(), "keys": None, "files": [], "record": None}
        try:
            self._places[name] = write(self.objects, _record_key(name), to_json(data), None)
        except Conflict:
            raise self._conflict(name) from None
        except MachineError:
            self._kept.pop(name, None)  # it may have been done
            raise

    def _keep_files(self, name: str) -> tuple[str | None, list[str]]:
        """Write the files of the machine's folder as one object, unless there is one of them already."""
        texts, former = self._scratch.read(name), self._kept.get(name)
        _names.checked(texts, _names.is_machine_file, self.folder(name))
        if not texts:
            return None, []
        content = json.dumps(texts, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        if former and former.keys and former.keys.endswith(f"-{digest}.json"):
            return former.keys, former.files
        key = f"keys/{name}/{nonce()}-{digest}.json"
        try:
            write(self.objects, key, content.encode(), None)
        except Conflict:  # swept before the answer came: by who has overtaken us
            raise self._conflict(name) from None
        self._filled[name] = key
        return key, sorted(texts)

    def _commit(self, record: Record, keys: str | None, files: list[str]) -> None:
        name, former = record.name, self._kept.get(record.name)
        data = {
            "schema": SCHEMA,
            "nonce": nonce(),
            "keys": keys,
            "files": files,
            "record": json.loads(record.to_json()),
        }
        changed = keys != (former.keys if former else None)
        garbage = self._keys_but(name, keys) if changed else []
        try:
            tag = write(
                self.objects, _record_key(name), to_json(data), former.tag if former else self._places.get(name)
            )
        except Conflict:
            raise self._conflict(name) from None
        except MachineError:
            self._kept.pop(name, None)  # it may have been done
            raise
        self._kept[name] = RecordObject(tag, Record.from_json(record.to_json()), keys, files)
        self._places.pop(name, None)
        with contextlib.suppress(MachineError):  # what stays is swept by the next one
            self._delete_keys(garbage)

    def _known(self, name: str) -> RecordObject | None:
        """As it was read last: under the lock, nothing that another one has written since is taken for it."""
        return self._kept[name] if name in self._kept else self._read(name)

    def _current(self, name: str) -> tuple[int, str]:
        kept = self._known(name)
        return (kept.record.revision, kept.record.id) if kept else (0, "")

    def clear(self, name: str, lock: Lock | None) -> None:
        kept = self._known(name)
        tag = kept.tag if kept else self._places.get(name)
        garbage = self._keys_but(name, None)
        if tag is None and garbage and self.objects.get(_record_key(name)):
            garbage = []  # of who was overtaken, and goes on: there was nothing when we took the lock
        # The lock was ours when that was read, so nothing of it belongs to whoever may take it from here on.
        self._demand(lock, name, f"What is kept of {name} was to be removed without its lock")
        if kept and garbage:
            # Before the record, by which the next run finds what a killed one has left; named by nothing any more. Without
            # its keys a record can only be removed: a machine created from it would have other keys than it names.
            if kept.record.status != BEING_REMOVED:
                kept.record.status, kept.record.revision = BEING_REMOVED, kept.record.revision + 1
            self._commit(kept.record, None, [])
            self._delete_keys(garbage)
            kept, garbage = self._known(name), []
            tag = kept.tag if kept else None
        if tag:
            try:
                self.objects.delete(_record_key(name), tag)
            except Conflict:
                raise self._conflict(name) from None
        self._kept.pop(name, None)
        self._places.pop(name, None)
        self.objects.delete(f"observed/{name}.json")
        self._delete_keys(garbage)
        self._filled.pop(name, None)
        self._scratch.remove(name)

    def sweep(self, name: str, lock: Lock | None) -> None:
        kept = self._known(name)
        garbage = self._keys_but(name, kept.keys) if kept else []
        if garbage and kept and lock and lock.held:
            self._commit(kept.record, kept.keys, kept.files)  # who was overtaken can't name any of it any more
            self._delete_keys(garbage)

    def _keys_but(self, name: str, named: str | None) -> list[str]:
        """What is garbage, if the lock is ours after this was asked: before a write that proves it."""
        return [key for key in self.objects.list(f"keys/{name}/") if key != named]

    def _delete_keys(self, keys: list[str]) -> None:
        for key in keys:
            self.objects.delete(key)

    def observed(self, name: str) -> dict[str, t.Any]:
        key = f"observed/{name}.json"
        found = self.objects.get(key)
        if not found:
            return {}
        path = f"{self.objects.place}/{key}"
        try:
            data = _schema.parse(found.data)
            kept = self._known(name)
            if not kept or data["of"] != kept.record.id:
                return {}
            text = json.dumps(data["observed"])
        except (ValueError, KeyError, TypeError):
            text = ""
        return observed_from_json(text, path)

    def save_observed(self, name: str, observed: dict[str, t.Any]) -> None:
        kept = self._known(name)
        if not kept:
            return
        # Named after the record: what a late run sees of a removed machine is not taken for its successor.
        data = to_json({"of": kept.record.id, "nonce": nonce(), "observed": observed})
        key = f"observed/{name}.json"
        for _try in range(3):
            found = self.objects.get(key)
            with contextlib.suppress(Conflict):
                write(self.objects, key, data, found.tag if found else None)
                return

    def locked_names(self) -> list[str]:
        leased = [key[len("leases/") : -len(".json")] for key in self.objects.list("leases/")]
        return _names.machines({*leased, *self._recorded()})

    def _tombstone_texts(self) -> list[tuple[str, bytes]]:
        found = [(key, self.objects.get(key)) for key in self.objects.list("tombstones/")]
        return [(f"{self.objects.place}/{key}", one.data) for key, one in found if one]

    def bury(self, tombstone: dict[str, t.Any]) -> None:
        key = _names.tombstone(tombstone["id"])
        found = self.objects.get(key)
        try:
            write(self.objects, key, to_json({**tombstone, "nonce": nonce()}), found.tag if found else None)
        except Conflict:
            raise self._conflict(tombstone["name"]) from None

    def forget(self, id: str) -> None:
        self.objects.delete(_names.tombstone(id))

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60) -> t.Iterator[Lock]:
        lease = Lease(self.objects, f"leases/{name}.json", name, self._clock)
        lease.acquire(timeout)
        self._kept.pop(name, None)  # what was read before is not what counts under the lock
        self._leases.append(lease)
        done = threading.Event()
        try:
            if self._background:
                threading.Thread(target=self._renew, args=(lease, done), name=f"lease {name}", daemon=True).start()
            self._check_usable()
            yield lease
        finally:
            done.set()
            self._leases.remove(lease)
            lease.release()

    def heartbeat(self) -> None:
        """Renew the leases that are held, where it is time."""
        for lease in list(self._leases):
            with contextlib.suppress(MachineError):  # lost: the next check tells
                lease.renew_if_due()

    def _renew(self, lease: Lease, done: threading.Event) -> None:
        while not done.wait(1.0):
            with contextlib.suppress(MachineError):
                lease.renew_if_due()

    # A machine's files

    def folder(self, name: str) -> str:
        return self._scratch.folder(name)

    def fill(self, name: str) -> None:
        for _try in range(3):
            kept = self._read(name)
            if kept is None:
                return
            self._scratch.pin(kept.record)
            if kept.keys and self._filled.get(name) != kept.keys:
                found = self.objects.get(kept.keys)
                if not found:
                    continue  # replaced since the record was read: look again
                self._scratch.replace(name, self._files_in(kept.keys, found))
                self._filled[name] = kept.keys
            for lease in self._leases:
                if lease.name == name:
                    self.sweep(name, lease)
            return
        # Keys that somebody has deleted must not keep the machine from being removed: who needs them finds no file.

    def _files_in(self, key: str, found: StoredObject) -> dict[str, str]:
        path = f"{self.objects.place}/{key}"
        try:
            return _names.checked(_schema.parse(found.data), _names.is_machine_file, path)
        except ValueError as error:
            raise MachineError(f"{path} is damaged ({error})", code="damaged_record") from error

    def files(self, name: str) -> dict[str, str]:
        return self._scratch.read(name)

    def replace_files(self, name: str, texts: dict[str, str]) -> None:
        _names.checked(texts, _names.is_machine_file, f"The copy for {self.folder(name)}")
        self._scratch.replace(name, texts)
        kept = self._kept.get(name)
        if kept:
            self._kept[name] = kept._replace(keys=None, files=[])  # so that the next put() writes them again

    def has_first_boot(self, name: str) -> bool:
        kept = self._known(name)
        return kept is not None and any(file.startswith(f"{_names.FIRST_BOOT}/") for file in kept.files)

    def drop_first_boot(self, name: str, lock: Lock | None) -> None:
        self.fill(name)
        self._demand(lock, name, f"The files of {name} were to be removed without its lock")
        self._scratch.remove(f"{name}/{_names.FIRST_BOOT}")
        kept = self._known(name)
        if kept:
            self._commit(kept.record, *self._keep_files(name))


def _record_key(name: str) -> str:
    return f"records/{name}.json"
