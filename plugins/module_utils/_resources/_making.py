# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making resources: each exists and is as requested, or an error tells why not."""

from __future__ import annotations

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._plan import covers
from .._record import Resource
from ._calls import PENDING, Calls, ProviderError
from ._creating import Creator
from ._looking import Finder
from ._removing import LOST, Remover


class Maker:
    """Makes a resource: finds or creates it, and adjusts it until it is as requested."""

    def __init__(self, calls: Calls, finder: Finder, creator: Creator, remover: Remover) -> None:
        self.calls, self.finder, self.creator, self.remover = calls, finder, creator, remover
        self.clock, self.save = calls.clock, calls.save
        self._made: set[str] = set()

    def ensure(self, resource: Resource) -> Seen:
        """Let it exist and be as requested; returns how it is."""
        if resource.existing:
            seen = self.calls.last(resource)
            if seen is None:
                self.calls.check_account()
                raise MachineError(
                    f"{resource.kind} {resource.id} does not exist", code="missing", remedy="Name one that exists"
                )
            return seen
        if resource.id and resource.key not in self.calls.seen and self.finder.find(resource) is None:
            if resource.key in self._made:
                raise self.remover.vanished(resource)
            if resource.status == "created":
                if self.remover.may_show(resource):
                    raise self.remover.vanished(resource)
                self.remover.note_gone(resource, **{LOST: self.clock.time()})  # if it shows after all, it is removed
            # Seen dead: the next one is another attempt, since this one's token may still answer.
            self.calls.dead(resource)
            resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1
            self.save()
        if not resource.id:
            replays = resource.status == "creating"  # then what answers may have died since
            resource.id = self.creator.create(resource)
            resource.status = "created"
            self.save()
            if not replays:
                self._made.add(resource.key)
        return self._settle(resource)

    def _settle(self, resource: Resource) -> Seen:
        """Read until nothing is pending and what is there covers what was asked for."""
        seen: Seen | None = None
        missing: list[str] = []
        for _left in self.clock.poll(self.calls.timeout):
            seen = self.calls.seen.get(resource.key) or self.finder.find(resource)
            self.calls.seen.pop(resource.key, None)
            if seen is None:
                ended_for_want = self.calls.ends.pop(resource.key, None) == contract.FULL
                return self._make_elsewhere(resource) if ended_for_want else self.ensure(resource)
            if seen.state == contract.ERROR:
                return self._replace_failed(resource, seen)
            missing = self.differing(resource, seen)
            if seen.state in PENDING:
                continue
            if not missing:
                if resource.status != "made":
                    resource.status = "made"
                    self.save()
                self.calls.seen[resource.key] = seen
                return seen
            it = self.calls.it(resource)
            it.seen = seen
            self.calls.attempt(resource, "adjust", it)
        what = f"is {seen.state}" if seen and seen.state in PENDING else f"still differs in {', '.join(missing)}"
        raise self.calls.timed_out(f"{resource.kind} {resource.id} {what}", self.calls.timeout)

    def differing(self, resource: Resource, seen: Seen) -> list[str]:
        """What of it is not as requested, and can be adjusted."""
        kind = self.calls.kind(resource)
        if resource.existing or not hasattr(kind, "adjust"):
            return []
        request, has = self.calls.it(resource).request, seen.has
        return [key for key in kind.adjustable if key in request and key in has and not covers(has[key], request[key])]

    def _replace_failed(self, resource: Resource, seen: Seen) -> Seen:
        """A thing that came up in state error: only lack of capacity is worth another try."""
        if seen.verdict != contract.FULL:
            raise MachineError(
                f"{resource.kind} {resource.id} is in state error",
                code="error",
                left_behind=self.calls.left_behind(),
                remedy="See the provider's console; recreate: true replaces it",
            )
        resource.status = "failed"
        self.save()
        self.remover.delete(resource)
        return self._make_elsewhere(resource)

    def _make_elsewhere(self, resource: Resource) -> Seen:
        """The next choice, since this one was accepted, ended for want of capacity, and is gone."""
        self._made.discard(resource.key)
        cause = ProviderError(contract.FULL, MachineError("no capacity, reported after the call"), resource.kind)
        resource.id = None
        self.creator.next_choice(resource, cause)
        return self.ensure(resource)
