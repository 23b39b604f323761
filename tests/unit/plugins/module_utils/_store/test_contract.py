# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store promises. Each test gets ``new``: one controller's view of a store that all of them share.

tests/system/test_store_s3.py runs the same tests over S3.
"""

from __future__ import annotations

import collections.abc
import json
import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _pin, _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store, _ca
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from tests.beds import pki
from tests.doubles.objects import Memory
from tests.model.clock import Clock

New = collections.abc.Callable[[], Store]
ID = "0123456789ab"


@pytest.fixture(params=["file", "memory"])
def new(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> New:
    """Opens the store anew, as another run on another controller does."""
    if request.param == "file":
        return lambda: FileStore(str(tmp_path / "store"))
    clock = Clock()
    memory = Memory(clock)
    folders = iter(range(1000))
    return lambda: ObjectStore(memory, str(tmp_path / str(next(folders))), clock, background=False)


@pytest.fixture()
def store(new: New) -> Store:
    it = new()
    it.create()
    return it


def save(store: Store, name: str = "web1", **more: t.Any) -> Record:
    record = Record(ID, name, "acme.cloud.thing", **more)
    with store.lock(name) as lock:
        store.save(record, lock)
    return record


def write(store: Store, name: str, file: str, text: str) -> None:
    path = pathlib.Path(store.folder(name), file)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)
    path.chmod(0o600)


def test_it_is_there_once_it_was_made(new: New) -> None:
    store = new()
    assert not store.exists and store.names() == [] and store.read("web1") is None and store.tombstones() == []
    with pytest.raises(MachineError) as caught:
        str(store.id)
    assert caught.value.code == "no_store"
    store.create()
    assert store.exists and new().exists and new().id == store.id
    store.create()
    assert new().id == store.id


def test_a_record_is_read_as_it_was_saved(new: New, store: Store) -> None:
    record = save(store, labels={"tier": "front"}, unknown={"later": [1]})
    assert record.revision == 1 and record.created == record.updated
    assert new().read("web1") == store.read("web1") == record
    assert new().names() == ["web1"] and new().read("web2") is None


def test_a_save_needs_the_machines_lock(store: Store) -> None:
    record = Record(ID, "web1", "x")
    with store.lock("web2") as lock, pytest.raises(MachineError, match="without its lock"):
        store.save(record, lock)
    for act in (store.save, store.remove):
        with pytest.raises(MachineError, match="without its lock"):
            act(record, lock)
    for act in (store.clear, store.drop_first_boot):
        with pytest.raises(MachineError, match="without its lock"):
            act("web1", lock)
    assert store.names() == [] and store.tombstones() == []


def test_a_save_is_compare_and_set(new: New, store: Store) -> None:
    mine, theirs = save(store), new().read("web1")
    assert theirs
    with store.lock("web1") as lock:
        store.save(mine, lock)
        for late in (theirs, Record("ffffffffffff", "web1", "x", revision=mine.revision), Record(ID, "web1", "x")):
            before = late.revision, late.updated
            with pytest.raises(MachineError) as caught:
                store.save(late, lock)
            assert caught.value.code == "conflict" and (late.revision, late.updated) == before
        gone = Record(ID, "web2", "x", revision=4)
        with pytest.raises(MachineError, match="without its lock"):
            store.save(gone, lock)
    with store.lock("web2") as lock, pytest.raises(MachineError) as caught:
        store.save(gone, lock)
    assert caught.value.code == "conflict" and new().read("web1") == mine


def test_a_held_lock_names_its_holder(new: New, store: Store) -> None:
    with store.lock("web1") as lock:
        lock.check(30)
        with pytest.raises(MachineError) as caught, new().lock("web1", timeout=0):
            pass
        assert caught.value.code == "locked" and "lock_timeout" in caught.value.remedy
        assert f"web1 is being worked on by process {os.getpid()} on " in caught.value.message
        with new().lock("web2", timeout=0):
            pass
    assert not lock.held
    with new().lock("web1", timeout=0):
        pass


def test_removal_leaves_a_tombstone_and_nothing_else(new: New, store: Store) -> None:
    gone = {"kind": "Box", "key": "Box", "id": "b-1", "name": "web1-1", "token": "t", "generation": 1, "attempt": 1}
    record = save(store, kept={"looks": {}, "picks": {}, "choices": {}, "gone": [gone]})
    store.save_observed("web1", {"state": "running"})
    with store.lock("web1") as lock:
        store.remove(record, lock)
    other = new()
    assert other.names() == [] and other.read("web1") is None and not os.path.exists(store.folder("web1"))
    [tombstone] = other.tombstones()
    assert (tombstone["id"], tombstone["name"], tombstone["resources"]) == (ID, "web1", record.kept["gone"])
    save(other)
    assert other.observed("web1") == {}, "what was seen of the former one"
    other.forget(ID)
    assert store.tombstones() == []


def test_the_tombstone_is_there_before_the_record_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed between the two leaves a record too many, and not a tombstone too few."""
    record = save(store)

    class Killed(BaseException):
        pass

    def clear(*arguments: object) -> None:
        raise Killed

    monkeypatch.setattr(type(store), "clear", clear)
    with store.lock("web1") as lock, pytest.raises(Killed):
        store.remove(record, lock)
    assert [one["id"] for one in store.tombstones()] == [ID] and store.read("web1") == record


