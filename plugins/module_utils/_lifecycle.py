# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what happens to a machine: plan, freeze, make, settle, power, remove. Knows no provider."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import typing as t
import uuid

from . import _record
from . import driver as contract
from ._access import Access
from ._errors import BadOption, MachineError
from ._plan import Changes, Recipe, Want, compare, refers_to
from ._record import BEING_CREATED, BEING_REMOVED, MADE, Record, Resource
from ._resources import PENDING, Clock, Full, Resources
from ._store import FileStore, Lock
from ._store._file import PICKS_LOCK
from .driver import Driver, Seen

REPLACED, SURPLUS = "replaced", "surplus"  # a resource's status: to be removed, and made anew or not
RECREATING = "recreating"  # it is removed to be made anew
START_AGAIN = "start_again"  # what was running before a change that needed a stop

# state -> (the action that leads there, the state that is then seen)
POWER = {
    "started": ("start", contract.RUNNING),
    "stopped": ("stop", contract.STOPPED),
    "restarted": ("restart", contract.RUNNING),
    "killed": ("kill", contract.STOPPED),
    "paused": ("pause", contract.PAUSED),
}


@dataclasses.dataclass
class Wish:
    """What a task asks for. None: not said, so it stays as it is."""

    name: str
    driver: str  # FQCN
    options: dict[str, t.Any]  # the driver's, with defaults
    given: set[str]  # names of the options that were said
    secret: set[str]  # names of the options whose values are never kept
    fleet: str | None = None
    role: str | None = None
    labels: dict[str, str] | None = None
    tls_san: list[str] | None = None
    ssh_user: str | None = None
    ssh_key: str | None = None
    ssh_args: str | None = None
    host_key: str | None = None
    keep_options: bool = False  # if no option is given, all stay as they are recorded
    recreate: bool = False
    allow_stop: bool = False
    timeout: float = 600
    stop_timeout: float = 60
    lock_timeout: float = 60
    check: bool = False


@dataclasses.dataclass
class Outcome:
    changed: bool
    before: dict[str, t.Any]
    after: dict[str, t.Any]
    machine: dict[str, t.Any] | None


