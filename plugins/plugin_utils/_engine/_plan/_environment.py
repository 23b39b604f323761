# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's environment, and the proxies of Docker's clients on the host. Values are secrets: there are names only."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _arguments, _daemon_json, _paths
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError, Wanted


def plan_environment(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    seen = info["environment"]
    for other in seen["others"]:
        if not other["same"]:
            raise PlanError(
                f"{other['path']} on the host sets {other['name']} for the Engine to another value than "
                "docker_engine_proxies or docker_engine_environment, which would replace it: take it out of one of them"
            )
    _check_proxies(wanted, info)
    plan.apply["environment"] = not seen["matches"]
    if not seen["matches"]:
        # Values are secrets, so the difference has names only.
        plan.differ(_paths.ENVIRONMENT_PATH, seen["names"], wanted.environment)
        plan.act("restart", f"{_paths.ENVIRONMENT_PATH}: set {', '.join(wanted.environment) or 'nothing'}")


def _check_proxies(wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Since version 23 an Engine prefers proxies of its configuration to those of its environment."""
    if not wanted.proxies:
        return
    arguments = info["units"]["docker.service"]["arguments"]
    said = {
        **dict.fromkeys(_daemon_json.entries(info["config"]["content"], "proxies"), _paths.CONFIG_PATH),
        **_arguments.keys_of(arguments),
    }
    for key in ("http-proxy", "https-proxy", "no-proxy"):
        for source in (said, dict.fromkeys(_daemon_json.entries(wanted.config, "proxies"), "docker_engine_config")):
            if key in source:
                raise PlanError(
                    f"docker_engine_proxies gives the Engine its proxies, but '{key}' is in {source[key]} too, which "
                    "would be preferred: take it out of one of them"
                )


def plan_clients(plan: Plan, info: dict[str, t.Any]) -> None:
    """Each user's config.json. No Engine has to know of it."""
    seen, remembered = info["clients"], info["remembered"]["clients"]
    put = {user: about for user, about in seen.items() if about["set"] or about["unset"]}
    for user, about in put.items():
        if about["error"]:
            raise PlanError(
                f"docker_engine_client_proxies can't be put into {about['path']} of the user {user}: {about['error']}. "
                "Put that right on the host"
                + ("" if user == "root" else f", or take {user} out of docker_engine_users")
            )
        said = [f"set {key}" for key in about["set"]] + [f"take out {key}" for key in about["unset"]]
        plan.differ(about["path"], None, "".join(f"{line}\n" for line in said))
        plan.changes.append(f"{about['path']}: {', '.join(said)}")
    ours = {user: about["ours"] for user, about in seen.items() if about["ours"]}
    if put:
        plan.apply["clients"] = {user: {"set": about["set"], "unset": about["unset"]} for user, about in put.items()}
    if put or ours != remembered:
        # Until all are in place, what was ours and what will be is.
        both = {user: sorted({*remembered.get(user, []), *ours.get(user, [])}) for user in sorted({*remembered, *ours})}
        plan.apply.setdefault("remember_first", {})["clients"] = both
        plan.apply.setdefault("remember_then", {})["clients"] = ours
        if not put:
            plan.changes.append("record the managed proxies of clients")
