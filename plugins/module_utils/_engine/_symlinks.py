# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Symbolic links on the way to a file that root writes. Runs on the host, on Python 3.8."""

from __future__ import annotations

import os
import stat
import typing as t

_MOST = 40  # links that the kernel follows


def untrusted(path: str) -> str | None:
    """What is wrong with the links on the way to a file, or None: each, and what it leads to, must be root's to change.

    A link that root has made is followed, since a configuration may be kept elsewhere. Where another user can change a
    link or a folder behind it, that user would choose which file root writes or reads. With the rights of a user nothing
    can be written that this user could not write, so nothing is looked at.
    """
    if os.geteuid() or os.path.realpath(path) == os.path.abspath(path):
        return None
    for folder, name in _steps(path):
        if not _is_roots(folder, name):
            return f"a link on the way to {path} is in, or leads through, {folder}, which others than root can change"
    return None


def _steps(path: str) -> t.Iterator[tuple[str, str]]:
    """Each name that is looked up on the way, and the folder that it is looked up in."""
    folder, names, links = "/", os.path.abspath(path).split("/"), 0
    while names:
        name = names.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            folder = os.path.dirname(folder)
            continue
        yield folder, name
        there = os.path.join(folder, name)
        if not os.path.islink(there):
            folder = there
            continue
        links += 1
        if links > _MOST:
            return
        target = os.readlink(there)
        folder = "/" if target.startswith("/") else folder
        names = target.split("/") + names


def _is_roots(folder: str, name: str) -> bool:
    """Whether nobody but root can make this name another file."""
    try:
        about = os.stat(folder)
    except OSError:
        return True  # there is nothing yet
    others = about.st_mode & (stat.S_IWOTH if about.st_gid == 0 else stat.S_IWOTH | stat.S_IWGRP)
    if about.st_uid or others and not about.st_mode & stat.S_ISVTX:
        return False
    path = os.path.join(folder, name)
    return not others or not os.path.lexists(path) or os.lstat(path).st_uid == 0
