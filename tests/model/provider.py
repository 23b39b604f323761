# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider: things in accounts and regions, the one seam that all calls go through, and the ledger.

    clock = Clock()
    provider = Provider(clock, list_lag=5, token_scope="zone")     # traits by name; provider.traits to change them
    client = provider.client("acme", "north")                      # sees its account and region only
    client.create_volume(token="t", zone="a", size=10, tags={})    # an id, or ApiError(code)
    provider.ledger[-1]     # {"n": 0, "call": "create_volume", "account": "acme", "region": "north", "at": ...,
                            #  "args": {...}, "effect": "volume-1", "result": "volume-1", "error": None}
    provider.alive()        # [Thing(...)]: what exists, and costs
    provider.faults = [Fault("timeout", "run_machine", after=True)]     # or a function: entry -> Fault or None
    provider.watch = lambda phase, entry: ...     # told "before" a call takes effect and "after" it did

Each call is done wholly or not at all, and in one thread. Nothing is random: the same calls have the same answers.
What ``watch`` raises ends the call there, so a BaseException of its own plays a process that is killed. It may let
others act in between, too: a call has read nothing yet "before", and is done with "after".
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from .clock import DAY, Clock
from .traits import ACCOUNT, ERRORS, REGION, Fault, Traits

Entry = dict[str, t.Any]  # of the ledger
Raw = dict[str, t.Any]  # a thing as clients see it
NEVER = math.inf


