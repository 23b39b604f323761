# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies a folder so that nothing of it is lost: what an Engine's data consists of is not only files.

Whiteouts are devices, opaque folders are extended attributes, layers have hard links, capabilities, holes and owners.
A copy that was cut off is continued: what is the same already stays, what is no longer there goes.
Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import typing as t

from ._data_root import entries_of


def copy(source: str, target: str) -> None:
    """Make the target what the source is."""
    links: dict[tuple[int, int], str] = {}
    folders = [(source, target)]
    done = []
    while folders:
        here, there = folders.pop()
        if not _is_folder(there):
            clear(there)
            os.mkdir(there, 0o700)
        done.append((here, there))
        entries = entries_of(here)
        names = {entry.name for entry in entries}
        for entry in entries_of(there):
            if entry.name not in names:
                clear(entry.path)
        for entry in entries:
            place = os.path.join(there, entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, place))
            else:
                _copy_entry(entry.path, place, entry.stat(follow_symlinks=False), links)
    # Last and from the inside out, since what is put into a folder changes its time.
    for here, there in reversed(done):
        _copy_properties(here, there, os.lstat(here))


def transfer(source: str, target: str, leave: t.Container[str] = ()) -> None:
    """Each entry of a folder into another one of the same file system, by a rename."""
    for name in os.listdir(source):
        if name not in leave:
            os.rename(os.path.join(source, name), os.path.join(target, name))


def clear(path: str) -> None:
    """Remove whatever is there."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _copy_entry(here: str, there: str, status: os.stat_result, links: dict[tuple[int, int], str]) -> None:
    if status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), there)
        if first != there:
            if not (os.path.lexists(there) and os.path.samestat(os.lstat(first), os.lstat(there))):
                clear(there)
                os.link(first, there, follow_symlinks=False)
            return
    if _is_copied(here, there, status):
        return
    clear(there)
    if stat.S_ISREG(status.st_mode):
        _copy_content(here, there, status.st_size)
    elif stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(here), there)
    elif stat.S_ISSOCK(status.st_mode):
        return  # the listener creates it again
    else:
        os.mknod(there, status.st_mode, status.st_rdev)
    _copy_properties(here, there, status)


def _is_copied(here: str, there: str, status: os.stat_result) -> bool:
    """Whether that was done in an earlier run. The time is set last, so a file that was cut off has another."""
    try:
        copied = os.lstat(there)
    except FileNotFoundError:
        return False
    alike = ("st_mode", "st_uid", "st_gid", "st_rdev", "st_mtime_ns", "st_size")
    return (
        all(getattr(copied, name) == getattr(status, name) for name in alike)
        and (status.st_nlink > 1 or copied.st_nlink == 1)
        and (not stat.S_ISLNK(status.st_mode) or os.readlink(here) == os.readlink(there))
        and _attributes(here) == _attributes(there)
    )


def _copy_content(here: str, there: str, length: int) -> None:
    """What is data; holes stay holes."""
    with open(here, "rb", buffering=0) as source, open(there, "xb", buffering=0) as target:
        reading, writing = source.fileno(), target.fileno()
        os.ftruncate(writing, length)
        end = 0
        while end < length:
            try:
                start = os.lseek(reading, end, os.SEEK_DATA)
                end = os.lseek(reading, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                    break
                if error.errno != errno.EINVAL:
                    raise
                start, end = end, length  # a file system that does not tell
            os.lseek(writing, start, os.SEEK_SET)
            while start < end:
                sent = os.sendfile(writing, reading, start, min(end - start, 1 << 26))
                if not sent:
                    raise OSError(errno.EIO, "The file got shorter while it was copied", here)
                start += sent


def _attributes(path: str) -> dict[str, bytes]:
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def _copy_properties(here: str, there: str, status: os.stat_result) -> None:
    os.chown(there, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(there, stat.S_IMODE(status.st_mode))
    # After the owner, since a change of that takes capabilities away.
    wanted, found = _attributes(here), _attributes(there)
    for name in set(found) - set(wanted):
        os.removexattr(there, name, follow_symlinks=False)
    for name, value in wanted.items():
        if found.get(name) != value:
            try:
                os.setxattr(there, name, value, follow_symlinks=False)
            except OSError as error:
                raise OSError(error.errno, f"The file system there can't keep the attribute {name}", there) from None
    os.utime(there, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
