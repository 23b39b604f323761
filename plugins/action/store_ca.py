# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, _ca
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _given_ca
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._given_ca import GivenCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store


class ActionModule(ControllerAction):
    """Let a store work with CAs that are given, from its first machine on."""

    variables: t.ClassVar[_from_variables.Names] = {
        **dict.fromkeys(("server_ca_timeout", "client_ca_timeout"), "machine_ca_timeout"),
        "lock_timeout": None,
    }
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "store": {"type": "path"},
        "lock_timeout": {"type": "float", "default": 60},
        **_given_ca.SPEC,
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        store = open_store(args["store"])
        try:
            given = GivenCA.of(self._loader, args)
            if not given:
                raise BadOption(
                    "server_ca_cert", "neither this option nor client_ca_cert is given", "Give one of them, or both"
                )
            if self._task.check_mode:
                return self._result(store, self._would_change(store, given))
            store.create()
            changed = store.change_ca(functools.partial(self._changed, store, given), args["lock_timeout"])
        except _tls.TlsError as error:
            raise MachineError(str(error), code="certificate", remedy="Nothing was changed") from error
        changed = store.give_client_pairs(self._with_ssh(store)) or changed
        return self._result(store, changed)

    def _would_change(self, store: Store, given: GivenCA) -> bool:
        """The same without signing anything, nor asking anybody to."""
        files = store.ca_files() if store.exists else {}
        if files and given.is_in(files):
            return given.is_due(files)
        return not self._is_coming(store, given, files)

    def _changed(self, store: Store, given: GivenCA, files: _ca.Files) -> _ca.Files | None:
        """What becomes of the store's CA; None, if it stays."""
        if files and given.is_in(files):
            return given.taken_over(files)
        return None if self._is_coming(store, given, files) else given.new()

    def _is_coming(self, store: Store, given: GivenCA, files: _ca.Files) -> bool:
        """Whether a rotation is bringing it; an error, if the machines work with another one."""
        if given.is_in({name[len(_ca.NEW) :]: text for name, text in files.items() if name.startswith(_ca.NEW)}):
            return True
        machines = self._with_ssh(store)
        if files and machines:
            raise MachineError(
                f"The store {store.where} and its {len(machines)} machines use another CA than the given one",
                code="other_ca",
                remedy="Replace their CA by rotate_certs with the same variables and machine_rotate=ca: no client loses "
                "access meanwhile. Or leave the given CA out",
            )
        return False

    @staticmethod
    def _with_ssh(store: Store) -> list[str]:
        return [name for name, record in store.records().items() if record.ssh] if store.exists else []

    @staticmethod
    def _result(store: Store, changed: bool) -> Result:
        files = _ca.in_use(store.ca_files()) if store.exists else {}
        said = {
            f"{side}_ca": _tls.inspect(files[f"{side}-ca.pem"])["subject"] if f"{side}-ca.pem" in files else None
            for side in _ca.SIDES
        }
        return {"changed": changed, **said}
