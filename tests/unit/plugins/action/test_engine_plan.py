# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import pathlib

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.action import engine_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import PlanError, Wanted

ROLE = pathlib.Path(engine_plan.__file__).parents[2] / "roles" / "docker_engine"
# What the role's tasks use themselves, and what the plan knows by another name
OF_THE_TASKS = {"wait_timeout", "start_timeout", "pipelining", "connect_timeout"}
PREPARED = {"names", "server_ca", "client_ca", "options", "life", "signed_here"}


def test_values_get_the_types_and_defaults_of_the_role():
    options = engine_plan._options(DataLoader(), {"port": "2377", "live_restore": "no", "allow": "192.0.2.0/24"})
    assert (options["port"], options["live_restore"], options["allow"]) == (2377, False, ["192.0.2.0/24"])
    assert options["access"] == "tls"


@pytest.mark.parametrize(
    ("given", "said"),
    [({"prot": 1}, "docker_engine_prot"), ({"port": "x"}, "docker_engine_port"), ({"access": "http"}, "http")],
)
def test_what_the_role_does_not_take_is_named(given, said):
    with pytest.raises(PlanError, match=said):
        engine_plan._options(DataLoader(), given)


def test_all_variables_of_the_role_reach_the_plan_with_one_default():
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    names = {name.removeprefix("docker_engine_") for name in spec}
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: about.get("default") for name, about in spec.items()} == defaults
    wanted = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["docker_engine_wanted"]
    assert set(wanted) == names - OF_THE_TASKS
    assert {field.name for field in dataclasses.fields(Wanted)} - PREPARED <= names
