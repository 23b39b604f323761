# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pwd
import types

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _client_proxies as clients
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError

WANTED = {"httpProxy": "http://jo:pw@proxy:3128", "noProxy": "localhost"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder of the user jo, whose rights the test has anyway."""
    entry = types.SimpleNamespace(pw_dir=str(tmp_path), pw_uid=os.geteuid(), pw_gid=os.getegid())

    def by_name(name):
        if name != "jo":
            raise KeyError(name)
        return entry

    monkeypatch.setattr(pwd, "getpwnam", by_name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


def config(home):
    return home / ".docker" / "config.json"


def test_keys_of_others_stay_and_ours_go(home):
    config(home).parent.mkdir()
    config(home).write_text(json.dumps({"auths": {"r": {}}, "proxies": {"default": {"ftpProxy": "x"}, "tcp://h": {}}}))
    clients.put("jo", WANTED, [])
    assert json.loads(config(home).read_text()) == {
        "auths": {"r": {}},
        "proxies": {"default": {"ftpProxy": "x", **WANTED}, "tcp://h": {}},
    }
    assert config(home).stat().st_mode & 0o777 == 0o600
    clients.put("jo", {}, list(WANTED))
    assert json.loads(config(home).read_text())["proxies"] == {"default": {"ftpProxy": "x"}, "tcp://h": {}}
    clients.put("jo", {}, ["ftpProxy"])
    assert json.loads(config(home).read_text())["proxies"] == {"tcp://h": {}}


def test_a_new_file_is_private_from_the_start_and_nothing_is_left_of_ours(home):
    clients.put("jo", WANTED, [])
    assert config(home).parent.stat().st_mode & 0o777 == 0o700
    clients.put("jo", {}, list(WANTED))
    assert json.loads(config(home).read_text()) == {}


def test_the_look_tells_keys_and_never_a_value(home):
    config(home).parent.mkdir()
    config(home).write_text(json.dumps({"proxies": {"default": {"noProxy": "localhost", "ftpProxy": "x"}}}))
    found = clients.about_clients(["jo"], WANTED, {"jo": ["ftpProxy"], "gone": ["httpProxy"]})
    assert list(found) == ["jo"]
    assert (found["jo"]["set"], found["jo"]["unset"]) == (["httpProxy"], ["ftpProxy"])
    assert "pw" not in str(found)
    assert clients.about_clients([], {}, {"jo": ["noProxy"]})["jo"]["unset"] == ["noProxy"]


@pytest.mark.parametrize("text", ["{,}", "[]"])
def test_a_file_that_can_not_be_read_is_told_and_not_overwritten(home, text):
    config(home).parent.mkdir()
    config(home).write_text(text)
    assert "JSON" in clients.about_clients(["jo"], WANTED, {})["jo"]["error"]
    with pytest.raises(HostError, match="user jo can't be changed"):
        clients.put("jo", WANTED, [])
    assert config(home).read_text() == text


def test_a_home_that_its_user_can_not_write_to_is_told(home, monkeypatch):
    """Such as a service's user has, or one of which there is none. It is that user who may write, not who looks."""
    asked = []

    def access(path, mode, **more):
        asked.append((path, mode, more))
        return False

    monkeypatch.setattr(os, "access", access)
    assert clients.about_clients(["jo"], WANTED, {})["jo"]["error"] == f"that user can't write to {home}"
    assert asked == [(str(home), os.W_OK | os.X_OK, {"effective_ids": True})]
    home.rmdir()
    assert (
        clients.about_clients(["jo"], WANTED, {})["jo"]["error"]
        == f"there is no folder {home}, and that user can't make it"
    )


def test_a_home_that_is_yet_to_be_made_is_none_that_can_not_be_written_to(home):
    home.rmdir()
    assert clients.about_clients(["jo"], WANTED, {})["jo"]["error"] is None
    clients.put("jo", WANTED, [])
    assert config(home).exists()


def test_a_link_stays_a_link(home):
    real = home / "dotfiles.json"
    real.write_text("{}")
    config(home).parent.mkdir()
    config(home).symlink_to(real)
    clients.put("jo", WANTED, [])
    assert config(home).is_symlink() and json.loads(real.read_text())["proxies"]["default"] == WANTED


def test_secrets_are_spelled_for_engine_and_clients():
    given = {
        "environment": {"A": 1},
        "proxies": {"https_proxy": "http://jo:pw@p", "no_proxy": ["a", "b"], "http_proxy": ""},
        "client_proxies": {"all_proxy": "socks5://p:1", "no_proxy": "a,b"},
    }
    assert secrets.secrets_of(json.dumps(given)) == (
        {"A": "1", "HTTPS_PROXY": "http://jo:pw@p", "NO_PROXY": "a,b"},
        {"allProxy": "socks5://p:1", "noProxy": "a,b"},
    )
    assert secrets.secrets_of("{}") == ({}, {})


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("http://proxy:3128", True),
        ("http://jo:p%40w@proxy", True),
        ("socks5h://[::1]:1080", True),
        ("proxy:3128", False),
        ("ftp://proxy", False),
        ("http://canary:99999", False),
        ("http://can ary", False),
        ("http://", False),
    ],
)
def test_what_is_no_proxy_is_said_without_its_value(value, good):
    said = secrets.wrong("docker_engine_proxies", {"https_proxy": value, "no_proxy": "anything at all"})
    assert (said is None) == good
    if said:
        assert "docker_engine_proxies.https_proxy is not a valid proxy" in said and "canary" not in said
