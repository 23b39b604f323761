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

from .. import _contract as contract
from .. import _ssh
from .._access import AGENT, FIRST_CONTACT, GIVEN, Access
from .._errors import BadOption, MachineError
from .._input import check_name
from .._plan import Recipe, Want, covers, refers_to
from .._record import BEING_CREATED, MADE, Record, Resource
from .._times import timestamp
from ._change import Change
from ._creation import ADOPTED, REPLACED
from ._orphans import Entry, Survey, Thing, failure, recognise

LOST = "lost"
LOGINS = {
    "new": "by the keys that it is made with: the next run with state present makes it",
    "given": "by ssh_key",
    "kept": "by its own key, which the store still has",
    "agent": "by the user's agent and default keys",
    "replaced": "by a new key, which the next run with state present puts in",
    LOST: "not at all: its key is lost. Give ssh_key, a key of your own that is let in there, to the module machine; "
    "or replace it by recreate: true, which loses its data",
}


class Adoption(Change):
    """One machine, of which there are things and no record."""

    def adopt(self, things: list[Thing], again: t.Callable[[], list[Thing]]) -> dict[str, t.Any]:
        """Rebuild its record from its things, looked for ``again`` before it is believed that one is missing."""
        check_name(self.wish.name)
        first = next(thing for thing in things if thing.kind.tagged)
        with self._locked():
            other = self._read()
            if other and not self._entry(other).outdated(things):
                raise MachineError(
                    f"There is another machine {other.name}, with id {other.id}, and this one has id {first.id}",
                    code="name_taken",
                    remedy="Remove one of them: that one by state absent, this one by prune with its id",
                )
            with self._nothing_left():
                left, pinned = self._login_left(first.id)
                if other and any(thing.key == other.machine for thing in self._entry(other).newer(things)):
                    pinned = []  # of the former one
                if not pinned and (other or not left) and self._lock:
                    self.store.drop_first_boot(self.wish.name, self._lock)
                record = self._record(first, pinned)
                if other:
                    self._keep(other, record)
                doubtful = self._note_end(record, things)
                kept_key = left and os.path.exists(os.path.join(self.folder, "id_ed25519"))
                recipe = self._matched(record, things)
                if any(one.id is None for one in record.resources):
                    things = again()
                    recipe = self._matched(record, things)
                resources = record.resources
                self._keep_options(record)
                machine = record.resource(record.machine)
                there = bool(machine and machine.id)
                login = self._login(record, recipe, there, kept_key) if record.ssh else None
                if login in ("given", "agent", "replaced") or (login == "kept" and not record.ssh["host_keys"]):
                    record.ssh["policy"] = record.ssh["policy"] or FIRST_CONTACT  # by the next run
                self.resources.note_account()
                for resource in resources:
                    if resource.existing:
                        self.resources.ensure(resource)
                missing = [one.key for one in resources if one.id is None]
                for thing in things:
                    known = record.resource(thing.key)
                    if known and known.id == thing.seen.id:
                        self.resources.note(known, thing.seen)
                record.status = MADE if there else BEING_CREATED  # what else is missing, a later run makes in place
                if not there:
                    record.kept[ADOPTED] = [one.id for one in resources if one.id and not one.existing]
                if not self.wish.check:
                    self._save(record)
            self._stop_picking()
            if there:
                self._observe(record)
            if record.ssh and not self.wish.check:
                Access(record, self.folder, self.wish).make_files(self.store)
            explained = {want.key for want in recipe.wants}
            return {
                "machine": self._public(record),
                "missing": missing,
                "unexplained": [one.key for one in resources if one.key not in explained],
                "doubtful_end": doubtful,
                "login": login,
                "reached": LOGINS.get(login or ""),
                "shape": self._shape(record),
            }

    def _entry(self, record: Record) -> Entry:
        store = record.kept.get("store") or self.store.id
        return Entry(store, record.id, record.name, record.kept.get("gone", []), record)

    def _keep(self, former: Record, record: Record) -> None:
        """What a record that is older than its machine says, and neither the machine nor the task."""
        record.revision, record.created = former.revision, former.created
        for name in ("fleet", "role", "labels", "tls_san"):
            if getattr(self.wish, name) is None:
                setattr(record, name, getattr(former, name))
        record.kept.update({name: former.kept[name] for name in ("gone", "picks") if name in former.kept})

    def _record(self, thing: Thing, pinned: list[str]) -> Record:
        wish, driver = self.wish, self.driver_class
        for name in driver.required:
            if wish.options.get(name) is None:
                raise BadOption(name, None, f"is needed to adopt {wish.name}", "Give the option")
        record = Record(
            id=thing.id,
            name=wish.name,
            driver=wish.driver,
            fleet=wish.fleet,
            role=wish.role,
            labels=wish.labels or {},
            tls_san=wish.tls_san or [],
            place={name: wish.options.get(name) for name in driver.place},
        )
        if not self.store.exists or thing.store != self.store.id:
            record.kept["store"] = thing.store
        self._begin(record)
        if driver.ssh_user:
            access = Access(record, self.folder, wish)
            access.plan(driver.ssh_user)
            if wish.host_key:
                record.ssh.update(policy=GIVEN, host_keys=[" ".join(wish.host_key.split()[:2])])
            elif pinned:
                record.ssh.update(policy=FIRST_CONTACT, host_keys=pinned)
        return record

    def _note_end(self, record: Record, things: list[Thing]) -> str | None:
        """The end that it is given, else the one that its tags say; returned, not taken over: one to be asked about.

        What is over did not end the machine, and what can't be written anew may have been put off since.
        """
        tagged = [thing for thing in things if thing.kind.tagged]
        # Cut off in the middle, a run leaves two ends: the later one takes nothing from anybody.
        last = max(one.end for one in tagged)
        end = None if last == math.inf else timestamp(last)
        told = all(hasattr(one.kind, "tag") for one in tagged)
        sure = told and last > self.clock.time()
        record.expires = end if sure else None
        self._note_expiry(record, tagged=True)
        return None if sure or self.wish.expires_in else end

    def _login_left(self, id: str) -> tuple[bool, list[str]]:
        """Whether the keys in its folder are this machine's, and the host keys that were pinned."""
        try:
            with open(os.path.join(self.folder, "known_hosts"), encoding="utf-8") as file:
                lines = [line.split(None, 1) for line in file.read().splitlines()]
        except OSError:
            made = os.path.join(self.folder, "first-boot", "host_ed25519")
            return True, [_ssh.read_public_key(made)] if os.path.exists(made) else []
        pinned = [line[1].strip() for line in lines if len(line) == 2 and line[0] == id]
        return bool(pinned), pinned

    def _login(self, record: Record, recipe: Recipe, there: bool, kept_key: bool) -> str:
        """How it can be logged in to from now on: one of LOGINS."""
        access = Access(record, self.folder, self.wish)
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
            return "given" if self.wish.ssh_key else "agent"
        if self.wish.ssh_key:
            return "given"
        if kept_key:
            return "kept"
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
        for want in recipe.wants:
            for field in kinds[want.kind].adjustable.keys() & want.requests[0].keys():
                if public in json.dumps(want.requests[0][field]):
                    return "replaced"
        return LOST

    # What the options want, and what is there of it

    def _matched(self, record: Record, things: list[Thing]) -> Recipe:
        """The recipe, and its resources in the record, by the choices of which nothing that is there says otherwise."""
        differing: list[str] = []
        counts = self._recipe(record).candidates
        for choices in itertools.product(*map(range, counts.values())):
            record.kept["choices"] = {key: choices[n] for n, key in enumerate(counts) if choices[n]}
            recipe = self._recipe(record)
            record.resources = self._resources(recipe, record, things)
            record.machine = self._machine_of(record)
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
            kind = self.resources.kind(resource)
            needed = [record.resource(key) for key in refers_to(resource.request)]
            if resource.id or kind.lists_account or not all(one and one.id for one in needed):
                continue
            for seen in map(kind.seen, self.resources.read(kind.list, self.resources.it(resource)) or []):
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
        order = [kind.__name__ for kind in self.driver_class.kinds]
        for key in there.keys() - {want.key for want in recipe.wants}:
            more = self._known(there[key])  # nothing wants it, so that it goes with the machine, in its turn
            later = (place for place, one in enumerate(wanted) if order.index(one.kind) > order.index(more.kind))
            wanted.insert(next(later, len(wanted)), more)
        return wanted

    def _resource(self, want: Want, record: Record, thing: Thing | None) -> Resource:
        if thing and want.existing is None:
            return self._known(thing, want.requests)
        resource = self._planned(want, record)
        if want.existing is None:
            # Which attempts there were nobody knows any more: one that none of them can have been.
            resource.attempt = int(self.clock.time())
        return resource

    @staticmethod
    def _known(thing: Thing, requests: list[dict[str, t.Any]] | None = None) -> Resource:
        resource = thing.resource
        resource.status, resource.requests = "made", requests or resource.requests
        return resource

    def _differences(self, record: Record, things: list[Thing]) -> list[str]:
        """Where what is there is not as requested, beyond what a later run changes without a stop."""
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
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
                asked = self.resources.it(Resource(resource.key, resource.kind, requests=[asked])).request
                wrong = [key for key, value in asked.items() if not covers(one.has[key], value)]
                differs[choice] = [f"{resource.key} has {key} {one.has[key]!r}, not {asked[key]!r}" for key in wrong]
            resource.choice = min(differs, key=lambda choice: len(differs[choice]))
            said += differs[resource.choice]
        return said


