# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan asks drivers, and which machines it is about."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.action import fleet
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _action

THING, NONE = "acme.cloud.thing", "dockyard.machine.none"
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
        ("shop-wbe-0", "'shop-wbe-0' means no machine"),
        ("shop-web-0,ghost,x-*", "'ghost, x-\\*' means no machine"),
        ("web:!shop-web-0", "means no machine"),
        ("", "names no machine"),
        (" , ", "names no machine"),
        ([], "names no machine"),
        ({"shop-web-0": 1}, "names no machine"),
    ],
)
def test_a_limit_that_means_nobody_is_refused(store: t.Any, state: str, limit: t.Any, said: str) -> None:
    record(store, "shop-web-0", NONE, fleet="shop", role="web")
    with pytest.raises(BadOption, match=f"machine_limit: .*{said}"):
        planned(store, state=state, fleet=WEB, limit=limit)


def test_a_limit_may_mean_what_is_not_there_any_more_or_not_wanted(store: t.Any) -> None:
    record(store, "other", NONE)
    plan, _runs = planned(store, state="absent", fleet=WEB, limit="shop-web-1")
    assert plan["remove"] == [], "it was removed before"
    assert planned(store, state="absent", names="a", limit="a")[0]["remove"] == ["a"]
    assert planned(store, state="absent", fleet=WEB, limit="other")[0]["remove"] == []
