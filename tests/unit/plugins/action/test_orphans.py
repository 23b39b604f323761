# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which places prune and adopt look at, and what they make of the answers."""

from __future__ import annotations

import pathlib
import re
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.action import adopt, prune
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action, _drivers

DRIVER = "acme.cloud.thing"
EMPTY = {"removed": [], "failed_to_remove": [], "busy": [], "unrecorded": [], "others": [], "found": []}
THING = {"kind": "Thing", "id": "thing-1", "machine": "web9", "machine_id": "0123456789ab", "why": "no record knows it"}


@pytest.fixture(autouse=True)
def collections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drivers, "installed", lambda: {DRIVER: ""})


@pytest.fixture()
def store(tmp_path: pathlib.Path) -> t.Any:
    store = open_store(str(tmp_path / "store"))
    store.create()
    return store


def record(store: t.Any, name: str, account: str = "acme", buried: bool = False, **place: t.Any) -> None:
    one = Record(id=f"{name:0<12}", name=name, driver=DRIVER, status="made", account=account, place=place)
    with store.lock(name) as lock:
        store.save(one, lock)
        if buried:
            store.remove(one, lock)


def action(
    kind: t.Any, answers: t.Any, defaults: dict[str, dict[str, t.Any]] | None = None, check: bool = False
) -> tuple[t.Any, list[t.Any]]:
    """The action, and what it will have run; ``answers``: a function of the arguments."""
    module, runs = kind.ActionModule.__new__(kind.ActionModule), []
    module._task = types.SimpleNamespace(check_mode=check)

    def run_module(driver: str, args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        runs.append(args)
        return answers(args)

    module.run_module = run_module
    module.defaults = lambda name: (defaults or {}).get(name, {})
    return module, runs


def pruned(
    store: t.Any, answers: t.Any, defaults: t.Any = None, check: bool = False, **args: t.Any
) -> tuple[dict[str, t.Any], list[t.Any]]:
    module, runs = action(prune, answers, defaults, check)
    said = {**dict.fromkeys(prune.ActionModule.spec), "store": store.where, **args}
    return module.perform(said, {}), runs


def as_acme(args: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**EMPTY, "account": args.get("token", "acme:").partition(":")[0]}


def test_each_place_of_a_record_or_a_tombstone_is_looked_at_once(store: t.Any) -> None:
    record(store, "a", endpoint="one")
    record(store, "b", endpoint="one")
    record(store, "c", endpoint="two", buried=True)
    result, runs = pruned(store, as_acme, timeout=5.0)
    common = {"state": "pruned", "scope": "account", "store": store.where, "timeout": 5.0}
    assert sorted(runs, key=str) == [{**common, "endpoint": "one"}, {**common, "endpoint": "two"}]
    assert result["not_seen"] == result["warnings"] == [] and "failed" not in result


def test_further_places(store: t.Any) -> None:
    record(store, "a", endpoint="one")
    places = [{"driver": DRIVER, "options": {"endpoint": end, "token": token}} for end, token in PLACES]
    result, runs = pruned(store, as_acme, places=places)
    assert sorted((one["endpoint"], one.get("token")) for one in runs if one.get("token")) == sorted(PLACES)
    assert len(runs) == 3, "a place with other credentials is one of its own"
    assert "failed" not in result


PLACES = [("one", "other:x"), ("two", "acme:x")]


def test_a_further_place_must_say_where(store: t.Any) -> None:
    with pytest.raises(BadOption, match="endpoint"):
        pruned(store, as_acme, places=[{"driver": DRIVER, "options": {}}])
    defaults = {DRIVER: {"endpoint": "default"}}
    _result, runs = pruned(store, as_acme, defaults, places=[{"driver": DRIVER, "options": None}])
    assert [one["endpoint"] for one in runs] == ["default"]


def test_defaults_reach_the_driver_but_do_not_move_a_record(store: t.Any) -> None:
    record(store, "a", endpoint=None)
    defaults = {
        _action.GROUPED: {"timeout": 7, "name": "never", "ids": ["never"], "foreign": 1},
        DRIVER: {"endpoint": "elsewhere", "token": "acme:x"},
    }
    _result, runs = pruned(store, as_acme, defaults)
    assert runs == [{"state": "pruned", "scope": "account", "store": store.where, "token": "acme:x"}]


def test_what_is_found_is_listed_once_and_shown(store: t.Any) -> None:
    record(store, "a", endpoint="one")
    record(store, "b", endpoint="two")
    answer = {**EMPTY, "account": "acme", "unrecorded": [THING], "diff": {"before": "x\n", "after": ""}}
    result, _runs = pruned(store, lambda args: answer)
    assert result["unrecorded"] == [{**THING, "driver": DRIVER}]
    assert result["table"] == [
        "WHAT        MACHINE  KIND   ID       DRIVER            WHY",
        "unrecorded  web9     Thing  thing-1  acme.cloud.thing  no record knows it",
    ]
    assert not result["changed"] and result["diff"] == {"before": "x\nx\n", "after": ""}


@pytest.mark.parametrize(("check", "said"), [(False, "removed"), (True, "would be removed")])
def test_a_check_does_not_say_that_anything_was_removed(store: t.Any, check: bool, said: str) -> None:
    record(store, "a", endpoint="one")
    answer = {**EMPTY, "account": "acme", "removed": [{**THING, "why": "it expired"}], "unrecorded": [THING]}
    table = pruned(store, lambda args: answer, check=check)[0]["table"]
    assert [line.partition("  ")[0] for line in table] == ["WHAT", said, "unrecorded"]


def test_an_account_that_no_run_was_for_is_said(store: t.Any) -> None:
    record(store, "a", endpoint="one", account="other")
    record(store, "b", endpoint="one")
    result, runs = pruned(store, as_acme)
    assert len(runs) == 1 and "'other'" in result["not_seen"][0]["why"] and len(result["not_seen"]) == 1
    assert "'other'" in result["warnings"][0] and "failed" not in result
    places = [{"driver": DRIVER, "options": {"endpoint": "one", "token": "other:x"}}]
    assert pruned(store, as_acme, places=places)[0]["not_seen"] == []


def test_a_place_that_can_not_be_seen_is_a_failure_if_a_machine_is_there(store: t.Any) -> None:
    record(store, "a", endpoint="one")
    record(store, "b", endpoint="two")

    def answers(args: dict[str, t.Any]) -> dict[str, t.Any]:
        broken = {"failed": True, "msg": "no answer."}
        return broken if args["endpoint"] == "one" else {**EMPTY, "account": "acme", "removed": [THING]}

    result, _runs = pruned(store, answers)
    assert result["failed"] and result["msg"] == "no answer." and result["changed"], "the other place was pruned"
    assert result["not_seen"] == [{"driver": DRIVER, "place": {"endpoint": "one"}, "why": "no answer."}]


def test_and_a_warning_if_nothing_but_a_tombstone_names_it(store: t.Any) -> None:
    record(store, "a", endpoint="one", buried=True)
    result, _runs = pruned(store, lambda args: {"failed": True, "msg": "no answer."})
    assert "failed" not in result and "no answer." in result["warnings"][0]


def test_what_could_not_be_removed_is_left_behind(store: t.Any) -> None:
    record(store, "a", endpoint="one", buried=True)
    failed = {**THING, "error": "Refused."}
    answer = {**EMPTY, "account": "acme", "failed_to_remove": [failed], "failed": True, "msg": "Not all."}
    result, _runs = pruned(store, lambda args: answer)
    assert result["failed"] and result["error"]["left_behind"] == ["Thing thing-1"]
    assert "not removed" in result["table"][1] and "Refused." in result["table"][1]


def test_an_id_that_nothing_has_is_said(store: t.Any) -> None:
    record(store, "a", endpoint="one")
    record(store, "b", endpoint="two")

    def answers(args: dict[str, t.Any]) -> dict[str, t.Any]:
        return {**EMPTY, "account": "acme", "found": ["thing-1"] if args["endpoint"] == "one" else []}

    result, runs = pruned(store, answers, ids=["thing-1", "thing-9"])
    assert all(one["ids"] == ["thing-1", "thing-9"] for one in runs)
    assert result["missing"] == ["thing-9"] and "thing-9" in result["warnings"][0]


def test_a_driver_that_is_gone_and_a_record_that_is_damaged(store: t.Any) -> None:
    one = Record(id="0" * 12, name="old", driver="acme.gone.thing", status="made")
    with store.lock("old") as lock:
        store.save(one, lock)
    record(store, "bad", endpoint="one")
    pathlib.Path(store.folder("bad"), "machine.json").write_text("{")
    result, runs = pruned(store, as_acme)
    assert runs == [] and result["failed"] and "acme.gone.thing" in result["msg"]
    assert result["warnings"][0].startswith("bad: ")


def test_a_store_that_does_not_exist(tmp_path: pathlib.Path) -> None:
    result, runs = pruned(open_store(str(tmp_path / "none")), as_acme)
    assert runs == [] and not result["changed"] and not (tmp_path / "none").exists()


# adopt

ADOPTED = {"name": "web1", "id": "0123456789ab", "store": "s", "missing": ["Volume"], "login": "lost", "reached": "no"}
ADOPTED["doubtful_end"] = None


def adopted(
    store: t.Any, answers: t.Any, defaults: t.Any = None, check: bool = False, **args: t.Any
) -> tuple[dict[str, t.Any], list[t.Any]]:
    module, runs = action(adopt, answers, defaults, check)
    said = {**dict.fromkeys(adopt.ActionModule.spec), "store": store.where, **args}
    return module.perform(said, {}), runs


def none_adopted(args: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"adopted": [], "failed_to_adopt": [], "others": [], "found": [], "account": "acme"}


def test_one_driver_with_names(store: t.Any) -> None:
    answer = {**none_adopted({}), "adopted": [ADOPTED], "found": ["web1"], "diff": {"after": {"web1": {"a": 1}}}}
    defaults = {DRIVER: {"endpoint": "one"}, _action.GROUPED: {"ids": ["never"]}}
    result, runs = adopted(
        store, lambda args: answer, defaults, driver=DRIVER, options={"disk": 5}, names="web1, web9", from_store="s"
    )
    said = {"state": "adopted", "scope": "account", "store": store.where, "endpoint": "one", "disk": 5}
    assert runs == [{**said, "ids": ["web1", "web9"], "from_store": "s"}]
    assert result["changed"] and result["missing"] == ["web9"]
    assert result["diff"] == {"before": {"web1": {"state": "absent"}}, "after": {"web1": {"a": 1}}}
    assert result["table"][1:] == [
        "web1     0123456789ab  yes                                       Volume   no",
        "web9     -             no: nothing of that name or id was found  -        -",
    ]


@pytest.mark.parametrize(("check", "said"), [(False, "yes"), (True, "would be")])
def test_a_check_does_not_say_that_anything_was_adopted(store: t.Any, check: bool, said: str) -> None:
    answer = {**none_adopted({}), "adopted": [ADOPTED], "found": ["web1"], "diff": {"after": {"web1": {}}}}
    table = adopted(store, lambda args: answer, check=check, driver=DRIVER)[0]["table"]
    assert re.split("  +", table[1])[:3] == ["web1", "0123456789ab", said]


def test_an_end_that_was_not_restored_is_told(store: t.Any) -> None:
    one = {**ADOPTED, "doubtful_end": "2027-01-31T12:00:00Z"}
    result, _runs = adopted(store, lambda args: {**none_adopted(args), "adopted": [ADOPTED, one]}, driver=DRIVER)
    (said,) = result["warnings"]
    assert said.startswith("web1: its tags have the expiry 2027-01-31T12:00:00Z") and "expires_in" in said


def test_without_names_all_are_meant(store: t.Any) -> None:
    _result, runs = adopted(store, none_adopted, driver=DRIVER, ssh_user="me")
    assert "ids" not in runs[0] and runs[0]["ssh_user"] == "me"


def test_a_fleet_in_one_run_for_those_that_are_alike(store: t.Any) -> None:
    web = {"driver": DRIVER, "count": 3, "options": {"endpoint": "one"}, "labels": {"tier": "front"}}
    fleet = {"id": "shop", "roles": {"web": web, "db": {**web, "options": {"endpoint": "one", "disk": 5}}}}
    _result, runs = adopted(store, none_adopted, fleet=fleet, counts={"db": 1}, ssh_key="/k")
    web_run, db_run = runs
    assert web_run["ids"] == ["shop-web-0", "shop-web-1", "shop-web-2"] and db_run["ids"] == ["shop-db-0"]
    assert (web_run["fleet"], web_run["role"], web_run["labels"]) == ("shop", "web", {"tier": "front"})
    assert db_run["disk"] == 5 and "disk" not in web_run and web_run["ssh_key"] == "/k"
    _result, runs = adopted(store, none_adopted, fleet=fleet, names=["shop-web-1"])
    assert [one["ids"] for one in runs] == [["shop-web-1"]]


@pytest.mark.parametrize("name", ["0123456789ab", "shop-web-1"])
def test_what_is_no_name_of_the_fleet_is_not_left_out_silently(store: t.Any, name: str) -> None:
    fleet = {"id": "shop", "roles": {"web": {"driver": DRIVER}}}
    with pytest.raises(BadOption, match=f"'{name}' is not a machine of the fleet"):
        adopted(store, none_adopted, fleet=fleet, names=f"shop-web-0,{name}")


def test_a_driver_or_a_fleet(store: t.Any) -> None:
    with pytest.raises(BadOption, match="driver"):
        adopted(store, none_adopted)
    with pytest.raises(BadOption, match="conflicts with fleet"):
        adopted(store, none_adopted, driver=DRIVER, fleet={"id": "shop", "roles": {}})
    with pytest.raises(BadOption, match="nonsense"):
        adopted(store, none_adopted, driver=DRIVER, options={"nonsense": 1})


def test_a_failure_says_all_that_was_done(store: t.Any) -> None:
    failed = {"name": "web2", "id": "1" * 12, "store": "s", "error": "web2 is not as the options say."}
    answer = {**none_adopted({}), "adopted": [ADOPTED], "failed_to_adopt": [failed], "failed": True, "msg": "Not all."}
    result, _runs = adopted(store, lambda args: answer, driver=DRIVER)
    assert result["failed"] and result["changed"] and result["msg"] == "Not all."
    assert "no: web2 is not as the options say." in result["table"][2]
    result, _runs = adopted(store, lambda args: {"failed": True, "msg": "no answer"}, driver=DRIVER)
    assert result["failed"] and result["adopted"] == []
