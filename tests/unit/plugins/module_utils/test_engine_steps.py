# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import json
import pathlib
import stat
import threading

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_steps as steps
from ansible_collections.dockyard.machine.plugins.module_utils import _tls


@pytest.fixture
def ran(monkeypatch):
    """Commands that would run, and what they answer: (part of the command) → error or None."""
    commands, answers = [], {}

    def run(*command, **more):
        line = " ".join(command)
        commands.append(line)
        for part, answer in answers.items():
            if part in line and answer:
                said = answer.pop(0)
                if said:
                    raise host.HostError(said)
        return 0, "", ""

    monkeypatch.setattr(host, "run", run)
    return commands, answers


@pytest.fixture
def holds(tmp_path, monkeypatch):
    paths = tuple(str(tmp_path / f"{name}.d" / "hold.conf") for name in ("socket", "service"))
    monkeypatch.setattr(steps, "HOLDS", paths)
    return paths


def test_files_are_put_back_as_they_were(tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_text("old")
    one.chmod(0o640)
    two.write_text("two")
    files = steps.Files()
    assert files.put(str(one), "new", 0o600)
    assert files.put(str(one), "newer", 0o600)
    assert files.put(str(two), None)
    assert files.put(str(three), "three")
    assert not files.put(str(three), "three")
    files.undo()
    assert (one.read_text(), stat.S_IMODE(one.stat().st_mode)) == ("old", 0o640)
    assert two.read_text() == "two" and not three.exists()


def test_memory_survives_and_is_private(tmp_path, monkeypatch):
    path = tmp_path / "state" / "engine.json"
    monkeypatch.setattr(cfg, "STATE_PATH", str(path))
    assert steps.remembered() == {}
    steps.remember({"debug": True}, "restart")
    assert json.loads(path.read_text()) == {"schema": 1, "config": {"debug": True}, "pending": "restart"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert steps.remembered() == {"debug": True}


@pytest.mark.parametrize("tools", [{"openssl", "ssh-keygen"}, {"ssh-keygen"}])
def test_key_is_private_from_the_first_moment_and_stays(tmp_path, monkeypatch, tools):
    which = host.which
    monkeypatch.setattr(host, "which", lambda name: which(name) if name in tools else None)
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    steps.make_key()
    key = tmp_path / "tls" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in key.parent.iterdir()] == ["key.pem"]
    content = key.read_text()
    _tls.public_key_sha256(content)
    key.chmod(0o644)
    steps.make_key()
    assert key.read_text() == content and stat.S_IMODE(key.stat().st_mode) == 0o600
    key.write_text("broken")
    steps.make_key()
    assert key.read_text() not in (content, "broken"), "a key that can't be used is replaced"


def test_no_tool_for_keys_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "which", lambda name: None)
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "key.pem"))
    with pytest.raises(host.HostError, match="openssl nor ssh-keygen"):
        steps.make_key()


def test_install_without_recommends_under_a_hold(ran, holds):
    commands, dummy = ran
    steps.install(["docker.io"], ["docker-cli"], update=True, limit=10)
    assert [line.split()[-1] for line in commands] == ["update", "docker-cli", "docker.io"]
    assert "--no-install-recommends" in commands[-1] and "DPkg::Lock::Timeout=10" in commands[-1]
    assert all(host.read(path) for path in holds)
    assert steps.lift_hold() and not steps.lift_hold()


def test_the_baked_images_hold_is_the_one_that_is_lifted():
    files = pathlib.Path(__file__).parents[4] / "roles" / "machine_image" / "files" / "guest" / "usr" / "lib"
    init = (files / "dockyard" / "init").read_text(encoding="utf-8")
    assert f"printf '{steps._HOLD}'".replace("\n", "\\n") in init
    assert f"for unit in {' '.join(steps.UNITS)};" in init
    for path in steps.HOLDS:
        assert (
            path.replace("/run/systemd/system", "$units").replace(path.split("/")[-2].removesuffix(".d"), "$unit")
            in init
        )
        assert path in (files / "systemd" / "system" / "dockyard-engine-release.service").read_text(encoding="utf-8")
    prepare = (files / "dockyard" / "prepare-engine").read_text(encoding="utf-8")
    assert f"folder={cfg.TLS_FOLDER}\n" in prepare and cfg.KEY_PATH == cfg.TLS_FOLDER + "/key.pem"


