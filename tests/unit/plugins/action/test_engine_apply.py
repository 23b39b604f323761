# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.action import engine_apply
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trust_as_template, trusted


def handed_over(mocker, arguments, **variables):
    """What the module gets."""
    mocker.patch.object(ActionBase, "run", return_value={})
    action = engine_apply.ActionModule.__new__(engine_apply.ActionModule)
    action._task = mocker.Mock(args=arguments, delegate_to=None, action="dockyard.machine.engine_apply", diff=False)
    action._connection, action._loader = None, DataLoader()
    action._templar = Templar(action._loader, variables=variables)
    action._execute_module = mocker.Mock(return_value={"changed": True})
    assert action.run(task_vars=variables) == {"changed": True}
    return action._execute_module.call_args.kwargs["module_args"]


def test_the_host_gets_the_secrets_as_the_plan_has_read_them(mocker):
    core_s = {} if trust_as_template else {"omit": "__omit_place_holder__1"}
    variables = {
        "docker_engine_environment": "TOKEN=hunter2 DEBUG=1",
        "docker_engine_proxies": {"http_proxy": trusted("{{ nowhere | default(omit) }}"), "no_proxy": "a,b"},
        "docker_engine_client_proxies": '{"https_proxy": "http://proxy.example.org:3128"}',
        **core_s,
    }
    given = handed_over(mocker, {"apply": {"environment": True}, "port": 2376}, **variables)
    assert given["port"] == 2376
    environment, keys = secrets.secrets_of(given["secrets"])
    assert environment == {"TOKEN": "hunter2", "DEBUG": "1", "NO_PROXY": "a,b"}
    assert keys == {"httpsProxy": "http://proxy.example.org:3128"}


@pytest.mark.parametrize("plan", [None, {}, {"environment": False, "config_set": {}}])
def test_it_gets_none_where_none_is_to_be_put(mocker, plan):
    assert "secrets" not in handed_over(mocker, {"apply": plan}, docker_engine_environment={"TOKEN": "hunter2"})


def test_it_gets_those_that_are_given(mocker):
    given = json.dumps({"environment": {"TOKEN": "given"}})
    assert handed_over(mocker, {"apply": {"clients": {}}, "secrets": given})["secrets"] == given


def test_what_can_not_be_is_an_error_without_its_value(mocker):
    with pytest.raises(AnsibleActionFail, match="docker_engine_environment") as caught:
        handed_over(mocker, {"apply": {"environment": True}}, docker_engine_environment=["hunter2"])
    assert "hunter2" not in str(caught.value)
