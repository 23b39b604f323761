# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a machine, as its record has it."""

from __future__ import annotations

import contextlib
import copy
import os
import typing as t
import uuid

from .. import _contract as contract
from .._errors import MachineError
from .._plan import Recipe, Want
from .._record import Record, Resource
from ._task import Task


class Planner:
    """Writes what a recipe asks for into a record."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def new_record(self, former: Record | None = None) -> Record:
        """A record as the task asks for it; with ``former``, in the place of that one."""
        wish = self.task.wish
        record = Record(
            id=uuid.uuid4().hex[:12],
            name=wish.name,
            driver=wish.driver,
            fleet=wish.fleet,
            role=wish.role,
            labels=wish.labels or {},
            tls_san=wish.tls_san or [],
            place={name: wish.options.get(name) for name in self.task.driver_class.place},
        )
        if former:
            record.id, record.revision, record.created = former.id, former.revision, former.created
            kept = ["picks", "gone", "store"]
            if wish.expires_in is None:
                record.expires = former.expires
                kept.append("expires_in")
            # A copy: what a check picks is not picked
            record.kept.update({name: copy.deepcopy(former.kept[name]) for name in kept if name in former.kept})
        return record

    @contextlib.contextmanager
    def nothing_left(self, record: Record | None = None) -> t.Iterator[None]:
        """A plan that comes to nothing leaves no folder behind, unless the record was saved meanwhile."""
        if self.task.lock:
            self.task.store.sweep(self.task.wish.name, self.task.lock)
        fresh = not os.path.exists(self.task.folder)
        try:
            yield
        except (MachineError, OSError) as error:
            saved = record is not None and record.revision
            if self.task.lock and fresh and not saved and not getattr(error, "left_behind", ()):
                self.task.store.clear(self.task.wish.name, self.task.lock)
            raise

    def take(self, record: Record, recipe: Recipe) -> None:
        record.resources = [self.planned(want, record) for want in recipe.wants]
        record.machine = self.machine_of(record)

    def machine_of(self, record: Record) -> str | None:
        """Key of the resource with power."""
        machines = {kind.__name__ for kind in self.task.driver_class.kinds if issubclass(kind, contract.Machine)}
        return next((one.key for one in reversed(record.resources) if one.kind in machines), None)

    @staticmethod
    def planned(want: Want, record: Record) -> Resource:
        existing = want.existing is not None
        status = "made" if existing else "planned"
        # Another generation than what bore that key before: neither its token nor a late delete of it can mean this.
        former = [one["generation"] for one in record.kept.get("gone", []) if one["key"] == want.key]
        resource = Resource(want.key, want.kind, id=want.existing, requests=want.requests, status=status)
        resource.existing, resource.generation = existing, max(former, default=0) + 1
        return resource

    def keep_options(self, record: Record) -> None:
        """The options as given, none of them a secret."""
        wish = self.task.wish
        kept = {name for name in wish.given if name in self.task.driver_class.argument_spec} - wish.secret
        record.options = {name: wish.options[name] for name in sorted(kept)}
        secret = {name for name in wish.given & wish.secret if wish.options.get(name) is not None}
        record.secrets = {name: self.task.digest(wish.options[name]) for name in sorted(secret)}

    def is_existing(self, record: Record) -> bool:
        resource = record.resource(record.machine)
        return bool(resource and resource.existing)
