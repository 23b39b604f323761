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

ROLE = pathlib.Path(__file__).resolve().parents[2] / "roles" / "docker_engine"


def read(name: str) -> t.Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def done(name: str, **variables: t.Any) -> list[str]:
    """What the tasks of a file do, of those whose conditions hold: an action's arguments as text."""
    variables = {**{name: trusted(text) for name, text in read("vars/main.yml").items()}, **variables}

    def of(template: t.Any, **more: t.Any) -> t.Any:
        return Templar(DataLoader(), variables=variables | more).template(trusted(template))

    found = []
    for task in read(f"tasks/{name}"):
        conditions = task.get("when", [])
        conditions = [conditions] if isinstance(conditions, str) else conditions
        variable = task.get("loop_control", {}).get("loop_var", "item")
        for item in of(task["loop"]) if "loop" in task else [None]:
            if all(of(f"{{{{ true if ({one}) else false }}}}", **{variable: item}) for one in conditions):
                done_by = next(str(value) for key, value in task.items() if "." in key)
                found.append(done_by if item is None else f"{done_by} {item}")
    return found


@pytest.mark.parametrize("of_the_play", [False, True])
@pytest.mark.parametrize(
    ("needed", "check_mode", "applied"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_the_check_mode_of_the_role_counts(of_the_play: bool, needed: bool, check_mode: bool, applied: bool) -> None:
    plan = {"needed": needed, "check_mode": check_mode, "client": {"message": ["export"]}}
    planned, *applying, _noted, _shown = done("main.yml", docker_engine_plan=plan, ansible_check_mode=of_the_play)
    assert planned == "None" and applying == ["change.yml"] * applied


@pytest.mark.parametrize("asked", [True, "yes", False, "no"])
def test_all_who_have_no_turn_come_before_those_who_have_one(asked: bool | str) -> None:
    """By a task of their own: the includes of one task come in the order in which hosts answer."""
    plans = {"web1": {"before": "drain.yml"}, "web2": {}, "web3": {"after": "back.yml"}}
    hosts = {host: {"inventory_hostname": host, "docker_engine_plan": {"hooks": plans[host]}} for host in plans}
    known = {"hostvars": hosts, "ansible_play_batch": list(hosts), "docker_engine_one_at_a_time": asked}
    changes = {host: done("change.yml", **known, **hosts[host]) for host in hosts}
    assert changes == {"web1": ["in_turn.yml"], "web2": ["apply.yml"], "web3": ["in_turn.yml"]}
    assert read("tasks/change.yml")[0]["ansible.builtin.include_tasks"] == "apply.yml", "that comes first"
    alone = asked in (True, "yes")
    turns = {host: done("in_turn.yml", **known, **hosts[host]) for host in ("web1", "web3")}
    assert turns == {host: [f"turn.yml {host}" if alone else "turn.yml "] for host in turns}


@pytest.mark.parametrize(("needed", "check_mode"), [(True, False), (True, True), (False, False)])
def test_what_is_noted_is_what_was_done_or_what_there_was(needed: bool, check_mode: bool) -> None:
    plan = {"needed": needed, "check_mode": check_mode, "engine": {"changed": False}, "certificate": {}}
    note = read("tasks/main.yml")[2]["ansible.builtin.set_fact"]["docker_engine_result"]
    known = {name: trusted(text) for name, text in read("vars/main.yml").items()}
    known |= {"docker_engine_plan": plan, "docker_engine_applied": {"version": "27.4", "api_version": "1.47"}}
    done_there = {"changed": True, "version": "27.4", "api_version": "1.47"}
    noted = Templar(DataLoader(), variables=known).template(trusted(note))
    assert noted == (done_there if needed and not check_mode else plan["engine"])
