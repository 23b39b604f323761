# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating resources: each once, whatever the provider answers."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._plan import refers_to
from .._proof import bears_tags, proven
from .._record import Resource
from ._calls import UNSURE_TRIES, Calls, ProviderError
from ._looking import Finder, UnprovenError

NEVER_SHOWN = 600.0  # seconds after its create for which a thing that nobody has seen yet is not given up
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


class NoCapacity(Exception):
    """No choice of this resource's own is left where there is capacity."""

    def __init__(self, resource: Resource, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.resource = resource
        self.cause = cause


class Creator:
    """Creates what is not there yet, and finds out what an unanswered create has made."""

    def __init__(self, calls: Calls, finder: Finder) -> None:
        self.calls, self.finder = calls, finder
        self.record, self.clock, self.save = calls.record, calls.clock, calls.save
        self._full: dict[str, int] = {}  # key -> how many choices in a row had no capacity
        self.fresh = False  # the record was made in this run, so that nothing can be there yet

    def create(self, resource: Resource) -> str:
        kind = self.calls.kind(resource)
        unresolved = resource.status == "creating"
        if not unresolved and not self.fresh:
            # A record from a backup may not know what was made since.
            seen = self._look_or_ask_again(resource, until=0)
            if seen is not None:
                return seen.id
        lacks = self.calls.lacks(resource)
        if lacks:
            seen = self.finder.look(resource, self.finder.shows(resource)) if unresolved else None
            if seen is not None:
                return seen.id
            raise lacks
        tries, slept = 0, False
        tried = resource.last_try if unresolved else self.clock.time()
        waits = self.clock.poll(self.calls.timeout)
        while True:
            # Once it would show, a look tells; and a provider forgets tokens some time, even while a controller sleeps.
            if unresolved and (kind.identity is None or slept or self.finder.shows(resource) <= self.clock.time()):
                seen = self._look_or_ask_again(resource, self.finder.shows(resource), forgotten=slept)
                if seen is not None:
                    return seen.id
                unresolved = False
            self.finder.tried.setdefault(resource.key, self.finder.shows(resource) if unresolved else 0.0)
            resource.status, resource.last_try = "creating", self.clock.time()
            self.save()
            try:
                try:
                    return self._id(resource, self.calls.change(resource, "create"))
                finally:
                    slept = self.clock.time() - resource.last_try > self.calls.driver.call_limit
                    resource.last_try = self.clock.time()  # for so long it may have been under way
            except ProviderError as error:
                if error.failed_inside and error.verdict == contract.BUSY and kind.identity is None:
                    unresolved = True  # a refusal to be believed, were not each repetition another thing
                late = error.verdict == contract.MISSING and self._needs_what_is_late(resource)
                for step in AFTER_CREATE[contract.BUSY if late else error.verdict, unresolved]:
                    if step == LOOK:
                        seen = self.finder.look(resource, self.finder.shows(resource))
                        if seen is not None:
                            return seen.id
                    elif step == NEXT:
                        self.next_choice(resource, error)
                        unresolved = False
                    elif step in (FAIL, TAKEN):
                        resource.status, resource.attempt = "planned", resource.attempt + 1
                        self.save()
                        remedy = "Something of that name exists and is unmanaged" if step == TAKEN else ""
                        raise error.explained(remedy, self.calls.left_behind()) from error
                    elif step == WAIT:
                        self.clock.sleep(error.pause)
                        if next(waits) <= 0:
                            raise error.explained("Run again", self.calls.left_behind()) from error
                    elif step == REPEAT:
                        unresolved = True
                        tries += 1
                        if tries >= UNSURE_TRIES or next(waits) <= 0:
                            self.save()
                            raise error.explained(UNKNOWN, self.calls.left_behind()) from error
                    elif step == ENDED and self._has_ended(resource, tried):
                        resource.status, resource.attempt = "planned", resource.attempt + 1
                        self.save()
                        unresolved = False
                        break
                    elif step == UNCLEAR:
                        resource.last_try = tried  # this call has made nothing
                        self.save()
                        raise error.explained(UNKNOWN, self.calls.left_behind()) from error

    def _has_ended(self, resource: Resource, tried: float) -> bool:
        """Whether what this token made is gone: the provider shows its end, or has not shown it for long."""
        kind, it = self.calls.kind(resource), self.calls.it(resource)
        found = [seen for seen in map(kind.seen, self.calls.read(kind.list, it) or []) if bears_tags(kind, it, seen)]
        ended = [seen for seen in found if seen.state == contract.ABSENT and proven(kind, it, seen)]
        return bool(ended) or self.clock.time() >= tried + NEVER_SHOWN

    def _look_or_ask_again(self, resource: Resource, until: float, forgotten: bool = False) -> Seen | None:
        """As look(); what it can't tell, the create tells that is called next, as long as its token is known."""
        try:
            return self.finder.look(resource, until)
        except UnprovenError:
            if forgotten or not self.token_tells(resource):
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
        return any(self.finder.shows(one) > self.clock.time() for one in needed if one)

    def next_choice(self, resource: Resource, error: ProviderError) -> None:
        """In a circle, since the next run may begin with any of them."""
        resource.status, resource.attempt = "planned", resource.attempt + 1
        resource.choice = (resource.choice + 1) % len(resource.requests)
        self._full[resource.key] = self._full.get(resource.key, 0) + 1
        self.save()
        if self._full[resource.key] >= len(resource.requests):
            del self._full[resource.key]
            raise NoCapacity(resource, error) from error

    def token_tells(self, resource: Resource) -> bool:
        """Whether a repeated create answers with the id of what the first one has made."""
        kind = self.calls.kind(resource)
        return kind.identity == "token" and self.clock.time() < resource.last_try + kind.token_life
