# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of objects, for controllers that have no file in common.

store.json                 UUID, schema, and the place that it was made for
records/NAME.json          the record, and which object holds the machine's keys: the only commit
keys/NAME/NONCE.json       a machine's files; never changed, so what a record names is there and whole
observed/NAME.json         what was last seen
leases/NAME.json           who works on a machine; never deleted
ca.json                    server and client CA, the client's pair
tombstones/ID.json         what removed machines were

A machine's files are made in a folder of this run and go with the next save: the keys first, as a new object, then the
record that names it, then former keys are deleted. A run that is killed in between leaves keys that no record names:
the next one deletes them, but only after a write of the record of its own, so that a run that was overtaken between
its keys and its record has its record refused, and no record ever names keys that are gone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import os
import tempfile
import threading
import typing as t

from .._clock import Clock
from .._errors import MachineError
from .._record import Record, known_hosts
from ._base import FIRST_BOOT, KNOWN_HOSTS, PAIR, Lock, Store, issue_client
from ._lease import Boottime, Conflict, Found, Lease, Objects, nonce, write
from ._scratch import CA, Scratch, explained

SCHEMA = 1
AT_ONCE = 16  # what is read at the same time


class Kept(t.NamedTuple):
    """A record's object as it was read or written last."""

    tag: str
    record: Record
    keys: str | None  # key of the object with the machine's files
    files: list[str]  # their names


