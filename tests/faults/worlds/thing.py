# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of a third party, over its cloud in memory."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.acme.cloud.plugins.module_utils import cloud as acme_cloud
from ansible_collections.acme.cloud.plugins.modules import thing
from tests.faults import boundaries, faults, world
from tests.faults.boundaries import Boundary
from tests.faults.invariants import Thing

CANARY = "canary-3f9a"
KINDS = {"things": "Thing", "keys": "Key", "volumes": "Volume"}
CODES = {
    faults.THROTTLED: "Throttled",
    faults.THROTTLED_WITH: "Throttled",
    faults.INTERNAL: "InternalError",
    faults.UNAVAILABLE: "Unavailable",
    faults.INTERNAL_AFTER: "InternalError",
    faults.UNAVAILABLE_AFTER: "Unavailable",
    faults.TIMEOUT_BEFORE: "Timeout",
    faults.TIMEOUT_AFTER: "Timeout",
    faults.RESET: "ConnectionReset",
    faults.HTML: "JSONDecodeError",
    faults.EXPIRED: "ExpiredToken",
    faults.QUOTA: "OutOfCapacity",
    faults.NOT_FOUND: "NotFound",
}
AFTER = (faults.TIMEOUT_AFTER, faults.RESET, faults.INTERNAL_AFTER, faults.UNAVAILABLE_AFTER)


class MemoryCloud(acme_cloud.Cloud):
    def __init__(self, world: World, account: str) -> None:
        super().__init__(account, world.clock.time, world.state)
        self.world = world

    def _call(self, call: str, target: str, effect: t.Callable[[t.Any], t.Any]) -> t.Any:
        return self.world.cross("api", call, lambda: super(MemoryCloud, self)._call(call, target, effect))


class World(world.World):
    driver = thing.Acme
    name = "acme.cloud.thing"
    copies = True
    lag = 0.25
    traits: t.ClassVar[dict[str, t.Any]] = {"lag": 0.2, "boot": 1}
    secrets = (world.KEY_CANARY, CANARY)
    failures = {boundaries.API: (*CODES, faults.EMPTY, faults.NO_PAGE)}
    shortages = {"full": {"full": ["a"]}, "full-later": {"full_later": ["a"]}}
    changes = {
        "adjust": {"options": {"rules": [22, 80]}},
        "resize": {"options": {"memory": 1024}, "allow_stop": True},
        "drop-disk": {"options": {"disk": 0}},
        "recreate": {"options": {"image": "other"}, "recreate": True},
    }
    elsewhere = {"options": {"zones": ["b"]}}
    somebody_else = {"options": {"token": f"somebody:{CANARY}"}}

    def play(self, patch: boundaries.Patch) -> None:
        self.state: dict[str, t.Any] = copy.deepcopy(acme_cloud.EMPTY)
        self.cloud = acme_cloud.Cloud("acme", self.clock.time, self.state)
        self.cloud.set(**self.traits)
        patch.setattr(
            self.driver, "connect", lambda driver: MemoryCloud(self, driver.options["token"].partition(":")[0])
        )

    def options(self) -> dict[str, t.Any]:
        return {"endpoint": "memory", "disk": 5, "token": f"acme:{CANARY}", "user_data": f"#!/bin/sh\n# {CANARY}"}

    def set(self, **traits: t.Any) -> None:
        self.cloud.set(**traits)

    def things(self) -> list[Thing]:
        return [
            Thing(id, name, one.get("name", ""), one.get("tags", {}), self._shape(name, one))
            for kind, name in KINDS.items()
            for id, one in self.state[kind].items()
            if id not in self.copied
        ]

    def copy(self) -> None:
        if self.copied:
            return
        for kind in ("things", "volumes"):
            for id, one in list(self.state[kind].items()):
                copied = f"copy-of-{id}-9"
                self.state[kind][copied] = copy.deepcopy({**one, "name": "another", "volume": None, "token": ""})
                self.copied[copied] = self.looks(copied)

    def looks(self, id: str) -> str:
        return repr(next(those[id] for those in (self.state["things"], self.state["volumes"]) if id in those))

    def untag(self, id: str) -> None:
        for kind in ("things", "volumes"):
            if id in self.state[kind]:
                self.state[kind][id]["tags"] = {}

    @staticmethod
    def _shape(kind: str, one: dict[str, t.Any]) -> t.Any:
        if kind == "Thing":
            return {key: one[key] for key in ("zone", "memory", "image", "state", "rules")} | {
                "disk": bool(one["volume"])
            }
        return {"size": one["size"]} if kind == "Volume" else {}

    def suits(self, fault: str, boundary: Boundary) -> bool:
        if fault in (faults.EMPTY, faults.NO_PAGE):
            return boundary.name.startswith("list_")
        if fault == faults.QUOTA:
            return boundary.method == "create"
        if fault == faults.NOT_FOUND:
            return boundary.changes
        return fault not in AFTER or fault == faults.RESET or boundary.changes

    def fail(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        if fault == faults.EMPTY:
            effect()
            return []
        if fault == faults.NO_PAGE:
            return effect()[:-1]
        if fault in AFTER:
            effect()
        if fault in (faults.TIMEOUT_BEFORE, faults.TIMEOUT_AFTER):
            self.clock.now += 5
        error = acme_cloud.CloudError(CODES[fault], f"{boundary.name}: {fault}")
        error.retry_after = 2.0 if fault == faults.THROTTLED_WITH else None
        raise error
