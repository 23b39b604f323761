# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import threading

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _daemon_json,
    _files,
    _paths,
    _systemd,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service as service
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


def test_cycle_stops_both_and_forgets_former_starts(ran):
    commands, dummy = ran
    service.act("cycle", 10)
    assert commands == [
        "systemctl stop docker.socket docker.service",
        "systemctl reset-failed docker.socket docker.service",
        "systemctl start docker.socket docker.service",
    ]


def test_an_engine_that_never_ran_has_no_starts_to_forget(ran):
    commands, dummy = ran
    service.act("start", 10, started_before=False)
    assert commands == ["systemctl start docker.socket docker.service"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_private_configuration_stays_private(ran, monkeypatch, tmp_path, mode):
    path = tmp_path / "daemon.json"
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(path))
    monkeypatch.setattr(_paths, "STATE_PATH", str(tmp_path / "engine.json"))
    monkeypatch.setattr(service, "lift_hold", lambda: False)
    monkeypatch.setattr(_api, "ask", lambda question: {"LiveRestoreEnabled": True})
    for work in (lambda: service.live_restore(10), lambda: service.put_back(service.Files(), None, True, True, 10)):
        path.write_text('{"log-opts": {"splunk-token": "x"}}')
        path.chmod(mode)
        work()
        assert _daemon_json.parse_config(path.read_text())["live-restore"] is True
        assert path.stat().st_mode & 0o777 == mode
        path.unlink()
        work()
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_link_to_a_configuration_stays_one(ran, monkeypatch, tmp_path):
    kept, link = tmp_path / "kept.json", tmp_path / "daemon.json"
    link.symlink_to(kept)
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(link))
    monkeypatch.setattr(_paths, "STATE_PATH", str(tmp_path / "engine.json"))
    monkeypatch.setattr(service, "lift_hold", lambda: False)
    monkeypatch.setattr(service, "hold", lambda: None)

    def ask(question, limit=10):
        asked = _daemon_json.parse_config(_files.read(str(link)) or "")
        return {"LiveRestoreEnabled": asked.get("live-restore", True), "ContainersRunning": 1}

    monkeypatch.setattr(_api, "ask", ask)
    service.stop_with_containers(10)
    assert link.is_symlink() and not kept.exists()
    for work in (lambda: service.live_restore(10), lambda: service.put_back(service.Files(), None, True, True, 10)):
        kept.write_text('{"mtu": 1400}')
        work()
        assert link.is_symlink() and _daemon_json.parse_config(kept.read_text()) == {"mtu": 1400, "live-restore": True}
    text = kept.read_text()
    service.stop_with_containers(10)
    assert link.is_symlink() and kept.read_text() == text


def test_the_daemons_own_words(monkeypatch):
    text = (
        "Starting docker.service\nlevel=info msg=x\nfailed to start daemon: http://a:b@c\ndocker.service: failed to\n"
    )
    monkeypatch.setattr(service, "journal", lambda since: text)
    assert service.log_lines(0) == ["failed to start daemon: http://********@c"]
    taken = "docker.socket: Failed to create listening socket ([::]:2376): Address already in use"
    text = f"{taken}\nFailed to listen on docker.socket\ndocker.service: Job docker.service/start failed"
    assert service.log_lines(0) == [taken]


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
        with pytest.raises(HostError, match="plain HTTP"):
            service.check_refusal([], server.server_port, None)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(HostError, match="Nothing answers"):
        service.check_refusal([], server.server_port, None)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        *(("127.0.0.2", True), ("0.0.0.0", True), ("::", True), ("192.0.2.7", True), ("2001:DB8::7", True)),
        *(("192.0.2.78", False), ("2001:db8::78", False)),
    ],
)
def test_an_address_is_here_if_an_interface_has_it(monkeypatch, address, here):
    """Where a host may bind to addresses of others, as keepalived has it, a bind would say so of all."""
    monkeypatch.setattr(service.socket.socket, "bind", lambda it, place: None)
    monkeypatch.setattr(service._network, "ipv4_addresses", lambda: [("eth0", "192.0.2.7")])
    monkeypatch.setattr(_files, "read", lambda path: "20010db8000000000000000000000007 03 40 00 80     eth0\n")
    assert service._is_here(address) is here


@pytest.mark.parametrize(
    ("event", "log", "said"),
    [
        ({"Action": "reload"}, "level=error msg=of something else", None),
        (None, 'level=error msg="Error reconfiguring the daemon: no"', "Error reconfiguring the daemon: no"),
        (None, 'level=fatal msg="plugin \\"x\\" not found"', "not found"),
    ],
)
def test_a_reload_is_done_when_the_engine_says_so(ran, monkeypatch, event, log, said):
    monkeypatch.setattr(_api, "ask", lambda question: event if question.startswith("/events?since=") else None)
    monkeypatch.setattr(service, "journal", lambda since: log)
    if said is None:
        service.reload_engine(False, 10)
        return
    with pytest.raises(HostError, match=said):
        service.reload_engine(False, 10)


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("running", "reload"),
        ("reload", "reload"),
        ("start", "restart"),
        ("auto-restart", "restart"),
        ("failed", "restart"),
    ],
)
@pytest.mark.parametrize("answer", [{"Version": "20.10"}, None])
def test_an_engine_that_ended_by_a_reload_is_started_again(ran, monkeypatch, state, verb, answer):
    """And one that is slow to answer is not: its containers could go with it."""
    commands, dummy = ran
    monkeypatch.setattr(_systemd, "show", lambda *units: {"docker.service": {"SubState": state}})
    monkeypatch.setattr(_api, "ask", lambda question: answer)
    monkeypatch.setattr(_waiting, "until", lambda question, limit: question())
    monkeypatch.setattr(service, "lift_hold", lambda: False)
    said = service.put_back(service.Files(), "reload", True, False, 10)
    assert commands[-1] == f"systemctl {verb} docker.service" and "runs with it" in said


def test_an_engine_that_refuses_reloads_runs_on(ran, monkeypatch):
    commands, answers = ran
    answers["reload"] = ["Job type reload is not applicable for unit docker.service."]
    monkeypatch.setattr(_systemd, "show", lambda *units: {"docker.service": {"SubState": "running"}})
    monkeypatch.setattr(_api, "ask", lambda question: {"Version": "20.10"})
    monkeypatch.setattr(service, "lift_hold", lambda: False)
    said = service.put_back(service.Files(), "reload", True, False, 10)
    assert "runs on, but has not read them: Job type reload" in said and not _stopping(commands)


def _stopping(commands):
    return [line for line in commands if line.split()[1] in ("restart", "stop")]
