# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see of a machine, made from its record."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _host_vars
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record, Resource

OBSERVED = {"state": "running", "address": "192.0.2.1", "ssh_port": 2222, "docker_port": 2376}


@pytest.fixture()
def record() -> Record:
    ssh = {"user": "admin", "key": None, "args": "", "policy": "injected", "host_keys": ["ssh-ed25519 AAAA"]}
    resource = Resource("Box", "Box", id="b-1", status="made", requests=[{"a": 1}])
    return Record("0123456789ab", "web1", "acme.cloud.thing", status="made", resources=[resource], ssh=ssh)


def test_a_half_made_machine_is_creating_whatever_runs(record: Record) -> None:
    assert _host_vars.state(record, OBSERVED) == "running"
    assert _host_vars.state(record, {}) == "unknown"
    record.status = "creating"
    assert _host_vars.state(record, OBSERVED) == "creating"
    record.status = "removing"
    assert _host_vars.state(record, OBSERVED) == "stopping"


def test_host_variables(record: Record) -> None:
    values = _host_vars.host_vars(record, OBSERVED, "/store/machines/web1")
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
    assert "ansible_ssh_private_key_file" not in _host_vars.host_vars(record, OBSERVED, "/f")


def test_root_becomes_nobody(record: Record) -> None:
    record.ssh["user"] = "root"
    values = _host_vars.host_vars(record, OBSERVED, "/f")
    assert values["ansible_become"] is False and "ansible_become_method" not in values


def test_arguments_that_can_not_be_split_cost_no_host_variables(record: Record) -> None:
    record.ssh["args"] = "-o 'x"
    assert _host_vars.host_vars(record, OBSERVED, "/f")["ansible_host"] == "192.0.2.1"


def test_without_an_address_there_is_nothing_to_connect_to(record: Record) -> None:
    values = _host_vars.host_vars(record, {"state": "creating"}, "/f")
    assert not {"ansible_host", "docker_host", "machine_docker"} & values.keys()
    assert values["machine_state"] == "creating"


def test_ipv6(record: Record) -> None:
    assert _host_vars.docker_host(record, {**OBSERVED, "address": "fd00::1"}) == "tcp://[fd00::1]:2376"


def test_what_modules_return_has_no_secrets(record: Record) -> None:
    record.secrets = {"token": "digest"}
    public = _host_vars.public(record, OBSERVED, "/f")
    assert "secrets" not in public and "digest" not in json.dumps(public)
    assert public["resources"] == [{"kind": "Box", "id": "b-1", "status": "made"}]