def test_what_was_observed_is_lost_without_harm(new: New, store: Store) -> None:
    save(store)
    assert new().observed("web1") == {}
    store.save_observed("web1", {"state": "running"})
    new().save_observed("web1", {"state": "stopped"})
    assert store.observed("web1") == new().observed("web1") == {"state": "stopped"}
    assert store.read("web1").revision == 1  # type: ignore[union-attr]
    store.save_observed("gone", {"state": "running"})
    assert new().observed("gone") == {} and new().names() == ["web1"]


def test_files_go_with_the_record(new: New, store: Store) -> None:
    record = Record(ID, "web1", "x", ssh={"host_keys": ["ssh-ed25519 AAAA"]})
    with store.lock("web1") as lock:
        store.fill("web1")
        write(store, "web1", "id_ed25519", "private")
        write(store, "web1", "first-boot/host_ed25519", "host's")
        store.save(record, lock)
        record.labels = {"a": "b"}
        store.save(record, lock)
    other = new()
    assert other.has_first_boot("web1")
    other.fill("web1")
    folder = pathlib.Path(other.folder("web1"))
    assert (folder / "id_ed25519").read_text() == "private"
    assert (folder / "first-boot" / "host_ed25519").read_text() == "host's"
    for path in [folder, *folder.rglob("*")]:
        runs = path.is_dir() or path.name in _pin.PROGRAMS
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if runs else 0o600), path
    with other.lock("web1") as lock:
        other.drop_first_boot("web1", lock)
        other.drop_first_boot("web1", lock)
    assert not other.has_first_boot("web1") and not (folder / "first-boot").exists()
    third = new()
    third.fill("web1")
    assert (pathlib.Path(third.folder("web1")) / "id_ed25519").read_text() == "private"
    assert not (pathlib.Path(third.folder("web1")) / "first-boot").exists()
    assert third.read("web1") == record, "no save of the record was needed for that"


def test_a_save_without_the_files_keeps_them(new: New, store: Store) -> None:
    record = Record(ID, "web1", "x")
    with store.lock("web1") as lock:
        write(store, "web1", "id_ed25519", "private")
        store.save(record, lock)
    other = new()
    with other.lock("web1") as lock:
        read = other.read("web1")
        assert read
        other.save(read, lock)
    store.fill("web1")
    assert pathlib.Path(store.folder("web1"), "id_ed25519").read_text() == "private"


def test_what_a_killed_run_has_left_is_swept(new: New, store: Store) -> None:
    with store.lock("web1") as lock:
        write(store, "web1", "id_ed25519", "of a plan that came to nothing")
        store.clear("web1", lock)
        store.sweep("web1", lock)
    assert not os.path.exists(store.folder("web1")) and new().names() == []