class ApiError(Exception):
    """What a client raises; ``code`` is the provider's name for it."""

    def __init__(self, code: str, message: str = "", status: int = 400, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.status = status
        self.retry_after = retry_after


@dataclasses.dataclass
class Thing:
    """Anything that can be made."""

    kind: str
    id: str
    account: str
    region: str
    name: str
    tags: dict[str, str]
    body: dict[str, t.Any]  # what else there is to it: zone, size, ...
    created: float
    states: list[tuple[float, str]]  # from when on it is in which state, in the order of time
    deleted: float = NEVER  # when that was asked for
    gone: float = NEVER  # when it is done
    reason: str = ""  # of state "error"
    token: str = ""  # that its create was called with

    def state(self, at: float, lag: float = 0) -> str:
        """How it is; who is told with a lag does not know yet that it is deleted."""
        if at >= self.deleted + lag:
            return "terminated" if at >= self.gone else "deleting"
        return next(state for since, state in reversed(self.states) if since <= at)

    def turn(self, at: float, *states: tuple[float, str]) -> None:
        """From ``at`` on, other states than were ahead."""
        self.states = [one for one in self.states if one[0] <= at] + list(states)


class Provider:
    """See above. Also: ``things`` has all that ever was, by id."""

    def __init__(self, clock: Clock | None = None, **traits: t.Any) -> None:
        self.clock = clock or Clock()
        self.traits = Traits(**traits)
        self.things: dict[str, Thing] = {}
        self.ledger: list[Entry] = []
        self.faults: list[Fault] | t.Callable[[Entry], Fault | None] = []
        self.watch: t.Callable[[str, Entry], None] | None = None
        self._tokens: dict[tuple[str, ...], tuple[Thing, Raw, float]] = {}
        self._buckets: dict[str, tuple[float, float]] = {}
        self._effect: str | None = None
        self._next = 1

    # For tests, which are no clients

    def client(self, account: str, region: str) -> t.Any:
        """A client.Client for one account and region."""
        from .client import Client

        return Client(self, account, region)

    def set(self, **traits: t.Any) -> None:
        """Be worse, or better, from now on."""
        for trait, value in traits.items():
            assert hasattr(self.traits, trait), trait
            setattr(self.traits, trait, value)

    def add(
        self,
        kind: str,
        account: str,
        region: str,
        name: str = "",
        tags: dict[str, str] | None = None,
        age: float = DAY,
        token: str = "",
        **body: t.Any,
    ) -> Thing:
        """Somebody else's doing: a thing that no call has made. Nothing is checked."""
        since = self.clock.time() - age
        whole = {
            "machine": {"zone": "a", "size": "small", "firewalls": [], "ip": "192.0.2.1"},
            "firewall": {"rules": []},
        }
        body = {**whole.get(kind, {"machine": None}), **body}
        thing = Thing(
            kind, f"{kind}-{self._next}", account, region, name, dict(tags or {}), body, since, [(since, "running")]
        )
        thing.token = token
        self._next += 1
        self.things[thing.id] = thing
        return thing

    def copy(self, id: str) -> Thing:
        """Somebody else's doing: more like this, with all its tags. What is unique to a thing a copy does not have."""
        one = self.things[id]
        name = f"copy-of-{one.name}" if one.kind in self.traits.unique else one.name
        apart = {"machine": None, "firewalls": []}  # else it would be in the way of what it uses
        body = {key: apart.get(key, value) for key, value in one.body.items()}
        return self.add(one.kind, one.account, one.region, name, one.tags, 0, **body)

    def vanish(self, id: str) -> None:
        """Somebody else's doing: it is gone, at once."""
        self.things[id].deleted = self.things[id].gone = self.clock.time()

    def alive(self, store_id: str | None = None, record_id: str | None = None) -> list[Thing]:
        """What exists: of one store, or of one record, as far as tags and names say (whatever form they have)."""
        now = self.clock.time()
        return [
            thing
            for thing in self.things.values()
            if now < thing.gone
            and (store_id is None or store_id in thing.tags.values())
            and (
                record_id is None
                or record_id in thing.tags.values()
                or (not thing.tags and f"-{record_id[:6]}-" in thing.name)
            )
        ]

    def calls(self, since: int = 0) -> list[str]:
        """The names of the calls, from an entry of the ledger on."""
        return [entry["call"] for entry in self.ledger[since:]]

    # The seam

    def call(self, account: str, region: str, name: str, args: Raw, effect: t.Callable[[], t.Any]) -> t.Any:
        """One call of a client: faults, throttling, its effect, its answer, the ledger."""
        entry: Entry = {"n": len(self.ledger), "call": name, "account": account, "region": region}
        entry.update(at=self.clock.time(), args=args, effect=None, result=None, error=None)
        self.ledger.append(entry)
        fault = self._fault(entry)
        try:
            if self.watch:
                self.watch("before", entry)
            if self.traits.latency:
                self.clock.sleep(self.traits.latency)
            if fault and fault.what in ERRORS and not fault.after:
                raise self._error(fault, name)
            self._throttle(account)
            if region not in self.traits.regions:
                raise ApiError("InvalidRegion", region)
            self._effect = None
            result = effect()
            entry["effect"], self._effect = self._effect, None
            if self.watch:
                self.watch("after", entry)
            if fault and fault.after:
                raise self._error(fault, name)
        except ApiError as error:
            entry["error"] = error.code
            raise
        if fault:
            result = {"things": [], "next": None if fault.what == "empty" else result["next"]}
        entry["result"] = [one["id"] for one in result["things"]] if name.startswith("list_") else result
        return result

    def _fault(self, entry: Entry) -> Fault | None:
        if callable(self.faults):
            return self.faults(entry)
        return next((fault for fault in self.faults if fault.hits(entry["call"], entry["at"])), None)

    @staticmethod
    def _error(fault: Fault, call: str) -> ApiError:
        code, status, retry_after = ERRORS[fault.what]
        return ApiError(code, f"{call} came to nothing that the caller would know", status, retry_after)

    def _throttle(self, account: str) -> None:
        traits, now = self.traits, self.clock.time()
        if traits.rate == math.inf:
            return
        left, since = self._buckets.get(account, (float(traits.burst), now))
        left = min(float(traits.burst), left + (now - since) * traits.rate)
        self._buckets[account] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = (1 - left) / traits.rate if traits.retry_after else None
            raise ApiError("Throttled", f"more than {traits.rate:g} calls a second", 429, wait)

    # What calls are made of. Each checks first and changes last, so that it is done wholly or not at all.

    def make(self, kind: str, account: str, region: str, name: str, tags: Raw, body: Raw, token: str = "") -> str:
        """A new thing's id; or, for a token that is known, that of the thing it made."""
        traits, now = self.traits, self.clock.time()
        scope = {ACCOUNT: (), REGION: (region,)}.get(str(traits.token_scope), (region, str(body.get("zone"))))
        key = (kind, account, token, *scope)
        request = {**body, "name": name, "tags": tags}
        if token and traits.token_scope and key in self._tokens:
            thing, former, since = self._tokens[key]
            if now < since + traits.token_life and (traits.token_outlives or now < thing.gone):
                if traits.token_mismatch and former != request:
                    raise ApiError("IdempotentParameterMismatch", f"token {token} came with another request")
                return thing.id
        self.check_tags(tags)
        self._check_zone(body)
        mine = [one for one in self.alive() if (one.kind, one.account, one.region) == (kind, account, region)]
        if kind in traits.unique and any(one.name == name for one in mine):
            raise ApiError("Taken", f"there is a {kind} {name}")
        if len(mine) >= traits.of("quota", kind):
            raise ApiError("LimitExceeded", f"there are {len(mine)} of kind {kind}, and no more are allowed")
        spots = {str(body.get("zone")), f"{body.get('zone')}/{body.get('size')}"}
        if kind == "machine" and spots & set(traits.full):
            raise ApiError("NoCapacity", f"zone {body['zone']} has no room for size {body['size']}")
        thing = self.add(kind, account, region, name, tags, 0, token, **body)
        ready = now + traits.of("creating", kind)
        late = kind == "machine" and bool(spots & set(traits.full_later))
        thing.reason = "NoCapacity" if late else ""
        thing.states = [(now, "creating"), (ready, "error" if late else "running")]
        if late and traits.full_ends:
            thing.deleted = thing.gone = ready
        self._tokens[key] = (thing, request, now)
        if kind in traits.copied:
            self.copy(thing.id)
        self._effect = thing.id
        return thing.id

    def own(self, kind: str, account: str, region: str, id: str | None, lag: bool = False) -> Thing:
        """The caller's thing of that id; a read (``lag``) knows of it later, and longer."""
        thing = self.things.get(id or "")
        if thing is None or (thing.kind, thing.account, thing.region) != (kind, account, region):
            raise ApiError("NotFound", f"there is no {kind} {id}", 404)
        now = self.clock.time()
        if not (self._shows(thing, "read_lag") if lag else now < thing.gone):
            raise ApiError("NotFound", f"there is no {kind} {id}", 404)
        return thing

    def page(self, kind: str, account: str, region: str, tags: dict[str, str], page: str | None) -> Raw:
        """Some of the caller's things with these tags ("*": with any value), and how to ask for more."""
        found = [
            thing
            for thing in self.things.values()
            if (thing.kind, thing.account, thing.region) == (kind, account, region)
            and all(thing.tags.get(key) == value or (value == "*" and key in thing.tags) for key, value in tags.items())
            and self._shows(thing, "list_lag")
        ]
        start = int(page or 0)
        end = start + self.traits.page_size
        return {"things": [self.view(one) for one in found[start:end]], "next": str(end) if end < len(found) else None}

    def view(self, thing: Thing) -> Raw:
        """A thing as it is shown: a copy."""
        now = self.clock.time()
        state = thing.state(now, self.traits.of("gone_lag", thing.kind))
        shown = {"id": thing.id, "name": thing.name, "tags": dict(thing.tags), "created": thing.created, "state": state}
        shown.update(thing.body, reason=thing.reason if state in ("error", "terminated") else "")
        shown["token"] = thing.token if thing.kind in self.traits.shows_token else ""
        if thing.kind == "machine":
            users = [one for one in self.things.values() if one.body.get("machine") == thing.id and now < one.gone]
            shown["volumes"] = [one.id for one in users if one.kind == "volume"]
            shown["address"] = next((one.id for one in users if one.kind == "address"), None)
            shown["ip"] = next((one.body["ip"] for one in users if one.kind == "address"), thing.body["ip"])
        elif "machine" in thing.body and not self._lives(thing.body["machine"]):
            shown["machine"] = None
        return shown

    def touch(self, thing: Thing, **body: t.Any) -> None:
        """Change a thing."""
        thing.body.update(body)
        self._effect = thing.id

    def end(self, thing: Thing) -> None:
        """Delete a thing, once nothing uses it."""
        now = self.clock.time()
        user = thing.body.get("machine") or next(
            (
                one.id
                for one in self.things.values()
                if one.kind == "machine" and now < one.gone and thing.id in one.body["firewalls"]
            ),
            None,
        )
        if self.traits.in_use and user and self._lives(user):
            raise ApiError("InUse", f"{thing.kind} {thing.id} is used by {user}", 409)
        if now >= thing.deleted:
            return
        thing.deleted, thing.gone = now, now + self.traits.of("deleting", thing.kind)
        self._effect = thing.id

    def _lives(self, id: str | None) -> bool:
        return bool(id) and self.clock.time() < self.things[str(id)].gone

    def _shows(self, thing: Thing, lag: str) -> bool:
        now, traits = self.clock.time(), self.traits
        if now < thing.created + traits.of(lag, thing.kind):
            return False
        known = max(thing.gone, thing.deleted + traits.of("gone_lag", thing.kind))
        return now < known + traits.of("ghost", thing.kind)

    def check_tags(self, tags: dict[str, str]) -> None:
        if len(tags) > self.traits.tag_count:
            raise ApiError("InvalidTags", f"{len(tags)} tags, and at most {self.traits.tag_count} are allowed")
        for text in (*tags, *tags.values()):
            if not re.fullmatch(self.traits.tag_characters, text):
                raise ApiError("InvalidTags", f"{text!r} does not match {self.traits.tag_characters}")

    def _check_zone(self, body: Raw) -> None:
        for name, known in (("zone", self.traits.zones), ("size", self.traits.sizes)):
            if isinstance(body.get(name), str) and body[name] not in known:
                raise ApiError(f"Invalid{name.title()}", f"there is no {name} {body[name]}")
