# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for of an existing machine, compared with what is there."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from .. import _contract as contract
from .._plan import Changes, Recipe, Request, Want, compare, covers
from .._record import Record, Resource
from ._task import LEAVING, SURPLUS, Task


class Comparison:
    """Tells what differs. Changes nothing."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @property
    def compares(self) -> bool:
        return bool(self.task.wish.given) or not self.task.wish.keep_options

    def changes(self, record: Record) -> Changes:
        wish = self.task.wish
        if not self.compares:
            return Changes()
        for name in self.task.driver_class.required:  # a machine can't be without it: not said, it stays as it is
            if wish.options.get(name) is None and name in record.options:
                wish.options[name] = record.options[name]
                wish.given.add(name)
        return self._compare(record)

    def _compare(self, record: Record) -> Changes:
        """What is there decides which of the candidates that the options leave open is meant."""
        # Both made now, the old one from the recorded options: a new default or a newer image is no change.
        old = self.task.recipe(record, record.options)
        new = self.task.recipe(record)
        changes = self._compare_with(record, old, new)
        chosen = record.kept["choices"]
        for choices in itertools.product(*map(range, new.candidates.values())) if changes.drift else ():
            record.kept["choices"] = {**chosen, **dict(zip(new.candidates, choices, strict=True))}
            fitting = self._compare_with(record, old, self.task.recipe(record))
            if not fitting.drift:
                return fitting
        record.kept["choices"] = chosen
        return changes

    def _compare_with(self, record: Record, old: Recipe, new: Recipe) -> Changes:
        kinds = {kind.__name__: kind for kind in self.task.driver_class.kinds}
        choices = {one.key: one.choice for one in record.resources}
        changes = compare(old.wants, new.wants, lambda kind: kinds[kind].adjustable, lambda key: choices.get(key, 0))
        wanted = {want.key: want for want in new.wants}
        before = {want.key: want for want in old.wants}
        for key in list(changes.drift):
            one = record.resource(key)
            if one and not one.existing and wanted[key].existing is None:
                former = before[key].requests
                self._keep_what_is_there(one, former[min(one.choice, len(former) - 1)], wanted[key], changes)
        for key in [one.key for one in record.resources if one.unmade]:
            if key in {**changes.adjust, **changes.drift} and wanted[key].existing is None:
                changes.adjust.pop(key, None)
                changes.drift.pop(key, None)
                changes.replanned[key] = wanted[key]
        for key, part in changes.adjust.items():
            one = record.resource(key)
            less = [
                field for field in part if one and field in kinds[one.kind].grows and part[field] < one.request[field]
            ]
            if less:
                changes.drift[key] = less  # before anything is stopped for what can't be done
        for want in list(changes.new):
            kept = record.resource(want.key)
            if kept and kept.status != "removing" and (kept.id or kept.status != SURPLUS):
                # What outlived its use is taken up again, as it is
                changes.new.remove(want)
                if kept.status == SURPLUS:
                    changes.again.append(want.key)
                differing = [field for field in want.requests[0] if kept.request.get(field) != want.requests[0][field]]
                if differing:
                    changes.drift[want.key] = sorted(differing)
        return changes

    def _keep_what_is_there(self, one: Resource, former: Request, want: Want, changes: Changes) -> None:
        """What can't be changed is no drift if the provider shows it as asked for, having been left to it before, say."""
        seen, adjustable = self.task.resources.last(one), self.task.resources.kind(one).adjustable
        for request in want.requests if seen else ():
            fields = [name for name in {**former, **request} if former.get(name) != request.get(name)]
            it = self.task.resources.it(dataclasses.replace(one, requests=[{**former, **request}], choice=0))
            fixed = [name for name in fields if name not in adjustable]
            if all(seen and name in seen.has and covers(seen.has[name], it.request[name]) for name in fixed):
                changes.adjust[one.key] = {name: request.get(name) for name in fields}
                del changes.drift[one.key]
                return

    @staticmethod
    def unresolved(record: Record, changes: Changes) -> list[str]:
        """What was asked for and may be on its way: a repetition has to ask for the same, or its token would not fit."""
        return [one.key for one in record.resources if one.key in changes.adjust and one.status == "creating"]

    def needs_stop(self, changes: Changes) -> list[str]:
        kinds = {kind.__name__: kind for kind in self.task.driver_class.kinds}
        return [
            field
            for key, part in changes.adjust.items()
            for field in part
            if kinds[key.partition("/")[0]].adjustable.get(field) == contract.STOPPED
        ]

    def unfinished(self, record: Record) -> list[str]:
        """What a former run was to change in a stopped machine and did not come to, before somebody started it."""
        fields = []
        for resource in record.resources:
            stopped = [
                name for name, when in self.task.resources.kind(resource).adjustable.items() if when == contract.STOPPED
            ]
            seen = self.task.resources.last(resource) if stopped and not resource.existing else None
            if seen and resource.status not in LEAVING:
                asked = self.task.resources.it(resource).request
                pairs = [(name, seen.has[name]) for name in stopped if name in asked and name in seen.has]
                fields += [name for name, has in pairs if not covers(has, asked[name])]
        return fields

    def describe(self, record: Record, changes: Changes) -> dict[str, t.Any]:
        return {
            "adjust": changes.adjust,
            "use": {
                **{key: want.existing for key, want in changes.existing.items()},
                **{one.key: one.id for one in record.resources if one.key in changes.again},
            },
            "create": {want.key: want.requests[0] for want in [*changes.new, *changes.replanned.values()]},
            "remove": changes.surplus,
            "replace": changes.drift,
        }
