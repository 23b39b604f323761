# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each task on a machine stands on: the record and its lock, the driver, the recipe, what is seen."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .. import _contract as contract
from .. import _host_vars, _ssh, _times
from .._access import Access
from .._clock import Clock
from .._contract import Driver, Seen
from .._errors import MachineError
from .._password import PasswordLogin
from .._plan import Recipe, fill, refers_to
from .._record import MADE, UNTAGGED, Record, Resource
from .._resources import Resources
from .._store import PICKS_LOCK, Lock, Store
from .._wish import Outcome, Wish

# state -> (the action that leads there, the state that is then seen)
POWER = {
    "started": ("start", contract.RUNNING),
    "stopped": ("stop", contract.STOPPED),
    "restarted": ("restart", contract.RUNNING),
    "killed": ("kill", contract.STOPPED),
    "paused": ("pause", contract.PAUSED),
}

# Status of a resource, beside those of its own life
REPLACED = "replaced"  # to be removed, and created again
SURPLUS = "surplus"  # to be removed, and not created again
LEAVING = (SURPLUS, "removing")  # the latter: its removal was begun, and maybe not by this run

# Kept in a record
ADOPTED = "adopted"  # ids of what was there before a machine that was lost is created again
RECREATING = "recreating"  # it is removed to be created again

SKEW = 300.0  # seconds that the clocks of two controllers may differ: clouds refuse whose clock is further off


