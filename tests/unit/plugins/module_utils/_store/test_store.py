# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a folder: atomic, locked, compare-and-set; and what is said of a bad one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pathlib
import shutil
import stat
import threading

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _store, _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, _ca


@pytest.fixture()
def store(tmp_path: pathlib.Path) -> FileStore:
    it = FileStore(str(tmp_path / "store"))
    it.create()
    return it


def save(store: FileStore, name: str = "web1", **more: object) -> Record:
    record = Record("0123456789ab", name, "acme.cloud.thing", **more)  # type: ignore[arg-type]
    with store.lock(name) as lock:
        store.save(record, lock)
    return record


def test_the_store_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKYARD_STORE", raising=False)
    assert _store.location(None) == "~/.dockyard"
    monkeypatch.setenv("DOCKYARD_STORE", "/there")
    assert _store.location(None) == "/there" and _store.location("/here") == "/here"
    monkeypatch.setenv("PLACE", "/there")
    assert _store.open_store("$PLACE/store").where == "/there/store", "as an argument of type path has it"
    with pytest.raises(BadOption) as caught:
        _store.open_store("s4://bucket")
    assert caught.value.option == "store" and "s4://bucket" in caught.value.message


def test_a_store_is_private(store: FileStore) -> None:
    save(store)
    store.make_ca()
    store.change_ca(lambda files: _ca.begun(files, "ca"))
    store.give_client_pair("web1")
    kept = {path.name for path in pathlib.Path(store.path).rglob("*") if path.is_file()}
    assert kept >= {*store.ca_files(), *_tls.CA_FILES, "client-key.pem", "key.pem"}
    for path in [pathlib.Path(store.path), *pathlib.Path(store.path).rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_first_runs_at_once_make_one_store(tmp_path: pathlib.Path) -> None:
    for number in range(20):
        stores = [FileStore(str(tmp_path / str(number))) for _number in range(8)]
        barrier, ids = threading.Barrier(8), list[str]()

        def make(one: FileStore, barrier: threading.Barrier, ids: list[str]) -> None:
            barrier.wait()
            one.create()
            with one.lock(f"m{id(one)}") as lock:
                one.save(Record("0123456789ab", lock.name, "x"), lock)
            ids.append(one.id)

        threads = [threading.Thread(target=make, args=(one, barrier, ids)) for one in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 8 and len(set(ids)) == 1
        assert not list((tmp_path / str(number)).glob(".store.json*"))


def test_a_record_is_read_as_it_was_saved(store: FileStore) -> None:
    record = save(store, labels={"tier": "front"})
    assert record.revision == 1 and record.created == record.updated
    assert store.read("web1") == record
    assert store.names() == ["web1"] and store.read("web2") is None


def test_a_save_needs_the_machines_lock(store: FileStore) -> None:
    record = Record("0123456789ab", "web1", "x")
    with store.lock("web2") as lock, pytest.raises(MachineError, match="without its lock"):
        store.save(record, lock)
    with pytest.raises(MachineError, match="without its lock"):
        store.save(record, lock)
    with pytest.raises(MachineError, match="without its lock"):
        store.clear("web1", lock)


def test_a_save_is_compare_and_set(store: FileStore) -> None:
    mine, theirs = save(store), store.read("web1")
    assert theirs
    with store.lock("web1") as lock:
        store.save(mine, lock)
        with pytest.raises(MachineError) as caught:
            store.save(theirs, lock)
        assert caught.value.code == "conflict"
        other = Record("ffffffffffff", "web1", "x", revision=mine.revision)
        with pytest.raises(MachineError):
            store.save(other, lock)
    assert store.read("web1") == mine


def test_a_save_that_fails_leaves_the_former_record(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record = save(store)
    before = store.read("web1")

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with store.lock("web1") as lock, pytest.raises(MachineError) as caught:
        store.save(record, lock)
    monkeypatch.undo()
    assert caught.value.code == "disk_full" and store.path in caught.value.message
    assert store.read("web1") == before and record.revision == 1
    assert sorted(os.listdir(store.folder("web1"))) == ["machine.json"]


def test_a_held_lock_names_its_holder(store: FileStore) -> None:
    with store.lock("web1"), pytest.raises(MachineError) as caught, store.lock("web1", timeout=0):
        pass
    assert caught.value.code == "locked" and "lock_timeout" in caught.value.remedy
    assert f"web1 is being worked on by process {os.getpid()} on " in caught.value.message
    with store.lock("web1", timeout=0):
        pass


def test_a_lock_is_not_inherited(store: FileStore) -> None:
    with store.lock("web1") as lock:
        assert not os.get_inheritable(lock._file)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(store: FileStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def flock(*_args: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(MachineError, match="can't be locked") as caught, store.lock("web1"):
        pass
    assert caught.value.code == "store" and store.path in caught.value.message and "flock" in caught.value.remedy
    assert os.listdir("/proc/self/fd") == before


def test_removal_leaves_a_tombstone(store: FileStore) -> None:
    record = save(store, kept={"gone": [{"kind": "Box", "id": "b-1", "token": "t"}]})
    with store.lock("web1") as lock:
        store.remove(record, lock)
    assert store.names() == [] and not os.path.exists(store.folder("web1"))
    tombstone = json.loads(pathlib.Path(store.path, "tombstones", "0123456789ab.json").read_text())
    assert tombstone["name"] == "web1" and tombstone["resources"] == record.kept["gone"]
    assert os.path.exists(os.path.join(store.path, "locks", "web1")), "locks are never deleted"


def test_what_was_observed_is_lost_without_harm(store: FileStore) -> None:
    save(store)
    store.save_observed("web1", {"state": "running"})
    assert store.observed("web1") == {"state": "running"}
    pathlib.Path(store.folder("web1"), "observed.json").write_text("{damaged")
    damaged = store.observed("web1")
    assert damaged["state"] == "unknown" and "observed.json is damaged" in damaged["error"]
    store.save_observed("gone", {"state": "running"})
    assert not os.path.exists(store.folder("gone")), "a machine that was removed meanwhile"


def test_a_digest_is_the_stores_own(store: FileStore, tmp_path: pathlib.Path) -> None:
    other = FileStore(str(tmp_path / "other"))
    other.create()
    assert store.digest("secret") == store.digest("secret") != store.digest("other")
    assert store.digest("secret") != other.digest("secret")


def test_one_ca_and_the_whole_pair(store: FileStore) -> None:
    for name in ("web1", "web2"):
        save(store, name)
    assert store.make_ca() and not store.make_ca()
    assert store.give_client_pair("web1") and not store.give_client_pair("web1")
    store.give_client_pair("web2")
    files = [sorted(os.listdir(store.folder(name))) for name in ("web1", "web2")]
    assert files[0] == files[1] == ["ca.pem", "cert.pem", "key.pem", "machine.json"]
    one, other = (pathlib.Path(store.folder(name), "ca.pem").read_text() for name in ("web1", "web2"))
    assert one == other


def test_the_ca_is_a_whole_folder_at_any_moment(store: FileStore) -> None:
    """Each state is another folder, renamed into place; of the old CAs nothing is left at the end."""
    store.make_ca()
    folders = [store.ca]
    store.change_ca(lambda files: _ca.begun(files, "ca"))
    while found := _ca.rotation(store.ca_files()):
        assert os.path.basename(store.ca) == f"ca-{len(folders) + 1}"
        assert os.path.exists(os.path.join(folders[-1], "server-ca.pem")), "who has its path still gets it"
        assert not [folder for folder in folders[:-1] if os.path.exists(folder)]
        folders.append(store.ca)
        store.change_ca(lambda files, seen=found: _ca.advanced(files, seen))  # type: ignore[misc]
    assert sorted(name for name in os.listdir(store.path) if name.startswith(("ca", "."))) == ["ca-5"]
    files = sorted(os.listdir(store.ca))
    assert files == sorted([*_tls.CA_FILES, "client-cert.pem", "client-key.pem"])
    for name in (".ca", "ca-4"):
        os.mkdir(os.path.join(store.path, name))
    store.make_ca()
    assert not {".ca", "ca-4"} & set(os.listdir(store.path)), "what a killed run has left"


def test_a_pair_is_given_together(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its halves, nothing that takes time."""
    save(store, "web1")
    store.make_ca()
    store.give_client_pair("web1")
    done: list[str] = []
    for name in ("rename", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (done.append(name), real(*args)))
    store.change_ca(lambda files: {**files, "client-cert.pem": "new", "client-key.pem": "new"})
    done.clear()
    assert store.give_client_pairs(["web1", "gone"])
    assert done.index("rename") + 1 == len(done) - 2 and done[-3:] == ["rename", "rename", "fsync"]
    assert not store.give_client_pairs(["web1"])


# Bad stores


def test_a_vanished_store_json(store: FileStore) -> None:
    save(store)
    os.unlink(os.path.join(store.path, "store.json"))
    again = FileStore(store.path)
    for act in (again.create, again.names, lambda: again.id, lambda: again.read("web1")):
        with pytest.raises(MachineError) as caught:
            act()
        assert caught.value.code == "store_vanished"
        assert os.path.join(store.path, "store.json") in caught.value.message and "backup" in caught.value.remedy
    assert not os.path.exists(os.path.join(store.path, "store.json"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "damaged_store"),
        ("[]", "damaged_store"),
        ('{"schema": 1}', "damaged_store"),
        ('{"schema": 1, "id": "x"}', "damaged_store"),
        ('{"schema": 99, "id": "x"}', "newer_store"),
    ],
)
def test_a_bad_store_json(store: FileStore, text: str, code: str) -> None:
    path = pathlib.Path(store.path, "store.json")
    path.write_text(text)
    with pytest.raises(MachineError) as caught:
        str(FileStore(store.path).id)
    assert caught.value.code == code and store.path in caught.value.message
    assert path.read_text() == text, "nothing touched"


def test_a_store_that_is_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "store").write_text("mine")
    store = FileStore(str(tmp_path / "store"))
    with pytest.raises(MachineError) as caught:
        store.create()
    assert caught.value.code == "store" and store.path in caught.value.message and "store" in caught.value.remedy
    assert (tmp_path / "store").read_text() == "mine"


def test_a_record_of_another_name(store: FileStore) -> None:
    save(store)
    os.rename(store.folder("web1"), store.folder("web2"))
    with pytest.raises(MachineError) as caught:
        store.read("web2")
    assert caught.value.code == "damaged_record" and "web1" in caught.value.message


# Where it is


def usable(path: pathlib.Path) -> None:
    with FileStore(str(path)).lock("web1"):
        pass


def test_a_copy_beside_the_original_is_looked_at_only(store: FileStore, tmp_path: pathlib.Path) -> None:
    save(store)
    copy = tmp_path / "copy"
    shutil.copytree(store.path, copy)
    assert FileStore(str(copy)).names() == ["web1"] and FileStore(str(copy)).read("web1") == store.read("web1")
    with pytest.raises(MachineError) as caught:
        usable(copy)
    assert caught.value.code == "copied_store" and store.path in caught.value.message
    for said in (f"machine_store_from={store.path}", f"machine_store_to={copy}", "machine_store_gone=true"):
        assert said in caught.value.remedy
    FileStore(str(copy)).claim()
    usable(copy)
    usable(pathlib.Path(store.path))
    assert FileStore(str(copy)).id == store.id


def test_a_folder_that_was_moved_or_is_seen_elsewhere_is_the_store(store: FileStore, tmp_path: pathlib.Path) -> None:
    save(store)
    (tmp_path / "link").symlink_to(store.path)
    usable(tmp_path / "link")
    os.rename(store.path, tmp_path / "moved")
    usable(tmp_path / "moved")


def test_a_backup_that_was_restored_in_its_place_is_the_store(store: FileStore, tmp_path: pathlib.Path) -> None:
    save(store)
    shutil.copytree(store.path, tmp_path / "backup")
    shutil.rmtree(store.path)
    shutil.copytree(tmp_path / "backup", store.path)
    usable(pathlib.Path(store.path))


def test_a_store_of_an_earlier_release_is_nobodys_copy(store: FileStore) -> None:
    path = pathlib.Path(store.path, "store.json")
    meta = json.loads(path.read_text())
    del meta["location"]
    path.write_text(json.dumps(meta))
    usable(pathlib.Path(store.path))


def test_half_written_files_of_killed_runs_are_swept(store: FileStore) -> None:
    save(store)
    folder = pathlib.Path(store.folder("web1"))
    (folder / "first-boot").mkdir()
    left = [
        folder / "machine.json.new.4711",
        folder / "id_ed25519.new",
        folder / "id_ed25519.new.pub",
        folder / "first-boot" / "host_ed25519.new",
        pathlib.Path(store.path, "store.json.new.1"),
        pathlib.Path(store.path, ".store.json.6b1d6a1e-0000-4000-8000-000000000000"),
        pathlib.Path(store.path, "private", ".digest.json.6b1d6a1e-0000-4000-8000-000000000000"),
        pathlib.Path(store.path, "tombstones", "x.json.new.12"),
        pathlib.Path(store.path, "client", "key.pem.new.12"),
    ]
    pathlib.Path(store.path, "client").mkdir()
    (folder / "vm").mkdir()
    kept = [folder / "vm" / "disk.newer", folder / "vm" / "a.new.txt", pathlib.Path(store.path, "notes")]
    for path in (*left, *kept):
        path.write_text("secret")
    with store.lock("web1"):
        pass
    assert all(path.exists() for path in left), "another run may be writing them"
    for path in (*left, *kept):
        os.utime(path, (1, 1))
    assert set(store.files("web1")) == {"vm/disk.newer", "vm/a.new.txt"}, "what a driver keeps"
    with store.lock("web1"):
        pass
    assert not [path for path in left if path.exists()] and all(path.exists() for path in kept)


@pytest.mark.parametrize("leads_to", ["elsewhere", "nowhere"])
def test_the_name_of_a_machine_whose_folder_is_a_link_is_free_again(
    store: FileStore, tmp_path: pathlib.Path, leads_to: str
) -> None:
    record = save(store)
    folder = pathlib.Path(store.folder("web1"))
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / leads_to)
    with store.lock("web1") as lock:
        if leads_to == "elsewhere":
            assert store.read("web1") == record
            store.remove(record, lock)
        else:
            store.clear("web1", lock)
    assert not os.path.lexists(folder) and store.untidy() == []
    assert (tmp_path / "elsewhere" / "machine.json").exists(), "what is not in the store is the user's"
    assert save(store).revision == 1
