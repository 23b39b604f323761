# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of objects: a run that was stopped for longer than its lease, and what it can do no harm to any more."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store._base import Lock
from ansible_collections.dockyard.machine.plugins.module_utils._store._lease import PERIOD
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from tests.doubles.objects import Call, Memory
from tests.model.clock import Clock


class World:
    def __init__(self, folder: pathlib.Path) -> None:
        self.clock = Clock()
        self.memory = Memory(self.clock)
        self.stores = [ObjectStore(self.memory, str(folder / str(n)), self.clock, background=False) for n in range(2)]
        self.stores[0].create()

    def save(self, number: int, lock: Lock, key: str) -> None:
        store = self.stores[number]
        record = store.read("web1") or Record("0123456789ab", "web1", "x")
        folder = pathlib.Path(store.folder("web1"))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "id_ed25519").write_text(key)
        store.save(record, lock)

    def overtake(self, key: str) -> None:
        """The second controller waits until the lease has run out, and saves a key of its own."""
        with self.stores[1].lock("web1", timeout=PERIOD + 5) as lock:
            self.stores[1].fill("web1")
            self.save(1, lock, key)

    def overtake_before(self, name: str, key: str) -> None:
        def fault(call: Call) -> None:
            if call.name == name:
                self.memory.fault = lambda call: None
                self.overtake(key)

        self.memory.fault = fault

    def key(self) -> str:
        """The key that the record names."""
        kept = json.loads(self.memory.objects["records/web1.json"].data)
        return str(json.loads(self.memory.objects[kept["keys"]].data)["id_ed25519"])


@pytest.fixture()
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


def test_it_is_told_that_its_lease_is_lost(world: World) -> None:
    store = world.stores[0]
    with store.lock("web1") as lock:
        world.save(0, lock, "first")
        world.overtake("second")
        world.clock.sleep(PERIOD)
        store.heartbeat()
        assert not lock.held
        acts: list[t.Callable[[], t.Any]] = [
            lambda: store.save(t.cast(Record, store.read("web1")), lock),
            lambda: store.remove(t.cast(Record, store.read("web1")), lock),
            lambda: store.clear("web1", lock),
            lambda: store.drop_first_boot("web1", lock),
        ]
        for act in acts:
            with pytest.raises(MachineError) as caught:
                act()
            assert caught.value.code == "lease_lost"
    assert world.key() == "second"


def test_it_clears_no_record_that_another_one_has_made(world: World) -> None:
    store = world.stores[0]
    with store.lock("web1") as lock:
        assert store.read("web1") is None
        world.overtake("second")
        with pytest.raises(MachineError, match="lease"):
            store.clear("web1", lock)
    assert world.key() == "second"


def test_it_removes_no_record_that_another_one_has_saved(world: World) -> None:
    store = world.stores[0]
    with store.lock("web1") as lock:
        world.save(0, lock, "first")
        world.overtake_before("delete", "second")
        with pytest.raises(MachineError) as caught:
            store.clear("web1", lock)
        assert caught.value.code == "conflict"
    assert world.key() == "second"


def test_it_deletes_no_keys_that_another_one_has_made_when_it_clears(world: World) -> None:
    store = world.stores[0]
    with store.lock("web1") as lock:
        assert store.read("web1") is None
        world.overtake_before("delete", "second")
        store.clear("web1", lock)
    assert world.key() == "second"


def test_it_deletes_no_keys_that_another_one_has_made_when_it_saves(world: World) -> None:
    store = world.stores[0]
    with store.lock("web1") as lock:
        world.save(0, lock, "first")
        world.overtake_before("list", "third")
        with pytest.raises(MachineError) as caught:
            world.save(0, lock, "second")
        assert caught.value.code == "conflict"
    assert world.key() == "third"


def test_its_first_record_names_no_keys_that_were_cleared(world: World) -> None:
    """Whoever clears them takes away the place that it has reserved."""
    one, other = world.stores

    def cleared(call: Call) -> None:
        if call.name == "put_if_match" and call.key.startswith("records/"):
            world.memory.fault = lambda call: None
            with other.lock("web1", timeout=PERIOD + 5) as theirs:
                assert other.read("web1") is None
                other.clear("web1", theirs)

    with one.lock("web1") as lock:
        assert one.read("web1") is None
        world.memory.fault = cleared
        with pytest.raises(MachineError) as caught:
            world.save(0, lock, "first")
        assert caught.value.code == "conflict"
    assert not [key for key in world.memory.objects if key.startswith("records/")]


def test_who_has_seen_no_place_leaves_the_keys_that_came_since(world: World) -> None:
    one, other = world.stores

    def waits_for_nothing(call: Call) -> None:
        if call.key.startswith("keys/") and call.name == "list":
            world.memory.fault = lambda call: None
            world.save(0, lock, "first")

    with one.lock("web1") as lock:
        assert one.read("web1") is None
        with other.lock("web1", timeout=PERIOD + 5) as theirs:
            assert other.read("web1") is None
            world.memory.fault = waits_for_nothing
            one._leases[0]._tag = world.memory.objects["leases/web1.json"].tag  # it does not know that it was overtaken
            one._leases[0]._until = world.clock.now + PERIOD
            other.clear("web1", theirs)
    assert world.key() == "first"


def test_a_place_that_a_killed_run_has_reserved_is_no_record(world: World) -> None:
    one, other = world.stores

    class Killed(BaseException):
        pass

    def kill(call: Call) -> None:
        if call.name == "put_if_match" and call.key.startswith("records/"):
            world.memory.fault = lambda call: None
            raise Killed

    world.memory.fault = kill
    with pytest.raises(Killed), one.lock("web1") as lock:
        world.save(0, lock, "first")
    assert other.read("web1") is None and other.records() == {} and other.observed("web1") == {}
    world.overtake("second")
    assert world.key() == "second"
    assert len([key for key in world.memory.objects if key.startswith("keys/")]) == 1
