# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who can write to a store names files in it. None of these names leads out of the store or a run's folder."""

from __future__ import annotations

import collections.abc
import json
import os
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _pin, _store
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.module_utils._store._lease import StoredObject
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from tests.doubles.objects import Memory

ID = "0" * 12


@pytest.fixture()
def outside(tmp_path: pathlib.Path) -> pathlib.Path:
    """What no store has any business in."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept.json").write_text("kept")
    return folder


@pytest.fixture()
def memory(tmp_path: pathlib.Path) -> Memory:
    """A store of objects with one machine."""
    memory = Memory()
    store = ObjectStore(memory, str(tmp_path / "maker"), background=False)
    store.create()
    store.make_ca()
    save(store, "web1")
    return memory


def save(store: Store, name: str, id: str = ID) -> None:
    with store.lock(name) as lock:
        folder = pathlib.Path(store.folder(name))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "id_ed25519").write_text("private")
        store.save(Record(id, name, "acme.cloud.thing", status="made"), lock)


def run(memory: Memory, tmp_path: pathlib.Path) -> ObjectStore:
    return ObjectStore(memory, str(tmp_path / "a" / "run"), background=False)


def files_below(folder: pathlib.Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def alter(memory: Memory, prefix: str, change: collections.abc.Callable[[t.Any], t.Any]) -> str:
    [key] = [key for key in memory.objects if key.startswith(prefix)]
    data = json.dumps(change(json.loads(memory.objects[key].data)))
    memory.objects[key] = StoredObject(data.encode(), memory.objects[key].tag)
    return key


FOREIGN = [
    "{outside}/kept.json",
    "../../outside/kept.json",
    "../web2/id_ed25519",
    "first-boot/../../x",
    "first-boot//x",
    "first-boot/.",
    "first-boot/",
    "first-boot",
    "vm/..",
    ".ssh/authorized_keys",
    "authorized_keys",
    "machine.json",
    "id_ed25519\n",
    "id_ed25519\0",
    "known_hosts",
    "",
    ".",
    "{{ 1 }}",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_keys_of_a_machine_are_written_nowhere_else(
    memory: Memory, tmp_path: pathlib.Path, outside: pathlib.Path, name: str
) -> None:
    name = name.format(outside=outside) if "{outside}" in name else name
    key = alter(memory, "keys/web1/", lambda texts: {**texts, name: "planted"})
    store, before = run(memory, tmp_path), files_below(tmp_path)
    with pytest.raises(MachineError, match="does not write") as caught:
        store.fill("web1")
    assert key in caught.value.message and "delete" in caught.value.remedy
    written = set(files_below(tmp_path)) - set(before)
    assert {path.rpartition("/web1/")[2] for path in written} <= {*_pin.FILES}, "derived from the record"
    assert (outside / "kept.json").read_text() == "kept"
    del memory.objects[key]
    with store.lock("web1") as lock:
        store.fill("web1")
        store.clear("web1", lock)
    assert store.names() == [], "it can be removed without its keys"


@pytest.mark.parametrize("texts", [[], ["id_ed25519"], "id_ed25519", None, {"id_ed25519": None}, {"id_ed25519": ["x"]}])
def test_keys_of_another_shape_are_no_files(memory: Memory, tmp_path: pathlib.Path, texts: t.Any) -> None:
    alter(memory, "keys/web1/", lambda _texts: texts)
    with pytest.raises(MachineError) as caught:
        run(memory, tmp_path).fill("web1")
    assert caught.value.code == "damaged_record"


@pytest.mark.parametrize("name", [*FOREIGN, "id_ed25519"])
def test_the_ca_is_written_nowhere_else(
    memory: Memory, tmp_path: pathlib.Path, outside: pathlib.Path, name: str
) -> None:
    name = name.format(outside=outside) if "{outside}" in name else name
    alter(memory, "ca.json", lambda ca: {**ca, "files": {**ca["files"], name: "planted"}})
    store, before = run(memory, tmp_path), files_below(tmp_path)
    for use in (store.fill_ca, store.ca_files, store.make_ca, lambda: store.give_client_pair("web1")):
        with pytest.raises(MachineError, match="does not write"):
            use()
    assert files_below(tmp_path) == before


NAMES = ["../outside", "../../x", "a/../b", "web1/../../x", "Web1", "{{ 1 }}", "all", "localhost", "", ".", "..", "x\n"]


@pytest.mark.parametrize("name", NAMES)
def test_objects_of_what_is_no_machine_are_not_looked_at(memory: Memory, tmp_path: pathlib.Path, name: str) -> None:
    data = json.loads(memory.objects["records/web1.json"].data)
    data["record"]["name"] = name
    for folder in ("records", "leases"):
        memory.objects[f"{folder}/{name}.json"] = StoredObject(json.dumps(data).encode(), '"1"')
    store = run(memory, tmp_path)
    assert store.names() == ["web1"] and store.locked_names() == ["web1"] and list(store.records()) == ["web1"]


@pytest.mark.parametrize("name", ["{{ 1 }}", "Web1", "all", "a b", "web1\n"])
def test_folders_of_what_is_no_machine_are_not_looked_at(tmp_path: pathlib.Path, name: str) -> None:
    store = _store.open_store(str(tmp_path / "store"))
    store.create()
    save(store, "web1")
    os.rename(store.folder("web1"), store.folder(name))
    (tmp_path / "store" / "locks" / name).touch()
    (tmp_path / "store" / "machines" / f".removed-{name}").mkdir()
    assert store.names() == [] and store.locked_names() == ["web1"] and store.untidy() == []


@pytest.mark.parametrize(
    "id", ["{outside}/kept", "../../outside/kept", "a/b", "", ".", "..", "x\n", "{{ 1 }}", None, 1]
)
@pytest.mark.parametrize("shared", [False, True])
def test_a_tombstone_is_a_file_of_the_store(
    tmp_path: pathlib.Path, outside: pathlib.Path, id: t.Any, shared: bool
) -> None:
    store = run(Memory(), tmp_path) if shared else _store.open_store(str(tmp_path / "store"))
    store.create()
    before = files_below(tmp_path)
    id = str(outside / "kept") if id == "{outside}/kept" else id
    with pytest.raises(MachineError, match="A tombstone has an id"):
        store.bury({"id": id, "name": "web1"})
    with pytest.raises(MachineError, match="A tombstone has an id"):
        store.forget(id)
    assert files_below(tmp_path) == before


def test_what_is_written_is_what_is_read(memory: Memory, tmp_path: pathlib.Path) -> None:
    """A driver's files, too, in the two folders that it is given."""
    store = run(memory, tmp_path)
    texts = {"id_ed25519": "1", "id_ed25519.pub": "2", "first-boot/host_ed25519": "3", "vm/a-b/c_d.e": "4"}
    with store.lock("web1") as lock:
        record = store.read("web1")
        assert record
        store.fill("web1")
        store.replace_files("web1", texts)
        store.save(record, lock)
        with pytest.raises(MachineError, match="does not write"):
            store.replace_files("web1", {"../x": "planted"})
    other = run(memory, tmp_path / "other")
    other.fill("web1")
    assert other.files("web1") == texts
