# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import pathlib
import types

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.action import engine_plan, swarm_plan
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _action as _hosts_action

SAID = "{{ lookup('pipe', 'id') }}"


def fails_with(error):
    def fail(*args, **more):
        raise error

    return fail


@pytest.mark.parametrize(
    ("plugin", "frame", "broken", "error"),
    [
        (swarm_plan, _action, "make_plan", MachineError(f"It says {SAID}", code="x", remedy="None")),
        (engine_plan, _hosts_action, "options_of", PlanError(f"It says {SAID}")),
    ],
)
def test_what_a_host_said_is_never_evaluated_in_a_failure_either(monkeypatch, plugin, frame, broken, error):
    marked = []
    monkeypatch.setattr(frame, "unsafe", lambda value: marked.append(value) or value)
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    monkeypatch.setattr(plugin, broken, fails_with(error))
    action = plugin.ActionModule.__new__(plugin.ActionModule)
    action._task = types.SimpleNamespace(args={}, delegate_to=None, check_mode=False, register=None)
    action._loader = action._templar = action._connection = None
    given = {"hosts": {}, "answers": [], "looks": {}, "managers": [], "settings": {}, "rotate_tokens": []}
    given.update(may_end=False, has_unlock_key=False, unlock_key_tasks="", wanted={})
    action.validate_argument_spec = lambda *args, **more: (None, given)
    result = action.run()
    assert result["failed"] and SAID in result["msg"]
    assert [value["msg"] for value in marked if value] == [result["msg"]]


RUNTIME = pathlib.Path(__file__).parents[4] / "meta" / "runtime.yml"
GROUP = [
    name
    for name in yaml.safe_load(RUNTIME.read_text())["action_groups"]["machine"]
    if (RUNTIME.parents[1] / "plugins" / "action" / f"{name}.py").exists()
]


def _action_spec(name):
    return importlib.import_module(f"ansible_collections.dockyard.machine.plugins.action.{name}").ActionModule.spec


REQUIRED = {
    "machine": {"name": "a"},
    "machine_record": {"name": "a"},
    "client_certificate": {"name": "a", "output": "b"},
}


def arguments(name, said, group):
    """The task's arguments, as Ansible has merged the group's defaults into them."""
    path = f"ansible_collections.dockyard.machine.plugins.action.{name}"
    plugin = importlib.import_module(path).ActionModule
    action = plugin.__new__(plugin)
    action._load_name = name
    action._task = types.SimpleNamespace(args={**group, **said}, delegate_to=None)
    action.defaults = {_action.GROUPED: group}.get
    before = dict(action._task.args)
    try:
        return action.arguments()
    finally:
        assert action._task.args == before


@pytest.mark.parametrize("name", GROUP)
def test_defaults_of_the_group_that_are_for_drivers_are_no_mistake(name):
    group = {"store": "/srv/store", "region": "eu-central-1", "memory": None}
    args = arguments(name, REQUIRED.get(name, {}), group)
    assert args["store"] == "/srv/store"
    if name == "machine":
        assert args["options"] == {"region": "eu-central-1", "memory": None}, "it hands them on"
    else:
        assert not {"region", "memory"} & args.keys()


def test_labels_of_a_machine_are_texts():
    assert arguments("machine", {"name": "a", "labels": {8080: 1}}, {})["labels"] == {"8080": "1"}


@pytest.mark.parametrize("name", [name for name in GROUP if name != "machine"])
@pytest.mark.parametrize("group", [{}, {"region": "eu-central-1"}])
def test_a_mistake_in_the_task_is_one(name, group):
    with pytest.raises(AnsibleActionFail, match=r"Unsupported parameters.*regoin"):
        arguments(name, {**REQUIRED.get(name, {}), "regoin": None}, group)


BLANK = {  # options of the playbooks' variables, as a survey has them that is left blank
    "fleet": [
        "counts",
        "options",
        "timeout",
        "max_age",
        "on_failure",
        "recreate",
        "allow_stop",
        "remove_surplus",
        "refresh",
    ],
    "machine_info": ["refresh", "timeout", "name"],
    "prune": ["ids", "places", "timeout"],
    "adopt": ["options", "counts", "timeout"],
    "store_ca": ["server_ca_timeout", "client_ca_command", "certificate_life", "keep_ca_keys"],
    "rotate_certs": ["rotate", "begin", "drop", "server_ca_timeout", "certificate_life"],
    "client_certificate": ["life", "subject", "new_key", "client_ca_timeout"],
    "move_store": ["gone", "lock_timeout"],
}


@pytest.mark.parametrize("name", BLANK)
def test_what_is_left_blank_is_not_given(name):
    required = {**REQUIRED.get(name, {}), **({"to": "/x"} if name == "move_store" else {})}
    for text in ("", "  "):
        said = dict.fromkeys(BLANK[name], text)
        assert arguments(name, {**said, **required}, {}) == arguments(name, required, {})