def test_a_digest_is_the_stores_own(new: New, store: Store) -> None:
    assert new().digest("secret") == store.digest("secret") != store.digest("other")


def test_one_ca_and_the_whole_pair(new: New, store: Store) -> None:
    other = new()
    for name in ("web1", "web2"):
        save(store, name)
    assert store.make_ca() and not store.make_ca() and not other.make_ca()
    for it, name in ((store, "web1"), (other, "web2")):
        it.give_client_pair(name)
    pairs = [pathlib.Path(it.folder(name)) for it, name in ((store, "web1"), (other, "web2"))]
    for file in ("ca.pem", "cert.pem", "key.pem"):
        assert (pairs[0] / file).read_text() == (pairs[1] / file).read_text()
    for it in (store, other):
        it.fill_ca()
        assert sorted(os.listdir(it.ca)) == sorted([*_tls.CA_FILES, "client-cert.pem", "client-key.pem"])
    assert pki.issued_by((pairs[0] / "cert.pem").read_text(), pathlib.Path(store.ca, "client-ca.pem").read_text())


def test_the_clients_certificate_is_renewed_in_time(new: New, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.make_ca()
    store.fill_ca()
    ca, before = (pathlib.Path(store.ca, name).read_text() for name in ("client-ca.pem", "client-cert.pem"))
    monkeypatch.setattr(_tls, "needs_renewal", lambda certificate, names: "soon" if certificate == before else None)
    assert new().make_ca() and not new().make_ca()
    store.fill_ca()
    assert pathlib.Path(store.ca, "client-ca.pem").read_text() == ca
    assert pathlib.Path(store.ca, "client-cert.pem").read_text() != before


def change(it: Store, step: str) -> bool:
    """Go on with a rotation that is at this step."""
    found = _ca.rotation(it.ca_files())
    assert found and found.step.name == step
    return it.change_ca(lambda files: _ca.advanced(files, found))


def test_a_rotation_is_seen_whole_and_by_all(new: New, store: Store) -> None:
    save(store)
    store.make_ca()
    before = store.ca_files()
    assert store.change_ca(lambda files: _ca.begun(files, "ca"))
    assert not new().change_ca(lambda files: _ca.begun(files, "ca")), "one that is under way goes on"
    for step in ("trust", "hosts", "clients", "drop"):
        other = new()
        found = _ca.rotation(other.ca_files())
        assert found and found.step.name == step and other.ca_files() == store.ca_files()
        other.fill_ca()
        for name, text in _ca.in_use(store.ca_files()).items():
            assert pathlib.Path(other.ca, name).read_text() == text
        assert change(other, step) and not new().change_ca(lambda files, seen=found: _ca.advanced(files, seen))  # type: ignore[misc]
    after = store.ca_files()
    assert sorted(after) == sorted(before)
    assert not [name for name in after if name in before and before[name] == after[name]], "nothing of the old ones"


def test_a_change_of_the_ca_that_fails_leaves_it_as_it_is(new: New, store: Store) -> None:
    store.make_ca()
    before = store.ca_files()

    def fails(files: dict[str, str]) -> dict[str, str]:
        files["server-ca.pem"] = "another one"
        raise MachineError("no", code="test")

    with pytest.raises(MachineError, match="no"):
        store.change_ca(fails)
    assert store.ca_files() == new().ca_files() == before
    assert not store.change_ca(lambda files: None) and not store.change_ca(dict)


# A store that was moved, or is being moved


def test_a_store_that_was_moved_says_where_it_is(new: New, store: Store) -> None:
    save(store)
    store.moving = True
    store.replace_meta({**store.meta(), "moved_to": "/new"})
    it = new()
    for act in (it.names, lambda: it.read("web1"), lambda: it.id, lambda: it.digest("x"), lambda: lock(it)):
        with pytest.raises(MachineError) as caught:
            act()
        assert caught.value.code == "moved_store" and "moved to /new" in caught.value.message


def test_a_store_that_is_being_moved_can_be_looked_at_only(new: New, store: Store) -> None:
    save(store)
    early = new()
    assert early.names() == ["web1"]
    store.moving = True
    store.replace_meta({**store.meta(), "moving_to": "/new"})
    for it in (early, new()):
        assert it.names() == ["web1"] and it.read("web1")
        with pytest.raises(MachineError) as caught:
            lock(it)
        assert caught.value.code == "moving_store" and "move_store" in caught.value.remedy
    lock(store)


def lock(store: Store) -> None:
    with store.lock("web1", timeout=0):
        pass


def test_a_half_filled_store_is_no_store_yet(new: New, store: Store) -> None:
    store.moving = True
    store.replace_meta({**store.meta(), "filled_from": "/old"})
    it = new()
    for act in (it.names, lambda: it.read("web1"), lambda: lock(it)):
        with pytest.raises(MachineError) as caught:
            act()
        assert caught.value.code == "moving_store" and "/old" in caught.value.remedy


# Bad stores


@pytest.mark.parametrize(("schema", "code"), [(99, "newer_store"), (None, "damaged_store")])
def test_a_bad_store_json(new: New, store: Store, schema: object, code: str) -> None:
    save(store)
    store.replace_meta({**json.loads(store._read_meta()), "schema": schema})
    it = new()
    for act in (it.names, lambda: it.read("web1"), lambda: lock(it)):
        with pytest.raises(MachineError) as caught:
            act()
        assert caught.value.code == code and store.where in caught.value.message


# The key of digests


def of_before(store: Store) -> str:
    """Let it be a store as it was made before: the key of digests in store.json."""
    key = store.digest_key()
    raw = {**json.loads(store._read_meta()), "schema": 1, "digest_key": key}
    if isinstance(store, FileStore):
        pathlib.Path(store.path, "store.json").write_text(json.dumps(raw))
        os.unlink(os.path.join(store.path, "private/digest.json"))
    else:
        objects = store.objects
        objects.put_if_match("store.json", json.dumps(raw).encode(), objects.get("store.json").tag)
        objects.delete("private/digest.json")
    return key


def test_the_key_of_digests_is_not_where_a_reader_of_records_looks(new: New, store: Store) -> None:
    save(store)
    key = store.digest_key()
    assert "digest_key" not in json.loads(store._read_meta()) and store._read_meta().find(key.encode()) < 0
    assert new().digest("secret") == store.digest("secret")


def test_a_store_of_before_keeps_its_digests(new: New, store: Store) -> None:
    save(store)
    digest = store.digest("secret")
    key = of_before(store)
    assert new().digest("secret") == digest, "also for who may only read"
    assert json.loads(new()._read_meta())["digest_key"] == key, "and so changes nothing"
    with new().lock("web1", timeout=0):
        pass
    meta = json.loads(new()._read_meta())
    assert meta["schema"] == 2 and "digest_key" not in meta and meta["id"] == store.id
    assert new().digest("secret") == digest and new().digest_key() == key
    with new().lock("web1", timeout=0):
        pass
    assert json.loads(new()._read_meta()) == meta


def test_a_key_of_digests_that_is_gone_or_damaged_is_named(new: New, store: Store) -> None:
    for text in (None, b"{", b'{"digest_key": 1}', b'{"digest_key": "xyz"}', b"[]"):
        if isinstance(store, FileStore):
            path = pathlib.Path(store.path, "private/digest.json")
            path.unlink() if text is None else path.write_bytes(text)
        else:
            store.objects.delete("private/digest.json")
            if text is not None:
                store.objects.put_if_absent("private/digest.json", text)
        with pytest.raises(MachineError, match="private/digest.json of the store") as caught:
            new().digest("secret")
        assert caught.value.code == "damaged_store" and "backup" in caught.value.remedy
        assert new().names() == [], "all else goes on"
