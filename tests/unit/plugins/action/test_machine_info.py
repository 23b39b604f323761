# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table, the time limit and the places of machine_info."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import time
import types

import pytest

from ansible_collections.dockyard.machine.plugins.action import machine_info, machine_record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines

NONE = "dockyard.machine.none"


def action(**attributes):
    module = machine_info.ActionModule.__new__(machine_info.ActionModule)
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def public(name, **fields):
    record = Record(id="0" * 12, name=name, driver=NONE, status="made")
    return {**_machines.Machine(name, f"/store/{name}", record, {"state": "running"}).public(), **fields}


def test_table():
    rows = machine_info._table(
        [
            public(
                "web1", fleet="shop", role="web", address="192.0.2.1", engine_version="29.1", certificate_days_left=0
            ),
            public("a-long-name", fleet="shop", driver="acme.cloud.thing"),
            public("x", driver=None, state="unknown"),
        ],
        ["ghost"],
    )
    assert rows == [
        "NAME         FLEET/ROLE  DRIVER            STATE    ADDRESS    ENGINE  CERT DAYS",
        "web1         shop/web    none              running  192.0.2.1  29.1    0",
        "a-long-name  shop        acme.cloud.thing  running  -          -       -",
        "x            -           -                 unknown  -          -       -",
        "ghost        -           -                 absent   -          -       -",
    ]


def test_an_end_has_a_column_where_there_is_one():
    rows = machine_info._table([public("web1", expires="2027-01-31T12:00:00Z"), public("web2")], ["ghost"])
    assert [row.split()[-1] for row in rows] == ["EXPIRES", "2027-01-31T12:00:00Z", "-", "-"]
    assert len({len(row.split()) for row in rows[1:]}) == 1


def test_a_command_gets_its_input_and_gives_its_output():
    module = action(_limit=30.0, _play_context=types.SimpleNamespace(executable="/bin/sh"))
    assert module._execute("cat; echo oh >&2; exit 3", b"in") == (3, b"in", b"oh\n")
    assert module._execute([sys.executable, "-c", "print(1)"]) == (0, b"1\n", b"")


def test_a_command_that_hangs_goes_with_all_it_has_started(tmp_path):
    module = action(_limit=0.5, _play_context=types.SimpleNamespace(executable="/bin/sh"))
    pid = tmp_path / "pid"
    rc, _out, _err = module._execute(f"sleep 1000 & echo $! > {pid}; wait")
    assert rc == machine_info.TIMED_OUT
    stat = pathlib.Path("/proc", pid.read_text().strip(), "stat")

    def ended():
        try:
            return stat.read_text().split()[2] == "Z"
        except OSError:
            return True

    deadline = time.monotonic() + 10  # a kill takes effect when the kernel comes to it
    while not ended():
        assert time.monotonic() < deadline


@pytest.fixture()
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.create()
    for name, place in (("a", {}), ("b", {"region": "x"}), ("c", {"region": "x"}), ("d", {"region": "y"})):
        with store.lock(name) as lock:
            store.save(Record(id="0" * 12, name=name, driver=NONE, status="made", place=place), lock)
        store.save_observed(name, {"state": "running", "refreshed": 1.0})
    return store


def test_the_machines_of_a_fleet(store):
    with store.lock("b") as lock:
        record = store.read("b")
        record.fleet = "shop"
        store.save(record, lock)

    def names(fleet):
        args = {**dict.fromkeys(machine_info.ActionModule.spec), "store": store.where, "fleet": fleet}
        return [one["name"] for one in action().perform(args, {})["machines"]]

    assert names("shop") == names({"id": "shop", "roles": {}}) == names('{"id": "shop"}') == ["b"]
    assert names("other") == [] and len(names(None)) == len(names("")) == 4
    with pytest.raises(MachineError, match="the id is required"):
        names({"roles": {}})


def test_one_run_a_driver_and_place(store, monkeypatch):
    runs = []

    def run_module(driver, args, task_vars):
        runs.append((driver, args))
        if args.get("region") == "x":  # it fails when it has seen one of them
            store.save_observed("b", {"state": "stopped", "refreshed": 9e9})
            return {"failed": True, "msg": "no such region."}
        return {}

    defaults = {"timeout": 5, "url": "u", "foreign": 1, "region": "never"}
    module = action(run_module=run_module, defaults=lambda name: defaults)
    known = {"url": {}, "region": {}}
    monkeypatch.setattr(machine_info._drivers, "load", lambda name: types.SimpleNamespace(argument_spec=known))
    machines = _machines.read(store)
    warnings = module._refresh({"timeout": 30}, store, machines, {})
    common = {"state": "gathered", "store": store.path, "timeout": 5, "url": "u"}
    assert runs == [
        (NONE, {**common, "scope": "machine", "name": "a", "region": "never"}),
        (NONE, {**common, "scope": "account", "region": "x"}),
        (NONE, {**common, "scope": "machine", "name": "d", "region": "y"}),
    ]
    assert [one.observed["state"] for one in machines] == ["running", "stopped", "unknown", "running"]
    assert warnings == [f"{NONE} can't be asked: no such region. Not seen: c."]


