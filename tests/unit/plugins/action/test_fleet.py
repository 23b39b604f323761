# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan asks drivers, and which machines it is about."""

from __future__ import annotations

import pathlib
import time
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.action import fleet
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action
from tests.beds import pki

THING, NONE = "acme.cloud.thing", "dockyard.machine.none"
GENERIC = "dockyard.machine.generic"
WEB = {"id": "shop", "roles": {"web": {"driver": NONE, "count": 2, "options": {"url": "tcp://192.0.2.1:2376"}}}}


@pytest.fixture()
def store(tmp_path: pathlib.Path) -> t.Any:
    store = open_store(str(tmp_path / "store"))
    store.create()
    return store


def record(store: t.Any, name: str, driver: str = THING, **more: t.Any) -> None:
    one = Record(id=f"{name:0<12}", name=name, driver=driver, status="made", account="acme", **more)
    with store.lock(name) as lock:
        store.save(one, lock)


def planned(
    store: t.Any, defaults: dict[str, dict[str, t.Any]] | None = None, answer: t.Any = None, **args: t.Any
) -> tuple[dict[str, t.Any], list[t.Any]]:
    """The plan, and what drivers' modules were asked for it."""
    module, runs = fleet.ActionModule.__new__(fleet.ActionModule), []

    def run_module(driver: str, said: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        runs.append((driver, said))
        return answer or {}

    module.run_module = run_module
    module.defaults = lambda name: (defaults or {}).get(name, {})
    module._task = types.SimpleNamespace(check_mode=False, module_defaults=defaults)
    filled = {name: one.get("default") for name, one in fleet.ActionModule.spec.items()}
    return module.perform({**filled, "store": store.where, **args}, {}), runs


def test_the_refresh_has_the_defaults_of_the_driver_as_prune_and_adopt_have_them(store: t.Any) -> None:
    record(store, "web1", place={"endpoint": "one"})
    record(store, "web2", place={"endpoint": None})
    defaults = {
        _action.GROUPED: {"timeout": 7, "name": "never", "ids": ["never"], "token": "group:x"},
        THING: {"endpoint": "elsewhere", "token": "acme:x"},
    }
    _plan, runs = planned(store, defaults, names="web1,web2")
    asked = {"state": "gathered", "scope": "account", "store": store.where, "timeout": 7, "token": "acme:x"}
    found = sorted(runs, key=lambda run: run[1].get("endpoint", ""))
    assert found == [(THING, asked), (THING, {**asked, "endpoint": "one"})], "and no default moves a record"


def test_what_was_seen_lately_is_not_taken_from_who_may_not_see_it(store: t.Any) -> None:
    """Another run may have seen it a moment ago, with credentials that this one lacks."""
    for name in ("web1", "web2"):
        record(store, name, NONE, options={"url": "tcp://192.0.2.1:2376"})
        store.save_observed(name, {"state": "running", "refreshed": time.time()})
    answer = {"machines": [{"name": "web1", "state": "running"}, {"name": "web2", "state": "unknown", "error": "no"}]}
    plan, _runs = planned(store, answer=answer, names="web1,web2")
    assert list(plan["ready"]) == ["web1"]
    assert [one["name"] for one in plan["wanted"] if "max_age" in one] == ["web1"]


def test_a_driver_that_cannot_be_asked_is_an_error(store: t.Any) -> None:
    record(store, "web1", place={"endpoint": "one"})
    with pytest.raises(MachineError, match="can't be asked for its machines: no answer"):
        planned(store, answer={"failed": True, "msg": "no answer"}, names="web1")


@pytest.mark.parametrize("limit", ["shop-web-0, a", " a,shop-web-0,", ["a", "shop-web-0 "], ["a", "*-0"]])
def test_a_limit_is_read_as_it_is_meant(store: t.Any, limit: t.Any) -> None:
    said = {"driver": NONE, "options": {"url": "tcp://192.0.2.1:2376"}}
    plan, _runs = planned(store, fleet=WEB, names="a,b", limit=limit, **said)
    assert sorted(plan["create"]) == ["a", "shop-web-0"]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("shop-wbe-0", "'shop-wbe-0' matches neither a wanted machine nor one in the store"),
        ("shop-web-0,ghost,x-*", "'ghost, x-\\*' matches neither a wanted machine nor one in the store"),
        ("web:!shop-web-0", "matches neither a wanted machine nor one in the store"),
        (" , ", "contains no name"),
        ([], "contains no name"),
        ({"shop-web-0": 1}, "contains no name"),
    ],
)
def test_a_limit_that_means_nobody_is_refused(store: t.Any, state: str, limit: t.Any, said: str) -> None:
    record(store, "shop-web-0", NONE, fleet="shop", role="web")
    with pytest.raises(BadOption, match=f"machine_limit: .*{said}"):
        planned(store, state=state, fleet=WEB, limit=limit)


