# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs cells, each in a process forked off a prepared world, and tells what came of them."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import gc
import multiprocessing
import os
import pathlib
import pickle
import random
import re
import shutil
import signal
import tempfile
import traceback
import typing as t

import pytest

from tests.faults import cells, operations, world
from tests.faults.cells import Cell, Whole
from tests.faults.invariants import Broken

TOLD = "fault matrix"  # a test's property that is shown at the end
SHOWN = 40  # kinds of failures
LIMIT = 60  # seconds, real ones, for one cell
OK, FAILED, UNFIRED = "ok", "failed", "unfired"
T = t.TypeVar("T")
MOST = 60  # cells of one operation, so that several are drawn


class Cost(t.NamedTuple):
    """Seconds of one core."""

    operation: float  # beside its cells
    cell: float


COST = {False: Cost(0.4, 0.045), True: Cost(1.3, 0.25)}  # also of a world whose cells are dear


@dataclasses.dataclass
class Result:
    cell: str
    came: str  # OK, FAILED or UNFIRED
    text: str = ""
    boundary: str = ""


@dataclasses.dataclass
class Job:
    """Some cells of one operation of one driver."""

    driver: str
    operation: str
    part: int = 0
    parts: int = 1
    chosen: t.Callable[[Cell], bool] | None = None
    most: int | None = None  # so many of them, drawn by the seed
    seed: int = 0

    def run(self) -> list[Result]:
        with tempfile.TemporaryDirectory(dir=_memory(), prefix="dockyard-faults-") as folder:
            return self._run(pathlib.Path(folder))

    def _run(self, folder: pathlib.Path) -> list[Result]:
        with pytest.MonkeyPatch.context() as patch:
            name = f"{self.driver}:{self.operation}"
            made: world.World | None = None
            try:
                made = world.find(self.driver)(folder, patch)
                operation = operations.operations(type(made))[self.operation]
                if operation.before:
                    operation.before(made)
                shutil.copytree(made.disk, folder / "before", symlinks=True)
                whole = t.cast(Whole, _forked(lambda: cells.run_whole(made, operation)))
                _restore(folder, made)
            except BaseException as error:
                return [Result(f"{name}:whole", FAILED, _explain(error))]
            found = whole.cells(made, self.operation)
            mine = [cell for number, cell in enumerate(found) if number % self.parts == self.part]
            results = []
            for cell in self.drawn([cell for cell in mine if self.chosen is None or self.chosen(cell)]):
                results.append(self._cell(made, operation, whole, cell))
                _restore(folder, made)
            return results

    def drawn(self, found: list[Cell]) -> list[Cell]:
        if self.most is None or len(found) <= self.most:
            return found
        return random.Random(self.seed).sample(found, self.most)

    @staticmethod
    def _cell(made: world.World, operation: operations.Operation, whole: Whole, cell: Cell) -> Result:
        boundary = str(whole.boundaries[cell.at])
        try:
            _forked(lambda: cells.run_cell(made, operation, whole, cell))
        except cells.Unfired:
            return Result(cell.id, UNFIRED, "", boundary)
        except BaseException as error:
            return Result(cell.id, FAILED, _explain(error), boundary)
        return Result(cell.id, OK, "", boundary)


@dataclasses.dataclass(frozen=True)
class Only:
    """One cell."""

    id: str

    def __call__(self, cell: Cell) -> bool:
        return cell.id == self.id


@dataclasses.dataclass(frozen=True)
class Share:
    """A fixed part of all cells, as if drawn by lot."""

    part: float
    start: float = 0.0

    def __call__(self, cell: Cell) -> bool:
        return self.start <= cell.lot < self.start + self.part


def jobs(drivers: t.Iterable[str], parts: int, chosen: t.Callable[[Cell], bool] | None = None) -> list[Job]:
    return [
        Job(driver, operation, part, parts, chosen)
        for driver in drivers
        for operation in operations.operations(world.find(driver))
        for part in range(parts)
    ]


def jobs_within(driver: str, seconds: float, seed: int) -> list[Job]:
    """Operations of a driver, drawn by the seed, each with some of its cells: what so many seconds of one core allow."""
    made, order = world.find(driver), random.Random(f"{driver} {seed}")
    names, cost = sorted(operations.operations(made)), COST[made.dear]
    order.shuffle(names)
    most = max(MOST, int(seconds / len(names) / cost.cell))
    found: list[Job] = []
    for name in names:
        cells = min(most, int((seconds - cost.operation) / cost.cell))
        if cells < 1 and found:
            break
        found.append(Job(driver, name, most=max(cells, 1), seed=order.randrange(2**32)))
        seconds -= cost.operation + cells * cost.cell
    return found


