# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages: what is installed, what could be, and who holds the locks."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host

PACKAGES = (
    *("docker.io", "docker-cli", "docker-ce", "docker-ce-cli", "containerd", "containerd.io", "docker-engine"),
    *("podman-docker", "iptables", "apparmor", "ca-certificates"),
    *("rootlesskit", "slirp4netns", "uidmap", "dbus-user-session", "fuse-overlayfs", "docker-ce-rootless-extras"),
)


def parse_policy(text: str) -> dict[str, str]:
    """Candidates from what ``apt-cache policy`` prints."""
    found, package = {}, ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            package = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            candidate = line.split(":", 1)[1].strip()
            if candidate != "(none)":
                found[package] = candidate
    return found


def parse_status(text: str) -> tuple[dict[str, str], list[str]]:
    """Versions of what is installed, and what an installation that was cut off has left half done."""
    installed, unfinished = {}, []
    for line in text.splitlines():
        name, version, status = (*line.split("\t"), "", "")[:3]
        if status[1:2] == "i":
            installed[name] = version
        elif status[1:2] in ("U", "F", "H", "W", "t"):
            unfinished.append(name)
    return installed, unfinished


def about_packages(candidates: bool) -> dict[str, t.Any]:
    if not host.which("dpkg-query"):
        return {"manager": None, "installed": {}, "unfinished": [], "candidates": {}, "lists_age": None}
    listed = host.run("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Abbrev}\n", *PACKAGES, check=False)
    installed, unfinished = parse_status(listed[1])
    ages = []
    try:
        with os.scandir("/var/lib/apt/lists") as entries:
            # Their modification times are the server's; the change times are this host's.
            ages = [entry.stat().st_ctime for entry in entries if entry.is_file() and "_" in entry.name]
    except OSError:
        pass
    age = int(time.time() - max(ages)) if ages else None
    known = parse_policy(host.run("apt-cache", "policy", *PACKAGES)[1]) if candidates and ages else {}
    found = {"manager": "apt", "installed": installed, "unfinished": unfinished}
    return {**found, "candidates": known, "lists_age": age}