def test_a_limit_that_is_left_blank_is_none_but_for_a_removal(store: t.Any) -> None:
    plan, _runs = planned(store, fleet=WEB, limit=" ")
    assert plan["create"] == ["shop-web-0", "shop-web-1"]
    with pytest.raises(BadOption, match="machine_limit: ' ' contains no name"):
        planned(store, state="absent", fleet=WEB, limit=" ")


def test_a_fleet_is_bounded(store: t.Any) -> None:
    for more in (
        {"counts": {"web": 10_001}},
        {"fleet": {**WEB, "roles": {"web": {**WEB["roles"]["web"], "count": 10_001}}}},
    ):
        with pytest.raises(BadOption, match="at most 10000|in total"):
            planned(store, **{"fleet": WEB, **more})


@pytest.mark.parametrize("most", ["-1", "x", "5%%", "1e9", "\u0661"])
def test_a_brake_that_can_not_be_read_is_refused_before_there_is_a_surplus(store: t.Any, most: str) -> None:
    with pytest.raises(BadOption, match="machine_remove_max"):
        planned(store, fleet=WEB, remove_max=most)


def test_a_limit_may_mean_what_is_not_there_any_more_or_not_wanted(store: t.Any) -> None:
    record(store, "other", NONE)
    plan, _runs = planned(store, state="absent", fleet=WEB, limit="shop-web-1")
    assert plan["remove"] == [], "it was removed before"
    assert planned(store, state="absent", names="a", limit="a")[0]["remove"] == ["a"]
    assert planned(store, state="absent", fleet=WEB, limit="other")[0]["remove"] == []


def test_who_names_machines_to_remove_does_not_mean_the_fleet_that_comes_with_the_inventory(store: t.Any) -> None:
    for name in ("shop-web-0", "shop-web-1"):
        record(store, name, NONE, fleet="shop", role="web")
    asked = {"state": "absent", "fleet": WEB}
    assert planned(store, **asked)[0]["remove"] == ["shop-web-0", "shop-web-1"]
    for names in (["shop-web-1"], "shop-web-1"):
        assert planned(store, **asked, names=names)[0]["remove"] == ["shop-web-1"]
    for nobody in ([], "", " , "):  # as a survey's question that was left empty
        with pytest.raises(BadOption, match="contains no name"):
            planned(store, **asked, names=nobody)


@pytest.mark.parametrize("text", ["{", '{"schema": 99}'])
def test_a_record_that_can_not_be_read_costs_no_other_machine(store: t.Any, text: str) -> None:
    for name in ("shop-web-0", "shop-web-7", "old"):
        record(store, name, NONE, fleet="shop", role="web", options={"url": "tcp://192.0.2.1:2376"})
    pathlib.Path(store.folder("old"), "machine.json").write_text(text)
    plan = planned(store, fleet=WEB, refresh=False)[0]
    assert (plan["create"], plan["keep"], plan["surplus"]) == (["shop-web-1"], ["shop-web-0"], ["shop-web-7"])
    [warning] = plan["warnings"]
    assert warning.startswith("old: ") and "old/machine.json" in warning
    removal = planned(store, state="absent", names="shop-web-0")[0]
    assert (removal["existing"], removal["warnings"]) == (["shop-web-0"], [warning])
    for said in ({}, {"state": "absent"}):
        with pytest.raises(MachineError, match="old/machine.json"):
            planned(store, names="old,shop-web-0", **said)
    assert planned(store, state="absent", names="old,shop-web-0", limit="shop-*")[0]["remove"] == ["shop-web-0"]
    assert planned(store, state="absent", fleet=WEB)[0]["remove"] == ["shop-web-0", "shop-web-7"]
    pathlib.Path(store.folder("shop-web-7"), "machine.json").write_text(text)
    assert planned(store, fleet=WEB, refresh=False)[0]["surplus"] == []
    with pytest.raises(MachineError, match="shop-web-7/machine.json"):
        planned(store, state="absent", fleet=WEB)
    member = {"engine": {"swarm": {"cluster": "c", "role": "manager"}}}
    store.save_observed("old", member)
    assert planned(store, state="absent", names="shop-web-0")[0]["existing"] == ["shop-web-0"], "of no swarm"
    store.save_observed("shop-web-0", member)
    with pytest.raises(MachineError, match="old/machine.json"):
        planned(store, state="absent", names="shop-web-0")


