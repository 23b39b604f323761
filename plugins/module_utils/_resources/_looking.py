# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding resources: by id, past the provider's lag; by tags; in the whole account."""

from __future__ import annotations

from .. import _contract as contract
from .._contract import Kind, ResourceContext, Seen
from .._errors import MachineError
from .._proof import bears_tags, proven
from .._record import Resource
from ._calls import Calls


class UnprovenError(MachineError):
    """Something bears our tags, and nothing tells whether it is ours or a copy."""


class Finder:
    """Finds what was made, and tells ours from copies."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.record, self.clock = calls.record, calls.clock
        # Keys of what was called for in this run -> UNIX time from which on calls of former runs surely show.
        self.tried: dict[str, float] = {}
        self.copies: dict[str, str] = {}  # id -> what is said of each thing that bears our tags and is not ours

    def shows(self, resource: Resource) -> float:
        """UNIX time from which on surely shows what was made, if anything was."""
        lag = self.calls.kind(resource).lag
        if resource.key in self.tried:
            return max(self.tried[resource.key], resource.last_try + lag)
        if not resource.id:
            lag += self.calls.driver.call_limit  # whoever called may have been killed with the call still on its way
        return min(resource.last_try + self.calls.skew, self.calls.began) + lag

    def look(self, resource: Resource, until: float) -> Seen | None:
        """By tags (or by name, where there are no tags), again and again until that UNIX time."""
        kind = self.calls.kind(resource)
        while True:
            left = until - self.clock.time()  # when it is asked: the answer may take its time
            ours = self._ours(resource, kind)
            if ours:
                # Nobody knows when it was made, so reads by its id may not show it yet.
                resource.last_try = self.clock.time()
                self.tried[resource.key] = 0.0
                return self._settle_twins(resource, ours)
            if left <= 0:
                return None
            self.clock.sleep(min(left, 1.0))

    def confirm(self, resource: Resource) -> Seen | None:
        """By id, and not found only if that can be believed."""
        seen = self.calls.get(resource)
        if seen is not None:
            return seen
        # What was there in this run and is said to be gone is not only late to show; what a list lacks may be.
        patience = 0.0 if self.calls.told and resource.id in self.calls.met else min(5.0, self.calls.kind(resource).lag)
        for _left in self.clock.poll(max(patience, self.shows(resource) - self.clock.time(), 0.1)):
            seen = self.calls.get(resource)
            if seen is not None:
                return seen
        self.calls.check_account()
        return None

    def find(self, resource: Resource) -> Seen | None:
        """As confirm(); what nobody has met in this run is looked for in a list, too, since reads by an id may lag."""
        seen = self.confirm(resource)
        if seen is not None or resource.id in self.calls.met or resource.key in self.calls.ends:
            return seen
        self.calls.late.add(str(resource.id))
        seen = self.calls.get(resource)
        if seen is None:
            self.calls.late.discard(str(resource.id))
        return seen

    def listed(self, kind: type[Kind], tags: dict[str, str]) -> list[Seen]:
        """All things of a kind in this place that bear these tags (none: that may be ours at all)."""
        one = self.calls.kinds[kind.__name__]
        return [one.seen(raw) for raw in self.calls.read(one.list, ResourceContext(name="", tags=tags)) or []]

    def _ours(self, resource: Resource, kind: Kind) -> list[Seen]:
        """What a list shows that this attempt has made. Raises UnprovenError if that can't be told."""
        it = self.calls.it(resource)
        found = [seen for seen in map(kind.seen, self.calls.read(kind.list, it) or []) if bears_tags(kind, it, seen)]
        found = [seen for seen in found if seen.state != contract.ABSENT]
        ours = [seen for seen in found if proven(kind, it, seen)]
        unsure = [seen for seen in found if proven(kind, it, seen) is None]
        for seen in found:
            if seen not in ours and seen not in unsure:
                self.copies[seen.id] = f"{resource.kind} {seen.id} has the tags of {self.record.name}, but is a copy"
        if not ours and len(unsure) == 1 and resource.key in self.tried:
            return unsure  # called for by this very run, and nobody else knew these tags before
        if (unsure and not ours) or (len(ours) > 1 and kind.identity == "name"):
            raise self._unproved(resource, ours or unsure)
        return ours

    def _unproved(self, resource: Resource, found: list[Seen]) -> UnprovenError:
        there = [f"{resource.kind} {seen.id}" for seen in found]
        bear = "has" if len(there) == 1 else "have"
        return UnprovenError(
            f"{' and '.join(there)} {bear} the tags of {self.record.name}, and it is not known what of it was created for"
            " it and what is a copy",
            code="unproved",
            left_behind=[*self.calls.left_behind(), *there],
            remedy="Inspect it. Remove this collection's tags from what is yours; the module prune removes the rest (playbook: "
            f"-e machine_ids={','.join(seen.id for seen in found)}). Then run again",
        )

    def _settle_twins(self, resource: Resource, twins: list[Seen]) -> Seen:
        """Of several that one attempt has made for sure, the recorded one stays, else the oldest."""
        twins.sort(key=lambda seen: (seen.id != resource.id, seen.created, seen.id))
        for twin in twins[1:]:
            it = self.calls.it(resource)
            it.id, it.seen = twin.id, twin
            self.calls.attempt(resource, "delete", it)
        return twins[0]
