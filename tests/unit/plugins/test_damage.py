# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One damaged machine beside two good ones: every field with every wrong type, and what it costs the others: nothing."""

from __future__ import annotations

import copy
import itertools
import json
import os
import pathlib
import types
import typing as t

import pytest
from ansible.inventory.data import InventoryData

from ansible_collections.dockyard.machine.plugins.action import fleet, machine_info, prune
from ansible_collections.dockyard.machine.plugins.inventory import machines as inventory
from ansible_collections.dockyard.machine.plugins.module_utils import _lifecycle
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._books import Books
from ansible_collections.dockyard.machine.plugins.module_utils._record import (
    Record,
    Resource,
    observed_from_json,
    tombstone_from_json,
)
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _groups, _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe
from tests.doubles.objects import Memory, StoredObject
from tests.model.clock import Clock

DRIVER = "dockyard.machine.generic"
GOOD, BAD = ("a-good", "z-good"), "m-bad"
OPTIONS = {"address": "192.0.2.1"}
GONE = {"kind": "Host", "key": "Host", "id": "h", "name": "n", "token": "t", "generation": 1, "attempt": 1}
RECORD = Record(
    id="0123456789ab",
    name=BAD,
    driver=DRIVER,
    fleet="shop",
    role="web",
    status="made",
    options=OPTIONS,
    secrets={"token": "00"},
    labels={"tier": "front"},
    account="acme",
    place={"region": "north"},
    kept={"looks": {"l": [1]}, "picks": {"p": 1}, "choices": {"c": 0}, "gone": [GONE], "adopted": ["h"]},
    resources=[Resource("Host", "Host", id="h-1", status="made", requests=[{"address": "192.0.2.1"}])],
    machine="Host",
    ssh={
        "user": "admin",
        "key": None,
        "args": "-v",
        "policy": "given",
        "host_keys": ["ssh-ed25519 A"],
        "reached": True,
    },
    tls_san=["web.example"],
    expires="2999-01-01T00:00:00Z",
)
ENGINE = {
    "version": "29.1",
    "certificate_not_after": "2999-01-01T00:00:00Z",
    "swarm": {"cluster": "c", "role": "worker"},
}
OBSERVED = {
    "state": "running",
    "address": "192.0.2.1",
    "addresses": ["192.0.2.1"],
    "ssh_port": 22,
    "docker_port": 2376,
    "docker_host": "tcp://192.0.2.1:2376",
    "python_interpreter": "/usr/bin/python3",
    "refreshed": 1.0,
    "error": None,
    "engine": ENGINE,
}
BURIED = "ffffffffffff"
TOMBSTONE = {
    "schema": 1,
    "id": BURIED,
    "store": None,
    "name": "buried",
    "driver": DRIVER,
    "account": "acme",
    "place": {"region": "north"},
    "resources": [GONE],
    "removed": "2026-12-01T00:00:00Z",
}
DEEP: list[t.Any] = []
for _level in range(200):
    DEEP = [DEEP]
WRONG = (None, [], {}, "x\ud800", -1, 10**30, True, float("nan"), "-o 'x", ["x"], {"x": [1]}, DEEP)
TEXTS = (b"", b"{", b"null", b"[]", b"\0\xff", b"[" * 100_000, b'{"schema": 1e999}', b'"x"', b'{"schema": true}')
ABSENT = object()


