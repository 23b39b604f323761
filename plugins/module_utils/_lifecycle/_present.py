# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``present``, from top to bottom: a machine is created, finished, changed in place, or replaced."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import _contract as contract
from .._errors import BadOption, MachineError
from .._plan import Changes
from .._record import BEING_CREATED, BEING_REMOVED, MADE, UNTAGGED, Record
from .._resources import NoCapacity
from .._wish import Outcome
from ._absent import Removal
from ._backups import BackupCheck
from ._choices import Choices
from ._comparison import Comparison
from ._first_login import password_login
from ._planning import Planner
from ._power import START_AGAIN, Power
from ._task import ADOPTED, LEAVING, RECREATING, Task
from ._updating import Updater

BOOTING = 30  # seconds; for so long a host of the user's is asked whether it lets us in


class Presence:
    """Ensures that one machine exists as asked for. Each step is by the part that it names."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.backups = BackupCheck(task)
        self.planner = Planner(task)
        self.choices = Choices(task)
        self.power = Power(task)
        self.removal = Removal(task, self.backups)
        self.comparison = Comparison(task)
        self.updater = Updater(task, self.planner, self.power, self.comparison)

    def run(self, start: bool = False) -> Outcome:
        """Ensure that the machine exists as asked for; with ``start``, that it runs."""
        task = self.task
        if start and "start" not in task.actions():
            raise task.no_action("started")
        if not task.store.exists and not task.wish.check:
            Presence(task.dry()).run(start)  # bad input must not even make a store
        with task.locked():
            record = task.read()
            before = task.shape(record)
            task.changed = False
            if record and record.status == BEING_REMOVED:
                if task.wish.check:
                    return Outcome(True, before, {"state": "present"}, task.public(record))
                task.begin(record)
                if record.kept.get(RECREATING):
                    return self._recreate(record, before)
                self.removal.bury(record)
                record = None
            if record is None:
                return self._create(before)
            task.begin(record)
            task.password = password_login(task, record)
            before = task.shape(record, task.machine_seen(record))
            if record.status == BEING_CREATED:
                if task.wish.check:
                    return Outcome(True, before, {**before, "state": "present"}, task.public(record))
                self.updater.plan_again(record)
                self._make_or_undo(record)
            return self._update(record, before, start)

    # A new machine: planned, frozen, made

    def _create(self, before: dict[str, t.Any], former: Record | None = None) -> Outcome:
        """A new machine; with ``former``, in the place of that one, of which nothing but the record is left."""
        task, wish = self.task, self.task.wish
        self._check_that_it_can_be_made()
        record = self.planner.new_record(former)
        with self.planner.nothing_left(record):
            task.begin(record)
            task.password = password_login(task, record)
            access = task.access(record)
            if task.driver_class.ssh_user:
                access.plan(task.driver_class.ssh_user)
            recipe = task.recipe(record)
            self.planner.keep_options(record)
            task.note_expiry(record)
            self.planner.take(record, recipe)
            access.choose_policy(recipe.injects_host_key, recipe.by_user_data)
            task.resources.note_account()
            for resource in record.resources:
                if resource.existing:
                    task.resources.ensure(resource)
            if self.planner.is_existing(record) and record.ssh:
                patience = min(wish.timeout, BOOTING)
                access.contact(task.facts(task.machine_seen(record)), task.clock, patience, in_the_making=False)
            if wish.check:
                return Outcome(True, before, task.shape(record), {**task.public(record), "state": "absent"})
            task.save(record)  # the freeze: from here on, a re-run does what this says
            task.resources.fresh = not former
        task.stop_picking()
        self._make_or_undo(record)
        task.changed = True
        return task.done(record, before)

    def _check_that_it_can_be_made(self) -> None:
        task, wish = self.task, self.task.wish
        missing = [name for name in task.driver_class.required if wish.options.get(name) is None]
        if missing:
            raise BadOption(missing[0], f"required to create {wish.name} with {wish.driver}", "Give the option")
        if task.driver_class.local and task.store.shared:
            why = f"is shared, and {wish.name} would be stored in files of this controller, like all machines of {wish.driver}"
            raise BadOption("store", f"{task.store.where!r} {why}", "Use a folder as the store of this machine")

    def _make_or_undo(self, record: Record) -> None:
        try:
            self._make(record)
        except MachineError as error:
            if self.task.wish.on_failure == "remove" and not record.kept.get(ADOPTED):  # which may hold data
                self.removal.undo(record, error)
            raise

    def _make(self, record: Record) -> None:
        """Do the frozen plan, from wherever it was left, until the machine is ready."""
        task = self.task
        while True:
            self.choices.clear_replaced(record)
            try:
                for resource in record.resources:
                    task.resources.ensure(resource)
                break
            except NoCapacity as full:
                self.choices.move_on(record, full)
        if "start" in task.actions():
            self.power.bring_to(record, "start", contract.RUNNING)
        task.observe(record)
        access = task.access(record)
        if record.ssh and (not record.ssh["host_keys"] or (task.password and task.password.at_once)):
            access.contact(task.facts(task.machine_seen(record)), task.clock, task.wish.timeout)
        if record.ssh:
            access.make_files(task.store)
        record.status = MADE
        try:
            task.save(record)
        except MachineError:
            record.status = BEING_CREATED  # as it is on the disk, so that the error says what there is
            raise
        task.changed = True

    # An existing machine: compared, changed in place, or replaced

    def _update(self, record: Record, before: dict[str, t.Any], start: bool) -> Outcome:
        """Compare what was asked for with what is, and change what can be changed in place."""
        task, wish, updater = self.task, self.task.wish, self.updater
        changes = self.comparison.changes(record)
        drift = dict(changes.drift)
        place = (name for name in task.driver_class.place if name in wish.given)
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
        noted = updater.note(record) or updater.pins(record)
        if wish.check:
            return self._foresee(record, before, start, changes, bool(drift or noted))
        if drift:
            return self._recreate(record, before)
        needs_stop = self.comparison.needs_stop(changes)
        updater.point_to(record, changes.existing)
        if record.ssh != login:
            updater.try_login(record)
        if any(record.resource(want.key) for want in changes.new) or self.comparison.unresolved(record, changes):
            # What is wanted again is still to be removed, or what changes to be found, since a run that did not come to its end
            updater.settle(record)
        if changes:
            updater.stop_for(record, needs_stop)
            updater.apply(record, changes)
        if noted or changes:
            if self.comparison.compares:
                self.planner.keep_options(record)
            task.save(record)
            task.changed = True
        task.stop_picking()
        updater.settle(record)
        task.resources.delete_lost()
        if (start or record.kept.get(START_AGAIN)) and "start" in task.actions():
            self.power.bring_to(record, "start", contract.RUNNING)
        if [name for name in (START_AGAIN, UNTAGGED, ADOPTED) if record.kept.pop(name, False)]:
            task.save(record)
        task.observe(record)
        access = task.access(record)
        if updater.pins(record):
            facts = task.facts(task.machine_seen(record))
            access.contact(facts, task.clock, wish.timeout, in_the_making=task.resources.changed)
            task.save(record)
            task.changed = True
        if record.ssh:
            access.make_files(task.store)
        return task.done(record, before)

    def _foresee(
        self, record: Record, before: dict[str, t.Any], start: bool, changes: Changes, differs: bool
    ) -> Outcome:
        """What an update would change, for a check."""
        task, resources = self.task, self.task.resources
        seen = task.machine_seen(record)
        left = [one.key for one in record.resources if one.status in LEAVING and one.id]
        there = [(one, resources.get(one)) for one in record.resources if one.status not in LEAVING]
        gone = [one.key for one, now in there if now is None]  # or was never made
        unsettled = {one.key: wrong for one, now in there if now and (wrong := resources.differing(one, now))}
        running = start or record.kept.get(START_AGAIN)
        stands = running and record.machine and seen.state not in (contract.RUNNING, None)
        stale = [one.key for one in record.resources if resources.is_stale(one, resources.last(one))]
        described = {"changes": self.comparison.describe(record, changes)} if changes else {}
        after = {**task.shape(record, seen), **described}
        if stale:
            after["changes"] = {**after.get("changes", {}), "tag": stale}
        if unsettled or left:  # by others' doing, or by a run that did not come to its end
            after["changes"] = {**after.get("changes", {}), "settle": unsettled, "left": left}
        if gone or stands:
            after.update(state=contract.RUNNING)
        changed = task.changed or bool(changes or differs or gone or stands or stale or unsettled or left)
        return Outcome(changed, before, after, task.public(record))

    def _recreate(self, record: Record, before: dict[str, t.Any]) -> Outcome:
        task = self.task
        if not record.kept.get(RECREATING):
            self.backups.refuse_outdated(record, *record.resources)
            Presence(task.dry())._create(before, record)  # what can't be made must not cost the machine that is there
            self.backups.up_to_date = True
        record.kept[RECREATING] = True
        self.removal.take_down(record)
        wish = task.wish
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
        task.wish = dataclasses.replace(wish, **kept)
        task.store.drop_first_boot(record.name, task.lock)  # the next one shows a host key of its own
        task.store.save_observed(record.name, {})
        outcome = self._create(before, record)
        return Outcome(True, before, outcome.after, outcome.machine)
