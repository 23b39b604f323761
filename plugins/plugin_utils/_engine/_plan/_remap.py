# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remapped users: root in a container is nobody on the host.

With another map the Engine has another root, in which it does not find what it had before. Nothing of that goes, and it is
there again with the former map, but who asks for it should know.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _daemon_json
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError, Wanted

KEY = "userns-remap"


def plan_remap(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """After the configuration, which has the key."""
    current = info["config"]["content"]
    merged = _daemon_json.apply_changes(current, plan.apply.get("config_set", {}), plan.apply.get("config_unset", []))
    asked = merged.get(KEY) or ""
    seen = info["remap"]
    if asked and asked == wanted.config.get(KEY):
        _check_possible(merged, info, asked)
        _plan_ids(plan, seen, asked)
    if asked == (current.get(KEY) or "") or not info["engine"]["program"]:
        return
    lost = [f"{number} {kind}" for kind, number in seen["hides"].items() if number]
    if info["engine"].get("swarm", "inactive") != "inactive":
        raise PlanError(
            f"{KEY} can't change on a node of a swarm, since its state would be hidden: make it leave the swarm first"
        )
    if lost and not wanted.interrupt:
        raise PlanError(
            f"With {KEY} {asked or 'off'} the Engine does not see the {', '.join(lost)} that it has now in {seen['root']}. They "
            "stay there, and are there again when it is set back. To have it so, allow it with docker_engine_interrupt"
        )
    if lost:
        plan.changes.append(f"hide the {', '.join(lost)} in {seen['root']} until {KEY} is set back")
    plan.stops = f"{KEY} becomes {asked or 'off'}"


def _check_possible(merged: dict[str, t.Any], info: dict[str, t.Any], asked: str) -> None:
    if not info["remap"]["possible"]:
        raise PlanError(f"docker_engine_userns_remap is {asked!r}, but this host's kernel allows no user namespaces")
    if (merged.get("features") or {}).get("containerd-snapshotter"):
        raise PlanError(
            f"docker_engine_userns_remap is {asked!r}, and the feature containerd-snapshotter is on: the containerd image store "
            "does not remap users. Take one of them out"
        )


def _plan_ids(plan: Plan, seen: dict[str, t.Any], asked: str) -> None:
    user = seen["user"]
    if not user["exists"] and asked != "default":
        raise PlanError(f"docker_engine_userns_remap names the user {user['name']}, whom this host does not have")
    if not seen["group"]["exists"] and asked != "default":
        raise PlanError(
            f"docker_engine_userns_remap names the group {seen['group']['name']}, which this host does not have"
        )
    plan_ranges(plan, user, seen["group"])


def plan_ranges(plan: Plan, user: dict[str, t.Any], group: dict[str, t.Any]) -> None:
    """Ids that belong to nobody, for the containers of a user."""
    lacking = [path for path, who in (("/etc/subuid", user), ("/etc/subgid", group)) if not who["ranges"]]
    if user["exists"] and not lacking:
        return
    if not user["exists"]:
        plan.changes.append(f"make the user {user['name']}")
    if lacking:
        plan.changes.append(f"give {user['name']} a range of ids in {' and '.join(lacking)}")
    plan.apply.setdefault("ids", []).append({"user": user["name"], "group": group["name"]})
