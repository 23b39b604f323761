# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options the tasks of the playbooks take from variables."""

from __future__ import annotations

import importlib
import pathlib
import typing as t

import yaml

from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Use(t.NamedTuple):
    """A task of a playbook."""

    playbook: str
    action: str
    args: dict[str, t.Any]

    def variables(self) -> dict[str, str]:
        """The options that it takes from variables, with these."""
        asked = _from_variables.asked_for(self.args.get(_from_variables.OPTION), known(self.action))
        return {option: variable for option, variable in asked.items() if option not in self.args}


def plugin(name: str) -> t.Any:
    return importlib.import_module(f"ansible_collections.dockyard.machine.plugins.action.{name}").ActionModule


def known(name: str) -> dict[str, str]:
    """The options of an action that have a variable, with these."""
    return _from_variables.variables_of(plugin(name).spec, plugin(name).variables)


def tasks_in(listed: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The tasks of a file, those of its blocks and plays as well."""
    parts = ("pre_tasks", "tasks", "block", "rescue", "always")
    return [*listed, *(task for one in listed for part in parts for task in tasks_in(one.get(part, [])))]


ACTIONS = sorted(
    path.stem
    for path in (ROOT / "plugins" / "action").glob("[a-z]*.py")
    if _from_variables.OPTION in getattr(plugin(path.stem), "spec", {})
)
USES = [
    Use(path.stem, name, task[f"dockyard.machine.{name}"])
    for path in sorted((ROOT / "playbooks").rglob("*.yml"))
    for task in tasks_in(yaml.safe_load(path.read_text()))
    for name in ACTIONS
    if f"dockyard.machine.{name}" in task
]
