# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role remembers on a host."""

from __future__ import annotations

import json
import stat

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _paths,
    _state,
)


def test_memory_survives_and_is_private(tmp_path, monkeypatch):
    path = tmp_path / "state" / "engine.json"
    monkeypatch.setattr(_paths, "STATE_PATH", str(path))
    assert _state.remembered() == {}
    _state.remember({"debug": True}, "restart")
    assert json.loads(path.read_text()) == {"schema": 1, "config": {"debug": True}, "pending": "restart"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _state.remembered() == {"debug": True}
