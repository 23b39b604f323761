# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-in of docker.service: the Engine's command with what TLS and the environment add to it."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _paths, _unit_files
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, Wanted


def plan_units(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    tls, environment = wanted.access == "tls", bool(wanted.environment)
    service = info["units"]["docker.service"]
    plan.apply["service"] = {"tls": tls, "environment": environment}
    after = _unit_files.service_drop_in(
        service["exec_start"] or "(the command of the package's unit)", tls, environment
    )
    if after != service["own_drop_in"] or (after and service.get("outdated")):
        plan.differ(_paths.SERVICE_DROP_IN, service["own_drop_in"], after)
        plan.act("restart", f"{'write' if after else 'remove'} {_paths.SERVICE_DROP_IN}")
