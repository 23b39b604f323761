# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's facts can't be instructions, with the variables as Ansible itself puts them together."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts


@pytest.fixture
def estate():
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=["web1,web2,"])
    manager = VariableManager(loader, inventory)
    hostvars = HostVars(inventory, manager, loader)
    manager._hostvars = hostvars
    return manager


def variables(manager, host="web1"):
    return manager.get_vars(host=manager._inventory.get_host(host))


@pytest.mark.parametrize(
    "name",
    [
        "docker_engine_server_ca_command",
        "docker_engine_new",
        "docker_swarm_role",
        "machine_id",
        "machine_wish",
        "docker_host",
    ],
)
def test_a_fact_that_would_be_an_instruction_is_refused_by_name(estate, name):
    estate.set_host_facts("web1", {name: "x", "ansible_machine_id": "0123", "ansible_machine": "x86_64"})
    found = variables(estate)
    assert found[name] == "x", "this is what Ansible does"
    assert _facts.instructing(found, "web1") == [name]
    said = _facts.refusal(found, ["web2", "web1"])
    assert said.startswith(f"web1: its facts set {name}. ") and "nothing was done" in said
    assert _facts.refusal(found, ["web2"]) == ""


def test_facts_of_any_host_and_what_its_user_sets_are_none(estate):
    estate.set_host_facts(
        "web1", {"ansible_machine_id": "0123", "ansible_machine": "x86_64", "ansible_local": {"a": 1}}
    )
    estate.set_nonpersistent_facts("web1", {"docker_engine_version": "27"})
    estate.set_host_variable("web1", "docker_engine_port", 2376)  # include_vars
    estate._inventory.get_host("web1").set_variable("machine_id", "mine")
    found = variables(estate)
    assert (found["docker_engine_version"], found["docker_engine_port"], found["machine_id"]) == ("27", 2376, "mine")
    assert _facts.refusal(found, ["web1", "web2", "nowhere"]) == ""


def test_what_a_fact_cache_keeps_can_not_be_told_apart(estate):
    """As set_fact does with cacheable."""
    estate.set_host_facts("web1", {"docker_engine_version": "27"})
    estate.set_nonpersistent_facts("web1", {"docker_engine_version": "27"})
    assert "without cacheable" in _facts.refusal(variables(estate), ["web1"])


def test_how_a_host_is_reached_is_no_fact_either(estate):
    estate.set_host_facts("web1", {"ansible_control_path_dir": "/etc", "ansible_host_key_checking": False})
    found = variables(estate)
    assert found["ansible_control_path_dir"] == "/etc", "Ansible keeps facts out of some of its options only"
    assert _facts.instructing(found, "web1", {"ansible_control_path_dir"}) == ["ansible_control_path_dir"]


def test_a_long_list_is_cut_and_names_are_plain(estate):
    estate.set_host_facts("web1", {f"machine_{number:03}" + "x" * 500: 1 for number in range(100)})
    said = _facts.refusal(variables(estate), ["web1"])
    assert "and 90 more" in said and len(said) < 2000
