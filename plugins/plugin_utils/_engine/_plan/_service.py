# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, units that are enabled, and what the Engine has to do, so that no container stops by it."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _arguments
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    ACTIONS,
    Plan,
    PlanError,
    Wanted,
)

_ON = ("--live-restore", "--live-restore=true")


def plan_users(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    seen = info["groups"]
    if seen["missing"]:
        raise PlanError(f"docker_engine_users names users that this host does not have: {', '.join(seen['missing'])}")
    if seen["outside"]:
        plan.apply["users"] = seen["outside"]
        plan.changes.append(f"add {', '.join(seen['outside'])} to the group docker")


def plan_service(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    service, sock = info["units"]["docker.service"], info["units"]["docker.socket"]
    if service["exists"]:
        for name, unit in (("docker.service", service), ("docker.socket", sock)):
            if unit["load"] == "masked":
                raise PlanError(f"{name} is masked on this host: unmask it first")
        disabled = [
            name
            for name, unit in (("docker.service", service), ("docker.socket", sock))
            if unit["enabled"] == "disabled"
        ]
        if disabled:
            plan.apply["enable"] = disabled
            plan.changes.append(f"enable {', '.join(disabled)}")
    step = plan.install.get("packages", {})
    if step.get("archive") or (step.get("family", "apt") != "apt" and (step["remove"] or not service["exists"])):
        # Packages of other families leave that to the administrator, and so do those that the host had before an archive.
        # Those of RPM that are removed disable their units besides.
        plan.apply["enable"] = ["docker.service", "docker.socket"]
    plan_action(plan, wanted, info)


def plan_action(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    service, sock = info["units"]["docker.service"], info["units"]["docker.socket"]
    pending = info["remembered"]["pending"]
    if plan.action == "start" and service["active"] == "active":
        plan.action = None  # what has to be there before a start is no reason to touch an Engine that runs
    if pending in ACTIONS[1:]:
        plan.act(pending, f"{pending} the Engine: an earlier run was interrupted")
    if not plan.action and (service["active"] != "active" or sock["active"] != "active") and service["exists"]:
        plan.apply["nothing_new"] = True  # so one that comes up by itself need not be ended
        plan.act("start", "start the Engine" if service["active"] != "active" else "start docker.socket")
    if plan.action == "start" and service["active"] == "active":
        plan.action = "cycle"  # the socket can't be started beside it, or it runs without what is put in place now
    if plan.action in ("reload", "restart") and service["active"] != "active":
        plan.action = "start"
    if plan.action in ("reload", "restart") and sock["active"] != "active":
        plan.action = "cycle"
    if plan.action == "cycle" and service["active"] != "active" and sock["active"] != "active":
        plan.action = "start"
    _check_answers(plan, wanted, info)
    _keep_containers(plan, wanted, info)


def plan_hooks(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """What comes after a restart is owed until it is done: else a host that was drained for it could stay so."""
    owed = info["remembered"]["after_restart"] and bool(wanted.after_restart)
    if plan.restarts:
        plan.hooks = ["before", "after"]
    elif owed:
        plan.hooks = ["after"]
        plan.changes.append("do what comes after a restart: an earlier run did not")
    plan.apply.setdefault("remember_then", {})["after_restart"] = owed or (plan.restarts and bool(wanted.after_restart))


def _check_answers(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Of an Engine that hangs, nobody knows what a restart would end."""
    active = info["units"]["docker.service"]["active"] == "active"
    if active and not info["engine"]["running"] and (plan.action or plan.install) and not wanted.interrupt:
        raise PlanError(
            "The Engine of this host runs (docker.service is active), but it does not answer on its own socket, so it is not "
            "known which containers it has and whether they would keep running during the changes "
            f"({'; '.join(plan.changes)}). Check its log (journalctl -u docker.service). Run again when it answers, or "
            "allow with docker_engine_interrupt that containers stop"
        )


def _keep_containers(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """A restart of the Engine must not be one of its containers."""
    engine, argument = (
        info["engine"],
        _arguments.keys_of(info["units"]["docker.service"]["arguments"]).get("live-restore"),
    )
    if plan.stops:
        plan.apply["stop_containers"] = True
    if plan.action not in ("restart", "cycle") or not engine.get("containers_running"):
        return
    if plan.stops:
        if not wanted.interrupt:
            raise PlanError(
                f"The {engine['containers_running']} containers that run have to stop, since {plan.stops}. Allow it with "
                "docker_engine_interrupt"
            )
    elif (wanted.rotate or argument in _ON) and engine["live_restore"]:
        return
    elif plan.live_restore:
        # Written and restarted at once, the containers would go with the old Engine: it has to know before.
        if plan.install:
            plan.install["live_restore"] = not engine["live_restore"]
        else:
            plan.apply["live_restore_first"] = not engine["live_restore"]
    elif not wanted.interrupt:
        swarm = engine.get("swarm", "inactive") != "inactive"
        off = "off: set docker_engine_live_restore, or"
        if wanted.rootless_user:
            off = "not possible without root:"
        elif argument:
            off = f"off in the Engine that runs, and its arguments have {argument}: take that out, or"
        raise PlanError(
            f"This needs a restart of the Engine ({'; '.join(plan.changes)}), which would stop the "
            f"{engine['containers_running']} containers that run, since live-restore is "
            f"{'not possible on a swarm node: drain it first, then' if swarm else off}"
            " allow it with docker_engine_interrupt"
        )
