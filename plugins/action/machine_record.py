# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _host_key, _input, _pin, _record, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._host_key import REPLACE
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

CERTIFICATE = ("certificate_not_before", "certificate_not_after")
ENGINE = ("version", "api_version", *CERTIFICATE, "authority", "renewed", "swarm")


class ActionModule(ControllerAction):
    """Note what the play on a machine has learnt of it."""

    variables: t.ClassVar[_from_variables.Names] = {"name": None, "engine": None, "reached": None, "lock_timeout": None}
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "name": {"type": "str", "required": True},
        "store": {"type": "path"},
        "engine": {"type": "dict"},
        "reached": {"type": "bool", "default": False},
        "lock_timeout": {"type": "float", "default": 60},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        name = args["name"]
        _input.check_name(name)
        store = open_store(args["store"])
        before, after = self._compare(store, args, self._read(store, name))
        changed = before != after
        if changed and not self._task.check_mode:
            with store.lock(name, args["lock_timeout"]) as lock, store.explained():
                store.fill(name)
                self._note(store, args, lock, task_vars)
        return {"changed": changed, "diff": {"before": before, "after": after}}

    @staticmethod
    def _read(store: Store, name: str) -> Record:
        record = store.read(name)
        if record is None:
            raise MachineError(
                f"There is no machine {name} in the store {store.where}",
                code="not_found",
                remedy="Check the name and the option store",
            )
        return record

    @staticmethod
    def _compare(store: Store, args: dict[str, t.Any], record: Record) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        engine = store.observed(record.name).get("engine") or {}
        before = {
            "engine": engine,
            "reached": bool(record.ssh.get("reached")),
            "first_boot": store.has_first_boot(record.name),
            "host_key_from_user_data": bool(record.ssh.get(REPLACE)),
        }
        after = dict(before)
        given = args["engine"] or {}
        if given.get("authority") == _record.NO_TLS:
            # With TLS its certificate went, and the end of that one is nothing to warn of.
            engine = {key: value for key, value in engine.items() if key not in CERTIFICATE}
        after["engine"] = {**engine, **{key: given[key] for key in ENGINE if given.get(key) is not None}}
        if args["reached"]:
            # A record without SSH can't have been reached; of what the first boot needed, nothing may stay.
            after.update(reached=bool(record.ssh), first_boot=False, host_key_from_user_data=False)
        return before, after

    def _note(self, store: Store, args: dict[str, t.Any], lock: t.Any, task_vars: dict[str, t.Any]) -> None:
        name = args["name"]
        record = self._read(store, name)  # again, now that nobody else works on it
        before, after = self._compare(store, args, record)
        if before["reached"] != after["reached"]:
            record.ssh["reached"] = True
            store.save(record, lock)
        if before["host_key_from_user_data"] != after["host_key_from_user_data"]:
            self._replace_host_key(store, record, lock, self.estate_ssh(task_vars, name))
        if before["first_boot"] and not after["first_boot"]:
            store.drop_first_boot(name, lock)
        if before["engine"] != after["engine"]:
            store.save_observed(name, {**store.observed(name), "engine": after["engine"]})

    @staticmethod
    def _replace_host_key(store: Store, record: Record, lock: t.Any, estate: list[str]) -> None:
        observed, folder = store.observed(record.name), store.folder(record.name)

        def save() -> None:
            store.save(record, lock)
            _pin.write(record, folder)

        _host_key.replace(record, lambda pinned: _ssh.Host(pinned, observed, folder, estate), save)
