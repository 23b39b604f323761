# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning: what a record or a tombstone says is to be gone goes; all else of our form is listed, and stays."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from .._errors import MachineError
from .._proof import bears_tags
from .._record import BEING_REMOVED, Record, expires_at
from .._times import TIME
from ._absent import Removal
from ._backups import BackupCheck
from ._books import OTHERS, OURS, REMOVED, UNRECORDED, Books
from ._survey import Survey, failure
from ._task import RECREATING, Task
from ._things import Thing

TOMBSTONE_DAYS = 30
NOT_NOW = "locked"  # code of the error that says that somebody works on a machine


def _line(one: dict[str, t.Any]) -> str:
    what = f"{one['kind']} {one['id']} of {one['machine']}" if one["id"] else one["machine"]
    return f"{what} ({one['why']})"


def why_due(record: Record, now: float) -> str:
    """Why this machine is to be gone; empty: it isn't."""
    if record.status == BEING_REMOVED and not record.kept.get(RECREATING):
        return "its removal was begun"
    return f"it expired at {record.expires}" if expires_at(record) <= now else ""


class Pruner:
    """One run over one place and account."""

    def __init__(self, survey: Survey, ids: t.Collection[str] = (), from_store: str | None = None) -> None:
        self.survey = survey
        self.ids = ids
        self.from_store = from_store
        self.removed: list[dict[str, t.Any]] = []
        self.failed: list[dict[str, t.Any]] = []  # what is to be gone and could not be removed
        self.busy: list[dict[str, t.Any]] = []  # what is to be gone, and is being worked on
        self.unrecorded: list[dict[str, t.Any]] = []
        self.others: list[dict[str, t.Any]] = []
        self.found: set[str] = set()  # of the ids that were given

    def run(self) -> dict[str, t.Any]:
        # Looked at first and read then: what is made meanwhile has a record when it is judged
        things = self.survey.things()
        self._remove_machines()
        books = self.survey.books()
        for thing in sorted(things, key=self._dependent_first):
            self._judge(thing, books)
        if not self.survey.wish.check:
            self._forget(books, things)
            self._tidy()
        left = [thing for one in self.failed for thing in one["left_behind"]]
        return {
            "changed": bool(self.removed),
            "diff": {"before": "".join(f"{_line(one)}\n" for one in self.removed), "after": ""},
            "account": self.survey.account,
            "removed": self.removed,
            "failed_to_remove": self.failed,
            "busy": self.busy,
            "unrecorded": self.unrecorded,
            "others": self.others,
            "found": sorted(self.found),
            **failure("Not all could be removed", self.failed, left),
        }

    # Machines with a record

    def _remove_machines(self) -> None:
        survey = self.survey
        for entry in list(survey.books().entries.values()):
            if entry.record and why_due(entry.record, survey.clock.time()):
                task = Task(survey.driver_class, survey.store, survey.wish_for(entry.name), survey.clock)
                task.connected = survey.driver
                self._remove_machine(Removal(task, BackupCheck(task)), entry.record)

    def _remove_machine(self, removal: Removal, record: Record) -> None:
        now = self.survey.clock.time()
        said = {"kind": None, "id": None, "name": None, "machine": record.name, "machine_id": record.id}
        said.update(store=None, created=record.created, why=why_due(record, now))

        def due(current: Record) -> bool:
            # Under its lock: its life may have been prolonged since, or another machine may have its name.
            return current.id == record.id and bool(why_due(current, now))

        there = [f"{one.kind} {one.id or one.status}" for one in record.resources if not one.existing]
        self._try(lambda: removal.run(due).changed, said, there)

    # Things without one

    def _judge(self, thing: Thing, books: Books) -> None:
        verdict, why = books.judge(thing)
        asked = {thing.seen.id, thing.id} & set(self.ids)
        self.found |= asked
        meant = asked and (verdict == UNRECORDED or (verdict == OTHERS and thing.store == self.from_store))
        if meant and thing.seen.id not in asked and not thing.proven:
            if thing.proven is None:
                self._refuse(thing, why, f"It may be a copy. If it is not: give its id {thing.seen.id}")
                return
            meant = False  # the id of a machine does not mean its copies
        if verdict == REMOVED or meant:
            if hasattr(thing.kind, "delete"):  # else it goes with what it is a part of
                said = thing.public(f"asked for: {why}" if meant else why)
                self._try(lambda: self._remove(thing, books, verdict), said, [str(thing)])
        elif verdict == OURS and asked:
            self._refuse(thing, why, "It is recorded: remove the machine, by state absent")
        elif verdict == OTHERS and asked:
            self._refuse(thing, why, f"Give from_store: {thing.store}, if that one is gone")
        elif verdict == UNRECORDED:
            self.unrecorded.append(thing.public(why))
        elif verdict == OTHERS:
            self.others.append(thing.public(why))

    def _remove(self, thing: Thing, books: Books, verdict: str) -> bool:
        """Under the machine's lock. False: there was nothing to remove any more."""
        if self.survey.wish.check:
            return True
        task = self.survey.at(thing)
        with task.locked():
            if books.judge_again(thing)[0] != verdict:
                return False
            resource = task.resources.record.resources[0]
            seen = task.resources.get(resource)
            if seen is None or not bears_tags(task.resources.kind(resource), task.resources.it(resource), seen):
                return False
            task.resources.delete(resource)
            return True

    def _refuse(self, thing: Thing, why: str, error: str) -> None:
        self.failed.append({**thing.public(why), "error": error, "left_behind": [str(thing)]})

    def _try(self, remove: t.Callable[[], bool], said: dict[str, t.Any], there: list[str]) -> None:
        """One that can't be removed does not stand in the way of the others."""
        try:
            if remove():
                self.removed.append(said)
        except MachineError as error:
            left = error.left_behind or there
            (self.busy if error.code == NOT_NOW else self.failed).append(
                {**said, "error": error.text(), "left_behind": left}
            )

    def _dependent_first(self, thing: Thing) -> int:
        return -self.survey.driver_class.kinds.index(thing.kind)

    # What is left in the store

    def _tidy(self) -> None:
        """What killed runs have left of machines that are removed, their keys among it."""
        store = self.survey.store
        for name in store.untidy():
            with contextlib.suppress(MachineError), store.lock(name, 0) as lock:  # who works on it does the same
                store.sweep(name, lock)

    def _forget(self, books: Books, things: list[Thing]) -> None:
        """Old tombstones go, but not while there is anything that bears their id."""
        for one in books.tombstones:
            removed = datetime.datetime.strptime(one["removed"], TIME).replace(tzinfo=datetime.timezone.utc)
            age = self.survey.clock.time() - removed.timestamp()
            if age > TOMBSTONE_DAYS * 86400 and not any(one["id"].startswith(thing.id) for thing in things):
                self.survey.store.forget(one["id"])
