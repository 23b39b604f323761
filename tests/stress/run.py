# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds: one in this process, or many in forked ones."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import os
import pathlib
import tempfile
import traceback
import typing as t

import pytest

from tests.faults.invariants import Broken
from tests.stress.scenario import scenario
from tests.stress.world import World

FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
BLOCK = 20  # seeds that a process does before it ends


@dataclasses.dataclass
class Result:
    seed: int
    broken: str | None
    seen: collections.Counter[str]  # what happened how often

    def __str__(self) -> str:
        if self.broken is None:
            return f"seed {self.seed} holds"
        return f"seed {self.seed}: {self.broken}\n  make stress SEED={self.seed} tells how it came to that"


class Total:
    def __init__(self) -> None:
        self.seeds = 0
        self.broken: list[Result] = []
        self.seen: collections.Counter[str] = collections.Counter()

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.seen += result.seen
        if result.broken:
            self.broken.append(result)

    def __str__(self) -> str:
        seen = ", ".join(f"{count} {what}" for what, count in sorted(self.seen.items()))
        return f"{self.seeds} seeds, {len(self.broken)} failed ({seen})"


Plant = t.Callable[[pytest.MonkeyPatch], None]  # a bug


def nothing(patch: pytest.MonkeyPatch) -> None:
    """No bug but those that are there."""


def one(seed: int, say: t.Callable[[str], None] = lambda line: None, plant: Plant = nothing) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="dockyard-stress-", dir=FAST) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        plant(patch)
        world = World(scenario(seed), pathlib.Path(folder), patch, say)
        try:
            world.run()
        except Broken:
            pass
        except Exception:
            world.broken = traceback.format_exc()
        return Result(seed, world.broken, world.seen)


def replay(seed: int, say: t.Callable[[str], None]) -> Result:
    what = scenario(seed)
    say(f"{what.traits}")
    for controller in what.controllers:
        say(f"{controller.name}: {controller.ahead:+.1f} s, {'; '.join(map(str, controller.tasks))}")
    say(f"afterwards: {'; '.join(map(str, what.final))}")
    say(f"stops {what.stops}, kills {what.kills}, errors {what.errors}, full {what.full}")
    return one(seed, say)


def seeds(which: range, plant: Plant = nothing) -> t.Iterator[Result]:
    blocks = [which[start : start + BLOCK] for start in range(0, len(which), BLOCK)]
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=context, max_tasks_per_child=None) as pool:
        for results in pool.map(_block, blocks, itertools.repeat(plant)):
            yield from results


def _block(seeds: t.Sequence[int], plant: Plant) -> list[Result]:
    return [one(seed, plant=plant) for seed in seeds]
