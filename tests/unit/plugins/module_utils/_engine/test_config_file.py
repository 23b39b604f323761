# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json on the host."""

from __future__ import annotations

import json
import os
import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _commands,
    _config_file,
    _file_changes,
    _paths,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_a_configuration_stays_one(tmp_path, monkeypatch, there):
    kept, link = tmp_path / "kept" / "docker.json", tmp_path / "daemon.json"
    kept.parent.mkdir()
    if there:
        kept.write_text('{"mtu": 1400}')
        kept.chmod(0o640)
    link.symlink_to("kept/docker.json")
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(link))
    put = _file_changes.Files()
    assert put.put(_config_file.config_path(), '{"mtu": 1300}')
    assert link.is_symlink() and kept.read_text() == '{"mtu": 1300}'
    put.undo()
    assert link.is_symlink() and kept.exists() == there
    if there:
        assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ('{"mtu": 1400}', 0o640)
    assert _config_file.write_config({"debug": True})
    assert link.is_symlink() and json.loads(kept.read_text()) == {"debug": True}
    assert stat.S_IMODE(kept.stat().st_mode) == (0o640 if there else 0o644)


def test_a_device_in_place_of_a_configuration_is_not_written_over(tmp_path, monkeypatch):
    """A link to /dev/null is an empty configuration: what comes in its place must not come in that of the device."""
    link = tmp_path / "daemon.json"
    link.symlink_to(os.devnull)
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(link))
    assert _config_file.config_path() == str(link)


def test_validation_by_the_engines_program(tmp_path, monkeypatch):
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(_commands, "which", lambda name: "/usr/bin/dockerd")
    answers = iter([(0, "configuration OK", ""), (125, "", "unknown flag: --validate"), (1, "", "bad log-driver")])
    monkeypatch.setattr(_commands, "run", lambda *command, **more: next(answers))
    asked = '{"log-driver": "x"}'
    _config_file.validate(asked)
    _config_file.validate(asked)
    with pytest.raises(HostError, match="bad log-driver"):
        _config_file.validate(asked)
    # What is the role's alone is valid: no answer is left for a question
    _config_file.validate('{"live-restore": true}')
    _config_file.validate("{}")
    assert list(tmp_path.iterdir()) == []
