# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One seed: controllers that share a provider and a store, a storm, and what one of them makes of it afterwards."""

from __future__ import annotations

import collections
import itertools
import json
import os
import pathlib
import random
import secrets
import shutil
import typing as t
import uuid

from ansible_collections.dockyard.machine.plugins.module_utils import _lifecycle, _module, _ssh, _times, _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import _prune
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._survey import Survey
from ansible_collections.dockyard.machine.plugins.module_utils._store import _lease
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from tests.doubles import objects
from tests.faults.boundaries import Patch
from tests.faults.invariants import Broken
from tests.model import Clock, Fault, Provider, driver_for
from tests.model.provider import Entry
from tests.stress.controllers import Controller, Killed, Process
from tests.stress.invariants import READS, Watch
from tests.stress.scenario import BASE, Scenario, Task
from tests.stress.scheduler import Scheduler

METHODS = ("create", "adjust", "tag", "delete", "start", "stop", "restart", "kill", "pause", "unpause")
NAME = "dockyard.machine.model"
PATIENCE = 3  # times that a task which failed is run again in the storm
RISK = 5.0  # of a call that changes something, against that of others
TRIES = 2  # that the final wish may need
LATER = 120.0  # seconds: longer than anything lags


class Shared(objects.Memory):
    """The store's objects, as far away as the provider."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def _call(self, name: str, key: str, effect: t.Callable[[], t.Any]) -> t.Any:
        process, what = self.world.process, f"{name} {key}"
        fault = self.world.error((objects.REFUSED, objects.CUT, objects.LOST))
        process.before(what)
        try:
            if fault == objects.REFUSED:
                raise objects._unreachable(self.place)
            said, answer = "", None
            try:
                answer = effect()
                if fault == objects.LOST and not name.startswith("get"):
                    said = ", and again"
                    answer = effect()
            except _lease.Conflict:
                said += ": refused"
                process.after(what, said)
                raise
            if fault == objects.CUT:
                raise objects._unreachable(self.place)
        except MachineError:
            process.after(what, f": {fault}")
            raise
        process.after(what, said)
        return answer

    def _put(self, key: str, data: bytes, tag: str | None) -> str:
        former = self.objects.get(key)
        new = super()._put(key, data, tag)
        self.world.watch.kept(key, former.data if former else None, data)
        return new

    def _delete(self, key: str, tag: str | None) -> None:
        former = self.objects.get(key)
        super()._delete(key, tag)
        self.world.watch.kept(key, former.data if former else None, None)


class World:
    def __init__(self, scenario: Scenario, folder: pathlib.Path, patch: Patch, say: t.Callable[[str], None]) -> None:
        self.scenario = scenario
        self.folder = folder
        self.random = random.Random(scenario.seed)
        self.clock = Clock()
        self.began = self.clock.now
        self.scheduler = Scheduler(self.clock)
        self.provider = Provider(self.clock)
        self.provider.traits = scenario.traits
        self.provider.watch = self._exchange
        self.provider.faults = self._fault
        self.driver = driver_for(self.provider)
        self.objects = Shared(self)
        self.watch = Watch(self)
        self.process: Process = t.cast(Process, None)  # the one that runs
        self.storm = True
        self.over = False
        self.broken: str | None = None
        self.seen: collections.Counter[str] = collections.Counter()
        self._told = say
        self._numbers = itertools.count(1)
        self._uuids = itertools.count(1)
        self._patch(patch)

    def run(self) -> None:
        self.watch.look_alikes()
        for controller in self.scenario.controllers:
            self.next_task(controller)
        try:
            self.scheduler.run()
            self.storm = False
            self.provider.set(full=(), full_later=(), rate=float("inf"))
            self.scheduler.start(self._afterwards)
            self.scheduler.run()
        finally:
            self.over = True
            self.scheduler.end(Killed)

    # The storm

    def next_task(self, controller: Controller) -> None:
        if controller.tasks:
            task = controller.tasks.pop(0)
            self.scheduler.start(Process(self, controller, task, next(self._numbers), PATIENCE), task.after)

    def after_death(self, process: Process) -> None:
        """The same command again, as a rule."""
        if self.random.random() < 0.8:
            self._again(process, self.random.choice((1.0, 20.0, 200.0, 2000.0)))
        else:
            self.next_task(process.controller)

    def goes_on(self, process: Process) -> None:
        """What failed is tried again, for a while."""
        if process.result is None and process.patience and self.storm:
            self._again(process, self.random.choice((0.0, 10.0)), process.patience - 1)
        else:
            self.next_task(process.controller)

    def _again(self, process: Process, after: float, patience: int = PATIENCE) -> None:
        again = Process(self, process.controller, process.task, next(self._numbers), patience)
        self.scheduler.start(again, after)

    def fate(self, risk: float = 1.0) -> str:
        """What happens to a process at this step."""
        if not self.storm:
            return ""
        drawn = self.random.random() / risk
        if drawn < self.scenario.kills:
            return "killed"
        return "stopped" if drawn < self.scenario.kills + self.scenario.stops else ""

    def error(self, errors: t.Sequence[t.Any]) -> t.Any:
        if self.storm and self.random.random() < self.scenario.errors:
            return self.random.choice(errors)
        return None

    def latency(self) -> float:
        return self.random.uniform(0.01, 0.2)

    def say(self, what: str) -> None:
        self._told(f"{self.clock.now - self.began:9.2f}  {self.process}  {what}")

    def fail(self, why: str) -> t.NoReturn:
        """An invariant does not hold: that ends everything."""
        self.broken, self.over = self.broken or why, True
        raise Broken(why)

    def failed(self, error: MachineError) -> None:
        self.seen[f"runs [{error.code}]"] += 1
        self.watch.holds(error.code not in ("damaged_record", "damaged_store", "not_ours"), error.text())

    # A task

    def perform(self, process: Process) -> dict[str, t.Any]:
        task = process.task
        scratch = self.folder / str(process.number)
        process.store = store = ObjectStore(self.objects, str(scratch), process.clock, background=False)
        given = {**BASE, **task.options}
        wish = _lifecycle.Wish(
            **{
                "name": task.name,
                "driver": NAME,
                "options": {key: one.get("default") for key, one in self.driver.argument_spec.items()} | given,
                "given": set(task.options) & set(self.driver.argument_spec),
                "secret": _module.secret_options(self.driver),
                "keep_options": not task.options,
                "timeout": 300,
                **task.wish,
            }
        )
        try:
            if task.verb == "pruned":
                return _prune.Pruner(Survey(self.driver, store, wish, process.clock), task.ids).run()
            lifecycle = _lifecycle.Lifecycle(self.driver, store, wish, process.clock)
            if task.verb in ("present", "started"):
                outcome = lifecycle.present(start=task.verb == "started")
            elif task.verb == "absent":
                outcome = lifecycle.absent()
            else:
                outcome = lifecycle.power(task.verb)
            return {"changed": outcome.changed}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    # Afterwards

    def _afterwards(self) -> None:
        controller = self.scenario.controllers[0]
        for task in self.scenario.final:
            self._until_done(controller, task)
        self._once(controller, Task("pruned", "all")).clock.sleep(LATER)
        unrecorded = [one["id"] for one in self._prune(controller)["unrecorded"]]
        twins = [id for id in unrecorded if id not in self.watch.copies]
        self.watch.holds(self.watch.late.issuperset(twins), f"{twins} are unrecorded, and no late call has made them")
        self._prune(controller, *twins)  # of a machine that lives they are listed, and go when they are named
        self.watch.end()
        for task in [*self.scenario.final, Task("pruned", "all")]:
            result = self._until_done(controller, task)
            self.watch.holds(not result["changed"], f"{task}, once more, changed something")
        self.watch.end()

    def _prune(self, controller: Controller, *ids: str) -> dict[str, t.Any]:
        pruned = self._until_done(controller, Task("pruned", "all", ids=ids))
        self.watch.holds(not pruned["failed_to_remove"] and not pruned["busy"], f"not pruned: {pruned}")
        return pruned

    def _until_done(self, controller: Controller, task: Task) -> dict[str, t.Any]:
        for left in reversed(range(TRIES)):
            process = self._once(controller, task)
            if process.result is None and "it is not known what of it" in process.said:
                self.watch.untag()
                unrecorded = self._once(controller, Task("pruned", "all")).result or {"unrecorded": []}
                self._once(controller, Task("pruned", "all", ids=tuple(one["id"] for one in unrecorded["unrecorded"])))
                process = self._once(controller, task)
            if process.result is not None:
                return process.result
            self.watch.holds(left, f"{task} does not come to an end: {process.said}")
        raise AssertionError

    def _once(self, controller: Controller, task: Task) -> Process:
        """In the greenlet that runs already."""
        self.process = process = Process(self, controller, task, next(self._numbers))
        process()
        return process

    # What crosses

    def _exchange(self, phase: str, entry: Entry) -> None:
        process = self.process
        if phase == "before":
            process.before(entry["call"], 1.0 if entry["call"].startswith(READS) else RISK)
            self.watch.call(process, entry)
        else:
            self.watch.effect(process, entry)
            thing = self.provider.things.get(entry["effect"] or "")
            if (
                self.storm
                and thing
                and thing.tags
                and self.scenario.copies
                and self.random.random() < self.scenario.copies
            ):
                self.watch.copy(thing.id)
            process.after(entry["call"], f" -> {entry['effect']}" if entry["effect"] else "")

    def _fault(self, entry: Entry) -> Fault | None:
        now = self.clock.now - self.began
        if self.storm:
            self.provider.traits.full = [spot for since, until, spot in self.scenario.full if since <= now < until]
        what = self.error(("throttled", "throttled_bare", "internal", "timeout", "reset", "quota", "lost", "lost"))
        if what == "quota" and not entry["args"].get("tags"):
            return None
        return Fault("reset", after=True) if what == "lost" else Fault(what) if what else None

    # In the place of what would be by chance, or cost time

    def _patch(self, patch: Patch) -> None:
        patch.setattr(uuid, "uuid4", lambda: uuid.uuid5(uuid.NAMESPACE_OID, f"{next(self._uuids)}"))
        patch.setattr(secrets, "token_hex", lambda size: f"{next(self._uuids):0{2 * size}x}")
        patch.setattr(_times, "time", _Now(self))
        patch.setattr(_lease, "os", _Os(self))
        patch.setattr(_lease, "socket", _Os(self))
        patch.setattr(os, "fsync", lambda descriptor: None)
        dumps = json.dumps  # with indents, it is ten times slower
        patch.setattr(json, "dumps", lambda data, indent=None, **more: dumps(data, **more))
        patch.setattr(_ssh, "_run", self._keygen)
        patch.setattr(_tls, "new_authorities", lambda: {name: name for name in _tls.CA_FILES})
        patch.setattr(_tls, "new_key", lambda: "key")
        patch.setattr(_tls, "issue_client", lambda *arguments: "certificate")
        patch.setattr(_tls, "needs_renewal", lambda certificate, names: None)
        for kind in self.driver.kinds:
            for name in METHODS:
                if hasattr(kind, name):
                    setattr(kind, name, self._told_of(name, getattr(kind, name)))

    def _told_of(self, name: str, method: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def told(kind: t.Any, it: t.Any) -> t.Any:
            process = self.process
            process.doing = (name, kind, it)
            try:
                return method(kind, it)
            finally:
                process.doing = None

        return told

    def _keygen(self, command: list[str]) -> str:
        path = pathlib.Path(command[command.index("-f") + 1])
        number = next(self._uuids)
        path.write_text(f"private {number}")
        path.with_name(path.name + ".pub").write_text(f"ssh-ed25519 {number} comment")
        return ""


class _Now:
    """In the place of the module ``time``, where a record's times are told."""

    def __init__(self, world: World) -> None:
        self.world = world

    def time(self) -> float:
        return self.world.process.clock.time()


class _Os:
    """In the place of ``os`` and ``socket``, where a lease says who holds it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def getpid(self) -> int:
        return self.world.process.number

    def gethostname(self) -> str:
        return self.world.process.controller.name
