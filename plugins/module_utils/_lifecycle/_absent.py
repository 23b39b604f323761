# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``absent``: what was made is removed, and then the record."""

from __future__ import annotations

import typing as t

from .._errors import MachineError
from .._record import BEING_REMOVED, Record
from .._wish import Outcome
from ._backups import BackupCheck
from ._task import Task

OVERTAKEN = ("lease_lost", "conflict")  # codes of errors that say that another run works on the machine


class Removal:
    """Removes a machine."""

    def __init__(self, task: Task, backups: BackupCheck) -> None:
        self.task, self.backups = task, backups

    def run(self, due: t.Callable[[Record], t.Any] = lambda record: True) -> Outcome:
        """Let nothing of it be left, here and at the provider; of a record, if it is ``due``."""
        if not self.task.store.exists:
            return Outcome(False, {"state": "absent"}, {"state": "absent"}, None)
        with self.task.locked():
            record = self.task.read()
            before = self.task.shape(record)
            after = {"state": "absent"}
            if record and not due(record):
                return Outcome(False, before, before, self.task.public(record))
            if record and self.task.wish.check:
                self.task.begin(record)
                self.task.resources.check_account()  # a dry run fails where the real one would
                return Outcome(True, before, after, self.task.public(record))
            if record is None and self.task.wish.check:
                return Outcome(False, before, after, None)
            if record is None:
                self.task.store.clear(self.task.wish.name, self.task.lock)  # what a killed run has left
                return Outcome(False, before, after, None)
            self.task.begin(record)
            self.bury(record)
            return Outcome(True, before, after, None)

    def bury(self, record: Record) -> None:
        self.take_down(record)
        self.task.store.remove(record, self.task.lock)
        self.task.changed = True

    def take_down(self, record: Record) -> None:
        """Remove what was made, the dependent first."""
        self.task.resources.check_account()
        machine = record.resource(record.machine)
        if machine and machine.id and self.task.resources.last(machine) is None:
            self.backups.refuse_outdated(record, machine)  # else what came after it would stay, and nobody would know
        if record.status == BEING_REMOVED:
            self.task.resources.delete_late()
        else:
            record.status = BEING_REMOVED
            self.task.save(record)
        self.task.resources.delete_lost()
        for resource in reversed(list(record.resources)):
            self.task.resources.remove(resource)

    def undo(self, record: Record, error: MachineError) -> None:
        """Take down again what could not be made."""
        try:
            self.bury(record)
        except MachineError as another:
            error.left_behind = another.left_behind or self.task.resources.left_behind()
            # Whoever has the lock now makes it, or has taken it down: not to be removed after that
            remedy = another.remedy if another.code in OVERTAKEN else "Run again with state absent"
            error.remedy = f"It could not be taken down again ({another.message.rstrip('.')}). {remedy}"
        else:
            error.left_behind = []
            error.remedy = f"{error.remedy.rstrip('.')}. Nothing is left of it".lstrip(". ")
