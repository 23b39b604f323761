# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a machine: plain data, made by running a driver's recipe on paper."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from . import _contract as contract
from ._errors import MachineError

Request = dict[str, t.Any]


@dataclasses.dataclass
class Want:
    """One thing that a machine needs. ``requests`` are tried in turn; ``existing`` is the id of the user's own."""

    key: str
    kind: str
    requests: list[Request]
    existing: str | None = None


class Reference:
    """A thing of the same plan: ``ref.id`` and ``ref.<fact>`` may stand in later requests, filled in at the call."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __getattr__(self, fact: str) -> t.Any:
        if fact.startswith("_"):
            raise AttributeError(fact)
        return {"$of": self._key, "fact": fact}


class Recipe:
    """What a recipe is handed as ``m``: it reads the options and says what the machine needs.

    A recipe is pure: run twice with the same ``kept``, it says the same. Its reads and picks go through
    look(), once() and choose(), whose answers are kept in the record.
    """

    def __init__(
        self,
        name: str,
        options: dict[str, t.Any],
        digests: dict[str, str] | None = None,
        kept: dict[str, t.Any] | None = None,
        taken: t.Callable[[], set[t.Any]] | None = None,
        public_key: t.Callable[[], str] | None = None,
        asks: t.Callable[..., t.Any] | None = None,
        ssh_user: str = "",
    ) -> None:
        self.name = name
        self._digests = digests or {}
        # A secret never stands in a request: its digest does, and the value is filled in at the call.
        self.options = {k: self._secret(k) if k in self._digests else v for k, v in options.items()}
        self.kept: dict[str, t.Any] = {"looks": {}, "picks": {}, "choices": {}} if kept is None else kept
        self.wants: list[Want] = []
        self.candidates: dict[str, int] = {}
        self.injects_host_key = False
        self.by_user_data = False  # which others can read afterwards, a host key in it too
        self._taken = taken or set
        self._public_key = public_key or str
        self._asks = asks or (lambda ask, *args: ask(*args))
        self.ssh_user = ssh_user  # who is to be let in

    @property
    def public_key(self) -> str:
        """The SSH key that is to be let in, "type base64"."""
        return self._public_key()

    def want(self, kind: type, request: Request | list[Request], name: str = "") -> Reference:
        """Let this exist. A list of requests is tried in turn while there is no capacity."""
        requests = list(request) if isinstance(request, (list, tuple)) else [request]
        if not requests:
            raise MachineError(
                f"The options leave no choice for the {kind.__name__} of {self.name}",
                code="bad_option",
                remedy="Give at least one value for each option that is a list of what is tried in turn",
            )
        return self._add(kind, requests, name, None)

    def existing(self, kind: type, id: str, request: Request | None = None, name: str = "") -> Reference:
        """The user's own thing: read and checked, never touched."""
        return self._add(kind, [request or {}], name, id)

    def look(self, ask: t.Callable[..., t.Any], *args: t.Any) -> t.Any:
        """A read of the provider ("the newest image"): asked once, kept until its arguments change."""
        key = json.dumps([ask.__name__, *args])
        if key not in self.kept["looks"]:
            try:
                self.kept["looks"][key] = json.loads(json.dumps(self._asks(ask, *args)))  # as a record gives it back
            except MachineError:
                raise
            except Exception as error:
                again = getattr(error, "verdict", None) not in (contract.REFUSED, contract.MISSING)
                remedy = "Run again" if again else "Fix the cause of the provider's error (options, credentials)"
                raise MachineError(f"{ask.__name__} failed: {error}", code="look", remedy=remedy) from error
        return self.kept["looks"][key]

    def once(self, key: str, pick: t.Callable[[set[t.Any]], t.Any], shared: bool = True) -> t.Any:
        """Picked at first (a free port, say), kept ever after; ``pick`` is told all that was picked in this store.

        What is not ``shared`` (a device name, say) has to be free in this machine only.
        """
        picks = self.kept["picks"]
        if key not in picks:
            picks[key] = pick((self._taken() if shared else set()) | set(picks.values()))
        return picks[key]

    def choose(self, key: str, candidates: t.Sequence[t.Any]) -> t.Any:
        """One choice that several wants depend on; where there is no capacity it moves on to the next."""
        if not candidates:
            raise MachineError(f"There is no {key} to choose from", code="no_choice")
        self.candidates[key] = len(candidates)
        return candidates[min(self.kept["choices"].get(key, 0), len(candidates) - 1)]

    def user_data(self) -> Request:
        """The user data (cloud-init) that carries our keys and the user's own ``user_data`` option."""
        self.injects_host_key = self.by_user_data = bool(self.public_key)
        return {"$user_data": self._digests.get("user_data", "")}

    def host_key(self) -> Request:
        """The host's own private key (OpenSSH), for drivers with a channel of their own into the machine."""
        self.injects_host_key = True
        return {"$host_key": True}

    def _secret(self, option: str) -> Request:
        return {"$secret": option, "digest": self._digests[option]}

    def _add(self, kind: type, requests: list[Request], name: str, existing: str | None) -> Reference:
        key = f"{kind.__name__}/{name}" if name else kind.__name__
        if any(want.key == key for want in self.wants):
            raise MachineError(f"The recipe wants {key} twice", code="driver")
        # Through JSON and in its order, so that a plan is what a record gives back: a create that is repeated later
        # has to be the same to the letter, or its token would not be taken for a repetition's.
        self.wants.append(Want(key, kind.__name__, json.loads(json.dumps(requests, sort_keys=True)), existing))
        return Reference(key)


