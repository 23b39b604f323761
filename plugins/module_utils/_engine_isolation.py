# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine's data is, as text and data.

Pure functions, used on the controller for the plan and on the host for applying it. Runs on Python 3.8.
"""

from __future__ import annotations

import typing as t

DATA_ROOT = "/var/lib/docker"
# Storage drivers that keep layers in subvolumes, data sets or devices, which a copy of files does not bring along
UNMOVABLE = ("btrfs", "zfs", "devicemapper", "aufs")


def data_root(content: t.Mapping[str, t.Any], arguments: t.Iterable[str]) -> str:
    """Where an Engine with this configuration and these arguments has its data."""
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in ("--data-root", "--graph", "-g"):
            return value if equals else next(words, DATA_ROOT)
    return str(content.get("data-root") or DATA_ROOT).rstrip("/") or "/"


# -- ids of containers

RANGE = 65536  # ids that an image may use
_FIRST = 100000  # below are those of real users


def ranges(text: str, name: str | None = None) -> list[tuple[int, int]]:
    """First id and number of ids of each line in /etc/subuid or /etc/subgid, of one name or of all."""
    found = []
    for line in text.splitlines():
        words = line.strip().split(":")
        if len(words) == 3 and name in (None, words[0]) and words[1].isdigit() and words[2].isdigit():
            found.append((int(words[1]), int(words[2])))
    return found


def free_range(texts: t.Iterable[str]) -> int:
    """Where a range can begin that is nobody's in any of the files."""
    start = _FIRST
    for first, length in sorted(pair for text in texts for pair in ranges(text)):
        if first < start + RANGE and start < first + length:
            start = first + length
    return start


def remapped(value: str) -> tuple[str, str]:
    """The user and the group that ``userns-remap`` stands for."""
    user, dummy, group = ("dockremap" if value == "default" else value).partition(":")
    return user, group or user
