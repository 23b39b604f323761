# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices that several resources share, a zone say: while there is no capacity, the next one is tried."""

from __future__ import annotations

from .._record import Record
from .._resources import NoCapacity
from ._task import ADOPTED, REPLACED, Task


class Choices:
    """Moves a plan on to its next choice."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._moved: dict[str, int] = {}  # choice -> how often it moved on in this run

    def move_on(self, record: Record, full: NoCapacity) -> None:
        """Move a choice on that several resources share, and with it those that were made for the last one."""
        choices = dict(record.kept["choices"])
        for key, count in self.task.recipe(record, record.options).candidates.items():
            # In a circle, since the next run may begin with any of them; the next key moves on once this one is round.
            choices[key] = (choices.get(key, 0) + 1) % count
            self._moved[key] = (self._moved.get(key, 0) + 1) % count
            if self._moved[key]:
                break
        else:
            raise full.cause.explained(
                "There is no further choice: run again to try them all once more, or remove it (state: absent)"
                " and create it with other options",
                self.task.resources.left_behind(),
            )
        record.kept["choices"] = choices
        wants = {want.key: want for want in self.task.recipe(record, record.options).wants}
        for resource in record.resources:
            want = wants.get(resource.key)
            if want is None or resource.existing or want.requests == resource.requests:
                continue
            if self.task.resources.kind(resource).keeps_data and resource.id in record.kept.get(ADOPTED, ()):
                raise full.cause.explained(
                    f"{resource.kind} {resource.id} was adopted, may hold data and can't move: run again once there is"
                    " capacity where it is",
                    self.task.resources.left_behind(),
                )
            resource.requests, resource.choice = want.requests, 0
            if resource.id:
                resource.status = REPLACED
        self.task.save(record)  # in one step: a plan of which one half is here and the other half there can't be made

    def clear_replaced(self, record: Record) -> None:
        """Remove what was made for a former choice, the dependent first."""
        for resource in reversed(record.resources):
            if resource.status == REPLACED:
                self.task.resources.delete(resource)
                resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1
                self.task.save(record)
