# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One resource of a record, brought to where it should be: created once, settled, removed for sure.

The rules that keep anything from being lost or made twice:
- what is about to be called is saved before the call, and the id in the very next instruction after it;
- a create whose outcome isn't known is resolved (by its token, its name or the tags) before anything else;
- ``attempt`` rises only when it is certain that the last one made nothing, or when what it made is gone;
- "not found" is believed on a second read, past the provider's lag, and in the recorded account only.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import time
import typing as t
import uuid

from . import driver as contract
from ._errors import MachineError
from ._plan import covers, fill
from ._record import Record, Resource
from .driver import Driver, It, Kind, Seen

NAMESPACE = uuid.UUID("6f2d0c4e-3a55-4a8e-9a55-0d0cc7a4d001")
UNSURE_TRIES = 5
PENDING = (contract.CREATING, contract.STARTING, contract.STOPPING)

# What a refused or failed create leads to: (verdict, is an earlier call of this attempt unresolved?) -> steps.
LOOK, NEXT, FAIL, TAKEN, WAIT, REPEAT = "look", "next", "fail", "taken", "wait", "repeat"
AFTER_CREATE: dict[tuple[str, bool], tuple[str, ...]] = {
    (contract.FULL, False): (NEXT,),
    (contract.FULL, True): (LOOK, NEXT),
    (contract.REFUSED, False): (FAIL,),
    (contract.REFUSED, True): (LOOK, FAIL),
    (contract.MISSING, False): (FAIL,),
    (contract.MISSING, True): (LOOK, FAIL),
    (contract.TAKEN, False): (LOOK, TAKEN),
    (contract.TAKEN, True): (LOOK, TAKEN),
    (contract.BUSY, False): (WAIT,),
    (contract.BUSY, True): (WAIT,),
    (contract.UNSURE, False): (REPEAT,),
    (contract.UNSURE, True): (REPEAT,),
}


class Clock:
    """Time, so that tests can have their own."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def poll(self, limit: float, first: float = 0.25, most: float = 5.0) -> t.Iterator[float]:
        """Rounds of a wait, slower and slower; ends when the limit is over."""
        deadline, pause = self.monotonic() + limit, first
        while True:
            left = deadline - self.monotonic()
            yield left
            if left <= 0:
                return
            self.sleep(min(pause, max(left, 0.01)))
            pause = min(pause * 1.5, most)


class ProviderError(Exception):
    """A provider's error, with what it means."""

    def __init__(self, verdict: str, error: Exception, what: str) -> None:
        super().__init__(f"{what}: {error}")
        self.verdict = verdict
        self.what = what

    def explained(self, remedy: str = "", left_behind: t.Sequence[str] = ()) -> MachineError:
        return MachineError(str(self), code=self.verdict, remedy=remedy, left_behind=left_behind)


