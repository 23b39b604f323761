# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _commands,
    _files,
    _owner,
    _paths,
    _systemd,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _subordinate_ids as ids
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _rootless
from ansible_collections.dockyard.machine.plugins.modules import engine_apply

JO = _owner.Owner("jo", 1001, 1001, "/home/jo")


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Commands that would run, and whose Engine it would be, which is undone."""
    commands = []
    monkeypatch.setattr(_owner, "OWNER", None)
    monkeypatch.setattr(_owner, "SOCKETS", ("/run/docker.sock",))
    monkeypatch.setattr(_commands, "run", lambda *command, **more: commands.append(" ".join(command)) or (0, "", ""))
    monkeypatch.setattr(isolation, "ROOTLESS_UNIT", str(tmp_path / "docker.service"))
    return commands


def test_units_are_those_of_whose_engine_it_is(ran):
    _systemd.systemctl("start", "docker.socket", "docker.service")
    _owner.belongs_to(JO)
    _systemd.systemctl("start", "docker.socket", "docker.service")
    assert ran[0] == "systemctl start docker.socket docker.service"
    assert ran[1].startswith("runuser -u jo -- env -C / XDG_RUNTIME_DIR=/run/user/1001 ")
    assert ran[1].endswith("systemctl --user start docker.service"), "there is no unit for its socket"
    assert _owner.SOCKETS == ("/run/user/1001/docker.sock",)
    _owner.belongs_to(None)
    assert _owner.SOCKETS == _owner.OWN_SOCKETS


def test_a_user_gets_what_it_lacks_in_order(ran, monkeypatch):
    there = {"manager": False}
    monkeypatch.setattr(ids, "provide", lambda *who, **more: ran.append("provide " + " ".join(who)))
    monkeypatch.setattr(_owner, "owner_of", lambda name: JO)
    monkeypatch.setattr(_files, "write", lambda path, text, mode: ran.append("write " + path) or True)
    monkeypatch.setattr(rootless, "manager_runs", lambda owner: there["manager"] or "loginctl enable-linger jo" in ran)
    rootless.prepare({"user": "jo", "delegate": True, "system_off": True}, 5)
    assert [line.split(" /")[0] for line in ran] == [
        "provide jo jo", "write", "systemctl daemon-reload", "loginctl enable-linger jo",
        "systemctl disable --quiet --now docker.socket docker.service",
    ]  # fmt: skip
    assert _owner.OWNER == JO
    monkeypatch.setattr(rootless, "manager_runs", lambda owner: False)
    with pytest.raises(HostError, match=r"user@1001\.service"):
        rootless.prepare({"user": "jo", "delegate": False, "system_off": False}, 0)


def test_the_system_wide_engine_comes_back_where_the_other_does_not_start(ran, monkeypatch):
    owners = []
    monkeypatch.setattr(rootless, "own_files", lambda: owners.append(_owner.OWNER))
    _owner.belongs_to(JO)
    assert rootless.make_way_back({"system_ran": False}, 5) == "" and not ran
    assert "runs again" in rootless.make_way_back({"system_ran": True}, 5)
    assert ran[-1] == "systemctl enable --quiet --now docker.socket docker.service"
    assert owners == [None], "the key and the environment are root's again, and not the user's to read"
    monkeypatch.setattr(_commands, "run", lambda *command, **more: (1, "", ""))
    assert "does not start again" in rootless.make_way_back({"system_ran": True}, 5)


def test_whose_engine_was_set_up(ran):
    assert rootless.unit_user() is None
    _files.write(isolation.ROOTLESS_UNIT, rootless.unit("jo", 2376, [], False, program="/x/dockerd-rootless.sh"), 0o644)
    assert rootless.unit_user() == "jo"
    rootless.leave("jo-who-has-gone", 5)
    assert rootless.unit_user() is None and ran == ["systemctl --global disable --quiet docker.service"]


@pytest.mark.parametrize("status", [0, 1])
def test_a_users_engine_comes_back_where_the_one_in_its_place_does_not_start(ran, monkeypatch, status):
    owners = []
    monkeypatch.setattr(rootless, "own_files", lambda: owners.append(_owner.OWNER))
    monkeypatch.setattr(rootless, "manager_runs", lambda owner: True)
    monkeypatch.setattr(_owner, "owner_of", lambda name: JO)
    monkeypatch.setattr(engine_apply.PlanRunner, "run", lambda self: refuse())
    text = rootless.unit("jo", 2376, [], False, program="/x/dockerd-rootless.sh")
    _files.write(isolation.ROOTLESS_UNIT, text, 0o644)

    def refuse():
        assert rootless.unit_user() is None
        monkeypatch.setattr(
            _commands, "run", lambda *command, **more: ran.append(" ".join(command)) or (status, "", "")
        )
        raise HostError("The Engine of this host was not brought to its plan: no.")

    params = {"prepare": {}, "install": {}, "apply": {"rootless_off": "jo"}, "start_timeout": 5, "wait_timeout": 5}
    params.update(certificate=None, secrets="{}")
    with pytest.raises(HostError) as caught:
        engine_apply.perform(params)
    said = "which was stopped for it, does not start again" if status else "The Engine of the user jo runs again"
    assert said in str(caught.value) and _files.read(isolation.ROOTLESS_UNIT) == text and owners == [JO]
    assert "systemctl --global enable --quiet docker.service" in ran
    assert ran[-1].endswith("systemctl --user start docker.service")


def test_private_files_are_their_owners_in_a_folder_that_is_roots(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(tmp_path / "docker" / "daemon.json"))
    monkeypatch.setattr(_paths, "TLS_FOLDER", str(tmp_path / "docker" / "tls"))
    monkeypatch.setattr(_paths, "KEY_PATH", str(tmp_path / "docker" / "tls" / "key.pem"))
    monkeypatch.setattr(_paths, "ENVIRONMENT_PATH", str(tmp_path / "docker" / "env"))
    os.makedirs(_paths.TLS_FOLDER)
    os.chmod(tmp_path / "docker", 0o700)
    (tmp_path / "docker" / "tls" / "key.pem").touch(mode=0o600)
    owners = {}
    monkeypatch.setattr(
        rootless.os, "chown", lambda path, uid, gid, **how: owners.update({os.path.basename(path): (uid, gid)})
    )
    _owner.belongs_to(JO)
    rootless.own_files()
    assert owners == {"tls": (0, 1001), "key.pem": (1001, 1001), "env": (1001, 1001)}
    assert os.stat(_paths.TLS_FOLDER).st_mode & 0o777 == 0o750 and os.stat(tmp_path / "docker").st_mode & 0o777 == 0o711
    _owner.belongs_to(None)
    rootless.own_files()
    assert owners["key.pem"] == (0, 0) and os.stat(_paths.TLS_FOLDER).st_mode & 0o777 == 0o700
    status = os.stat(_paths.KEY_PATH)
    if status.st_uid == 0:
        assert rootless.owned(None)
    mine = _owner.Owner("jo", status.st_uid, status.st_gid, "/home/jo")
    assert not rootless.owned(mine._replace(uid=mine.uid + 1))
    for mode, gid, owned in (
        *((0o700, mine.gid, False), (0o750, mine.gid, True), (0o750, mine.gid + 1, False), (0o755, mine.gid + 1, True)),
    ):
        os.chmod(_paths.TLS_FOLDER, mode)
        assert rootless.owned(mine._replace(gid=gid)) is owned, "its user has to come through the folder"
    os.remove(_paths.KEY_PATH)
    os.rmdir(_paths.TLS_FOLDER)
    assert rootless.owned(mine) and rootless.owned(None)


def test_the_look_at_a_user_that_is_not_there(ran):
    seen = _rootless.about_rootless("nobody-yet")
    assert seen["user"] == {"name": "nobody-yet", "exists": False, "ranges": False} and seen["lingers"] is False
    assert seen["data_root"] == "/home/nobody-yet/.local/share/docker" and _owner.OWNER is None
    units = _rootless.units({})
    assert units["docker.service"]["exists"] and units["docker.socket"]["enabled"] == "enabled"
    assert _rootless.about_rootless("") == {
        "unit_user": None, "other": 0, "owned": seen["owned"], "lingers": True, "data_root": "/var/lib/docker",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "answer", "containers"),
    [
        ("active", {"ContainersRunning": 2}, 2),
        ("active", None, None),
        ("inactive", None, 0),
        ("failed", {"ContainersRunning": 2}, 0),
        (None, None, 0),
    ],
)
def test_how_many_containers_another_users_engine_runs(ran, monkeypatch, state, answer, containers):
    """Of one that hangs that is not known, and it is not stopped unasked."""
    _files.write(isolation.ROOTLESS_UNIT, "[Unit]\nConditionUser=jo\n", 0o644)
    asked = []

    def run(*command, **more):
        asked.append(command[:3])
        return 0, f"Id=docker.service\nActiveState={state}\n", ""

    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_owner, "owner_of", lambda name: JO)
    monkeypatch.setattr(rootless, "manager_runs", lambda owner: state is not None)
    monkeypatch.setattr(_api, "ask", lambda question, limit: answer)
    assert _rootless.about_rootless("")["other"] == containers
    assert asked == ([("runuser", "-u", "jo")] if state else []) and _owner.OWNER is None


def test_firewalls_are_the_system_s_also_where_the_engine_is_a_user_s(monkeypatch, ran):
    said = "Id=docker.service\nActiveState=active\n\nId=nftables.service\nLoadState=loaded\nActiveState=active\n"
    monkeypatch.setattr(_commands, "run", lambda *command, **more: ran.append(" ".join(command)) or (0, said, ""))
    seen = _rootless.about_rootless("nobody-yet")
    assert seen["firewalls"]["nftables.service"]["ActiveState"] == "active"
    assert [command for command in ran if "nftables.service" in command and "--user" not in command]
