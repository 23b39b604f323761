# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that answers with what it wants, below an action of ours and above nothing: Ansible's own parsing is the real one."""

from __future__ import annotations

import inspect
import json
import types
import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars import clean

PROFILE = ("legacy",) * (len(inspect.signature(ActionBase._parse_returned_data).parameters) - 2)
HOST = "liar"
ESCAPES = "\x1b[2J\x1b]0;pwned\x07\x9b31m\u202egnp\u2028"
# What would be variables, hosts, statistics, or more than data, if it were not taken out
POISON: dict[str, t.Any] = {
    "ansible_facts": {
        "docker_engine_server_ca_command": ["/usr/bin/touch", "/tmp/pwned"],
        "docker_swarm_role": "manager",
    },
    "ansible_stats": {"data": {"machine_wanted": ["pwned"]}},
    "ansible_job_id": "1",
    "add_host": {"host_name": "pwned", "groups": ["machine_ready"]},
    "add_group": "machine_ready",
    "_ansible_notify": ["pwned"],
    "_ansible_no_log": False,
    "_ansible_facts_cacheable": True,
    "_ansible_delegated_vars": {"ansible_host": "pwned"},
    "invocation": {"module_args": {"pwned": True}},
    "deprecations": [{"msg": "pwned" + ESCAPES}],
    "results": [{"ansible_facts": {"docker_swarm_role": "manager"}}],
    "skipped": True,
    "unreachable": True,
    "pwned": "pwned",
}
# What is no honest answer at all
MALFORMED = (
    "",
    "null",
    "[]",
    "true",
    "{",
    "{}",
    '{"failed": "no"}',
    '{"failed": true, "msg": {"a": 1}, "rc": "x"}',
    '{"changed": 1}',
    '{"ansible_facts": []}',
    '{"warnings": {"msg": ["x"]}, "exception": [1]}',
    '{"results": 7, "stdout": {}, "stderr": []}',
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": %s}' % ("9" * 4000),
    '{"a": "\\ud800"}',
    '{"a": {"__ansible_type": "TrustedAsTemplate", "value": "{{ 7 * 7 }}"}}',
    '{"warnings": [{"__ansible_type": "WarningSummary", "event": {"msg": "pwned"}}]}',
    '{"exception": {"__ansible_type": "pwned"}}',
    '{"a": ' + "[" * 100_000,
    '{"a": ' + "[" * 900 + "]" * 900 + "}",
    '{"a": ' + '{"b": ' * 900 + "1" + "}" * 901,
    '{"a": "' + "x" * 9_000_000 + '"}',
    "Traceback (most recent call last):\n" + ESCAPES + "pwned",
    "/bin/sh: python3: not found " + ESCAPES,
)


class Printed:
    """All that would come to the terminal."""

    def __init__(self, monkeypatch: t.Any) -> None:
        self.texts: list[str] = []
        for name in ("display", "warning", "deprecated", "error", "error_as_warning", "_deprecated"):
            if hasattr(Display, name):
                monkeypatch.setattr(Display, name, lambda _self, *said, **more: self.texts.extend(map(str, said)))


def run(
    cls: type,
    answer: t.Callable[[str], str] | str,
    monkeypatch: t.Any,
    variables: dict[str, t.Any] | None = None,
    **arguments: t.Any,
) -> dict[str, t.Any]:
    """What the action of a task registers, where the host answers so."""
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    known = {"inventory_hostname": HOST, "ansible_facts": {}, **(variables or {})}
    action = cls.__new__(cls)
    name = f"dockyard.machine.{cls.__module__.rpartition('.')[2]}"
    action._task = types.SimpleNamespace(
        args=arguments,
        delegate_to=None,
        action=name,
        check_mode=False,
        diff=False,
        module_defaults=[],
        environment=[],
        async_val=0,
    )
    action._task.copy = lambda: types.SimpleNamespace(**vars(action._task))
    action._task.get_play = lambda: types.SimpleNamespace(strategy="linear")
    action._connection = types.SimpleNamespace(transport="ssh", reset=lambda: None)
    action._play_context = None
    action._loader = DataLoader()
    action._templar = Templar(action._loader, variables=known)
    action._used_interpreter = action._discovered_interpreter_key = None
    action._shared_loader_obj = types.SimpleNamespace(
        action_loader=types.SimpleNamespace(get=lambda name, **more: None)
    )

    def execute(
        module_name: str, module_args: t.Any = None, task_vars: t.Any = None, **more: t.Any
    ) -> dict[str, t.Any]:
        said = answer if isinstance(answer, str) else answer(module_name)
        outcome = {"rc": 0, "stdout": said, "stdout_lines": [], "stderr": ESCAPES, "stderr_lines": []}
        data = action._parse_returned_data(outcome, *PROFILE)
        if hasattr(clean, "remove_internal_keys"):
            clean.remove_internal_keys(data)
            return data
        data.remove_internal_keys()  # an object since ansible-core 2.21
        return data.as_result_dict(for_round_trip=True)

    action._execute_module = execute
    action._low_level_execute_command = lambda *args, **more: {
        "rc": 1,
        "stdout": ESCAPES,
        "stderr": ESCAPES,
        "stdout_lines": [],
    }
    action._compute_environment_string = lambda: ""
    result: dict[str, t.Any] = action.run(None, known)
    return result


def texts_of(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_of(item)


def assert_data(result: dict[str, t.Any]) -> None:
    """Nothing in it is more than data, and a terminal can show all of it."""
    facts = result.get("ansible_facts", {})
    assert set(facts) <= {"discovered_interpreter_python"}, facts
    bad = (POISON.keys() - {"ansible_facts"}) & result.keys() | {key for key in result if key.startswith("_ansible")}
    assert not bad - {"_ansible_parsed"}, bad
    for text in texts_of(result):
        assert not any(sign in text for sign in "\x1b\x9b\x07\u202e\u2028"), text[:200]
    json.dumps(result, default=str)


def poisoned(answer: dict[str, t.Any]) -> str:
    """An honest answer with all the poison, between lines of a login shell."""
    return f"motd {ESCAPES}\n{json.dumps({**answer, **POISON})}\nbye {ESCAPES}"
