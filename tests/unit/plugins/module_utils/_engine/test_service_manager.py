# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service_manager as manager


@pytest.mark.parametrize("synced", [True, False])
def test_what_the_engine_has_just_said_is_in_its_journal_before_that_is_read(monkeypatch, synced):
    """Also where the journal can't be told to: what is there is better than nothing."""
    written = ["Starting"]

    def run(*command, check=True, **more):
        if "--sync" in command:
            assert not check
            written.extend(["level=fatal"] if synced else [])
            return (0 if synced else 1), "", ""
        return 0, "\n".join(written), ""

    monkeypatch.setattr(_commands, "run", run)
    assert manager.Systemd().log(0.0).split() == (["Starting", "level=fatal"] if synced else ["Starting"])
