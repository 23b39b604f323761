# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of objects: what is lost, cut off, overtaken or damaged between any two of its calls."""

from __future__ import annotations

import collections.abc
import dataclasses
import itertools
import json
import os
import pathlib
import stat
import subprocess
import sys
import threading
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _pin, _store
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store._lease import PERIOD, Lease
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.module_utils._store._s3 import S3
from tests.doubles.objects import CUT, KILLED, LOST, REFUSED, Call, Killed, Memory
from tests.model.clock import Clock

ID = "0123456789ab"


@dataclasses.dataclass
class World:
    """Objects, one time, and a folder for each controller."""

    folder: pathlib.Path
    clock: Clock = dataclasses.field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.memory = Memory(self.clock)
        self._numbers = itertools.count()

    def controller(self, memory: Memory | None = None, clock: Clock | None = None) -> ObjectStore:
        scratch = str(self.folder / str(next(self._numbers)))
        return ObjectStore(memory or self.memory, scratch, clock or self.clock, background=False)

    def keys(self) -> list[str]:
        return sorted(key for key in self.memory.objects if key.startswith("keys/"))

    def named_keys(self) -> list[str]:
        records = [json.loads(one.data) for key, one in self.memory.objects.items() if key.startswith("records/")]
        return sorted(one["keys"] for one in records if one["keys"])


@pytest.fixture()
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


@pytest.fixture()
def store(world: World) -> ObjectStore:
    it = world.controller()
    it.create()
    return it


