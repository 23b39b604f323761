# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power: start, stop, restart, kill, pause."""

from __future__ import annotations

from .. import _contract as contract
from .._access import Access
from .._contract import Seen
from .._errors import MachineError
from .._record import MADE, Record
from .._resources import PENDING
from .._wish import Outcome
from ._task import POWER, Task

START_AGAIN = "start_again"  # kept: what was running before a change that needed a stop


class Power(Task):
    """Brings a machine to a state of power, and waits until it is there."""

    def power(self, state: str) -> Outcome:
        """Bring an existing machine to a state of power."""
        if state not in self.states():
            raise self._no_action(state)
        if self._read() is None:
            raise MachineError(
                f"There is no machine {self.wish.name} that could be {state}",
                code="not_found",
                remedy="Create it first (state: present)",
            )
        with self._locked():
            record = self._read()
            if record is None or record.status != MADE:
                raise MachineError(
                    f"{self.wish.name} is half made or half removed, so it can't be {state}",
                    code="unfinished",
                    remedy="Finish that first (state: present or absent)",
                )
            self.changed = False
            self._begin(record)
            seen = self._machine_seen(record)
            before = self._shape(record, seen)
            action, wanted = POWER[state]
            if self.wish.check:
                changed = state == "restarted" or seen.state != wanted
                after = {**before, "state": wanted} if changed else before
                return Outcome(changed, before, after, self._public(record))
            if state == "restarted":
                self._restart(record, seen)
            else:
                self._power_to(record, action, wanted)
            if record.kept.pop(START_AGAIN, False):
                self._save(record)
            self._observe(record)
            return self._done(record, before)

    def _power_to(self, record: Record, action: str, wanted: str) -> None:
        resource = record.resource(record.machine)
        if resource is None:
            return
        limit = self.wish.stop_timeout if action == "stop" else self.wish.timeout
        actions = self.actions()
        seen = None
        for _left in self.clock.poll(limit):
            seen = self._machine_seen(record)
            if seen.state == wanted:
                return
            self.resources.forget()
            if seen.state == contract.ABSENT and self.resources.find(resource) is None:
                raise MachineError(
                    f"{record.name} is gone at its provider",
                    code="missing",
                    remedy="state: present makes it anew, state: absent forgets it",
                )
            if seen.state in PENDING and not (action in ("stop", "kill") and seen.state == contract.STARTING):
                continue
            if seen.state == contract.PAUSED and action in ("start", "stop") and "unpause" in actions:
                self.resources.attempt(resource, "unpause")
            elif seen.state == contract.STOPPED and action == "pause":
                raise MachineError(
                    f"{record.name} is stopped: only a running machine can be paused",
                    code="state",
                    remedy="Start it first",
                )
            else:
                self.resources.attempt(resource, action)
        if action == "stop" and "kill" in actions:
            self._power_to(record, "kill", wanted)
            return
        raise self.resources.timed_out(f"{record.name} is {seen.state if seen else 'unknown'}, not {wanted}", limit)

    def _restart(self, record: Record, seen: Seen) -> None:
        resource = record.resource(record.machine)
        machine = self.resources.kind(resource) if resource else None
        if resource is None or machine is None:
            return
        if seen.state != contract.RUNNING and "start" in self.actions():
            self._power_to(record, "start", contract.RUNNING)
        elif getattr(machine, "restart", None) == contract.OVER_SSH:
            self.changed = True
            Access(record, self.folder, self.wish).reboot(self._facts(seen), self.clock)
        elif hasattr(machine, "restart"):
            self.resources.insist(resource, "restart")
            self._power_to(record, "start", contract.RUNNING)
        else:
            self._power_to(record, "stop", contract.STOPPED)
            self._power_to(record, "start", contract.RUNNING)
