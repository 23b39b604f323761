# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _commands,
    _config_file,
    _daemon_json,
    _files,
    _paths,
    _state,
    _systemd,
    _unit_files,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _copy_tree as tree
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_root as data
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _installation as source
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.modules import engine_apply

PARAMS = {"start_timeout": 10, "certificate": None, "port": None, "secrets": "{}"}
PLAN = {"action": "start", "service": {"tls": True, "environment": False}, "socket": _unit_files.socket_drop_in(2376)}


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Commands that would run on a host of which the unit has the state that the test gives."""
    commands, unit = [], {"Id": "docker.service"}
    fragment = tmp_path / "docker.service"
    fragment.write_text("[Service]\nExecStart=/usr/sbin/dockerd -H fd://\n")
    unit["FragmentPath"] = str(fragment)

    def run(*command, **more):
        commands.append(" ".join(command))
        if "stop" in command:
            unit["ActiveState"] = "inactive"
        return 0, "", ""

    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_systemd, "show", lambda *units: {"docker.service": dict(unit)})
    monkeypatch.setattr(_api, "ask", lambda question: {"Version": "20.10", "ApiVersion": "1.41"})
    for name in ("STATE_PATH", "SERVICE_DROP_IN", "SOCKET_DROP_IN"):
        monkeypatch.setattr(_paths, name, str(tmp_path / name))
    hold = tmp_path / "run" / "docker.service.d" / "hold.conf"
    hold.parent.mkdir(parents=True)
    hold.write_text("")
    monkeypatch.setattr(packages, "HOLDS", (str(hold),))
    return commands, unit


def test_a_held_engine_is_started_once_by_two_commands(ran):
    commands, unit = ran
    unit.update(ActiveState="inactive", ExecMainStartTimestampMonotonic="0")
    assert engine_apply.PlanRunner(PLAN, PARAMS).run() == {"version": "20.10", "api_version": "1.41"}
    assert commands == ["systemctl daemon-reload", "systemctl start docker.socket docker.service"]
    drop_in = _files.read(_paths.SERVICE_DROP_IN)
    assert drop_in and "ExecStart=/usr/sbin/dockerd -H fd:// --tlsverify" in drop_in
    assert not _files.remove(packages.HOLDS[0])


@pytest.mark.parametrize("state", ["active", "activating"])
def test_an_engine_that_someone_started_since_the_look_gets_its_tls_nevertheless(ran, state):
    commands, unit = ran
    unit.update(ActiveState=state, ExecMainStartTimestampMonotonic="5")
    engine_apply.PlanRunner(PLAN, PARAMS).run()
    assert [line.split()[1] for line in commands] == ["daemon-reload", "stop", "reset-failed", "start"]


@pytest.mark.parametrize("state", ["active", "activating"])
def test_an_engine_that_someone_starts_while_files_are_put_in_place_gets_them_nevertheless(ran, monkeypatch, state):
    """The timer of a machine image does, once no role has come for a while."""
    commands, unit = ran
    unit.update(ActiveState="inactive", ExecMainStartTimestampMonotonic="0")
    place = engine_apply.PlanRunner.place

    def overtaken(self):
        place(self)
        unit.update(ActiveState=state, ExecMainStartTimestampMonotonic="5")

    monkeypatch.setattr(engine_apply.PlanRunner, "place", overtaken)
    engine_apply.PlanRunner(PLAN, PARAMS).run()
    assert [line.split()[1] for line in commands] == ["daemon-reload", "stop", "reset-failed", "start"]
    _systemd.systemctl("stop", *_systemd.UNITS)
    commands.clear()
    monkeypatch.setattr(_api, "ask", lambda question: None)
    monkeypatch.setattr(_waiting, "until", lambda question, *more: question())
    with pytest.raises(HostError, match="the Engine is not started"):
        engine_apply.PlanRunner({**PLAN, "socket": _unit_files.socket_drop_in(2377)}, PARAMS).run()
    assert commands[-1].startswith("systemctl stop")


@pytest.mark.parametrize("state", ["active", "activating"])
def test_an_engine_that_is_coming_up_by_itself_is_waited_for(ran, state):
    """If there is nothing for it to take over."""
    commands, unit = ran
    unit.update(ActiveState=state, ExecMainStartTimestampMonotonic="5")
    engine_apply.PlanRunner({**PLAN, "nothing_new": True}, PARAMS).run()
    assert [line.split()[1] for line in commands] == ["daemon-reload", "reset-failed", "start"]


@pytest.mark.parametrize("state", ["active", "activating", "reloading"])
def test_an_engine_that_was_coming_up_is_not_left_stopped(ran, monkeypatch, state):
    commands, unit = ran
    unit.update(ActiveState=state, ExecMainStartTimestampMonotonic="5")
    monkeypatch.setattr(_api, "ask", lambda question: None)
    monkeypatch.setattr(_waiting, "until", lambda question, *more: question())
    with pytest.raises(HostError, match="The former configuration is back, and the Engine runs with it"):
        engine_apply.PlanRunner(PLAN, PARAMS).run()
    assert commands[-1] == "systemctl start docker.socket docker.service"


def test_the_engine_is_told_what_holds_without_a_key_before_it_leaves_the_file(ran, tmp_path, monkeypatch):
    commands, unit = ran
    unit.update(ActiveState="active")
    path = tmp_path / "daemon.json"
    path.write_text('{"labels": ["a=b"], "debug": true, "mtu": 1400}')
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(path))
    told = []

    def ask(question):
        if question.startswith("/events"):
            told.append((_daemon_json.parse_config(path.read_text()), _state.remembered()))
            return {"Action": "reload"}
        return {"Version": "20.10", "ApiVersion": "1.41"}

    monkeypatch.setattr(_api, "ask", ask)
    monkeypatch.setattr(_config_file, "validate", lambda text: None)
    _state.remember({"labels": ["a=b"], "debug": True}, None)
    plan = {**PLAN, "action": "reload", "config_set": {}, "config_unset": ["labels", "debug"]}
    plan.update(config_without={"labels": [], "debug": False}, remember={})
    engine_apply.PlanRunner(plan, PARAMS).run()
    without = {"labels": [], "debug": False}
    interrupted = "a run that is cut off here has to know that these are ours"
    assert told[0] == ({"mtu": 1400, **without}, without), interrupted
    assert _daemon_json.parse_config(path.read_text()) == {"mtu": 1400} and _state.remembered() == {}
    path.write_text('{"mtu": 1400}')
    plan.update(config_set={"debug": True}, config_unset=[], config_without={}, remember={"debug": True})
    engine_apply.PlanRunner(plan, PARAMS).run()
    assert told[1] == ({"mtu": 1400, "debug": True}, {"debug": True}), interrupted
    assert [line.split()[1] for line in commands].count("reload") == 2 and "restart" not in " ".join(commands)


def test_live_restore_that_a_package_brings_as_an_argument_is_left_there(ran, tmp_path, monkeypatch):
    """As Fedora's does, by a file that its unit reads: with the key besides, the Engine would not start."""
    dummy, unit = ran
    unit.update(ActiveState="inactive", ExecMainStartTimestampMonotonic="0")
    options, path = tmp_path / "options", tmp_path / "daemon.json"
    options.write_text('OPTIONS="--selinux-enabled --live-restore"\n')
    fragment = tmp_path / "docker.service"
    fragment.write_text(f"[Service]\nEnvironmentFile=-{options}\nExecStart=/usr/bin/dockerd -H fd:// $OPTIONS\n")
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(path))
    monkeypatch.setattr(_config_file, "validate", lambda text: None)
    keys = {"live-restore": True, "mtu": 1400}
    engine_apply.PlanRunner({**PLAN, "config_set": keys, "config_unset": [], "remember": dict(keys)}, PARAMS).run()
    assert _daemon_json.parse_config(path.read_text()) == {"mtu": 1400} and _state.remembered() == {"mtu": 1400}


