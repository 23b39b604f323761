# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``gathered``: machines as they are now. Changes nothing but what was observed."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._record import Record
from ._task import Task


class Observer:
    """Looks at one machine."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def run(self, over_ssh: bool = True, seen: Seen | None = None) -> dict[str, t.Any] | None:
        """The machine as it is now, or was ``seen`` just now; None if only SSH could tell, and may not be asked.

        What can't be asked is in state unknown, and so is another account's.
        """
        task = self.task
        record = task.read()
        if record is None:
            return {"name": task.wish.name, "state": contract.ABSENT}
        try:
            task.begin(record)
            task.resources.check_account()
        except MachineError as error:
            return self.unseen(record, error, keep=False)
        try:
            resource = record.resource(record.machine)
            if resource:
                task.resources.note(resource, seen)
            if not over_ssh and task.machine_seen(record).state is None:
                return None
            task.observe(record)
        except MachineError as error:
            return self.unseen(record, error)
        return task.public(record)

    def unseen(self, record: Record, error: MachineError, keep: bool = True) -> dict[str, t.Any]:
        """``keep``: only credentials that were proven to be of its account may replace what was observed before."""
        task = self.task
        task.observed.update(state=contract.UNKNOWN, error=error.message)
        if keep:
            task.observed.update(refreshed=task.clock.time())
            task.keep_observed(record)
        return task.public(record)

    def listed(self) -> list[Seen]:
        """All our machines in this one's place and in the account of these credentials; none if the driver can't list them."""
        task = self.task
        kind = next(kind for kind in task.driver_class.kinds if issubclass(kind, contract.Machine))
        return task.resources.listed(kind, {"store": task.store.id}) if kind.lists_account else []
