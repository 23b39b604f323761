# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import find_file, plain
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm import _settings
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._make_plan import (
    Local,
    Plan,
    SwarmView,
    Wish,
    make_plan,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe


class ActionModule(ControllerAction):
    """Makes the plan for a swarm, for all hosts of the play at once."""

    _requires_connection = False
    spec: t.ClassVar[dict[str, t.Any]] = {
        "hosts": {"type": "dict", "required": True},
        # The managers' answers have the join tokens in them
        "answers": {"type": "list", "elements": "dict", "default": [], "no_log": True},
        "looks": {"type": "dict", "default": {}},
        "managers": {"type": "list", "elements": "str", "default": []},
        "settings": {"type": "dict", "default": {}},
        "rotate_tokens": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "may_end": {"type": "bool", "default": False},
        "has_unlock_key": {"type": "bool", "default": False},
        "unlock_key_tasks": {"type": "str", "default": ""},
    }

    def told_by(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> t.Iterable[str]:
        """It plans for all at once, by what the variables of each say of its part."""
        return dict.fromkeys([*super().told_by(args, task_vars), *map(str, args["hosts"]), *map(str, args["managers"])])

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        given = plain(args)
        keeper = self._keeper(given["unlock_key_tasks"])
        silent = [host for host, look in given["looks"].items() if look.get("unreachable")]
        plan = make_plan(
            {host: _wish(host, said) for host, said in given["hosts"].items()},
            SwarmView(
                answers=given["answers"],
                looks={host: Local.of(look["engine"]) for host, look in given["looks"].items() if "engine" in look},
                silent=silent,
                missing=[host for host in given["managers"] if host not in given["hosts"] or host in silent],
                key=given["has_unlock_key"],
                keeper=bool(keeper),
                check_mode=self._task.check_mode,
            ),
            given["settings"],
            given["rotate_tokens"],
            given["may_end"],
        )
        # What hosts said is in it, and a host must not make the controller evaluate anything.
        return t.cast(Result, unsafe({**self._result(plan), "unlock_key_tasks": keeper}))

    def _keeper(self, given: str) -> str:
        """The whole path of the file of tasks that gets the key."""
        path = find_file(self._loader, given) if given else ""
        if path and not self._loader.is_file(path):
            raise BadOption(
                "docker_swarm_unlock_key_tasks",
                f"{given!r} was not found: {path} does not exist",
                "Name an existing file",
            )
        return path

    def _result(self, plan: Plan) -> Result:
        values = {field.name: getattr(plan, field.name) for field in dataclasses.fields(Plan)}
        result: Result = {name: value for name, value in values.items() if name not in ("before", "after", "warnings")}
        # Outside check mode the tasks that do it say that they changed something.
        result.update(changed=bool(plan.changes) and not plan.unsure and self._task.check_mode)
        result["leaving"] = dataclasses.asdict(plan.leaving)
        result["needed"] = bool(plan.changes)
        # That of the task, which a role or an include can have of its own
        result["check_mode"] = self._task.check_mode
        if plan.warnings and not plan.unsure:
            result["warnings"] = plan.warnings
        if plan.before != plan.after:
            result["diff"] = plan.diff()
        return result


def _wish(host: str, said: dict[str, t.Any]) -> Wish:
    known = {field.name for field in dataclasses.fields(Wish)}
    for name in said:
        if name not in known:
            raise BadOption(
                f"hosts.{host}.{name}", f"{said[name]!r} is not supported", f"There are {', '.join(sorted(known))}"
            )
    wish = Wish(**{name: value for name, value in said.items() if value is not None})
    wish.identity = wish.identity or host
    wish.labels = _settings.labels(f"{host}: docker_swarm_labels", wish.labels)
    return wish
