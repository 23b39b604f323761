# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making resources: each once, whatever the provider answers."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._plan import covers, refers_to
from .._proof import bears_tags, proven
from .._record import Resource
from ._calls import PENDING, UNSURE_TRIES, ProviderError
from ._looking import Unproved
from ._removing import LOST, NEVER_SHOWN, Removing

UNKNOWN = "It isn't known whether that was done. Run again: it is found out then"

# What a refused or failed create leads to: (verdict, is an earlier call of this attempt unresolved?) -> steps.
LOOK, NEXT, FAIL, TAKEN, WAIT, REPEAT, UNCLEAR = "look", "next", "fail", "taken", "wait", "repeat", "unclear"
ENDED = "ended"
AFTER_CREATE: dict[tuple[str, bool], tuple[str, ...]] = {
    (contract.FULL, False): (NEXT,),
    (contract.FULL, True): (LOOK, NEXT),
    (contract.REFUSED, False): (FAIL,),
    (contract.REFUSED, True): (LOOK, FAIL),
    (contract.MISSING, False): (FAIL,),
    (contract.MISSING, True): (LOOK, FAIL),
    (contract.TAKEN, False): (LOOK, TAKEN),
    (contract.TAKEN, True): (LOOK, TAKEN),
    (contract.MISMATCH, False): (LOOK, ENDED, UNCLEAR),
    (contract.MISMATCH, True): (LOOK, ENDED, UNCLEAR),
    (contract.BUSY, False): (WAIT,),
    (contract.BUSY, True): (WAIT,),
    (contract.UNSURE, False): (REPEAT,),
    (contract.UNSURE, True): (REPEAT,),
}