def fill(request: t.Any, resolve: t.Callable[[str, Request], t.Any]) -> t.Any:
    """A request with its placeholders ({"$name": ...}) replaced by what ``resolve(name, placeholder)`` says."""
    if isinstance(request, dict):
        name = next(iter(request), "")
        if isinstance(name, str) and name.startswith("$"):
            return resolve(name[1:], request)
        return {key: fill(value, resolve) for key, value in request.items()}
    if isinstance(request, list):
        return [fill(value, resolve) for value in request]
    return request


def refers_to(request: t.Any) -> set[str]:
    """The keys of the plan that a request refers to."""
    found: set[str] = set()

    def note(name: str, placeholder: Request) -> None:
        if name == "of":
            found.add(placeholder["$of"])

    fill(request, note)
    return found


@dataclasses.dataclass
class Changes:
    """What leads from an old plan to a new one."""

    adjust: dict[str, Request] = dataclasses.field(default_factory=dict)  # key -> the part of the request that changes
    existing: dict[str, Want] = dataclasses.field(default_factory=dict)  # another thing of the user's is meant
    replanned: dict[str, Want] = dataclasses.field(
        default_factory=dict
    )  # was never made, and is asked for otherwise now
    new: list[Want] = dataclasses.field(default_factory=list)
    order: list[str] = dataclasses.field(default_factory=list)  # keys of the new plan
    surplus: list[str] = dataclasses.field(default_factory=list)
    again: list[str] = dataclasses.field(default_factory=list)  # was surplus, is still there, and is of use again
    drift: dict[str, list[str]] = dataclasses.field(
        default_factory=dict
    )  # key -> fields that can't be changed in place

    def __bool__(self) -> bool:
        return bool(
            self.adjust or self.existing or self.replanned or self.new or self.surplus or self.again or self.drift
        )


def compare(
    old: list[Want], new: list[Want], adjustable: t.Callable[[str], t.Iterable[str]], choice: t.Callable[[str], int]
) -> Changes:
    """Both plans made now, of the old options and of the new ones: so a newer image is no change."""
    changes = Changes(order=[want.key for want in new])
    before = {want.key: want for want in old}
    after = {want.key: want for want in new}
    for key, want in after.items():
        if key not in before:
            changes.new.append(want)
            continue
        if want.existing is not None and before[key].existing is not None:
            if want != before[key]:
                changes.existing[key] = want
            continue
        if want.existing != before[key].existing:
            changes.drift[key] = ["existing"]
            continue
        one = before[key].requests[min(choice(key), len(before[key].requests) - 1)]
        if one in want.requests:
            continue  # the one that was taken is still among those to be tried
        can = set(adjustable(want.kind))
        # The nearest: other choices may come in another number and order.
        two = min(want.requests, key=lambda two: (len(_differing(one, two) - can), len(_differing(one, two))))
        differing = _differing(one, two)
        if differing - can:
            changes.drift[key] = sorted(differing - can)
        else:
            changes.adjust[key] = {field: two.get(field) for field in sorted(differing)}
    changes.surplus = [key for key in before if key not in after]
    return changes


def _differing(one: Request, two: Request) -> set[str]:
    return {field for field in {**one, **two} if one.get(field) != two.get(field)}


def covers(has: t.Any, request: t.Any) -> bool:
    """Whether what is there covers what was asked for: services return more fields than were sent.

    Lists must agree one by one, else a port that is to be closed would stay open.
    """
    if isinstance(request, dict) and isinstance(has, dict):
        return all(key in has and covers(has[key], value) for key, value in request.items())
    if isinstance(request, list) and isinstance(has, (list, tuple)):
        return len(has) == len(request) and all(any(covers(one, value) for one in has) for value in request)
    return bool(has == request)
