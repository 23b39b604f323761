# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to a host: what it answers is filtered before anything uses, registers or prints it."""

from __future__ import annotations

import re
import traceback
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._answer import (
    Check,
    MalformedAnswer,
    filtered,
    plain_answer,
    printable,
    shown,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._schemas import SCHEMAS
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

Result = dict[str, t.Any]
# Ansible's own finding (no answer of a module): without it each task would search for Python again.
_INTERPRETER = "discovered_interpreter_python"
_PATH = r"/[\w./+-]{1,200}"


class HostAction(ActionBase):
    """Subclasses define ``perform(variables)``, which reaches the host by ``ask`` alone."""

    _interpreter = ""
    _schema: t.Mapping[str, Check] | None = None
    _renamed: t.Mapping[str, str] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        variables = task_vars or {}
        me = str(variables.get("inventory_hostname", "The host"))
        host = str(self._task.delegate_to or me)
        try:
            refused = _facts.refusal(variables, dict.fromkeys([me, host]), self._options())
            result.update({"failed": True, "msg": refused} if refused else self.perform(variables))
        except MalformedAnswer as error:
            result.update(failed=True, msg=malformed(host, str(self._task.action), str(error)))
        except AnsibleConnectionFailure as error:
            # What a server says before a login is in it.
            raise type(error)(printable(str(error))) from None
        except AnsibleError as error:
            if printable(str(error)) == str(error):
                raise
            raise AnsibleActionFail(printable(str(error))) from None
        except Exception as error:
            # Whatever a host answers, it is an error of that host, and not of the run.
            said = f"an answer led to {type(error).__name__}: {shown(printable(str(error)))}"
            result.update(
                failed=True, msg=malformed(host, str(self._task.action), said), exception=traceback.format_exc()
            )
        if "module_stdout" in result:
            result["msg"] = malformed(host, str(self._task.action), str(result.get("msg", "it is not an answer")))
        if isinstance(result.get("msg"), str):
            result["msg"] = printable(result["msg"])
        if self._interpreter and not result.get("failed"):
            result["ansible_facts"] = {_INTERPRETER: self._interpreter}
        # Also a text of a host must not be evaluated.
        return t.cast(Result, unsafe(result))

    def perform(self, variables: dict[str, t.Any]) -> Result:
        raise AnsibleActionFail("This action does nothing")

    def ask(self, module: str, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> Result:
        """A module's answer, by its schema."""
        self._schema = SCHEMAS[module]
        answer = self._execute_module(module_name=module, module_args=arguments, task_vars=variables)
        return self._kept(answer, SCHEMAS[module])

    def _kept(self, answer: Result, schema: t.Mapping[str, Check]) -> Result:
        # Those of the host are gone: this is what _execute_module has added.
        found = (answer.get("ansible_facts") or {}).get(_INTERPRETER)
        if isinstance(found, str) and re.fullmatch(_PATH, found):
            self._interpreter = found
        return filtered(answer, schema)

    def _parse_returned_data(self, res: Result, *profile: t.Any) -> Result:
        return t.cast(Result, super()._parse_returned_data(plain_answer(res, self._schema, self._renamed), *profile))

    def _options(self) -> set[str]:
        """The variables that say how the host is reached: Ansible keeps facts out of some of them only."""
        connection = self._connection
        plugins = [("connection", connection), ("shell", getattr(connection, "_shell", None))]
        plugins.append(("become", getattr(connection, "become", None)))
        return {
            name
            for kind, plugin in plugins
            if getattr(plugin, "_load_name", None)
            for name in C.config.get_plugin_vars(kind, plugin._load_name)
        }


def malformed(host: str, action: str, said: str) -> str:
    return (
        f"{host} gave an answer to {action.rpartition('.')[2]} that can't be used: {said}. Nothing of it was used. Look at the "
        "Python interpreter of the host, and whether somebody else answers there"
    )
