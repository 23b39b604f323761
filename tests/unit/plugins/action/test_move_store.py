# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a move before anything is read; ../plugin_utils/_store/test_move.py moves."""

from __future__ import annotations

import types

import pytest

from ansible_collections.dockyard.machine.plugins.action.move_store import ActionModule
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("to", ["", " "])
def test_a_store_is_not_moved_to_the_default_place_by_an_empty_variable(tmp_path, monkeypatch, to, gone):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    store = FileStore(str(tmp_path / "store"))
    store.create()
    action = ActionModule.__new__(ActionModule)
    action._task = types.SimpleNamespace(check_mode=False)
    with pytest.raises(BadOption, match="to: .* is not a place for a store"):
        action.perform({"from": store.where, "to": to, "gone": gone, "lock_timeout": 1}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