RESTART = {**PLAN, "action": "restart", "config_set": {"live-restore": True}, "config_unset": []}


@pytest.fixture
def live_restore_off(ran, tmp_path, monkeypatch):
    """An Engine that runs, and whose containers would go with it; what it answers to a question can be changed."""
    commands, unit = ran
    unit.update(ActiveState="active", SubState="running")
    answers = {"/version": {"Version": "20.10"}, "/info": {"LiveRestoreEnabled": False}}
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(_config_file, "validate", lambda text: None)
    monkeypatch.setattr(_api, "ask", lambda question, *more: answers.get(question))
    monkeypatch.setattr(_waiting, "until", lambda question, *more: question())
    return commands, answers


def test_live_restore_comes_before_the_restart(live_restore_off):
    commands, answers = live_restore_off
    answers["/info"] = {"LiveRestoreEnabled": True}
    engine_apply.PlanRunner({**RESTART, "live_restore_first": True}, PARAMS).run()
    assert [line.split()[1] for line in commands] == ["daemon-reload", "reload", "reset-failed", "restart"]


@pytest.mark.parametrize("answers_at_all", [True, False])
def test_an_engine_that_does_not_take_over_live_restore_is_not_restarted(live_restore_off, answers_at_all):
    """Its containers would go with it, and nobody has allowed that."""
    commands, answers = live_restore_off
    _state.remember({}, "restart")
    if not answers_at_all:
        answers.clear()
    with pytest.raises(HostError, match="did not take over live-restore"):
        engine_apply.PlanRunner({**RESTART, "live_restore_first": True}, PARAMS).run()
    told = [line for line in commands if line.startswith("systemctl") and line.endswith("docker.service")]
    assert {line.split()[1] for line in told} <= {"reload", "reset-failed"}
    assert _daemon_json.parse_config(_files.read(_paths.CONFIG_PATH) or "") == {"live-restore": True}
    assert _state.owed() == "restart", "an earlier run was cut off, and the Engine still does not know its files"


