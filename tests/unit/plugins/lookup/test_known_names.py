# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store knows as whose name, for certificates."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleError

from ansible_collections.dockyard.machine.plugins.lookup import known_names
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

SSH = {"user": "admin", "key": None, "args": "", "host_keys": ["ssh-ed25519 AAAA"], "public_key": "ssh-ed25519 BBBB"}


@pytest.fixture
def where(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    where = str(tmp_path / "store")
    store = open_store(where)
    store.create()
    for number, (name, state) in enumerate((("web1", "running"), ("db1", "stopped"), ("old1", "absent"))):
        with store.lock(name) as lock:
            record = Record(str(number) * 12, name, "acme.cloud.thing", status="made", ssh=dict(SSH))
            record.tls_san = [f"{name}.example.org"]
            store.save(record, lock)
        store.save_observed(name, {"state": state, "address": f"192.0.2.{number}"})
    said = dict[str, t.Any]()
    plugin = known_names.LookupModule
    monkeypatch.setattr(plugin, "set_options", lambda self, var_options, direct: said.update(direct))
    monkeypatch.setattr(plugin, "get_option", lambda self, name: said.get(name))
    return where


def names(where: str, *left_out: str) -> dict[str, str]:
    return {one["name"]: one["machine"] for one in known_names.LookupModule().run(list(left_out), {}, store=where)}


def test_each_name_and_address_has_its_machine(where: str) -> None:
    assert names(where, "web1") == {
        **dict.fromkeys(("db1", "1" * 12, "db1.example.org", "192.0.2.1"), "db1"),
        # Its address can be another machine's by now.
        **dict.fromkeys(("old1", "2" * 12), "old1"),
    }
    assert names(where)["192.0.2.0"] == "web1"
    assert names(f"{where}-none") == {}


def test_a_machine_that_can_not_be_read_costs_no_other_its_names(where: str) -> None:
    (pathlib.Path(where) / "machines" / "db1" / "machine.json").write_text("{")
    found = names(where, "web1")
    assert found["db1"] == "db1" and found["old1"] == "old1"


def test_a_store_that_can_not_be_read_is_an_error(where: str) -> None:
    (pathlib.Path(where) / "store.json").write_text("{")
    with pytest.raises(AnsibleError):
        names(where)
