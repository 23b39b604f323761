# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's data: it never stays behind unnoticed, and is moved only if that was asked for."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _daemon_json
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError, Wanted

_RESERVE = 1 << 26  # bytes that a file system keeps for itself while it fills up


def plan_data(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """After the configuration, which says where the data will be looked for."""
    seen = info["data"]
    source, journal = seen["root"], seen["journal"]
    merged = _daemon_json.apply_changes(
        info["config"]["content"], plan.apply.get("config_set", {}), plan.apply.get("config_unset", [])
    )
    target = isolation.data_root(merged, info["units"]["docker.service"]["arguments"], seen["default"])
    if journal:
        _go_on(plan, wanted, journal, source, target)
    elif target not in (source, seen["target"]) and seen["exists"]:
        raise PlanError(
            f"The Engine's data would go from {source} to {target}, but the look at the host was for {seen['target']}: name "
            "the place in docker_engine_data_root"
        )
    elif target != source and seen["holds"]:
        _check(wanted, seen, target, info["engine"].get("storage_driver"))
        way = "rename" if seen["rename"] else f"copy {seen['size'] >> 20} MiB,"
        plan.act(
            "restart",
            f"move the Engine's data from {source} to {target} ({way} with the Engine and its containers stopped)",
        )
        plan.differ("data", source + "\n", target + "\n")
        _move(plan, wanted, source, target)


def _move(plan: Plan, wanted: Wanted, source: str, target: str, switched: bool = False, abandon: bool = False) -> None:
    move = {"from": source, "to": target, "keep": wanted.keep_data, "switched": switched, "abandon": abandon}
    plan.apply["move"] = move
    if not switched:
        plan.stops = f"the Engine's data moves from {source} to {target}"


def _go_on(plan: Plan, wanted: Wanted, journal: dict[str, t.Any], current: str, target: str) -> None:
    """An earlier run was cut off in the middle of a move."""
    begun = f"the move of the Engine's data from {journal['from']} to {journal['to']}, which was interrupted"
    switched = current == journal["to"]
    whole = not switched and journal["stage"] != "removing"  # what is in the old place
    if target == journal["to"]:
        plan.act(None if switched else "restart", f"finish {begun}")
        _move(plan, wanted, journal["from"], target, switched=switched)
    elif target == journal["from"] and whole:
        plan.act("restart", f"take back {begun}")
        _move(plan, wanted, target, journal["to"], abandon=True)
    else:
        raise PlanError(
            f"Finish {begun}, before the data goes to {target}: run the role with docker_engine_data_root {journal['to']}"
            + (f", or with {journal['from']} to take it back" if whole else "")
        )


def _check(wanted: Wanted, seen: dict[str, t.Any], target: str, driver: str | None) -> None:
    source = seen["root"]
    if not wanted.move_data:
        raise PlanError(
            f"The Engine's data is in {source}, and with data-root {target} the Engine would not find its images, "
            "containers and volumes. To have them moved, set docker_engine_move_data; else set docker_engine_data_root "
            f"to {source}, or take away what is there"
        )
    if posixpath.normpath(target) != target or target == "/":
        raise PlanError(
            f"docker_engine_data_root is {target!r}; it can be an absolute path without '..' and '/' at its end"
        )
    if (source + "/").startswith(target + "/") or (target + "/").startswith(source + "/"):
        raise PlanError(f"The Engine's data can't be moved from {source} to {target}: one lies in the other")
    if seen["occupied"]:
        raise PlanError(
            f"The Engine's data can't be moved from {source} to {target}: that is not an empty folder. Name another one, or "
            "empty it"
        )
    if seen["mounts"]:
        raise PlanError(
            f"The Engine's data in {source} can't be moved, since {', '.join(seen['mounts'])} is a mount point in it: "
            "unmount it first"
        )
    unmovable = sorted({*seen["drivers"], *({driver} & set(isolation.UNMOVABLE))})
    if unmovable:
        raise PlanError(
            f"The Engine's data in {source} can't be moved: the storage driver {', '.join(unmovable)} keeps it outside of "
            "files, so move it with that file system's own tools"
        )
    if seen["rename"]:
        return
    for what, unit, needed, free in (
        ("", " MiB", (seen["size"] - seen["done"] + _RESERVE) >> 20, seen["free"] >> 20),
        ("in files and folders ", "", seen["entries"] - seen["done_entries"], seen["free_entries"] or 1 << 62),
    ):
        if needed > free:
            raise PlanError(
                f"The Engine's data does not fit into {target}: it needs {what}{needed}{unit}, and {free}{unit} are free. "
                "Make room there, or name another place"
            )
