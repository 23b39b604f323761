# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of a store as people look at them, filters, and values that are never evaluated."""

from __future__ import annotations

import datetime

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _unsafe
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines


@pytest.fixture()
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.create()
    for name in ("a", "b", "c"):
        with store.lock(name) as lock:
            store.save(Record(id="0" * 12, name=name, driver="dockyard.machine.none", status="made"), lock)
    return store


def test_a_damaged_record_hides_no_other(store, tmp_path):
    (tmp_path / "store" / "machines" / "b" / "machine.json").write_text("[]")
    found = _machines.read(store)
    assert [one.name for one in found] == ["a", "b", "c"]
    a, b = (one.public() for one in found[:2])
    assert set(a) == set(b)
    assert (b["name"], b["state"], b["id"], b["driver"]) == ("b", "unknown", None, None)
    assert "is damaged" in b["error"] and b["host_vars"]["machine_error"] == b["error"]
    assert b["host_vars"]["ansible_host"] == "b.damaged.invalid"
    assert [one.name for one in _machines.read(store, ["c", "none", "b"])] == ["c", "b"]


def test_a_vanished_store_is_an_error(store, tmp_path):
    (tmp_path / "store" / "store.json").unlink()
    with pytest.raises(MachineError, match="is gone, though machines exist"):
        _machines.read(open_store(store.path))


def test_no_store_has_no_machines(tmp_path):
    assert _machines.read(open_store(str(tmp_path / "none")), ["a"]) == []


@pytest.mark.parametrize(
    "expression, matches",
    [
        ("name == 'web1'", True),
        ("labels.tier", True),
        ("labels.none", False),
        ("labels.empty", False),
        ("count", True),
        ("contains(name, 'eb')", True),
        ("state == 'stopped'", False),
    ],
)
def test_filter(expression, matches):
    machine = {"name": "web1", "labels": {"tier": "front", "empty": ""}, "count": 0, "state": "running"}
    assert _machines.Filter(expression).matches(machine) is matches


def test_a_wrong_filter_is_named():
    with pytest.raises(MachineError, match="filter: 'a b' is not a valid JMESPath expression"):
        _machines.Filter("a b")
    with pytest.raises(MachineError, match=r"filter: 'abs\(name\)' fails for web1"):
        _machines.Filter("abs(name)").matches({"name": "web1"})


def test_a_filter_without_jmespath_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_machines, "jmespath", None)
    with pytest.raises(MachineError) as caught:
        _machines.Filter("name")
    assert caught.value.code == "missing_library" and "pip install jmespath" in caught.value.remedy


NOW = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    "evil",
    [
        "{{ 1 + 1 }}",
        "{% if true %}2{% endif %}",
        "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ 1 + 1 ]]",
    ],
)
def test_unsafe_values_are_never_evaluated(evil):
    value = _unsafe.unsafe({"text": evil, "list": [{"deep": evil}], "number": 1, "none": None, "plain": "web1"})
    assert value == {"text": evil, "list": [{"deep": evil}], "number": 1, "none": None, "plain": "web1"}
    assert Templar(loader=DataLoader(), variables={}).template(value) == value


@pytest.mark.parametrize("expression", ["[" * 3000, "(" * 3000 + "name" + ")" * 3000, "!" * 3000 + "name"])
def test_a_filter_that_is_nested_too_deeply_is_refused(expression):
    with pytest.raises(BadOption, match="filter: "):
        _machines.Filter(expression).matches({"name": "a"})