class Lifecycle:
    """One machine, one task. Each verb returns an Outcome or raises a MachineError."""

    def __init__(self, driver: type[Driver], store: FileStore, wish: Wish, clock: Clock | None = None) -> None:
        self.driver_class = driver
        self.store = store
        self.wish = wish
        self.clock = clock or Clock()
        self.folder = store.folder(wish.name)
        self._lock: Lock | None = None
        self._picks = contextlib.ExitStack()
        self._picking = False

    # Verbs

    def present(self, start: bool = False) -> Outcome:
        """Let it exist as asked for; with ``start``, let it run."""
        if start and "start" not in self.actions():
            raise self._no_action("started")
        if not self.store.exists and not self.wish.check:
            self._dry().present(start)  # bad input must not even make a store
        with self._locked():
            record = self._read()
            before = self._shape(record)
            self.changed = False
            if record and record.status == BEING_REMOVED:
                if self.wish.check:
                    return Outcome(True, before, {"state": "present"}, self._public(record))
                self._begin(record)
                if record.kept.get(RECREATING):
                    return self._recreate(record, before)
                self._bury(record)
                record = None
            if record is None:
                return self._create(before)
            self._begin(record)
            before = self._shape(record, self._machine_seen(record))
            if record.status == BEING_CREATED:
                if self.wish.check:
                    return Outcome(True, before, {**before, "state": "present"}, self._public(record))
                self._make(record)
            return self._update(record, before, start)

    def power(self, state: str) -> Outcome:
        """Bring an existing machine to a state of power."""
        if state not in self.states():
            raise self._no_action(state)
        if self._read() is None:
            raise MachineError(
                f"There is no machine {self.wish.name} that could be {state}",
                code="not_found",
                remedy="Create it first (state: present)",
            )
        with self._locked():
            record = self._read()
            if record is None or record.status != MADE:
                raise MachineError(
                    f"{self.wish.name} is half made or half removed, so it can't be {state}",
                    code="unfinished",
                    remedy="Finish that first (state: present or absent)",
                )
            self.changed = False
            self._begin(record)
            seen = self._machine_seen(record)
            before = self._shape(record, seen)
            action, wanted = POWER[state]
            if self.wish.check:
                changed = state == "restarted" or seen.state != wanted
                after = {**before, "state": wanted} if changed else before
                return Outcome(changed, before, after, self._public(record))
            if state == "restarted":
                self._restart(record, seen)
            else:
                self._power_to(record, action, wanted)
            if record.kept.pop(START_AGAIN, False):
                self._save(record)
            self._observe(record)
            return self._done(record, before)

    def absent(self) -> Outcome:
        """Let nothing of it be left, here and at the provider."""
        if not self.store.exists:
            return Outcome(False, {"state": "absent"}, {"state": "absent"}, None)
        with self._locked():
            record = self._read()
            before = self._shape(record)
            after = {"state": "absent"}
            if self.wish.check:
                return Outcome(record is not None, before, after, self._public(record) if record else None)
            if record is None:
                assert self._lock is not None
                self.store.clear(self.wish.name, self._lock)  # what a killed run has left
                return Outcome(False, before, after, None)
            self._begin(record)
            self._bury(record)
            return Outcome(True, before, after, None)

    def gathered(self, over_ssh: bool = True) -> dict[str, t.Any] | None:
        """The machine as it is now; None if only SSH could tell, and may not be asked.

        Changes nothing but what was observed. What can't be asked is in state unknown.
        """
        record = self._read()
        if record is None:
            return {"name": self.wish.name, "state": contract.ABSENT}
        try:
            self._begin(record)
            if not over_ssh and self._machine_seen(record).state is None:
                return None
            self._observe(record)
        except MachineError as error:
            self.observed.update(state=contract.UNKNOWN, error=error.message, refreshed=self.clock.time())
            self._keep_observed(record)
        return self._public(record)

    def actions(self) -> set[str]:
        """The power actions that the driver's machine defines."""
        machine = next((kind for kind in self.driver_class.kinds if issubclass(kind, contract.Machine)), None)
        names = ("start", "stop", "restart", "kill", "pause", "unpause")
        return {name for name in names if hasattr(machine, name)}

    def states(self) -> list[str]:
        """The states that this driver knows."""
        actions = self.actions()
        can_restart = "restart" in actions or {"start", "stop"} <= actions
        power = [state for state, (action, _wanted) in POWER.items() if action in actions and state != "restarted"]
        return ["present", "absent", "gathered", *power, *(["restarted"] if can_restart else [])]

    # A new machine

    def _create(self, before: dict[str, t.Any], former: Record | None = None) -> Outcome:
        """A new machine; with ``former``, in the place of that one, of which nothing but the record is left."""
        wish = self.wish
        missing = [name for name in self.driver_class.required if wish.options.get(name) is None]
        if missing:
            raise BadOption(missing[0], None, f"is needed to create {wish.name} with {wish.driver}", "Give the option")
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
            record.kept.update({name: former.kept[name] for name in ("picks", "gone") if name in former.kept})
        with self._nothing_left():
            self._begin(record)
            access = Access(record, self.folder, wish)
            if self.driver_class.ssh_user:
                access.plan(self.driver_class.ssh_user)
            recipe = self._recipe(record)
            self._keep_options(record)
            self._take(record, recipe)
            access.choose_policy(recipe.injects_host_key)
            record.account = self.resources.account()
            for resource in record.resources:
                if resource.existing:
                    self.resources.ensure(resource)
            if self._is_existing(record) and record.ssh:
                access.contact(self._facts(self._machine_seen(record)), self.clock)
            if wish.check:
                return Outcome(True, before, self._shape(record), {**self._public(record), "state": "absent"})
            self._save(record)  # the freeze: from here on, a re-run does what this says
        self._stop_picking()
        self._make(record)
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
        self._save(record)
        self.changed = True

    def _choose_again(self, record: Record, full: Full) -> None:
        """Move a choice on that several resources share, and with it those that were made for the last one."""
        recipe = self._recipe(record, record.options)
        choices = record.kept["choices"]
        movable = [key for key, count in recipe.candidates.items() if choices.get(key, 0) + 1 < count]
        if not movable:
            raise full.cause.explained(
                "There is no further choice: widen the options, or try later", self.resources.left_behind()
            )
        choices[movable[0]] = choices.get(movable[0], 0) + 1
        wants = {want.key: want for want in self._recipe(record, record.options).wants}
        full.resource.choice = 0
        for resource in record.resources:
            want = wants.get(resource.key)
            if want is None or resource.existing or want.requests == resource.requests:
                continue
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

    # An existing machine

    def _update(self, record: Record, before: dict[str, t.Any], start: bool) -> Outcome:
        """Compare what was asked for with what is, and change what can be changed in place."""
        wish = self.wish
        compares = bool(wish.given) or not wish.keep_options
        changes = self._compare(record) if compares else Changes()
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
        noted = self._note(record)
        needs_stop = self._needs_stop(changes)
        running = start or record.kept.get(START_AGAIN)
        if wish.check:
            seen = self._machine_seen(record)
            gone = [one.key for one in record.resources if one.id and self.resources.get(one) is None]
            stands = running and record.machine and seen.state not in (contract.RUNNING, None)
            after = {**self._shape(record, seen), **({"changes": self._describe(changes)} if changes else {})}
            if gone or stands:
                after.update(state=contract.RUNNING)
            changed = self.changed or bool(changes or drift or noted or gone or stands)
            return Outcome(changed, before, after, self._public(record))
        if drift:
            return self._recreate(record, before)
        self._point_to(record, changes.existing)
        if record.ssh != login:
            self._try_login(record)
        if changes:
            self._stop_for(record, needs_stop)
            self._apply(record, changes)
        if noted or changes:
            if compares:
                self._keep_options(record)
            self._save(record)
            self.changed = True
        self._stop_picking()
        for resource in record.resources:
            if resource.status != SURPLUS:
                self.resources.ensure(resource)
        for resource in reversed(list(record.resources)):
            if resource.status == SURPLUS:
                self.resources.remove(resource)
        if (start or record.kept.get(START_AGAIN)) and "start" in self.actions():
            self._power_to(record, "start", contract.RUNNING)
        if record.kept.pop(START_AGAIN, False):
            self._save(record)
        self._observe(record)
        if record.ssh:
            Access(record, self.folder, wish).make_files(self.store)
        return self._done(record, before)

    def _compare(self, record: Record) -> Changes:
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
        # Both made now, the old one from the recorded options: a new default or a newer image is no change.
        old = self._recipe(record, record.options)
        new = self._recipe(record)
        choices = {one.key: one.choice for one in record.resources}
        changes = compare(old.wants, new.wants, lambda kind: kinds[kind].adjustable, lambda key: choices.get(key, 0))
        for want in list(changes.new):
            kept = record.resource(want.key)
            if kept and kept.status != SURPLUS:  # data that outlived their use are taken up again, as they are
                changes.new.remove(want)
                differing = [field for field in want.requests[0] if kept.request.get(field) != want.requests[0][field]]
                if differing:
                    changes.drift[want.key] = sorted(differing)
        return changes

    def _apply(self, record: Record, changes: Changes) -> None:
        kinds = {kind.__name__: kind for kind in self.driver_class.kinds}
        for key, part in changes.adjust.items():
            resource = record.resource(key)
            if resource:
                for request in resource.requests:
                    request.update(part)
        for want in changes.new:
            left = record.resource(want.key)
            if left:
                self.resources.remove(left)
            former = changes.order[: changes.order.index(want.key)]
            places = [place for place, one in enumerate(record.resources) if one.key in former]
            record.resources.insert(max(places, default=-1) + 1, self._planned(want, record))
        for key in changes.surplus:
            resource = record.resource(key)
            if resource and not kinds[resource.kind].keeps_data:
                resource.status = SURPLUS  # removed once nothing uses it any more
        self._keep_options(record)
        self._save(record)

    def _point_to(self, record: Record, wants: dict[str, Want]) -> None:
        """Mean another thing of the user's from now on; a machine only if it shows the pinned host key."""
        for key, want in wants.items():
            resource = record.resource(key)
            if resource is None:
                continue
            resource.id, resource.requests = want.existing, want.requests
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
            if kinds[key.partition("/")[0]].adjustable[field] == contract.STOPPED
        ]

    def _stop_for(self, record: Record, fields: list[str]) -> None:
        if not fields or self._machine_seen(record).state == contract.STOPPED:
            return
        if not self.wish.allow_stop:
            raise MachineError(
                f"{record.name} must be stopped to change {', '.join(fields)}",
                code="needs_stop",
                remedy="Give allow_stop: true, or stop it first",
            )
        if self._machine_seen(record).state == contract.RUNNING:
            record.kept[START_AGAIN] = True  # before it stops: whoever finishes this must know
            self._save(record)
        self._power_to(record, "stop", contract.STOPPED)

    def _recreate(self, record: Record, before: dict[str, t.Any]) -> Outcome:
        if not record.kept.get(RECREATING):
            self._dry()._create(before)  # what can't be made must not cost the machine that is there
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
        if os.path.lexists(os.path.join(self.folder, "first-boot")):
            shutil.rmtree(os.path.join(self.folder, "first-boot"))  # the next one shows a host key of its own
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
        if record.ssh:
            Access(record, self.folder, wish).note()
        return dataclasses.asdict(record) != before

    # Removal

    def _bury(self, record: Record) -> None:
        assert self._lock is not None
        self._take_down(record)
        self.store.remove(record, self._lock)
        self.changed = True

    def _take_down(self, record: Record) -> None:
        """Remove what was made, the dependent first."""
        self.resources.check_account()
        if record.status != BEING_REMOVED:
            record.status = BEING_REMOVED
            self._save(record)
        for resource in reversed(list(record.resources)):
            self.resources.remove(resource)

    # Power

    def _power_to(self, record: Record, action: str, wanted: str) -> None:
        resource = record.resource(record.machine)
        if resource is None:
            return
        limit = self.wish.stop_timeout if action == "stop" else self.wish.timeout
        actions = self.actions()
        seen = None
        for _left in self.clock.poll(limit):
            seen = self._machine_seen(record)
            if seen.state == wanted:
                return
            if seen.state == contract.ABSENT and self.resources.confirm(resource) is None:
                raise MachineError(
                    f"{record.name} is gone at its provider",
                    code="missing",
                    remedy="state: present makes it anew, state: absent forgets it",
                )
            if seen.state in PENDING and not (action in ("stop", "kill") and seen.state == contract.STARTING):
                continue
            if seen.state == contract.PAUSED and action in ("start", "stop") and "unpause" in actions:
                self.resources.act(resource, "unpause")
            elif seen.state == contract.STOPPED and action == "pause":
                raise MachineError(
                    f"{record.name} is stopped: only a running machine can be paused",
                    code="state",
                    remedy="Start it first",
                )
            else:
                self.resources.act(resource, action)
        if action == "stop" and "kill" in actions:
            self._power_to(record, "kill", wanted)
            return
        raise self.resources.timed_out(f"{record.name} is {seen.state if seen else 'unknown'}, not {wanted}", limit)

    def _restart(self, record: Record, seen: Seen) -> None:
        resource = record.resource(record.machine)
        machine = self.resources.kind(resource) if resource else None
        if resource is None or machine is None:
            return
        if seen.state != contract.RUNNING and "start" in self.actions():
            self._power_to(record, "start", contract.RUNNING)
        elif getattr(machine, "restart", None) == contract.OVER_SSH:
            self.changed = True
            Access(record, self.folder, self.wish).reboot(self._facts(seen), self.clock)
        elif hasattr(machine, "restart"):
            self.resources.act(resource, "restart")
            self._power_to(record, "start", contract.RUNNING)
        else:
            self._power_to(record, "stop", contract.STOPPED)
            self._power_to(record, "start", contract.RUNNING)

    def _no_action(self, state: str) -> MachineError:
        return MachineError(
            f"{self.wish.driver} has no state {state}",
            code="no_such_action",
            remedy="It has " + ", ".join(self.states()),
        )

    # What is seen

    def _machine_seen(self, record: Record) -> Seen:
        resource = record.resource(record.machine)
        seen = self.resources.get(resource) if resource else None
        return seen or Seen(id="", state=contract.ABSENT)

    def _facts(self, seen: Seen) -> dict[str, t.Any]:
        known = ("address", "addresses", "ssh_port", "docker_port", "docker_host", "host_keys")
        return {key: value for key, value in seen.facts.items() if key in known}

    def _observe(self, record: Record) -> None:
        """Note what is seen now, beside the record and never in it."""
        seen = self._machine_seen(record)
        facts = self._facts(seen)
        observed = {"engine": self.store.observed(record.name).get("engine"), "state": seen.state, **facts}
        if seen.state is None:
            Access(record, self.folder, self.wish).contact(facts, self.clock)
            observed["state"] = contract.RUNNING
        observed["refreshed"] = self.clock.time()
        self.observed = observed
        self._keep_observed(record)

    def _keep_observed(self, record: Record) -> None:
        if record.revision and not self.wish.check:
            self.store.save_observed(record.name, self.observed)

    # Helpers

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        """The machine's lock; a check changes nothing and so needs none."""
        if self.wish.check:
            yield
            return
        self.store.create()
        with self.store.lock(self.wish.name, self.wish.lock_timeout) as self._lock, self._picks:
            try:
                with self.store.explained():
                    yield
            except MachineError as error:
                resources = getattr(self, "resources", None)
                if resources and resources.record.status != MADE and not error.left_behind:
                    error.left_behind = resources.left_behind()
                raise

    def _read(self) -> Record | None:
        record = self.store.read(self.wish.name)
        if record and record.driver != self.wish.driver:
            raise MachineError(
                f"{record.name} exists with driver {record.driver}, not {self.wish.driver}",
                code="driver_changed",
                remedy="Give that driver, or remove the machine first",
            )
        self.observed = self.store.observed(self.wish.name)
        return record

    def _begin(self, record: Record) -> None:
        """Connect: where the machine is, says the record."""
        self.driver = self.driver_class({**self.wish.options, **record.place})
        try:
            self.driver.client = self.driver.connect()
        except MachineError:
            raise
        except Exception as error:
            raise MachineError(f"{record.driver} can't connect: {error}", code="connect") from error
        self.resources = Resources(
            self.driver,
            record,
            save=lambda: self._save(record),
            fills=Access(record, self.folder, self.wish).fill,
            store_id=self.store.id if self.store.exists else "",
            folder=self.folder,
            timeout=self.wish.timeout,
            clock=self.clock,
            dead=self._dead,
        )

    def _dead(self, resource: Resource) -> None:
        """A machine that is made anew shows a host key of its own, and has no Engine yet."""
        record = self.resources.record
        if resource.key == record.machine:
            if record.ssh:
                Access(record, self.folder, self.wish).renew_host_key()
            self.store.save_observed(record.name, {})

    def _save(self, record: Record) -> None:
        assert self._lock is not None
        self.store.save(record, self._lock)

    def _recipe(self, record: Record, options: dict[str, t.Any] | None = None) -> Recipe:
        """Run the recipe on paper, with the options of the task or with given ones."""
        spec = self.driver_class.argument_spec
        if options is None:
            values = {name: self.wish.options.get(name) for name in spec}
            digests = {name: self._digest(values[name]) for name in self.wish.secret if values.get(name) is not None}
        else:
            values = {name: options.get(name, one.get("default")) for name, one in spec.items()}
            digests = record.secrets
            values.update(dict.fromkeys(digests, ""))
        values.update(record.place)
        public_key = Access(record, self.folder, self.wish).public_key
        recipe = Recipe(record.name, values, digests, record.kept, self._taken, public_key)
        self.driver.recipe(recipe)
        return recipe

    def _digest(self, value: t.Any) -> str:
        return self.store.digest(value) if self.store.exists else ""

    def _taken(self) -> set[t.Any]:
        """What other machines have picked; nobody else picks until ours is saved."""
        if not self.wish.check and not self._picking:
            self._picks.enter_context(self.store.lock(PICKS_LOCK, self.wish.lock_timeout))
            self._picking = True
        records = [self.store.read(name) for name in self.store.names() if name != self.wish.name]
        return {value for one in records if one for value in one.kept.get("picks", {}).values()}

    def _stop_picking(self) -> None:
        self._picks.close()
        self._picking = False

    def _take(self, record: Record, recipe: Recipe) -> None:
        record.resources = [self._planned(want, record) for want in recipe.wants]
        machines = {kind.__name__ for kind in self.driver_class.kinds if issubclass(kind, contract.Machine)}
        record.machine = next((one.key for one in reversed(record.resources) if one.kind in machines), None)

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

    def _describe(self, changes: Changes) -> dict[str, t.Any]:
        return {
            "adjust": changes.adjust,
            "use": {key: want.existing for key, want in changes.existing.items()},
            "create": {want.key: want.requests[0] for want in changes.new},
            "remove": changes.surplus,
            "replace": changes.drift,
        }

    def _shape(self, record: Record | None, seen: Seen | None = None) -> dict[str, t.Any]:
        """A machine as the diff shows it: as it was just seen, else as it was seen last."""
        if record is None:
            return {"state": "absent"}
        observed = getattr(self, "observed", {})
        if seen:
            observed = {**observed, **self._facts(seen), "state": seen.state or observed.get("state")}
        return {
            "state": _record.state(record, observed) if record.revision else "present",
            "address": observed.get("address"),
            "driver": record.driver,
            "fleet": record.fleet,
            "role": record.role,
            "labels": record.labels,
            "tls_san": record.tls_san,
            "options": record.options,
            "resources": {one.key: one.request for one in record.resources if not refers_to(one.key)},
        }

    def _public(self, record: Record) -> dict[str, t.Any]:
        return _record.public(record, getattr(self, "observed", {}), self.folder)

    def _dry(self) -> Lifecycle:
        """The same task as a check."""
        return Lifecycle(self.driver_class, self.store, dataclasses.replace(self.wish, check=True), self.clock)

    def _done(self, record: Record, before: dict[str, t.Any]) -> Outcome:
        after = self._shape(record)
        return Outcome(self.changed or self.resources.changed, before, after, self._public(record))
