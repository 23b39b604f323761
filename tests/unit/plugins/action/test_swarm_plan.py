# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import time
import types

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.action import swarm_plan
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted

ROLE = pathlib.Path(swarm_plan.__file__).parents[2] / "roles" / "docker_swarm"


def read(name):
    return yaml.safe_load((ROLE / "tasks" / name).read_text())


def test_the_role_has_each_default_once():
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: about.get("default") for name, about in spec.items()} == defaults


def test_the_plan_is_asked_for_with_the_same_words_each_time():
    """It is made up to three times; what one of them did not say would fall back to a default."""
    tasks = [
        task
        for name in ("main.yml", "plan.yml")
        for block in yaml.safe_load((ROLE / "tasks" / name).read_text())
        for task in block.get("block", [block])
        if "dockyard.machine.swarm_plan" in task
    ]
    said = [set(task["dockyard.machine.swarm_plan"]) for task in tasks]
    assert len(said) == 2 and said[1] - said[0] == {"looks", "managers", "has_unlock_key"} and not said[0] - said[1]
    assert said[1] == set(swarm_plan.ActionModule.spec)


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_check_mode_of_the_role_counts(check_mode):
    """That of the play is what ansible_check_mode knows."""
    action = swarm_plan.ActionModule.__new__(swarm_plan.ActionModule)
    action._task = types.SimpleNamespace(check_mode=check_mode)
    result = action._result(swarm_plan.Plan())
    assert result["check_mode"] is check_mode
    (act,) = [task for task in read("change.yml") if task["name"] == "Apply the plan"]
    assert act["when"] == "not docker_swarm_plan.check_mode"
    assert not [file for file in ROLE.glob("tasks/*.yml") if "ansible_check_mode" in file.read_text()]


@pytest.mark.parametrize("name", ["join.yml", "unlock.yml", "activate.yml"])
@pytest.mark.parametrize("state", ["active", "pending", "locked", None])
def test_a_wait_for_a_node_ends_with_words_of_its_own(name, state):
    """Those that Ansible has for it tell nobody what to do."""
    tasks = read(name)
    (at,) = [number for number, task in enumerate(tasks) if "until" in task and "dockyard.machine.engine_info" in task]
    assert tasks[at]["failed_when"] == "docker_swarm_look.engine is not defined", "else it ends there"
    said = next(task for task in tasks[at:] if "ansible.builtin.fail" in task)
    engine = {} if state is None else {"swarm": state}
    known = {
        "inventory_hostname": "web1",
        "docker_swarm_look": {"engine": engine},
        "docker_swarm_join_timeout": 60,
    }

    def of(template):
        return Templar(DataLoader(), variables=known).template(trusted(template))

    conditions = [said["when"]] if isinstance(said["when"], str) else said["when"]
    failed = all(of(f"{{{{ true if ({one}) else false }}}}") for one in conditions)
    assert failed is (state not in ("active", *([None] if name == "activate.yml" else [])))
    if failed:
        message = of(said["ansible.builtin.fail"]["msg"])
        assert message.startswith("web1 ") and (state or "nothing") in message and "run this again" in message


def of_the_role(expression, **known):
    """An expression over the role's variables, as a play has it."""
    return rendered(f"{{{{ {expression} }}}}", **known)


def rendered(text, **known):
    """A text with such expressions."""
    given = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    texts = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    given.update({name: trusted(text) if isinstance(text, str) else text for name, text in texts.items()})
    given["docker_swarm_groups"] = {name: trusted(text) for name, text in texts["docker_swarm_groups"].items()}
    return Templar(DataLoader(), variables={**given, **known}).template(trusted(text))


def test_locked_managers_are_let_back_before_anybody_joins():
    """No other manager may tell of the swarm that they join."""
    (act,) = [task for task in read("change.yml") if task["name"] == "Apply the plan"]
    files = [task.get("ansible.builtin.include_tasks") for task in act["block"]]
    assert files.index("let_back.yml") < files.index("join.yml")
    assert read("let_back.yml")[-1]["ansible.builtin.include_tasks"] == "plan.yml", (
        "else it is not known who joins what"
    )


