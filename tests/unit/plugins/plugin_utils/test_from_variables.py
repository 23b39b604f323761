# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of actions that are taken from the playbooks' variables."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trust_as_template, trusted, unsafe
from tests.unit.taking import ACTIONS, ROOT, USES, Use, known, plugin


def taken(name: str, said: dict[str, t.Any], facts: dict[str, t.Any] | None = None, **variables: t.Any) -> t.Any:
    """What a task's arguments become."""
    action = plugin(name).__new__(plugin(name))
    action._load_name = name
    action._task = types.SimpleNamespace(args=said, delegate_to=None)
    action.defaults = {_action.GROUPED: {}}.get
    cache = types.SimpleNamespace(_variable_manager=types.SimpleNamespace(_fact_cache={"web1": facts or {}}))
    action._task_vars = {**variables, "inventory_hostname": "web1", "hostvars": cache}
    action._templar = Templar(DataLoader(), variables=action._task_vars)
    return action.arguments()


@pytest.mark.parametrize("name", ACTIONS)
def test_each_option_is_taken_from_its_variable_or_says_that_it_has_none(name: str) -> None:
    names = plugin(name).variables
    assert names.keys() <= plugin(name).spec.keys(), "an option that is not there any more"
    docs = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    undocumented = {variable for variable in known(name).values() if f"`{variable}`" not in docs}
    assert undocumented == set(), "describe them in docs/, or give them no variable in the action's `variables`"


# What a playbook takes from no variable, beside what its task gives
LEFT_OUT = {
    ("remove_hosts", "fleet"): {
        *("driver", "options", "remove_surplus", "remove_max", "recreate", "allow_stop", "on_failure", "expires_in"),
        *("timeout", "max_age"),
    },
    ("rotate_step", "machine_info"): {"fleet", "filter"},  # it asks for the machines of the rotation
}


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.playbook}-{use.action}")
def test_a_playbook_takes_all_options_from_variables(use: Use) -> None:
    """An option that is added to an action is then one of its playbooks, too."""
    if use.action == "machine" and "machine" in use.args:
        return  # a plan of fleet, which has taken them
    names, taken_up = known(use.action), use.variables()
    assert names.keys() - taken_up.keys() - use.args.keys() == LEFT_OUT.get((use.playbook, use.action), set())


def test_no_action_is_forgotten() -> None:
    assert len(ACTIONS) == 10 and {use.action for use in USES} == {*ACTIONS}


def test_what_the_task_gives_comes_first() -> None:
    args = taken("machine_info", {"from_variables": "all", "name": ["b"]}, machine_names=["a"], machine_store="/srv")
    assert (args["name"], args["store"]) == (["b"], "/srv")
    assert "from_variables" not in args
    assert taken("machine_info", {"from_variables": "all", "names": ["b"]}, machine_names=["a"])["name"] == ["b"]
    assert taken("machine_info", {"name": ["b"]}, machine_store="/srv")["store"] is None, "only where it is asked for"


def test_some_options_can_be_asked_for() -> None:
    given = {"machine_store": "/srv", "machine_refresh_timeout": "7", "machine_fleet": "shop"}
    for said in (["store", "timeout"], "store, timeout"):
        args = taken("machine_info", {"from_variables": said}, **given)
        assert (args["store"], args["timeout"], args["fleet"]) == ("/srv", 7.0, None)
    with pytest.raises(BadOption, match=r"from_variables: .*show_secrets"):
        taken("fleet", {"from_variables": ["show_secrets"]})


def test_a_variable_is_evaluated_as_in_a_task() -> None:
    given = {
        "machine_fleet": {"id": trusted("{{ team }}"), "roles": {}},
        "team": "shop",
        "machine_timeout": trusted("{{ nowhere | default(omit) }}"),
        "machine_options": {"image": trusted("{{ nowhere | default(omit) }}"), "memory": 1},
        "machine_counts": "  ",
    }
    if trust_as_template is None:  # before 2.19
        given["omit"] = "__omit__"
    args = taken("fleet", {"from_variables": "all"}, **given)
    assert args["fleet"] == {"id": "shop", "roles": {}}
    assert (args["timeout"], args["counts"]) == (None, None)
    assert args["options"] == {"memory": 1}


def test_data_is_not_evaluated() -> None:
    said = "{{ lookup('pipe', 'id') }}"
    assert taken("machine_info", {"from_variables": "all"}, machine_filter=unsafe(said))["filter"] == said


def test_facts_are_refused_before_any_variable_is_evaluated() -> None:
    boom = trusted("{{ lookup('file', '/nowhere') }}")
    with pytest.raises(MachineError, match="its facts set machine_store"):
        taken("machine_info", {"from_variables": "all"}, {"machine_store": "/tmp"}, machine_filter=boom)


def test_a_machine_s_variables_in_the_inventory_are_not_wishes() -> None:
    of_inventory = {
        "machine_labels": {"a": "b"},
        "machine_driver": "qemu",
        "machine_state": "absent",
        "machine_role": "x",
    }
    args = taken("machine", {"from_variables": "all", "name": "web1"}, **of_inventory, machine_timeout=9)
    assert args["timeout"] == 9 and not any(args[option] for option in ("labels", "driver", "state", "role"))
