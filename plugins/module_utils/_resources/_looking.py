# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for resources: by id, by tags, in the whole account."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._contract import Kind, ResourceContext, Seen
from .._errors import MachineError
from .._proof import bears_tags, proven
from .._record import Resource
from ._calls import Calls


class Unproved(MachineError):
    """Something bears our tags, and nothing tells whether it is ours or a copy."""


class Looking(Calls):
    def __init__(self, *arguments: t.Any, **more: t.Any) -> None:
        super().__init__(*arguments, **more)
        # Keys of what was called for in this run -> UNIX time from which on calls of former runs surely show.
        self._tried: dict[str, float] = {}
        self._met: set[str] = set()  # ids that were there in this run
        self._late: set[str] = set()  # ids that lists show, and reads by them do not yet
        self._ends: dict[str, str | None] = {}  # key -> why it is gone, where the provider still tells
        self.copies: dict[str, str] = {}  # id -> what is said of each thing that bears our tags and is not ours

    def get(self, resource: Resource) -> Seen | None:
        """By id. None: not there, at this one look."""
        if not resource.id:
            return None
        kind = self.kind(resource)
        self.told = False
        if resource.id in self._late:
            listed = map(kind.seen, self.read(kind.list, self.it(resource)) or [])
            return self.note(resource, next((seen for seen in listed if seen.id == resource.id), None))
        raw = self.read(kind.get, self.it(resource))
        return self.note(resource, kind.seen(raw) if raw is not None else None)

    def last(self, resource: Resource) -> Seen | None:
        """As it was seen since the last change, else as it is."""
        return self._seen.get(resource.key) or self.get(resource)

    def forget(self) -> None:
        """Look anew next time: what is there, or what is wanted of it, may have changed."""
        self._seen.clear()

    def note(self, resource: Resource, seen: Seen | None) -> Seen | None:
        """Take what was read just now for how it is."""
        if seen is None or seen.state == contract.ABSENT:
            self._seen.pop(resource.key, None)
            if seen is not None:
                self.told = True
                self._ends[resource.key] = seen.verdict
            return None
        self._seen[resource.key] = seen
        self._met.add(seen.id)
        return seen

    def shows(self, resource: Resource) -> float:
        """UNIX time from which on surely shows what was made, if anything was."""
        lag = self.kind(resource).lag
        if resource.key in self._tried:
            return max(self._tried[resource.key], resource.last_try + lag)
        if not resource.id:
            lag += self.driver.call_limit  # whoever called may have been killed with the call still on its way
        return min(resource.last_try + self.skew, self.began) + lag

    def look(self, resource: Resource, until: float) -> Seen | None:
        """By tags (or by name, where there are no tags), again and again until that UNIX time."""
        kind = self.kind(resource)
        while True:
            left = until - self.clock.time()  # when it is asked: the answer may take its time
            ours = self._ours(resource, kind)
            if ours:
                # Nobody knows when it was made, so reads by its id may not show it yet.
                resource.last_try = self.clock.time()
                self._tried[resource.key] = 0.0
                return self._settle_twins(resource, ours)
            if left <= 0:
                return None
            self.clock.sleep(min(left, 1.0))

    def confirm(self, resource: Resource) -> Seen | None:
        """By id, and not found only if that can be believed."""
        seen = self.get(resource)
        if seen is not None:
            return seen
        # What was there in this run and is said to be gone is not only late to show; what a list lacks may be.
        patience = 0.0 if self.told and resource.id in self._met else min(5.0, self.kind(resource).lag)
        for _left in self.clock.poll(max(patience, self.shows(resource) - self.clock.time(), 0.1)):
            seen = self.get(resource)
            if seen is not None:
                return seen
        self.check_account()
        return None

    def find(self, resource: Resource) -> Seen | None:
        """As confirm(); what nobody has met in this run is looked for in a list, too, since reads by an id may lag."""
        seen = self.confirm(resource)
        if seen is not None or resource.id in self._met or resource.key in self._ends:
            return seen
        self._late.add(str(resource.id))
        seen = self.get(resource)
        if seen is None:
            self._late.discard(str(resource.id))
        return seen

    def listed(self, kind: type[Kind], tags: dict[str, str]) -> list[Seen]:
        """All things of a kind in this place that bear these tags (none: that may be ours at all)."""
        one = self._kinds[kind.__name__]
        return [one.seen(raw) for raw in self.read(one.list, ResourceContext(name="", tags=tags)) or []]

    def _ours(self, resource: Resource, kind: Kind) -> list[Seen]:
        """What a list shows that this attempt has made. Raises Unproved if that can't be told."""
        it = self.it(resource)
        found = [seen for seen in map(kind.seen, self.read(kind.list, it) or []) if bears_tags(kind, it, seen)]
        found = [seen for seen in found if seen.state != contract.ABSENT]
        ours = [seen for seen in found if proven(kind, it, seen)]
        unsure = [seen for seen in found if proven(kind, it, seen) is None]
        for seen in found:
            if seen not in ours and seen not in unsure:
                self.copies[seen.id] = (
                    f"{resource.kind} {seen.id} bears the tags of {self.record.name}, and is not it: a copy"
                )
        if not ours and len(unsure) == 1 and resource.key in self._tried:
            return unsure  # called for by this very run, and nobody else knew these tags before
        if (unsure and not ours) or (len(ours) > 1 and kind.identity == "name"):
            raise self._unproved(resource, ours or unsure)
        return ours

    def _unproved(self, resource: Resource, found: list[Seen]) -> Unproved:
        there = [f"{resource.kind} {seen.id}" for seen in found]
        bear = "bears" if len(there) == 1 else "bear"
        return Unproved(
            f"{' and '.join(there)} {bear} the tags of {self.record.name}, and nothing tells what of it was made for"
            " it and what is a copy",
            code="unproved",
            left_behind=[*self.left_behind(), *there],
            remedy="Look at it. Of what is yours, remove our tags; the rest is removed by the module prune (playbook: "
            f"-e machine_ids={','.join(seen.id for seen in found)}). Then run again",
        )

    def _settle_twins(self, resource: Resource, twins: list[Seen]) -> Seen:
        """Of several that one attempt has made for sure, the recorded one stays, else the oldest."""
        twins.sort(key=lambda seen: (seen.id != resource.id, seen.created, seen.id))
        for twin in twins[1:]:
            it = self.it(resource)
            it.id, it.seen = twin.id, twin
            self.attempt(resource, "delete", it)
        return twins[0]

    def _fact(self, resource: Resource, fact: str) -> t.Any:
        seen = self.last(resource) if resource.id else None
        return seen.facts.get(fact) if seen else None
