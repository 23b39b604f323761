# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed is found in a clone of any kind, and where it can't be, that is said."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess

import pytest

from tests.faults import changes, report, world
from tests.faults.cells import Cell

DRIVER = "plugins/modules/qemu.py"


class Repository:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"]
        command = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, *names: str) -> str:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.read_text() if path.exists() else ''}x\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def clone(self, *options: str) -> Repository:
        target = self.folder.with_name("clone")
        self.git("clone", "--quiet", *options, f"file://{self.folder}", str(target))
        return Repository(target)

    def changed(self, **environ: str) -> list[str] | None:
        return changes.find(self.folder, environ).files


@pytest.fixture()
def origin(tmp_path: pathlib.Path) -> Repository:
    (tmp_path / "origin").mkdir()
    made = Repository(tmp_path / "origin")
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("a")
    made.commit("b")
    return made


def test_on_what_is_published_the_last_commit_counts(origin: Repository) -> None:
    assert origin.changed() == ["b"]
    assert origin.clone().changed() == ["b"]


def test_each_commit_draws_others_and_twice_the_same(origin: Repository) -> None:
    first = changes.find(origin.folder, {}).seed
    assert first and first == changes.find(origin.clone().folder, {}).seed
    origin.commit("c")
    assert changes.find(origin.folder, {}).seed != first


def test_a_merge_counts_as_a_whole(origin: Repository) -> None:
    origin.git("switch", "--quiet", "-c", "topic", "HEAD^")
    origin.commit("c")
    origin.commit("d")
    origin.git("switch", "--quiet", "main")
    origin.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")
    assert origin.changed() == ["c", "d"]


def test_a_branch_counts_from_where_it_left(origin: Repository) -> None:
    clone = origin.clone()
    clone.git("switch", "--quiet", "-c", "topic")
    clone.commit("c")
    clone.commit("d")
    origin.commit("later")
    clone.git("fetch", "--quiet")
    assert clone.changed() == ["c", "d"], "and what others published meanwhile does not count"
    clone.git("remote", "set-head", "origin", "--delete")
    assert clone.changed() == ["c", "d"], "as where CI has cloned it"
    clone.git("remote", "remove", "origin")
    assert clone.changed() == ["c", "d"], "from the branch main here"


def test_commits_that_are_not_published_count(origin: Repository) -> None:
    clone = origin.clone()
    clone.commit("c")
    clone.commit("d")
    assert clone.changed() == ["c", "d"]


def test_what_is_not_committed_counts(origin: Repository) -> None:
    (origin.folder / "a").write_text("other\n")
    (origin.folder / "new").write_text("x\n")
    assert origin.changed() == ["a", "b", "new"]


def test_the_base_may_be_given(origin: Repository) -> None:
    first = origin.git("rev-parse", "HEAD^")
    origin.commit("c")
    assert origin.changed(MATRIX_BASE=first) == ["b", "c"]
    assert origin.changed(MATRIX_BASE="0" * 40) == origin.changed(MATRIX_BASE="") == ["c"]
    assert origin.changed(MATRIX_BASE="1" * 40) == ["c"], "gone, as after a forced push"
    assert first[:12] in changes.find(origin.folder, {"MATRIX_BASE": first}).base


def test_what_is_not_known_is_not_unchanged(origin: Repository, tmp_path: pathlib.Path) -> None:
    shallow = changes.find(origin.clone("--depth", "1").folder, {})
    assert shallow.files is None and "fetch-depth" in shallow.base
    (tmp_path / "bare").mkdir()
    nothing = changes.find(tmp_path / "bare", {"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert nothing.files is None and "no commit" in nothing.base


@pytest.mark.parametrize(
    ("path", "drivers"),
    [
        (DRIVER, {"qemu"}),
        ("plugins/module_utils/_qemu.py", {"qemu"}),
        ("tests/faults/worlds/qemu.py", {"qemu"}),
        ("tests/model/provider.py", {"model"}),
        ("tests/collections/ansible_collections/acme/cloud/plugins/modules/thing.py", {"thing"}),
        ("plugins/module_utils/_resources/_making.py", {"thing"}),
        ("plugins/module_utils/_record.py", {"thing"}),
        ("tests/faults/filesystem.py", {"thing"}),
        ("plugins/module_utils/_engine/_files.py", {"generic"}),
        ("docs/drivers/qemu.md", set()),
        ("tests/unit/plugins/modules/test_qemu.py", set()),
        ("tests/faults/test_matrix.py", set()),
        ("plugins/inventory/machines.py", set()),
    ],
)
def test_whose_cells_a_file_concerns(path: str, drivers: set[str]) -> None:
    assert changes.concerned([path], world.names()) == drivers


def test_each_path_that_is_looked_for_exists() -> None:
    root = pathlib.Path(__file__).resolve().parents[2]
    there = [str(path.relative_to(root)) for top in ("plugins", "tests") for path in (root / top).rglob("*.py")]
    for prefix in (*changes.CORE, *(one for those in changes.BESIDES.values() for one in those)):
        assert any(path.startswith(prefix) for path in there), prefix
    assert changes.STANDS_FOR_THE_CORE in world.names() and changes.BESIDES.keys() <= set(world.names())


@pytest.mark.parametrize("more", [0, 14])
@pytest.mark.parametrize("concerned", [(), ("qemu",), ("qemu", "thing")])
def test_more_drivers_take_no_more_time(more: int, concerned: tuple[str, ...]) -> None:
    drivers = [*world.names(), *map(str, range(more))]
    seconds = {driver: changes.seconds_of(driver, drivers, concerned, 180) for driver in drivers}
    assert sum(seconds.values()) == pytest.approx(180)
    others = {seconds[driver] for driver in drivers if driver not in concerned}
    assert len(others) == 1 and all(seconds[driver] > 45 for driver in concerned)


@pytest.mark.parametrize("driver", world.names())
@pytest.mark.parametrize("seconds", [5, 30, 1000])
def test_cells_are_drawn_by_their_seed_and_for_so_long(driver: str, seconds: float) -> None:
    jobs, cost = report.jobs_within(driver, seconds, 1), report.COST[world.find(driver).dear]
    assert jobs == report.jobs_within(driver, seconds, 1) != report.jobs_within(driver, seconds, 2)
    assert sum(cost.operation + (job.most or 0) * cost.cell for job in jobs) <= seconds
    assert len({job.operation for job in jobs}) == len(jobs)


def test_a_job_draws_the_same_cells_whenever_it_is_run() -> None:
    cells = [Cell("thing", "create", number, "500", False, "same") for number in range(100)]
    job = report.Job("thing", "create", most=10, seed=1)
    drawn = job.drawn(cells)
    assert len(set(drawn)) == 10 and drawn == job.drawn(cells) != dataclasses.replace(job, seed=2).drawn(cells)
    assert report.Job("thing", "create", most=100).drawn(cells) == report.Job("thing", "create").drawn(cells) == cells
