# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a store: copied, compared, and never in use at both places, whichever step is the last one that was done.

                     the old place says        the new place says
1. nobody looks in   -                         filled_from
2. nobody works      moving_to                 filled_from          machines are copied one by one, each under its lock
3. in use here       moving_to                 -
4. it says where     moved_to                  -

A run that was cut off is taken up at the step where it was. From 3 on, nothing is copied any more, also by a run that
was only stopped, while another one finished it: it looks at the mark before it writes, and after it has read what it
writes over.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _pin, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import CA_LOCK, Store
from ansible_collections.dockyard.machine.plugins.module_utils._store._base import FILLING, MOVED, MOVING
from ansible_collections.dockyard.machine.plugins.module_utils._store._digest import KEY
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store


class Move:
    def __init__(self, source: Store, target: Store, timeout: float) -> None:
        self.source = source
        self.target = target
        self.timeout = timeout
        self.marks: dict[str, t.Any] = {}  # what the new place says
        source.moving = target.moving = True

    def check(self) -> bool:
        """Whether there is anything to do; an error if it can't be done."""
        source, target = self.source, self.target
        if source.place == target.place:
            raise BadOption("to", f"{target.where!r} is the current place of the store", "Give another place")
        meta = source.meta()
        self._refuse_other(meta.get(MOVED))
        self._refuse_other(meta.get(MOVING))
        self.marks = target.meta() if target.exists else {}
        if self.marks and self.marks["id"] != meta["id"]:
            raise BadOption("to", f"{target.where!r} is another store", "Give a place without a store")
        if self._in_use() and not meta.get(MOVED) and not meta.get(MOVING):
            raise MachineError(
                f"{source.where} and {target.where} are one store that is in use at both places",
                code="two_stores",
                remedy="Find out which one is right, and take the other one away",
            )
        if meta.get(MOVED) and not self.marks:
            raise MachineError(
                f"The store {source.where} was moved to {target.where}, where there is none now",
                code="store_vanished",
                remedy="Restore that from a backup",
            )
        if not meta.get(MOVED) and not self._in_use():
            self._refuse_local()
        return not meta.get(MOVED)

    def run(self) -> None:
        """Do it, or what is left of it."""
        if not self._in_use():
            meta = {key: value for key, value in self.source.meta().items() if key not in (MOVED, MOVING, KEY)}
            self.target.create({**meta, FILLING: self.source.where, KEY: self.source.digest_key()})
            self._mark(self.target, {**meta, FILLING: self.source.where})
            self._mark(self.source, {**meta, MOVING: self.target.where})
            self._copy()
            self._refuse_finished()
            self._mark(self.target, meta)
        meta = {key: value for key, value in self.source.meta().items() if key != MOVING}
        self._mark(self.source, {**meta, MOVED: self.target.where})

    def _in_use(self) -> bool:
        """Whether the new place is the store already."""
        return bool(self.marks) and not any(self.marks.get(mark) for mark in (FILLING, MOVED)) and not self._is_copy()

    def _is_copy(self) -> bool:
        return self.target._is_copy(self.marks)

    @staticmethod
    def _mark(store: Store, meta: dict[str, t.Any]) -> None:
        store.create(meta)
        store.replace_meta({**meta, "location": store._location()})

    def _refuse_other(self, mark: str | None) -> None:
        if mark and open_store(mark).place != self.target.place:
            raise MachineError(
                f"The store {self.source.where} was to be moved to {mark}, not to {self.target.where}",
                code="moved_store",
                remedy=f"Move it there, or from there: machine_store_to={mark}",
            )

    def _refuse_finished(self) -> None:
        """An error if the new place is in use meanwhile: it knows more than the old one."""
        if not self.target.meta(again=True).get(FILLING):
            raise MachineError(
                f"Another run has moved the store {self.source.where} to {self.target.where} while this one was stopped",
                code="moved_store",
                remedy="Nothing is left to be done: give that one as store",
            )

    def _refuse_local(self) -> None:
        records = self.source.records().values()
        local = [one.name for one in records if _drivers.load(one.driver).local]
        if local:
            raise MachineError(
                f"{', '.join(local)}: these machines are stored in files of this controller, with their records",
                code="local_machines",
                remedy=f"Remove them first, or leave {self.source.where} where it is",
            )

    def _copy(self) -> None:
        source, target = self.source, self.target
        copied = []
        # All that was ever worked on: who began before the mark was there is waited for, and nobody begins after it
        for name in sorted({*source.locked_names(), *target.names()}):
            with source.lock(name, self.timeout), target.lock(name, self.timeout) as lock:
                record = source.read(name)
                if record:
                    self._copy_machine(record)
                    copied.append(name)
                else:
                    target.read(name)
                    self._refuse_finished()
                    target.clear(name, lock)  # a copy by hand may be older than a removal
        with source.lock(CA_LOCK, self.timeout):
            files = source.ca_files()
            if files and target.ca_files() != files:
                self._refuse_finished()
                target.put_ca(files)
        for tombstone in source.tombstones():
            target.bury(tombstone)
        self._compare(copied, files)

    def _copy_machine(self, record: Record) -> None:
        source, target, name = self.source, self.target, record.name
        source.fill(name)
        target.read(name)  # what is written over
        target.fill(name)
        self._refuse_finished()
        target.replace_files(name, source.files(name))
        target.put(self._as_kept(record))
        target.save_observed(name, source.observed(name))

    def _as_kept(self, record: Record) -> Record:
        """As the target keeps it."""
        return dataclasses.replace(record, ssh=_ssh.as_shared(record.ssh)) if self.target.shared else record

    def _compare(self, names: list[str], ca: dict[str, str]) -> None:
        """As somebody else reads it who has seen nothing of the copying."""
        again = open_store(self.target.where)
        again.moving = True
        if again.digest_key() != self.source.digest_key():
            raise self._differs("the key of digests")
        if again.names() != names or again.ca_files() != ca:
            raise self._differs("the machines" if again.names() != names else "the CA")
        for name in names:
            record = self.source.read(name)
            self.source.fill(name)
            again.fill(name)
            if again.read(name) != (record and self._as_kept(record)) or again.files(name) != self.source.files(name):
                raise self._differs(name)
            if record and record.ssh:
                again.give_client_pair(name)
                _pin.write(record, again.folder(name))
        buried = {one["id"] for one in again.tombstones()}
        if not {one["id"] for one in self.source.tombstones()} <= buried:
            raise self._differs("the tombstones")

    def _differs(self, what: str) -> MachineError:
        return MachineError(
            f"The copy at {self.target.where} is not like the store {self.source.where}: {what}",
            code="copy_differs",
            remedy="Run again; until it is right, the store is in use at neither place",
        )


def is_to_be_claimed(target: Store, source: str) -> bool:
    """Whether this is a copy of a store that is gone, and not yet in its place."""
    meta = target.meta()
    if not target._is_copy(meta):
        return False
    made_for = meta["location"].get("path") or meta["location"].get("place")
    if made_for != open_store(source).place:
        raise BadOption("from", f"{source!r} is not the source of this copy", f"The source was {made_for}")
    return True
