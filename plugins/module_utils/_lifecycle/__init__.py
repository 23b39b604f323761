# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what happens to a machine: plan, freeze, make, settle, power, remove. Knows no provider.

Each file is a chapter on top of the one before: _task, _power, _creation, _change, and here the verbs.
Whole accounts are looked at by _orphans, _prune and _adopt.
"""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._record import BEING_CREATED, BEING_REMOVED, Record
from .._wish import Outcome, Wish
from ._change import RECREATING, Change
from ._task import POWER

__all__ = ["POWER", "Lifecycle", "Outcome", "Wish", "gather"]


class Lifecycle(Change):
    """One machine, one task. Each verb returns an Outcome or raises a MachineError."""

    def present(self, start: bool = False) -> Outcome:
        """Let it exist as asked for; with ``start``, let it run."""
        if start and "start" not in self.actions():
            raise self._no_action("started")
        if not self.store.exists and not self.wish.check:
            self._dry().present(start)  # bad input must not even make a store
        with self._locked():
            record = self._read()
            before = self._shape(record)
            self.changed = False
            if record and record.status == BEING_REMOVED:
                if self.wish.check:
                    return Outcome(True, before, {"state": "present"}, self._public(record))
                self._begin(record)
                if record.kept.get(RECREATING):
                    return self._recreate(record, before)
                self._bury(record)
                record = None
            if record is None:
                return self._create(before)
            self._begin(record)
            before = self._shape(record, self._machine_seen(record))
            if record.status == BEING_CREATED:
                if self.wish.check:
                    return Outcome(True, before, {**before, "state": "present"}, self._public(record))
                self._plan_anew(record)
                self._make_or_undo(record)
            return self._update(record, before, start)

    def absent(self, due: t.Callable[[Record], t.Any] = lambda record: True) -> Outcome:
        """Let nothing of it be left, here and at the provider; of a record, if it is ``due``."""
        if not self.store.exists:
            return Outcome(False, {"state": "absent"}, {"state": "absent"}, None)
        with self._locked():
            record = self._read()
            before = self._shape(record)
            after = {"state": "absent"}
            if record and not due(record):
                return Outcome(False, before, before, self._public(record))
            if self.wish.check:
                return Outcome(record is not None, before, after, self._public(record) if record else None)
            if record is None:
                self.store.clear(self.wish.name, self._lock)  # what a killed run has left
                return Outcome(False, before, after, None)
            self._begin(record)
            self._bury(record)
            return Outcome(True, before, after, None)

    def gathered(self, over_ssh: bool = True, seen: Seen | None = None) -> dict[str, t.Any] | None:
        """The machine as it is now, or was ``seen`` just now; None if only SSH could tell, and may not be asked.

        Changes nothing but what was observed. What can't be asked is in state unknown, and so is another account's.
        """
        record = self._read()
        if record is None:
            return {"name": self.wish.name, "state": contract.ABSENT}
        try:
            self._begin(record)
            self.resources.check_account()
        except MachineError as error:
            return self._unseen(record, error, keep=False)
        try:
            resource = record.resource(record.machine)
            if resource:
                self.resources.note(resource, seen)
            if not over_ssh and self._machine_seen(record).state is None:
                return None
            self._observe(record)
        except MachineError as error:
            return self._unseen(record, error)
        return self._public(record)

    def _unseen(self, record: Record, error: MachineError, keep: bool = True) -> dict[str, t.Any]:
        """``keep``: only credentials that were proven to be of its account may replace what was observed before."""
        self.observed.update(state=contract.UNKNOWN, error=error.message)
        if keep:
            self.observed.update(refreshed=self.clock.time())
            self._keep_observed(record)
        return self._public(record)

    def _listed(self) -> list[Seen]:
        """All our machines in this one's place and in the account of these credentials; none if the driver can't list them."""
        kind = next(kind for kind in self.driver_class.kinds if issubclass(kind, contract.Machine))
        return self.resources.listed(kind, {"store": self.store.id}) if kind.lists_account else []


def gather(
    lifecycles: list[Lifecycle], others: list[Seen] | None = None
) -> list[tuple[Lifecycle, dict[str, t.Any] | None]]:
    """Machines of one place as they are now: by one connection, one look whose account it is, one list if possible.

    What that list has beside them is put into ``others``.
    """
    records = [(lifecycle, record) for lifecycle in lifecycles if (record := lifecycle._read())]
    if not records:
        return []
    first, record = records[0]
    try:
        first._begin(record)
        account = first.resources.account()
    except MachineError as error:
        return [(lifecycle, lifecycle._unseen(record, error, keep=False)) for lifecycle, record in records]
    for lifecycle, _record in records:
        lifecycle.connected, lifecycle.known_account = first.driver, account
    ours = [(lifecycle, record) for lifecycle, record in records if record.account == account]
    found = [(lifecycle, lifecycle.gathered()) for lifecycle, record in records if record.account != account]
    try:
        listed = {seen.id: seen for seen in first._listed()} if ours else {}
    except MachineError as error:
        return found + [(lifecycle, lifecycle._unseen(record, error)) for lifecycle, record in ours]
    for lifecycle, record in ours:
        resource = record.resource(record.machine)
        seen = listed.pop(resource.id, None) if resource and resource.id else None
        found.append((lifecycle, lifecycle.gathered(over_ssh=False, seen=seen)))
    if others is not None:
        others.extend(listed.values())
    return found
