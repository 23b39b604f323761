# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine from an archive of programs, for any Linux with systemd."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _versions as versions
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    package_step,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._repository import has_login

OPTION = "docker_engine_archive"


def checksum_of(wanted: Wanted) -> str:
    digits = (wanted.archive.get("checksum") or "").lower()
    if digits.startswith("sha256:"):
        digits = digits[7:]
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise PlanError(
            f"{OPTION}.checksum is {wanted.archive.get('checksum')!r}; it has to be a SHA-256 checksum, 64 hexadecimal digits"
        )
    return digits


def plan_archive(plan: Plan, wanted: Wanted, info: dict[str, t.Any], former: list[str]) -> None:
    engine, units = info["engine"], info["units"]
    have = engine.get("static")
    _check_options(wanted)
    if not wanted.archive.get("source"):
        if have and wanted.source == "auto":
            _check_version(wanted, engine)
            return
        raise PlanError(
            f"docker_engine_source is 'static', which needs {OPTION}: its source, a URL or the path of a file on the "
            "controller, and its checksum"
        )
    if has_login(wanted.archive["source"]):
        raise PlanError(
            f"{OPTION}.source has a user name or password in it, with which nothing is downloaded here, and which results "
            "would show. Get the archive yourself, and give its path on the controller"
        )
    checksum = checksum_of(wanted)
    if have == checksum and engine["static_units"]:
        _check_version(wanted, engine)
        return
    _check_units(wanted, units, have, former)
    source = wanted.archive["source"]
    plan.install["archive"] = {
        "checksum": checksum,
        "version": wanted.version,
        "source": source,
        "url": source if source.startswith(("http://", "https://")) else "",
    }
    plan.differ("archive", have, checksum)
    if former:
        plan.install["packages"] = package_step(info["packages"]["manager"], remove=former)
    plan.act(
        "restart" if have else "cycle" if engine["program"] else "start",
        (f"remove {', '.join(former)}; /var/lib/docker stays, " if former else "")
        + f"install the Engine from {source}",
    )


def _check_options(wanted: Wanted) -> None:
    """What only packages know."""
    if wanted.plugins:
        raise PlanError(
            "docker_engine_plugins is not available from an archive of the Engine: leave it empty with 'static'"
        )
    if wanted.hold != "as_is":
        raise PlanError("docker_engine_hold is about packages: leave it out with docker_engine_source 'static'")
    if wanted.upgrade:
        raise PlanError(
            f"docker_engine_upgrade is about packages: leave it out with docker_engine_source 'static', where another {OPTION} "
            "brings another version"
        )


def _check_version(wanted: Wanted, engine: dict[str, t.Any]) -> None:
    """Of an archive that is there and stays. A new one is asked on the host, before it is used."""
    version = engine.get("version") or ""
    if version and not versions.asked_for(version, wanted.version):
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}, and the Engine here is {version}, from an archive: give the "
            f"{OPTION} of another version, or leave docker_engine_version empty"
        )


def _check_units(wanted: Wanted, units: dict[str, t.Any], have: str | None, former: list[str]) -> None:
    """Units of others, which ours would take the place of."""
    foreign = [
        unit["fragment"]
        for name, unit in units.items()
        if unit["exists"] and (not former or unit["fragment"].startswith("/etc/"))
    ]
    if foreign and not have and not wanted.remove_conflicting:
        raise PlanError(
            f"docker_engine_source is 'static', and the host has {', '.join(foreign)} of another Engine. Set "
            "docker_engine_remove_conflicting to replace them by the role's units in /etc/systemd/system, or remove them"
        )
