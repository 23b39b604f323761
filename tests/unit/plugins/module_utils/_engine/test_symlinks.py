# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user of the host puts links where root writes. Each test has a file of root's that must stay as it is."""

from __future__ import annotations

import os

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _config_file, _files, _paths, _server_key
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _symlinks as links
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _engine

SOMEBODY = 65534


@pytest.fixture
def owners(monkeypatch):
    """Folders that are somebody's, without being root; and the tests' own user is root."""
    real, theirs = os.stat, set()

    def stat(path, *more, **options):
        about = real(path, *more, **options)
        if str(path) in theirs:
            about = os.stat_result((*about[:4], SOMEBODY, SOMEBODY, *about[6:]))
        elif not isinstance(path, int):
            about = os.stat_result((*about[:4], 0, 0, *about[6:]))
        return about

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(os, "lstat", lambda path: stat(path, follow_symlinks=False))
    return theirs


@pytest.fixture
def place(tmp_path, monkeypatch, owners):
    """A host's /etc/docker, a user's home, and a file of root's."""
    for name in ("etc", "home", "root", "srv"):
        (tmp_path / name).mkdir()
    owners.add(str(tmp_path / "home"))
    (tmp_path / "root" / "secret.json").write_text('{"auths": "secret"}')
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(tmp_path / "etc" / "daemon.json"))
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path / "etc" / "tls"))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "etc" / "tls" / "key.pem"))
    monkeypatch.setattr(_paths, "ENVIRONMENT_PATH", str(tmp_path / "etc" / "dockyard.env"))
    return tmp_path


def kept(place):
    return (place / "root" / "secret.json").read_text() == '{"auths": "secret"}' and os.listdir(place / "root") == [
        "secret.json"
    ]


@pytest.mark.parametrize("how", ["in a folder of theirs", "through a folder of theirs", "in a folder for all"])
def test_a_link_that_a_user_can_change_is_neither_followed_nor_read(place, owners, how):
    config = place / "etc" / "daemon.json"
    config.symlink_to(place / "root" / "secret.json")
    if how == "in a folder of theirs":
        owners.add(str(place / "etc"))
    elif how == "in a folder for all":
        (place / "etc").chmod(0o777)
    else:
        (place / "home" / "config.json").symlink_to(place / "root" / "secret.json")
        config.unlink()
        config.symlink_to("../home/config.json")
    look = _engine.about_config()
    assert "others than root can change" in look["error"] and look["content"] == {}
    for write in (lambda: _config_file.write_config({"debug": True}), _config_file.config_path):
        with pytest.raises(HostError, match="others than root can change"):
            write()
    assert kept(place)


@pytest.mark.parametrize("chain", [False, True])
def test_a_link_that_root_has_made_is_followed(place, chain):
    config, target = place / "etc" / "daemon.json", place / "srv" / "docker.json"
    target.write_text('{"mtu": 1400}')
    if chain:
        (place / "etc" / "other").symlink_to("../srv")
    config.symlink_to("other/docker.json" if chain else target)
    assert links.untrusted(str(config)) is None and _engine.about_config()["content"] == {"mtu": 1400}
    assert _config_file.write_config({"debug": True}) and config.is_symlink() and "debug" in target.read_text()


def test_a_folder_that_is_a_users_link_is_not_written_to(place, owners):
    owners.add(str(place / "etc"))
    (place / "etc" / "tls").symlink_to(place / "root")
    for write in (
        lambda: _files.write(_paths.KEY_PATH, "key", 0o400),
        _server_key.make_key,
        rootless.own_files,
        lambda: _server_key.make_request(["web"]) or _files.write(f"{_paths.TLS_FOLDER}/x", "", 0o600),
    ):
        with pytest.raises(HostError, match="others than root can change"):
            write()
    assert kept(place)


def test_a_link_in_the_place_of_a_file_of_ours_is_replaced(place):
    """Also if what it leads to is as wanted: it need not stay so."""
    path, target = place / "etc" / "unit.conf", place / "home" / "unit.conf"
    target.write_text("wanted")
    target.chmod(0o644)
    path.symlink_to(target)
    assert _files.write(str(path), "wanted", 0o644) and not path.is_symlink() and path.read_text() == "wanted"


def test_the_owner_of_a_file_behind_a_link_stays(place, monkeypatch):
    changed = []
    monkeypatch.setattr(os, "chown", lambda path, *ids, follow_symlinks=True: changed.append((path, follow_symlinks)))
    rootless.own_files()
    assert changed and not any(follows for path, follows in changed if path != _paths.TLS_FOLDER)


def test_links_in_a_circle_are_no_way(place):
    (place / "etc" / "daemon.json").symlink_to("daemon.json")
    assert links.untrusted(_paths.CONFIG_PATH) is None


def test_with_the_rights_of_a_user_links_are_the_users_own(place, owners, monkeypatch):
    owners.add(str(place / "etc"))
    (place / "etc" / "daemon.json").symlink_to(place / "home")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert links.untrusted(_paths.CONFIG_PATH) is None
