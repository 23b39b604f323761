# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that are older than their machine: they come from a backup, or from a copy of the store."""

from __future__ import annotations

from .._errors import MachineError
from .._plan import refers_to
from .._record import Record, Resource
from ._task import Task
from ._things import Thing, recognise


class BackupCheck:
    """Tells whether a record is older than its machine. The task asks before each create."""

    def __init__(self, task: Task) -> None:
        self.task = task
        task.before_create = lambda resource: self.refuse_outdated(task.resources.record, resource)
        self.up_to_date = False  # whether the record is surely no older than its machine

    def refuse_outdated(self, record: Record, *resources: Resource) -> None:
        """Make nothing beside what was made since this record was written: it comes from a backup, or from a copy."""
        if self.task.resources.fresh or self.up_to_date:
            return
        machine = record.resource(record.machine)
        for one in resources:
            if self._made_since(record, one):
                named = machine if machine and self._made_since(record, machine) else one
                since = self._made_since(record, named)[0]
                former = f"{named.kind} {named.id or self.task.resources.it(named).name}"
                raise MachineError(
                    f"The record of {record.name} is older than the machine: it has {former}, which is gone, and "
                    f"{since.seen.id} was made in its place (generation {since.generation}, attempt {since.attempt})",
                    code="outdated",
                    left_behind=[str(since)],
                    remedy=f"Take it over (playbook dockyard.machine.adopt with machine_names={record.name}), or remove it "
                    f"(playbook dockyard.machine.prune with machine_ids={since.seen.id})",
                )

    def _made_since(self, record: Record, resource: Resource) -> list[Thing]:
        """What was made under this key later than the record knows."""
        kind, it = self.task.resources.kind(resource), self.task.resources.it(resource)
        if resource.existing or (refers_to(resource.request) and not kind.tagged):
            return []  # a tie of other things is as new as these
        found = []
        for seen in map(kind.seen, self.task.resources.read(kind.list, it) or []):
            thing = recognise(type(kind), seen)
            mine = thing and thing.machine == record.name and record.id.startswith(thing.id)
            if (
                thing
                and mine
                and thing.proven is not False
                and thing.store in ("", it.tags["store"])
                and thing.key == resource.key
            ):
                found += [thing] if thing.turn > (resource.generation, resource.attempt) else []
        return found
