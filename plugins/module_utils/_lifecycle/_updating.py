# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An existing machine, changed in place: each step that ``present`` takes for it."""

from __future__ import annotations

import dataclasses

from .. import _contract as contract
from .._contract import Seen
from .._errors import MachineError
from .._plan import Changes, Want
from .._record import Record, Resource
from .._resources import NoCapacity
from ._comparison import Comparison
from ._planning import Planner
from ._power import START_AGAIN, Power
from ._task import LEAVING, SURPLUS, Task


class Updater:
    """Changes a machine in place."""

    def __init__(self, task: Task, planner: Planner, power: Power, comparison: Comparison) -> None:
        self.task, self.planner, self.power, self.comparison = task, planner, power, comparison

    def plan_again(self, record: Record) -> None:
        """Ask for what was never made as the options say now: what the provider has refused may be mended in them.

        Not if they differ in what is there, too: then the plan is finished as it is, and the difference is told.
        """
        if any(one.unmade for one in record.resources):
            changes = self.comparison.changes(record)
            there = [one for one in record.resources if one.key in changes.surplus and not one.unmade]
            unsure = self.comparison.unresolved(record, changes)
            bound = changes.drift or changes.existing or there or unsure or self.comparison.needs_stop(changes)
            if (changes.replanned or changes.surplus) and not bound:
                self.task.resources.check_account()
                self.apply(record, changes)
            self.task.stop_picking()
        self.remove_leaving(record)

    def settle(self, record: Record) -> None:
        """Let all be as the record says, and what it has no use for any more be gone."""
        self.stop_for(record, self.comparison.unfinished(record))
        for resource in record.resources:
            if resource.status not in LEAVING:
                self.task.resources.tag(resource, self.ensured(resource))
        self.remove_leaving(record)

    def remove_leaving(self, record: Record) -> None:
        for resource in reversed(list(record.resources)):
            if resource.status in LEAVING:
                self.task.resources.remove(resource)

    def ensured(self, resource: Resource) -> Seen:
        """As ensure(); but what a machine that was whole once depends on is not moved elsewhere: it may hold data."""
        try:
            return self.task.resources.ensure(resource)
        except NoCapacity as full:
            raise full.cause.explained(
                "Run again once there is capacity, or give other options and recreate: true, which loses its data",
                self.task.resources.left_behind(),
            ) from full

    def apply(self, record: Record, changes: Changes) -> None:
        kinds = {kind.__name__: kind for kind in self.task.driver_class.kinds}
        for key, part in changes.adjust.items():
            resource = record.resource(key)
            if resource:
                for request in resource.requests:
                    request.update(part)
        for key, want in changes.replanned.items():
            resource = record.resource(key)
            if resource:
                resource.requests, resource.choice = want.requests, 0
        for want in changes.new:
            former = changes.order[: changes.order.index(want.key)]
            places = [place for place, one in enumerate(record.resources) if one.key in former]
            record.resources.insert(max(places, default=-1) + 1, self.planner.planned(want, record))
        for resource in record.resources:
            if resource.key in changes.again:
                resource.status = "created"
        for key in changes.surplus:
            left = record.resource(key)
            if left and (left.unmade or not kinds[left.kind].keeps_data):
                left.status = SURPLUS  # removed once nothing uses it any more
        self.task.resources.forget()
        self.planner.keep_options(record)
        self.task.save(record)

    def point_to(self, record: Record, wants: dict[str, Want]) -> None:
        """Mean another thing of the user's from now on; a machine only if it shows the pinned host key."""
        for key, want in wants.items():
            resource = record.resource(key)
            if resource is None:
                continue
            resource.id, resource.requests = want.existing, want.requests
            self.task.resources.forget()
            seen = self.task.resources.ensure(resource)
            if key == record.machine and record.ssh:
                self.task.access(record).contact(self.task.facts(seen), self.task.clock)

    def try_login(self, record: Record) -> None:
        """Another way to log in is kept only if it works, where that can be tried now."""
        seen = self.task.machine_seen(record)
        if seen.state in (None, contract.RUNNING):
            self.task.access(record).contact(self.task.facts(seen), self.task.clock)

    def stop_for(self, record: Record, fields: list[str]) -> None:
        if not fields or self.task.machine_seen(record).state == contract.STOPPED:
            return
        if not self.task.wish.allow_stop:
            raise MachineError(
                f"{record.name} must be stopped to change {', '.join(fields)}",
                code="needs_stop",
                remedy="Give allow_stop: true, or stop it first",
            )
        # Unseen, it may run all the same: a list may lack it for a while.
        if self.task.machine_seen(record).state in (contract.RUNNING, contract.ABSENT):
            record.kept[START_AGAIN] = True  # before it stops: whoever finishes this must know
            self.task.save(record)
        self.power.bring_to(record, "stop", contract.STOPPED)

    def note(self, record: Record) -> bool:
        """Take over what is only noted, and touches no provider."""
        wish, before = self.task.wish, dataclasses.asdict(record)
        record.fleet = record.fleet if wish.fleet is None else wish.fleet
        record.role = record.role if wish.role is None else wish.role
        record.labels = record.labels if wish.labels is None else wish.labels
        record.tls_san = record.tls_san if wish.tls_san is None else wish.tls_san
        self.task.note_expiry(record, tagged=True)
        if record.ssh:
            self.task.access(record).note()
        return dataclasses.asdict(record) != before

    def pins(self, record: Record) -> bool:
        """Whether its host key is still to be taken as it shows it."""
        access = self.task.access(record)
        return access.pins_what_is_shown and self.task.machine_seen(record).state == contract.RUNNING
