# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.action import engine_plan, swarm_plan
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import PlanError

SAID = "{{ lookup('pipe', 'id') }}"


def fails_with(error):
    def fail(*args, **more):
        raise error

    return fail


@pytest.mark.parametrize(
    ("plugin", "frame", "broken", "error"),
    [
        (swarm_plan, _action, "make_plan", MachineError(f"It says {SAID}", code="x", remedy="None")),
        (engine_plan, engine_plan, "_options", PlanError(f"It says {SAID}")),
    ],
)
def test_what_a_host_said_is_never_evaluated_in_a_failure_either(monkeypatch, plugin, frame, broken, error):
    marked = []
    monkeypatch.setattr(frame, "unsafe", lambda value: marked.append(value) or value)
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    monkeypatch.setattr(plugin, broken, fails_with(error))
    action = plugin.ActionModule.__new__(plugin.ActionModule)
    action._task = types.SimpleNamespace(delegate_to=None, check_mode=False)
    action._loader = None
    given = {"hosts": {}, "answers": [], "looks": {}, "managers": [], "settings": {}, "rotate_tokens": []}
    given.update(may_end=False, has_unlock_key=False, wanted={})
    action.validate_argument_spec = lambda *args, **more: (None, given)
    result = action.run()
    assert result["failed"] and SAID in result["msg"]
    assert [value["msg"] for value in marked] == [result["msg"]]
