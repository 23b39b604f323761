# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store says of what is there: whose a thing is, and why that is thought."""

from __future__ import annotations

import dataclasses
import typing as t

from .._contract import Kind, Seen
from .._errors import MachineError
from .._record import Record, Resource, resource_name
from .._store import Store
from ._things import Thing, recognise

OURS, REMOVED, UNRECORDED, OTHERS = "ours", "removed", "unrecorded", "others"


@dataclasses.dataclass
class Entry:
    """What the store says of one machine: what was removed of it and, unless it is buried, its record."""

    store: str
    id: str
    name: str
    gone: list[dict[str, t.Any]]
    record: Record | None = None

    def owns(self, thing: Thing) -> bool:
        for one in self.record.resources if self.record else ():
            if one.kind == thing.kind.__name__ and not one.existing:
                # What was asked for and has not answered may show up at any time
                awaited = one.id is None and one.status == "creating"
                if one.id == thing.seen.id or (awaited and thing.proven and self._is(one, thing)):
                    return True
        return False

    def newer(self, things: t.Iterable[Thing]) -> list[Thing]:
        """Those that came after all that is known here under their keys: the store is older than they are."""
        known: dict[str, tuple[int, int]] = {}
        for one in self.gone:
            known[one["key"]] = max((one["generation"], one["attempt"]), known.get(one["key"], (0, 0)))
        for two in self.record.resources if self.record else ():
            known[two.key] = max((two.generation, two.attempt), known.get(two.key, (0, 0)))
        return [thing for thing in things if thing.key in known and thing.turn > known[thing.key]]

    def outdated(self, things: t.Collection[Thing]) -> bool:
        """Whether its record is of a machine in whose place there is a later one, or its tombstone of a former one."""
        newer = {thing.key for thing in self.newer(things)}
        living = {thing.seen.id for thing in things}
        return bool(newer) and not any(
            one.key in newer and one.id in living for one in (self.record.resources if self.record else ())
        )

    def removed(self, thing: Thing) -> bool:
        """Whether it, or what came after it under its key, was removed."""
        return any(one["kind"] == thing.kind.__name__ and self._was(one, thing) for one in self.gone)

    @staticmethod
    def _was(gone: dict[str, t.Any], thing: Thing) -> bool:
        if gone["id"] == thing.seen.id:
            return True
        if gone["id"] and thing.kind.identity == "name":
            return False  # the name was that thing's
        if not thing.kind.tagged:
            return bool(gone["name"] == thing.seen.name)
        turn = gone["generation"], gone["attempt"]
        return bool(thing.proven and gone["key"] == thing.key and turn >= thing.turn)

    def _is(self, resource: Resource, thing: Thing) -> bool:
        if not thing.kind.tagged:
            return thing.seen.name == resource_name(self.name, self.id, resource)
        return (resource.key, resource.generation, resource.attempt) == (thing.key, *thing.turn)


class Books:
    """What the store says of one driver's machines in one place and account."""

    def __init__(self, store: Store, driver: str, place: dict[str, t.Any], account: str) -> None:
        self.store = store
        self.own = store.id if store.exists else ""
        self._where = (driver, place, account)
        self.entries: dict[tuple[str, str], Entry] = {}
        tombstones = store.tombstones({}) if self.own else []  # a damaged one is named by the action
        self.tombstones = [one for one in tombstones if self._where == (one["driver"], one["place"], one["account"])]
        for one in self.tombstones:
            self._add(Entry(one.get("store") or self.own, one["id"], one["name"], one["resources"]))
        for name in store.names() if self.own else ():
            self._read(name)

    def judge(self, thing: Thing) -> tuple[str, str]:
        """Whose it is, and why that is thought."""
        entries = self._concerned(thing)
        if any(one.owns(thing) for one in entries):
            return OURS, f"{thing.machine} owns it"
        for one in entries:
            if one.removed(thing):
                return REMOVED, f"it was removed from {one.name}" if one.record else f"{one.name} was removed"
        if not entries and thing.store and thing.store != self.own:
            return OTHERS, f"it belongs to store {thing.store}"
        if thing.proven is False:
            return UNRECORDED, f"it has the tags of {thing.machine}, but is a copy"
        if entries:
            what = "record" if entries[0].record else "tombstone"
            return UNRECORDED, f"the {what} of {entries[0].name} does not know it"
        return UNRECORDED, "no record knows it" if thing.store else "its name does not show which store it belongs to"

    def judge_again(self, thing: Thing) -> tuple[str, str]:
        """The same, under the machine's lock: its record may have changed since."""
        self.entries = {key: one for key, one in self.entries.items() if not one.record or one.name != thing.machine}
        if self.own:
            self._read(thing.machine)
        return self.judge(thing)

    def _concerned(self, thing: Thing) -> list[Entry]:
        if thing.kind.tagged:
            found = self.entries.get((thing.store, thing.id))
            return [found] if found else []
        return [one for one in self.entries.values() if thing.seen.name.startswith(f"{one.name}-{one.id[:6]}-")]

    def _read(self, name: str) -> None:
        try:
            record = self.store.read(name)
        except MachineError:
            return  # what a damaged record knows, nobody can tell: its things are listed, and stay
        if record and self._where == (record.driver, record.place, record.account):
            store = record.kept.get("store") or self.own
            self._add(Entry(store, record.id, record.name, record.kept.get("gone", []), record))

    def _add(self, entry: Entry) -> None:
        self.entries[entry.store, entry.id] = entry


def copies(store: Store, kind: type[Kind], listed: list[Seen]) -> list[str]:
    """What is to be said of each thing that bears this store's tags and is somebody's copy."""
    things = [thing for seen in listed if (thing := recognise(kind, seen)) and thing.store == store.id]
    return [thing.copied() for thing in things if thing.proven is False]


def strangers(store: Store, kind: type[Kind], listed: list[Seen]) -> list[dict[str, str]]:
    """Name and id of each machine that was made for this store and that the store does not know."""
    things = [thing for seen in listed if (thing := recognise(kind, seen)) and thing.store == store.id]
    things = [thing for thing in things if thing.proven is not False]
    buried = {one["id"] for one in store.tombstones({})} if things else set()
    return [{"name": one.machine, "id": one.id} for one in things if one.id not in buried and not _knows(store, one)]


def _knows(store: Store, thing: Thing) -> bool:
    # Read now: it may have been made since the others were read
    try:
        record = store.read(thing.machine)
    except MachineError:
        return True  # a damaged record: whoever names that machine is told
    return record is not None and record.id == thing.id