class Adopt:
    """One run over one place and account."""

    def __init__(self, survey: Survey, ids: t.Collection[str] = (), from_store: str | None = None) -> None:
        self.survey = survey
        self.ids = set(ids)  # ids or names of machines; none: all
        self.from_store = from_store
        self.adopted: list[dict[str, t.Any]] = []
        self.failed: list[dict[str, t.Any]] = []
        self.others: list[dict[str, t.Any]] = []
        self.machines: dict[tuple[str, str, str], dict[tuple[str, str], Thing]] = {}
        self.looks = 0
        self.copies: set[str] = set()

    def run(self) -> dict[str, t.Any]:
        survey, found = self.survey, set()
        machine = next(kind for kind in survey.driver_class.kinds if issubclass(kind, contract.Machine))
        if not machine.lists_account:
            raise MachineError(
                f"{survey.wish.driver} can't list the machines that there are, so that none can be adopted",
                code="no_list",
                remedy="Restore the store from a backup",
            )
        self._look()
        books = survey.books()
        chosen = []
        named = {one for _store, *both in self.machines for one in both} & self.ids
        for store, id, name in sorted(self.machines):
            things = {thing.seen.id for thing in self.machines[store, id, name].values()}
            if self.ids and not ({id, name} if named else things) & self.ids:
                continue
            found |= {id, name, *things}
            said = {"name": name, "id": id, "store": store}
            entry = books.entries.get((store, id))
            outdated = entry and entry.outdated(list(self.machines[store, id, name].values()))
            if entry and entry.record and not outdated:
                continue  # it has its record
            if entry and not outdated:
                self.others.append({**said, "why": "it was removed; prune removes what is left of it"})
            elif store not in (books.own, self.from_store):
                self.others.append({**said, "why": f"it belongs to another store; from_store: {store} takes it over"})
            else:
                chosen.append((store, id, name))
        for store, id, name in chosen:
            said = {"name": name, "id": id, "store": store}
            twins = [other for _store, other, also in chosen if also == name and other != id]
            if twins:
                why = f"There are several machines {name}: {', '.join(sorted([id, *twins]))}. Give the id of one"
                self.failed.append({**said, "error": why})
                continue
            self._adopt(said, (store, id, name))
        recorded = set(survey.store.names()) if survey.store.exists else set()
        return {
            "changed": bool(self.adopted),
            "diff": {
                "before": {one["name"]: {"state": "absent"} for one in self.adopted},
                "after": {one["name"]: one.pop("shape") for one in self.adopted},
            },
            "account": survey.account,
            "adopted": self.adopted,
            "failed_to_adopt": self.failed,
            "others": self.others,
            "found": sorted(self.ids & (found | recorded)),
            **failure("Not all could be adopted", self.failed, []),
        }

    def _adopt(self, said: dict[str, t.Any], which: tuple[str, str, str]) -> None:
        survey = self.survey
        adoption = Adoption(survey.driver_class, survey.store, survey.wish_for(said["name"]), survey.clock)
        adoption.connected = survey.driver

        def again() -> list[Thing]:
            if self.looks == 1:
                # One list may lag, or lack a page: what it did not show would be made a second time.
                survey.clock.sleep(max(kind.lag for kind in survey.driver_class.kinds))
                self._look()
            return self._sure(which)

        try:
            try:
                sure = self._sure(which)
            except MachineError:
                sure = again()  # what proves it may be what the list lacked
            self.adopted.append({**said, **adoption.adopt(sure, again)})
        except MachineError as error:
            self.failed.append({**said, "error": error.text()})

    def _sure(self, which: tuple[str, str, str]) -> list[Thing]:
        """What is surely that machine's: proven, named by its id, or alone and attached to what is proven."""
        things = list(self.machines[which].values())
        proven = {thing.seen.id for thing in things if thing.proven or thing.seen.id in self.ids}
        sure = []
        for key in sorted({thing.key for thing in things}):
            latest = max(thing.turn for thing in things if thing.key == key)
            found = [thing for thing in things if thing.key == key and thing.turn == latest]
            found = [thing for thing in found if thing.seen.id in self.ids] or found
            if len(found) > 1 or not proven & {found[0].seen.id, *found[0].seen.attached_to}:
                ids = sorted(thing.seen.id for thing in found)
                raise MachineError(
                    f"{key} of {which[2]}: {' and '.join(ids)} by the tags, which can be copied",
                    code="unproved",
                    remedy="Give the id of the one that belongs to the machine (resource_ids; playbook: machine_resource_ids)",
                )
            sure += found
        return sure

    def _look(self) -> None:
        """Sort what is there by the machines that it was made for; what was seen once is there."""
        self.looks += 1
        for thing in self.survey.things():
            if thing.store and thing.proven is False:
                if thing.seen.id not in self.copies:
                    said = {"name": thing.machine, "id": thing.id, "store": thing.store}
                    self.others.append({**said, "why": thing.copied()})
                self.copies.add(thing.seen.id)
            elif thing.store:
                of_machine = self.machines.setdefault((thing.store, thing.id, thing.machine), {})
                of_machine[thing.kind.__name__, thing.seen.id] = thing
