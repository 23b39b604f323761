# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed means: who does what, at a provider of which manners, and how often what goes wrong."""

from __future__ import annotations

import dataclasses
import random
import typing as t

from tests.model import Traits
from tests.stress.controllers import Controller

Options = dict[str, t.Any]
NAMES = ("web1", "web2")
BASE: Options = {"region": "north"}


@dataclasses.dataclass
class Task:
    """What a playbook asks for of one machine; ``wish`` as in _lifecycle.Wish."""

    verb: str  # a state, or "pruned"
    name: str
    options: Options = dataclasses.field(default_factory=dict)
    wish: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    after: float = 0.0  # seconds after what came before
    ids: tuple[str, ...] = ()  # what is to be pruned though it is unrecorded

    def __str__(self) -> str:
        more = {key: value for key, value in {**self.options, **self.wish}.items() if key != "region"}
        return f"{self.verb} {self.name}" + "".join(f" {key}={value}" for key, value in more.items())


@dataclasses.dataclass
class Scenario:
    seed: int
    traits: Traits
    controllers: list[Controller]
    final: list[Task]
    stops: float  # how often, at each step
    kills: float
    errors: float  # of provider and store
    copies: float  # how often somebody makes more like what was just made
    full: list[tuple[float, float, str]]  # from, until, zone or zone/size


def scenario(seed: int) -> Scenario:
    one = random.Random(seed)
    often = one.choice
    return Scenario(
        seed=seed,
        traits=_traits(one),
        controllers=[_controller(one, f"c{number}") for number in range(1, often((2, 2, 3)) + 1)],
        final=[_final(one, name) for name in NAMES],
        stops=often((0, 0.005, 0.02, 0.05)),
        kills=often((0, 0.003, 0.01)),
        errors=often((0, 0.01, 0.05)),
        copies=often((0, 0, 0.1)),
        full=[_shortage(one) for _number in range(often((0, 0, 1, 2)))],
    )


def _traits(one: random.Random) -> Traits:
    often = one.choice
    return Traits(
        list_lag=often((0, 0, 3, 10, 100)),
        read_lag=often((0, 0, 2, 60)),
        gone_lag=often((0, 0, 5)),
        ghost=often((0, 0, 60)),
        page_size=often((100, 1)),
        token_scope=often(("account", "account", "region", "zone", None)),
        token_outlives=often((True, False)),
        token_life=often((float("inf"), 1200.0)),  # longer than anything lags, and clocks differ
        token_mismatch=often((True, False)),
        creating=often((0, 0, 5, 20)),
        starting=often((0, 3)),
        stopping=often((0, 3)),
        deleting=often((0, 0, 8)),
        full_later=often(((), (), ("a",), ("a/small",))),
        rate=often((float("inf"), float("inf"), 2.0)),
        retry_after=often((True, False)),
    )


def _controller(one: random.Random, name: str) -> Controller:
    ahead = one.choice((0.0, one.uniform(-5, 5), one.uniform(-250, 250)))
    rate = 1 + one.uniform(-0.001, 0.001)
    return Controller(name, ahead, rate, [_task(one) for _number in range(one.choice((1, 2, 3, 4)))])


def _options(one: random.Random) -> Options:
    return {
        **BASE,
        "rules": one.choice(([22], [22, 80])),
        "sizes": one.choice((["small"], ["medium"], ["small", "medium"])),
        "disk": one.choice((0, 0, 5)),
        "public_address": one.choice((False, False, True)),
    }


def _task(one: random.Random) -> Task:
    name = one.choice((NAMES[0], NAMES[0], NAMES[0], NAMES[1]))
    verb = one.choices(
        ("present", "absent", "recreate", "started", "stopped", "restarted", "killed", "pruned"),
        (8, 6, 3, 1, 1, 1, 1, 2),
    )[0]
    wish: dict[str, t.Any] = {}
    options: Options = {}
    if verb in ("present", "recreate"):
        options = _options(one)
        wish["allow_stop"] = one.random() < 0.8
        if one.random() < 0.2:
            wish["on_failure"] = "remove"
    if verb == "recreate":
        verb, wish["recreate"] = "present", True
        options["image"] = one.choice(("image-1", "image-2"))
    if one.random() < 0.3:
        wish["lock_timeout"] = one.choice((0, 10, 300))
    return Task(verb, name, options, wish, one.choice((0.0, one.uniform(0, 5), one.uniform(0, 100))))


def _final(one: random.Random, name: str) -> Task:
    if one.random() < 0.4:
        return Task("absent", name)
    return Task("started", name, _options(one), {"recreate": True, "allow_stop": True})


def _shortage(one: random.Random) -> tuple[float, float, str]:
    since = one.uniform(0, 200)
    return since, since + one.uniform(5, 300), one.choice(("a", "a/small", "b", "a/medium"))