def test_old_lists_are_read_again_when_a_package_is_gone(ran, holds):
    commands, answers = ran
    answers[" install "] = ["404  Not Found"]
    steps.install(["docker.io"], [], update=False, limit=10)
    assert ["update" in line for line in commands] == [False, True, False]


def test_an_installation_that_was_cut_off_is_finished(ran, holds):
    commands, answers = ran
    answers[" install "] = ["E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"]
    steps.install(["docker.io"], [], update=False, limit=10)
    assert commands[1] == "dpkg --configure -a" and " install " in commands[2]


def test_what_update_said_is_told_when_the_installation_fails(ran, holds):
    dummy, answers = ran
    answers[" update"] = ["mirror unreachable"]
    answers[" install "] = ["no candidate"]
    with pytest.raises(host.HostError, match="no candidate\nmirror unreachable"):
        steps.install(["docker.io"], [], update=True, limit=10)


def test_a_lock_on_the_lists_is_waited_for(ran, holds, monkeypatch):
    dummy, answers = ran
    answers[" update"] = ["E: Could not get lock /var/lib/apt/lists/lock"]
    monkeypatch.setattr(host, "lock_holder", lambda paths: None)
    steps.install(["docker.io"], [], update=True, limit=10)


def test_cycle_stops_both_and_forgets_former_starts(ran):
    commands, dummy = ran
    steps.act("cycle", False, 10)
    assert commands == [
        "systemctl stop docker.service docker.socket",
        "systemctl reset-failed docker.socket docker.service",
        "systemctl start docker.socket docker.service",
    ]


def test_an_engine_that_never_ran_has_no_starts_to_forget(ran):
    commands, dummy = ran
    steps.act("start", False, 10, started_before=False)
    assert commands == ["systemctl start docker.socket docker.service"]


def test_live_restore_comes_before_the_restart(ran, monkeypatch):
    commands, dummy = ran
    monkeypatch.setattr(host, "ask", lambda question: {"LiveRestoreEnabled": True})
    steps.act("restart", True, 10)
    assert [line.split()[1] for line in commands] == ["reload", "reset-failed", "restart"]


def test_the_daemons_own_words(monkeypatch):
    text = (
        "Starting docker.service\nlevel=info msg=x\nfailed to start daemon: http://a:b@c\ndocker.service: failed to\n"
    )
    monkeypatch.setattr(steps, "journal", lambda since: text)
    assert steps.log_lines(0) == ["failed to start daemon: http://********@c"]


def test_plain_http_on_the_port_is_found():
    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Plain)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(host.HostError, match="plain HTTP"):
            steps.check_refusal(server.server_port, None)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(host.HostError, match="Nothing answers"):
        steps.check_refusal(server.server_port, None)


def test_validation_by_the_engines_program(tmp_path, monkeypatch):
    monkeypatch.setattr(cfg, "CONFIG_PATH", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(host, "which", lambda name: "/usr/bin/dockerd")
    answers = iter([(0, "configuration OK", ""), (125, "", "unknown flag: --validate"), (1, "", "bad log-driver")])
    monkeypatch.setattr(host, "run", lambda *command, **more: next(answers))
    asked = '{"log-driver": "x"}'
    steps.validate(asked)
    steps.validate(asked)
    with pytest.raises(host.HostError, match="bad log-driver"):
        steps.validate(asked)
    # What is the role's alone is valid: no answer is left for a question
    steps.validate('{"live-restore": true}')
    steps.validate("{}")
    assert list(tmp_path.iterdir()) == []
