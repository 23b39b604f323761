# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our actions share: they run on the controller, whatever connection the host of the task has."""

from __future__ import annotations

import sys
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import ESTATE_SSH, check_numbers
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._answer import printable_parts
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._ssh_arguments import ssh_arguments
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

Result = dict[str, t.Any]
_ACTED_ON = ("ansible_facts", "ansible_stats", "add_host", "add_group")
_SHOWN = ("msg", "error", "warnings", "table")
GROUPED = "dockyard.machine.machine"  # the action group's members share their module_defaults


class ControllerAction(ActionBase):
    """Subclasses define ``spec`` and ``perform(args, task_vars) -> result``; a MachineError becomes a failure."""

    spec: t.ClassVar[dict[str, t.Any]] = {}
    variables: t.ClassVar[_from_variables.Names] = {}
    _task_vars: t.Mapping[str, t.Any] = {}
    _connection: t.Any

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars = task_vars or {}
        try:
            self._refuse_other_targets()
            self._refuse_hidden_result()
            arguments = self.arguments()
            refused = _facts.refusal(task_vars, self.told_by(arguments, task_vars))
            if refused:
                raise MachineError(refused, code="facts")
            result.update(self.perform(arguments, task_vars))
        except MachineError as error:
            # What a host or a provider said may be in it, and must not be evaluated.
            result.update(unsafe({"failed": True, "changed": False, "msg": error.text(), "error": error.details()}))
        # A driver's answer is data, too, and what is shown can have a host's or a provider's words in it.
        return {
            name: printable_parts(value) if name in _SHOWN else value
            for name, value in result.items()
            if name not in _ACTED_ON
        }

    def arguments(self) -> dict[str, t.Any]:
        """The task's arguments, checked and converted."""
        said = self._task.args
        everything = {**self._from_variables(said), **said}
        # As surveys have it that are left blank
        given = {name: value for name, value in everything.items() if not self._is_blank(name, value)}
        if not everything.keys() <= self.spec.keys():
            # module_defaults of the action group are merged into our arguments; what isn't ours is for the drivers.
            group = self.defaults(GROUPED)
            foreign = {
                name for name in everything.keys() & group.keys() - self.spec.keys() if everything[name] == group[name]
            }
            given = {name: value for name, value in given.items() if name not in foreign}
        self._task.args = given
        try:
            _result, arguments = self.validate_argument_spec(argument_spec=self.spec)
        finally:
            self._task.args = said
        check_numbers(self.spec, arguments)
        arguments.pop(_from_variables.OPTION, None)
        return arguments

    def _from_variables(self, given: dict[str, t.Any]) -> dict[str, t.Any]:
        """The options that the task takes from variables. What it gives itself, or by module_defaults, is not among them."""
        if not given.get(_from_variables.OPTION) or _from_variables.OPTION not in self.spec:
            return {}
        refused = _facts.refusal(self._task_vars, self._own_host(self._task_vars))
        if refused:  # before any of them is evaluated
            raise MachineError(refused, code="facts")
        known = _from_variables.variables_of(self.spec, self.variables)
        names = _from_variables.asked_for(given[_from_variables.OPTION], known)
        missing = {
            option: name
            for option, name in names.items()
            if given.keys().isdisjoint((option, *self.spec[option].get("aliases", ())))
        }
        return _from_variables.values_of(self._templar, self._task_vars, missing)

    def _is_blank(self, name: str, value: t.Any) -> bool:
        """Whether it is an empty text where only something else can be meant: the option is not given, then."""
        about = self.spec.get(name, {"type": "raw"})
        of_text = about.get("type", "str") in ("str", "path", "raw") and not about.get("choices")
        return isinstance(value, str) and not value.strip() and (not of_text or bool(about.get("default")))

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        raise AnsibleActionFail("This action does nothing")

    def estate_ssh(self, task_vars: dict[str, t.Any], machine: str | None) -> list[str]:
        """The arguments that the estate's settings give to Ansible's ssh for this machine."""
        return ssh_arguments(task_vars, self._templar, self._play_context, machine)

    def run_module(self, name: str, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        """Run a driver's module on the controller, with no arguments left in files."""
        args = {**args, ESTATE_SSH: self.estate_ssh(task_vars, args.get("name"))}
        connection, context = self._connection, self._play_context
        # Our own Python: a host's interpreter setting is for the host.
        interpreter = {"ansible_python_interpreter": sys.executable}
        task_vars = {**task_vars, **interpreter}
        if self._task.delegate_to:
            delegated = task_vars.get("ansible_delegated_vars") or {}
            mine = {**(delegated.get(self._task.delegate_to) or {}), **interpreter}
            task_vars["ansible_delegated_vars"] = {**delegated, self._task.delegate_to: mine}
        local = self._shared_loader_obj.connection_loader.get("ansible.builtin.local", context, "/dev/null")
        local.set_option("pipelining", True)
        execute = local.exec_command

        def where_we_are(*args: t.Any, **kwargs: t.Any) -> t.Any:
            # The core says the playbook's folder, which may be the collection's: a relative path would mean another file
            # to the module than it means to us.
            local.cwd = None
            return execute(*args, **kwargs)

        local.exec_command = where_we_are
        self._connection = local
        try:
            result = dict(
                self._execute_module(
                    module_name=name, module_args=args, task_vars=task_vars, wrap_async=self._task.async_val
                )
            )
        finally:
            self._connection = connection
        if result.get("failed") and not result.get("msg"):
            # A module that broke off: core >= 2.19 makes the message when it shows the result, and we hand it on before.
            event = getattr(result.get("exception"), "event", None)
            result["msg"] = str(getattr(event, "msg", None) or f"{name} broke off")
        return result

    def defaults(self, action: str) -> dict[str, t.Any]:
        """module_defaults of a module that this task dispatches to, those of its groups included."""
        return module_defaults(self, action)

    def told_by(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> t.Iterable[str]:
        """The hosts whose variables a task of this action acts on."""
        return self._own_host(task_vars)

    @staticmethod
    def _own_host(task_vars: t.Mapping[str, t.Any]) -> list[str]:
        return [task_vars["inventory_hostname"]] if "inventory_hostname" in task_vars else []

    def _refuse_hidden_result(self) -> None:
        """An extra variable hides what a task registers: our playbooks would work on what it says instead."""
        name = self._task.register
        if isinstance(name, str) and name in load_extra_vars(self._loader):
            raise BadOption(name, "set as an extra variable, but this task sets it itself", "Leave it out")

    def _refuse_other_targets(self) -> None:
        target = self._task.delegate_to
        if target and target not in C.LOCALHOST:
            raise BadOption(
                "delegate_to",
                f"{target!r} is not possible: this runs on the controller",
                "Leave it out, or use localhost",
            )


def module_defaults(action: ActionBase, name: str) -> dict[str, t.Any]:
    """module_defaults of a module that an action's task dispatches to, those of its groups included."""
    task = action._task
    try:
        from ansible.executor.module_common import _apply_action_arg_defaults  # core >= 2.19
    except ImportError:
        from ansible.executor.module_common import get_action_args_with_defaults

        groups = task._parent._play._action_groups
        return dict(
            get_action_args_with_defaults(name, {}, task.module_defaults, action._templar, action_groups=groups)
        )
    return dict(_apply_action_arg_defaults(name, task, {}, action._templar))
