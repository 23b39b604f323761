# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin: runs the tests that fit into a budget, longest files first, and records how long tests take."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from tests.faults import changes
from tests.gate import choice, topics

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "tests" / "gate" / "durations.json"
SAID = "left_out"  # what a worker of xdist tells at its end


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gate")
    group.addoption("--budget", type=float, help="run tests of so many seconds: what was changed, then by lot")
    group.addoption("--budget-seed", type=int, help="draw as another commit does")
    group.addoption("--record", action="store_true", help=f"write durations to {COMMITTED.relative_to(ROOT)}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Gate(config))


class Gate:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.said = ""
        self.phases: list[tuple[str, str, float]] = []
        recorded = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
        self.durations = choice.Durations(recorded)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """After -m and -k have left out theirs."""
        budget = self.config.getoption("budget")
        if budget is not None:
            chosen = self._choose(items, budget)
            left = [item for item in items if item.nodeid not in chosen]
            self.config.hook.pytest_deselected(items=left)
            items[:] = [item for item in items if item.nodeid in chosen]
        files: dict[str, list[str]] = {}
        for item in items:
            files.setdefault(choice.file_of(item.nodeid), []).append(item.nodeid)
        rank = {file: place for place, file in enumerate(choice.longest_first(files, self.durations))}
        items.sort(key=lambda item: rank[choice.file_of(item.nodeid)])

    def _choose(self, items: list[pytest.Item], budget: float) -> set[str]:
        since = changes.find(ROOT)
        given = self.config.getoption("budget_seed")
        seed = since.seed if given is None else given
        always = {item.nodeid for item in items if item.get_closest_marker("always")}
        tests = [item.nodeid for item in items]
        files = {choice.file_of(test) for test in tests}
        edited = files & set(since.files or ())
        concerned = topics.concerned(since.files or (), files)
        first = (
            always.__contains__,
            lambda test: choice.file_of(test) in edited or not self.durations.knows(test),
            lambda test: choice.file_of(test) in concerned,
        )
        # Tests with a fixture for their whole file find there what those before them have done.
        together = {choice.file_of(item.nodeid) for item in items if _shares(item)}
        chosen = choice.choose(tests, self.durations, budget, seed, first, together)
        left = sorted(files - {choice.file_of(test) for test in chosen})
        self.said = "\n".join(
            [
                f"{len(chosen)} of {len(tests)} tests, of {self.durations.total(chosen):.0f} of "
                f"{self.durations.total(tests):.0f} s: {len(always)} that always run, what was changed since {since.base}"
                f" ({', '.join(sorted(map(topics.topic, concerned))) or 'no topic of a test'}), and others by lot",
                f"Files left out: {', '.join(map(topics.topic, left)) or 'none'}",
                f"The same again: tests/tools/system --gate --budget-seed {seed}. All: make system",
            ]
        )
        return chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.phases.append((report.nodeid, report.when or "", report.duration))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, t.Any] | None = getattr(self.config, "workeroutput", None)
        if output is not None:
            output[SAID] = self.said
        elif self.config.getoption("record"):
            merged = {**self.durations.recorded, **choice.measured(self.phases)}
            COMMITTED.write_text(json.dumps(merged, indent=0, sort_keys=True) + "\n")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: t.Any) -> None:
        """All workers choose alike, so that any of them may tell."""
        self.said = getattr(node, "workeroutput", {}).get(SAID) or self.said

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.said:
            terminalreporter.section("tests by budget")
            terminalreporter.line(self.said)


def _shares(item: pytest.Item) -> bool:
    """Whether it has a fixture that other tests of its file have as well."""
    used = t.cast(t.Any, item)._fixtureinfo.name2fixturedefs.values()
    return any(definitions[-1].scope in ("module", "class") for definitions in used)