def write(store: ObjectStore, name: str, file: str, text: str) -> None:
    path = pathlib.Path(store.folder(name), file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def error(act: collections.abc.Callable[[], t.Any]) -> MachineError:
    with pytest.raises(MachineError) as caught:
        act()
    return caught.value


def take(store: ObjectStore, name: str = "web1", timeout: float = 0) -> None:
    with store.lock(name, timeout):
        pass


# A life, with a fault at each of its calls


def live(store: ObjectStore) -> None:
    """As a lifecycle does it, from wherever the last run was cut off."""
    store.create()
    store.make_ca()
    with store.lock("web1", timeout=0) as lock:
        store.fill("web1")
        record = store.read("web1") or Record(ID, "web1", "x")
        if not record.revision:
            store.sweep("web1", lock)
            write(store, "web1", "id_ed25519", "private")
            write(store, "web1", "first-boot/host", "host's")
            store.save(record, lock)
        record.labels = {"made": "yes"}
        store.save(record, lock)
        store.save_observed("web1", {"state": "running"})
        store.drop_first_boot("web1", lock)


def end(store: ObjectStore) -> None:
    with store.lock("web1", timeout=0) as lock:
        record = store.read("web1")
        if record:
            store.remove(record, lock)
        else:
            store.clear("web1", lock)


def check(world: World) -> None:
    """What is true whenever: the files that a record names are there, and whole."""
    for key in world.named_keys():
        assert json.loads(world.memory.objects[key].data)["id_ed25519"] == "private"


def check_end(world: World) -> None:
    left = {key for key in world.memory.objects if not key.startswith(("leases/", "store.json", "ca.json", "private/"))}
    assert left == {f"tombstones/{ID}.json"}


def calls_of(tmp_path: pathlib.Path) -> int:
    world = World(tmp_path / "count")
    live(world.controller())
    end(world.controller())
    return len(world.memory.calls)


@pytest.mark.parametrize("fault", [LOST, CUT, REFUSED, KILLED, "killed before"])
def test_a_fault_at_any_call_costs_a_second_run_at_most(tmp_path: pathlib.Path, fault: str) -> None:
    fired = 0
    for number in range(calls_of(tmp_path)):
        world = World(tmp_path / str(number))

        def strike(call: Call, at: int = number) -> str | None:
            if call.number != at:
                return None
            if fault == "killed before":
                raise Killed
            return fault

        world.memory.fault = strike
        for act in (live, end):
            try:
                act(world.controller())
            except MachineError as caught:
                fired += 1
                assert fault != LOST, f"call {number}, {world.memory.calls[number]}: {caught.text()}"
            except Killed:
                fired += 1
            else:
                continue
            check(world)
            world.clock.sleep(2 * PERIOD)
            again(world, act)
        check_end(world)
    assert fired or fault == LOST


@pytest.mark.parametrize("how", [KILLED, "killed before"])
def test_keys_of_a_removal_that_was_killed_have_a_record_to_be_found_by(tmp_path: pathlib.Path, how: str) -> None:
    """Else nobody ever names that machine again, and its private key stays: prune looks at records."""
    for number in itertools.count():
        world = World(tmp_path / str(number))
        live(world.controller())
        first = len(world.memory.calls)

        def strike(call: Call, at: int = first + number) -> str | None:
            if call.number != at:
                return None
            if how == KILLED:
                return KILLED
            raise Killed

        world.memory.fault = strike
        try:
            end(world.controller())
            break
        except Killed:
            world.memory.fault = lambda call: None
        assert not world.keys() or world.controller().read("web1"), world.memory.calls[-1]
        again(world, end)
        check_end(world)
    assert number > 5


def again(world: World, act: collections.abc.Callable[[ObjectStore], None]) -> None:
    """A later run, which waits out the lease of the one that was cut off."""
    store = world.controller()
    store.create()
    take(store, timeout=PERIOD + 5)
    act(store)
    check(world)
    assert world.keys() == world.named_keys(), "what was left behind is collected"


# Leases


def test_one_holder_and_the_other_waits(world: World, store: ObjectStore) -> None:
    other = world.controller()
    with store.lock("web1") as lock:
        before = world.clock.now
        caught = error(lambda: take(other, timeout=10))
        assert caught.code == "locked" and "waited 10 s" in caught.message
        assert before + 10 <= world.clock.now <= before + 13
        lock.check(5)
    take(other)
    other.objects.fault = lambda call: REFUSED if call.name.startswith("put") else None  # type: ignore[attr-defined]
    assert error(lambda: take(store)).code == "store"


def test_a_dead_holders_lease_is_taken_over_after_a_period_that_was_seen(world: World, store: ObjectStore) -> None:
    lock = store.lock("web1")
    lock.__enter__()
    world.clock.sleep(10 * PERIOD)  # nobody was looking: that counts for nothing
    other = world.controller()
    assert error(lambda: take(other)).code == "locked"
    before = world.clock.now
    take(other, timeout=0.6 * PERIOD)  # unchanged for more than half of it: waited for to its end
    assert PERIOD < world.clock.now - before < PERIOD + 5


def test_a_live_holders_lease_is_not_taken_over(world: World, store: ObjectStore) -> None:
    """However slow the clocks: the holder's time and the other's have nothing to do with each other."""

    class Ticking(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            world.clock.sleep(seconds)
            store.heartbeat()

    other = world.controller(clock=Ticking(0.0))
    with store.lock("web1") as lock:
        assert error(lambda: take(other, timeout=10 * PERIOD)).code == "locked"
        lock.check(PERIOD / 2)


def test_who_was_paused_finds_out_before_it_does_harm(world: World, store: ObjectStore) -> None:
    record = Record(ID, "web1", "x")
    other = world.controller()
    with store.lock("web1") as lock:
        store.save(record, lock)
        with other.lock("web1", timeout=PERIOD + 5) as others:
            for act in (lambda: lock.check(5), lambda: store.save(record, lock), lambda: store.remove(record, lock)):
                assert error(act).code in ("lease_lost", "bug")
            assert not lock.held
            others.check(5)
            theirs = other.read("web1")
            assert theirs
            other.save(theirs, others)
    with other.lock("web1", timeout=0):
        assert error(lambda: take(store)).code == "locked", "the release of a lost lease is nobody else's"


def test_a_pause_that_nobody_used_is_forgiven(world: World, store: ObjectStore) -> None:
    with store.lock("web1") as lock:
        world.clock.sleep(100 * PERIOD)
        lock.check(5)
        assert lock.left > 5  # type: ignore[attr-defined]
        lock.check(2 * PERIOD)
        assert lock.left > 2 * PERIOD, "a longer call gets a longer lease"  # type: ignore[attr-defined]
        other = world.controller()
        before = world.clock.now
        with other.lock("web1", timeout=4 * PERIOD):
            assert world.clock.now - before > 3 * PERIOD, "and the others know"


def test_a_renewal_whose_answer_was_lost_for_good(world: World, store: ObjectStore) -> None:
    with store.lock("web1") as lock:
        world.clock.sleep(PERIOD)
        world.memory.fault = lambda call: CUT if call.name == "put_if_match" else None
        assert error(lambda: lock.check(5)).code == "store"
        world.memory.fault = lambda call: None
        lock.check(5)


def test_a_slow_service_is_no_lease(world: World, store: ObjectStore) -> None:
    with store.lock("web1") as lock:
        world.memory.seconds = 2 * PERIOD
        assert error(lambda: lock.check(PERIOD)).code == "lease"
        world.memory.seconds = 0.0


@pytest.mark.parametrize("text", ["{", "[]", '{"holder": 1}', '{"holder": {}, "period": 1, "run": ""}'])
def test_a_damaged_lease_is_somebodys(world: World, store: ObjectStore, text: str) -> None:
    world.memory.put_if_absent("leases/web1.json", text.encode())
    caught = error(lambda: take(store))
    assert caught.code == "locked" and "another process" in caught.message
    take(store, timeout=PERIOD + 5)


def test_a_thread_renews_it_while_its_process_waits(
    world: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(Lease, "renew_if_due", lambda self: renewed.set())
    with ObjectStore(world.memory, str(world.folder / "alive")).lock("web1"):
        assert renewed.wait(30)
        [thread] = [one for one in threading.enumerate() if one.name == "lease web1"]
    thread.join(30)
    assert not thread.is_alive(), "and no longer"


# Runs at once


def between(world: World, name: str, act: collections.abc.Callable[[], t.Any]) -> None:
    """Let another controller act just before the next such call."""

    def fault(call: Call) -> None:
        if call.name == name:
            world.memory.fault = lambda call: None
            act()

    world.memory.fault = fault


def test_two_first_runs_at_once_make_one_store(world: World) -> None:
    one, other = world.controller(), world.controller()
    between(world, "put_if_absent", other.create)
    one.create()
    assert one.id == other.id == json.loads(world.memory.objects["store.json"].data)["id"]


def test_two_first_runs_at_once_make_one_ca(world: World, store: ObjectStore) -> None:
    other = world.controller()
    between(world, "put_if_absent", other.make_ca)
    store.make_ca()
    for it in (store, other):
        it.fill_ca()
    for file in ("server-ca-key.pem", "client-key.pem"):
        assert pathlib.Path(store.ca, file).read_text() == pathlib.Path(other.ca, file).read_text()


def test_a_save_in_between_is_noticed(world: World, store: ObjectStore) -> None:
    record = Record(ID, "web1", "x")
    with store.lock("web1") as lock:
        store.save(record, lock)
        between(world, "put_if_match", lambda: world.controller().put(Record("ff", "web1", "x")))
        # Another controller that ignores the lease: the write is refused by the service itself
        world.memory._put("records/web1.json", b"{}", world.memory.objects["records/web1.json"].tag)
        world.memory.fault = lambda call: None
        assert error(lambda: store.save(record, lock)).code == "conflict"
    assert world.memory.objects["records/web1.json"].data == b"{}"


def test_keys_that_are_replaced_while_they_are_read(world: World, store: ObjectStore) -> None:
    live(store)
    reader = world.controller()

    def replace() -> None:
        with store.lock("web1") as lock:
            store.fill("web1")
            write(store, "web1", "id_ed25519", "other")
            record = store.read("web1")
            assert record
            store.save(record, lock)

    first = iter([True])
    world.memory.fault = lambda call: replace() if call.key.startswith("keys/") and next(first, False) else None  # type: ignore[func-returns-value]
    reader.fill("web1")
    assert pathlib.Path(reader.folder("web1"), "id_ed25519").read_text() == "other"
    assert len(world.keys()) == 1


def test_a_run_that_is_overtaken_between_keys_and_record_names_no_keys_that_are_gone(
    world: World, store: ObjectStore
) -> None:
    live(store)
    with store.lock("web1") as lock:
        store.fill("web1")
        write(store, "web1", "id_ed25519", "of the overtaken run")
        record = store.read("web1")
        assert record

        def overtake() -> None:
            world.memory.fault = lambda call: None
            other = world.controller()
            with other.lock("web1", timeout=PERIOD + 5):
                other.fill("web1")

        puts = itertools.count()
        world.memory.fault = lambda call: overtake() if call.name == "put_if_match" else next(puts) and None
        assert error(lambda: store.save(record, lock)).code == "conflict"
    assert next(puts) > 0
    check(world)
    assert world.keys() == world.named_keys()


def test_what_is_seen_late_of_a_removed_machine_is_not_its_successors(world: World, store: ObjectStore) -> None:
    live(store)
    late = world.controller()
    late.read("web1")
    end(store)
    late.save_observed("web1", {"state": "running"})
    with store.lock("web1") as lock:
        store.save(Record("ffffffffffff", "web1", "x"), lock)
    assert world.controller().observed("web1") == {}


# Bad stores


def test_a_service_that_ignores_conditions_is_refused(world: World) -> None:
    class Careless(Memory):
        def _put(self, key: str, data: bytes, tag: str | None) -> str:
            found = self.objects.get(key)
            return super()._put(key, data, found.tag if found else None)

    careless = Careless()
    caught = error(world.controller(careless).create)
    assert "ignores the conditions" in caught.message and not careless.objects


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "damaged_record"),
        ("[]", "damaged_record"),
        ('{"schema": 1, "keys": null, "files": [], "record": {"schema": 1, "id": "x"}}', "damaged_record"),
        ('{"schema": 99}', "newer_record"),
        ('{"schema": 1, "keys": null, "files": [], "record": {"schema": 99}}', "newer_record"),
    ],
)
def test_a_record_that_can_not_be_read(world: World, store: ObjectStore, text: str, code: str) -> None:
    live(store)
    world.memory._put("records/web1.json", text.encode(), world.memory.objects["records/web1.json"].tag)
    before = dict(world.memory.objects)
    it = world.controller()
    assert it.names() == ["web1"]
    for act in (lambda: it.read("web1"), lambda: it.fill("web1"), lambda: end(it)):
        caught = error(act)
        assert caught.code == code and "s3://memory/store/records/web1.json" in caught.message
    assert {key: one for key, one in world.memory.objects.items() if not key.startswith("leases/")} == {
        key: one for key, one in before.items() if not key.startswith("leases/")
    }


