# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _files as files
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _host as host
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority, _signing_request


def test_files_are_put_back_as_they_were(tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_text("old")
    one.chmod(0o640)
    two.write_text("two")
    kept = files.Files()
    assert kept.put(str(one), "new", 0o600)
    assert kept.put(str(one), "newer", 0o600)
    assert kept.put(str(two), None)
    assert kept.put(str(three), "three")
    assert not kept.put(str(three), "three")
    kept.undo()
    assert (one.read_text(), stat.S_IMODE(one.stat().st_mode)) == ("old", 0o640)
    assert two.read_text() == "two" and not three.exists()


@pytest.mark.parametrize("fails", [True, False])
def test_a_firewalls_file_is_as_it_is_to_be_once_its_commands_are_done(tmp_path, monkeypatch, fails):
    path = tmp_path / "policy.xml"
    seen = []

    def run(*command, **more):
        seen.append(path.read_text())
        if fails:
            raise host.HostError("no")

    monkeypatch.setattr(host, "run", run)
    step = {"files": {str(path): "not yet"}, "commands": [["reload"]], "done": {str(path): "told"}}
    with pytest.raises(host.HostError) if fails else contextlib.nullcontext():
        files.open_and_close(step, 1)
    assert seen == ["not yet"] and path.read_text() == ("not yet" if fails else "told")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_a_configuration_stays_one(tmp_path, monkeypatch, there):
    kept, link = tmp_path / "kept" / "docker.json", tmp_path / "daemon.json"
    kept.parent.mkdir()
    if there:
        kept.write_text('{"mtu": 1400}')
        kept.chmod(0o640)
    link.symlink_to("kept/docker.json")
    monkeypatch.setattr(cfg, "CONFIG_PATH", str(link))
    put = files.Files()
    assert put.put(files.config_path(), '{"mtu": 1300}')
    assert link.is_symlink() and kept.read_text() == '{"mtu": 1300}'
    put.undo()
    assert link.is_symlink() and kept.exists() == there
    if there:
        assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ('{"mtu": 1400}', 0o640)
    assert files.write_config({"debug": True})
    assert link.is_symlink() and json.loads(kept.read_text()) == {"debug": True}
    assert stat.S_IMODE(kept.stat().st_mode) == (0o640 if there else 0o644)


def test_the_group_of_a_configuration_stays(tmp_path, monkeypatch):
    """Who could read it by that still can, as a tool that watches it."""
    path = tmp_path / "daemon.json"
    monkeypatch.setattr(cfg, "CONFIG_PATH", str(path))
    path.write_text("{}")
    path.chmod(0o640)
    # Who isn't root gives files to groups of one's own alone.
    group = max(os.getgroups(), default=os.getegid()) if os.geteuid() else 1001
    os.chown(path, -1, group)
    put = files.Files()
    for change in (
        lambda: put.put(str(path), '{"mtu": 1300}', 0o640),
        lambda: files.write_config({"mtu": 1400}),
        lambda: put.put(str(path), None),
        put.undo,
    ):
        change()
        if path.exists():
            assert (os.stat(path).st_gid, stat.S_IMODE(os.stat(path).st_mode)) == (group, 0o640)
    assert path.read_text() == "{}"


def test_a_file_of_a_user_alone_is_given_to_no_group(tmp_path, monkeypatch):
    """A client's config.json that root has made once has root's group, and is written as the user."""

    def refuse(*who):
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    path = tmp_path / "config.json"
    path.write_text("{}")
    assert host.write(str(path), "{ }", 0o600) and path.read_text() == "{ }"


def test_a_device_in_place_of_a_configuration_is_not_written_over(tmp_path, monkeypatch):
    """A link to /dev/null is an empty configuration: what comes in its place must not come in that of the device."""
    link = tmp_path / "daemon.json"
    link.symlink_to(os.devnull)
    monkeypatch.setattr(cfg, "CONFIG_PATH", str(link))
    assert files.config_path() == str(link)


def test_memory_survives_and_is_private(tmp_path, monkeypatch):
    path = tmp_path / "state" / "engine.json"
    monkeypatch.setattr(cfg, "STATE_PATH", str(path))
    assert files.remembered() == {}
    files.remember({"debug": True}, "restart")
    assert json.loads(path.read_text()) == {"schema": 1, "config": {"debug": True}, "pending": "restart"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.remembered() == {"debug": True}


@pytest.mark.parametrize("tools", [{"openssl", "ssh-keygen"}, {"ssh-keygen"}])
def test_key_is_private_from_the_first_moment_and_stays(tmp_path, monkeypatch, tools):
    which = host.which
    monkeypatch.setattr(host, "which", lambda name: which(name) if name in tools else None)
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    files.make_key()
    key = tmp_path / "tls" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o400 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in key.parent.iterdir()] == ["key.pem"]
    content = key.read_text()
    _tls.public_key_sha256(content)
    key.chmod(0o644)
    files.make_key()
    assert key.read_text() == content and stat.S_IMODE(key.stat().st_mode) == 0o400
    key.write_text("broken")
    files.make_key()
    assert key.read_text() not in (content, "broken"), "a key that can't be used is replaced"


@pytest.mark.parametrize(("mode", "then"), [(0o700, 0o700), (0o750, 0o750), (0o755, 0o750)])
def test_the_folder_of_the_key_stays_open_to_a_user_whose_engine_it_is(tmp_path, monkeypatch, mode, then):
    """By its group. It is open to nobody else."""
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    folder = tmp_path / "tls"
    folder.mkdir()
    folder.chmod(mode)
    files.make_key()
    assert stat.S_IMODE(folder.stat().st_mode) == then


def test_a_signing_request_asks_for_names_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    files.make_key()
    names = ["web1.example.org", "192.0.2.7", "fd00::1", "*.example.org"]
    csr = files.make_request(names)
    wanted = _authority.server_request(csr, names, _tls.CERTIFICATE_LIFE)
    _signing_request.checked_csr(csr, wanted)
    assert _tls.public_key_sha256(csr) == _tls.public_key_sha256((tmp_path / "tls" / "key.pem").read_text())
    assert [entry.name for entry in (tmp_path / "tls").iterdir()] == ["key.pem"]
    monkeypatch.setattr(host, "which", lambda name: None)
    assert files.make_request(names) is None


def test_no_tool_for_keys_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "which", lambda name: None)
    monkeypatch.setattr(cfg, "TLS_FOLDER", str(tmp_path))
    monkeypatch.setattr(cfg, "KEY_PATH", str(tmp_path / "key.pem"))
    with pytest.raises(host.HostError, match="openssl nor ssh-keygen"):
        files.make_key()


def test_validation_by_the_engines_program(tmp_path, monkeypatch):
    monkeypatch.setattr(cfg, "CONFIG_PATH", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(host, "which", lambda name: "/usr/bin/dockerd")
    answers = iter([(0, "configuration OK", ""), (125, "", "unknown flag: --validate"), (1, "", "bad log-driver")])
    monkeypatch.setattr(host, "run", lambda *command, **more: next(answers))
    asked = '{"log-driver": "x"}'
    files.validate(asked)
    files.validate(asked)
    with pytest.raises(host.HostError, match="bad log-driver"):
        files.validate(asked)
    # What is the role's alone is valid: no answer is left for a question
    files.validate('{"live-restore": true}')
    files.validate("{}")
    assert list(tmp_path.iterdir()) == []
