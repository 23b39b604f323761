# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import time

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _client_proxies as clients
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _files, _paths
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _leftovers as leftovers
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _package_managers as families
from tests.unit.plugins.plugin_utils._engine.test_plan import done, plan


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("CONFIG_PATH", "KEY_PATH", "STATE_PATH", "SERVICE_DROP_IN", "SOCKET_DROP_IN"):
        monkeypatch.setattr(_paths, name, str(tmp_path / name.lower() / "file"))
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(leftovers, "FAMILIES", {})

    @contextlib.contextmanager
    def acting_as(user):
        yield str(tmp_path / "home" / user / "config.json")

    monkeypatch.setattr(clients, "acting_as", acting_as)
    for user in ("root", "jo"):
        (tmp_path / "home" / user).mkdir(parents=True)
    return tmp_path


def killed(place, folder, monkeypatch):
    """A run that is killed before a file gets its name."""

    def die(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", die)
        patch.setattr(os, "unlink", lambda path: None)
        with pytest.raises(KeyboardInterrupt):
            _files.write(str(place / folder / "file"), "secret", 0o600)


def test_what_a_killed_run_has_left_is_found_and_removed(place, monkeypatch):
    folders = ("config_path", "state_path", "service_drop_in", "home/jo", "home/root")
    for folder in folders:
        killed(place, folder, monkeypatch)
    for name in ("config_path/file.dockyard-check", "key_path/file.new"):
        (place / name).write_text("secret")
    kept = ("config_path/.dockyard-mine", "config_path/.dockyard-abcdefgh.bak", "home/jo/file.new", "home/root/x")
    for name in kept:
        (place / name).write_text("")
    (place / "config_path" / ".dockyard-afolder_").mkdir()
    assert leftovers.find(["jo"]) == [], "a run may be at work"
    for path in place.rglob("*"):
        os.utime(path, (time.time() - 3600,) * 2)
    found = leftovers.find(["jo"])
    assert len(found) == len(folders) + 2 and len(leftovers.find([])) == len(found) - 1
    leftovers.sweep(["jo"])
    assert not leftovers.find(["jo"]) and not any(map(os.path.exists, found))
    assert all((place / name).exists() for name in kept) and (place / "config_path" / ".dockyard-afolder_").is_dir()


def test_each_place_of_a_repository_is_looked_at():
    found = leftovers.folders()
    for family in families.FAMILIES.values():
        if family.repository:
            assert {os.path.dirname(family.repository.source_path), os.path.dirname(family.repository.key_path)} <= {
                *found
            }
    assert {"/etc/docker", "/etc/docker/tls", "/var/lib/dockyard", "/var/lib"} <= {*found}


def test_a_look_that_finds_any_is_a_reason_to_change_something():
    info = done()
    assert not plan(info).changes
    info["left_over"] = ["/etc/docker/.dockyard-abcdefgh"]
    it = plan(info)
    assert it.changes == ["remove temporary files that a killed run has left: /etc/docker/.dockyard-abcdefgh"]
    assert it.action is None and it.apply
