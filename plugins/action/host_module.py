# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._action import module_defaults
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._action import HostAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._answer import plain_answer
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._schemas import OTHERS

SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "required": True, "choices": list(OTHERS)},
    "options": {"type": "dict", "default": {}},
}


class ActionModule(HostAction):
    """Runs a module of Ansible's or of another collection on a host, whose answer is data."""

    def perform(self, variables: dict[str, t.Any]) -> Result:
        _result, given = self.validate_argument_spec(SPEC)
        name, options = given["name"], given["options"]
        arguments = {**module_defaults(self, name), **options}
        # What an action of Ansible's own does before its module (copy, say) reaches the host, too.
        inner = self._shared_loader_obj.action_loader.get(
            name,
            task=self._of_task(arguments),
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        if inner is None:
            self._renamed = {"ansible_facts": "facts"} if name == "ansible.builtin.setup" else {}
            result = self.ask(name, arguments, variables)
            if "facts" in result:
                result["facts"] = {key.removeprefix("ansible_"): value for key, value in result["facts"].items()}
            return result
        parse = inner._parse_returned_data
        inner._parse_returned_data = lambda res, *profile: parse(plain_answer(res), *profile)
        try:
            return self._kept(inner.run(task_vars=variables), OTHERS[name])
        finally:
            inner.cleanup()

    def _of_task(self, arguments: dict[str, t.Any]) -> t.Any:
        task = self._task.copy()
        task.args = arguments
        return task
