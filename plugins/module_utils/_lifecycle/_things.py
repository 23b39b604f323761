# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there at the provider, recognised by tags and names.

A thing is found by its tags or, where its kind has none, by its name; what neither says fully and in our form is not
looked at. Tags can be copied, so ours is only what the store knows by its id, or what shows our token or name: a record
owns it, a tombstone says that it is to be gone, or nobody knows it. Whatever else bears our tags is reported as a copy.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from .._contract import ABSENT, Kind, ResourceContext, Seen
from .._input import NAME
from .._proof import proven, token_of
from .._record import Resource, resource_name

ID = re.compile(r"[0-9a-f]{12}\Z")
NUMBER = re.compile(r"[1-9][0-9]*\Z")
LATEST = re.compile(r"[0-9]{1,11}\Z")
REST = r"(?P<generation>[1-9][0-9]*)(?:-(?P<suffix>.+))?\Z"
NAMED = re.compile(rf"(?P<machine>{NAME.pattern[:-2]})-(?P<id>[0-9a-f]{{6}})-{REST}")


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
        return f"{self.kind.__name__} {self.seen.id} has the tags of {self.machine}, but is a copy"

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
