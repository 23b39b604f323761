# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there at the provider, and what the store says of it.

A thing is found by its tags or, where its kind has none, by its name; what neither says fully and in our form is not
looked at. Tags can be copied, so ours is only what the store knows by its id, or what shows our token or name: a record
owns it, a tombstone says that it is to be gone, or nobody knows it. Whatever else bears our tags is reported as a copy.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from .._contract import ABSENT, Driver, Kind, ResourceContext, Seen
from .._errors import MachineError
from .._input import NAME
from .._proof import proven, token_of
from .._record import Record, Resource, resource_name
from .._resources import Resources
from .._wish import Wish
from ._task import Task

if t.TYPE_CHECKING:
    from .._clock import Clock
    from .._store import Store

ID = re.compile(r"[0-9a-f]{12}\Z")
NUMBER = re.compile(r"[1-9][0-9]*\Z")
LATEST = re.compile(r"[0-9]{1,11}\Z")
REST = r"(?P<generation>[1-9][0-9]*)(?:-(?P<suffix>.+))?\Z"
NAMED = re.compile(rf"(?P<machine>{NAME.pattern[:-2]})-(?P<id>[0-9a-f]{{6}})-{REST}")

OURS, REMOVED, UNRECORDED, OTHERS = "ours", "removed", "unrecorded", "others"


@dataclasses.dataclass
class Thing:
    """Something that bears tags or a name of our form."""

    kind: type[Kind]
    seen: Seen
    machine: str
    id: str  # the record's; its first six characters, where a name is all that tells
    key: str
    generation: int
    attempt: int = 1
    store: str = ""  # "": a name does not tell
    expires: str = ""

    @property
    def end(self) -> float:
        """UNIX time, as its tags say it; without one, or with one that nobody can mean, never."""
        return float(self.expires) if LATEST.match(self.expires) else math.inf

    @property
    def turn(self) -> tuple[int, int]:
        """Of two things of one key, the later one counts."""
        return self.generation, self.attempt

    @property
    def proven(self) -> bool | None:
        """Whether it is what its tags say. False: it is a copy. None: nothing at the provider tells."""
        if not self.kind.tagged:
            return True
        turn = Resource(self.key, self.kind.__name__, generation=self.generation)
        token = token_of(self.store, self.id, self.key, self.generation, self.attempt)
        return proven(self.kind, ResourceContext(resource_name(self.machine, self.id, turn), token=token), self.seen)

    @property
    def resource(self) -> Resource:
        """As a record would name it. What was asked for nobody knows: at least what it has."""
        resource = Resource(self.key, self.kind.__name__, id=self.seen.id, requests=[dict(self.seen.has)])
        resource.generation, resource.attempt = self.turn
        return resource

    def public(self, why: str = "") -> dict[str, t.Any]:
        return {
            "kind": self.kind.__name__,
            "id": self.seen.id,
            "name": self.seen.name or None,
            "machine": self.machine,
            "machine_id": self.id,
            "store": self.store or None,
            "created": self.seen.created or None,
            "why": why,
        }

    def copied(self) -> str:
        return f"{self.kind.__name__} {self.seen.id} bears the tags of {self.machine}, and is not it: a copy"

    def __str__(self) -> str:
        return f"{self.kind.__name__} {self.seen.id} of {self.machine}"


def recognise(kind: type[Kind], seen: Seen) -> Thing | None:
    """The thing, if its tags (its name) are wholly of our form: a look-alike is nothing of ours."""
    if seen.state == ABSENT:
        return None
    if not kind.tagged:
        named = NAMED.match(seen.name)
        return Thing(kind, seen, named["machine"], named["id"], *_rest(kind, named)) if named else None
    tags = {name: str(value) for name, value in seen.tags.items()}
    machine, id, key, store = (tags.get(name, "") for name in ("machine", "id", "kind", "store"))
    generation, attempt = tags.get("generation", ""), tags.get("attempt", "")
    formed = store and NAME.match(machine) and ID.match(id) and NUMBER.match(generation) and NUMBER.match(attempt)
    if not formed or key.partition("/")[0] != kind.__name__:
        return None
    return Thing(kind, seen, machine, id, key, int(generation), int(attempt), store, tags.get("expires", ""))


def _rest(kind: type[Kind], named: re.Match[str]) -> tuple[str, int]:
    """Key and generation, as a name says them."""
    suffix = named["suffix"]
    return f"{kind.__name__}/{suffix}" if suffix else kind.__name__, int(named["generation"])


def name_owners(things: list[Thing]) -> None:
    """What has but a name belongs to the only machine with such a name and beginning of an id."""
    tagged = {(one.machine, one.id, one.store) for one in things if one.kind.tagged}
    for thing in things:
        if thing.kind.tagged:
            continue
        owners = []
        for machine, id, store in tagged:
            begin = f"{machine}-{id[:6]}-"
            rest = re.match(REST, thing.seen.name[len(begin) :])
            if thing.seen.name.startswith(begin) and rest:
                owners.append((machine, id, store, *_rest(thing.kind, rest)))
        if len(owners) == 1:
            thing.machine, thing.id, thing.store, thing.key, thing.generation = owners[0]


def failure(what: str, failed: list[dict[str, t.Any]], left_behind: list[str]) -> dict[str, t.Any]:
    """What is added to the result of a run in which some did not succeed."""
    if not failed:
        return {}
    said = "; ".join(f"{one.get('machine') or one.get('name')}: {one['error'].rstrip('.')}" for one in failed)
    error = MachineError(
        f"{what}: {said}", code="incomplete", left_behind=left_behind, remedy="Mend that and run again"
    )
    return {"failed": True, "msg": error.text(), "error": error.details()}


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
            return UNRECORDED, f"it bears the tags of {thing.machine}, and is not it: a copy"
        if entries:
            what = "record" if entries[0].record else "tombstone"
            return UNRECORDED, f"the {what} of {entries[0].name} does not know it"
        return UNRECORDED, "no record knows it" if thing.store else "its name does not tell which store it belongs to"

    def judge_anew(self, thing: Thing) -> tuple[str, str]:
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


class Survey(Task):
    """A look at all that is of our form in one place and account, over one connection."""

    def __init__(self, driver: type[Driver], store: Store, wish: Wish, clock: Clock | None = None) -> None:
        super().__init__(driver, store, wish, clock)
        self.place = {name: wish.options.get(name) for name in driver.place}
        self._begin(Record("", "", wish.driver, place=self.place))
        self.resources.note_account()
        self.account = self.resources.record.account

    def books(self) -> Books:
        return Books(self.store, self.wish.driver, self.place, self.account)

    def things(self) -> list[Thing]:
        """By one list a kind. Of kinds that can't be listed, what was removed is asked for one by one."""
        found: list[Thing] = []
        for kind in self.driver_class.kinds:
            if hasattr(kind, "create"):
                seen = self.resources.listed(kind, {}) if kind.lists_account else self._late(kind)
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
        task._begin(record)
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
