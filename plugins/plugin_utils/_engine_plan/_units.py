# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-ins of docker.service and docker.socket: how the Engine listens."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan._plan import Plan, PlanError, Wanted


def plan_units(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    tls, environment = wanted.access == "tls", bool(wanted.environment)
    service, sock = info["units"]["docker.service"], info["units"]["docker.socket"]
    plan.apply["service"] = {"tls": tls, "environment": environment}
    after = cfg.service_drop_in(service["exec_start"] or "(the command of the package's unit)", tls, environment)
    if after != service["own_drop_in"]:
        plan.differ(cfg.SERVICE_DROP_IN, service["own_drop_in"], after)
        plan.act("restart", f"{'write' if after else 'remove'} {cfg.SERVICE_DROP_IN}")
    if wanted.allow and tls and info["host"]["cgroup"] != 2:
        raise PlanError(
            "docker_engine_allow is enforced by systemd with cgroup v2, and this host has cgroup v1: it would have no "
            "effect. Use a firewall there and leave docker_engine_allow empty"
        )
    after = cfg.socket_drop_in(str(wanted.port) if tls else None, wanted.allow)
    plan.apply["socket"] = after
    if after != sock["own_drop_in"]:
        plan.differ(cfg.SOCKET_DROP_IN, sock["own_drop_in"], after)
        plan.act("cycle", f"{'write' if after else 'remove'} {cfg.SOCKET_DROP_IN}")