class ObjectStore(Store):
    shared = True

    def __init__(
        self, objects: Objects, scratch: str | None = None, clock: Clock | None = None, background: bool = True
    ) -> None:
        """``background``: leases are renewed by a thread; else whoever holds one calls heartbeat() now and then."""
        self.objects = objects
        self.where, self.place = objects.where, objects.place
        self._scratch = Scratch(objects.where, scratch)
        self._clock = clock or Boottime()
        self._background = background
        self._leases: list[Lease] = []
        self._kept: dict[str, Kept | None] = {}
        self._filled: dict[str, str] = {}  # name -> the keys object whose files are in the machine's folder

    # The store itself

    def create(self, meta: dict[str, t.Any] | None = None) -> None:
        if self._meta is not None or self.objects.get("store.json"):
            return
        self._refuse_vanished()
        data = _json({**(meta or self._new_meta()), "location": self._location()})
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
            raise MachineError(
                f"The service of {self.where} ignores the conditions of writes (If-None-Match, If-Match)",
                code="store",
                remedy="Use another service, or a later release of it: without them nothing is safe",
            )

    @property
    def exists(self) -> bool:
        return self._meta is not None or bool(self.objects.get("store.json")) or bool(self._recorded())

    # Machines

    def names(self) -> list[str]:
        names = self._recorded()
        self._look(bool(names))
        return names

    def read(self, name: str) -> Record | None:
        kept = self._read(name)
        self._look(bool(kept))
        return kept.record if kept else None

    def _look(self, used: bool) -> None:
        """An error if this store is not to be looked into; one that isn't there is empty."""
        if self._meta is None and (used or self.objects.get("store.json")):
            self.meta()

    def records(self) -> dict[str, Record]:
        names = self.names()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return {name: record for name, record in zip(names, pool.map(self.read, names), strict=True) if record}

    def _read(self, name: str) -> Kept | None:
        key = _record_key(name)
        found = self.objects.get(key)
        if found is None:
            self._kept[name] = None
            return None
        path = f"{self.objects.place}/{key}"
        try:
            data = json.loads(found.data)
            if data["schema"] > SCHEMA:
                raise MachineError(
                    f"{path} has schema {data['schema']}, and this release knows up to {SCHEMA}",
                    code="newer_record",
                    remedy="Use the release of dockyard.machine that wrote it, or a later one",
                )
            record = Record.from_json(json.dumps(data["record"]), path)
            kept = Kept(found.tag, record, data["keys"], data["files"])
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
        name, former = record.name, self._kept.get(record.name)
        keys, files = (former.keys, former.files) if former else (None, [])
        if keys is None or self._filled.get(name) == keys:  # else nothing can have been changed in the folder
            keys, files = self._keep_files(name)
        self._commit(record, keys, files)

    def _keep_files(self, name: str) -> tuple[str | None, list[str]]:
        """Write the files of the machine's folder as one object, unless there is one of them already."""
        texts, former = self._scratch.read(name), self._kept.get(name)
        if not texts:
            return None, []
        content = json.dumps(texts, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        if former and former.keys and former.keys.endswith(f"-{digest}.json"):
            return former.keys, former.files
        key = f"keys/{name}/{nonce()}-{digest}.json"
        write(self.objects, key, content.encode(), None)
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
            tag = write(self.objects, _record_key(name), _json(data), former.tag if former else None)
        except Conflict:
            raise self._conflict(name) from None
        except MachineError:
            self._kept.pop(name, None)  # it may have been done
            raise
        self._kept[name] = Kept(tag, Record.from_json(record.to_json()), keys, files)
        with contextlib.suppress(MachineError):  # what stays is swept by the next one
            self._delete_keys(garbage)

    def _known(self, name: str) -> Kept | None:
        """As it was read last: under the lock, nothing that another one has written since is taken for it."""
        return self._kept[name] if name in self._kept else self._read(name)

    def _current(self, name: str) -> tuple[int, str]:
        kept = self._known(name)
        return (kept.record.revision, kept.record.id) if kept else (0, "")

    def clear(self, name: str, lock: Lock | None) -> None:
        kept, garbage = self._known(name), self._keys_but(name, None)
        # The lock was ours when that was read, so nothing of it belongs to whoever may take it from here on.
        self._demand(lock, name, f"What is kept of {name} was to be removed without its lock")
        if kept:
            try:
                self.objects.delete(_record_key(name), kept.tag)
            except Conflict:
                raise self._conflict(name) from None
        self._kept.pop(name, None)
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
        found = self.objects.get(f"observed/{name}.json")
        try:
            data = json.loads(found.data) if found else {}
            kept = self._known(name)
            return dict(data["observed"]) if kept and data["of"] == kept.record.id else {}
        except (ValueError, KeyError, TypeError):
            return {}

    def save_observed(self, name: str, observed: dict[str, t.Any]) -> None:
        kept = self._known(name)
        if not kept:
            return
        # Named after the record: what a late run sees of a removed machine is not taken for its successor.
        data = _json({"of": kept.record.id, "nonce": nonce(), "observed": observed})
        key = f"observed/{name}.json"
        for _try in range(3):
            found = self.objects.get(key)
            with contextlib.suppress(Conflict):
                write(self.objects, key, data, found.tag if found else None)
                return

    def locked_names(self) -> list[str]:
        names = [key[len("leases/") : -len(".json")] for key in self.objects.list("leases/")]
        return sorted({name for name in names if not name.startswith(".")} | set(self._recorded()))

    def tombstones(self) -> list[dict[str, t.Any]]:
        found = [self.objects.get(key) for key in self.objects.list("tombstones/")]
        return [json.loads(one.data) for one in found if one]

    def bury(self, tombstone: dict[str, t.Any]) -> None:
        key = f"tombstones/{tombstone['id']}.json"
        found = self.objects.get(key)
        try:
            write(self.objects, key, _json({**tombstone, "nonce": nonce()}), found.tag if found else None)
        except Conflict:
            raise self._conflict(tombstone["name"]) from None

    def forget(self, id: str) -> None:
        self.objects.delete(f"tombstones/{id}.json")

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60) -> t.Iterator[Lock]:
        lease = Lease(self.objects, f"leases/{name}.json", name, self._clock)
        lease.acquire(timeout)
        self._kept.pop(name, None)  # what was read before is not what counts under the lock
        self._leases.append(lease)
        done = threading.Event()
        try:
            if self._background:
                threading.Thread(target=self._renew, args=(lease, done), daemon=True).start()
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
            self._scratch.write(name, {KNOWN_HOSTS: known_hosts(kept.record)})
            if kept.keys and self._filled.get(name) != kept.keys:
                found = self.objects.get(kept.keys)
                if not found:
                    continue  # replaced since the record was read: look again
                self._scratch.replace(name, json.loads(found.data))
                self._filled[name] = kept.keys
            for lease in self._leases:
                if lease.name == name:
                    self.sweep(name, lease)
            return
        # Keys that somebody has deleted must not keep the machine from being removed: who needs them finds no file.

    def files(self, name: str) -> dict[str, str]:
        return self._scratch.read(name)

    def replace_files(self, name: str, texts: dict[str, str]) -> None:
        self._scratch.replace(name, texts)
        kept = self._kept.get(name)
        if kept:
            self._kept[name] = kept._replace(keys=None, files=[])  # so that the next put() writes them anew

    def has_first_boot(self, name: str) -> bool:
        kept = self._known(name)
        return kept is not None and any(file.startswith(f"{FIRST_BOOT}/") for file in kept.files)

    def drop_first_boot(self, name: str, lock: Lock | None) -> None:
        self.fill(name)
        self._demand(lock, name, f"The files of {name} were to be removed without its lock")
        self._scratch.remove(f"{name}/{FIRST_BOOT}")
        kept = self._known(name)
        if kept:
            self._commit(kept.record, *self._keep_files(name))

    # The CA and the Docker client's pair

    @property
    def ca(self) -> str:
        return self._scratch.folder(CA)

    def fill_ca(self) -> None:
        self._scratch.write(CA, self.ca_files())

    def put_ca(self, files: dict[str, str]) -> None:
        found = self.objects.get("ca.json")
        try:
            self._write_ca(files, found)
        except Conflict:
            raise MachineError(
                f"The CA of {self.where} was changed by somebody else meanwhile", code="conflict"
            ) from None

    def _write_ca(self, files: dict[str, str], found: Found | None) -> None:
        write(self.objects, "ca.json", _json({"nonce": nonce(), "files": files}), found.tag if found else None)

    def ca_files(self) -> dict[str, str]:
        found = self.objects.get("ca.json")
        return dict(json.loads(found.data)["files"]) if found else {}

    def make_ca(self, timeout: float = 60) -> bool:
        from .. import _tls

        while True:
            found = self.objects.get("ca.json")
            files = json.loads(found.data)["files"] if found else self._new_ca()
            if found and _tls.needs_renewal(files["client-cert.pem"], []) is None:
                return False
            files["client-cert.pem"] = issue_client(files)
            try:
                self._write_ca(files, found)
            except Conflict:
                continue  # another run's is the one
            return True

    def give_client_pair(self, name: str) -> bool:
        files = self.ca_files()
        if files:
            self._scratch.write(name, {new: files[old] for new, old in PAIR.items()})
        return False  # it is made from the CA wherever it is needed, and so never changes here

    def _new_ca(self) -> dict[str, str]:
        from .. import _tls

        with explained(), tempfile.TemporaryDirectory(dir=self._scratch.root()) as folder:
            _tls.make_ca_folder(folder)
            files = {}
            for file in os.listdir(folder):
                with open(os.path.join(folder, file), encoding="ascii") as stream:
                    files[file] = stream.read()
        return {**files, "client-key.pem": _tls.new_key()}

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
            write(self.objects, "store.json", _json(meta), found.tag if found else None)
        except Conflict:
            raise MachineError(
                f"store.json of {self.where} was changed by somebody else meanwhile",
                code="conflict",
                remedy="Run again",
            ) from None
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
                remedy="Restore store.json from a backup: with a new one, the machines would not be known as ours",
            )

    # Helpers

    def _recorded(self) -> list[str]:
        return [key[len("records/") : -len(".json")] for key in self.objects.list("records/") if key.endswith(".json")]

    def explained(self) -> contextlib.AbstractContextManager[None]:
        return explained()


def _record_key(name: str) -> str:
    return f"records/{name}.json"


def _json(data: dict[str, t.Any]) -> bytes:
    return json.dumps(data, indent=1, sort_keys=True).encode()
