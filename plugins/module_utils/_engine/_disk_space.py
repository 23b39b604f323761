# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a host is written to: what room there is, and whether it can be written at all. Runs on Python 3.8."""

from __future__ import annotations

import errno
import os
import typing as t

# What the role and the packages write; a folder that is not there yet stands for the one that it will be in.
PLACES = (
    "/etc/docker",
    "/etc/systemd/system",
    "/var/lib/dockyard",
    "/var/lib/dpkg",
    "/var/cache/apt/archives",
    "/usr",
    "/opt",
)


def place(path: str) -> dict[str, t.Any]:
    """The file system that a path is on, or will be on."""
    folder = path
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    room, device = os.statvfs(folder), os.stat(folder).st_dev
    # What is mounted for reading only can be a part of a file system, by which it is then called
    while folder != "/" and (os.stat(above := os.path.dirname(folder)).st_dev, os.statvfs(above).f_flag) == (
        device,
        room.f_flag,
    ):
        folder = above
    return {
        "folder": folder,
        "device": device,
        "free": room.f_bavail * room.f_frsize,
        # File systems that make inodes as they need them tell of none
        "files_left": room.f_favail if room.f_files else None,
        "read_only": bool(room.f_flag & os.ST_RDONLY),
    }


def size(amount: int) -> str:
    """An amount of bytes for a person."""
    value, units = float(amount), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        del units[0]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" or value >= 10 else f"{value:.1f} {units[0]}"


def why(error: OSError, path: str) -> str:
    """Why a file can't be written, with what there is to know of the file system."""
    told = f"{path} can't be written: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        found = place(os.path.dirname(path))
        told += f" ({found['folder']} is " + (
            "mounted read-only)"
            if found["read_only"]
            else f"on a file system with {size(found['free'])} free"
            + ("" if found["files_left"] is None else f" and {found['files_left']} inodes left")
            + ")"
        )
    return told
