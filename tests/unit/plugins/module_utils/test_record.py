# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record: read and written."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record, Resource


@pytest.fixture()
def record() -> Record:
    ssh = {"user": "admin", "key": None, "args": "", "policy": "injected", "host_keys": ["ssh-ed25519 AAAA"]}
    resource = Resource("Box", "Box", id="b-1", status="made", requests=[{"a": 1}])
    return Record("0123456789ab", "web1", "acme.cloud.thing", status="made", resources=[resource], ssh=ssh)


def test_what_is_written_is_read(record: Record) -> None:
    again = Record.from_json(record.to_json())
    assert again == record


def test_unknown_keys_are_kept(record: Record) -> None:
    data = json.loads(record.to_json())
    data["colour"] = "blue"
    again = Record.from_json(json.dumps(data))
    assert json.loads(again.to_json())["colour"] == "blue"


def test_a_newer_schema_is_left_alone(record: Record) -> None:
    data = {**json.loads(record.to_json()), "schema": _record.SCHEMA + 1}
    with pytest.raises(MachineError) as caught:
        Record.from_json(json.dumps(data), "/store/web1.json")
    assert caught.value.code == "newer_record"
    assert "/store/web1.json" in caught.value.message and str(_record.SCHEMA + 1) in caught.value.message
    assert "release" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"schema": 1}', '{"schema": "x"}', "\0\0\0"])
def test_a_damaged_record_is_named(text: str) -> None:
    with pytest.raises(MachineError) as caught:
        Record.from_json(text, "/store/web1.json")
    assert caught.value.code == "damaged_record"
    assert "/store/web1.json" in caught.value.message and "backup" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value"), [("labels", None), ("labels", []), ("ssh", None), ("tls_san", "a"), ("expires", "2027-01-01")]
)
def test_so_is_one_that_would_fail_whoever_reads_it(record: Record, name: str, value: object) -> None:
    data = {**json.loads(record.to_json()), name: value}
    with pytest.raises(MachineError, match="/store/web1.json is damaged") as caught:
        Record.from_json(json.dumps(data), "/store/web1.json")
    assert caught.value.code == "damaged_record"