@pytest.mark.parametrize("managers_group", ["docker_swarm_managers", "of_a_fleet"])
def test_managers_that_are_not_in_the_play_may_have_the_swarm(managers_group):
    """By whatever they are managers: a new swarm beside theirs would be a second one."""
    hosts = {
        "grouped": {},
        "named": {"docker_swarm_role": "manager"},
        "fleet": {"docker_swarm_role": "manager", "docker_swarm_managers_group": "of_a_fleet"},
        "worker": {"docker_swarm_role": "worker"},
        "new": {"docker_swarm_role": "", "docker_swarm_wish": {"role": "manager"}},
        "failed": {"docker_swarm_wish": {"role": "manager"}},
        "unreachable": {"docker_swarm_wish": {"role": "worker"}},
        "failed_before": {},
        "worker_before": {"docker_swarm_role": "worker"},
        "grouped_worker_before": {},
    }
    known = {
        "hostvars": {host: {**said, "inventory_hostname": host} for host, said in hosts.items()},
        "groups": {
            "all": list(hosts),
            "docker_swarm_managers": ["grouped"],
            "docker_swarm_workers": ["grouped_worker_before"],
        },
        "ansible_play_hosts": ["new"],
        "ansible_play_hosts_all": [
            *("new", "failed", "unreachable", "failed_before", "worker_before", "grouped_worker_before")
        ],
        "docker_swarm_managers_group": managers_group,
    }
    found = of_the_role("docker_swarm_all_managers", **known)
    # Of one that failed before the role, the play's own variables may say that it is one
    dropped_out = ["failed", "failed_before"]
    assert found == ([*dropped_out, "fleet"] if managers_group == "of_a_fleet" else ["grouped", *dropped_out, "named"])
    asked = read("plan.yml")[1]["dockyard.machine.swarm_plan"]["managers"].strip("{ }")
    assert of_the_role(asked, **known, docker_swarm_answers={"results": []}) == found
    told = {"results": [{"docker_swarm_manager": True, "item": "grouped"}]}
    assert of_the_role(asked, docker_swarm_answers=told) == [], "then nobody's variables are asked"


@pytest.mark.parametrize("interrupt", [False, "false", "no", True, "true"])
@pytest.mark.parametrize(
    "name", ["Check that the state of the containers is known", "Check that these containers may stop"]
)
def test_an_interruption_has_to_be_allowed_also_in_words(name, interrupt):
    """-e docker_swarm_interrupt=false is a text, and a text that is not empty is true."""
    (task,) = [task for task in read("drain.yml") if task["name"] == name]
    known = {
        "docker_swarm_look": {"engine": {"running": False}},
        "docker_swarm_left_over": {"engine": {"containers_running": 1}},
        "docker_swarm_is_node": True,
        "docker_swarm_interrupt": interrupt,
    }
    refused = all(of_the_role(f"true if ({one}) else false", **known) for one in task["when"])
    assert refused is (interrupt not in (True, "true"))


def test_a_host_that_could_not_leave_keeps_no_other_one_in_the_swarm():
    """Its node still runs, and the module that removes nodes fails with such a one, for all hosts."""
    (task,) = [task for task in read("leave.yml") if task["name"] == "Remove the nodes"]
    leaving = {
        "drain": [{"host": "w1", "id": "n-w1", "was": "active"}, {"host": "w2", "id": "n-w2", "was": "active"}],
        "remove": ["n-w1", "n-w2", "n-dead"],
    }
    known = {name: trusted(text) for name, text in task["vars"].items()}
    known.update(docker_swarm_plan={"leaving": leaving}, ansible_play_hosts=["m1", "w2"])
    assert of_the_role(task["loop"].strip("{ }"), **known) == ["n-w2", "n-dead"]


