# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each playbook refuses, read as Ansible reads it; tests/system/ runs them."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted
from tests.unit.taking import USES, tasks_in

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "playbooks"
PLAYBOOKS = sorted(path.stem for path in FOLDER.glob("*.yml") if path.stem != "guard")
LIMITED_BY = {
    "adopt": "machine_names",
    "create_hosts": "machine_limit",
    "list_hosts": "machine_names",
    "remove_hosts": "machine_limit",
    "rotate_certs": "machine_limit",
}


def read(name: str) -> list[dict[str, t.Any]]:
    path = str(FOLDER / f"{name}.yml")
    try:
        return DataLoader().load_from_file(path, trusted_as_template=True)  # core >= 2.19
    except TypeError:
        return DataLoader().load_from_file(path)


def guard(name: str, **known: t.Any) -> Play:
    """The playbook's first play, as ansible-playbook has it when it looks for the play's hosts."""
    first, (play,) = read(name)[0], read("guard")
    assert first["ansible.builtin.import_playbook"] == "guard.yml"
    loader = DataLoader()
    manager = VariableManager(loader, InventoryManager(loader, sources=[]))
    loaded = Play.load({**play, "tasks": []}, manager, loader, vars={**first.get("vars", {}), **play["vars"]})
    loaded.post_validate(Templar(loader, variables={**manager.get_vars(play=loaded), **known}))
    return loaded


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_the_first_play_is_the_guard_on_localhost(name: str) -> None:
    assert list(guard(name).hosts) == ["localhost"]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_group_that_there_is_not_is_no_pattern_of_a_play(name: str) -> None:
    """With ``host_pattern_mismatch = error`` it would end the run."""
    hosts = [play["hosts"] for play in read(name) if "hosts" in play]
    assert [one for one in hosts if one != "localhost" and "| select('in', groups) | list" not in one] == []


@pytest.mark.parametrize("limit", ["web1", "localhost"])
@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_limit_is_refused_whatever_hosts_there_are(name: str, limit: str) -> None:
    with pytest.raises(AnsibleError) as refused:
        guard(name, ansible_limit=limit)
    said = str(refused.value)
    assert f"--limit {limit}: it would silently skip" in said and "Nothing was changed." in said
    if name in LIMITED_BY:
        assert f"Use -e {LIMITED_BY[name]}={limit} instead." in said
    else:
        assert "this playbook can not be limited" in said and "-e " not in said


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_what_limits_a_playbook_is_a_variable_of_it(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text()
    files = {name, *(path.stem for path in FOLDER.glob("tasks/*.yml") if f"tasks/{path.name}" in text)}
    taken = {variable for use in USES if use.playbook in files for variable in use.variables().values()}
    for variable in ("machine_limit", LIMITED_BY.get(name, "machine_limit")):
        assert (variable in taken) == (variable == LIMITED_BY.get(name))


def shown(name: str) -> list[dict[str, t.Any]]:
    """The tasks that tell people what was done."""
    return [task for play in read(name) for task in play.get("tasks", ()) if "ansible.builtin.debug" in task]


@pytest.mark.parametrize("name", ["client_certificate", "move_store"])
def test_a_check_tells_of_nothing_done(name: str) -> None:
    (task,) = shown(name)
    said = task["when"]
    assert "not ansible_check_mode" in ([said] if isinstance(said, str) else said)


def test_managers_of_another_swarm_are_not_asked_when_machines_leave_theirs() -> None:
    """The role's default is a group of the user's, whose hosts have nothing to do with the fleet's swarm."""
    for name in ("create_hosts", "remove_hosts"):
        tasks = [task for play in read(name) for task in play.get("tasks", ())]
        assert "tasks/leave_swarm.yml" in [task.get("ansible.builtin.import_tasks") for task in tasks]
    (task,) = read("tasks/leave_swarm")
    assert "'docker_swarm_managers_group': 'machine_swarm_managers_' ~" in task["ansible.builtin.add_host"]


@pytest.mark.parametrize(
    ("state", "cluster", "left_to_do", "noted"),
    [
        ("present", "c1", {}, True),
        ("present", "c1", {"join": {"web1": "worker"}}, False),  # it could not be let in
        ("present", "c1", {"unsure": ["web1"]}, False),
        ("present", "", {}, False),
        ("absent", "c1", {}, False),
    ],
)
def test_a_node_is_noted_also_where_something_failed_once_it_was_in(
    state: str, cluster: str, left_to_do: dict[str, t.Any], noted: bool
) -> None:
    """Else it would be removed without being drained and demoted."""
    (play,) = [one for one in read("create_hosts") if one.get("name") == "Set up the swarm"]
    _check, form = play["tasks"]
    assert form["block"][0]["ansible.builtin.include_role"]["name"] == "dockyard.machine.docker_swarm"
    (note,) = form["always"]
    assert "role" in note["dockyard.machine.machine_record"]["engine"]["swarm"]
    plan = {"cluster": cluster, "join": {}, "unsure": [], **left_to_do}
    known = {"inventory_hostname": "web1", "docker_swarm_wish": {"state": state}, "docker_swarm_plan": plan}
    whole = " and ".join(f"({one})" for one in note["when"])
    assert Templar(DataLoader(), variables=known).template(trusted(f"{{{{ true if {whole} else false }}}}")) is noted


@pytest.mark.parametrize("name", ["create_hosts", "remove_hosts", "rotate_certs"])
def test_plays_over_machines_are_over_those_of_one_plan_alone(name: str) -> None:
    """A playbook may import ours twice, and what is once in a group of a run stays in it."""
    over_machines = [play["hosts"] for play in read(name)[1:] if play["hosts"] != "localhost"]
    assert over_machines and all(".id | default('')" in said for said in over_machines)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["front.example.org"], ["front.example.org"]),
        ("front.example.org, 192.0.2.9", ["front.example.org", "192.0.2.9"]),
        ("", []),
        (None, []),
    ],
)
def test_names_of_many_hosts_can_be_a_text(given: t.Any, added: list[str]) -> None:
    """As the role takes them: an inventory in INI has no lists."""
    (task,) = [one for one in read("tasks/set_up_engine") if "ansible.builtin.include_role" in one]
    known = {"machine_name": "m", "machine_id": "i", "machine_tls_san": ["own"], "inventory_hostname": "m"}
    known.update(ansible_host="192.0.2.1", hostvars={"m": {"docker_engine_tls_san": given}})
    names = Templar(DataLoader(), variables=known).template(task["vars"]["docker_engine_tls_san"])
    assert names == ["192.0.2.1", "m", "i", "own", *added]


