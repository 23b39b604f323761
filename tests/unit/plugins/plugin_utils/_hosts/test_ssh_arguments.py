# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate tells Ansible's ssh reaches what we do by SSH ourselves."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import ESTATE_SSH
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _ssh_arguments
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted

DEFAULT = ["-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]


def arguments(variables: dict[str, t.Any], name: str | None = None) -> list[str]:
    templar = Templar(loader=DataLoader(), variables=variables)
    return _ssh_arguments.ssh_arguments(variables, templar, PlayContext(), name)


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in _ssh_arguments.SETTINGS:
        monkeypatch.delenv(f"ANSIBLE_{setting.upper()}", raising=False)


def test_variables_of_the_tasks_host() -> None:
    assert arguments({}) == DEFAULT
    variables = {"ansible_ssh_common_args": trusted("-o 'ProxyCommand=nc {{ jump }} %p'"), "jump": "bastion"}
    assert arguments(variables) == [*DEFAULT, "-o", "ProxyCommand=nc bastion %p"]
    every = {"ansible_ssh_args": "-A", "ansible_ssh_common_args": "-B", "ansible_ssh_extra_args": "-C"}
    assert arguments(every) == ["-A", "-B", "-C"], "in the order that Ansible has them"


def test_the_machines_own_win_where_it_is_a_host() -> None:
    variables = {
        "ansible_ssh_common_args": "-J localhosts",
        "hostvars": {"web1": {"ansible_ssh_common_args": "-J webs"}, "web2": {}},
    }
    assert arguments(variables, "web1")[-1] == "webs"
    assert arguments(variables, "web2") == DEFAULT
    assert arguments(variables, "web3")[-1] == arguments(variables)[-1] == "localhosts"


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_SSH_ARGS", "-4")
    monkeypatch.setenv("ANSIBLE_SSH_COMMON_ARGS", "-J bastion")
    assert arguments({}) == ["-4", "-J", "bastion"]


def test_what_can_not_be_split_is_named() -> None:
    with pytest.raises(MachineError) as caught:
        arguments({"ansible_ssh_common_args": "-o 'x"})
    assert "ssh_common_args" in caught.value.message and "ansible_ssh_common_args" in caught.value.remedy


def test_a_drivers_module_is_told() -> None:
    action = _action.ControllerAction.__new__(_action.ControllerAction)
    action._connection, action._play_context = "the host's", PlayContext()
    action._task = types.SimpleNamespace(delegate_to=None, async_val=0)
    connection = types.SimpleNamespace(set_option=lambda *args: None, exec_command=None)
    action._shared_loader_obj = types.SimpleNamespace(
        connection_loader=types.SimpleNamespace(get=lambda *args: connection)
    )
    variables = {"ansible_ssh_common_args": "-J bastion"}
    action._templar = Templar(loader=DataLoader(), variables=variables)
    action._execute_module = lambda module_args, **more: module_args
    assert action.run_module("none", {"name": "web1"}, variables)[ESTATE_SSH] == [*DEFAULT, "-J", "bastion"]
