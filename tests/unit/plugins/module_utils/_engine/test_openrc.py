# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenRC as the Engine's service manager: the block of settings, by a real shell, and what becomes of a service's states."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _arguments,
    _commands,
    _environment_file,
    _paths,
    _unit_files,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service as service
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service_manager as manager
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._file_changes import Files
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _openrc as look

TLS = list(_arguments.TLS_ARGUMENTS)
# Alpine's is that of busybox.
SHELLS = [("sh",), *([("busybox", "sh")] if shutil.which("busybox") else [])]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The service's files, elsewhere."""
    for name in ("SCRIPT", "SETTINGS", "PROXIES", "LOG"):
        monkeypatch.setattr(openrc, name, str(tmp_path / name.lower()))
    (tmp_path / "script").write_text("#!/sbin/openrc-run\ncommand_args=$DOCKER_OPTS\n")
    return tmp_path


def started_with(settings):
    """The words with which OpenRC starts the Engine: the settings are read by a shell, and the options by another."""
    said = {out_of(shell, f'{settings}\neval printf \'"%s\\n"\' "$DOCKER_OPTS"') for shell in SHELLS}
    assert len(said) == 1
    return said.pop().split("\n")[:-1]


def out_of(shell, script):
    return subprocess.run([*shell, "-euc", script], capture_output=True, text=True, check=True).stdout


# -- the block


def test_the_engine_is_started_with_our_options_after_those_of_others():
    ours = openrc.block(2376)
    text = openrc.with_block('DOCKER_OPTS="--debug"\n', ours)
    assert started_with(text) == [
        *("--debug", "-H", "unix:///var/run/docker.sock", "-H", "tcp://0.0.0.0:2376"),
        *TLS,
    ]
    assert openrc.with_block(text, ours) == text and openrc.with_block(text, None) == 'DOCKER_OPTS="--debug"\n'
    assert openrc.with_block("A=1", ours) == "A=1\n" + ours, "a last line without its end stays a line"
    assert openrc.block_of(text) == ours and openrc.block_of("A=1\n") is None
    assert started_with(ours)[:2] == ["-H", "unix:///var/run/docker.sock"], "others need not have said anything"


@pytest.mark.parametrize(
    ("listen", "places"),
    [
        ([], ["0.0.0.0:2376"]),
        (["192.0.2.7", "2001:db8::7"], ["192.0.2.7:2376", "[2001:db8::7]:2376"]),
        (["::", "192.0.2.7"], ["0.0.0.0:2376"]),
        (["0.0.0.0", "::"], ["0.0.0.0:2376"]),
    ],
)
def test_addresses_are_told_so_that_the_shells_don_t_change_them(listen, places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tcp:").mkdir()
    (tmp_path / "tcp:" / "2:2376").touch()  # what the address in brackets is a pattern for
    ours = openrc.block(2376, listen)
    assert openrc.listening(ours) == places
    assert [word[6:] for word in started_with(ours) if word.startswith("tcp:")] == places


def test_a_socket_that_others_name_is_not_named_twice():
    words = started_with(openrc.block(2376, [], ["unix:///run/docker.sock", "tcp://10.0.0.1:1"]))
    assert not [word for word in words if word.startswith("unix:")]


def test_the_environment_is_exported_as_systemd_reads_it_and_stays_private(tmp_path, monkeypatch):
    variables = {"HTTP_PROXY": "http://jo:p$w`\"\\'@proxy:1", "A": "x y"}
    path = tmp_path / "dockyard.env"
    ours = openrc.block(None, environment=True).replace(_paths.ENVIRONMENT_PATH, str(path))
    assert "DOCKER_OPTS" not in ours and "jo" not in ours
    script = ours + 'B=1; exec env -u _ sh -c \'printf "%s\\n" "$HTTP_PROXY" "$A" "${B:-none}"\''
    path.write_text(_environment_file.render_environment(variables))
    for shell in SHELLS:
        assert out_of(shell, script).splitlines() == [variables["HTTP_PROXY"], "x y", "none"]
    path.unlink()
    assert out_of(("sh",), ours + "echo goes on") == "goes on\n", (
        "who may not read it can ask for the state nevertheless"
    )


def test_nothing_to_say_is_no_block():
    assert openrc.block(None) is None and openrc.effective(None) == []
    first, second = (openrc.block(2376, controllers=[one]) for one in ("192.0.2.1", "192.0.2.2"))
    assert first != second and openrc.effective(first) == openrc.effective(second)
    assert _unit_files.controllers_of(second) == ["192.0.2.2"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("HTTP_PROXY", False), ("https_proxy", False), ("DOCKER_TMPDIR", False), ("GODEBUG", False)),
        *(("DOCKER_OPTS", True), ("command", True), ("RC_SVCNAME", True), ("IFS", True), ("rc_ulimit", True)),
    ],
)
def test_variables_that_a_service_would_take_for_its_own(name, wrong):
    assert openrc.misread(name) is wrong


