# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import textwrap

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing import vault
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine import _role_variables as role
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trust_as_template, trusted

SPEC = role.specification(DataLoader())


def test_values_get_the_types_and_defaults_of_the_role():
    options = role.typed(SPEC, {"port": "2377", "live_restore": "no", "allow": "192.0.2.0/24"})
    assert (options["port"], options["live_restore"], options["allow"]) == (2377, False, ["192.0.2.0/24"])
    assert options["access"] == "tls"


def test_a_variable_without_a_value_is_one_that_is_not_given():
    nothing = dict.fromkeys(name.removeprefix("docker_engine_") for name in SPEC)
    assert role.typed(SPEC, nothing) == role.typed(SPEC, {})
    assert role.typed(SPEC, {"environment": {"A": None, "B": ""}})["environment"] == {"B": ""}
    assert secrets.secrets_of('{"environment": null, "proxies": null, "client_proxies": null}') == ({}, {})


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"prot": 1}, "docker_engine_prot"),
        ({"port": "x"}, "docker_engine_port"),
        ({"access": "http"}, "docker_engine_access .* tls, ssh, local, got: http"),
        ({"source": "snap"}, "docker_engine_source .* auto, docker_ce, distro, static, present, got: snap"),
        ({"rotate": "key"}, "docker_engine_rotate .* ca, certificates, got: key"),
    ],
)
def test_what_the_role_does_not_take_is_named(said, problem):
    with pytest.raises(PlanError, match=problem):
        role.typed(SPEC, said)


def given(**variables):
    """What is taken from a task's variables."""
    return role.said(Templar(DataLoader(), variables=variables), SPEC, variables)


def test_the_role_s_variables_are_taken_as_the_task_has_them():
    said = given(
        docker_engine_port=trusted("{{ ports.engine }}"),
        docker_engine_users=[trusted("{{ who }}")],
        docker_engine_config={"debug": True},
        docker_engine_plan={"needed": False},
        ports={"engine": 2377},
        who="admin",
    )
    assert role.typed(SPEC, said)["port"] == 2377  # before 2.19, a template's value is a text
    assert said | {"port": 2377} == {"port": 2377, "users": ["admin"], "config": {"debug": True}}
    with pytest.raises(AnsibleUndefinedVariable):
        given(docker_engine_port=trusted("{{ nowhere }}"))


def test_values_that_are_encrypted_reach_the_plan_as_text(monkeypatch):
    known = [("default", vault.VaultSecret(b"password"))]
    text = vault.VaultLib(known).encrypt("hunter2", known[0][1]).decode()
    loader = DataLoader()
    loader.set_vault_secrets(known)
    if hasattr(vault, "VaultSecretsContext"):  # from 2.19 on
        monkeypatch.setattr(vault.VaultSecretsContext, "_current", vault.VaultSecretsContext(known))
    encrypted = f"!vault |\n{textwrap.indent(text, '    ')}"
    said = given(**loader.load(f"docker_engine_environment:\n  TOKEN: {encrypted}\n  SINCE: 2026-01-31\n"))
    environment = json.loads(role.secrets_of(role.typed(SPEC, said)))["environment"]
    assert environment == {"TOKEN": "hunter2", "SINCE": "2026-01-31"}


def test_what_is_to_be_omitted_has_its_default():
    # Before 2.19, it is a variable that the core gives to each task.
    core_s = {} if trust_as_template else {"omit": "__omit_place_holder__1"}
    omitted = trusted("{{ nowhere | default(omit) }}")
    assert given(docker_engine_version=omitted, docker_engine_port=2377, **core_s) == {"port": 2377}
    # In what a variable holds, too, and nothing else goes
    config = {"mtu": omitted, "dns": ["192.0.2.53", omitted], "bip": None}
    assert given(docker_engine_config=config, **core_s) == {"config": {"dns": ["192.0.2.53"], "bip": None}}
