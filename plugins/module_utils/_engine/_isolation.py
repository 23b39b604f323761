# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data-root, ranges of ids, and the unit of an Engine without root, as text and data.

Pure functions, used on the controller for the plan and on the host for applying it. Runs on Python 3.8.
"""

from __future__ import annotations

import os
import re
import typing as t

from ._arguments import values_of
from ._commands import SYSTEM_PATH
from ._paths import HEADER

DATA_ROOT = "/var/lib/docker"
# Storage drivers that keep layers in subvolumes, data sets or devices, which a copy of files does not bring along
UNMOVABLE = ("btrfs", "zfs", "devicemapper", "aufs")


def data_root(content: t.Mapping[str, t.Any], arguments: t.Sequence[str], default: str = DATA_ROOT) -> str:
    """Where an Engine with this configuration and these arguments has its data."""
    said = values_of(arguments)
    argument = (said.get("data-root") or said.get("graph") or [""])[-1]
    return os.path.normpath(argument or str(content.get("data-root") or default))


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


# -- an Engine without root

# Of all users' managers only the named user's starts it. It is root's, so that root never writes into a user's folders.
ROOTLESS_UNIT = "/etc/systemd/user/docker.service"
ALL = "0.0.0.0"


def rootless_unit(
    user: str,
    script: str,
    arguments: t.Iterable[str],
    port: int | None,
    listen: t.Sequence[str],
    environment: str | None,
    comments: t.Sequence[str] = (),
) -> str:
    """The unit of an Engine that a user's own manager runs. It listens by itself, on the port by way of RootlessKit."""
    hosts = ["-H", "unix://%t/docker.sock"]
    service = [f'Environment="PATH={script.rpartition("/")[0]}:{SYSTEM_PATH}"']
    if port:
        hosts += ["-H", f"tcp://0.0.0.0:{port}"]
        # For RootlessKit all of one family are both, and any other address beside them is taken then.
        every = [address for address in listen if address in (ALL, "::")]
        places = [f"[{address}]" if ":" in address else address for address in every[:1] or listen or [ALL]]
        flags = " ".join(f"--publish={place}:{port}:{port}/tcp" for place in places)
        service.append(f'Environment="DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS={flags}"')
    if environment:
        service.append("EnvironmentFile=" + environment)
    service += [
        "ExecStart=" + " ".join([script, *hosts, *arguments]),
        # The unit's main process is RootlessKit, which would end by it.
        "ExecReload=/bin/sh -c 'kill -s HUP $$(cat %t/docker.pid)'",
        *("Type=notify", "NotifyAccess=all", "TimeoutStartSec=0", "Restart=always", "RestartSec=2"),
        # What it starts are its containers, in groups that it makes itself.
        *("Delegate=yes", "KillMode=mixed", "LimitNOFILE=infinity", "LimitNPROC=infinity", "LimitCORE=infinity"),
        "TasksMax=infinity",
    ]
    return (
        HEADER + "".join(f"{line}\n" for line in comments) + "[Unit]\n"
        f"Description=Docker Engine of {user}\nConditionUser={user}\n"
        "StartLimitBurst=3\nStartLimitIntervalSec=60\n\n[Service]\n" + "\n".join(service) + "\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def rootless_places(unit: str) -> tuple[int | None, list[str]]:
    """By such a unit, the port that it listens on and its addresses; none are all."""
    found = re.findall(r"--publish=(\S+):(\d+):\d+/tcp", unit)
    listen = [address.strip("[]") for address, _port in found if address != ALL]
    return (int(found[0][1]), listen) if found else (None, [])


def delegation(uid: int) -> tuple[str, str]:
    """Path and text of what lets a user's containers have limits (cgroup v2)."""
    text = "[Service]\nDelegate=cpu cpuset io memory pids\n"
    return f"/etc/systemd/system/user@{uid}.service.d/zz-dockyard.conf", HEADER + text
