# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the tests of a run that may take only so many seconds. It depends on nothing but its arguments."""

from __future__ import annotations

import dataclasses
import random
import typing as t

UNKNOWN = 20.0  # seconds: a test whose duration is not recorded yet
BY_LOT = 0.25  # of the budget is for tests by lot, however many others there are


def file_of(test: str) -> str:
    return test.partition("::")[0]


@dataclasses.dataclass(frozen=True)
class Durations:
    """Seconds by test, and by file what its first test takes longer, since it sets up what the others use."""

    recorded: t.Mapping[str, float]

    def knows(self, test: str) -> bool:
        return test in self.recorded

    def of(self, test: str) -> float:
        return self.recorded.get(test, UNKNOWN)

    def opening(self, file: str) -> float:
        return self.recorded.get(file, 0.0)

    def total(self, tests: t.Iterable[str]) -> float:
        tests = list(tests)
        return sum(map(self.of, tests)) + sum(map(self.opening, {file_of(test) for test in tests}))


def choose(
    tests: t.Iterable[str],
    durations: Durations,
    budget: float,
    seed: int,
    first: t.Sequence[t.Callable[[str], bool]] = (),
    together: t.Container[str] = (),
) -> set[str]:
    """As many as the budget allows: those of each group in ``first``, group by group, then by lot of all that are left.

    The same seed chooses the same tests. A test that no longer fits is left out, and a shorter one may still fit.
    ``together``: files of which all tests are chosen, or none, since they build on each other.
    """
    order = random.Random(seed)
    units: dict[str, list[str]] = {}
    for test in sorted(tests):
        file = file_of(test)
        units.setdefault(file if file in together else test, []).append(test)
    rest, chosen, opened, spent = list(units), set[str](), set[str](), 0.0
    for belongs in (*first, None):
        group = [unit for unit in rest if belongs is None or any(map(belongs, units[unit]))]
        most = budget if belongs is None else budget * (1 - BY_LOT)
        order.shuffle(group)
        for unit in group:
            file = file_of(unit)
            seconds = sum(map(durations.of, units[unit])) + (0.0 if file in opened else durations.opening(file))
            if spent + seconds <= most:
                chosen.update(units[unit])
                opened.add(file)
                spent += seconds
        rest = [unit for unit in rest if chosen.isdisjoint(units[unit])]
    return chosen


def longest_first(files: t.Mapping[str, t.Sequence[str]], durations: Durations) -> list[str]:
    """The files in the order in which nobody waits for a long one at the end."""
    return sorted(files, key=lambda file: (-durations.total(files[file]), file))


def measured(phases: t.Iterable[tuple[str, str, float]]) -> dict[str, float]:
    """Durations of what was run: (test, phase, seconds) in order. One more set-up of the first test of a file is the file's."""
    seconds: dict[str, float] = {}
    setups: dict[str, list[tuple[str, float]]] = {}
    for test, phase, duration in phases:
        seconds[test] = seconds.get(test, 0.0) + duration
        if phase == "setup":
            setups.setdefault(file_of(test), []).append((test, duration))
    for file, those in setups.items():
        (test, longest), *others = sorted(those, key=lambda one: -one[1])
        if others:
            seconds[file] = longest - others[0][1]
            seconds[test] -= seconds[file]
    return {name: round(value, 1) for name, value in sorted(seconds.items())}
