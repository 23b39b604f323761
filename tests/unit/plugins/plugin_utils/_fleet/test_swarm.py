# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machines of a fleet are nodes, and who leaves."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _swarm as fleet_swarm


def nodes(swarm, counts=None, **roles):
    value = {"id": "shop", "roles": {role: {"driver": "none", **one} for role, one in roles.items()}}
    fleet = fleet_plan.check_fleet(value if swarm is None else {**value, "swarm": swarm}, counts or {})
    return fleet_swarm.nodes_of_fleet(fleet, fleet_plan.names_of_fleet(fleet))


WEB, DB = {"count": 2}, {"count": 1}


def test_the_first_machines_are_the_managers():
    assert nodes({"managers": 1}, web=WEB, db=DB) == {
        "shop-web-0": "manager",
        "shop-web-1": "worker",
        "shop-db-0": "worker",
    }
    assert list(nodes({"managers": 3}, web=WEB, db=DB).values()) == ["manager"] * 3


def test_roles_may_be_set_apart():
    made = nodes({"managers": 1}, build={"count": 1, "swarm": "none"}, web={"count": 1, "swarm": "worker"}, db=WEB)
    assert made == {"shop-web-0": "worker", "shop-db-0": "manager", "shop-db-1": "worker"}
    made = nodes({}, web=WEB, core={"count": 3, "swarm": "manager"})
    assert [name for name, part in made.items() if part == "manager"] == ["shop-core-0", "shop-core-1", "shop-core-2"]
    made = nodes({"managers": 1}, web=WEB, core={"count": 2, "swarm": "manager"})
    assert made["shop-core-0"] == "manager" and made["shop-core-1"] == "worker" and made["shop-web-0"] == "worker"


def test_counts_say_how_many_nodes_there_are():
    assert list(nodes({"managers": 1}, {"web": 3, "db": 0}, web=WEB, db=DB)) == [
        f"shop-web-{index}" for index in range(3)
    ]
    assert nodes(None, web=WEB) == {}


@pytest.mark.parametrize(
    ("swarm", "roles", "part"),
    [
        (True, {"web": WEB}, "machine_fleet.swarm: True"),
        ({"manager": 1}, {"web": WEB}, "machine_fleet.swarm.manager"),
        ({}, {"web": WEB}, "machine_fleet.swarm.managers: None is not a valid number"),
        ({"managers": 0}, {"web": WEB}, "machine_fleet.swarm.managers: 0"),
        ({"managers": "many"}, {"web": WEB}, "machine_fleet.swarm.managers: 'many'"),
        ({"managers": 3}, {"web": WEB}, "more than the number of machines that can be managers (2)"),
        ({"managers": 1}, {"web": {"count": 1, "swarm": "boss"}}, "machine_fleet.roles.web.swarm: 'boss'"),
        (None, {"web": {"count": 1, "swarm": "manager"}}, "machine_fleet.roles.web.swarm"),
    ],
)
def test_mistakes_are_named(swarm, roles, part):
    with pytest.raises(MachineError) as failure:
        nodes(swarm, **roles)
    assert part in failure.value.text()


def test_an_even_number_of_managers_is_worth_a_word():
    assert fleet_swarm.even_managers({"a": "manager", "b": "worker"}) is None
    assert "2 managers" in fleet_swarm.even_managers({"a": "manager", "b": "manager"})


RECORDED = {
    "a": {"cluster": "x", "role": "manager"},
    "b": {"cluster": "x", "role": "worker"},
    "c": {"cluster": "x", "role": "manager"},
    "z": {"cluster": "other", "role": "manager"},
}


def test_who_leaves_and_who_of_the_managers_stays():
    found = fleet_swarm.members({}, RECORDED, ["b", "unknown"])
    assert (found.leaving, found.others, found.may_end) == (["b"], ["a", "c"], False)
    # Those that the run sets up need not be reached besides
    found = fleet_swarm.members({"a": "manager", "new": "worker"}, RECORDED, ["b"])
    assert (found.leaving, found.others) == (["b"], ["c"])
    found = fleet_swarm.members({"a": "manager"}, RECORDED, [])
    assert (found.leaving, found.others, found.may_end) == ([], ["c"], False)
    assert fleet_swarm.members({}, {}, ["a"]).leaving == []
    # A manager that a limit leaves out is asked, too
    found = fleet_swarm.members({"a": "manager", "b": "worker"}, RECORDED, [], ["b"])
    assert (found.managers, found.others) == (["a"], ["a", "c"])


def test_a_swarm_may_end_when_all_that_is_recorded_of_it_goes():
    assert fleet_swarm.members({}, RECORDED, ["a", "b", "c"]).may_end
    with pytest.raises(MachineError, match="2 swarms"):
        fleet_swarm.members({}, RECORDED, ["a", "z"])
