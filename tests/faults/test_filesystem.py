# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model file system says a power cut may leave."""

from __future__ import annotations

import itertools
import os
import pathlib

import pytest

from tests.faults.filesystem import State, Survives, write_state


@pytest.fixture()
def disk(tmp_path: pathlib.Path) -> Survives:
    (tmp_path / "kept").write_text("old")
    (tmp_path / "folder").mkdir()
    return Survives(tmp_path)


def write(disk: Survives, name: str, text: str, sync: bool = True) -> str:
    path = os.path.join(disk.root, name)
    fresh = not os.path.exists(path)
    pathlib.Path(path).write_text(text)
    disk.made(path) if fresh else disk.written(path)
    if sync:
        disk.synced(path)
    return path


def rename(disk: Survives, source: str, target: str) -> None:
    os.rename(os.path.join(disk.root, source), os.path.join(disk.root, target))
    disk.moved(os.path.join(disk.root, source), os.path.join(disk.root, target))


def contents(disk: Survives, name: str) -> set[bytes | None]:
    return {state.get(name) for state in disk.states()}


def test_what_was_there_stays(disk: Survives) -> None:
    assert all(state == {"kept": b"old", "folder": None} for state in disk.states())


def test_a_name_is_lost_without_a_sync_of_its_folder(disk: Survives) -> None:
    write(disk, "new", "text")
    assert contents(disk, "new") == {None, b"text"}
    disk.synced(disk.root)
    assert contents(disk, "new") == {b"text"}


def test_contents_are_lost_or_torn_without_a_sync(disk: Survives) -> None:
    write(disk, "new", "text", sync=False)
    disk.synced(disk.root)
    assert contents(disk, "new") == {b"", b"te", b"text"}
    write(disk, "kept", "newer", sync=False)
    assert contents(disk, "kept") == {b"old", b"ne", b"newer"}


def test_a_rename_is_whole_or_not_at_all(disk: Survives) -> None:
    write(disk, "kept.new", "new")
    rename(disk, "kept.new", "kept")
    assert contents(disk, "kept") == {b"old", b"new"}
    assert not [state for state in disk.states() if "kept" not in state]


def test_a_rename_without_a_sync_of_the_file_may_leave_nothing_in_it(disk: Survives) -> None:
    write(disk, "kept.new", "new", sync=False)
    rename(disk, "kept.new", "kept")
    assert b"" in contents(disk, "kept")


def test_renames_reach_the_disk_in_any_order(disk: Survives) -> None:
    for name in ("one", "two"):
        write(disk, f"{name}.new", name)
    disk.synced(disk.root)
    rename(disk, "one.new", "one")
    rename(disk, "two.new", "two")
    assert {("one" in state, "two" in state) for state in disk.states()} == {
        (one, two) for one in (True, False) for two in (True, False)
    }


def test_all_orders_of_renames_are_looked_at_however_much_is_pending(disk: Survives) -> None:
    for name in ("one", "two", "three"):
        write(disk, f"{name}.new", name)
    disk.synced(disk.root)
    for name in ("one", "two", "three"):
        rename(disk, f"{name}.new", name)
        for other in "ab":
            write(disk, f"{name}-{other}", "text")
    orders = set(itertools.product((True, False), repeat=3))
    for others in (set(), {f"{name}-{other}" for name in ("one", "two", "three") for other in "ab"}):
        found = [state for state in disk.states() if {name for name in state if "-" in name} == others]
        assert {tuple(name in state for name in ("one", "two", "three")) for state in found} == orders


def test_what_is_in_a_folder_without_a_name_is_lost(disk: Survives) -> None:
    folder = os.path.join(disk.root, "new")
    os.mkdir(folder)
    disk.made(folder)
    write(disk, "new/file", "text")
    disk.synced(folder)
    assert contents(disk, "new/file") == {None, b"text"}
    disk.synced(disk.root)
    assert contents(disk, "new/file") == {b"text"}


def test_what_is_removed_may_come_back(disk: Survives) -> None:
    os.unlink(os.path.join(disk.root, "kept"))
    disk.removed(os.path.join(disk.root, "kept"))
    assert contents(disk, "kept") == {None, b"old"}
    disk.synced(disk.root)
    assert contents(disk, "kept") == {None}


def test_states_are_written_as_they_are(disk: Survives, tmp_path: pathlib.Path) -> None:
    state: State = {"folder": None, "folder/file": b"text", "empty": None}
    (tmp_path / "other").mkdir()
    write_state(state, tmp_path / "other")
    assert (tmp_path / "other" / "folder" / "file").read_bytes() == b"text"
    assert (tmp_path / "other" / "empty").is_dir()
