# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new machine: planned on paper, frozen, made."""

from __future__ import annotations

import contextlib
import copy
import os
import typing as t
import uuid

from .. import _contract as contract
from .._access import Access
from .._errors import BadOption, MachineError
from .._plan import Recipe, Want, refers_to
from .._record import BEING_CREATED, BEING_REMOVED, MADE, Record, Resource
from .._resources import Full
from .._wish import Outcome
from ._orphans import Thing, recognise
from ._power import Power

BOOTING = 30  # seconds; for so long a host of the user's is asked whether it lets us in
REPLACED = "replaced"  # a resource's status: to be removed, and made anew
OVERTAKEN = ("lease_lost", "conflict")  # codes of errors that say that another run works on the machine
ADOPTED = "adopted"  # kept: ids of what was there before a machine that was lost is made anew


class Creation(Power):
    """Makes a machine, or finishes one that was begun."""

    _up_to_date = False  # whether the record is surely no older than its machine

    def _create(self, before: dict[str, t.Any], former: Record | None = None) -> Outcome:
        """A new machine; with ``former``, in the place of that one, of which nothing but the record is left."""
        wish = self.wish
        missing = [name for name in self.driver_class.required if wish.options.get(name) is None]
        if missing:
            raise BadOption(missing[0], None, f"is needed to create {wish.name} with {wish.driver}", "Give the option")
        if self.driver_class.local and self.store.shared:
            why = f"is shared, and {wish.name} would live in files of this controller, as all machines of {wish.driver}"
            raise BadOption("store", self.store.where, why, "Give a folder as store for it")
        record = Record(
            id=uuid.uuid4().hex[:12],
            name=wish.name,
            driver=wish.driver,
            fleet=wish.fleet,
            role=wish.role,
            labels=wish.labels or {},
            tls_san=wish.tls_san or [],
            place={name: wish.options.get(name) for name in self.driver_class.place},
        )
        if former:
            record.id, record.revision, record.created = former.id, former.revision, former.created
            kept = ["picks", "gone", "store"]
            if wish.expires_in is None:
                record.expires = former.expires
                kept.append("expires_in")
            # A copy: what a check picks is not picked
            record.kept.update({name: copy.deepcopy(former.kept[name]) for name in kept if name in former.kept})
        with self._nothing_left():
            self._begin(record)
            access = Access(record, self.folder, wish)
            if self.driver_class.ssh_user:
                access.plan(self.driver_class.ssh_user)
            recipe = self._recipe(record)
            self._keep_options(record)
            self._note_expiry(record)
            self._take(record, recipe)
            access.choose_policy(recipe.injects_host_key, recipe.by_user_data)
            self.resources.note_account()
            for resource in record.resources:
                if resource.existing:
                    self.resources.ensure(resource)
            if self._is_existing(record) and record.ssh:
                patience = min(wish.timeout, BOOTING)
                access.contact(self._facts(self._machine_seen(record)), self.clock, patience, in_the_making=False)
            if wish.check:
                return Outcome(True, before, self._shape(record), {**self._public(record), "state": "absent"})
            self._save(record)  # the freeze: from here on, a re-run does what this says
            self.resources.fresh = not former
        self._stop_picking()
        self._make_or_undo(record)
        self.changed = True
        return self._done(record, before)

    @contextlib.contextmanager
    def _nothing_left(self) -> t.Iterator[None]:
        """A plan that comes to nothing leaves no folder behind."""
        if self._lock:
            self.store.sweep(self.wish.name, self._lock)
        fresh = not os.path.exists(self.folder)
        try:
            yield
        except (MachineError, OSError):
            if self._lock and fresh:
                self.store.clear(self.wish.name, self._lock)
            raise

    def _make_or_undo(self, record: Record) -> None:
        try:
            self._make(record)
        except MachineError as error:
            if self.wish.on_failure == "remove" and not record.kept.get(ADOPTED):  # which may hold data
                self._undo(record, error)
            raise

    def _undo(self, record: Record, error: MachineError) -> None:
        """Take down again what could not be made."""
        try:
            self._bury(record)
        except MachineError as another:
            error.left_behind = another.left_behind or self.resources.left_behind()
            # Whoever has the lock now makes it, or has taken it down: not to be removed after that
            remedy = another.remedy if another.code in OVERTAKEN else "Run again with state absent"
            error.remedy = f"It could not be taken down again ({another.message.rstrip('.')}). {remedy}"
        else:
            error.left_behind = []
            error.remedy = f"{error.remedy.rstrip('.')}. Nothing is left of it".lstrip(". ")

    def _dead(self, resource: Resource) -> None:
        self._refuse_outdated(self.resources.record, resource)  # while the record still names what is gone
        super()._dead(resource)

    def _lacks(self, resource: Resource) -> MachineError | None:
        self._refuse_outdated(self.resources.record, resource)
        return super()._lacks(resource)

    def _refuse_outdated(self, record: Record, *resources: Resource) -> None:
        """Make nothing beside what was made since this record was written: it comes from a backup, or from a copy."""
        if self.resources.fresh or self._up_to_date:
            return
        machine = record.resource(record.machine)
        for one in resources:
            if self._made_since(record, one):
                named = machine if machine and self._made_since(record, machine) else one
                since = self._made_since(record, named)[0]
                former = f"{named.kind} {named.id or self.resources.it(named).name}"
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
        kind, it = self.resources.kind(resource), self.resources.it(resource)
        if resource.existing or (refers_to(resource.request) and not kind.tagged):
            return []  # a tie of other things is as new as these
        found = []
        for seen in map(kind.seen, self.resources.read(kind.list, it) or []):
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

    def _make(self, record: Record) -> None:
        """Do the frozen plan, from wherever it was left."""
        access = Access(record, self.folder, self.wish)
        while True:
            self._clear_replaced(record)
            try:
                for resource in record.resources:
                    self.resources.ensure(resource)
                break
            except Full as full:
                self._choose_again(record, full)
        if "start" in self.actions():
            self._power_to(record, "start", contract.RUNNING)
        self._observe(record)
        if record.ssh and not record.ssh["host_keys"]:
            access.contact(self._facts(self._machine_seen(record)), self.clock, self.wish.timeout)
        if record.ssh:
            access.make_files(self.store)
        record.status = MADE
        try:
            self._save(record)
        except MachineError:
            record.status = BEING_CREATED  # as it is on the disk, so that the error says what there is
            raise
        self.changed = True

    def _choose_again(self, record: Record, full: Full) -> None:
        """Move a choice on that several resources share, and with it those that were made for the last one."""
        choices = dict(record.kept["choices"])
        for key, count in self._recipe(record, record.options).candidates.items():
            # In a circle, since the next run may begin with any of them; the next key moves on once this one is round.
            choices[key] = (choices.get(key, 0) + 1) % count
            self._moved[key] = (self._moved.get(key, 0) + 1) % count
            if self._moved[key]:
                break
        else:
            raise full.cause.explained(
                "There is no further choice: run again to try them all once more, or remove it (state: absent)"
                " and create it with other options",
                self.resources.left_behind(),
            )
        record.kept["choices"] = choices
        wants = {want.key: want for want in self._recipe(record, record.options).wants}
        for resource in record.resources:
            want = wants.get(resource.key)
            if want is None or resource.existing or want.requests == resource.requests:
                continue
            if self.resources.kind(resource).keeps_data and resource.id in record.kept.get(ADOPTED, ()):
                raise full.cause.explained(
                    f"{resource.kind} {resource.id} was adopted, may hold data and can't move: run again once there is"
                    " capacity where it is",
                    self.resources.left_behind(),
                )
            resource.requests, resource.choice = want.requests, 0
            if resource.id:
                resource.status = REPLACED
        self._save(record)  # in one step: a plan of which one half is here and the other half there can't be made

    def _clear_replaced(self, record: Record) -> None:
        """Remove what was made for a former choice, the dependent first."""
        for resource in reversed(record.resources):
            if resource.status == REPLACED:
                self.resources.delete(resource)
                resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1
                self._save(record)

    def _take(self, record: Record, recipe: Recipe) -> None:
        record.resources = [self._planned(want, record) for want in recipe.wants]
        record.machine = self._machine_of(record)

    def _machine_of(self, record: Record) -> str | None:
        """Key of the resource with power."""
        machines = {kind.__name__ for kind in self.driver_class.kinds if issubclass(kind, contract.Machine)}
        return next((one.key for one in reversed(record.resources) if one.kind in machines), None)

    @staticmethod
    def _planned(want: Want, record: Record) -> Resource:
        existing = want.existing is not None
        status = "made" if existing else "planned"
        # Another generation than what bore that key before: neither its token nor a late delete of it can mean this.
        former = [one["generation"] for one in record.kept.get("gone", []) if one["key"] == want.key]
        resource = Resource(want.key, want.kind, id=want.existing, requests=want.requests, status=status)
        resource.existing, resource.generation = existing, max(former, default=0) + 1
        return resource

    def _keep_options(self, record: Record) -> None:
        """The options as given, none of them a secret."""
        wish = self.wish
        kept = {name for name in wish.given if name in self.driver_class.argument_spec} - wish.secret
        record.options = {name: wish.options[name] for name in sorted(kept)}
        secret = {name for name in wish.given & wish.secret if wish.options.get(name) is not None}
        record.secrets = {name: self._digest(wish.options[name]) for name in sorted(secret)}

    def _is_existing(self, record: Record) -> bool:
        resource = record.resource(record.machine)
        return bool(resource and resource.existing)

    def _bury(self, record: Record) -> None:
        self._take_down(record)
        self.store.remove(record, self._lock)
        self.changed = True

    def _take_down(self, record: Record) -> None:
        """Remove what was made, the dependent first."""
        self.resources.check_account()
        machine = record.resource(record.machine)
        if machine and machine.id and self.resources.last(machine) is None:
            self._refuse_outdated(record, machine)  # else what came after it would stay, and nobody would know
        if record.status == BEING_REMOVED:
            self.resources.delete_late()
        else:
            record.status = BEING_REMOVED
            self._save(record)
        self.resources.delete_lost()
        for resource in reversed(list(record.resources)):
            self.resources.remove(resource)
