# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there, also after a crash: the only place that writes files in two steps.

Runs on the controller and, on Python 3.8, on hosts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

# Some file systems can't sync the names in a folder. A host's files may be on one; nothing is kept on one that has to stay.
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def write_file(
    path: str,
    text: str | bytes,
    replace: bool = True,
    durable: bool = True,
    mode: int = 0o600,
    temporary: str = "",
    prepare: t.Callable[[int], None] | None = None,
    lenient: bool = False,
) -> None:
    """Write a file, private by default: under a temporary name first, renamed when it is safe on disk.

    ``temporary``: the temporary name, for folders in which others may create files. A file of that name is not opened.
    ``lenient``: as for ``sync``. ``prepare`` sets owner and mode, of the open file before it has any content.
    """
    data = text.encode() if isinstance(text, str) else text
    exclusive = bool(temporary) or not replace
    temporary = temporary or (f"{path}.new.{os.getpid()}" if replace else path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC), mode)
    try:
        try:
            if prepare:
                prepare(descriptor)
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if replace:
            os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync(os.path.dirname(path), lenient)


def write_files(folder: str, texts: dict[str, str]) -> bool:
    """Let files of a folder be so, where they aren't, all in nearly one moment: of a pair, nobody should see one half."""
    ready: dict[str, str] = {}
    try:
        for name, text in texts.items():
            path = os.path.join(folder, name)
            if _read(path) != text.encode():
                temporary = f"{path}.new.{os.getpid()}"
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                write_file(temporary, text, replace=False)
                ready[temporary] = path
        for temporary, path in ready.items():
            os.rename(temporary, path)
    except BaseException:
        for temporary in ready:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise
    if ready:
        sync(folder)
    return bool(ready)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def make_folder(path: str, mode: int = 0o700, lenient: bool = False) -> None:
    """Make a folder and those above it, durably, if it isn't there."""
    if os.path.isdir(path or "."):
        return
    parent = os.path.dirname(path)
    make_folder(parent, mode, lenient)  # one by one: each name has to be on the disk, not the first one alone
    try:
        os.mkdir(path, mode=mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    sync(parent or ".", lenient)


def place(temporary: str, path: str, lenient: bool = False) -> None:
    """Rename a finished file into place, durably."""
    sync(temporary)
    os.rename(temporary, path)
    sync(os.path.dirname(path), lenient)


def sync(path: str, lenient: bool = False) -> None:
    """What a file holds, or the names in a folder, on the disk. ``lenient``: also where the file system can't do that."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not lenient or error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
