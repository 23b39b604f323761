# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells: each operation of each driver × each of its boundaries × each fault that suits it × what is run next.

Generated: an operation is run whole once, which tells its boundaries.
"""

from __future__ import annotations

import dataclasses
import typing as t
import zlib

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils.driver import Machine
from tests.faults import faults
from tests.faults.boundaries import API, DISK, Boundary, Crash
from tests.faults.faults import Fault
from tests.faults.filesystem import Survives
from tests.faults.invariants import Broken, holds
from tests.faults.operations import Operation, task
from tests.faults.world import World
from tests.model.clock import DAY

RERUNS = 2  # within so many it has to succeed
PAUSE = 5.0  # seconds, between two runs
# Seconds that a task may take beside its time-out: a wait that comes to nothing ends it, and what went well before that
# (choices that had no room, one after the other), the call that was under way and what is asked for the error take less.
LONG = 120.0

# What is run after the fault
SAME, OPPOSITE, CHANGED, ELSEWHERE, SOMEBODY = "same", "opposite", "changed", "elsewhere", "somebody-else"
LATER = "later"  # the same, once the provider has forgotten all tokens


class Unfired(Exception):
    """The fault did not strike: the cell proves nothing."""


@dataclasses.dataclass(frozen=True)
class Cell:
    driver: str
    operation: str
    at: int
    fault: str
    for_ever: bool
    then: str

    @property
    def id(self) -> str:
        often = "ever" if self.for_ever else "once"
        return f"{self.driver}:{self.operation}:{self.at}:{self.fault}:{often}:{self.then}"

    @property
    def lot(self) -> float:
        """From 0 to 1, the same for ever: so that a fixed share can be drawn."""
        return zlib.crc32(self.id.encode()) / 2**32

    @classmethod
    def parse(cls, id: str) -> Cell:
        driver, operation, at, fault, often, then = id.split(":")
        return cls(driver, operation, int(at), fault, often == "ever", then)


@dataclasses.dataclass
class Whole:
    """An operation run whole: its boundaries, the states that a power cut there may leave of the disk, and its end."""

    boundaries: list[Boundary]
    states: list[list[int]]  # those that no power cut before has left
    shape: t.Any

    def cells(self, world: World, operation: str) -> list[Cell]:
        name, first = type(world).__module__.rpartition(".")[2], self._first(world, operation)
        return [
            Cell(name, operation, number, fault.name, fault.for_ever, then)
            for number, boundary in enumerate(self.boundaries)
            if number >= first
            # By whatever it is made, the disk is written by the same steps.
            for fault in faults.at(number, boundary, world, () if "-full" in operation else self.states[number])
            for then in follow_ups(world, fault, boundary)
            if not world.dear or self._differs(number, fault, then)
        ]

    def _first(self, world: World, operation: str) -> int:
        """Where that operation begins to go otherwise than another one: no machine is made before there is no room."""
        machines = [f"{kind.__name__}.create" for kind in world.driver.kinds if issubclass(kind, Machine)]
        begins = (number for number, boundary in enumerate(self.boundaries) if boundary.doing in machines)
        return next(begins) if "-full" in operation else 0

    def _differs(self, number: int, fault: Fault, then: str) -> bool:
        """Whether the cell may go otherwise than its neighbours, or than the same cell of a driver whose cells are cheap.

        What is durable changes by calls that change something and by saves, and only by these; and in a row of equal
        reads, which is a wait, one is like the other.
        """
        boundary = self.boundaries[number]
        if boundary.kind not in (DISK, API):
            return True
        if boundary.kind == DISK:
            return fault.name == faults.AFTER and boundary.name == "rename machine.json" and then in (SAME, OPPOSITE)
        if boundary.changes:
            return then == SAME or fault.kills or not fault.for_ever
        former = [one for one in self.boundaries[:number] if one.kind != DISK]
        return not fault.kills and then == SAME and former[-1:] != [boundary]


def follow_ups(world: World, fault: Fault, boundary: Boundary) -> list[str]:
    if fault.name in faults.ERRORS:
        return [SAME]
    found = [SAME, OPPOSITE]
    if fault.kills and not fault.name.startswith((faults.POWER, faults.TORN)):
        found += [CHANGED] * bool(world.changes) + [ELSEWHERE] * bool(world.elsewhere)
        found += [SOMEBODY] * bool(world.somebody_else)
        tokens = any(kind.identity == "token" for kind in world.driver.kinds)
        found += [LATER] * (tokens and boundary.method == "create" and fault.name != faults.LATE)
    return found


def run_whole(world: World, operation: Operation) -> Whole:
    """The operation without a fault; it must keep all that is promised, too."""
    world.survives, cross = Survives(world.disk), world.cross
    known: set[str] = set()
    states: list[list[int]] = []

    def counted(kind: str, name: str, effect: t.Callable[[], t.Any], *more: t.Any, **others: t.Any) -> t.Any:
        try:
            return cross(kind, name, effect, *more, **others)
        finally:
            fresh = []
            if kind == DISK and world.survives:
                fresh = world.survives.fresh(known, f"{sum(boundary.kind != DISK for boundary in world.crossed)} ")
            states.append(fresh)

    world.begin()
    world.crossed, world.cross = [], counted  # type: ignore[method-assign]
    operation.task(world)
    world.cross = cross  # type: ignore[method-assign]
    boundaries = world.crossed
    world.check()
    shape = world.shape()
    if operation.settles:
        unchanged(world, operation.task)
    return Whole(boundaries, states, shape)


def run_cell(world: World, operation: Operation, whole: Whole, cell: Cell) -> None:
    """Raises what does not hold."""
    there, kinds = world.ids(), _kinds(world)
    fault = Fault(cell.fault, cell.at, cell.for_ever)
    if fault.name.startswith(faults.POWER):
        world.survives = Survives(world.disk)
    world.crossed, world.fault = [], fault
    attempt(world, operation.task, set() if operation.takes_down else there)
    world.fault = None
    if not fault.fired:
        raise Unfired(cell.id)
    world.survives = None
    world.resume()
    after(world, operation, whole, cell, kinds)


def after(world: World, operation: Operation, whole: Whole, cell: Cell, kinds: list[str]) -> None:
    """What is run next, and what there is then; ``kinds``: of what there was before."""
    opposite = task() if operation.gone else task("absent")
    if operation.needed and cell.then != SAME:
        succeed(world, operation.task)
    if cell.then == CHANGED:
        change = next(iter(world.changes.values()))
        options = {**operation.arguments.get("options", {}), **change.get("options", {})}
        changed = task(**{**operation.arguments, **change, "options": options})
        attempt(world, changed, world.ids())
        succeed(world, changed)
        world.check()
    elif cell.then == ELSEWHERE:
        if attempt(world, task(**world.elsewhere), world.ids()):
            succeed(world, operation.task)
        world.check()
    elif cell.then == SOMEBODY:
        world.become(True)
        state = "present" if world.records() and not operation.gone else "absent"  # else it would be theirs
        attempt(world, task(state, **world.somebody_else), world.ids())
        world.become(False)
    if cell.then == LATER:
        world.wait(2 * DAY)
    if cell.then in (SAME, LATER, SOMEBODY):
        if operation.running and cell.fault.startswith(faults.POWER):
            attempt(world, task("started"), world.ids())
        succeed(world, operation.task)
        world.check()
        shape, expected = world.shape(), whole.shape
        # It may be in another zone, have lost its power, or have stopped only after somebody else's run.
        if cell.fault.startswith((faults.QUOTA, faults.POWER)) or cell.then == SOMEBODY:
            shape, expected = _without_things(shape), _without_things(expected)
        holds(shape == expected, f"there is {shape}, and a whole run leads to {expected}")
        if operation.settles:
            unchanged(world, operation.task)
    if cell.then == OPPOSITE:
        succeed(world, opposite)
        world.check()
        if operation.gone:
            holds(len(world.records()) == 1, "there is no machine")
            holds(_kinds(world) == kinds, f"it is made of {_kinds(world)}, and was of {kinds}")
    succeed(world, task("absent"))
    world.check()
    world.clock.now += 3600
    holds(not world.ids() and not world.records(), f"left at the end: {world.ids()}")


def attempt(world: World, run: t.Callable[[World], t.Any], untouched: set[str]) -> MachineError | None:
    """One run, which may fail, but in order; what was there before it and stays (``untouched``) need not be named."""
    began = world.clock.now
    world.begin()
    try:
        world.watch.no_secret(str(run(world)), "a result")
        return None
    except Crash:
        return None
    except MachineError as error:
        world.watch.failure(error, world.ids() - untouched)
        return error
    finally:
        holds(world.clock.now - began <= world.timeout + LONG, f"it took {world.clock.now - began:.0f} s")


def succeed(world: World, run: t.Callable[[World], t.Any]) -> None:
    """Within two runs; where it can't be known what is ours, a person is asked first."""
    asked = 0
    for left in reversed(range(RERUNS)):
        error = attempt(world, run, world.ids())
        while error and error.code == "unproved" and asked < RERUNS:
            asked += 1
            world.begin()
            world.ask_a_person()
            error = attempt(world, run, world.ids())
        if error is None:
            return
        if not left:
            raise Broken(f"it fails again: {error.text()}") from error
        world.clock.now += PAUSE


def unchanged(world: World, run: t.Callable[[World], t.Any]) -> None:
    """A second run changes nothing, here and there."""
    before, world.crossed = {name: record["revision"] for name, record in world.records().items()}, []
    world.begin()
    outcome = run(world)
    holds(not getattr(outcome, "changed", outcome), f"a second run changes something: {outcome}")
    changing = [str(boundary) for boundary in world.crossed if boundary.changes]
    holds(not changing, f"a second run calls {changing}")
    after = {name: record["revision"] for name, record in world.records().items()}
    holds(before == after, "a second run saves a record")


def _kinds(world: World) -> list[str]:
    return sorted(thing.kind for thing in world.things())


def _without_things(shape: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**shape, "things": [kind for kind, _text in shape["things"]]}