def test_what_a_run_does_not_renew_is_told_before_its_end(store: t.Any) -> None:
    shop = {"id": "shop", "roles": {"web": {"driver": GENERIC, "options": {"address": "192.0.2.1"}}}}
    assert "warnings" not in planned(store, fleet=shop)[0]
    old = pki.make_ca("Acme servers", start=-1000 * pki.DAY, end=50 * pki.DAY)
    store.put_ca({**store.ca_files(), "server-ca.pem": old.bundle, "server-ca-key.pem": old.key_pem})
    [warning] = planned(store, fleet=shop)[0]["warnings"]
    assert warning.startswith("the server CA expires on ") and "machine_rotate=ca" in warning
    assert "warnings" not in planned(store, fleet=WEB)[0], "which has nothing to do with a CA"


def test_managers_that_a_limit_leaves_out_are_asked_all_the_same(store: t.Any) -> None:
    role = {"driver": GENERIC, "options": {"address": "192.0.2.1"}}
    shop = {"id": "shop", "swarm": {"managers": 1}, "roles": {"core": role, "web": {**role, "count": 2}}}
    ssh = {"user": "root", "host_keys": [], "reached": True}
    for name, part in (("shop-core-0", "manager"), ("shop-web-0", "worker")):
        record(store, name, GENERIC, fleet="shop", role=name[5:-2], options=role["options"], ssh=ssh)
        engine = {"swarm": {"cluster": "c", "role": part}}
        store.save_observed(name, {"state": "running", "address": "192.0.2.1", "engine": engine})
    swarm = planned(store, fleet=shop, limit="shop-web-1", refresh=False)[0]["swarm"]
    assert (swarm["managers"], list(swarm["others"])) == (["shop-core-0"], ["shop-core-0"])
    assert planned(store, fleet=shop, refresh=False)[0]["swarm"]["others"] == {}


def test_a_node_without_an_address_is_not_looked_for_by_its_name(store: t.Any) -> None:
    """A stopped one may have none, and another host of the estate its name."""
    ssh = {"user": "root", "host_keys": []}
    for name, role in (("web1", "worker"), ("web2", "manager")):
        record(store, name, "dockyard.machine.generic", ssh=ssh)
        store.save_observed(name, {"state": "stopped", "engine": {"swarm": {"cluster": "c", "role": role}}})
    swarm = planned(store, state="absent", names="web1")[0]["swarm"]
    reached = {name: one["ansible_host"] for part in ("leaving", "others") for name, one in swarm[part].items()}
    assert reached == {"web1": "web1.no-address.invalid", "web2": "web2.no-address.invalid"}


def test_a_machine_that_is_named_without_its_driver_keeps_its_options_the_secret_ones_too(store: t.Any) -> None:
    user_data = {"user_data": store.digest("#cloud-config")}  # all that is kept of it
    record(store, "web1", "dockyard.machine.qemu", options={"memory": 1024}, secrets=user_data)
    plan = planned(store, names="web1", refresh=False)[0]
    assert (plan["keep"], plan["change"]) == (["web1"], [])
    assert (plan["wanted"][0]["keep_options"], plan["wanted"][0]["options"]) == (True, {})
    said = {"driver": "qemu", "options": {"memory": 1024}}  # who describes it leaves user_data out on purpose
    assert planned(store, names="web1", refresh=False, **said)[0]["change"] == ["web1"]


def test_secret_options_are_told_to_who_asks_for_them_alone(store: t.Any) -> None:
    asked = {
        "names": ["a", "b"],
        "driver": "dockyard.machine.qemu",
        "options": {"memory": 1024, "user_data": "#!/bin/sh"},
    }
    plan = planned(store, **asked)[0]
    assert plan["hidden"] == ["a", "b"] and "user_data" not in str(plan["wanted"])
    whole = planned(store, **asked, show_secrets=True)[0]
    assert list(whole) == ["wanted"] and [one["options"] for one in whole["wanted"]] == [asked["options"]] * 2
    assert planned(store, names="a", driver=NONE, options={"url": "tcp://192.0.2.1:2376"})[0]["hidden"] == []


def test_a_password_of_a_role_is_in_no_result(store: t.Any) -> None:
    """As the secret options: the playbook takes it from a second, hidden one."""
    role = {"driver": GENERIC, "options": {"address": "192.0.2.1"}, "ssh_user": "admin", "ssh_password": "hunter2"}
    fleet_of = {"id": "lab", "roles": {"build": role}}
    plan, _runs = planned(store, fleet=fleet_of)
    assert plan["hidden"] == ["lab-build-0"] and "hunter2" not in repr(plan)
    assert plan["wanted"][0]["ssh_user"] == "admin"
    whole, _runs = planned(store, fleet=fleet_of, show_secrets=True)
    assert whole["wanted"][0]["ssh_password"] == "hunter2"
    record(store, "lab-build-0", GENERIC, fleet="lab", role="build", options={"address": "192.0.2.1"})
    plan, _runs = planned(store, fleet=fleet_of)
    assert plan["keep"] == ["lab-build-0"], "a password is nothing that could differ"