def test_a_blank_text_is_kept_where_it_has_a_meaning():
    assert arguments("adopt", {"ssh_key": "", "names": ""}, {}).items() >= {"ssh_key": "", "names": ""}.items()
    assert arguments("fleet", {"names": "", "limit": ""}, {}).items() >= {"names": "", "limit": ""}.items()


@pytest.mark.parametrize("name", [name for name in GROUP if "timeout" in _action_spec(name)])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e300", float("nan"), 1e10])
def test_a_time_that_nobody_can_wait_is_refused(name, value):
    with pytest.raises(BadOption, match="^timeout: "):
        arguments(name, {**REQUIRED.get(name, {}), "timeout": value}, {})


@pytest.mark.parametrize(
    ("given", "refused"), [({"machine_plan": {"id": "x"}}, True), ({"other": 1}, False), ({}, False)]
)
def test_an_extra_variable_does_not_hide_what_a_task_registers(monkeypatch, given, refused):
    monkeypatch.setattr(_action, "load_extra_vars", lambda loader: given)
    action = _action.ControllerAction.__new__(_action.ControllerAction)
    action._loader, action._task = None, types.SimpleNamespace(register="machine_plan")
    if not refused:
        action._refuse_hidden_result()
        return
    with pytest.raises(BadOption, match="machine_plan: set as an extra variable") as caught:
        action._refuse_hidden_result()
    assert "{" not in caught.value.text(), "its value may be a secret"


def test_a_relative_path_means_the_same_to_a_module_as_to_its_action():
    connection = types.SimpleNamespace(cwd=None, set_option=lambda name, value: None)
    connection.exec_command = lambda cmd, **kwargs: connection.cwd
    action = _action.ControllerAction.__new__(_action.ControllerAction)
    action._connection, action._play_context, action._templar = "the host's", PlayContext(), None
    action._task = types.SimpleNamespace(delegate_to=None, async_val=0)
    loader = types.SimpleNamespace(get=lambda *args: connection)
    action._shared_loader_obj = types.SimpleNamespace(connection_loader=loader)

    def execute_module(**kwargs):
        action._connection.cwd = b"/collections/dockyard/machine/playbooks"  # as the core does it
        return {"cwd": action._connection.exec_command("python", in_data=b"")}

    action._execute_module = execute_module
    assert action.run_module("none", {"store": "store"}, {}) == {"cwd": None}, "where Ansible was started"
    assert action._connection == "the host's"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"failed": True, "exception": types.SimpleNamespace(event=types.SimpleNamespace(msg="no such day"))},
            "no such day",
        ),
        ({"failed": True, "exception": "Traceback"}, "none broke off"),
        ({"failed": True, "msg": "MODULE FAILURE", "exception": "Traceback"}, "MODULE FAILURE"),
        ({"changed": False}, None),
    ],
)
def test_a_module_that_breaks_off_says_why(answer, said):
    action = _action.ControllerAction.__new__(_action.ControllerAction)
    action._connection, action._play_context, action._templar = "the host's", PlayContext(), None
    action._task = types.SimpleNamespace(delegate_to=None, async_val=0)
    connection = types.SimpleNamespace(set_option=lambda *args: None, exec_command=None)
    loader = types.SimpleNamespace(get=lambda *args: connection)
    action._shared_loader_obj = types.SimpleNamespace(connection_loader=loader)
    action._execute_module = lambda **kwargs: answer
    assert action.run_module("none", {}, {}).get("msg") == said


def test_what_is_shown_of_a_host_or_a_provider_is_plain_text(monkeypatch):
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    said, label = "ssh: \x1b[2Jno\x07", "\x1b[1mkept as it is"
    poison = {"ansible_facts": {"machine_store": "/tmp"}, "add_host": {"host_name": "x"}, "ansible_stats": {"data": {}}}
    answer = {"msg": said, "warnings": [said], "table": [[said]], "labels": {"a": label}, "changed": False, **poison}
    action = _action.ControllerAction.__new__(_action.ControllerAction)
    action._task = types.SimpleNamespace(args={}, delegate_to=None, register=None)
    action.arguments = dict
    action.perform = lambda args, task_vars: answer
    plain = {
        "msg": "ssh: no",
        "warnings": ["ssh: no"],
        "table": [["ssh: no"]],
        "labels": {"a": label},
        "changed": False,
    }
    assert action.run() == plain
    action.perform = fails_with(MachineError(said, code="unreachable", remedy=said))
    failed = action.run()
    assert "\x1b" not in failed["msg"] + failed["error"]["remedy"] and "ssh: no" in failed["msg"]
