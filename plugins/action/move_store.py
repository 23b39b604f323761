# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._move import Move, is_to_be_claimed
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store


class ActionModule(ControllerAction):
    """Move a store, or take a copy in the place of one that is gone."""

    variables: t.ClassVar[_from_variables.Names] = {
        "from": "machine_store_from",
        "to": None,
        "gone": "machine_store_gone",
        "lock_timeout": None,
    }
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "from": {"type": "path"},
        "to": {"type": "path", "required": True},
        "gone": {"type": "bool", "default": False},
        "lock_timeout": {"type": "float", "default": 60},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        if not args["to"].strip():
            # Elsewhere nothing said means the default store: a folder of this computer, which may be gone with the job.
            raise BadOption("to", f"{args['to']!r} is not a place for a store", "Give a folder, or s3://bucket/prefix")
        source, target = open_store(args["from"]), open_store(args["to"])
        if args["gone"]:
            return self._claim(source, target)
        if not source.exists:
            raise MachineError(
                f"There is no store at {source.where}",
                code="no_store",
                remedy=f"If it is permanently lost, and {target.where} is a copy of it: machine_store_gone=true",
            )
        move = Move(source, target, args["lock_timeout"])
        changed = move.check()
        names = source.names()
        if changed and not self._task.check_mode:
            move.run()
        return self._result(changed, source, target, names)

    def _claim(self, source: Store, target: Store) -> Result:
        try:
            there = source.exists
        except MachineError:
            there = False  # no bucket, no permission, nobody who answers
        if there:
            raise BadOption("gone", f"the store at {source.where} still exists", "Leave it out")
        changed = is_to_be_claimed(target, source.where)
        if changed and not self._task.check_mode:
            target.claim()
        return self._result(changed, source, target, target.names())

    @staticmethod
    def _result(changed: bool, source: Store, target: Store, names: list[str]) -> Result:
        diff = {"before": f"{source.where}\n", "after": f"{target.where}\n"} if changed else {}
        return {"changed": changed, "from": source.where, "to": target.where, "machines": names, "diff": diff}