def test_a_record_of_another_name(world: World, store: ObjectStore) -> None:
    live(store)
    world.memory.objects["records/web2.json"] = world.memory.objects["records/web1.json"]
    caught = error(lambda: store.read("web2"))
    assert caught.code == "damaged_record" and "web1" in caught.message


def test_a_vanished_store_json(world: World, store: ObjectStore) -> None:
    live(store)
    world.memory.delete("store.json")
    it = world.controller()
    assert it.exists
    for act in (it.create, it.names, lambda: it.id, lambda: it.read("web1"), lambda: take(it)):
        caught = error(act)
        assert caught.code == "store_vanished" and "store.json" in caught.message and "backup" in caught.remedy


def test_keys_that_are_gone(world: World, store: ObjectStore) -> None:
    live(store)
    world.memory.delete(world.keys()[0])
    it = world.controller()
    it.fill("web1")
    assert sorted(os.listdir(it.folder("web1"))) == sorted(_pin.FILES)
    end(it)
    check_end(world)


def test_a_copy_is_looked_at_only_until_it_is_claimed(world: World, store: ObjectStore) -> None:
    live(store)
    copy = world.controller(world.memory.at("s3://elsewhere/store"))
    record = copy.read("web1")
    assert record and copy.names() == ["web1"]
    caught = error(lambda: take(copy))
    assert caught.code == "copied_store" and "s3://memory/store" in caught.message
    assert "machine_store_gone=true" in caught.remedy and "machine_store_to=s3://elsewhere/store" in caught.remedy
    copy.claim()
    take(copy)
    assert copy.id == store.id
    take(store)


