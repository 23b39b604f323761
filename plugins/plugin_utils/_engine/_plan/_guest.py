# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host must have for the plan to work, seen before anything is touched: room, a clock, iptables."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space as places
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    add_packages,
)

# A certificate is backdated by two days: with a clock further behind, the host would refuse every client.
CLOCK_LIMIT = _tls.BACKDATE.total_seconds()
CLOCK_NOTED = 300.0

MEBIBYTE = 1024**2
# The least that is needed where; packages can take more, and then their manager says so.
FOR_FILES = {"/etc/docker": 2**16, "/etc/systemd/system": 2**16, "/var/lib/dockyard": 2**16}
FOR_PACKAGES = {"/usr": 250 * MEBIBYTE, "/var/cache/apt/archives": 60 * MEBIBYTE, "/var/lib/dpkg": 8 * MEBIBYTE}
FOR_ARCHIVE = {"/opt": 400 * MEBIBYTE}


def check_clock(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> None:
    behind = now.timestamp() - info["host"]["clock"]
    if abs(behind) < CLOCK_NOTED:
        return
    hours = f"{abs(behind) / 3600:.1f}".removesuffix(".0")
    said = f"The host's clock is {hours} hours {'behind' if behind > 0 else 'ahead of'} the controller's"
    if abs(behind) > CLOCK_LIMIT and wanted.access == "tls":
        raise PlanError(
            f"{said}: certificates would be refused there. Set it, and enable time synchronisation (timesyncd, chrony). If it is right, "
            "set the controller's"
        )
    plan.warnings.append(
        f"{said}. Certificates allow for {CLOCK_LIMIT / 3600:.0f}; other users of the time, such as package managers, may not. "
        "Enable time synchronisation (timesyncd, chrony)"
    )


def plan_iptables(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Without iptables an Engine does not start, unless its configuration says that it must not use it."""
    engine, packages = info["engine"], info["packages"]
    config = {**info["config"]["content"], **wanted.config}
    if info["host"]["iptables"] or engine["running"] or config.get("iptables") is False:
        return
    if not engine["program"] and not plan.install.get("archive"):
        return  # packages depend on it
    if "iptables" in plan.install.get("packages", {}).get("names", []):
        return
    if plan.source == "present" or packages["manager"] is None:
        raise PlanError(
            "iptables is missing on this host, and the Engine does not start without it. Install it, or set "
            "'iptables: false' in docker_engine_config if the network of containers is made by other means"
        )
    add_packages(plan, info, ["iptables"])


def check_places(plan: Plan, info: dict[str, t.Any]) -> None:
    """Whether what the plan writes can be written, and fits."""
    if not plan.changes:
        return
    installs = [name for kind in ("follow", "names") for name in plan.install.get("packages", {}).get(kind, [])]
    needs = {
        **FOR_FILES,
        **(FOR_PACKAGES if info["packages"]["manager"] == "apt" and installs else {}),
        **(FOR_ARCHIVE if plan.install.get("archive") else {}),
    }
    needed: dict[int, int] = {}
    for path, amount in needs.items():
        place = info["places"][path]
        if place["read_only"]:
            raise PlanError(
                f"{place['folder']} is mounted read-only on this host, and {path} has to be written. Mount it for writing; "
                "if the kernel made it read-only after an error, the host's log says why"
            )
        if place["files_left"] == 0:
            raise PlanError(f"The file system of {place['folder']} on this host has no inode left. Remove files there")
        needed[place["device"]] = needed.get(place["device"], 0) + amount
        if place["free"] < needed[place["device"]]:
            raise PlanError(
                f"The file system of {place['folder']} on this host has {places.size(place['free'])} ({place['free']} bytes) "
                f"free, and at least {places.size(needed[place['device']])} are needed there. Free some space"
            )