@pytest.mark.parametrize(
    ("told", "late", "ended", "said"),
    [
        ({"tasks": [{"Status": {"State": "complete"}}, {"Status": {"State": "shutdown"}}]}, False, True, ""),
        ({"tasks": [{"Status": {"State": "running"}}, {"Status": {"State": "complete"}}]}, False, False, None),
        ({"msg": "no leader"}, False, False, None),
        ({"tasks": [{"Status": {"State": "running"}}]}, True, True, "w1 still has 1 tasks 3 s after it was drained."),
        ({"msg": "no leader"}, True, True, "w1 may still have tasks, since no manager answers (no leader), 3 s after"),
    ],
)
def test_a_drained_node_is_waited_for_until_nothing_runs_there(told, late, ended, said):
    """Else what runs there is cut off, or the wait has no end."""
    _clock, wait, tell = read("wait.yml")
    known = {name: trusted(text) for name, text in tell["vars"].items()}
    known.update(item={"host": "w1", "id": "n-w1"}, docker_swarm_drain_timeout="3")
    known.update(docker_swarm_drained_at=str(time.time() - (4 if late else 0)))
    assert of_the_role(f"true if ({wait['until']}) else false", **known, docker_swarm_tasks=told) is ended
    if said is not None:
        known["docker_swarm_tasks"] = {"results": [{**told, "item": known["item"]}]}
        assert of_the_role(f"true if ({tell['when']}) else false", **known) is bool(said)
        assert not said or rendered(tell["ansible.builtin.fail"]["msg"], **known).startswith(said)


@pytest.mark.parametrize("port", [4789, "4789", 4790, "4790"])
def test_only_another_port_for_data_is_said(port):
    """It takes a newer SDK than the rest, and -e gives a text."""
    known = {"docker_swarm_plan": {"settings": {}}, "docker_swarm_data_path_port": port}
    said = of_the_role("docker_swarm_beginning", **known)
    assert said == ({} if port in (4789, "4789") else {"data_path_port": port})


def test_a_wish_is_known_by_its_host_unless_said_otherwise():
    assert swarm_plan._wish("web1", {"role": "worker", "identity": ""}).identity == "web1"
    assert swarm_plan._wish("web1", {"role": "worker", "identity": "3fb4"}).identity == "3fb4"
    with pytest.raises(MachineError, match="hosts.web1.rule"):
        swarm_plan._wish("web1", {"rule": "worker"})


@pytest.mark.parametrize("labels", [{"tier": "front", "rev": 3}, '{"tier": "front", "rev": 3}', "tier=front rev=3"])
def test_labels_are_texts_however_they_are_given(labels):
    assert swarm_plan._wish("web1", {"role": "worker", "labels": labels}).labels == {"tier": "front", "rev": "3"}


@pytest.mark.parametrize("labels", ["front", ["tier"], 3])
def test_labels_that_are_none_are_refused(labels):
    with pytest.raises(MachineError, match="web1: docker_swarm_labels: .* is not a dictionary"):
        swarm_plan._wish("web1", {"role": "worker", "labels": labels})


def test_a_file_that_gets_the_key_is_found_before_anything_is_touched(tmp_path, monkeypatch):
    """With a playbook of a collection, nobody has files beside the playbook."""
    (tmp_path / "keep.yml").write_text("[]")
    monkeypatch.chdir(tmp_path)
    action = swarm_plan.ActionModule.__new__(swarm_plan.ActionModule)
    action._loader = DataLoader()
    action._loader.set_basedir(str(tmp_path / "playbooks"))
    assert action._keeper("keep.yml") == str(tmp_path / "keep.yml")
    assert action._keeper("") == ""
    with pytest.raises(MachineError, match="docker_swarm_unlock_key_tasks: .*/none.yml"):
        action._keeper("none.yml")


def test_who_could_not_be_reached_was_looked_at(monkeypatch):
    """Else the plan would wait for a look at it, and do nothing for anybody."""
    seen = []
    monkeypatch.setattr(
        swarm_plan, "make_plan", lambda wishes, seen_now, *more: seen.append(seen_now) or swarm_plan.Plan()
    )
    action = swarm_plan.ActionModule.__new__(swarm_plan.ActionModule)
    action._task = types.SimpleNamespace(check_mode=False)
    looks = {"m1": {"engine": {}}, "old": {"unreachable": True, "msg": "no route"}, "w1": {}}
    given = {
        "hosts": {"m1": {}, "old": {}},
        "looks": looks,
        "managers": ["m1", "old", "m2"],
        "settings": {},
        "answers": [],
    }
    action.perform(
        {**given, "rotate_tokens": [], "may_end": False, "has_unlock_key": False, "unlock_key_tasks": ""}, {}
    )
    assert (list(seen[0].looks), seen[0].silent, seen[0].missing) == (["m1"], ["old"], ["old", "m2"])
