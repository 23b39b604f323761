# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices and trusted attributes need root: tests/system/test_engine_isolation.py has them."""

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _copy_tree as tree
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_root


@pytest.fixture
def source(tmp_path):
    """One of each that needs no root."""
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "private").mkdir(mode=0o710)
    file = folder / "deep" / "file"
    file.write_bytes(b"content")
    file.chmod(0o4751)
    os.setxattr(file, "user.kept", b"\x00value")
    os.link(file, folder / "private" / "same")
    (folder / "deep" / "er" / "link").symlink_to("../nowhere")
    os.mkfifo(folder / "fifo", 0o640)
    with open(folder / "holes", "wb") as stream:
        stream.seek(5 << 20)
        stream.write(b"end")
        stream.truncate(9 << 20)
    (folder / "empty").touch()
    for path in (file, folder / "deep", folder / "private", folder):
        os.utime(path, ns=(1_600_000_000_123_456_789, 1_600_000_000_987_654_321))
    return folder


def listed(folder):
    """All that matters of each entry."""
    found = {}
    names = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        name = str(path.relative_to(folder))
        content = path.read_bytes() if kind == stat.S_IFREG else path.is_symlink() and os.readlink(path)
        attributes = {key: os.getxattr(path, key) for key in os.listxattr(path)} if not path.is_symlink() else {}
        first = names.setdefault(status.st_ino, name)
        found[name] = (status.st_mode, status.st_uid, status.st_mtime_ns, content, attributes, first)
    return found


def test_what_goes_while_it_is_measured_is_not_counted(source, monkeypatch):
    """The Engine runs meanwhile."""
    entries = _data_root.entries_of

    def vanish(folder):
        found = entries(folder)
        if folder == str(source):
            (source / "empty").unlink()
            (source / "deep" / "er" / "link").unlink()
            (source / "deep" / "er").rmdir()
        return found

    monkeypatch.setattr(_data_root, "entries_of", vanish)
    assert _data_root.size(str(source))[1] == 5


def test_nothing_is_lost(source, tmp_path):
    tree.copy(str(source), str(tmp_path / "target"))
    assert listed(tmp_path / "target") == listed(source)
    assert (tmp_path / "target" / "holes").stat().st_blocks * 512 < 1 << 20, "holes were filled"


def test_a_copy_that_was_cut_off_is_continued(source, tmp_path):
    target = tmp_path / "target"
    tree.copy(str(source), str(target))
    (target / "empty").unlink()
    (target / "holes").write_bytes(b"half")
    (target / "fifo").unlink()
    (target / "fifo").mkdir()
    (target / "private" / "same").unlink()
    (target / "private" / "same").write_bytes(b"content")
    (target / "gone").mkdir()
    (target / "gone" / "file").touch()
    os.removexattr(target / "deep" / "file", "user.kept")
    tree.copy(str(source), str(target))
    assert listed(target) == listed(source)
    before = (target / "deep" / "file").stat()
    tree.copy(str(source), str(target))
    after = (target / "deep" / "file").stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns), "what is the same was copied again"


def test_files_that_are_one_no_longer_are_two(source, tmp_path):
    target = tmp_path / "target"
    tree.copy(str(source), str(target))
    status = (source / "private" / "same").stat()
    (source / "private" / "same").unlink()
    (source / "private" / "same").write_bytes(b"content")
    (source / "private" / "same").chmod(0o4751)
    os.setxattr(source / "private" / "same", "user.kept", b"\x00value")
    os.utime(source / "private" / "same", ns=(status.st_atime_ns, status.st_mtime_ns))
    tree.copy(str(source), str(target))
    assert listed(target) == listed(source)


def test_size_counts_a_file_with_two_names_once(source):
    total, entries = _data_root.size(str(source))
    assert entries == 8, "deep, er, private, file, link, fifo, holes, empty"
    assert 4096 <= total < 1 << 20


def test_what_can_not_be_kept_is_an_error(source, tmp_path, monkeypatch):
    def refuse(path, name, value, follow_symlinks):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(tree.os, "setxattr", refuse)
    with pytest.raises(OSError, match="can't keep the attribute user.kept"):
        tree.copy(str(source), str(tmp_path / "target"))