@pytest.mark.parametrize("damaged", [False, True])
def test_what_a_driver_could_not_see_is_unknown_though_the_store_keeps_what_was_seen(store, monkeypatch, damaged):
    def run_module(driver, args, task_vars):
        if damaged and args["scope"] == "account":
            return {"failed": True, "msg": "another one's record", "error": {"code": "damaged_record"}}
        seen = [{"name": "a", "state": "running"}, {"name": "b", "state": "unknown", "error": "account 'bob'"}]
        seen = [one for one in seen if args.get("name") in (None, one["name"])]
        return {"machine": seen[0] if seen else None} if args["scope"] == "machine" else {"machines": seen}

    module = action(run_module=run_module, defaults=lambda name: {})
    known = {"region": {}}
    monkeypatch.setattr(machine_info._drivers, "load", lambda name: types.SimpleNamespace(argument_spec=known))
    machines = _machines.read(store)
    warnings = module._refresh({"timeout": 30}, store, machines, {})
    assert [one.observed["state"] for one in machines] == ["running", "unknown", "running", "running"]
    assert warnings == ["b can't be seen: account 'bob'"]
    assert store.observed("b") == {"state": "running", "refreshed": 1.0}


def test_what_a_record_is_to_note(store):
    args = {"name": "a", "engine": {"version": "1", "api_version": None, "changed": True}, "reached": True}
    before, after = machine_record.ActionModule._compare(store, args, store.read("a"))
    still = {"host_key_from_user_data": False}
    assert before == {"engine": {}, "reached": False, "first_boot": False, **still}
    assert after == {
        "engine": {"version": "1"},
        "reached": False,
        "first_boot": False,
        **still,
    }  # nobody reaches it by SSH
    os.mkdir(os.path.join(store.folder("a"), "first-boot"))
    with store.lock("a") as lock:
        record = store.read("a")
        record.ssh = {"user": "root", "replace_host_key": True}
        store.save(record, lock)
    before, after = machine_record.ActionModule._compare(store, {**args, "engine": None}, record)
    assert before == {"engine": {}, "reached": False, "first_boot": True, "host_key_from_user_data": True}
    assert after == {"engine": {}, "reached": True, "first_boot": False, "host_key_from_user_data": False}


def test_the_end_of_a_certificate_that_went_with_tls_is_forgotten(store):
    """Else there would be warnings of it, which nothing could end."""
    ends = {"certificate_not_before": "2026-01-01T00:00:00Z", "certificate_not_after": "2027-01-01T00:00:00Z"}
    store.save_observed("a", {"engine": {"version": "1", "authority": "3fb4", **ends}})
    nothing = dict.fromkeys(ends)
    for engine, left in (
        ({"authority": "none", **nothing}, {"authority": "none"}),
        ({"swarm": {}}, {"authority": "3fb4", "swarm": {}, **ends}),
    ):
        args = {"name": "a", "engine": engine, "reached": False}
        dummy, after = machine_record.ActionModule._compare(store, args, store.read("a"))
        assert after["engine"] == {"version": "1", **left}


def test_a_machine_that_is_not_there_or_not_any_more(store, monkeypatch):
    action = machine_record.ActionModule.__new__(machine_record.ActionModule)
    action._task = types.SimpleNamespace(check_mode=False)
    monkeypatch.setattr(machine_record, "open_store", lambda given: store)
    # Another run removes it before this one has the lock
    monkeypatch.setattr(store, "fill", lambda name: shutil.rmtree(store.folder(name)))
    for name in ("ghost", "a"):
        args = {"name": name, "store": None, "engine": {"version": "1"}, "reached": False, "lock_timeout": 1}
        with pytest.raises(MachineError, match=f"There is no machine {name} in the store") as failure:
            action.perform(args, {})
        assert failure.value.code == "not_found" and not os.path.exists(store.folder(name))