def test_no_template_takes_a_view_of_a_dictionary_for_a_list() -> None:
    """Only from core 2.19 on is it one: before, nothing can be added to it."""
    for folder in (FOLDER, FOLDER.parent / "roles"):
        for path in folder.rglob("*.yml"):
            assert not re.search(r"\.(keys|values|items)\(\)", path.read_text()), path


def tasks_of_all() -> list[dict[str, t.Any]]:
    """The tasks of all playbooks and roles."""
    files = [path for folder in (FOLDER, FOLDER.parent / "roles") for path in folder.rglob("*.yml")]
    read_files = [yaml.safe_load(path.read_text()) for path in files]
    return [task for said in read_files if isinstance(said, list) for task in tasks_in(said)]


def test_no_loop_is_over_what_is_to_be_shown_nowhere() -> None:
    """When it fails, its item is shown, whatever its label says."""
    tasks = tasks_of_all()
    hidden = {task["register"] for task in tasks if task.get("no_log") and "register" in task}
    loops = [str(task["loop"]) for task in tasks if "loop" in task and not task.get("no_log")]
    assert hidden and not [loop for loop in loops for name in hidden if name in loop]


def test_one_host_s_task_for_all_ends_no_play_that_is_to_go_on() -> None:
    """run_once is as any_errors_fatal is, for which only ignore_errors counts: the play would end without a word."""
    once = [task for task in tasks_of_all() if task.get("run_once") and task.get("ignore_unreachable")]
    assert once and all(task.get("ignore_errors") for task in once)


@pytest.mark.parametrize("given", [{}, {"machine_serial": ""}])
@pytest.mark.parametrize("name", ["create_hosts", "rotate_certs"])
def test_all_hosts_have_their_turn_at_once(name: str, given: dict[str, str]) -> None:
    """Unless it is said otherwise: over many hosts, their restarts would take hours one after the other."""
    serial = [play["serial"] for play in read(name) if "serial" in play]
    assert serial and {Templar(DataLoader(), variables=given).template(one) for one in serial} == {"100%"}


# Ansible can't add hosts otherwise, and goes on with other machines after one that was refused.
LOCKSTEP = ("add_host", "any_errors_fatal", "include_role", "leave_swarm.yml", "set_up_engine.yml", "rotate_")