def test_once_moved_data_is_checked_nothing_goes_back(ran, tmp_path, monkeypatch):
    """What is left of the old data by then is no data any more."""
    commands, unit = ran
    unit.update(ActiveState="active")
    source, target, config = tmp_path / "docker", tmp_path / "new", tmp_path / "daemon.json"
    for name in ("volumes/store", "image"):
        (source / name).mkdir(parents=True)
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(config))
    monkeypatch.setattr(data, "JOURNAL", str(tmp_path / "move.json"))
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    monkeypatch.setattr(_config_file, "validate", lambda text: None)

    def ask(question, *more, **options):
        return {
            "/version": {"Version": "20.10"},
            "/info": {"DockerRootDir": str(target)},
            "/volumes": {"Volumes": [{"Name": "store"}]},
        }.get(question)

    def clear(path):
        if path.startswith(str(source)):
            raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(_api, "ask", ask)
    monkeypatch.setattr(tree, "clear", clear)
    plan = {**PLAN, "action": "restart", "stop_containers": True}
    plan.update(config_set={"data-root": str(target)}, config_unset=[])
    plan["move"] = {"from": str(source), "to": str(target), "keep": False, "switched": False, "abandon": False}
    result = engine_apply.PlanRunner(plan, PARAMS).run()
    assert result["old_data"] == str(source) and "Read-only file system" in result["warnings"][0]
    assert _daemon_json.parse_config(config.read_text())["data-root"] == str(target)
    assert _state.owed() is None and data.journal() is None
    assert [line.split()[1] for line in commands].count("stop") == 1


@pytest.mark.parametrize(("fails", "left"), [("put_config", "restart"), ("settle", None)])
def test_a_run_that_fails_before_it_acts_leaves_what_an_interrupted_one_owes(ran, monkeypatch, fails, left):
    """The files of that one are in place, so no later look would find that the Engine doesn't know them."""
    commands, unit = ran
    unit.update(ActiveState="active")

    def fail(self, *more):
        self.acted = "restart" if fails == "settle" else None
        raise HostError("the configuration is not valid")

    monkeypatch.setattr(engine_apply.PlanRunner, fails, fail)
    _state.remember({"mtu": 1400}, "restart")
    plan = {**PLAN, "action": "restart", "remember": {"mtu": 1400}}
    plan.update({"config_set": {"dns": ["no"]}, "config_unset": []} if fails == "put_config" else {})
    with pytest.raises(HostError, match="left alone" if left else "The former configuration is back"):
        engine_apply.PlanRunner(plan, PARAMS).run()
    assert _state.owed() == left and _state.remembered() == {"mtu": 1400}


def test_a_configuration_that_is_kept_elsewhere_is_put_back_there(ran, tmp_path, monkeypatch):
    commands, unit = ran
    unit.update(ActiveState="active")
    kept, link = tmp_path / "kept.json", tmp_path / "daemon.json"
    kept.write_text('{"mtu": 1400}')
    link.symlink_to(kept)
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(link))
    monkeypatch.setattr(_config_file, "validate", lambda text: None)
    seen = []

    def fail(self):
        seen.append((link.is_symlink(), kept.read_text()))
        self.acted = "restart"
        raise HostError("it did not start")

    monkeypatch.setattr(engine_apply.PlanRunner, "settle", fail)
    plan = {**PLAN, "action": "restart", "config_set": {"debug": True}, "config_unset": []}
    with pytest.raises(HostError, match="The former configuration is back"):
        engine_apply.PlanRunner(plan, PARAMS).run()
    assert seen == [(True, _daemon_json.render_config({"mtu": 1400, "debug": True}))]
    assert link.is_symlink() and kept.read_text() == '{"mtu": 1400}'


def test_a_run_that_can_not_even_be_noted_leaves_the_engine_as_it_was(ran, monkeypatch):
    """Packages were changed by then, and have filled the file system of the memory, say; and units are held."""
    commands, unit = ran
    unit.update(ActiveState="inactive")

    def write(path, *more):
        raise HostError(f"{path} can't be written: No space left on device")

    monkeypatch.setattr(_files, "write", write)
    came_from = source.Source({"running": True}, 10)
    monkeypatch.setattr(came_from, "go_back", lambda: "The former packages are back. ")
    with pytest.raises(HostError, match=r"was not brought to its plan: .*No space.*former packages are back.*runs"):
        engine_apply.PlanRunner({**PLAN, "action": "cycle"}, PARAMS, came_from).run()
    assert not _files.remove(packages.HOLDS[0]), "its owner could not start it"
    assert commands[-1] == "systemctl start docker.socket docker.service"