class Full(Exception):
    """No choice of this resource's own is left where there is capacity."""

    def __init__(self, resource: Resource, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.resource = resource
        self.cause = cause


class Making(Removing):
    def __init__(self, *arguments: t.Any, **more: t.Any) -> None:
        super().__init__(*arguments, **more)
        self._made: set[str] = set()
        self._full: dict[str, int] = {}  # key -> how many choices in a row had no capacity
        self.fresh = False  # the record was made in this run, so that nothing can be there yet

    def ensure(self, resource: Resource) -> Seen:
        """Let it exist and be as requested; returns how it is."""
        if resource.existing:
            seen = self.last(resource)
            if seen is None:
                self.check_account()
                raise MachineError(
                    f"{resource.kind} {resource.id} does not exist", code="missing", remedy="Name one that exists"
                )
            return seen
        if resource.id and resource.key not in self._seen and self.find(resource) is None:
            if resource.key in self._made:
                raise self.vanished(resource)
            if resource.status == "created":
                if self.may_show(resource):
                    raise self.vanished(resource)
                self._note_gone(resource, **{LOST: self.clock.time()})  # if it shows after all, it is removed
            # Seen dead: the next one is another attempt, since this one's token may still answer.
            self.dead(resource)
            resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1
            self.save()
        if not resource.id:
            replays = resource.status == "creating"  # then what answers may have died since
            resource.id = self._create(resource)
            resource.status = "created"
            self.save()
            if not replays:
                self._made.add(resource.key)
        return self._settle(resource)

    def _create(self, resource: Resource) -> str:
        kind = self.kind(resource)
        unresolved = resource.status == "creating"
        if not unresolved and not self.fresh:
            # A record from a backup may not know what was made since.
            seen = self._look_or_ask_again(resource, until=0)
            if seen is not None:
                return seen.id
        lacks = self.lacks(resource)
        if lacks:
            seen = self.look(resource, self.shows(resource)) if unresolved else None
            if seen is not None:
                return seen.id
            raise lacks
        tries, slept = 0, False
        tried = resource.last_try if unresolved else self.clock.time()
        waits = self.clock.poll(self.timeout)
        while True:
            # Once it would show, a look tells; and a provider forgets tokens some time, even while a controller sleeps.
            if unresolved and (kind.identity is None or slept or self.shows(resource) <= self.clock.time()):
                seen = self._look_or_ask_again(resource, self.shows(resource), forgotten=slept)
                if seen is not None:
                    return seen.id
                unresolved = False
            self._tried.setdefault(resource.key, self.shows(resource) if unresolved else 0.0)
            resource.status, resource.last_try = "creating", self.clock.time()
            self.save()
            try:
                try:
                    return self._id(resource, self.change(resource, "create"))
                finally:
                    slept = self.clock.time() - resource.last_try > self.driver.call_limit
                    resource.last_try = self.clock.time()  # for so long it may have been under way
            except ProviderError as error:
                if error.failed_inside and error.verdict == contract.BUSY and kind.identity is None:
                    unresolved = True  # a refusal to be believed, were not each repetition another thing
                late = error.verdict == contract.MISSING and self._needs_what_is_late(resource)
                for step in AFTER_CREATE[contract.BUSY if late else error.verdict, unresolved]:
                    if step == LOOK:
                        seen = self.look(resource, self.shows(resource))
                        if seen is not None:
                            return seen.id
                    elif step == NEXT:
                        self._next_choice(resource, error)
                        unresolved = False
                    elif step in (FAIL, TAKEN):
                        resource.status, resource.attempt = "planned", resource.attempt + 1
                        self.save()
                        remedy = "Something of that name exists and is not ours" if step == TAKEN else ""
                        raise error.explained(remedy, self.left_behind()) from error
                    elif step == WAIT:
                        self.clock.sleep(error.pause)
                        if next(waits) <= 0:
                            raise error.explained("Run again", self.left_behind()) from error
                    elif step == REPEAT:
                        unresolved = True
                        tries += 1
                        if tries >= UNSURE_TRIES or next(waits) <= 0:
                            self.save()
                            raise error.explained(UNKNOWN, self.left_behind()) from error
                    elif step == ENDED and self._has_ended(resource, tried):
                        resource.status, resource.attempt = "planned", resource.attempt + 1
                        self.save()
                        unresolved = False
                        break
                    elif step == UNCLEAR:
                        resource.last_try = tried  # this call has made nothing
                        self.save()
                        raise error.explained(UNKNOWN, self.left_behind()) from error

    def _has_ended(self, resource: Resource, tried: float) -> bool:
        """Whether what this token made is gone: the provider shows its end, or has not shown it for long."""
        kind, it = self.kind(resource), self.it(resource)
        found = [seen for seen in map(kind.seen, self.read(kind.list, it) or []) if bears_tags(kind, it, seen)]
        ended = [seen for seen in found if seen.state == contract.ABSENT and proven(kind, it, seen)]
        return bool(ended) or self.clock.time() >= tried + NEVER_SHOWN

    def _look_or_ask_again(self, resource: Resource, until: float, forgotten: bool = False) -> Seen | None:
        """As look(); what it can't tell, the create tells that is called next, as long as its token is known."""
        try:
            return self.look(resource, until)
        except Unproved:
            if forgotten or not self._token_tells(resource):
                raise
            return None

    @staticmethod
    def _id(resource: Resource, answer: t.Any) -> str:
        if not answer:
            raise ProviderError(contract.UNSURE, MachineError("the answer names no id"), f"{resource.kind}.create")
        return str(answer)

    def _needs_what_is_late(self, resource: Resource) -> bool:
        """Whether what is missing may be something that we made just now, and that does not show yet."""
        needed = map(self.record.resource, refers_to(resource.request))
        return any(self.shows(one) > self.clock.time() for one in needed if one)

    def _next_choice(self, resource: Resource, error: ProviderError) -> None:
        """In a circle, since the next run may begin with any of them."""
        resource.status, resource.attempt = "planned", resource.attempt + 1
        resource.choice = (resource.choice + 1) % len(resource.requests)
        self._full[resource.key] = self._full.get(resource.key, 0) + 1
        self.save()
        if self._full[resource.key] >= len(resource.requests):
            del self._full[resource.key]
            raise Full(resource, error) from error

    def _settle(self, resource: Resource) -> Seen:
        """Read until nothing is pending and what is there covers what was asked for."""
        seen: Seen | None = None
        missing: list[str] = []
        for _left in self.clock.poll(self.timeout):
            seen = self._seen.get(resource.key) or self.find(resource)
            self._seen.pop(resource.key, None)
            if seen is None:
                ended_for_want = self._ends.pop(resource.key, None) == contract.FULL
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
                self._seen[resource.key] = seen
                return seen
            it = self.it(resource)
            it.seen = seen
            self.attempt(resource, "adjust", it)
        what = f"is {seen.state}" if seen and seen.state in PENDING else f"still differs in {', '.join(missing)}"
        raise self.timed_out(f"{resource.kind} {resource.id} {what}", self.timeout)

    def differing(self, resource: Resource, seen: Seen) -> list[str]:
        """What of it is not as requested, and can be adjusted."""
        kind = self.kind(resource)
        if resource.existing or not hasattr(kind, "adjust"):
            return []
        request, has = self.it(resource).request, seen.has
        return [key for key in kind.adjustable if key in request and key in has and not covers(has[key], request[key])]

    def _replace_failed(self, resource: Resource, seen: Seen) -> Seen:
        """A thing that came up in state error: only lack of capacity is worth another try."""
        if seen.verdict != contract.FULL:
            raise MachineError(
                f"{resource.kind} {resource.id} is in state error",
                code="error",
                left_behind=self.left_behind(),
                remedy="See the provider's console; recreate: true replaces it",
            )
        resource.status = "failed"
        self.save()
        self.delete(resource)
        return self._make_elsewhere(resource)

    def _make_elsewhere(self, resource: Resource) -> Seen:
        """The next choice, since this one was accepted, ended for want of capacity, and is gone."""
        self._made.discard(resource.key)
        cause = ProviderError(contract.FULL, MachineError("no capacity, said after the call"), resource.kind)
        resource.id = None
        self._next_choice(resource, cause)
        return self.ensure(resource)
