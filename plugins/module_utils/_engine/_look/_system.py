# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host itself: its system, names, clock and users."""

from __future__ import annotations

import os
import socket
import time
import typing as t

from .. import _commands, _environment_file, _files
from .. import _openrc as openrc
from . import _network


def operating_system() -> dict[str, str]:
    found = _environment_file.parse_environment(
        _files.read("/etc/os-release") or _files.read("/usr/lib/os-release") or ""
    )
    return {
        "id": found.get("ID", ""),
        "like": found.get("ID_LIKE", ""),
        "version": found.get("VERSION_ID", ""),
        "codename": found.get("VERSION_CODENAME", ""),
        # Of which release of its parent a rebuild is
        "ubuntu_codename": found.get("UBUNTU_CODENAME", ""),
        "debian_codename": found.get("DEBIAN_CODENAME", ""),
        "name": found.get("PRETTY_NAME", ""),
    }


def about_host() -> dict[str, t.Any]:
    return {
        "hostname": socket.gethostname(),
        "os": operating_system(),
        "architecture": os.uname().machine,
        "addresses": _network.own_addresses(),
        "controller": _network.controller(),
        "clock": time.time(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "openrc": openrc.runs(),
        "cgroup": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        "apparmor": (_files.read("/sys/module/apparmor/parameters/enabled") or "").startswith("Y"),
        "iptables": _commands.which("iptables"),
    }


def about_users(users: list[str]) -> dict[str, t.Any]:
    import grp
    import pwd

    missing = []
    primary = {}
    for user in users:
        try:
            primary[user] = pwd.getpwnam(user).pw_gid
        except KeyError:
            missing.append(user)
    try:
        group = grp.getgrnam("docker")
        outside = [user for user in primary if user not in group.gr_mem and primary[user] != group.gr_gid]
    except KeyError:
        outside = list(primary)
    return {"missing": missing, "outside": outside}
