# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._role_variables import secrets_said
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._action import HostAction, Result


class ActionModule(HostAction):
    """Runs the module, with what a plan doesn't hold since it is secret."""

    def perform(self, variables: dict[str, t.Any]) -> Result:
        arguments = dict(self._task.args)
        plan = arguments.get("apply") or {}
        if "secrets" not in arguments and (plan.get("environment") or plan.get("clients")):
            try:
                arguments["secrets"] = secrets_said(self._loader, self._templar, variables)
            except PlanError as error:
                raise AnsibleActionFail(str(error)) from None
        result = self.ask("dockyard.machine.engine_apply", arguments, variables)
        if self._task.diff and plan.get("diff") and not result.get("failed"):
            result["diff"] = plan["diff"]  # by the plan, not by the host's word
        return result