class Full(Exception):
    """No choice of this resource's own is left where there is capacity."""

    def __init__(self, resource: Resource, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.resource = resource
        self.cause = cause


class Resources:
    """The resources of one record, and the calls that concern them."""

    def __init__(
        self,
        driver: Driver,
        record: Record,
        *,
        save: t.Callable[[], None],
        fills: t.Callable[[str, dict[str, t.Any]], t.Any],
        store_id: str,
        folder: str,
        timeout: float,
        clock: Clock,
        dead: t.Callable[[Resource], None] = lambda resource: None,
    ) -> None:
        self.driver = driver
        self.record = record
        self.save = save
        self.fills = fills
        self.store_id = store_id
        self.folder = folder
        self.timeout = timeout
        self.clock = clock
        self.dead = dead  # told of a resource that was there and is gone, before that is saved
        self.changed = False
        self._seen: dict[str, Seen] = {}
        self._made: set[str] = set()
        self._account_checked = False
        self._complaint = ""  # the last error that did not end a wait
        self._kinds = {kind.__name__: kind(driver.client, record.place) for kind in driver.kinds}

    # Looking

    def kind(self, resource: Resource) -> Kind:
        try:
            return self._kinds[resource.kind]
        except KeyError:
            raise MachineError(
                f"{self.record.driver} knows no {resource.kind}, which the record of {self.record.name} has",
                code="driver",
                remedy="Use the release of the driver that made the machine",
            ) from None

    def it(self, resource: Resource) -> It:
        return It(
            name=self._name(resource),
            machine=self.record.name,
            id=resource.id,
            request=fill(resource.request, self._resolve),
            token=self._token(resource),
            tags={
                "store": self.store_id,
                "id": self.record.id,
                "machine": self.record.name,
                "kind": resource.key,
                "generation": str(resource.generation),
                "attempt": str(resource.attempt),
            },
            seen=self._seen.get(resource.key),
            folder=f"{self.folder}/vm",
            first_boot=f"{self.folder}/first-boot",
        )

    def get(self, resource: Resource) -> Seen | None:
        """By id. None: not there, at this one look."""
        kind = self.kind(resource)
        raw = self._read(kind.get, self.it(resource))
        seen = kind.seen(raw) if raw is not None else None
        if seen is not None and seen.state == contract.ABSENT:
            seen = None
        if seen is None:
            self._seen.pop(resource.key, None)
        else:
            self._seen[resource.key] = seen
        return seen

    def look(self, resource: Resource, until: float) -> Seen | None:
        """By tags (or by name, where there are no tags), again and again until that UNIX time."""
        kind = self.kind(resource)
        while True:
            it = self.it(resource)
            ours = [seen for seen in map(kind.seen, self._read(kind.list, it) or []) if self._is_ours(kind, it, seen)]
            ours = [seen for seen in ours if seen.state != contract.ABSENT]
            if ours:
                return self._settle_twins(resource, ours)
            left = until - self.clock.time()
            if left <= 0:
                return None
            self.clock.sleep(min(left, 1.0))

    def confirm(self, resource: Resource) -> Seen | None:
        """By id, and not found only if that can be believed."""
        seen = self.get(resource)
        if seen is not None:
            return seen
        kind = self.kind(resource)
        patience = max(min(5.0, kind.lag), resource.last_try + kind.lag - self.clock.time())
        for _left in self.clock.poll(max(patience, 0.0)):
            seen = self.get(resource)
            if seen is not None:
                return seen
        self.check_account()
        return None

    def check_account(self) -> None:
        """Refuse to conclude or change anything in another account than the recorded one."""
        if self._account_checked:
            return
        account = self.account()
        if account != self.record.account:
            raise MachineError(
                f"{self.record.name} belongs to account {self.record.account!r}, and these credentials are "
                f"for {account!r}",
                code="wrong_account",
                remedy="Use the credentials of that account",
                left_behind=self.left_behind(),
            )
        self._account_checked = True

    def account(self) -> str:
        try:
            return self.driver.account()
        except MachineError:
            raise
        except Exception as error:
            raise MachineError(
                f"{self.record.driver} does not say whose account it is: {error}",
                code="account",
                remedy="Check the credentials and the network",
            ) from error

    def left_behind(self) -> list[str]:
        """What may still exist, for messages."""
        return [
            f"{one.kind} {one.id or self._name(one)}"
            for one in self.record.resources
            if not one.existing and (one.id or one.status == "creating")
        ]

    def timed_out(self, what: str, limit: float) -> MachineError:
        """The error of a wait that is over: what was pending, and the last complaint of the provider."""
        said = f" ({self._complaint})" if self._complaint else ""
        return MachineError(
            f"{what} after {limit:g} s{said}",
            code="timeout",
            left_behind=self.left_behind(),
            remedy="Run again, or raise timeout",
        )

    # Making

    def ensure(self, resource: Resource) -> Seen:
        """Let it exist and be as requested; returns how it is."""
        if resource.existing:
            seen = self.get(resource)
            if seen is None:
                raise MachineError(
                    f"{resource.kind} {resource.id} does not exist", code="missing", remedy="Name one that exists"
                )
            return seen
        if resource.id and self.confirm(resource) is None:
            if resource.key in self._made:
                raise MachineError(
                    f"{resource.kind} {resource.id} was made and can't be found",
                    code="vanished",
                    left_behind=self.left_behind(),
                    remedy="See the provider's console, and run again: then it is looked for once more",
                )
            # Seen dead: the next one is another attempt, since this one's token may still answer.
            self.dead(resource)
            resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1
            self.save()
        if not resource.id:
            self.check_account()
            self.changed = True
            resource.id = self._create(resource)
            resource.status = "created"
            self.save()
            self._made.add(resource.key)
        return self._settle(resource)

    def _create(self, resource: Resource) -> str:
        kind = self.kind(resource)
        unresolved = resource.status == "creating"
        tries = 0
        waits = self.clock.poll(self.timeout)
        while True:
            if unresolved and kind.identity is None:
                seen = self.look(resource, resource.last_try + kind.lag)
                if seen is not None:
                    return seen.id
                unresolved = False
            resource.status, resource.last_try = "creating", self.clock.time()
            self.save()
            try:
                return str(self._call(kind, "create", self.it(resource)))
            except ProviderError as error:
                for step in AFTER_CREATE[error.verdict, unresolved]:
                    if step == LOOK:
                        seen = self.look(resource, resource.last_try + kind.lag)
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
                        if next(waits) <= 0:
                            raise error.explained("Run again", self.left_behind()) from error
                    elif step == REPEAT:
                        unresolved = True
                        tries += 1
                        if tries >= UNSURE_TRIES or next(waits) <= 0:
                            raise error.explained(
                                "It isn't known whether that was done. Run again: it is found out then",
                                self.left_behind(),
                            ) from error

    def _next_choice(self, resource: Resource, error: ProviderError) -> None:
        resource.status, resource.attempt = "planned", resource.attempt + 1
        if resource.choice + 1 >= len(resource.requests):
            self.save()
            raise Full(resource, error) from error
        resource.choice += 1
        self.save()

    def _settle(self, resource: Resource) -> Seen:
        """Read until nothing is pending and what is there covers what was asked for."""
        kind = self.kind(resource)
        seen: Seen | None = None
        missing: list[str] = []
        for _left in self.clock.poll(self.timeout):
            seen = self._seen.get(resource.key) or self.confirm(resource)
            self._seen.pop(resource.key, None)
            if seen is None:
                return self.ensure(resource)
            if seen.state == contract.ERROR:
                return self._replace_failed(resource, seen)
            request = self.it(resource).request
            missing = [
                key
                for key in kind.adjustable
                if key in request and key in seen.has and not covers(seen.has[key], request[key])
            ]
            if seen.state in PENDING:
                continue
            if not missing or not hasattr(kind, "adjust"):
                if resource.status != "made":
                    resource.status = "made"
                    self.save()
                self._seen[resource.key] = seen
                return seen
            self.check_account()
            self.changed = True
            self._seen[resource.key] = seen
            self._try(kind, "adjust", self.it(resource))
            self._seen.pop(resource.key, None)
        what = f"is {seen.state}" if seen and seen.state in PENDING else f"still differs in {', '.join(missing)}"
        raise self.timed_out(f"{resource.kind} {resource.id} {what}", self.timeout)

    def _replace_failed(self, resource: Resource, seen: Seen) -> Seen:
        """A thing that came up in state error: only lack of capacity is worth another try."""
        if seen.verdict != contract.FULL:
            raise MachineError(
                f"{resource.kind} {resource.id} is in state error",
                code="error",
                left_behind=self.left_behind(),
                remedy="See the provider's console; recreate: true replaces it",
            )
        self.delete(resource)
        self._made.discard(resource.key)
        cause = ProviderError(contract.FULL, MachineError("no capacity, said after the call"), resource.kind)
        resource.id = None
        self._next_choice(resource, cause)
        return self.ensure(resource)

    # Removing

    def remove(self, resource: Resource) -> None:
        """Let it be gone for sure, and off the record."""
        if not resource.existing:
            if resource.id is None and resource.status == "creating":
                seen = self.look(resource, resource.last_try + self.kind(resource).lag)
                if seen is not None:
                    resource.id = seen.id
                    self.save()
            if resource.id is not None:
                resource.status = "removing"
                self.save()
                self.delete(resource)
            gone = dataclasses.asdict(resource)
            gone.update(name=self._name(resource), token=self._token(resource))
            names = ("kind", "key", "id", "name", "token", "generation", "attempt")
            self.record.kept.setdefault("gone", []).append({name: gone[name] for name in names})
        self.record.resources.remove(resource)
        self.save()

    def delete(self, resource: Resource) -> None:
        """Delete at the provider until it is gone; the record still names it."""
        kind = self.kind(resource)
        if not hasattr(kind, "delete"):
            return  # goes with its parent
        self.check_account()
        for _left in self.clock.poll(self.timeout):
            seen = self.get(resource)
            if seen is None and self.confirm(resource) is None:
                return
            if seen is None:
                continue
            it = self.it(resource)
            if kind.tagged and not self._is_ours(kind, it, seen):
                raise MachineError(
                    f"{resource.kind} {resource.id} does not carry the tags of {self.record.name}: it is not deleted",
                    code="not_ours",
                    left_behind=self.left_behind(),
                    remedy="Look at it; if it is to go, remove it by hand and run again",
                )
            self.changed = True
            self._try(kind, "delete", it)
        raise self.timed_out(f"{resource.kind} {resource.id} still exists", self.timeout)

    # Power

    def act(self, resource: Resource, action: str) -> None:
        """One call of a power action; a provider that is busy is asked again by the caller's next round."""
        self.check_account()
        self.changed = True
        self._try(self.kind(resource), action, self.it(resource))
        self._seen.pop(resource.key, None)

    # Helpers

    def _name(self, resource: Resource) -> str:
        suffix = resource.key.partition("/")[2]
        return f"{self.record.name}-{self.record.id[:6]}-{resource.generation}" + (f"-{suffix}" if suffix else "")

    def _token(self, resource: Resource) -> str:
        identity = (self.store_id, self.record.id, resource.key, resource.generation, resource.attempt)
        return str(uuid.uuid5(NAMESPACE, "/".join(map(str, identity))))

    def _resolve(self, name: str, placeholder: dict[str, t.Any]) -> t.Any:
        if name != "of":
            return self.fills(name, placeholder)
        target = self.record.resource(placeholder["$of"])
        if target is None:
            return None
        if placeholder["fact"] == "id":
            return target.id
        seen = self._seen.get(target.key) or (self.get(target) if target.id else None)
        return seen.facts.get(placeholder["fact"]) if seen else None

    @staticmethod
    def _is_ours(kind: Kind, it: It, seen: Seen) -> bool:
        if not kind.tagged:
            return seen.name == it.name
        return all(seen.tags.get(key) == value for key, value in it.tags.items())

    def _settle_twins(self, resource: Resource, twins: list[Seen]) -> Seen:
        """Two from one attempt: the recorded one stays, else the oldest; all carry our id, generation and attempt."""
        twins.sort(key=lambda seen: (seen.id != resource.id, seen.created, seen.id))
        kind = self.kind(resource)
        for twin in twins[1:]:
            it = self.it(resource)
            it.id, it.seen = twin.id, twin
            self._try(kind, "delete", it)
        return twins[0]

    def _read(self, method: t.Callable[[It], t.Any], it: It) -> t.Any:
        failure = ProviderError(contract.UNSURE, MachineError("no answer"), "read")
        for tries, _left in enumerate(self.clock.poll(self.timeout)):
            try:
                return self._judged(method, it)
            except ProviderError as error:
                if error.verdict == contract.MISSING:
                    return None
                failure = error
                if error.verdict not in (contract.BUSY, contract.UNSURE) or tries + 1 >= UNSURE_TRIES:
                    break
        raise failure.explained("Nothing was changed by this read; run again", self.left_behind()) from failure

    def _try(self, kind: Kind, action: str, it: It) -> None:
        """A call whose effect is seen by reading: only a definite refusal ends it."""
        try:
            self._call(kind, action, it)
        except ProviderError as error:
            if error.verdict not in (contract.BUSY, contract.UNSURE, contract.MISSING):
                raise error.explained("", self.left_behind()) from error
            self._complaint = str(error)

    def _call(self, kind: Kind, action: str, it: It) -> t.Any:
        return self._judged(getattr(kind, action), it)

    def _judged(self, method: t.Callable[[It], t.Any], it: It) -> t.Any:
        try:
            return method(it)
        except MachineError:
            raise
        except Exception as error:
            code = self.driver.code(error)
            verdicts = (
                verdict for pattern, verdict in self.driver.verdicts.items() if fnmatch.fnmatchcase(code, pattern)
            )
            what = f"{getattr(method, '__self__', self).__class__.__name__}.{method.__name__}"
            raise ProviderError(next(verdicts, contract.UNSURE), error, what) from error