def run(all_jobs: list[Job], at_once: int = os.cpu_count() or 1) -> t.Iterator[list[Result]]:
    """Side by side, each in a process of its own."""
    yield from _side_by_side(all_jobs, Job.run, at_once)


def summary(results: t.Iterable[Result], seconds: float) -> str:
    """Counts by driver, operation and kind of fault, and each failure with what replays it."""
    results = list(results)
    lines = []
    counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in results:
        parts = result.cell.split(":")
        fault = parts[3].partition("-cut")[0] if len(parts) > 3 else "whole"
        for key in (("driver", parts[0]), ("operation", parts[1]), ("fault", fault)):
            counts[key][result.came] += 1
    for key in sorted(counts):
        one = counts[key]
        lines.append(f"{key[0]:10} {key[1]:24} {one[OK]:7} ok {one[FAILED]:5} failed {one[UNFIRED]:5} did not fire")
    by_text = collections.defaultdict(list)
    for result in results:
        if result.came == FAILED:
            by_text[_alike(result.text)].append(result)
    for those in sorted(by_text.values(), key=len, reverse=True)[:SHOWN]:
        first = those[0]
        lines.append(f"\n{len(those)} × {first.text.strip()}\n  at {first.boundary}")
        lines += [f"  make faults CELL={one.cell}" for one in those[:3]]
    total: collections.Counter[str] = collections.Counter(result.came for result in results)
    lines.append(
        f"\n{len(results)} cells in {seconds:.0f} s: {total[OK]} ok, {total[FAILED]} failed, {total[UNFIRED]} did not fire"
    )
    return "\n".join(lines)


# Helpers


def _side_by_side(all_jobs: list[Job], what: t.Callable[[Job], T], at_once: int) -> t.Iterator[T]:
    for driver in {job.driver for job in all_jobs}:
        world.find(driver).warm()
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(at_once, context, max_tasks_per_child=None) as pool:
        for done in concurrent.futures.as_completed([pool.submit(what, job) for job in all_jobs]):
            yield done.result()


def _alike(text: str) -> str:
    """The same for failures that seem to have one cause: without numbers and quotations."""
    lines = text.strip().splitlines()
    return re.sub(r"[0-9]+|'[^']*'|\([^)]*\)", "#", lines[-1] if len(lines) > 1 else lines[0])[:90]


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _restore(folder: pathlib.Path, made: world.World) -> None:
    with made.stepping_aside():
        shutil.rmtree(made.disk)
        shutil.copytree(folder / "before", made.disk, symlinks=True)


def _explain(error: BaseException) -> str:
    """Where in the core it was, and what."""
    if isinstance(error, Failed):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    core = [one for one in frames if "plugins" in one.filename and "worlds" not in one.filename]
    shown = core[-3:] if core else frames[-4:]
    lines = [f"{pathlib.Path(one.filename).name}:{one.lineno} {one.line}" for one in shown]
    what = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
    return "\n  ".join([what, *lines])


class Failed(Exception):
    pass


def _forked(call: t.Callable[[], t.Any]) -> t.Any:
    """Its result, or its failure, from a process forked off this one, which so stays as it is."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        gc.disable()  # it ends soon, and would copy all memory that it looks through
        status = 1
        try:
            os.close(reader)
            signal.alarm(LIMIT)
            try:
                answer: tuple[str, t.Any] = (OK, call())
            except cells.Unfired as error:
                answer = (UNFIRED, str(error))
            except BaseException as error:
                answer = (FAILED, _explain(error))
            with open(writer, "wb") as stream:
                stream.write(pickle.dumps(answer))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as stream:
        data = stream.read()
    _pid, status = os.waitpid(pid, 0)
    if status or not data:
        raise Failed(f"no end within {LIMIT} s" if status == signal.SIGALRM else f"its process ended with {status}")
    came, value = pickle.loads(data)
    if came == UNFIRED:
        raise cells.Unfired(value)
    if came == FAILED:
        raise Failed(value)
    return value
