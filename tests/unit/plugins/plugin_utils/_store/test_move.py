# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a store: from any kind to any kind, cut off anywhere, never in use at both places."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _durable
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store
from ansible_collections.dockyard.machine.plugins.module_utils._store._lease import PERIOD
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers
from ansible_collections.dockyard.machine.plugins.plugin_utils._store import _move
from tests.doubles.objects import KILLED, Call, Killed, Memory
from tests.model.clock import Clock

DRIVER = "dockyard.machine.generic"


@dataclasses.dataclass
class Places:
    """Stores by where they are: folders, and memory for what looks like a URL."""

    folder: pathlib.Path
    clock: Clock = dataclasses.field(default_factory=Clock)
    memories: dict[str, Memory] = dataclasses.field(default_factory=dict)
    numbers: t.Iterator[int] = dataclasses.field(default_factory=itertools.count)

    def open(self, where: str | None) -> Store:
        assert where
        if "://" not in where:
            return FileStore(where)
        memory = self.memories.setdefault(where, Memory(self.clock, where))
        return ObjectStore(memory, str(self.folder / f"run{next(self.numbers)}"), self.clock, background=False)

    def move(self, source: str, target: str, timeout: float = PERIOD + 10) -> bool:
        it = _move.Move(self.open(source), self.open(target), timeout)
        changed = it.check()
        if changed:
            it.run()
        return changed

    def usable(self, where: str) -> bool:
        store = self.open(where)
        try:
            with store.lock("web1", timeout=PERIOD + 10):
                return store.exists
        except MachineError as error:
            assert error.code in ("moved_store", "moving_store", "no_store", "copied_store"), error
            return False


