# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of a gate keep to its budget, those of what was changed come first, and in time all are run."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from tests.gate import choice, topics

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted(
    str(path.relative_to(ROOT))
    for top in ("system", "faults", "stress")
    for path in (ROOT / "tests" / top).glob("test_*.py")
)
RECORDED = json.loads((ROOT / "tests" / "gate" / "durations.json").read_text())
TESTS = [name for name in RECORDED if "::" in name]
ALWAYS = re.compile(r"^@pytest\.mark\.always\n(?:[@ )\]].*\n)*def (\w+)", re.MULTILINE)
GATE = float(re.findall(r"^BUDGET=(\d+)", (ROOT / "tests" / "tools" / "system").read_text(), re.MULTILINE)[0])
BUDGET = 400.0


def names(count: int, file: str = "tests/system/test_a.py") -> list[str]:
    return [f"{file}::test_{number}" for number in range(count)]


def always() -> set[str]:
    """The tests that are marked so."""
    marked = {f"{file}::{name}" for file in FILES for name in ALWAYS.findall((ROOT / file).read_text(encoding="utf-8"))}
    return {test for test in TESTS if test.partition("[")[0] in marked}


def of(seconds: float, *tests: str, **files: float) -> choice.Durations:
    return choice.Durations(
        {**dict.fromkeys(tests, seconds), **{f"tests/system/test_{k}.py": v for k, v in files.items()}}
    )


def test_a_commit_draws_the_same_ones_each_time_and_another_commit_others() -> None:
    tests = names(100)
    durations = of(10, *tests)
    chosen = choice.choose(tests, durations, BUDGET, seed=1)
    assert chosen == choice.choose(reversed(tests), durations, BUDGET, seed=1)
    assert chosen != choice.choose(tests, durations, BUDGET, seed=2)


@pytest.mark.parametrize("seed", range(20))
def test_the_budget_is_kept_and_used(seed: int) -> None:
    durations = choice.Durations(RECORDED)
    assert GATE * 0.95 <= durations.total(choice.choose(TESTS, durations, GATE, seed)) <= GATE + 1e-6


def test_more_tests_take_no_more_time() -> None:
    durations = of(10, *names(100), *names(1000, "tests/system/test_b.py"))
    assert durations.total(choice.choose(durations.recorded, durations, BUDGET, 1)) == BUDGET


def test_what_a_file_sets_up_counts_once() -> None:
    tests = names(3)
    assert choice.choose(tests, of(10, *tests, a=70), 100, 1) == set(tests)
    assert choice.choose(tests, of(10, *tests, a=75), 100, 1) < set(tests)
    assert choice.choose(tests, of(10, *tests, a=95), 100, 1) == set()


@pytest.mark.parametrize("seed", range(20))
def test_groups_come_in_their_order(seed: int) -> None:
    tests = names(100)
    always, changed = set(tests[:5]), set(tests[5:25])
    chosen = choice.choose(tests, of(10, *tests), BUDGET, seed, [always.__contains__, changed.__contains__])
    assert always | changed < chosen
    chosen = choice.choose(tests, of(10, *tests), 200, seed, [always.__contains__, changed.__contains__])
    assert always < chosen and 10 <= len(chosen & changed) < 15, "the rest of the budget is for all others"


def test_a_file_whose_tests_build_on_each_other_is_run_whole_or_not() -> None:
    tests, file = names(10), "tests/system/test_a.py"
    others = names(10, "tests/system/test_b.py")
    durations = of(10, *tests, *others)
    for seed in range(20):
        chosen = choice.choose([*tests, *others], durations, 150, seed, together={file})
        assert chosen & {*tests} in (set(), {*tests}) and chosen & {*others}
    assert choice.choose(tests, durations, 90, 1, together={file}) == set()
    first = [{tests[3]}.__contains__]
    assert choice.choose([*tests, *others], durations, 150, 1, first, {file}) > set(tests)


def test_a_test_that_is_not_recorded_yet_counts() -> None:
    assert len(choice.choose(names(100), of(10), BUDGET, 1)) == BUDGET / choice.UNKNOWN
    assert not of(10).knows(names(1)[0])


def test_within_some_dozen_commits_all_are_run() -> None:
    """Also if no file could be parted."""
    durations, seen = choice.Durations(RECORDED), set[str]()
    for seed in range(36):
        seen |= choice.choose(TESTS, durations, GATE, seed, [always().__contains__], FILES if seed % 2 else ())
    assert seen == set(TESTS)


def test_what_always_runs_leaves_room() -> None:
    assert always() and choice.Durations(RECORDED).total(always()) <= GATE / 3


def test_the_longest_file_comes_first() -> None:
    files = {file: [f"{file}::test_1"] for file in ("a.py", "b.py", "c.py")}
    durations = choice.Durations({"a.py::test_1": 1, "b.py::test_1": 1, "b.py": 5, "c.py::test_1": 3})
    assert choice.longest_first(files, durations) == ["b.py", "c.py", "a.py"]


def test_what_is_measured_is_told_by_test_and_by_file() -> None:
    phases = [
        ("a.py::test_1", "setup", 30.0),
        ("a.py::test_1", "call", 2.0),
        ("a.py::test_2", "setup", 1.0),
        ("a.py::test_2", "call", 3.0),
        ("a.py::test_2", "teardown", 0.5),
        ("b.py::test_1", "setup", 5.0),
    ]
    assert choice.measured(phases) == {
        "a.py": 29.0,
        "a.py::test_1": 3.0,
        "a.py::test_2": 4.5,
        "b.py::test_1": 5.0,
    }


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("tests/system/test_pin.py", {"pin"}),
        ("plugins/modules/qemu.py", {"qemu"}),
        ("plugins/module_utils/_engine_access.py", {"engine_access", "docker_engine", "generic", "pin"}),
        ("plugins/module_utils/_engine/_access.py", {"engine_access", "docker_engine", "generic", "pin"}),
        ("roles/docker_swarm/tasks/main.yml", {"swarm"}),
        (
            "roles/docker_engine/tasks/sources.yml",
            {"docker_engine", "engine_sources"},
        ),
        ("plugins/module_utils/_prune.py", {"orphans"}),
        (
            "plugins/module_utils/_store/_s3.py",
            {"store_s3", "shared_store", "store_processes", "file_store", "filesystem", "stress"},
        ),
        ("docs/swarm.md", set()),
        ("README.md", set()),
        ("tests/unit/plugins/modules/test_qemu.py", set()),
        ("changelogs/fragments/qemu.yml", set()),
    ],
)
def test_whom_a_change_concerns(path: str, about: set[str]) -> None:
    assert {topics.topic(file) for file in topics.concerned([path], FILES)} == about


def test_topics_are_files() -> None:
    known = {topics.topic(file) for file in FILES}
    assert {topic for those in topics.RELATED.values() for topic in those} <= known
