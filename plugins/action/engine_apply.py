# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_variables import secrets_said


class ActionModule(ActionBase):
    """Runs the module, with what a plan doesn't hold since it is secret."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        plan = arguments.get("apply") or {}
        if "secrets" not in arguments and (plan.get("environment") or plan.get("clients")):
            try:
                arguments["secrets"] = secrets_said(self._loader, self._templar, task_vars or {})
            except PlanError as error:
                raise AnsibleActionFail(str(error)) from None
        name = "dockyard.machine.engine_apply"
        return result | self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