def fields(data: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """The path of each value of a document, at every depth."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from fields(value, (*path, key))


def changed(data: t.Any, path: tuple[t.Any, ...], value: t.Any) -> bytes:
    data = copy.deepcopy(data)
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json.dumps(data).encode()


class FileWorld:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.files = {
            "record": folder / "machines" / BAD / "machine.json",
            "observed": folder / "machines" / BAD / "observed.json",
            "tombstone": folder / "tombstones" / f"{BURIED}.json",
        }

    def store(self) -> Store:
        return FileStore(str(self.folder))

    def read(self, what: str) -> t.Any:
        return json.loads(self.files[what].read_bytes())

    def write(self, what: str, text: bytes) -> None:
        self.files[what].write_bytes(text)


class ObjectWorld:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.memory = Memory(self.clock)
        self.keys = {
            "record": f"records/{BAD}.json",
            "observed": f"observed/{BAD}.json",
            "tombstone": f"tombstones/{BURIED}.json",
        }

    def store(self) -> Store:
        return ObjectStore(self.memory, str(self.folder), self.clock, background=False)

    def read(self, what: str) -> t.Any:
        return json.loads(self.memory.objects[self.keys[what]].data)

    def write(self, what: str, text: bytes) -> None:
        self.memory.objects[self.keys[what]] = StoredObject(text, '"x"')


World = FileWorld | ObjectWorld


@pytest.fixture(params=[FileWorld, ObjectWorld], ids=["file", "objects"])
def world(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(_drivers, "installed", dict)
    world = request.param(tmp_path / "store")
    store = world.store()
    store.create()
    for name in (*GOOD, BAD):
        record = Record.from_json(RECORD.to_json())
        record.name, record.id = name, f"{GOOD.index(name) if name in GOOD else 9}" * 12
        record.fleet = record.role = None if name in GOOD else "shop"
        with store.lock(name) as lock:
            store.save(record, lock)
        store.save_observed(name, OBSERVED)
    buried = Record.from_json(RECORD.to_json())
    buried.name, buried.id = "buried", BURIED
    with store.lock("buried") as lock:
        store.save(buried, lock)
        store.remove(buried, lock)
    for module in (machine_info, fleet, prune):
        monkeypatch.setattr(module, "open_store", lambda given: world.store())
    return world


def action(kind: t.Any, **args: t.Any) -> dict[str, t.Any]:
    module = kind.ActionModule.__new__(kind.ActionModule)
    module.run_module = lambda *more: {"failed": True, "msg": "no answer"}
    module.defaults = lambda name: {}
    module._task = types.SimpleNamespace(check_mode=True, module_defaults=None)
    filled = {name: one.get("default") for name, one in kind.ActionModule.spec.items()}
    return module.perform({**filled, "store": "unused", **args}, {})


def listed(store: Store, warnings: list[str]) -> dict[str, str]:
    plugin = inventory.InventoryModule()
    plugin.inventory = InventoryData()
    plugin.display = types.SimpleNamespace(warning=warnings.append)
    said = {"group_by": ["driver", "state", "role", "fleet", "label_tier"], "docker_machine_variables": True}
    plugin.get_option = said.get
    listing = plugin._list("machines.yml", store, True)
    listing.write(plugin.inventory)
    return {name: one["machine_state"] for name, one in listing.hosts.items()}


def cost(world: World, what: str, text: bytes) -> str | None:
    """What goes wrong for others when a file has this text; None: nothing does."""
    world.write(what, text)
    warnings: list[str] = []
    states = listed(world.store(), warnings)
    said = [states, {one["name"]: one["state"] for one in action(machine_info)["machines"]}]
    said.append({one["name"]: one["state"] for one in action(machine_info, filter="name")["machines"]})
    for one in said:
        if set(one) != {*GOOD, BAD} or {one[name] for name in GOOD} != {"running"}:
            return f"listed {one}"
        if what == "record" and warnings and one[BAD] != "unknown":
            return f"{BAD} is damaged, and {one[BAD]}"
    if any(BAD not in one or len(one) < 40 for one in warnings):
        return f"said {warnings}"
    refreshed = action(machine_info, refresh=True)
    if {one["name"] for one in refreshed["machines"]} != {*GOOD, BAD}:
        return f"refreshed {refreshed}"
    pruned = action(prune)
    plan = action(fleet, names=",".join(GOOD), refresh=False)
    if sorted(plan["keep"]) != sorted(GOOD):
        return f"planned {plan}"
    removal = action(fleet, state="absent", fleet={"id": "other", "roles": {}})
    if removal["remove"]:
        return f"would remove {removal}"
    store = world.store()
    books = Books(store, DRIVER, {"region": "north"}, "acme")
    if not {one.name for one in books.entries.values()} >= {*GOOD}:
        return "unknown to prune"
    broken = what == "tombstone" and BURIED not in {one["id"] for one in books.tombstones}
    if broken and not any("tombstone" in one for one in pruned["warnings"]) and b'"driver"' not in text:
        return f"not told of by prune: {pruned['warnings']}"
    if len(store.records({})) < 2:
        return "records are lost"
    return None


def uses(what: str, text: bytes) -> None:
    """What everybody does with such a document once it is read."""
    record, observed = Record.from_json(RECORD.to_json()), OBSERVED
    try:
        if what == "record":
            record = Record.from_json(text, "/f")
        elif what == "observed":
            observed = observed_from_json(text, "/f")
        else:
            tombstone_from_json(text, "/f")
    except MachineError as error:
        assert "/f " in error.message and error.remedy
        return
    machine = _machines.Machine(record.name, "/f", record, observed)
    _groups.pairs(["driver", "state", "role", "fleet", "label_tier"], machine.host_vars())
    json.dumps(unsafe(machine.public()), ensure_ascii=False).encode()
    _lifecycle._prune.why_due(record, 1.0)
    assert Record.from_json(record.to_json()) == record
    for resource in record.resources:
        assert isinstance(resource.request, dict)


@pytest.mark.parametrize("what", ["record", "observed", "tombstone"])
def test_what_is_read_can_be_used(what: str) -> None:
    original = {"record": json.loads(RECORD.to_json()), "observed": OBSERVED, "tombstone": TOMBSTONE}[what]
    for path in fields(original):
        for value in (ABSENT, *WRONG):
            try:
                uses(what, changed(original, path, value))
            except Exception as error:
                pytest.fail(ascii(f"{path} = {str(value)[:40]}: {type(error).__name__}: {error}"))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["record", "observed", "tombstone"])
def test_a_wrong_type_in_any_field_costs_no_other_machine(world: World, what: str) -> None:
    original = world.read(what)
    values = itertools.cycle((ABSENT, *WRONG))
    for path in fields(original):
        if path == ("record",):
            continue  # without one, the object keeps a place for it
        for value in itertools.islice(values, 3):
            try:
                problem = cost(world, what, changed(original, path, value))
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            if problem:
                pytest.fail(ascii(f"{path} = {str(value)[:40]}: {problem}"))


@pytest.mark.parametrize("what", ["record", "observed", "tombstone"])
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:20]))
def test_a_text_that_is_no_document_costs_no_other_machine(world: World, what: str, text: bytes) -> None:
    assert cost(world, what, text) is None