@pytest.mark.parametrize("name", [name for name in PLAYBOOKS if name != "bake_image"])
def test_a_play_whose_hosts_wait_for_each_other_says_so(name: str) -> None:
    """Else it is what ansible.cfg says."""
    for play in read(name):
        if any(word in str(play) for word in LOCKSTEP):
            assert play["strategy"] == "linear", play["name"]


# What a playbook sets by itself: registered by an action of ours, which refuses an extra variable of that name, or
# refused by the guard, or a text that is only shown.
REGISTERED = {str(task["register"]) for task in tasks_of_all() if "register" in task}
SHOWN_ONLY = {"machine_limited_by", "machine_limit_refused", "machine_inventory_error"}


def set_by_the_guard() -> set[str]:
    (task,) = [one for one in tasks_in(read("guard")) if "machine_wish == ''" in str(one.get("ansible.builtin.assert"))]
    assert set(task["vars"].values()) == {""}
    conditions = task["ansible.builtin.assert"]["that"]
    assert conditions == [f"{name} == ''" for name in task["vars"]]
    return set(task["vars"])


def test_a_variable_of_a_playbook_is_the_users_or_is_refused_from_them() -> None:
    """-e machine_group=web once let remove_hosts work on hosts of the estate."""
    texts = [path.read_text() for path in FOLDER.rglob("*.yml")]
    code = "".join(re.sub(r"^\s*#.*", "", text, flags=re.M) for text in texts)
    keys = set(re.findall(r"^\s+(machine_[a-z_]+):", code, flags=re.M))  # variables that tasks and plays set
    ours = keys - {name for name in keys if f"- name: {name}" in code}
    assert ours <= set_by_the_guard() | SHOWN_ONLY | PASSED_ON, ours


PASSED_ON = {"machine_wanted", "machine_certificates_due"}  # by set_stats, to what comes next


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_only_what_no_user_sets_says_which_hosts_a_play_is_over(name: str) -> None:
    for play in read(name):
        said = re.sub(r"'[^']*'", "", play.get("hosts", "localhost"))
        used = set(re.findall(r"\bmachine_[a-z_]+", said))
        assert used <= REGISTERED, play


@pytest.mark.parametrize("name", ["create_hosts", "remove_hosts", "rotate_certs"])
def test_an_extra_variable_moves_no_play_to_other_hosts(name: str) -> None:
    given = dict.fromkeys(("machine_group", "machine_wanted", "machine_unwanted", "machine_swarm"), "web")
    for play in read(name)[1:]:
        if play["hosts"] != "localhost":
            known = {**given, "groups": {"web": ["prod1"]}, "hostvars": {"localhost": {}}, "ansible_check_mode": False}
            assert Templar(DataLoader(), variables=known).template(play["hosts"]) == []


PIN = DataLoader().load_from_file(str(FOLDER / "tasks" / "check_pin.yml"))
PINNED = {f"ansible_{name}_executable": f"/run/web1/{name}" for name in ("ssh", "sftp", "scp")}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_play_that_connects_to_machines_checks_first_that_the_pin_is_known(name: str) -> None:
    for play in read(name)[1:]:
        if play.get("connection") == "local" or play["hosts"] == "localhost":
            continue
        first = play["tasks"][0]
        if "ansible.builtin.include_tasks" in first:
            first = DataLoader().load_from_file(str(FOLDER / first["ansible.builtin.include_tasks"]))[0]
        assert first["ansible.builtin.import_tasks"].endswith("check_pin.yml"), play["name"]


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, True),
        ({"ansible_connection": "ansible.builtin.ssh"}, True),
        ({"ansible_connection": "paramiko"}, False),
        ({"ansible_connection": "ansible.netcommon.libssh"}, False),
        ({"ansible_ssh_executable": "ssh"}, False),
        ({"ansible_ssh_executable": "/run/web2/ssh"}, False),
        ({"ansible_scp_executable": "/usr/bin/scp"}, False),
    ],
)
def test_what_knows_no_pinned_key_is_refused(variables: dict[str, t.Any], known: bool) -> None:
    templar = Templar(loader=DataLoader(), variables={"machine_name": "web1", **PINNED, **variables})
    that = [f"{{{{ {one} }}}}" for one in PIN[0]["ansible.builtin.assert"]["that"]]
    assert all(templar.template(trusted(one)) for one in that) is known
