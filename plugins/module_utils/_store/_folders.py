# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of a store: reading all their files, and removing what killed runs have left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import typing as t

TEMPORARY = re.compile(r".+\.new(\.pub|\.[0-9]+)?|\.(store|digest)\.json\.[0-9a-f-]{36}")  # what is not yet whole
LEFT = 600.0  # seconds: a write takes less by far, so that what is older was left by a run that was killed


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
