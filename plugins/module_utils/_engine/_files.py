# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing files on a host, as root or as a user. Runs on Python 3.8."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile

from . import _disk_space, _symlinks
from ._errors import HostError


def read(path: str) -> str | None:
    """A file's text, or None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def mode_of(path: str, otherwise: int = 0o644) -> int:
    """A file's mode, to keep it; another one where there is no file."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return otherwise


def write(path: str, content: str, mode: int, folder_mode: int = 0o755) -> bool:
    """Put a file in place whole or not at all. True if anything changed."""
    check_links(os.path.dirname(path))
    if not os.path.islink(path) and read(path) == content and os.stat(path).st_mode & 0o7777 == mode:
        return False
    try:
        _place(path, content, mode, folder_mode)
    except OSError as error:
        raise HostError(_disk_space.why(error, path)) from error
    return True


def check_links(path: str) -> None:
    problem = _symlinks.untrusted(path)
    if problem:
        raise HostError(f"{problem}. Nothing was written there. Remove the link, or make that folder root's alone")


def _place(path: str, content: str, mode: int, folder_mode: int) -> None:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        _make_folder(folder)
        os.chmod(folder, folder_mode)
    handle, partial = tempfile.mkstemp(prefix=".dockyard-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            if mode & 0o070 and os.path.isfile(path) and not os.path.islink(path):
                # Who comes to it by its group still does. A user may not give it to any group.
                with contextlib.suppress(PermissionError):
                    os.fchown(stream.fileno(), -1, os.stat(path).st_gid)
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    _sync(folder)


def remove(path: str) -> bool:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _sync(os.path.dirname(path))
    return True


def _make_folder(path: str) -> None:
    """With those above it, each of them on the disk."""
    if os.path.isdir(path):
        return
    _make_folder(os.path.dirname(path))
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    """The names in a folder are on the disk before the next step: after a power cut no later step counts without this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems, such as those of shared folders, can't.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)
