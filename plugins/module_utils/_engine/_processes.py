# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of a host in words, and which of them holds a lock of a package manager. Runs on Python 3.8."""

from __future__ import annotations

import os
import re
import typing as t

from . import _files

# Of dpkg and apt
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")


def process(pid: int) -> str:
    """A process in words: its name, and the unit that it belongs to."""
    units = re.findall(r"([^/\s]+\.service)$", _files.read(f"/proc/{pid}/cgroup") or "", re.M)
    return f"process {pid} ({', '.join([program(pid), *units[:1]])})"


def program(pid: int) -> str:
    return (_files.read(f"/proc/{pid}/comm") or "?").strip()


def lock_holder(paths: t.Iterable[str]) -> str | None:
    """Who holds a package manager's lock, read from the kernel's list so that the lock itself isn't touched."""
    inodes = {}
    for path in paths:
        try:
            inodes[os.stat(path).st_ino] = path
        except OSError:
            continue
    for line in (_files.read("/proc/locks") or "").splitlines():
        words = line.split()
        if len(words) >= 8 and words[1] == "POSIX" and words[5].rsplit(":", 1)[-1].isdigit():
            inode = int(words[5].rsplit(":", 1)[-1])
            if inode in inodes:
                return f"{inodes[inode]} is held by {process(int(words[4]))}"
    return None
