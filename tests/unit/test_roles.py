# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tasks of a role are done when, by their conditions; tests/system/ runs them."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted

TASKS = pathlib.Path(__file__).resolve().parents[2] / "roles" / "docker_engine" / "tasks"


def done(name: str, **variables: t.Any) -> list[str]:
    """What the tasks of a file do, of those whose conditions hold: an action and its arguments as text."""
    templar = Templar(DataLoader(), variables=variables)
    found = []
    for task in yaml.safe_load((TASKS / name).read_text(encoding="utf-8")):
        conditions = task.get("when", [])
        conditions = [conditions] if isinstance(conditions, str) else conditions
        if all(templar.template(trusted(f"{{{{ true if ({one}) else false }}}}")) for one in conditions):
            found.append(next(str(value) for key, value in task.items() if key.startswith("dockyard.") or "." in key))
    return found


@pytest.mark.parametrize("of_the_play", [False, True])
@pytest.mark.parametrize(
    ("needed", "check_mode", "applied"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_the_check_mode_of_the_role_counts(of_the_play: bool, needed: bool, check_mode: bool, applied: bool) -> None:
    plan = {"needed": needed, "check_mode": check_mode}
    planned, outcome = done("main.yml", docker_engine_plan=plan, ansible_check_mode=of_the_play)
    assert planned == "None" and (outcome == "in_turn.yml") == applied
