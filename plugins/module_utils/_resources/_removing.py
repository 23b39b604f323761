# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing resources: a delete is repeated until what is read agrees."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import _contract as contract
from .._errors import MachineError
from .._proof import bears_tags, proven
from .._record import Resource
from ._calls import Calls
from ._creating import NEVER_SHOWN, Creator
from ._looking import Finder, UnprovenError

LOST = "lost"  # of a gone entry: UNIX time when its id was given up without anybody having seen it end
LOOKED_FOR = 3600.0  # seconds for which runs look whether it comes up after all; later, prune does


class Remover:
    """Removes a resource: at the provider first, then from the record."""

    def __init__(self, calls: Calls, finder: Finder, creator: Creator) -> None:
        self.calls, self.finder, self.creator = calls, finder, creator
        self.record, self.clock, self.save = calls.record, calls.clock, calls.save

    def remove(self, resource: Resource) -> None:
        """Let it be gone for sure, and off the record."""
        if not resource.existing:
            if resource.id is None and resource.status == "creating":
                try:
                    seen = self.finder.look(resource, self.finder.shows(resource))
                    found = seen.id if seen else None
                except UnprovenError:
                    if not self.creator.token_tells(resource):
                        raise
                    found = self.creator.create(resource)
                if found is not None:
                    resource.id = found
                    self.save()
            if resource.id is not None:
                if resource.status == "created" and self.finder.find(resource) is None and self.may_show(resource):
                    raise self.vanished(resource)
                resource.status = "removing"
                self.save()
                self.delete(resource)
            if self.calls.kind(resource).identity is None:
                self._delete_twins(resource)
            self.note_gone(resource)
        self.record.resources.remove(resource)
        self.save()

    def may_show(self, resource: Resource) -> bool:
        """Whether what has never shown may only be late: no provider documents a bound for its lag."""
        return resource.key not in self.calls.ends and self.clock.time() < resource.last_try + NEVER_SHOWN

    def vanished(self, resource: Resource) -> MachineError:
        return MachineError(
            f"{resource.kind} {resource.id} was made and can't be found",
            code="vanished",
            left_behind=self.calls.left_behind(),
            remedy="See the provider's console, and run again: then it is looked for once more",
        )

    def note_gone(self, resource: Resource, **more: t.Any) -> None:
        """Keep what tells it: should it come up later, it is ours."""
        gone = dataclasses.asdict(resource)
        gone.update(name=self.calls.name(resource), token=self.calls.token(resource))
        names = ("kind", "key", "id", "name", "token", "generation", "attempt")
        self.record.kept.setdefault("gone", []).append({**{name: gone[name] for name in names}, **more})

    def delete_late(self) -> None:
        """What was removed already, and came up since: a call may be held up for longer than its run has the lock."""
        for one in self.record.kept.get("gone", []):
            self._delete_twins(_resource(one))

    def delete_lost(self) -> None:
        """What was given up for gone, and was only late to show."""
        for one in self.record.kept.get("gone", []):
            if one["id"] and self.clock.time() < one.get(LOST, 0.0) + LOOKED_FOR:
                lost = _resource(one)
                if self.calls.get(lost) is not None:
                    self.delete(lost)

    def _delete_twins(self, resource: Resource) -> None:
        """What a call that came late has made besides, where nothing makes a repeated one harmless."""
        kind = self.calls.kind(resource)
        if not kind.tagged:
            return  # names don't tell attempts
        for seen in map(kind.seen, self.calls.read(kind.list, self.calls.it(resource)) or []):
            attempt = seen.tags.get("attempt", "")
            if seen.id == resource.id or seen.state == contract.ABSENT or not attempt.isdigit():
                continue
            if kind.identity == "name" and resource.id:
                continue  # then this name was that thing's
            twin = dataclasses.replace(resource, id=None, attempt=int(attempt))
            it = self.calls.it(twin)
            if bears_tags(kind, it, seen) and proven(kind, it, seen):
                self.delete(dataclasses.replace(twin, id=seen.id))

    def delete(self, resource: Resource) -> None:
        """Delete at the provider until it is gone; the record still names it."""
        kind = self.calls.kind(resource)
        if not hasattr(kind, "delete"):
            return  # goes with its parent
        self.calls.check_account()
        for _left in self.clock.poll(self.calls.timeout):
            seen = self.calls.get(resource) or self.finder.find(resource)
            if seen is None:
                return
            it = self.calls.it(resource)
            if kind.tagged and not bears_tags(kind, it, seen):
                raise MachineError(
                    f"{resource.kind} {resource.id} does not carry the tags of {self.record.name}: it is not deleted",
                    code="not_ours",
                    left_behind=self.calls.left_behind(),
                    remedy="Look at it; if it is to go, remove it by hand and run again",
                )
            self.calls.attempt(resource, "delete", it)
        raise self.calls.timed_out(f"{resource.kind} {resource.id} still exists", self.calls.timeout)


def _resource(gone: dict[str, t.Any]) -> Resource:
    names = ("key", "kind", "id", "generation", "attempt")
    return Resource(**{name: gone[name] for name in names}, requests=[{}])
