# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing files on a host, as root or as a user. Runs on Python 3.8."""

from __future__ import annotations

import contextlib
import os
import stat

from .. import _durable
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
        _durable.make_folder(folder, 0o777, lenient=True)
        os.chmod(folder, folder_mode)

    def prepare(descriptor: int) -> None:
        if mode & 0o070 and os.path.isfile(path) and not os.path.islink(path):
            # Who comes to it by its group still does. A user may not give it to any group.
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, -1, os.stat(path).st_gid)
        os.fchmod(descriptor, mode)

    # Nobody can guess the name, and _leftovers finds it
    temporary = os.path.join(folder, f".dockyard-{os.urandom(4).hex()}")
    _durable.write_file(path, content, temporary=temporary, prepare=prepare, lenient=True)


def remove(path: str) -> bool:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _durable.sync(os.path.dirname(path), lenient=True)
    return True
