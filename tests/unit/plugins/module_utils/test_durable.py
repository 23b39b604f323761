# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there; and that nothing else in plugins/ writes in two steps, or waits by itself."""

from __future__ import annotations

import ast
import errno
import os
import pathlib
import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _durable
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _files

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"


def test_a_file_is_whole_or_not_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    _durable.write_file(str(path), "old")
    order: list[str] = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(os, "rename", lambda *names: (order.append("rename"), rename(*names))[1])
    _durable.write_file(str(path), "new")
    assert order == ["fsync", "rename", "fsync"], "the data before the name, then the folder"
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o600

    def failing(*names: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        _durable.write_file(str(path), "newer")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["file"]


def test_a_folder_is_made_durable_with_all_above_it(tmp_path: pathlib.Path) -> None:
    _durable.make_folder(str(tmp_path / "a" / "b" / "c"))
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c").stat().st_mode) == 0o700


def test_a_folder_of_a_host_has_the_mode_that_was_asked_for(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o077)
    try:
        _files.write(str(tmp_path / "a" / "b" / "file"), "x", 0o640, 0o750)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/file")] == [
        0o700,
        0o750,
        0o640,
    ]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO, errno.ENOSPC])
def test_only_what_a_file_system_can_not_do_is_passed_over(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """And on hosts alone: what a store keeps has to stay. A disk that fails is never passed over."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    path = str(tmp_path / "file")
    with pytest.raises(OSError, match=os.strerror(number)):
        _durable.write_file(path, "x")
    if number in (errno.EIO, errno.ENOSPC):
        with pytest.raises(OSError, match=os.strerror(number)):
            _durable.write_file(path, "x", lenient=True)
    else:
        _durable.write_file(path, "x", lenient=True)
    assert pathlib.Path(path).read_text() == "x"


def test_a_file_of_a_host_is_not_written_through_a_link(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write to the folder, and guesses the temporary name, chooses no file for root to write to."""
    monkeypatch.setattr(os, "urandom", bytes)
    others = tmp_path / "others"
    others.write_text("theirs")
    (tmp_path / ".dockyard-00000000").symlink_to(others)
    with pytest.raises(_files.HostError, match="File exists"):
        _files.write(str(tmp_path / "file"), "ours", 0o644)
    assert others.read_text() == "theirs" and not (tmp_path / "file").exists()


def test_mode_and_group_are_right_before_there_is_content(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    write = os.write

    def writing(descriptor: int, data: bytes) -> int:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", writing)
    for mode in (0o600, 0o644):
        _files.write(str(tmp_path / f"{mode:o}"), "x", mode)
    assert seen == [0o600, 0o644]


# What is there once

ONLY = {
    "os.fsync": {"_durable.py"},
    "time.sleep": {"_clock.py"},
    "os.rename": {
        "_durable.py",
        "_archive.py",
        "_copy_tree.py",
        "_data_move.py",
        "_file.py",
        "_file_ca.py",
        "machine_image.py",
    },
    "os.replace": {"machine_image.py"},
    "tempfile.mkstemp": {"_download.py"},
}


def calls(text: str) -> set[str]:
    """Functions that are used as an attribute of their module."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    return {f"{node.value.id}.{node.attr}" for node in nodes if isinstance(node.value, ast.Name)}


def test_one_place_writes_in_two_steps_and_one_waits() -> None:
    """All other renames are those of folders and links."""
    found: dict[str, set[str]] = {name: set() for name in ONLY}
    for path in PLUGINS.rglob("*.py"):
        for name in calls(path.read_text(encoding="utf-8")) & ONLY.keys():
            found[name].add(path.name)
    assert found == ONLY
