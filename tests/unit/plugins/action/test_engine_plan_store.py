# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for a host that is given no CA: those of the store."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.action import engine_plan
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._record import MADE, Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._store_ca import StoreCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _access
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import Wanted
from tests.unit.plugins.plugin_utils._engine.test_plan import fresh

KEY, CERT = _tls.new_ca("mine")


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Nothing names a store."""
    for name in ("DOCKYARD_STORE", "AWX_PRIVATE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".dockyard"


def planned(
    monkeypatch: pytest.MonkeyPatch,
    seen: dict[str, t.Any] | None = None,
    check: bool = False,
    host: dict[str, t.Any] | None = None,
    **variables: t.Any,
) -> dict[str, t.Any]:
    """What the action says of a host that looks so."""
    info = fresh()
    info["host"].update(host or {})
    info["tls"].update(seen or {})
    info["waited"] = []
    monkeypatch.setattr(
        engine_plan, "Visit", lambda *_: types.SimpleNamespace(look=lambda _: info, python_installed=False)
    )
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._loader = DataLoader()
    action._task = types.SimpleNamespace(check_mode=check, args={})
    action._connection = types.SimpleNamespace(transport="ssh")
    action.validate_argument_spec = lambda *_: (None, {"wanted": None})
    known = {"inventory_hostname": "web1", "ansible_host": "192.0.2.7", "hostvars": {"web1": {}}, **variables}
    action._templar = Templar(DataLoader(), variables=known)
    return action.perform(known)


def test_no_variable_is_needed(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path) -> None:
    plan = planned(monkeypatch)
    assert not plan.get("failed") and plan["certificate"]["names"][0] == "192.0.2.7"
    files = FileStore(str(home)).ca_files()
    assert plan["apply"]["ca"] == files["client-ca.pem"]
    assert (plan["changed"], plan["client"]["store"]) == (True, str(home))
    assert plan["engine"]["docker_host"] == "tcp://192.0.2.7:2376"
    assert plan["engine"]["docker_cert_path"] == f"{home}/client"
    assert not any("create the CAs" in change for change in plan["changes"]), "that is done"
    assert "PRIVATE KEY" not in str(plan)
    assert planned(monkeypatch)["changed"] is False


def test_check_mode_makes_nothing(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path) -> None:
    plan = planned(monkeypatch, check=True)
    assert plan["changed"] and plan["changes"][0] == f"create the CAs of the store {home}"
    assert plan["engine"]["docker_cert_path"] is None and not home.exists()
    assert plan["client"]["message"][0].startswith("The client's certificate would be in ")
    assert "BEGIN CERTIFICATE" not in str(plan["diff"]) and "PRIVATE KEY" not in str(plan)


def test_a_host_that_can_t_be_set_up_leaves_no_ca(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path) -> None:
    assert planned(monkeypatch, docker_engine_config={"hosts": []})["failed"]
    assert not home.exists()


@pytest.mark.parametrize(
    "variables",
    [
        {"docker_engine_access": "local"},
        {
            "docker_engine_server_ca_cert": CERT,
            "docker_engine_server_ca_key": KEY,
            "docker_engine_client_ca_cert": CERT,
        },
    ],
)
def test_the_store_is_for_hosts_without_other_cas(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, variables: dict[str, t.Any]
) -> None:
    plan = planned(monkeypatch, **variables)
    assert not plan.get("failed") and not home.exists()
    assert plan["client"] == {"store": "", "message": []} and plan["engine"]["docker_cert_path"] is None


@pytest.mark.parametrize("only", ["server_ca_cert", "client_ca_cert"])
def test_one_ca_of_two_is_a_mistake(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, only: str) -> None:
    plan = planned(monkeypatch, **{f"docker_engine_{only}": CERT})
    assert plan["failed"] and "Give both CAs, or neither" in plan["msg"] and not home.exists()


@pytest.mark.parametrize("option", ["server_ca_key", "server_ca_command"])
def test_a_key_without_its_certificate_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, option: str
) -> None:
    said = {f"docker_engine_{option}": KEY if option == "server_ca_key" else ["sign"]}
    plan = planned(monkeypatch, **said)
    assert plan["failed"] and f"docker_engine_{option} needs docker_engine_server_ca_cert" in plan["msg"]
    assert not home.exists()


def test_a_store_without_a_key_signs_with_the_one_that_is_given(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path
) -> None:
    store = FileStore(str(home))
    StoreCA(store).create()
    key = store.ca_files()["server-ca-key.pem"]
    (home / "ca" / "server-ca-key.pem").unlink()
    plan = planned(monkeypatch)
    assert plan["failed"] and "docker_engine_server_ca_key is needed" in plan["msg"]
    assert not planned(monkeypatch, docker_engine_server_ca_key=key).get("failed")


def test_clients_of_another_ca_are_not_locked_out_by_a_store_that_nothing_names(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    plan = planned(monkeypatch, {"ca": CERT})
    assert plan["failed"] and "accepts clients of a CA that is not" in plan["msg"] and not home.exists()
    for named in ({"docker_engine_store": str(tmp_path / "a")}, {"machine_store": str(tmp_path / "b")}):
        assert not planned(monkeypatch, {"ca": CERT}, **named).get("failed")
    monkeypatch.setenv("DOCKYARD_STORE", str(tmp_path / "c"))
    assert planned(monkeypatch, {"ca": CERT})["client"]["store"] == str(tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


@pytest.mark.parametrize("blank", [{"machine_store": " "}, {"docker_engine_store": "\n"}])
def test_a_blank_text_names_no_store(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, blank: dict[str, str]
) -> None:
    monkeypatch.setenv("DOCKYARD_STORE", " ")
    plan = planned(monkeypatch, {"ca": CERT}, **blank)
    assert plan["failed"] and "accepts clients of a CA that is not" in plan["msg"] and not home.exists()


def test_a_blank_option_hides_no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    plan = planned(monkeypatch, docker_engine_store=" ", machine_store=str(tmp_path / "a"))
    assert plan["client"]["store"] == str(tmp_path / "a")


def test_a_rotation_makes_no_ca(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path) -> None:
    plan = planned(monkeypatch, docker_engine_rotate="certificates")
    assert plan["failed"] and "has no CA yet" in plan["msg"] and not home.exists()


def test_no_name_of_another_machine_of_the_store_is_certified(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path
) -> None:
    """The clients of that machine trust this CA, and no inventory of the run has it."""
    store = FileStore(str(home))
    store.create()
    record = Record("0" * 12, "db1", "dockyard.machine.none", status=MADE)
    with store.lock("db1") as lock:
        store.save(record, lock)
    store.save_observed("db1", {"state": "running", "address": "203.0.113.10"})
    info = fresh()
    info["host"].update(hostname="db1", addresses=["203.0.113.10", "192.0.2.7"])
    plan = planned(monkeypatch, host=info["host"])
    assert not plan.get("failed"), plan
    names = plan["certificate"]["names"]
    assert "192.0.2.7" in names and not {"db1", "203.0.113.10"} & {*names}
    assert any("which is" in warning and "db1" in warning for warning in plan["warnings"])


def test_a_job_of_awx_names_its_store(
    monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("AWX_PRIVATE_DATA_DIR", "/runner")
    plan = planned(monkeypatch)
    assert plan["failed"] and "machine_store" in plan["msg"] and not home.exists()
    assert not planned(monkeypatch, machine_store=str(tmp_path / "x")).get("failed")


@pytest.mark.parametrize(
    ("listen", "address", "url"),
    [
        ([], "192.0.2.7", "tcp://192.0.2.7:2376"),
        ([], "2001:db8::7", "tcp://[2001:db8::7]:2376"),
        (["10.0.0.7"], "192.0.2.7", "tcp://10.0.0.7:2376"),
        (["10.0.0.7", "192.0.2.7"], "192.0.2.7", "tcp://192.0.2.7:2376"),
        (["0.0.0.0", "10.0.0.7"], "web1.example.org", "tcp://web1.example.org:2376"),
    ],
)
def test_clients_are_told_an_address_on_which_the_engine_listens(listen: list[str], address: str, url: str) -> None:
    assert _access.docker_host(Wanted(listen=listen), address) == url
