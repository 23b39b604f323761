# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import os

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _api, _commands
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _copy_tree as tree
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_move as moving
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_root as data
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


class Engine:
    """What it answers, of the data in one root."""

    def __init__(self):
        self.root = None
        self.running = ["web"]
        self.calls = []

    def ask(self, question, limit=10, method="GET"):
        self.calls.append(f"{method} {question}")
        found = data.inventory(self.root)
        return {
            "/info": {"Driver": "overlay2", "DockerRootDir": self.root},
            "/images/json?all=1": [{"Id": "sha256:" + name.split("/")[1]} for name in found["images"]],
            "/containers/json?all=1": [{"Id": name} for name in found["containers"]],
            "/containers/json": [{"Id": name} for name in self.running],
            "/volumes": {"Volumes": [{"Name": name} for name in found["volumes"]]},
        }.get(question)


@pytest.fixture
def engine(monkeypatch):
    it = Engine()
    monkeypatch.setattr(_api, "ask", it.ask)
    monkeypatch.setattr(_commands, "run", lambda *command, **more: (0, "", ""))
    return it


@pytest.fixture
def places(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(data, "JOURNAL", str(tmp_path / "state" / "move.json"))
    monkeypatch.setattr(moving, "HOLD", str(tmp_path / "units" / "hold.conf"))
    source, target = tmp_path / "docker", tmp_path / "deep" / "new"
    for path in ("volumes/store/_data/file", "image/overlay2/imagedb/content/sha256/0a1b"):
        (source / path).parent.mkdir(parents=True)
        (source / path).write_text(path)
    (source / "containers" / "web").mkdir(parents=True)
    about = {"MountPoints": {"/d": {"Name": "store", "Source": f"{source}/volumes/store/_data"}}}
    (source / "containers" / "web" / "config.v2.json").write_text(json.dumps(about))
    (source / "containers" / "web" / "hostconfig.json").write_text('{"AutoRemove": false}')
    engine.root = str(source)
    return source, target


@pytest.fixture(params=["rename", "copy"])
def way(request, monkeypatch):
    if request.param == "copy":
        monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    return request.param


def move(places, **more):
    source, target = places
    return moving.Move(
        {"from": str(source), "to": str(target), "keep": False, "switched": False, "abandon": False} | more
    )


def volume_of(root):
    about = json.loads((root / "containers" / "web" / "config.v2.json").read_text())
    return about["MountPoints"]["/d"]["Source"]


def test_a_move_and_its_end(places, way, engine):
    source, target = places
    it = move(places)
    assert it.begin(True) is True
    it.forth()
    assert (target / "volumes/store/_data/file").exists() and not (target / data.PARTIAL).exists()
    assert volume_of(target) == f"{target}/volumes/store/_data"
    assert os.path.exists(moving.HOLD) == (way == "rename"), "with no data yet in its root the Engine must not start"
    it.release()
    engine.root = str(target)
    it.check(1)
    assert it.finish() is None and it.warnings == []
    assert not source.exists() and data.journal() is None and not os.path.exists(moving.HOLD)


@pytest.mark.parametrize("stage", ["copying", "placing", "placed"])
def test_cut_off_anywhere_it_is_finished(places, way, engine, stage, monkeypatch):
    source, target = places

    class Cut(BaseException):
        pass

    it = move(places)
    note = moving.Move._note
    it.begin(True)

    def cut(self, reached):
        if reached == stage:
            raise Cut
        note(self, reached)
        if stage == "copying":
            raise Cut

    monkeypatch.setattr(moving.Move, "_note", cut)
    with pytest.raises(Cut):
        it.forth()
    monkeypatch.setattr(moving.Move, "_note", note)
    if way == "copy":
        # The Engine came up on its old data in between, and a container wrote
        (source / "volumes/store/_data/file").write_text("newer")
    again = move(places)
    assert again.begin(False) is True, "it ran when all this began"
    again.forth()
    again.release()
    engine.root = str(target)
    again.check(1)
    assert again.finish() is None and again.warnings == []
    assert (target / "volumes/store/_data/file").read_text() == (
        "newer" if way == "copy" else "volumes/store/_data/file"
    )
    assert volume_of(target) == f"{target}/volumes/store/_data" and not source.exists()


def test_what_the_engine_lacks_is_named_and_all_goes_back(places, way, engine):
    source, target = places
    it = move(places)
    it.begin(True)
    it.forth()
    engine.root = str(target)
    tree.clear(str(target / "volumes" / "store"))
    with pytest.raises(HostError, match="does not have volume store"):
        it.check(1)
    it.back()
    assert volume_of(source) == f"{source}/volumes/store/_data"
    assert (source / "volumes" / "store").exists() == (way == "copy")
    assert not os.path.exists(moving.HOLD) and (data.journal() or {})["stage"] == "copying"


@pytest.mark.parametrize("linked", ["source", "target"])
def test_links_are_followed_as_the_engine_does(places, way, engine, tmp_path, linked):
    """It tells and notes where its root really is."""
    source, target = places
    link = tmp_path / "link"
    link.symlink_to(source if linked == "source" else target.parent)
    named = (link, target) if linked == "source" else (source, link / target.name)
    target.parent.mkdir()
    it = move(named)
    it.begin(True)
    it.forth()
    engine.root = str(target)
    assert not target.is_symlink() and volume_of(target) == f"{target}/volumes/store/_data"
    assert move(named).state["stage"] == "placed", "a run that was cut off is known by the names"
    lost = target / "volumes" / "store"
    lost.rename(tmp_path / "away")
    with pytest.raises(HostError, match="does not have volume store"):
        it.check(1)
    (tmp_path / "away").rename(lost)
    it.check(1)
    assert it.finish() is None and it.warnings == [] and not source.exists()


@pytest.mark.parametrize("more", [{"keep": True}, {}])
def test_old_data_stays_if_asked_for_or_if_not_all_is_well(places, engine, monkeypatch, more):
    source, target = places
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    it = move(places, **more)
    it.begin(True)
    it.forth()
    engine.root, engine.running = str(target), ["web"] if more else []
    it.check(0)
    said = "Containers that ran before the Engine's data was moved do not run now: web"
    assert it.warnings == ([] if more else [said])
    assert it.finish() == str(source) and (source / "volumes").exists() and data.journal() is None
    assert "POST /containers/web/start" in engine.calls


def cut_off_on_the_new_data(places, engine, stage):
    """A run that ended when the Engine ran on the new data; the next one begins."""
    source, target = places
    it = move(places)
    it.begin(True)
    it.forth()
    if stage == "removing":
        it._note(stage)
    it.release()
    engine.root = str(target)
    engine.calls.clear()
    return move(places, switched=True)


def recreate(engine, target):
    """As an update of it does."""
    (target / "containers" / "web").rename(target / "containers" / "anew")
    engine.running = ["anew"]


def started(engine):
    return [call for call in engine.calls if call.startswith("POST")]


def test_a_removal_that_was_cut_off_is_only_finished(places, engine, monkeypatch):
    source, target = places
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    again = cut_off_on_the_new_data(places, engine, "removing")
    recreate(engine, target)
    tree.clear(str(target / "volumes" / "store"))
    assert again.begin(True) is True
    again.forth()
    again.check(1)
    assert again.finish() is None and again.warnings == [] and started(engine) == []
    assert not source.exists() and data.journal() is None


def test_the_engine_may_have_changed_since_a_move_was_cut_off(places, way, engine, monkeypatch):
    source, target = places
    again = cut_off_on_the_new_data(places, engine, "placed")
    recreate(engine, target)
    again.begin(True)
    again.forth()
    again.check(1)
    if way == "copy":
        assert again.finish() == str(source) and (source / "containers" / "web").exists()
        assert "container web" in again.warnings[0] and str(source) in again.warnings[0]
    else:
        assert again.finish() is None and again.warnings == [], "a rename loses nothing, and leaves nothing to look at"
    assert started(engine) == [] and data.journal() is None


@pytest.mark.parametrize("stage", ["placed", "removing"])
def test_the_data_of_an_engine_that_runs_elsewhere_is_not_removed(places, engine, monkeypatch, stage):
    """Someone has changed the configuration by hand, and the Engine does not know it yet."""
    source, target = places
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    again = cut_off_on_the_new_data(places, engine, stage)
    engine.root = str(source)
    again.begin(True)
    again.forth()
    with pytest.raises(HostError, match=f"runs on the data in {source}, and not in {target}"):
        again.check(1)


@pytest.mark.parametrize("runs", [True, False])
def test_who_was_stopped_since_is_not_started(places, engine, monkeypatch, runs):
    """Where the Engine does not run either, it was the run that stopped them."""
    source, target = places
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    again = cut_off_on_the_new_data(places, engine, "placed")
    engine.running = []
    again.begin(runs)
    again.forth()
    again.check(0)
    assert started(engine) == ([] if runs else ["POST /containers/web/start"])
    assert "do not run now: web" in again.warnings[0] and again.finish() == str(source)


def copied(places, engine, monkeypatch):
    """A move between file systems, with the Engine on the new data."""
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    it = move(places)
    it.begin(True)
    it.forth()
    engine.root = str(places[1])
    return it


def immutable(monkeypatch, name):
    """Whatever has this name can't be removed."""
    clear = tree.clear

    def refuse(path):
        if path.endswith(name):
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        clear(path)

    monkeypatch.setattr(tree, "clear", refuse)


def test_old_data_that_can_not_be_removed_is_told_and_the_move_is_done(places, engine, monkeypatch):
    source, target = places
    it = copied(places, engine, monkeypatch)
    it.check(1)
    immutable(monkeypatch, "volumes")
    assert it.finish() == str(source)
    assert f"{source}/volumes (Operation not permitted)" in it.warnings[0] and str(target) in it.warnings[0]
    assert os.listdir(source) == ["volumes"], "all else is gone"
    assert data.journal() is None, "no later run has to do with it"


def test_a_folder_that_can_not_be_listed_is_told(places, engine, monkeypatch):
    source, target = places
    it = copied(places, engine, monkeypatch)
    it.check(1)
    listed = os.listdir

    def broken(path):
        if path == str(source):
            raise OSError(errno.EIO, "Input/output error", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", broken)
    assert it.finish() == str(source) and f"{source} (" in it.warnings[0] and data.journal() is None


def test_nothing_goes_back_to_data_that_is_being_removed(places, engine, monkeypatch):
    source, target = places
    it = copied(places, engine, monkeypatch)
    it._note("removing")
    with pytest.raises(HostError, match=f"all of it is in {target}"):
        it.back()
    assert (target / "volumes").exists() and not (target / data.PARTIAL).exists()
    # An Engine that someone has put back there all the same may have written since
    engine.root = str(source)
    again = move(places)
    again.begin(True)
    again.forth()
    engine.root = str(target)
    again.check(1)
    assert again.finish() == str(source) and "was not moved" in again.warnings[0] and (source / "volumes").exists()


def test_taking_it_back(places, way, engine):
    source, target = places
    it = move(places)
    it.begin(True)
    it.forth()
    back = move(places, abandon=True)
    assert back.begin(False) is True
    back.forth()
    back.release()
    back.check(1)
    assert back.finish() is None and back.warnings == []
    assert volume_of(source) == f"{source}/volumes/store/_data" and not target.exists() and data.journal() is None


def test_room_is_looked_at_again_once_all_is_stopped(places, monkeypatch):
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    monkeypatch.setattr(data, "room", lambda folder: (0, 0))
    it = move(places)
    it.begin(True)
    with pytest.raises(HostError, match="0 MiB free"):
        it.forth()


def test_what_is_still_mounted_stops_it(places, monkeypatch):
    monkeypatch.setattr(data, "mounts_below", lambda folder: [f"{folder}/overlay2/1/merged"])
    it = move(places)
    it.begin(True)
    with pytest.raises(HostError, match="still mounted"):
        it.forth()
