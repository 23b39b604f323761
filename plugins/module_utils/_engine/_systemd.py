# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Units of systemd: their properties, and calls of systemctl. Runs on Python 3.8."""

from __future__ import annotations

from . import _commands, _owner

UNITS = ("docker.socket", "docker.service")
STARTED = "ExecMainStartTimestampMonotonic"  # the property that tells one start from another


def systemctl(*words: str, limit: float = 60, check: bool = True) -> tuple[int, str, str]:
    """systemctl of the manager to which the Engine's units belong."""
    if not _owner.OWNER:
        return _commands.run("systemctl", *words, limit=limit, check=check)
    # Without root the Engine listens by itself: it has no unit for that.
    return _owner.OWNER.run(
        "systemctl", "--user", *(word for word in words if word != "docker.socket"), limit=limit, check=check
    )


def show(*units: str) -> dict[str, dict[str, str]]:
    """Properties of units, in one call."""
    names = (
        "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,Job,"
        f"{STARTED},Result"
    )
    found: dict[str, dict[str, str]] = {}
    for paragraph in systemctl("show", "--no-pager", "-p", names, *units)[1].split("\n\n"):
        values = dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        if "Id" in values:
            found[values["Id"]] = values
    return found


def on_its_way(properties: dict[str, str]) -> bool:
    """Whether a unit is being started or stopped, or waits for its turn in a boot."""
    return properties.get("Job", "0") not in ("", "0") or properties.get("ActiveState") in (
        "activating",
        "deactivating",
    )
