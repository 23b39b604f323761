# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _commands,
    _files,
    _paths,
    _processes,
    _systemd,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _installation as source
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


@pytest.fixture
def holds(tmp_path, monkeypatch):
    paths = tuple(str(tmp_path / f"{name}.d" / "hold.conf") for name in ("socket", "service"))
    monkeypatch.setattr(packages, "HOLDS", paths)
    return paths


def step(update=True, **more):
    return {
        "family": "apt", "names": [], "follow": ["docker.io"], "version": "", "optional": [], "remove": [], "hold": [],
        "release": [], "held": [], "archive": None, "repository": None, "update": update, **more,
    }  # fmt: skip


def install(update=True, **more):
    installation = packages.Installation(step(update, **more), 10, running=False)
    installation.run()
    return installation


def test_install_without_recommends_under_a_hold(ran, holds):
    commands, dummy = ran
    install(optional=["docker-cli"])
    assert [line.split()[-1] for line in commands] == ["docker.io", "update", "docker-cli", "docker.io"]
    assert "--no-install-recommends" in commands[-1] and "DPkg::Lock::Timeout=10" in commands[-1]
    assert all(_files.read(path) for path in holds)
    assert packages.lift_hold() and not packages.lift_hold()


@pytest.mark.parametrize("there", ["/usr/sbin/dockerd", None])
def test_an_engine_that_was_stopped_can_be_started_after_a_failure(ran, holds, monkeypatch, there):
    commands, answers = ran
    answers[" install "] = ["no candidate", "no candidate"]
    monkeypatch.setattr(_commands, "which", lambda name: there)
    with pytest.raises(HostError, match="no candidate"):
        source.Source({"packages": step()}, 10).run()
    assert [_files.read(path) is None for path in holds] == [there is not None] * 2, "what is half installed stays held"
    assert ("systemctl daemon-reload" in commands) is (there is not None)
    assert not [line for line in commands if line.startswith("systemctl start")]


def test_the_baked_images_hold_is_the_one_that_is_lifted():
    files = pathlib.Path(__file__).parents[5] / "roles" / "machine_image" / "files" / "guest" / "usr" / "lib"
    init = (files / "dockyard" / "init").read_text(encoding="utf-8")
    assert f"printf '{packages.HOLD}'".replace("\n", "\\n") in init
    assert f"for unit in {' '.join(_systemd.UNITS)};" in init
    for path in packages.HOLDS:
        assert (
            path.replace("/run/systemd/system", "$units").replace(path.split("/")[-2].removesuffix(".d"), "$unit")
            in init
        )
        assert path in (files / "systemd" / "system" / "dockyard-engine-release.service").read_text(encoding="utf-8")
    prepare = (files / "dockyard" / "prepare-engine").read_text(encoding="utf-8")
    assert f"folder={_paths.TLS_FOLDER}\n" in prepare and _paths.KEY_PATH == _paths.TLS_FOLDER + "/key.pem"


def test_old_lists_are_read_again_when_a_package_is_gone(ran, holds):
    commands, answers = ran
    answers[" install "] = ["404  Not Found"]
    install(update=False)
    assert ["update" in line for line in commands] == [False, False, True, False]


def test_an_installation_that_was_cut_off_is_finished(ran, holds):
    commands, answers = ran
    answers[" install "] = ["E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"]
    install(update=False)
    assert commands[2] == "dpkg --configure -a" and " install " in commands[3]


def test_all_that_a_cut_off_installation_asks_for_is_done_once(ran, holds):
    commands, answers = ran
    again = "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution)."
    answers["Timeout=10 install "] = ["you must manually run 'dpkg --configure -a'", again, again]
    with pytest.raises(HostError, match="Unmet dependencies"):
        install()
    mends = [line for line in commands if "--configure -a" in line or "--fix-broken" in line]
    assert len(mends) == 2 and "--no-remove" in mends[1]


def test_what_update_said_is_told_when_the_installation_fails(ran, holds):
    dummy, answers = ran
    answers[" update"] = ["mirror unreachable"]
    answers[" install "] = ["no candidate"]
    with pytest.raises(HostError, match="mirror unreachable\nno candidate"):
        install()


def test_a_lock_on_the_lists_is_waited_for(ran, holds, monkeypatch):
    dummy, answers = ran
    answers[" update"] = ["E: Could not get lock /var/lib/apt/lists/lock"]
    monkeypatch.setattr(_processes, "lock_holder", lambda paths: None)
    install()


def test_a_mirror_that_lacked_files_for_a_while_is_read_again(ran, holds, monkeypatch):
    commands, answers = ran
    lacks = "E: The repository 'http://mirror Release' does not have a Release file."
    answers[" update"] = [lacks, lacks]
    answers[" install "] = ["E: Unable to locate package docker.io", "E: Unable to locate package docker.io"]
    monkeypatch.setattr(packages.trouble.time, "sleep", lambda pause: None)
    install()
    done = [line.split()[-1] for line in commands if " update" in line or " install " in line]
    assert done == ["update", "docker.io"] * 3
