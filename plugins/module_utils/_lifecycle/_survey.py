# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a whole place and account, for prune and adopt."""

from __future__ import annotations

import dataclasses
import typing as t

from .._clock import Clock
from .._contract import Driver, Kind, ResourceContext, Seen
from .._errors import MachineError
from .._record import Record
from .._resources import Resources
from .._store import Store
from .._wish import Wish
from ._books import Books
from ._task import Task
from ._things import Thing, name_owners, recognise


class Survey:
    """A look at all that follows the naming scheme in one place and account, over one connection."""

    def __init__(self, driver: type[Driver], store: Store, wish: Wish, clock: Clock | None = None) -> None:
        self.driver_class, self.store, self.wish = driver, store, wish
        self.place = {name: wish.options.get(name) for name in driver.place}
        self.task = Task(driver, store, wish, clock)
        self.clock = self.task.clock
        self.task.begin(Record("", "", wish.driver, place=self.place))
        self.driver = self.task.driver
        self.task.resources.note_account()
        self.account = self.task.resources.record.account

    def books(self) -> Books:
        return Books(self.store, self.wish.driver, self.place, self.account)

    def things(self) -> list[Thing]:
        """By one list a kind. Of kinds that can't be listed, what was removed is asked for one by one."""
        found: list[Thing] = []
        for kind in self.driver_class.kinds:
            if hasattr(kind, "create"):
                seen = self.task.resources.listed(kind, {}) if kind.lists_account else self._late(kind)
                found += [thing for one in seen if (thing := recognise(kind, one))]
        name_owners(found)
        return found

    def at(self, thing: Thing) -> Task:
        """A task on that thing's machine, of which there is no record."""
        record = Record(thing.id, thing.machine, self.wish.driver, account=self.account, place=self.place)
        record.kept["store"] = thing.store
        record.resources = [thing.resource]
        task = Task(self.driver_class, self.store, self.wish_for(thing.machine), self.clock)
        task.connected = self.driver
        task.begin(record)
        return task

    def wish_for(self, machine: str) -> Wish:
        """A machine that is being worked on is left alone: its lock is not waited for."""
        return dataclasses.replace(self.wish, name=machine, lock_timeout=0)

    def _late(self, kind: type[Kind]) -> list[Seen]:
        """What is there of the removed things of a kind, each seen once."""
        found: dict[str, Seen] = {}
        for entry in self.books().entries.values():
            for one in entry.gone:
                if one["kind"] == kind.__name__:
                    turn = one["key"], one["generation"], one["attempt"]
                    task = self.at(Thing(kind, Seen(""), entry.name, entry.id, *turn, entry.store))
                    found.update((seen.id, seen) for seen in self._asked(task.resources))
        return list(found.values())

    @staticmethod
    def _asked(resources: Resources) -> list[Seen]:
        resource = resources.record.resources[0]
        kind = resources.kind(resource)

        def listed(it: ResourceContext) -> list[t.Any]:
            try:
                return kind.list(it)
            except (LookupError, TypeError):
                return []  # it can't be asked for without its request: a tie of two other things, say

        return [kind.seen(raw) for raw in resources.read(listed, resources.it(resource)) or []]


def failure(what: str, failed: list[dict[str, t.Any]], left_behind: list[str]) -> dict[str, t.Any]:
    """What is added to the result of a run in which some did not succeed."""
    if not failed:
        return {}
    said = "; ".join(f"{one.get('machine') or one.get('name')}: {one['error'].rstrip('.')}" for one in failed)
    error = MachineError(f"{what}: {said}", code="incomplete", left_behind=left_behind, remedy="Fix that and run again")
    return {"failed": True, "msg": error.text(), "error": error.details()}
