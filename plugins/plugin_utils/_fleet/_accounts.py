# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions share that run drivers' modules over whole accounts, one run a place."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._module import SHARED
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import GROUPED, ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._machines import UNKNOWN


class AccountAction(ControllerAction):
    def over_account(
        self, driver: str, state: str, said: dict[str, t.Any], task_vars: dict[str, t.Any], ours: t.Iterable[str]
    ) -> Result:
        """Run the driver's module over the account that its credentials are for. ``ours``: not for its defaults."""
        known = {*SHARED, *_drivers.load(driver).argument_spec} - {"name", *ours}
        defaults = {**self.defaults(GROUPED), **self.defaults(driver)}
        module_args = {name: value for name, value in defaults.items() if name in known}
        module_args.update((name, value) for name, value in said.items() if value is not None)
        module_args.update(state=state, scope="account")
        return self.run_module(driver, module_args, task_vars)


def unseen_in(answer: Result) -> dict[str, str]:
    """Which machines a driver's module could not see, and why: only its answer tells those of another account."""
    machines = [*(answer.get("machines") or ()), *filter(None, [answer.get("machine")])]
    return {one["name"]: str(one.get("error")) for one in machines if one["state"] == UNKNOWN}


def place_of(driver: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
    """Where options mean, as a record would say it."""
    known = _drivers.load(driver)
    return {name: options.get(name, known.argument_spec[name].get("default")) for name in known.place}


def key(*parts: t.Any) -> str:
    return json.dumps(parts, sort_keys=True)


def aligned(rows: t.Sequence[t.Sequence[t.Any]]) -> list[str]:
    """Lines of a table, for people."""
    cells = [["-" if cell in (None, "") else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
