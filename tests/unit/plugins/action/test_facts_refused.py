# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each action of ours refuses facts that would be its instructions, before it does anything."""

from __future__ import annotations

import importlib
import pathlib
import types
import typing as t

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.action import swarm_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts

ACTIONS = sorted(path.stem for path in pathlib.Path(swarm_plan.__file__).parent.glob("[a-z]*.py"))


class Known(dict[str, t.Any]):
    """Hostvars, with the facts of hosts."""

    def __init__(self, **facts: dict[str, t.Any]) -> None:
        super().__init__()
        self._variable_manager = types.SimpleNamespace(_fact_cache=facts)


def told(action: str, monkeypatch: pytest.MonkeyPatch, args: dict[str, t.Any], **facts: dict[str, t.Any]) -> str:
    """Why it did nothing."""

    def nothing(*args: t.Any, **more: t.Any) -> t.NoReturn:
        raise AssertionError("it did something")

    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    cls = importlib.import_module(f"ansible_collections.dockyard.machine.plugins.action.{action}").ActionModule
    monkeypatch.setattr(cls, "perform", nothing, raising=False)
    it = cls.__new__(cls)
    name = f"dockyard.machine.{action}"
    it._task = types.SimpleNamespace(args=args, delegate_to=None, action=name, check_mode=False, register=None)
    it._connection, it._loader = None, DataLoader()
    it.arguments = lambda: args
    it.validate_argument_spec = lambda *spec, **more: (None, args)
    try:
        result = it.run(None, {"inventory_hostname": "web1", "hostvars": Known(**facts)})
    except AnsibleActionFail as error:
        return str(error)
    assert result["failed"]
    return str(result["msg"])


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_does_nothing_for_a_host_whose_facts_are_instructions(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args: dict[str, t.Any] = {"hosts": {}, "managers": []}
    said = told(action, monkeypatch, args, web1={"machine_store": "/tmp/evil", "ansible_machine": "x86_64"})
    assert "web1: its facts set machine_store." in said


@pytest.mark.parametrize("where", ["hosts", "managers"])
def test_a_plan_for_all_hosts_is_not_made_by_the_facts_of_any(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    args: dict[str, t.Any] = {"hosts": {}, "managers": [], where: {"web2": {}}}
    said = told("swarm_plan", monkeypatch, args, web2={"docker_swarm_role": "manager"})
    assert "web2: its facts set docker_swarm_role." in said


def test_no_action_is_forgotten() -> None:
    assert len(ACTIONS) > 15 and _facts.PREFIXES
