# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power: ``started``, ``stopped``, ``restarted``, ``killed``, ``paused``."""

from __future__ import annotations

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._record import MADE, Record
from .._resources import PENDING
from .._wish import Outcome
from ._task import POWER, Task

START_AGAIN = "start_again"  # kept: what was running before a change that needed a stop


class Power:
    """Brings a machine to a state of power, and waits until it is there."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def run(self, state: str) -> Outcome:
        """Bring an existing machine to a state of power."""
        if state not in self.task.states():
            raise self.task.no_action(state)
        if self.task.read() is None:
            raise MachineError(
                f"There is no machine {self.task.wish.name} that could be {state}",
                code="not_found",
                remedy="Create it first (state: present)",
            )
        with self.task.locked():
            record = self.task.read()
            if record is None or record.status != MADE:
                raise MachineError(
                    f"{self.task.wish.name} is incomplete (created or removed in part), so it can't be {state}",
                    code="unfinished",
                    remedy="Finish that first (state: present or absent)",
                )
            self.task.changed = False
            self.task.begin(record)
            seen = self.task.machine_seen(record)
            before = self.task.shape(record, seen)
            action, wanted = POWER[state]
            if self.task.wish.check:
                changed = state == "restarted" or seen.state != wanted
                after = {**before, "state": wanted} if changed else before
                return Outcome(changed, before, after, self.task.public(record))
            if state == "restarted":
                self.restart(record, seen)
            else:
                self.bring_to(record, action, wanted)
            if record.kept.pop(START_AGAIN, False):
                self.task.save(record)
            self.task.observe(record)
            return self.task.done(record, before)

    def bring_to(self, record: Record, action: str, wanted: str) -> None:
        resource = record.resource(record.machine)
        if resource is None:
            return
        limit = self.task.wish.stop_timeout if action == "stop" else self.task.wish.timeout
        actions = self.task.actions()
        seen = None
        for _left in self.task.clock.poll(limit):
            seen = self.task.machine_seen(record)
            if seen.state == wanted:
                return
            self.task.resources.forget()
            if seen.state == contract.ABSENT and self.task.resources.find(resource) is None:
                raise MachineError(
                    f"{record.name} is gone at its provider",
                    code="missing",
                    remedy="state: present recreates it, state: absent deletes its record",
                )
            if seen.state in PENDING and not (action in ("stop", "kill") and seen.state == contract.STARTING):
                continue
            if seen.state == contract.PAUSED and action in ("start", "stop") and "unpause" in actions:
                self.task.resources.attempt(resource, "unpause")
            elif seen.state == contract.STOPPED and action == "pause":
                raise MachineError(
                    f"{record.name} is stopped: only a running machine can be paused",
                    code="state",
                    remedy="Start it first",
                )
            else:
                self.task.resources.attempt(resource, action)
        if action == "stop" and "kill" in actions:
            self.bring_to(record, "kill", wanted)
            return
        raise self.task.resources.timed_out(
            f"{record.name} is {seen.state if seen else 'unknown'}, not {wanted}", limit
        )

    def restart(self, record: Record, seen: Seen) -> None:
        resource = record.resource(record.machine)
        machine = self.task.resources.kind(resource) if resource else None
        if resource is None or machine is None:
            return
        if seen.state != contract.RUNNING and "start" in self.task.actions():
            self.bring_to(record, "start", contract.RUNNING)
        elif getattr(machine, "restart", None) == contract.OVER_SSH:
            self.task.changed = True
            self.task.access(record).reboot(self.task.facts(seen), self.task.clock)
        elif hasattr(machine, "restart"):
            self.task.resources.insist(resource, "restart")
            self.bring_to(record, "start", contract.RUNNING)
        else:
            self.bring_to(record, "stop", contract.STOPPED)
            self.bring_to(record, "start", contract.RUNNING)