class Task:
    """One machine, one task."""

    def __init__(self, driver: type[Driver], store: Store, wish: Wish, clock: Clock | None = None) -> None:
        self.driver_class = driver
        self.store = store
        self.wish = wish
        self.clock = clock or Clock()
        self.folder = store.folder(wish.name)
        self.changed = False
        self.connected: Driver | None = None  # shared with other machines of the same place
        # Of these credentials, if it was asked for another machine of the place
        self.known_account: str | None = None
        # Asked before a resource is created, at first or again: an error keeps it from being created
        self.before_create: t.Callable[[Resource], None] = lambda resource: None
        self.password: PasswordLogin | None = None  # in a run that may add the machine's key
        self.observed: dict[str, t.Any] = {}
        self.lock: Lock | None = None
        self._picks = contextlib.ExitStack()
        self._picking = False

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

    def copies(self) -> list[str]:
        """What is to be said of each thing that this task met, and that is somebody's copy of the machine's."""
        return list(self.resources.copies.values()) if hasattr(self, "resources") else []

    def access(self, record: Record) -> Access:
        """The login to the machine."""
        return Access(record, self.folder, self.wish, self.password)

    def no_action(self, state: str) -> MachineError:
        return MachineError(
            f"{self.wish.driver} has no state {state}",
            code="no_such_action",
            remedy="It has " + ", ".join(self.states()),
        )

    def machine_seen(self, record: Record) -> Seen:
        """The machine as it was seen since the last change. Not seen, it is absent in the recorded account only."""
        resource = record.resource(record.machine)
        seen = self.resources.last(resource) if resource else None
        if seen is None:
            self.resources.check_account()
        return seen or Seen(id="", state=contract.ABSENT)

    def facts(self, seen: Seen) -> dict[str, t.Any]:
        known = ("address", "addresses", "ssh_port", "docker_port", "docker_host", "host_keys", "python_interpreter")
        return {key: value for key, value in seen.facts.items() if key in known}

    def observe(self, record: Record) -> None:
        """Note what is seen now, beside the record and never in it."""
        seen = self.machine_seen(record)
        facts = self.facts(seen)
        observed = {"engine": self.store.observed(record.name).get("engine"), "state": seen.state, **facts}
        if seen.state is None:
            self.store.fill(record.name)
            self.access(record).contact(facts, self.clock)
            observed["state"] = contract.RUNNING
        observed["refreshed"] = self.clock.time()
        self.observed = observed
        self.keep_observed(record)

    def keep_observed(self, record: Record) -> None:
        if record.revision and not self.wish.check:
            self.store.save_observed(record.name, self.observed)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """The machine's lock; a check changes nothing and so needs none."""
        if self.wish.check:
            yield
            return
        self.store.create()
        with self.store.lock(self.wish.name, self.wish.lock_timeout) as self.lock, self._picks:
            try:
                with self.store.explained():
                    self.store.fill(self.wish.name)
                    yield
            except MachineError as error:
                resources = getattr(self, "resources", None)
                if resources and resources.record.status != MADE and not error.left_behind:
                    error.left_behind = resources.left_behind()
                raise

    def note_expiry(self, record: Record, tagged: bool = False) -> None:
        """A new life begins when another one is asked for: running again does not prolong it.

        What is ``tagged`` bears a former end until a run has told it the new one.
        """
        life = self.wish.expires_in
        if life is not None and life != record.kept.get("expires_in"):
            seconds = _times.seconds_of("expires_in", life)
            record.kept["expires_in"] = life
            record.expires = None if seconds is None else _times.timestamp(self.clock.time() + seconds)
            if tagged and any(hasattr(kind, "tag") for kind in self.driver_class.kinds):
                record.kept[UNTAGGED] = True

    def read(self) -> Record | None:
        record = self.store.read(self.wish.name)
        if record and record.driver != self.wish.driver:
            raise MachineError(
                f"{record.name} exists with driver {record.driver}, not {self.wish.driver}",
                code="driver_changed",
                remedy="Give that driver, or remove the machine first",
            )
        self.observed = self.store.observed(self.wish.name)
        if record and self.store.shared and self.wish.ssh_key and _ssh.means(record.ssh, self.wish.ssh_key):
            record.ssh["key"] = self.wish.ssh_key
        return record

    def begin(self, record: Record) -> None:
        """Connect: where the machine is, says the record."""
        self.driver = self.connected or self._connect(record)
        self.resources = Resources(
            self.driver,
            record,
            save=lambda: self.save(record),
            fills=self.access(record).fill,
            store_id=record.kept.get("store") or (self.store.id if self.store.exists else ""),
            folder=self.folder,
            timeout=self.wish.timeout,
            clock=self.clock,
            guard=lambda seconds: self.lock.check(seconds) if self.lock else None,
            dead=self._dead,
            lacks=self._lacks,
            skew=SKEW if self.store.shared else 0.0,
            account=self.known_account,
        )

    def _connect(self, record: Record) -> Driver:
        wish = self.wish
        kept = {name: value for name, value in record.options.items() if name not in wish.given}
        driver = self.driver_class({**wish.options, **(kept if wish.keep_options else {}), **record.place})
        try:
            driver.client = driver.connect()
        except MachineError:
            raise
        except Exception as error:
            raise MachineError(
                f"{record.driver} can't connect: {error}",
                code="connect",
                remedy="Check the credentials and the network",
            ) from error
        return driver

    def _dead(self, resource: Resource) -> None:
        """A recreated machine shows a host key of its own, and has no Engine yet."""
        record = self.resources.record
        self.before_create(resource)  # while the record still names what is gone
        if resource.key == record.machine:
            if record.ssh:
                self.access(record).renew_host_key()
            self.store.save_observed(record.name, {})

    def _lacks(self, resource: Resource) -> MachineError | None:
        """A plan's secrets are in no record. Made without them, or with others, nobody could tell it afterwards."""
        self.before_create(resource)
        wrong: list[str] = []

        def check(name: str, placeholder: dict[str, t.Any]) -> None:
            option, planned = placeholder.get("$secret", name), placeholder.get("digest", placeholder.get("$user_data"))
            value = self.wish.options.get(option)
            if option in self.wish.secret and planned != ("" if value is None else self.digest(value)):
                wrong.append(f"with a {option} that this task does not give" if planned else f"without this {option}")

        fill(resource.request, check)
        if not wrong:
            return None
        return MachineError(
            f"{self.wish.name} was planned {wrong[0]}",
            code="secret",
            remedy="Give the former options (the store keeps no secret), or remove the machine (state: absent) and "
            "create it with others",
        )

    def save(self, record: Record) -> None:
        self.resources.check_account()  # whoever may not change the machine may not change its record
        ssh = record.ssh
        try:
            record.ssh = _ssh.as_shared(ssh) if self.store.shared else ssh
            self.store.save(record, self.lock)
        finally:
            record.ssh = ssh

    def recipe(self, record: Record, options: dict[str, t.Any] | None = None) -> Recipe:
        """Run the recipe on paper, with the options of the task or with given ones."""
        spec = self.driver_class.argument_spec
        if options is None:
            values = {name: self.wish.options.get(name) for name in spec}
            digests = {name: self.digest(values[name]) for name in self.wish.secret if values.get(name) is not None}
        else:
            values = {name: options.get(name, one.get("default")) for name, one in spec.items()}
            digests = record.secrets
            values.update(dict.fromkeys(digests, ""))
        values.update(record.place)
        public_key = self.access(record).public_key
        ssh_user = record.ssh.get("user") or ""
        asks = self.resources.ask
        recipe = Recipe(record.name, values, digests, record.kept, self.taken, public_key, asks, ssh_user=ssh_user)
        self.driver.recipe(recipe)
        return recipe

    def digest(self, value: t.Any) -> str:
        return self.store.digest(value) if self.store.exists else ""

    def taken(self) -> set[t.Any]:
        """What other machines have picked; nobody else picks until ours is saved."""
        if not self.wish.check and not self._picking:
            self._picks.enter_context(self.store.lock(PICKS_LOCK, self.wish.lock_timeout))
            self._picking = True
        # What a machine with a damaged record has picked, nobody can tell: it must not keep the others from being made.
        records = self.store.records({})
        return {pick for name, one in records.items() if name != self.wish.name for pick in one.kept["picks"].values()}

    def stop_picking(self) -> None:
        self._picks.close()
        self._picking = False

    def shape(self, record: Record | None, seen: Seen | None = None) -> dict[str, t.Any]:
        """A machine as the diff shows it: as it was just seen, else as it was seen last."""
        if record is None:
            return {"state": "absent"}
        observed = self.observed
        if seen:
            observed = {**observed, **self.facts(seen), "state": seen.state or observed.get("state")}
        return {
            "state": _host_vars.state(record, observed) if record.revision else "present",
            "address": observed.get("address"),
            "driver": record.driver,
            "fleet": record.fleet,
            "role": record.role,
            "labels": record.labels,
            "tls_san": record.tls_san,
            "expires": record.expires,
            "options": record.options,
            "resources": {one.key: one.request for one in record.resources if not refers_to(one.key)},
            **({"key_added_for": self.password.user} if self.password and self.password.user else {}),
        }

    def public(self, record: Record) -> dict[str, t.Any]:
        public = _host_vars.public(record, self.observed, self.folder)
        # The files of a shared store are here for as long as this process is
        return {**_host_vars.without_files(public, self.folder), "folder": None} if self.store.shared else public

    def dry(self) -> Task:
        """The same task as a check."""
        return Task(self.driver_class, self.store, dataclasses.replace(self.wish, check=True), self.clock)

    def done(self, record: Record, before: dict[str, t.Any]) -> Outcome:
        after = self.shape(record)
        return Outcome(self.changed or self.resources.changed, before, after, self.public(record))
