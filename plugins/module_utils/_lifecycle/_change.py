# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An existing machine: compared with what is asked for, changed in place, replaced, removed."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from .. import _contract as contract
from .._access import Access
from .._contract import Seen
from .._errors import MachineError
from .._plan import Changes, Recipe, Request, Want, compare, covers
from .._record import UNTAGGED, Record, Resource
from .._resources import Full
from .._wish import Outcome
from ._creation import ADOPTED, Creation
from ._power import START_AGAIN

SURPLUS = "surplus"  # a resource's status: to be removed, and not made anew
LEAVING = (SURPLUS, "removing")  # the latter: its removal was begun, and maybe not by this run
RECREATING = "recreating"  # kept: it is removed to be made anew


class Change(Creation):
    """Changes and removes a machine."""

    def _update(self, record: Record, before: dict[str, t.Any], start: bool) -> Outcome:
        """Compare what was asked for with what is, and change what can be changed in place."""
        wish, compares = self.wish, self._compares
        changes = self._changes(record)
        drift = dict(changes.drift)
        place = (name for name in self.driver_class.place if name in wish.given)
        moved = [name for name in place if record.place.get(name) != wish.options[name]]
        if moved:
            drift["place"] = moved
        if drift and not wish.recreate:
            fields = ", ".join(f"{key}: {', '.join(fields)}" for key, fields in drift.items())
            raise MachineError(
                f"{wish.name} can't be changed in place to what is asked for ({fields})",
                code="drift",
                remedy="Give the former options, or recreate: true to replace the machine and lose its data",
            )
        login = dict(record.ssh)
        noted = self._note(record) or self._pins(record)
        needs_stop = self._needs_stop(changes)
        running = start or record.kept.get(START_AGAIN)
        if wish.check:
            seen = self._machine_seen(record)
            left = [one.key for one in record.resources if one.status in LEAVING and one.id]
            there = [(one, self.resources.get(one)) for one in record.resources if one.status not in LEAVING]
            gone = [one.key for one, now in there if now is None]  # or was never made
            differs = {one.key: wrong for one, now in there if now and (wrong := self.resources.differing(one, now))}
            stands = running and record.machine and seen.state not in (contract.RUNNING, None)
            stale = [one.key for one in record.resources if self.resources.is_stale(one, self.resources.last(one))]
            after = {**self._shape(record, seen), **({"changes": self._describe(record, changes)} if changes else {})}
            if stale:
                after["changes"] = {**after.get("changes", {}), "tag": stale}
            if differs or left:  # by others' doing, or by a run that did not come to its end
                after["changes"] = {**after.get("changes", {}), "settle": differs, "left": left}
            if gone or stands:
                after.update(state=contract.RUNNING)
            changed = self.changed or bool(changes or drift or noted or gone or stands or stale or differs or left)
            return Outcome(changed, before, after, self._public(record))
        if drift:
            return self._recreate(record, before)
        self._point_to(record, changes.existing)
        if record.ssh != login:
            self._try_login(record)
        if any(record.resource(want.key) for want in changes.new) or self._unresolved(record, changes):
            # What is wanted anew is still to go, or what changes to be found, since a run that did not come to its end
            self._settle(record)
        if changes:
            self._stop_for(record, needs_stop)
            self._apply(record, changes)
        if noted or changes:
            if compares:
                self._keep_options(record)
            self._save(record)
            self.changed = True
        self._stop_picking()
        self._settle(record)
        self.resources.delete_lost()
        if (start or record.kept.get(START_AGAIN)) and "start" in self.actions():
            self._power_to(record, "start", contract.RUNNING)
        if [name for name in (START_AGAIN, UNTAGGED, ADOPTED) if record.kept.pop(name, False)]:
            self._save(record)
        self._observe(record)
        access = Access(record, self.folder, wish)
        if self._pins(record):
            facts = self._facts(self._machine_seen(record))
            access.contact(facts, self.clock, wish.timeout, in_the_making=self.resources.changed)
            self._save(record)
            self.changed = True
        if record.ssh:
            access.make_files(self.store)
        return self._done(record, before)

    @property
    def _compares(self) -> bool:
        return bool(self.wish.given) or not self.wish.keep_options

    def _changes(self, record: Record) -> Changes:
        wish = self.wish
        if not self._compares:
            return Changes()
        for name in self.driver_class.required:  # a machine can't be without it: not said, it stays as it is
            if wish.options.get(name) is None and name in record.options:
                wish.options[name] = record.options[name]
                wish.given.add(name)
        return self._compare(record)

    def _plan_anew(self, record: Record) -> None:
        """Ask for what was never made as the options say now: what the provider has refused may be mended in them.

        Not if they differ in what is there, too: then the plan is finished as it is, and the difference is told.
        """
        if any(one.unmade for one in record.resources):
            changes = self._changes(record)
            there = [one for one in record.resources if one.key in changes.surplus and not one.unmade]
            unsure = self._unresolved(record, changes)
            bound = changes.drift or changes.existing or there or unsure or self._needs_stop(changes)
            if (changes.anew or changes.surplus) and not bound:
                self.resources.check_account()
                self._apply(record, changes)
            self._stop_picking()
        self._remove_leaving(record)

    @staticmethod
    def _unresolved(record: Record, changes: Changes) -> list[str]:
        """What was asked for and may be on its way: a repetition has to ask for the same, or its token would not fit."""
        return [one.key for one in record.resources if one.key in changes.adjust and one.status == "creating"]

    def _settle(self, record: Record) -> None:
        """Let all be as the record says, and what it has no use for any more be gone."""
        self._stop_for(record, self._unfinished(record))
        for resource in record.resources:
            if resource.status not in LEAVING:
                self.resources.tag(resource, self._ensured(resource))
        self._remove_leaving(record)

    def _remove_leaving(self, record: Record) -> None:
        for resource in reversed(list(record.resources)):
            if resource.status in LEAVING:
                self.resources.remove(resource)

    def _ensured(self, resource: Resource) -> Seen:
        """As ensure(); but what a machine that was whole once depends on is not moved elsewhere: it may hold data."""
        try:
            return self.resources.ensure(resource)
        except Full as full:
            raise full.cause.explained(
                "Run again once there is capacity, or give other options and recreate: true, which loses its data",
                self.resources.left_behind(),
            ) from full

    def _compare(self, record: Record) -> Changes:
        """What is there decides which of the candidates that the options leave open is meant."""
        # Both made now, the old one from the recorded options: a new default or a newer image is no change.
        old = self._recipe(record, record.options)
        new = self._recipe(record)
        changes = self._compare_with(record, old, new)
        chosen = record.kept["choices"]
        for choices in itertools.product(*map(range, new.candidates.values())) if changes.drift else ():
            record.kept["choices"] = {**chosen, **dict(zip(new.candidates, choices, strict=True))}
            fitting = self._compare_with(record, old, self._recipe(record))
            if not fitting.drift:
                return fitting
        record.kept["choices"] = chosen
        return changes

    def _compare_with(self, record: Record, old: Recipe, new: Recipe) -> Changes:
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
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
                changes.anew[key] = wanted[key]
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
        seen, adjustable = self.resources.last(one), self.resources.kind(one).adjustable
        for request in want.requests if seen else ():
            fields = [name for name in {**former, **request} if former.get(name) != request.get(name)]
            it = self.resources.it(dataclasses.replace(one, requests=[{**former, **request}], choice=0))
            fixed = [name for name in fields if name not in adjustable]
            if all(seen and name in seen.has and covers(seen.has[name], it.request[name]) for name in fixed):
                changes.adjust[one.key] = {name: request.get(name) for name in fields}
                del changes.drift[one.key]
                return

    def _apply(self, record: Record, changes: Changes) -> None:
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
        for key, part in changes.adjust.items():
            resource = record.resource(key)
            if resource:
                for request in resource.requests:
                    request.update(part)
        for key, want in changes.anew.items():
            resource = record.resource(key)
            if resource:
                resource.requests, resource.choice = want.requests, 0
        for want in changes.new:
            former = changes.order[: changes.order.index(want.key)]
            places = [place for place, one in enumerate(record.resources) if one.key in former]
            record.resources.insert(max(places, default=-1) + 1, self._planned(want, record))
        for resource in record.resources:
            if resource.key in changes.again:
                resource.status = "created"
        for key in changes.surplus:
            left = record.resource(key)
            if left and (left.unmade or not kinds[left.kind].keeps_data):
                left.status = SURPLUS  # removed once nothing uses it any more
        self.resources.forget()
        self._keep_options(record)
        self._save(record)

    def _point_to(self, record: Record, wants: dict[str, Want]) -> None:
        """Mean another thing of the user's from now on; a machine only if it shows the pinned host key."""
        for key, want in wants.items():
            resource = record.resource(key)
            if resource is None:
                continue
            resource.id, resource.requests = want.existing, want.requests
            self.resources.forget()
            seen = self.resources.ensure(resource)
            if key == record.machine and record.ssh:
                Access(record, self.folder, self.wish).contact(self._facts(seen), self.clock)

    def _try_login(self, record: Record) -> None:
        """Another way to log in is kept only if it works, where that can be tried now."""
        seen = self._machine_seen(record)
        if seen.state in (None, contract.RUNNING):
            Access(record, self.folder, self.wish).contact(self._facts(seen), self.clock)

    def _needs_stop(self, changes: Changes) -> list[str]:
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
        return [
            field
            for key, part in changes.adjust.items()
            for field in part
            if kinds[key.partition("/")[0]].adjustable.get(field) == contract.STOPPED
        ]

    def _unfinished(self, record: Record) -> list[str]:
        """What a former run was to change in a stopped machine and did not come to, before somebody started it."""
        fields = []
        for resource in record.resources:
            stopped = [
                name for name, when in self.resources.kind(resource).adjustable.items() if when == contract.STOPPED
            ]
            seen = self.resources.last(resource) if stopped and not resource.existing else None
            if seen and resource.status not in LEAVING:
                asked = self.resources.it(resource).request
                pairs = [(name, seen.has[name]) for name in stopped if name in asked and name in seen.has]
                fields += [name for name, has in pairs if not covers(has, asked[name])]
        return fields

    def _stop_for(self, record: Record, fields: list[str]) -> None:
        if not fields or self._machine_seen(record).state == contract.STOPPED:
            return
        if not self.wish.allow_stop:
            raise MachineError(
                f"{record.name} must be stopped to change {', '.join(fields)}",
                code="needs_stop",
                remedy="Give allow_stop: true, or stop it first",
            )
        # Unseen, it may run all the same: a list may lack it for a while.
        if self._machine_seen(record).state in (contract.RUNNING, contract.ABSENT):
            record.kept[START_AGAIN] = True  # before it stops: whoever finishes this must know
            self._save(record)
        self._power_to(record, "stop", contract.STOPPED)

    def _recreate(self, record: Record, before: dict[str, t.Any]) -> Outcome:
        if not record.kept.get(RECREATING):
            self._refuse_outdated(record, *record.resources)
            self._dry()._create(before, record)  # what can't be made must not cost the machine that is there
            self._up_to_date = True
        record.kept[RECREATING] = True
        self._take_down(record)
        wish = self.wish
        # What the task does not say stays as it is
        kept: dict[str, t.Any] = {
            name: getattr(record, name)
            for name in ("fleet", "role", "labels", "tls_san")
            if getattr(wish, name) is None
        }
        for name in ("user", "key", "args"):
            if record.ssh.get(name) and getattr(wish, f"ssh_{name}") is None:
                kept[f"ssh_{name}"] = record.ssh[name]
        if wish.keep_options and not wish.given:
            kept.update(options={**wish.options, **record.options, **record.place}, given=set(record.options))
        self.wish = dataclasses.replace(wish, **kept)
        self.store.drop_first_boot(record.name, self._lock)  # the next one shows a host key of its own
        self.store.save_observed(record.name, {})
        outcome = self._create(before, record)
        return Outcome(True, before, outcome.after, outcome.machine)

    def _note(self, record: Record) -> bool:
        """Take over what is only noted, and touches no provider."""
        wish, before = self.wish, dataclasses.asdict(record)
        record.fleet = record.fleet if wish.fleet is None else wish.fleet
        record.role = record.role if wish.role is None else wish.role
        record.labels = record.labels if wish.labels is None else wish.labels
        record.tls_san = record.tls_san if wish.tls_san is None else wish.tls_san
        self._note_expiry(record, tagged=True)
        if record.ssh:
            Access(record, self.folder, wish).note()
        return dataclasses.asdict(record) != before

    def _pins(self, record: Record) -> bool:
        """Whether its host key is still to be taken as it shows it."""
        access = Access(record, self.folder, self.wish)
        return access.pins_what_is_shown and self._machine_seen(record).state == contract.RUNNING

    def _describe(self, record: Record, changes: Changes) -> dict[str, t.Any]:
        return {
            "adjust": changes.adjust,
            "use": {
                **{key: want.existing for key, want in changes.existing.items()},
                **{one.key: one.id for one in record.resources if one.key in changes.again},
            },
            "create": {want.key: want.requests[0] for want in [*changes.new, *changes.anew.values()]},
            "remove": changes.surplus,
            "replace": changes.drift,
        }