# The private folder


def test_files_lie_in_a_private_folder_of_the_run(world: World, store: ObjectStore) -> None:
    live(store)
    it = world.controller()
    it.fill("web1")
    it.give_client_pair("web1")
    root = pathlib.Path(it.folder("web1")).parent
    for path in [root, *root.rglob("*")]:
        runs = path.is_dir() or path.name in _pin.PROGRAMS
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if runs else 0o600), path
    assert {*os.listdir(root / "web1")} == {"ca.pem", "cert.pem", "id_ed25519", "key.pem", *_pin.FILES}
    one, same, other = (ObjectStore(Memory(where=where), "/run") for where in ("s3://a/b", "s3://a/b", "s3://a/c"))
    assert one._scratch._where == same._scratch._where != other._scratch._where


def test_a_process_of_its_own_leaves_no_folder(tmp_path: pathlib.Path) -> None:
    code = (
        "from tests.doubles.objects import Memory\n"
        "from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore\n"
        "print(ObjectStore(Memory()).folder('web1'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path)) and os.listdir(tmp_path) == []


# Where it is


@pytest.mark.parametrize(
    ("given", "where", "place"),
    [
        ("s3://bucket", "s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b", "s3://bucket/a/b"),
        (
            "s3://bucket/a?region=eu-central-1&endpoint_url=http://127.0.0.1:9000",
            "s3://bucket/a?endpoint_url=http://127.0.0.1:9000&region=eu-central-1",
            "s3://bucket/a",
        ),
    ],
)
def test_a_place_on_s3(given: str, where: str, place: str) -> None:
    it = S3(given)
    assert (it.where, it.place) == (where, place)
    assert S3(it.where).where == it.where
    assert _store.open_store(given).where == where


@pytest.mark.parametrize(
    "given",
    [
        "s3://",
        "s3:///prefix",
        "s3://Bucket/x",
        "s3://bucket/a//b",
        "s3://bucket/a b",
        "s3://bucket/{{ 1 }}",
        "s3://bucket/it's",
        "s3://bucket/x?colour=red",
        "s3://bucket/x?region=",
        "s3://bucket/x?region=%7B%7B1%7D%7D",
        "s3://bucket/x?profile=a'b",
        "s3://bucket/x#y",
        "s3://[bucket/x",
    ],
)
def test_no_place_on_s3(given: str) -> None:
    with pytest.raises(BadOption) as caught:
        S3(given)
    assert caught.value.option == "store" and "s3://bucket/prefix" in caught.value.remedy
