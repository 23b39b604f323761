# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model provider, as bad as it can be."""

from __future__ import annotations

import re
import typing as t

from tests.faults import boundaries, faults, hosts, world
from tests.faults.boundaries import Boundary
from tests.faults.invariants import Thing
from tests.model import Fault, Model, Provider, driver_for
from tests.model.clock import DAY
from tests.model.driver import PREFIX

CANARY = "canary-of-the-token"
DATA = "canary-of-the-user-data"
WHAT = {
    faults.THROTTLED: "throttled_bare",
    faults.THROTTLED_WITH: "throttled",
    faults.INTERNAL: "internal",
    faults.UNAVAILABLE: "unavailable",
    faults.INTERNAL_AFTER: "internal",
    faults.UNAVAILABLE_AFTER: "unavailable",
    faults.TIMEOUT_BEFORE: "timeout",
    faults.TIMEOUT_AFTER: "timeout",
    faults.RESET: "reset",
    faults.HTML: "html",
    faults.EXPIRED: "expired",
    faults.QUOTA: "quota",
    faults.EMPTY: "empty",
    faults.NO_PAGE: "no_page",
    faults.NOT_FOUND: "not_found",
}
AFTER = (faults.TIMEOUT_AFTER, faults.RESET, faults.INTERNAL_AFTER, faults.UNAVAILABLE_AFTER)
TAKES = {faults.TIMEOUT_BEFORE: 10.0, faults.TIMEOUT_AFTER: 10.0}  # seconds


class World(world.World):
    driver = Model
    name = "dockyard.machine.model"
    copies = True
    lag = 2.0
    secrets = (world.KEY_CANARY, CANARY, DATA)
    failures = {boundaries.API: tuple(WHAT), hosts.SSH: faults.SSH}
    shortages = {"full": {"full": ["a"]}, "full-later": {"full_later": ["a"]}}
    changes = {
        "adjust": {"options": {"rules": [22, 80], "public_address": False}},
        "resize": {"options": {"sizes": ["medium"]}, "allow_stop": True},
        "drop-disk": {"options": {"disk": 0}},
        "recreate": {"options": {"image": "other"}, "recreate": True},
    }
    elsewhere = {"options": {"region": "south"}}
    somebody_else = {"options": {"token": f"somebody:{CANARY}"}}

    def play(self, patch: boundaries.Patch) -> None:
        self.provider = Provider(
            t.cast(t.Any, self.clock),
            list_lag=2,
            read_lag=1,
            page_size=2,
            creating={"machine": 2, "volume": 1, "*": 0},
            starting=1,
            stopping=1,
            deleting={"machine": 1, "*": 0},
            ghost={"machine": 20, "*": 0},
            token_scope="zone",
            token_life=DAY,
        )
        self.driver = driver_for(self.provider)
        call = self.provider.call

        def cross(account: str, region: str, name: str, args: t.Any, effect: t.Callable[[], t.Any]) -> t.Any:
            self.said.append(str({key: value for key, value in args.items() if key != "user_data"}))
            return self.cross(boundaries.API, name, lambda: call(account, region, name, args, effect))

        patch.setattr(self.provider, "call", cross)

    def options(self) -> dict[str, t.Any]:
        asked = {"region": "north", "token": f"acme:{CANARY}", "disk": 5, "public_address": True}
        return {**asked, "user_data": f"#!/bin/sh\n# {DATA}"}

    def set(self, **traits: t.Any) -> None:
        self.provider.set(**traits)

    def things(self) -> list[Thing]:
        return [
            Thing(one.id, one.kind, one.name, _tags(one.tags), self._shape(one))
            for one in self.provider.alive()
            if (one.tags or one.kind == "key") and one.id not in self.copied
        ]

    def copy(self) -> None:
        if not self.copied:
            made = [self.provider.copy(thing.id).id for thing in self.provider.alive() if thing.tags]
            self.copied = {id: self.looks(id) for id in made}

    def looks(self, id: str) -> str:
        return repr(self.provider.things[id])

    def untag(self, id: str) -> None:
        self.provider.things[id].tags.clear()

    def _shape(self, one: t.Any) -> t.Any:
        shape = {key: one.body[key] for key in ("zone", "size", "image", "rules") if key in one.body}
        if one.kind == "machine":
            shown = self.provider.view(one)
            shape.update(state=shown["state"], volumes=len(shown["volumes"]), address=bool(shown["address"]))
        return shape

    def suits(self, fault: str, boundary: Boundary) -> bool:
        if boundary.kind == hosts.SSH:
            return True
        if fault in (faults.EMPTY, faults.NO_PAGE):
            return boundary.name.startswith("list_")
        if fault == faults.QUOTA:
            return boundary.method == "create"
        if fault == faults.NOT_FOUND:
            return boundary.method == "get" or boundary.changes  # a create may need what does not show yet
        return fault not in AFTER or fault == faults.RESET or boundary.changes

    def fail(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        if boundary.kind == hosts.SSH:
            return super().fail(fault, boundary, effect)
        self.clock.now += TAKES.get(fault, 0)
        self.provider.faults = [Fault(WHAT[fault], after=fault in AFTER)]
        try:
            return effect()
        finally:
            self.provider.faults = []


def _tags(tags: dict[str, str]) -> dict[str, str]:
    """Ours, as the core knows them."""
    return {
        name[len(PREFIX) :]: re.sub("_([0-9a-f]{2})", lambda one: chr(int(one[1], 16)), value)
        for name, value in tags.items()
        if name.startswith(PREFIX)
    }
