# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on a host: whole, with their mode and group."""

from __future__ import annotations

import os
import stat

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _config_file,
    _file_changes,
    _files,
    _paths,
)


def test_the_group_of_a_configuration_stays(tmp_path, monkeypatch):
    """Who could read it by that still can, as a tool that watches it."""
    path = tmp_path / "daemon.json"
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(path))
    path.write_text("{}")
    path.chmod(0o640)
    # Who isn't root gives files to groups of one's own alone.
    group = max(os.getgroups(), default=os.getegid()) if os.geteuid() else 1001
    os.chown(path, -1, group)
    put = _file_changes.Files()
    for change in (
        lambda: put.put(str(path), '{"mtu": 1300}', 0o640),
        lambda: _config_file.write_config({"mtu": 1400}),
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
    assert _files.write(str(path), "{ }", 0o600) and path.read_text() == "{ }"