# -- what a shell makes of the settings


def test_options_of_others_are_told_without_ours(places):
    (places / "settings").write_text(
        openrc.with_block('A=debug\nDOCKER_OPTS="--$A"\nDOCKER_LOGFILE=/var/log/it.log\n', openrc.block(2376))
    )
    assert openrc.settings() == ("--debug", ("/var/log/it.log",), openrc.block(2376))
    (places / "settings").unlink()
    assert openrc.settings() == ("", (str(places / "log"),), None)
    (places / "settings").write_text("if\n")
    with pytest.raises(HostError, match="can't be read by a shell"):
        openrc.settings()


def test_a_line_behind_ours_that_takes_its_options_away_is_seen(places):
    """Else the next restart of the Engine would be without TLS, and no run would mend that."""
    ours = openrc.block(2376, controllers=["192.0.2.1"])
    path = places / "settings"
    path.write_text(ours + 'DOCKER_OPTS="--log-level=warn"\n')
    seen = openrc.settings()
    assert seen.options == "--log-level=warn"
    assert openrc.effective(seen.block) == [] and _unit_files.controllers_of(seen.block) == ["192.0.2.1"]
    path.write_text(openrc.with_block(path.read_text(), ours))
    assert openrc.settings() == ("--log-level=warn", (str(places / "log"),), ours)


def test_what_others_export_is_found_where_it_stands(places):
    (places / "settings").write_text('export HTTP_PROXY="http://a"\nNO_PROXY=b\nexport\nexport A\n')
    (places / "proxies").write_text("\texport HTTPS_PROXY=c\n")
    found = look.others_variables()
    assert found == {
        "HTTP_PROXY": ("http://a", str(places / "settings")),
        "HTTPS_PROXY": ("c", str(places / "proxies")),
    }


# -- the service


@pytest.fixture
def service_is(ran, places, monkeypatch):
    """A service that goes from one exit code of its status to the next, and an Engine that answers or not."""
    commands, dummy = ran
    about = {"states": [0], "answers": True}
    before = _commands.run

    def run(*command, **more):
        before(*command, **more)
        if command[-1] == "status":
            states = about["states"]
            return (states.pop(0) if len(states) > 1 else states[0]), "", ""
        return 0, "\0\0\0" if command[0] == "sh" else "", ""

    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_api, "ask", lambda *question: {"Version": "26"} if about["answers"] else None)
    monkeypatch.setattr(openrc, "runs", lambda: True)
    return commands, about


def told(commands):
    return [line.split()[-1] for line in commands if line.startswith("rc-service --nocolor")]


@pytest.mark.parametrize(
    ("code", "answers", "state"),
    [
        (0, True, "active"),
        (0, False, "activating"),
        (3, True, "inactive"),
        (8, True, "activating"),
        (32, True, "failed"),
        (64, True, "failed"),
    ],
)
def test_a_service_is_active_once_its_engine_answers(service_is, code, answers, state):
    dummy, about = service_is
    about.update(states=[code], answers=answers)
    assert openrc.OpenRC().state()["ActiveState"] == state


