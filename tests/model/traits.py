# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is bad about a provider (its traits), and what happens to single calls (faults)."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import typing as t

PerKind = t.Union[float, t.Mapping[str, float]]  # one number for all kinds, or kind -> number ("*": the other kinds)

NO_TOKENS, ZONE, REGION, ACCOUNT = None, "zone", "region", "account"


@dataclasses.dataclass
class Traits:
    """The defaults are a provider as one would like it to be. Seconds are those of the clock."""

    # What is seen when
    list_lag: PerKind = 0.0  # until a new thing shows in lists
    read_lag: PerKind = 0.0  # until a new thing shows in reads by its id
    gone_lag: PerKind = 0.0  # for which a deleted thing shows as if nothing had happened
    ghost: PerKind = 0.0  # for which a deleted thing then still shows, as "terminated"
    page_size: int = 100  # things in a page of a list

    # Tokens of creates
    token_scope: str | None = ACCOUNT  # where a token means the same: "account", "region", "zone"; None: is ignored
    token_life: float = math.inf  # for which a token is known
    token_outlives: bool = True  # a token answers with the id of a thing that is deleted
    shows_token: t.Collection[str] = ("machine",)  # kinds of which each thing shows the token of its create
    token_mismatch: bool = True  # a known token that comes with another body is refused

    copied: t.Collection[str] = ()  # kinds of which somebody makes a copy, with all tags, of each thing that is made

    # What takes time, or fails later
    creating: PerKind = 0.0
    starting: float = 0.0
    stopping: float = 0.0
    deleting: PerKind = 0.0
    deaf: bool = False  # machines take no notice of a stop
    full: t.Collection[str] = ()  # "zone" or "zone/size" without capacity, said at once
    full_later: t.Collection[str] = ()  # the same, said by a machine that comes up in state "error"
    full_ends: bool = False  # such a machine ends by itself, in place of that: a ghost of it tells why

    # Rules
    unique: t.Collection[str] = ("key", "firewall")  # kinds whose names may exist once; keys have nothing but names
    in_use: bool = True  # what a machine uses can't be deleted
    quota: PerKind = math.inf  # things of a kind in an account and region
    tag_count: int = 50  # tags of one thing
    tag_characters: str = r"[a-z0-9_-]{0,63}"  # what a tag's key and value consist of
    rate: float = math.inf  # calls a second that an account may make ...
    burst: int = 20  # ... once it has made so many in no time
    retry_after: bool = True  # who is throttled is told for how long
    latency: float = 0.0  # of each call

    # What there is
    regions: t.Sequence[str] = ("north", "south")
    zones: t.Sequence[str] = ("a", "b", "c")  # in each region
    sizes: t.Sequence[str] = ("small", "medium", "large")
    image: str = "image-1"  # the newest

    def of(self, trait: str, kind: str) -> float:
        """The value of a trait that may differ from kind to kind."""
        value = getattr(self, trait)
        if isinstance(value, (int, float)):
            return value
        default = next(one.default for one in dataclasses.fields(self) if one.name == trait)
        return value.get(kind, value.get("*", default))

    def lag(self, kind: str) -> float:
        """The bound that the provider's documentation would name."""
        return max(self.of("list_lag", kind), self.of("read_lag", kind), self.of("gone_lag", kind))


# What can happen to a call: name -> code, HTTP status, Retry-After.
ERRORS: dict[str, tuple[str, int, float | None]] = {
    "throttled": ("Throttled", 429, 2.0),
    "throttled_bare": ("Throttled", 429, None),
    "internal": ("InternalError", 500, None),
    "unavailable": ("ServiceUnavailable", 503, None),
    "timeout": ("Timeout", 0, None),
    "reset": ("ConnectionReset", 0, None),
    "html": ("NotJson", 200, None),
    "expired": ("ExpiredToken", 401, None),
    "quota": ("LimitExceeded", 400, None),
    "not_found": ("NotFound", 404, None),
}
BENT = ("empty", "no_page")  # the answer of a list is wrong: nothing at all, or this page has no things
KINDS_OF_FAULT = (*ERRORS, *BENT)
AFTER = ("internal", "unavailable", "timeout", "reset", "html")  # may also hit once the call has taken effect


@dataclasses.dataclass
class Fault:
    """Something that happens to calls. ``fired`` says how often it did."""

    what: str  # one of KINDS_OF_FAULT
    call: str = "*"  # pattern of the call's name
    after: bool = False  # the call takes effect, and the answer is lost
    times: float = 1  # math.inf: for ever
    skip: int = 0  # so many matching calls pass first
    until: float = math.inf  # time from which on it is over
    fired: int = 0

    def __post_init__(self) -> None:
        assert self.what in KINDS_OF_FAULT, self.what
        assert not self.after or self.what in AFTER, f"{self.what} is said before anything is done"

    def hits(self, call: str, at: float) -> bool:
        """Whether it happens to this call; counts."""
        if self.fired >= self.times or at >= self.until or not fnmatch.fnmatchcase(call, self.call):
            return False
        if self.what in BENT and not call.startswith("list_"):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.fired += 1
        return True
