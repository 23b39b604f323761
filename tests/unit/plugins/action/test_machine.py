# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the module machine may answer from the record, without running the driver's module."""

from __future__ import annotations

import time
import types

import pytest

from ansible_collections.dockyard.machine.plugins.action.machine import OWN, ActionModule
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore

GENERIC = "dockyard.machine.generic"
OPTIONS = {"address": "192.0.2.1"}


@pytest.fixture
def store(tmp_path):
    store = FileStore(str(tmp_path / "store"))
    store.create()
    return store


@pytest.fixture
def answer(store):
    """The answer for a machine that was seen running just now and is as asked for, but for what is said."""

    def ask(options=None, record=None, observed=None, secret=(), **asked):
        with store.lock("web") as lock:
            former = store.read("web")
            one = Record("0" * 12, "web", GENERIC, status="made", options=OPTIONS, labels={"a": "b"})
            one.ssh = {"user": "admin", "key": None, "args": "", "host_keys": ["ssh-ed25519 AAAA"], "reached": True}
            one.revision = former.revision if former else 0
            for name, value in (record or {}).items():
                setattr(one, name, value)
            store.save(one, lock)
        store.save_observed("web", {"state": "running", "refreshed": time.time(), **(observed or {})})
        args = {**dict.fromkeys(OWN), "name": "web", "state": "present", "max_age": 60, **asked}
        return ActionModule._answer(args, store, GENERIC, OPTIONS if options is None else options, set(secret))

    return ask


def test_a_machine_that_is_as_asked_for_is_answered_from_the_record(answer):
    assert answer()["name"] == "web"
    assert answer(labels={"a": "b"}, ssh_user="admin", host_key="ssh-ed25519 AAAA comment")["state"] == "running"


def test_a_secret_is_compared_only_where_it_is_known_as_one(answer, store):
    options, kept = {**OPTIONS, "token": "hunter2"}, {"secrets": {"token": store.digest("hunter2")}}
    assert answer(options, kept, secret=["token"])["name"] == "web"
    assert answer(options, kept) is None
    assert answer(OPTIONS, kept) is None
    assert answer({**OPTIONS, "token": "other"}, kept, secret=["token"]) is None


@pytest.mark.parametrize(
    "other",
    [
        {"options": {"address": "192.0.2.2"}},
        {"options": {}},
        {"state": "stopped"},
        {"max_age": 0},
        {"labels": {}},
        {"role": "web"},
        {"ssh_user": "root"},
        {"ssh_key": "/elsewhere"},
        {"host_key": "ssh-ed25519 BBBB"},
        {"record": {"status": "creating"}},
        {"record": {"driver": "acme.cloud.thing"}},
        {"record": {"kept": {"looks": {}, "picks": {}, "choices": {}, "untagged": True}}},
        {"record": {"ssh": {"user": "admin", "host_keys": ["ssh-ed25519 AAAA"]}}},
        {"observed": {"state": "stopped"}},
        {"observed": {"refreshed": 0}},
    ],
    ids=str,
)
def test_any_doubt_is_the_drivers_to_settle(answer, other):
    assert answer(**other) is None


@pytest.mark.parametrize("said", [None, "/srv/store"])
def test_the_module_works_on_the_store_of_the_action_whatever_the_task_s_environment(store, monkeypatch, said):
    monkeypatch.setenv("DOCKYARD_STORE", store.where)
    action, asked = ActionModule.__new__(ActionModule), []
    action._task = types.SimpleNamespace(module_defaults=[], check_mode=False)
    action.defaults = lambda name: {}
    action.run_module = lambda driver, args, task_vars: asked.append(args["store"]) or {"failed": True}
    one = {"name": "web", "driver": "none", "options": {"url": "tcp://192.0.2.1:2376"}, "store": said}
    action.perform({**dict.fromkeys(OWN), **one}, {})
    assert asked == [said or store.where]
