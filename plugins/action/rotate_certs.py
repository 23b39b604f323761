# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store._ca import KINDS
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _given_ca
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._given_ca import GivenCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._rotation import Run
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store


class ActionModule(ControllerAction):
    """Begin a rotation, or go on with it, up to where hosts have to take something over."""

    variables: t.ClassVar[_from_variables.Names] = {
        **dict.fromkeys(("server_ca_timeout", "client_ca_timeout"), "machine_ca_timeout"),
        "begin": None,
        "drop": "machine_rotate_drop",
        "give_up": "machine_rotate_give_up",
        "lock_timeout": None,
    }
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "store": {"type": "path"},
        "rotate": {"type": "str", "default": "certificates", "choices": sorted(KINDS)},
        "begin": {"type": "bool", "default": True},
        "drop": {"type": "bool", "default": True},
        "limit": {"type": "raw"},
        "give_up": {"type": "raw"},
        "lock_timeout": {"type": "float", "default": 60},
        **_given_ca.SPEC,
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        try:
            return self._run(args)
        except _tls.TlsError as error:
            raise MachineError(str(error), code="certificate") from error

    def _run(self, args: dict[str, t.Any]) -> Result:
        run = Run(
            store=open_store(args["store"]),
            kind=args["rotate"],
            begin=args["begin"],
            drop=args["drop"],
            limit=fleet_plan.as_patterns(args["limit"]),
            give_up=fleet_plan.as_names(args["give_up"], "machine_rotate_give_up"),
            timeout=args["lock_timeout"],
            given=GivenCA.of(self._loader, args),
        )
        return run.look() if self._task.check_mode else run.go_on()
