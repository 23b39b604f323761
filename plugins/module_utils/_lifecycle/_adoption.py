# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopting: a record that was lost is rebuilt from tags and names, and from what the options say of the machine.

Nothing at the provider is changed by it. The record keeps the id, and with it the names and tokens that the machine's
things have; one that was made for another store keeps that store's id too, since their tags say it.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import typing as t

from .. import _ssh
from .._access import AGENT, FIRST_CONTACT, GIVEN
from .._errors import BadOption, MachineError
from .._input import check_name
from .._plan import Recipe, Want, covers, refers_to
from .._record import BEING_CREATED, MADE, Record, Resource
from .._times import timestamp
from ._backups import BackupCheck
from ._books import Entry
from ._planning import Planner
from ._task import ADOPTED, REPLACED, Task
from ._things import Thing, recognise

LOST = "lost"
LOGINS = {
    "new": "by the keys that it is made with: the next run with state present makes it",
    "given": "by ssh_key",
    "kept": "by its own key, which the store still has",
    "agent": "by the user's agent and default keys",
    "replaced": "by a new key, which the next run with state present puts in",
    LOST: "not at all: its key is lost. Give ssh_key, your own key that is accepted there, to the module machine; "
    "or replace it by recreate: true, which loses its data",
}


class Adoption:
    """One machine, of which there are things and no record."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.planner = Planner(task)
        self.backups = BackupCheck(task)

    def adopt(self, things: list[Thing], again: t.Callable[[], list[Thing]]) -> dict[str, t.Any]:
        """Rebuild its record from its things, looked for ``again`` before it is believed that one is missing."""
        check_name(self.task.wish.name)
        first = next(thing for thing in things if thing.kind.tagged)
        with self.task.locked():
            other = self.task.read()
            if other and not self._entry(other).outdated(things):
                raise MachineError(
                    f"There is another machine {other.name}, with id {other.id}, and this one has id {first.id}",
                    code="name_taken",
                    remedy="Remove one of them: that one by state absent, this one by prune with its id",
                )
            with self.planner.nothing_left():
                left, pinned = self._login_left(first.id)
                if other and any(thing.key == other.machine for thing in self._entry(other).newer(things)):
                    pinned = []  # of the former one
                if not pinned and (other or not left) and self.task.lock:
                    self.task.store.drop_first_boot(self.task.wish.name, self.task.lock)
                record = self._record(first, pinned)
                if other:
                    self._keep(other, record)
                doubtful = self._note_end(record, things)
                kept_key = left and os.path.exists(os.path.join(self.task.folder, "id_ed25519"))
                recipe = self._matched(record, things)
                if any(one.id is None for one in record.resources):
                    things = again()
                    recipe = self._matched(record, things)
                resources = record.resources
                self.planner.keep_options(record)
                machine = record.resource(record.machine)
                there = bool(machine and machine.id)
                login = self._login(record, recipe, there, kept_key) if record.ssh else None
                if login in ("given", "agent", "replaced") or (login == "kept" and not record.ssh["host_keys"]):
                    record.ssh["policy"] = record.ssh["policy"] or FIRST_CONTACT  # by the next run
                self.task.resources.note_account()
                for resource in resources:
                    if resource.existing:
                        self.task.resources.ensure(resource)
                missing = [one.key for one in resources if one.id is None]
                for thing in things:
                    known = record.resource(thing.key)
                    if known and known.id == thing.seen.id:
                        self.task.resources.note(known, thing.seen)
                record.status = MADE if there else BEING_CREATED  # what else is missing, a later run makes in place
                if not there:
                    record.kept[ADOPTED] = [one.id for one in resources if one.id and not one.existing]
                if not self.task.wish.check:
                    self.task.save(record)
            self.task.stop_picking()
            if there:
                self.task.observe(record)
            if record.ssh and not self.task.wish.check:
                self.task.access(record).make_files(self.task.store)
            explained = {want.key for want in recipe.wants}
            return {
                "machine": self.task.public(record),
                "missing": missing,
                "unexplained": [one.key for one in resources if one.key not in explained],
                "doubtful_end": doubtful,
                "login": login,
                "reached": LOGINS.get(login or ""),
                "shape": self.task.shape(record),
            }

    def _entry(self, record: Record) -> Entry:
        store = record.kept.get("store") or self.task.store.id
        return Entry(store, record.id, record.name, record.kept.get("gone", []), record)

    def _keep(self, former: Record, record: Record) -> None:
        """What a record that is older than its machine says, and neither the machine nor the task."""
        record.revision, record.created = former.revision, former.created
        for name in ("fleet", "role", "labels", "tls_san"):
            if getattr(self.task.wish, name) is None:
                setattr(record, name, getattr(former, name))
        record.kept.update({name: former.kept[name] for name in ("gone", "picks") if name in former.kept})

    def _record(self, thing: Thing, pinned: list[str]) -> Record:
        wish, driver = self.task.wish, self.task.driver_class
        for name in driver.required:
            if wish.options.get(name) is None:
                raise BadOption(name, f"required to adopt {wish.name}", "Give the option")
        record = self.planner.new_record()
        record.id = thing.id
        if not self.task.store.exists or thing.store != self.task.store.id:
            record.kept["store"] = thing.store
        self.task.begin(record)
        if driver.ssh_user:
            access = self.task.access(record)
            access.plan(driver.ssh_user)
            if wish.host_key:
                record.ssh.update(policy=GIVEN, host_keys=[" ".join(wish.host_key.split()[:2])])
            elif pinned:
                record.ssh.update(policy=FIRST_CONTACT, host_keys=pinned)
        return record

    def _note_end(self, record: Record, things: list[Thing]) -> str | None:
        """The end that it is given, else the one that its tags say; returned, not taken over: one to be asked about.

        What is over did not end the machine, and what can't be rewritten may have been put off since.
        """
        tagged = [thing for thing in things if thing.kind.tagged]
        # Cut off in the middle, a run leaves two ends: the later one takes nothing from anybody.
        last = max(one.end for one in tagged)
        end = None if last == math.inf else timestamp(last)
        told = all(hasattr(one.kind, "tag") for one in tagged)
        sure = told and last > self.task.clock.time()
        record.expires = end if sure else None
        self.task.note_expiry(record, tagged=True)
        return None if sure or self.task.wish.expires_in else end

    def _login_left(self, id: str) -> tuple[bool, list[str]]:
        """Whether the keys in its folder are this machine's, and the host keys that were pinned."""
        try:
            with open(os.path.join(self.task.folder, "known_hosts"), encoding="utf-8") as file:
                lines = [line.split(None, 1) for line in file.read().splitlines()]
        except OSError:
            made = os.path.join(self.task.folder, "first-boot", "host_ed25519")
            return True, [_ssh.read_public_key(made)] if os.path.exists(made) else []
        pinned = [line[1].strip() for line in lines if len(line) == 2 and line[0] == id]
        return bool(pinned), pinned

    def _login(self, record: Record, recipe: Recipe, there: bool, kept_key: bool) -> str:
        """How it can be logged in to from now on: one of LOGINS."""
        access = self.task.access(record)
        public = access.public_key()
        said = {want.key: json.dumps(want.requests) for want in recipe.wants}
        if not there:
            access.choose_policy(recipe.injects_host_key, recipe.by_user_data)
            for resource in record.resources:
                if resource.id and not kept_key and public in said.get(resource.key, ""):
                    resource.status = REPLACED  # it would let the lost key in
            return "new"
        if not any(public in text or "$user_data" in text for text in said.values()):
            record.ssh["key"] = record.ssh["key"] or AGENT
            return "given" if self.task.wish.ssh_key else "agent"
        if self.task.wish.ssh_key:
            return "given"
        if kept_key:
            return "kept"
        kinds = {kind.__name__: kind for kind in self.task.driver_class.kinds}
        for want in recipe.wants:
            for field in kinds[want.kind].adjustable.keys() & want.requests[0].keys():
                if public in json.dumps(want.requests[0][field]):
                    return "replaced"
        return LOST

    # What the options want, and what is there of it

    def _matched(self, record: Record, things: list[Thing]) -> Recipe:
        """The recipe, and its resources in the record, by the choices of which nothing that is there says otherwise."""
        differing: list[str] = []
        counts = self.task.recipe(record).candidates
        for choices in itertools.product(*map(range, counts.values())):
            record.kept["choices"] = {key: choices[n] for n, key in enumerate(counts) if choices[n]}
            recipe = self.task.recipe(record)
            record.resources = self._resources(recipe, record, things)
            record.machine = self.planner.machine_of(record)
            differs = self._differences(record, things)
            if not differs:
                self._find_unlisted(record)
                return recipe
            differing = differing or differs
        raise MachineError(
            f"{record.name} is not as the options say: {'; '.join(differing)}",
            code="differs",
            remedy="Give the options that it has. They can be changed once it is adopted",
        )

    def _find_unlisted(self, record: Record) -> None:
        """What no list of the account shows is asked for by what it was made of: a tie of two other things, say."""
        there = {one.id for one in record.resources if one.id}
        for resource in record.resources:
            kind = self.task.resources.kind(resource)
            needed = [record.resource(key) for key in refers_to(resource.request)]
            if resource.id or kind.lists_account or not all(one and one.id for one in needed):
                continue
            for seen in map(kind.seen, self.task.resources.read(kind.list, self.task.resources.it(resource)) or []):
                thing = recognise(type(kind), seen)
                if (
                    thing
                    and (thing.proven or there & set(seen.attached_to))
                    and (thing.machine, thing.key) == (record.name, resource.key)
                    and record.id.startswith(thing.id)
                ):
                    resource.id, resource.status = seen.id, "made"
                    resource.generation, resource.attempt = thing.turn

    def _resources(self, recipe: Recipe, record: Record, things: list[Thing]) -> list[Resource]:
        there: dict[str, Thing] = {}
        for thing in things:
            if thing.key not in there or thing.turn > there[thing.key].turn:
                there[thing.key] = thing
        wanted = [self._resource(want, record, there.get(want.key)) for want in recipe.wants]
        order = [kind.__name__ for kind in self.task.driver_class.kinds]
        for key in there.keys() - {want.key for want in recipe.wants}:
            more = self._known(there[key])  # nothing wants it, so that it goes with the machine, in its turn
            later = (place for place, one in enumerate(wanted) if order.index(one.kind) > order.index(more.kind))
            wanted.insert(next(later, len(wanted)), more)
        return wanted

    def _resource(self, want: Want, record: Record, thing: Thing | None) -> Resource:
        if thing and want.existing is None:
            return self._known(thing, want.requests)
        resource = self.planner.planned(want, record)
        if want.existing is None:
            # Which attempts there were nobody knows any more: one that none of them can have been.
            resource.attempt = int(self.task.clock.time())
        return resource

    @staticmethod
    def _known(thing: Thing, requests: list[dict[str, t.Any]] | None = None) -> Resource:
        resource = thing.resource
        resource.status, resource.requests = "made", requests or resource.requests
        return resource

    def _differences(self, record: Record, things: list[Thing]) -> list[str]:
        """Where what is there is not as requested, beyond what a later run changes without a stop."""
        kinds = {kind.__name__: kind for kind in self.task.driver_class.kinds}
        seen = {(thing.kind.__name__, thing.seen.id): thing.seen for thing in things}
        said = []
        for resource in record.resources:
            one = seen.get((resource.kind, resource.id or ""))
            if one is None:
                continue
            adjustable = kinds[resource.kind].adjustable
            differs: dict[int, list[str]] = {}
            for choice, request in enumerate(resource.requests):
                asked = {
                    key: value for key, value in request.items() if key in one.has and adjustable.get(key) != "any"
                }
                asked = self.task.resources.it(Resource(resource.key, resource.kind, requests=[asked])).request
                wrong = [key for key, value in asked.items() if not covers(one.has[key], value)]
                differs[choice] = [f"{resource.key} has {key} {one.has[key]!r}, not {asked[key]!r}" for key in wrong]
            resource.choice = min(differs, key=lambda choice: len(differs[choice]))
            said += differs[resource.choice]
        return said
