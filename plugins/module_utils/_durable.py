# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there, also after a crash."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import typing as t

TEMPORARY = re.compile(r".+\.new(\.pub|\.[0-9]+)?|\.(store|digest)\.json\.[0-9a-f-]{36}")  # what is not yet whole
LEFT = 600.0  # seconds: a write takes less by far, so that what is older was left by a run that was killed


def write_file(path: str, text: str | bytes, replace: bool = True, durable: bool = True, mode: int = 0o600) -> None:
    """Write a private file: under a temporary name first, renamed when it is safe on disk."""
    data = text.encode() if isinstance(text, str) else text
    temporary = f"{path}.new.{os.getpid()}" if replace else path
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL), mode)
    try:
        try:
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
        sync(os.path.dirname(path))


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


def read_texts(folder: str, but: t.Container[str] = ()) -> dict[str, str]:
    """What is in a folder and those below it: path from there -> text. Without files of these names, and half written ones."""
    texts = {}
    for parent, _folders, files in os.walk(folder):
        for file in files:
            if not TEMPORARY.fullmatch(file) and file not in but:
                path = os.path.join(parent, file)
                with open(path, encoding="utf-8") as stream:
                    texts[os.path.relpath(path, folder)] = stream.read()
    return texts


def sweep(folder: str, deep: bool = False) -> None:
    """Remove half-written files that killed runs have left in a folder, and with ``deep`` in those below it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                if deep:
                    sweep(entry.path, deep)
            elif TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT:
                        os.unlink(entry.path)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it; of a symbolic link, the link alone."""
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def make_folder(path: str) -> None:
    """Make a folder with mode 0700, durably, if it isn't there."""
    if os.path.isdir(path or "."):
        return
    parent = os.path.dirname(path)
    make_folder(parent)  # one by one: each name has to be on the disk, not the first one alone
    try:
        os.mkdir(path, mode=0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    sync(parent or ".")


def sync(path: str) -> None:
    """What a file holds, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