@pytest.fixture()
def places(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    it = Places(tmp_path)
    monkeypatch.setattr(_move, "open_store", it.open)
    return it


@pytest.fixture(params=["file", "s3"])
def source(request: pytest.FixtureRequest, places: Places) -> str:
    where = str(places.folder / "old") if request.param == "file" else "s3://old/store"
    fill(places.open(where))
    return where


@pytest.fixture(params=["file", "s3"])
def target(request: pytest.FixtureRequest, places: Places) -> str:
    return str(places.folder / "new") if request.param == "file" else "s3://new/store"


def fill(store: Store) -> None:
    store.create()
    store.make_ca()
    for name in ("web1", "web2"):
        with store.lock(name) as lock:
            store.fill(name)
            store.replace_files(name, {"id_ed25519": f"private {name}", "first-boot/host": "host's"})
            record = Record(f"{name}-id", name, DRIVER, status="made", unknown={"later": 1})
            record.ssh = {"user": "root", "key": None, "args": "", "host_keys": ["ssh-ed25519 AAAA"]}
            store.save(record, lock)
            store.save(record, lock)
        store.save_observed(name, {"state": "running"})
    with store.lock("gone") as lock:
        gone = Record("gone-id", "gone", DRIVER)
        store.save(gone, lock)
        store.remove(gone, lock)


def content(store: Store) -> dict[str, t.Any]:
    """All that a store holds."""
    store.moving = True
    machines = {}
    for name in store.names():
        store.fill(name)
        machines[name] = (store.read(name), store.files(name), store.observed(name))
    return {
        "id": store.id,
        "digest": store.digest("x"),
        "machines": machines,
        "ca": store.ca_files(),
        "tombstones": {one["id"] for one in store.tombstones()},
    }


def error(places: Places, source: str, target: str) -> MachineError:
    with pytest.raises(MachineError) as caught:
        places.move(source, target, timeout=0)
    return caught.value


def test_all_of_it_is_moved_and_the_old_place_says_where(places: Places, source: str, target: str) -> None:
    before = content(places.open(source))
    assert sorted(before["machines"]) == ["web1", "web2"] and before["tombstones"] == {"gone-id"}
    assert places.move(source, target)
    assert content(places.open(target)) == before == content(places.open(source))
    assert places.usable(target) and not places.usable(source)
    with pytest.raises(MachineError) as caught:
        places.open(source).names()
    assert caught.value.code == "moved_store" and target in caught.value.message
    assert not places.move(source, target), "done already"
    folder = pathlib.Path(places.open(target).folder("web1"))
    if "://" not in target:
        assert (folder / "known_hosts").read_text() == "web1-id ssh-ed25519 AAAA\n" and (folder / "key.pem").exists()
        assert (folder / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_back_again(places: Places, source: str, target: str) -> None:
    places.move(source, target)
    store = places.open(target)
    with store.lock("web1") as lock:
        record = store.read("web1")
        assert record
        store.remove(record, lock)
    before = content(places.open(target))
    assert places.move(target, source)
    assert content(places.open(source)) == before and sorted(before["machines"]) == ["web2"]
    assert places.usable(source) and not places.usable(target)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_move_that_is_cut_off_anywhere_is_finished_by_the_next(
    places: Places, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """From one memory to another: each call of both is a place to be cut off at."""
    old, new = "s3://old/store", "s3://new/store"
    fill(places.open(old))
    before = content(places.open(old))
    start = dict(places.memories[old].objects)
    for at in itertools.count():
        places.memories[old].objects = dict(start)
        places.memories.pop(new, None)
        places.open(new)
        seen = itertools.count()

        def strike(call: Call, at: int = at, seen: t.Iterator[int] = seen) -> str | None:
            if next(seen) != at:
                return None
            if moment == "before":
                raise Killed
            return KILLED

        for memory in places.memories.values():
            memory.fault = strike
        try:
            places.move(old, new)
            break
        except Killed:
            pass
        for memory in places.memories.values():
            memory.fault = lambda call: None
        usable = [where for where in (old, new) if places.usable(where)]
        assert len(usable) <= 1, f"in use at both places when cut off at call {at}"
        assert places.move(old, new) or usable == [new], f"call {at}"
        assert content(places.open(new)) == before
        assert places.usable(new) and not places.usable(old)
    assert at > 60, "it had that many places to be cut off at"


@pytest.mark.slow
def test_a_move_between_folders_that_is_cut_off_at_any_write(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    original = FileStore(str(tmp_path / "original"))
    fill(original)
    before = content(original)
    write = _durable.write_file
    for at in itertools.count():
        old, new = str(tmp_path / f"old{at}"), str(tmp_path / f"new{at}")
        shutil.copytree(original.path, old)
        FileStore(old).claim()
        seen = itertools.count()

        def strike(*args: t.Any, at: int = at, seen: t.Iterator[int] = seen, **more: t.Any) -> None:
            if next(seen) == at:
                raise Killed
            write(*args, **more)

        for module in ("_store._file", "_store._file_ca", "_pin"):
            path = f"ansible_collections.dockyard.machine.plugins.module_utils.{module}.write_file"
            monkeypatch.setattr(path, strike)
        try:
            places.move(old, new)
            break
        except Killed:
            monkeypatch.undo()
            monkeypatch.setattr(_move, "open_store", places.open)
        assert [places.usable(where) for where in (old, new)] != [True, True]
        places.move(old, new)
        assert content(places.open(new)) == before
    assert at > 15


def test_a_run_at_work_is_waited_for_and_none_begins(places: Places, source: str, target: str) -> None:
    early, working = places.open(source), places.open(source)
    assert early.names() == ["web1", "web2"]
    with working.lock("web2") as lock:
        caught = error(places, source, target)
        assert caught.code == "locked" and "web2" in caught.message
        for store in (early, places.open(source)):
            with pytest.raises(MachineError) as refused, store.lock("web1", timeout=0):
                pass
            assert refused.value.code == "moving_store" and target in refused.value.message
        record = working.read("web2")
        assert record
        record.labels = {"late": "change"}
        working.save(record, lock)
    assert places.move(source, target)
    moved = places.open(target).read("web2")
    assert moved and moved.labels == {"late": "change"}


@pytest.mark.parametrize("name", ["gone", "web1", "web2", ".ca"])
def test_one_that_slept_while_another_finished_it_writes_over_nothing(
    places: Places, source: str, target: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop is shut in the midst of it; somebody else gives the same command, and works at the new place."""
    move = _move.Move(places.open(source), places.open(target), PERIOD + 10)
    assert move.check()
    lock, now = move.source.lock, {}

    def work() -> None:
        assert places.move(source, target)
        store = places.open(target)
        for machine in ("web2", "web3"):
            with store.lock(machine, timeout=PERIOD + 10) as held:
                store.fill(machine)
                record = store.read(machine) or Record(f"{machine}-id", machine, DRIVER)
                record.labels = {"since": "then"}
                store.save(record, held)
        store.change_ca(lambda files: {**files, "old-server-ca.pem": "rotated"}, timeout=PERIOD + 10)
        now.update(content(places.open(target)))

    def sleeping(one: str, timeout: float) -> t.Any:
        if one == name and not now:
            work()
        return lock(one, timeout)

    monkeypatch.setattr(move.source, "lock", sleeping)
    with pytest.raises(MachineError) as caught:
        move.run()
    assert caught.value.code == "moved_store" and target in caught.value.message
    assert content(places.open(target)) == now and "web3" in now["machines"]
    assert places.usable(target) and not places.usable(source)
    assert not places.move(source, target), "done already"


@pytest.mark.parametrize("part", ["records/web2", "records/web1", "keys/web1/", "ca.json", "tombstones/"])
def test_a_copy_that_differs_is_noticed(
    places: Places, source: str, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    target = "s3://new/store"
    compare = _move.Move._compare

    def damage(move: _move.Move, *args: t.Any) -> None:
        """As if the service had lost it, or another one in its place."""
        objects = places.memories[target].objects
        for key in [key for key in objects if key.startswith(part)]:
            if part == "records/web1":
                objects[key] = objects[key]._replace(data=objects[key].data.replace(b"later", b"never"))
            else:
                del objects[key]
        compare(move, *args)

    with monkeypatch.context() as patch:
        patch.setattr(_move.Move, "_compare", damage)
        caught = error(places, source, target)
    assert caught.code == "copy_differs" and "neither place" in caught.remedy
    assert not places.usable(target) and not places.usable(source)
    assert places.move(source, target) and content(places.open(target)) == content(places.open(source))


# What is refused


def test_what_can_not_be_moved(places: Places, source: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(error(places, source, source), BadOption)
    assert error(places, str(places.folder / "none"), target).code == "no_store"
    other = places.open(target)
    other.create()
    caught = error(places, source, target)
    assert isinstance(caught, BadOption) and "is another store" in caught.message
    monkeypatch.setattr(_drivers.load(DRIVER), "local", True)
    caught = error(places, source, "s3://third/store")
    assert caught.code == "local_machines" and "web1, web2" in caught.message
    assert places.usable(source) and not places.memories["s3://third/store"].objects


def test_a_damaged_record_stops_it_before_it_begins(places: Places, target: str) -> None:
    source = str(places.folder / "old")
    fill(places.open(source))
    pathlib.Path(source, "machines", "web1", "machine.json").write_text("{")
    assert error(places, source, target).code == "damaged_record"
    pathlib.Path(source, "machines", "web1", "machine.json").unlink()
    assert places.usable(source)


def test_another_place_than_the_one_begun(places: Places, source: str, target: str) -> None:
    with places.open(source).lock("web1"):
        error(places, source, target)
    caught = error(places, source, "s3://third/store")
    assert caught.code == "moved_store" and f"machine_store_to={target}" in caught.remedy
    assert places.move(source, target)
    assert error(places, source, "s3://third/store").code == "moved_store"


def test_a_store_whose_new_place_is_empty(places: Places, source: str) -> None:
    places.move(source, "s3://new/store")
    places.memories["s3://new/store"].objects.clear()
    caught = error(places, source, "s3://new/store")
    assert caught.code == "store_vanished" and "backup" in caught.remedy


def test_one_store_that_is_in_use_at_two_places(places: Places, source: str) -> None:
    copy = str(places.folder / "copy")
    _move.Move(places.open(source), places.open(copy), 0)
    it = places.open(copy)
    it.create({key: value for key, value in places.open(source).meta().items() if key != "location"})
    assert error(places, source, copy).code == "two_stores"


# Copies by hand


def copied(places: Places) -> tuple[str, str]:
    old, new = str(places.folder / "old"), str(places.folder / "new")
    fill(places.open(old))
    shutil.copytree(old, new)
    return old, new


def test_a_copy_by_hand_is_brought_up_to_date(places: Places) -> None:
    old, new = copied(places)
    store = places.open(old)
    with store.lock("web1") as lock:
        record = store.read("web1")
        assert record
        store.remove(record, lock)
    assert not places.usable(new)
    assert places.move(old, new)
    assert places.usable(new) and places.open(new).names() == ["web2"]


def test_a_copy_takes_the_place_of_a_store_that_is_gone(places: Places) -> None:
    old, new = copied(places)
    with pytest.raises(BadOption, match="is not the source of this copy"):
        _move.is_to_be_claimed(places.open(new), "s3://elsewhere")
    assert _move.is_to_be_claimed(places.open(new), old)
    shutil.rmtree(old)
    places.open(new).claim()
    assert not _move.is_to_be_claimed(places.open(new), old) and places.usable(new)
    assert sorted(os.listdir(places.open(new).folder("web1")))[:1] == ["first-boot"]
