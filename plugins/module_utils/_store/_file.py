# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in a folder: atomic, locked, compare-and-set.

store.json                 UUID and schema
locks/NAME                 flock; never deleted
ca/                        server and client CA, the client's pair
machines/NAME/             machine.json, observed.json, keys, a driver's own files
tombstones/ID.json         what removed machines were
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import socket
import time
import typing as t
import uuid

from .._errors import MachineError
from .._record import Record, now
from ._durable import copy_file, fsync_folder, make_folder, write_file

SCHEMA = 1
CA_LOCK, PICKS_LOCK = ".ca", ".picks"  # no machine's name begins with a dot


class Lock:
    """Held by the process that makes the calls. The kernel lets it go with the process."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def acquire(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        pause = 0.05
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = self._holder()
                    self.release()
                    raise MachineError(
                        f"{self.name.lstrip('.')} is being worked on by {holder}; waited {timeout:g} s for it",
                        code="locked",
                        remedy="Wait until that run is over, or raise lock_timeout",
                    ) from None
                time.sleep(pause)
                pause = min(pause * 1.5, 1.0)
        me = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now()})
        with contextlib.suppress(OSError):  # who holds it is only for people: a full disk must not stop us here
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, me.encode(), 0)

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


class FileStore:
    def __init__(self, path: str) -> None:
        self.path = path
        self._meta: dict[str, t.Any] | None = None

    # The store itself

    def create(self) -> None:
        """Make the store if there is none. Safe in parallel: the first one wins."""
        with self.explained():
            for folder in ("", "locks", "machines", "tombstones"):
                make_folder(os.path.join(self.path, folder) if folder else self.path)
            if os.path.exists(self._path("store.json")):
                return
            self._refuse_vanished()
            meta = {"schema": SCHEMA, "id": str(uuid.uuid4()), "digest_key": secrets.token_hex(32), "created": now()}
            # By link(), which fails if the name is there: rename() would let two first runs both win.
            temporary = self._path(f".store.json.{uuid.uuid4()}")
            write_file(temporary, json.dumps(meta, indent=1), replace=False)
            try:
                os.link(temporary, self._path("store.json"))
                fsync_folder(self.path)
            except FileExistsError:
                pass
            finally:
                os.unlink(temporary)

    @property
    def exists(self) -> bool:
        return os.path.exists(self._path("store.json")) or bool(self._folders())

    @property
    def id(self) -> str:
        return str(self._read_meta()["id"])

    def digest(self, value: t.Any) -> str:
        """An HMAC, so that a changed secret is noticed though no secret is kept."""
        key = bytes.fromhex(self._read_meta()["digest_key"])
        return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()

    # Machines

    def names(self) -> list[str]:
        """Names of the machines that have a record."""
        names = [name for name in self._folders() if os.path.exists(self._machine(name, "machine.json"))]
        if names:
            self._read_meta()
        return names

    def folder(self, name: str) -> str:
        return self._path("machines", name)

    def read(self, name: str) -> Record | None:
        path = self._machine(name, "machine.json")
        try:
            with open(path, "rb") as file:
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._error(error) from error
        self._read_meta()
        record = Record.from_json(text, path)
        if record.name != name:
            raise MachineError(
                f"The record {path} is damaged (it says its name is {record.name})", code="damaged_record"
            )
        return record

    def save(self, record: Record, lock: Lock | None) -> None:
        """Durable when this returns. Needs the machine's lock, and the record as it was read last."""
        if not (lock and lock.held and lock.name == record.name):
            raise MachineError(f"The record of {record.name} was to be saved without its lock", code="bug")
        current = self.read(record.name)
        if (current.revision if current else 0) != record.revision or (current and current.id != record.id):
            raise MachineError(
                f"The record of {record.name} was changed by somebody else meanwhile",
                code="conflict",
                remedy="Run again",
            )
        record.revision += 1
        record.updated = now()
        record.created = record.created or record.updated
        try:
            with self.explained():
                make_folder(self.folder(record.name))
                write_file(self._machine(record.name, "machine.json"), record.to_json())
        except MachineError:
            record.revision -= 1
            raise

    def observed(self, name: str) -> dict[str, t.Any]:
        """What was last seen of a machine; lost without harm, so damage is no error."""
        try:
            with open(self._machine(name, "observed.json"), "rb") as file:
                data = json.loads(file.read())
            return data if isinstance(data, dict) else {}
        except (OSError, ValueError):
            return {}

    def save_observed(self, name: str, observed: dict[str, t.Any]) -> None:
        with self.explained(), contextlib.suppress(FileNotFoundError):  # removed meanwhile
            write_file(self._machine(name, "observed.json"), json.dumps(observed, indent=1), durable=False)

    def remove(self, record: Record, lock: Lock | None) -> None:
        """Bury the record: its tombstone first, then all of its folder."""
        tombstone = {
            "schema": SCHEMA,
            "id": record.id,
            "name": record.name,
            "driver": record.driver,
            "account": record.account,
            "place": record.place,
            "resources": record.kept.get("gone", []),
            "removed": now(),
        }
        with self.explained():
            write_file(self._path("tombstones", f"{record.id}.json"), json.dumps(tombstone, indent=1))
        self.clear(record.name, lock)

    def clear(self, name: str, lock: Lock | None) -> None:
        """Remove a machine's folder; what a killed run has left of it, too."""
        if not (lock and lock.held and lock.name == name):
            raise MachineError(f"The folder of {name} was to be removed without its lock", code="bug")
        folder, gone = self.folder(name), self._path("machines", f".removed-{name}")
        self.sweep(name, lock)
        with self.explained():
            if os.path.lexists(folder):
                os.rename(folder, gone)
                fsync_folder(self._path("machines"))
                shutil.rmtree(gone)

    def sweep(self, name: str, lock: Lock | None) -> None:
        """Remove what a removal that was killed has left."""
        gone = self._path("machines", f".removed-{name}")
        with self.explained():
            if lock and lock.held and os.path.lexists(gone):
                shutil.rmtree(gone)

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60) -> t.Iterator[Lock]:
        with self.explained():
            lock = Lock(self._path("locks", name), name)
        try:
            lock.acquire(timeout)
            yield lock
        finally:
            lock.release()

    # The CA and the Docker client's pair

    @property
    def ca(self) -> str:
        return self._path("ca")

    def make_ca(self, timeout: float = 60) -> bool:
        """Make the CAs and the client's pair where there are none; renew the client's certificate in time."""
        from .. import _tls

        with self.lock(CA_LOCK, timeout), self.explained():
            if not os.path.isdir(self.ca):
                temporary = self._path(".ca")
                shutil.rmtree(temporary, ignore_errors=True)
                make_folder(temporary)
                _tls.make_ca_folder(temporary)
                write_file(os.path.join(temporary, "client-key.pem"), _tls.new_key())
                self._issue_client(temporary)
                os.rename(temporary, self.ca)
                fsync_folder(self.path)
                return True
            with open(os.path.join(self.ca, "client-cert.pem"), encoding="ascii") as file:
                if _tls.needs_renewal(file.read(), []) is None:
                    return False
            self._issue_client(self.ca)
            return True

    def give_client_pair(self, name: str) -> bool:
        """Make the machine's folder a DOCKER_CERT_PATH."""
        names = {"ca.pem": "server-ca.pem", "cert.pem": "client-cert.pem", "key.pem": "client-key.pem"}
        with self.explained():
            copied = [copy_file(os.path.join(self.ca, old), self._machine(name, new)) for new, old in names.items()]
            return any(copied)

    def _issue_client(self, folder: str) -> None:
        from .. import _tls

        texts = {}
        for name in ("client-ca.pem", "client-ca-key.pem", "client-key.pem"):
            with open(os.path.join(folder, name), encoding="ascii") as file:
                texts[name] = file.read()
        certificate = _tls.issue_client(
            texts["client-ca.pem"], texts["client-ca-key.pem"], "dockyard", texts["client-key.pem"]
        )
        write_file(os.path.join(folder, "client-cert.pem"), certificate)

    # Helpers

    def _path(self, *parts: str) -> str:
        return os.path.join(self.path, *parts)

    def _machine(self, name: str, file: str) -> str:
        return os.path.join(self.path, "machines", name, file)

    def _folders(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._path("machines")) if not name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._error(error) from error

    def _read_meta(self) -> dict[str, t.Any]:
        if self._meta is None:
            try:
                with open(self._path("store.json"), "rb") as file:
                    meta = json.loads(file.read())
                if meta["schema"] > SCHEMA:
                    raise MachineError(f"The store {self.path} was made by a later release", code="newer_store")
            except FileNotFoundError:
                self._refuse_vanished()
                raise MachineError(f"There is no store at {self.path}", code="no_store") from None
            except (ValueError, KeyError, TypeError, OSError) as error:
                raise MachineError(
                    f"{self._path('store.json')} can't be read ({error})", code="damaged_store"
                ) from error
            self._meta = meta
        return self._meta

    def _refuse_vanished(self) -> None:
        # Folders first: in a store that is just being made, store.json is there before any of them.
        if self._meta is None and self._folders() and not os.path.exists(self._path("store.json")):
            raise MachineError(
                f"{self._path('store.json')} is gone, though machines exist in {self._path('machines')}",
                code="store_vanished",
                remedy="Restore store.json from a backup: with a new one, the machines would not be known as ours",
            )

    @contextlib.contextmanager
    def explained(self) -> t.Iterator[None]:
        """Failures of files and disks, as errors that a person can act on."""
        try:
            yield
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> MachineError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return MachineError(
            f"The store {self.path} can't be used: {error.strerror} ({error.filename or self.path})",
            code="disk_full" if full else "store",
            remedy="Free some space and run again" if full else "Check the option store and the rights of that folder",
        )
