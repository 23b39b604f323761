# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record: read, written, and what is made of it."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record, Resource

OBSERVED = {"state": "running", "address": "192.0.2.1", "ssh_port": 2222, "docker_port": 2376}


@pytest.fixture()
def record() -> Record:
    ssh = {"user": "admin", "key": None, "args": "", "policy": "injected", "host_keys": ["ssh-ed25519 AAAA"]}
    resource = Resource("Box", "Box", id="b-1", status="made", requests=[{"a": 1}])
    return Record("0123456789ab", "web1", "acme.cloud.thing", status="made", resources=[resource], ssh=ssh)


@pytest.mark.parametrize("name", ["a", "web1", "a-b", "a" * 40, "a0"])
def test_good_names(name: str) -> None:
    _record.check_name(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "A", "a_b", "a.b", "a" * 41, "a b", "a\n", "../a", "ä", ".ca"])
def test_bad_names_are_named_with_what_is_allowed(name: str) -> None:
    with pytest.raises(BadOption) as caught:
        _record.check_name(name)
    assert repr(name) in caught.value.message and "a-z" in caught.value.remedy
    assert caught.value.option == "name"


def test_labels_are_texts_whatever_yaml_takes_them_for() -> None:
    said = {8080: "x", "when": datetime.date(2026, 11, 24), "n": 2, "on": True, "e": None}
    texts = {"8080": "x", "when": "2026-11-24", "n": "2", "on": "True", "e": ""}
    assert _record.as_labels("labels", said) == texts == _record.as_labels("labels", texts)
    assert _record.as_labels("labels", {}) == {} and _record.as_labels("labels", None) is None
    with pytest.raises(BadOption, match=r"labels\.a: \['b'\] is no label's value"):
        _record.as_labels("labels", {"a": ["b"]})


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


def test_a_half_made_machine_is_creating_whatever_runs(record: Record) -> None:
    assert _record.state(record, OBSERVED) == "running"
    assert _record.state(record, {}) == "unknown"
    record.status = "creating"
    assert _record.state(record, OBSERVED) == "creating"
    record.status = "removing"
    assert _record.state(record, OBSERVED) == "stopping"


def test_host_variables(record: Record) -> None:
    values = _record.host_vars(record, OBSERVED, "/store/machines/web1")
    assert values["ansible_host"] == "192.0.2.1" and values["ansible_port"] == 2222
    assert values["ansible_user"] == "admin" and values["ansible_become"] is True
    assert values["ansible_ssh_private_key_file"] == "/store/machines/web1/id_ed25519"
    for program in ("ssh", "sftp", "scp"):
        assert values[f"ansible_{program}_executable"] == f"/store/machines/web1/{program}"
    assert not [name for name in values if name.endswith("_args")], "those are the user's"
    assert values["ansible_host_key_checking"] is True and values["ansible_become_method"] == "sudo"
    assert values["docker_host"] == "tcp://192.0.2.1:2376" and values["tls_verify"] is True
    assert values["machine_docker"] == {
        "docker_host": values["docker_host"],
        "validate_certs": True,
        "ca_path": values["ca_path"],
        "client_cert": values["client_cert"],
        "client_key": values["client_key"],
    }


def test_an_agent_needs_no_key(record: Record) -> None:
    record.ssh["key"] = ""
    assert "ansible_ssh_private_key_file" not in _record.host_vars(record, OBSERVED, "/f")


def test_root_becomes_nobody(record: Record) -> None:
    record.ssh["user"] = "root"
    values = _record.host_vars(record, OBSERVED, "/f")
    assert values["ansible_become"] is False and "ansible_become_method" not in values


def test_arguments_that_can_not_be_split_cost_no_host_variables(record: Record) -> None:
    record.ssh["args"] = "-o 'x"
    assert _record.host_vars(record, OBSERVED, "/f")["ansible_host"] == "192.0.2.1"


def test_without_an_address_there_is_nothing_to_connect_to(record: Record) -> None:
    values = _record.host_vars(record, {"state": "creating"}, "/f")
    assert not {"ansible_host", "docker_host", "machine_docker"} & values.keys()
    assert values["machine_state"] == "creating"


def test_ipv6(record: Record) -> None:
    assert _record.docker_host(record, {**OBSERVED, "address": "fd00::1"}) == "tcp://[fd00::1]:2376"


def test_what_modules_return_has_no_secrets(record: Record) -> None:
    record.secrets = {"token": "digest"}
    public = _record.public(record, OBSERVED, "/f")
    assert "secrets" not in public and "digest" not in json.dumps(public)
    assert public["resources"] == [{"kind": "Box", "id": "b-1", "status": "made"}]


@pytest.mark.parametrize(
    ("life", "seconds"), [("90m", 5400), ("3600", 3600), ("36500d", 36500 * 86400), ("never", None)]
)
def test_lengths_of_time(life: str, seconds: int | None) -> None:
    assert _record.seconds_of("expires_in", life) == seconds


@pytest.mark.parametrize("life", ["", "0", "8 h", "-1d", "36501d", "99999999999999999999w"])
def test_lengths_of_time_that_are_none(life: str) -> None:
    with pytest.raises(BadOption, match="expires_in"):
        _record.seconds_of("expires_in", life)


@pytest.mark.parametrize("name", ["all", "ungrouped", "localhost", "dockyard"])
def test_a_name_that_means_something_else_in_an_inventory_is_refused(name: str) -> None:
    with pytest.raises(BadOption, match=f"name: '{name}' is "):
        _record.check_name(name)


def test_arguments_for_ssh_that_can_not_be_read_are_refused() -> None:
    _record.check_ssh_args("ssh_args", None)
    _record.check_ssh_args("ssh_args", "-o 'ProxyCommand=a b'")
    with pytest.raises(BadOption, match=r"ssh_args: .* can't be split into words \(No closing quotation\)"):
        _record.check_ssh_args("ssh_args", "-o 'x")
