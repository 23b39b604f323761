# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in a folder: atomic, locked, compare-and-set.

store.json                 UUID, schema, and the place that it was made for
private/digest.json        the key of digests of secrets
locks/NAME                 flock; never deleted
ca/                        server and client CA, the client's pair
machines/NAME/             machine.json, observed.json, keys, a driver's own files
tombstones/ID.json         what removed machines were
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import typing as t
import uuid

from .._clock import Clock
from .._durable import make_folder, sync, write_file
from .._errors import MachineError
from .._record import Record, observed_from_json
from .._times import now
from . import _modes, _names
from ._base import Lock
from ._digest import DIGEST, PRIVATE
from ._file_ca import FileCA
from ._folders import read_texts, remove_tree, sweep

REMOVED = ".removed-"  # what a machine's folder begins with while it is being removed


class FileLock:
    """Held by the process that makes the calls. The kernel releases it when that process exits."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def acquire(self, timeout: float) -> None:
        if not Clock().until(self._taken, timeout, most=1.0):
            holder = self._holder()
            self.release()
            raise MachineError(
                f"{self.name.lstrip('.')} is being worked on by {holder}; waited {timeout:g} s for it",
                code="locked",
                remedy="Wait until that run is over, or raise lock_timeout",
            )
        me = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now()})
        with contextlib.suppress(OSError):  # who holds it is only for people: a full disk must not stop us here
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, me.encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def check(self, seconds: float) -> None:
        """Make sure that it lasts so long: this one lasts as long as its process."""

    @property
    def held(self) -> bool:
        return self._file >= 0

    def _holder(self) -> str:
        try:
            holder = json.loads(os.pread(self._file, 4096, 0))
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (ValueError, KeyError, OSError):
            return "another process"


class FileStore(FileCA):
    shared = False

    def __init__(self, path: str) -> None:
        self.path = self.where = path
        self.place = os.path.realpath(path)

    # The store itself

    def create(self, meta: dict[str, t.Any] | None = None) -> None:
        with self.explained():
            _modes.check(self.path)  # before anything is put into what may be another user's
            for folder in ("", "locks", "machines", "tombstones", PRIVATE):
                make_folder(os.path.join(self.path, folder) if folder else self.path)
            if os.path.exists(self._path("store.json")):
                return
            self._refuse_vanished()
            self.keep_digest_key(meta)
            meta = {**self._parted(meta or self._new_meta()), "location": self._location()}
            # By link(), which fails if the name is there: rename() would let two first runs both win.
            temporary = self._path(f".store.json.{uuid.uuid4()}")
            write_file(temporary, json.dumps(meta, indent=1), replace=False)
            try:
                os.link(temporary, self._path("store.json"))
                sync(self.path)
            except FileExistsError:
                pass
            finally:
                os.unlink(temporary)

    @property
    def exists(self) -> bool:
        return os.path.exists(self._path("store.json")) or bool(self._folders())

    # Machines

    def names(self) -> list[str]:
        names = [name for name in self._folders() if os.path.exists(self._machine(name, "machine.json"))]
        self._look(bool(names))
        return names

    def folder(self, name: str) -> str:
        return self._path("machines", name)

    def read(self, name: str) -> Record | None:
        path = self._machine(name, "machine.json")
        try:
            with open(path, "rb") as file:
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            self._look(False)
            return None
        except OSError as error:
            raise MachineError(
                f"The record {path} can't be read: {error.strerror}",
                code="unreadable_record",
                remedy="Check the file and its mode",
            ) from error
        self._look(True)
        self._refuse_loose(name, path)
        record = Record.from_json(text, path)
        if record.name != name:
            raise MachineError(
                f"The record {path} is damaged (it says its name is {record.name})", code="damaged_record"
            )
        return record

    def _refuse_loose(self, name: str, path: str) -> None:
        """Others may be able to change one machine's files alone."""
        try:
            with self.explained():
                for one in (self.folder(name), path):
                    _modes.check_inside(self.path, one)
        except MachineError as error:
            raise MachineError(error.message, code="unreadable_record", remedy=error.remedy) from error

    def put(self, record: Record) -> None:
        with self.explained():
            make_folder(self.folder(record.name))
            write_file(self._machine(record.name, "machine.json"), record.to_json())

    def observed(self, name: str) -> dict[str, t.Any]:
        path = self._machine(name, "observed.json")
        try:
            with open(path, "rb") as file:
                return observed_from_json(file.read(), path)
        except OSError:
            return {}

    def save_observed(self, name: str, observed: dict[str, t.Any]) -> None:
        with self.explained(), contextlib.suppress(FileNotFoundError):  # removed meanwhile
            write_file(self._machine(name, "observed.json"), json.dumps(observed, indent=1), durable=False)

    def locked_names(self) -> list[str]:
        with self.explained(), contextlib.suppress(FileNotFoundError):
            return _names.machines({*os.listdir(self._path("locks")), *self._folders()})
        return []

    def _tombstone_texts(self) -> list[tuple[str, bytes]]:
        found = []
        with self.explained(), contextlib.suppress(FileNotFoundError):
            for file in sorted(os.listdir(self._path("tombstones"))):
                path = self._path("tombstones", file)
                with contextlib.suppress(FileNotFoundError):  # forgotten meanwhile
                    if file.endswith(".json"):
                        found.append((path, _read(path)))
        return found

    def bury(self, tombstone: dict[str, t.Any]) -> None:
        with self.explained():
            write_file(self._path(_names.tombstone(tombstone["id"])), json.dumps(tombstone, indent=1))

    def forget(self, id: str) -> None:
        with self.explained(), contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(_names.tombstone(id)))

    def clear(self, name: str, lock: Lock | None) -> None:
        self._demand(lock, name, f"The folder of {name} was to be removed without its lock")
        folder, gone = self.folder(name), self._path("machines", f"{REMOVED}{name}")
        self.sweep(name, lock)
        with self.explained():
            if os.path.lexists(folder):
                os.rename(folder, gone)
                sync(self._path("machines"))
                remove_tree(gone)

    def sweep(self, name: str, lock: Lock | None) -> None:
        gone = self._path("machines", f"{REMOVED}{name}")
        with self.explained():
            if lock and lock.held:
                if os.path.lexists(gone):
                    remove_tree(gone)
                sweep(self.folder(name), deep=True)

    def untidy(self) -> list[str]:
        with self.explained(), contextlib.suppress(FileNotFoundError):
            names = os.listdir(self._path("machines"))
            return _names.machines(name[len(REMOVED) :] for name in names if name.startswith(REMOVED))
        return []

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60) -> t.Iterator[Lock]:
        with self.explained():
            lock = FileLock(self._path("locks", name), name)
        try:
            with self.explained():
                lock.acquire(timeout)
            self._check_usable()
            with self.explained():
                if not name.startswith("."):
                    self.sweep(name, lock)
                for folder in ("", "tombstones", "client", PRIVATE):
                    sweep(self._path(folder))
            yield lock
        finally:
            lock.release()

    def fill(self, name: str) -> None:
        """They are kept there."""

    def files(self, name: str) -> dict[str, str]:
        with self.explained():
            texts = read_texts(self.folder(name))
        return {file: text for file, text in texts.items() if _names.is_machine_file(file)}

    def replace_files(self, name: str, texts: dict[str, str]) -> None:
        with self.explained():
            _names.checked(texts, _names.is_machine_file, f"The copy for {self.folder(name)}")
            make_folder(self.folder(name))
            for file in set(self.files(name)) - set(texts):
                os.unlink(self._machine(name, file))
            for file, text in texts.items():
                make_folder(os.path.dirname(self._machine(name, file)))
                write_file(self._machine(name, file), text)

    def has_first_boot(self, name: str) -> bool:
        return os.path.lexists(self._machine(name, _names.FIRST_BOOT))

    def drop_first_boot(self, name: str, lock: Lock | None) -> None:
        self._demand(lock, name, f"The files of {name} were to be removed without its lock")
        with self.explained():
            if self.has_first_boot(name):
                shutil.rmtree(self._machine(name, _names.FIRST_BOOT))

    # Helpers

    def _machine(self, name: str, file: str) -> str:
        return os.path.join(self.path, "machines", name, file)

    def _look(self, used: bool) -> None:
        """An error if this store is not to be looked into; one that isn't there is empty."""
        if self._meta is None and (used or os.path.exists(self._path("store.json"))):
            self.meta()

    def _folders(self) -> list[str]:
        try:
            return _names.machines(os.listdir(self._path("machines")))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._error(error) from error

    def _current(self, name: str) -> tuple[int, str]:
        record = self.read(name)
        return (record.revision, record.id) if record else (0, "")

    def _read_meta(self) -> bytes:
        _modes.check(self.path)
        try:
            with open(self._path("store.json"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            self._refuse_vanished()
            raise MachineError(f"There is no store at {self.path}", code="no_store") from None
        except OSError as error:
            raise MachineError(f"{self._path('store.json')} can't be read ({error})", code="damaged_store") from error

    def replace_meta(self, meta: dict[str, t.Any]) -> None:
        with self._meta_lock():
            self._write_meta(meta)

    def _write_meta(self, meta: dict[str, t.Any]) -> None:
        write_file(self._path("store.json"), json.dumps(meta, indent=1))
        self._meta = None

    @contextlib.contextmanager
    def _meta_lock(self) -> t.Iterator[None]:
        """So that what moves the store, and what takes the key of digests out of it, undo nothing of each other's."""
        with self.explained():
            lock = FileLock(self._path("locks", ".meta"), ".meta")
            try:
                lock.acquire(60)
                yield
            finally:
                lock.release()

    # The key of digests

    def _read_digest_key(self) -> bytes | None:
        with self.explained(), contextlib.suppress(FileNotFoundError):
            return _read(self._path(DIGEST))
        return None

    def _write_digest_key(self, text: bytes) -> None:
        with self.explained():
            make_folder(self._path(PRIVATE))
            temporary = self._path(PRIVATE, f".digest.json.{uuid.uuid4()}")
            write_file(temporary, text)
            # By link(), as store.json: two first runs at once have one key
            with contextlib.suppress(FileExistsError):
                os.link(temporary, self._path(DIGEST))
                sync(self._path(PRIVATE))
            os.unlink(temporary)

    def _part_digest_key(self) -> None:
        with self._meta_lock():
            self._write_meta(self._parted(json.loads(self._read_meta())))

    def _location(self) -> dict[str, t.Any]:
        return {"path": os.path.realpath(self.path), "inode": os.stat(self.path).st_ino}

    def _is_copy(self, meta: dict[str, t.Any]) -> bool:
        # A folder that was moved has another path, and one that is mounted elsewhere, too, but they keep their inode.
        # One that was restored from a backup has another inode. Only a copy beside the original has neither.
        made_for: dict[str, t.Any] = meta.get("location") or {}
        with self.explained():
            is_at = self._location()
        return bool(made_for) and all(made_for[key] != is_at[key] for key in is_at)

    def _refuse_vanished(self) -> None:
        # Folders first: in a store that is just being made, store.json is there before any of them.
        if self._meta is None and self._folders() and not os.path.exists(self._path("store.json")):
            raise MachineError(
                f"{self._path('store.json')} is gone, though machines exist in {self._path('machines')}",
                code="store_vanished",
                remedy="Restore store.json from a backup: with a new one, the store would not own its machines",
            )

    @contextlib.contextmanager
    def explained(self) -> t.Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> MachineError:
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            return MachineError(
                f"The store {self.path} can't be locked: {error.strerror}",
                code="store",
                remedy="Give a folder on a file system that has locks (flock), or start its server's lock service",
            )
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return MachineError(
            f"The store {self.path} can't be used: {error.strerror} ({error.filename or self.path})",
            code="disk_full" if full else "store",
            remedy="Free some space and run again" if full else "Check the option store and the rights of that folder",
        )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
