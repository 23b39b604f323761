# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _subordinate_ids as ids
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _remap


@pytest.fixture
def files(tmp_path, monkeypatch):
    paths = (tmp_path / "subuid", tmp_path / "subgid")
    monkeypatch.setattr(ids, "FILES", tuple(map(str, paths)))
    return paths


def test_a_user_is_made_once_with_ids_of_its_own(files, monkeypatch):
    commands = []
    monkeypatch.setattr(_commands, "run", lambda *command, **more: commands.append(command))
    files[0].write_text("jo:100000:65536")
    for number in (1, 2):
        ids.provide("nobody-yet", "nobody-yet")
        assert files[0].read_text() == "jo:100000:65536\nnobody-yet:165536:65536\n"
        assert files[1].read_text() == "nobody-yet:165536:65536\n"
        assert len(commands) == number, "the user was not really made, so it is tried again"
    assert commands[0] == (
        *("useradd", "--system", "--no-create-home", "--shell", "/bin/false", "--user-group"), "nobody-yet",
    )  # fmt: skip
    ids.provide("root", "root")
    assert len(commands) == 2 and "root:" in files[0].read_text()


def test_the_look_at_users_and_their_root(files, tmp_path):
    files[0].write_text("root:100000:65536\n")
    files[1].write_text("root:200000:65535\n")
    seen = _remap.about_remap("root", {}, str(tmp_path))
    assert seen["user"] == {"name": "root", "exists": True, "ranges": True}
    assert seen["group"]["ranges"] is False, "one id too few"
    assert seen["root"] == str(tmp_path)
    (tmp_path / "100000.200000" / "volumes" / "store").mkdir(parents=True)
    seen = _remap.about_remap("", {"userns-remap": "root"}, str(tmp_path))
    assert seen["root"] == f"{tmp_path}/100000.200000" and seen["hides"]["volumes"] == 1
