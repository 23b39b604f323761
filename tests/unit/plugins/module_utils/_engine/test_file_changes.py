# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files are put back as they were."""

from __future__ import annotations

import contextlib
import stat

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _commands,
    _file_changes,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


def test_files_are_put_back_as_they_were(tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_text("old")
    one.chmod(0o640)
    two.write_text("two")
    kept = _file_changes.Files()
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
            raise HostError("no")

    monkeypatch.setattr(_commands, "run", run)
    step = {"files": {str(path): "not yet"}, "commands": [["reload"]], "done": {str(path): "told"}}
    with pytest.raises(HostError) if fails else contextlib.nullcontext():
        _file_changes.open_and_close(step, 1)
    assert seen == ["not yet"] and path.read_text() == ("not yet" if fails else "told")
