# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing resources: a delete is repeated until what is read agrees."""

from __future__ import annotations

import dataclasses

from .. import driver as contract
from .._errors import MachineError
from .._record import Resource
from ._looking import Looking, is_ours


class Removing(Looking):
    def remove(self, resource: Resource) -> None:
        """Let it be gone for sure, and off the record."""
        if not resource.existing:
            if resource.id is None and resource.status == "creating":
                seen = self.look(resource, self.shows(resource))
                if seen is not None:
                    resource.id = seen.id
                    self.save()
            if resource.id is not None:
                resource.status = "removing"
                self.save()
                self.delete(resource)
            if self.kind(resource).identity is None:
                self._delete_twins(resource)
            gone = dataclasses.asdict(resource)
            gone.update(name=self._name(resource), token=self._token(resource))
            names = ("kind", "key", "id", "name", "token", "generation", "attempt")
            self.record.kept.setdefault("gone", []).append({name: gone[name] for name in names})
        self.record.resources.remove(resource)
        self.save()

    def delete_late(self) -> None:
        """What was removed already, and came up since: a call may be held up for longer than its run has the lock."""
        for one in self.record.kept.get("gone", []):
            names = ("key", "kind", "id", "generation", "attempt")
            self._delete_twins(Resource(**{name: one[name] for name in names}, requests=[{}]))

    def _delete_twins(self, resource: Resource) -> None:
        """What a call that came late has made besides, where nothing makes a repeated one harmless."""
        kind = self.kind(resource)
        if not kind.tagged:
            return  # names don't tell attempts
        for seen in map(kind.seen, self.read(kind.list, self.it(resource)) or []):
            attempt = seen.tags.get("attempt", "")
            if seen.id == resource.id or seen.state == contract.ABSENT or not attempt.isdigit():
                continue
            twin = dataclasses.replace(resource, id=seen.id, attempt=int(attempt))
            if is_ours(kind, self.it(twin), seen):
                self.delete(twin)

    def delete(self, resource: Resource) -> None:
        """Delete at the provider until it is gone; the record still names it."""
        kind = self.kind(resource)
        if not hasattr(kind, "delete"):
            return  # goes with its parent
        self.check_account()
        for _left in self.clock.poll(self.timeout):
            seen = self.get(resource)
            if seen is None and self.confirm(resource) is None:
                return
            if seen is None:
                continue
            it = self.it(resource)
            if kind.tagged and not is_ours(kind, it, seen):
                raise MachineError(
                    f"{resource.kind} {resource.id} does not carry the tags of {self.record.name}: it is not deleted",
                    code="not_ours",
                    left_behind=self.left_behind(),
                    remedy="Look at it; if it is to go, remove it by hand and run again",
                )
            self.attempt(resource, "delete", it)
        raise self.timed_out(f"{resource.kind} {resource.id} still exists", self.timeout)