def test_the_engine_is_told_by_the_manager_of_the_host(service_is):
    commands, about = service_is
    service.act("cycle", 10)
    service.act("restart", 10)
    assert told(commands) == ["stop", "start", "restart"] and not [one for one in commands if "systemctl" in one]
    packages.hold()
    assert isinstance(manager.here(), openrc.OpenRC)


def test_a_service_that_crashed_is_started_anew(service_is):
    commands, about = service_is
    about["states"] = [32, 0]
    openrc.OpenRC().restart(5)
    assert told(commands) == ["zap", "start"]


@pytest.mark.parametrize(("pid", "verbs"), [(0, ["restart", "zap", "start"]), (7, ["restart"])])
def test_a_service_that_can_t_be_stopped_is_started_anew_if_its_engine_has_ended(service_is, monkeypatch, pid, verbs):
    commands, dummy = service_is
    monkeypatch.setattr(openrc, "process", lambda: (pid, "0"))
    tell = openrc.OpenRC._tell

    def fail_to_stop(self, verb, limit, check=True):
        tell(self, verb, limit, check)
        if verb == "restart":
            raise HostError("docker failed to stop")

    monkeypatch.setattr(openrc.OpenRC, "_tell", fail_to_stop)
    if pid:
        with pytest.raises(HostError, match="failed to stop"):
            openrc.OpenRC().restart(5)
    else:
        openrc.OpenRC().restart(5)
    assert told(commands) == verbs


def test_an_engine_that_does_not_come_up_is_told_by_its_own_last_words(service_is, places, monkeypatch):
    dummy, about = service_is
    log = places / "log"
    log.write_text("level=fatal of yesterday\n")
    monkeypatch.setattr(openrc, "settings", lambda: openrc.Settings("", (str(log),), None))
    about["states"] = [0, 0, 3]
    tell = openrc.OpenRC._tell

    def start(self, verb, limit, check=True):
        tell(self, verb, limit, check)
        with open(log, "a", encoding="utf-8") as stream:
            stream.write("failed to start daemon: no such driver http://a:b@c\n" * 3)

    monkeypatch.setattr(openrc.OpenRC, "_tell", start)
    about["answers"] = False
    with pytest.raises(HostError) as caught:
        service.act("start", 5)
    assert str(caught.value) == "failed to start daemon: no such driver http://********@c"
    log.unlink()
    monkeypatch.setattr(openrc.OpenRC, "_tell", tell)
    with pytest.raises(HostError, match="its service is inactive now"):
        service.act("start", 5)


def test_settings_of_others_stay_and_so_does_their_mode(places):
    path = places / "settings"
    path.write_text("A=1\n")
    path.chmod(0o600)
    files, it = Files(), openrc.OpenRC()
    assert it.place(files.put, {"options": openrc.block(2376)}, {}, list) and path.read_text().startswith(
        "A=1\n# BEGIN"
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert not it.place(Files().put, {"options": openrc.block(2376)}, {}, list)
    files.undo()
    assert path.read_text() == "A=1\n"
    path.unlink()
    it.place((files := Files()).put, {"options": openrc.block(2376)}, {}, list)
    it.place(files.put, {"options": None}, {}, list)
    (places / "script").unlink()
    with pytest.raises(HostError, match="There is no"):
        it.place(files.put, {"options": None}, {}, list)


def test_a_look_tells_it_as_of_units(service_is, places, monkeypatch):
    monkeypatch.setattr(openrc, "settings", lambda: openrc.Settings("--mtu 1400", (), openrc.block(2376)))
    units = look.units([])
    it = units["docker.service"]
    assert (it["exists"], it["load"], it["active"]) == (True, "loaded", "active")
    assert it["arguments"] == shlex.split("--mtu 1400") and it["places"]["--mtu"] == str(places / "settings")
    assert it["own_drop_in"] == openrc.block(2376) and units["docker.socket"]["own_drop_in"] is None
    (places / "script").write_text("#!/bin/sh\n# DOCKER_OPTS\n")
    assert look.units([])["docker.service"]["load"] == "error"
    (places / "script").unlink()
    assert look.units([])["docker.service"]["exists"] is False
