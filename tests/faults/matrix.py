# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crash must not do: each operation at each of its boundaries."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.faults.model import CANARY, READS, World, Worlds

FULL = {"disk": 5, "token": f"acme:{CANARY}", "user_data": f"#!/bin/sh\n# {CANARY}"}


@dataclasses.dataclass
class Operation:
    """A task, what there was before it, and what it leads to."""

    state: str = "present"
    options: dict[str, t.Any] = dataclasses.field(default_factory=lambda: dict(FULL))
    wish: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    before: dict[str, t.Any] | None = None  # options of a machine that exists
    power: str = ""  # its state of power
    traits: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def prepare(self, world: World) -> World:
        if self.before is not None:
            world.run(options=self.before, labels={"tier": "front"})
            if self.power:
                world.run(self.power, options=self.before)
        world.cloud.set(**self.traits)
        return world

    def run(self, world: World) -> t.Any:
        return world.run(self.state, options=self.options, **self.wish)


OPERATIONS = {
    "create": Operation(),
    "create, slow": Operation(traits={"lag": 0.2, "boot": 3}),
    "create, first zone full": Operation(traits={"full": ["a"]}),
    "create, first zone full after the call": Operation(traits={"full_later": ["a"]}),
    "create, no answer": Operation(traits={"faults": [{"call": "run_thing", "code": "Timeout", "after": True}]}),
    "adjust": Operation(options={**FULL, "rules": [22, 80], "disk": 0}, before=FULL),
    "resize": Operation(options={**FULL, "memory": 1024}, wish={"allow_stop": True}, before=FULL),
    "close a port": Operation(options={**FULL, "rules": [22]}, before={**FULL, "rules": [22, 80]}),
    "another disk": Operation(before={**FULL, "disk": 0}),
    "recreate": Operation(options={**FULL, "image": "other"}, wish={"recreate": True}, before=FULL),
    "stop": Operation(state="stopped", before=FULL),
    "start": Operation(state="started", before=FULL, power="stopped"),
    "restart": Operation(state="restarted", before=FULL),
    "remove": Operation(state="absent", before=FULL),
    "remove, slow": Operation(
        state="absent", before=FULL, traits={"faults": [{"call": "delete_thing", "code": "Busy"}]}
    ),
}


def crash_everywhere(operation: Operation, worlds: Worlds) -> int:
    """The operation, crashed at each of its boundaries; then the same task, and in another world the opposite one."""
    start = operation.prepare(worlds())
    whole = worlds(start)
    operation.run(whole)
    whole.check()
    count = len(whole.boundaries)
    assert count > 2
    for number in range(count):
        crashed = worlds(start)
        crashed.crash(number, operation.state, options=operation.options, **operation.wish)
        other = worlds(crashed)
        where = f"crashed {whole.boundaries[number]} ({number} of {count})"
        opposite(operation, other, where)
        worlds.enter(crashed)
        same(operation, crashed, whole, where)
    return count


def same(operation: Operation, world: World, whole: World, where: str) -> None:
    operation.run(world)
    world.check()
    assert world.shape() == whole.shape(), where
    ledger = len(world.state["ledger"])
    if operation.state != "restarted":
        again = operation.run(world)
        assert not again.changed, f"{where}: {again}"
        assert set(world.calls(ledger)) <= READS, where


def opposite(operation: Operation, world: World, where: str) -> None:
    if operation.state == "absent":
        world.run(options=FULL)
        world.check()
        assert len(world.state["things"]) == 1, where
    else:
        world.run("absent", options=operation.options)
        world.check()
        assert not world.ids() and not world.records(), where
