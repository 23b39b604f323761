# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's private key and its signing request."""

from __future__ import annotations

import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _commands,
    _paths,
    _server_key,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority, _signing_request


@pytest.mark.parametrize("tools", [{"openssl", "ssh-keygen"}, {"ssh-keygen"}])
def test_key_is_private_from_the_first_moment_and_stays(tmp_path, monkeypatch, tools):
    which = _commands.which
    monkeypatch.setattr(_commands, "which", lambda name: which(name) if name in tools else None)
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    _server_key.make_key()
    key = tmp_path / "tls" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o400 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in key.parent.iterdir()] == ["key.pem"]
    content = key.read_text()
    _tls.public_key_sha256(content)
    key.chmod(0o644)
    _server_key.make_key()
    assert key.read_text() == content and stat.S_IMODE(key.stat().st_mode) == 0o400
    key.write_text("broken")
    _server_key.make_key()
    assert key.read_text() not in (content, "broken"), "a key that can't be used is replaced"


@pytest.mark.parametrize(("mode", "then"), [(0o700, 0o700), (0o750, 0o750), (0o755, 0o750)])
def test_the_folder_of_the_key_stays_open_to_a_user_whose_engine_it_is(tmp_path, monkeypatch, mode, then):
    """By its group. It is open to nobody else."""
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    folder = tmp_path / "tls"
    folder.mkdir()
    folder.chmod(mode)
    _server_key.make_key()
    assert stat.S_IMODE(folder.stat().st_mode) == then


def test_a_signing_request_asks_for_names_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path / "tls"))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "tls" / "key.pem"))
    _server_key.make_key()
    names = ["web1.example.org", "192.0.2.7", "fd00::1", "*.example.org"]
    csr = _server_key.make_request(names)
    wanted = _authority.server_request(csr, names, _tls.CERTIFICATE_LIFE)
    _signing_request.checked_csr(csr, wanted)
    assert _tls.public_key_sha256(csr) == _tls.public_key_sha256((tmp_path / "tls" / "key.pem").read_text())
    assert [entry.name for entry in (tmp_path / "tls").iterdir()] == ["key.pem"]
    monkeypatch.setattr(_commands, "which", lambda name: None)
    assert _server_key.make_request(names) is None


def test_no_tool_for_keys_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_commands, "which", lambda name: None)
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "key.pem"))
    with pytest.raises(HostError, match="openssl nor ssh-keygen"):
        _server_key.make_key()
