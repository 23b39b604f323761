# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers, and the processes that run their tasks: each with a clock of its own, stopped and killed at any step."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _clock
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError

if t.TYPE_CHECKING:
    from tests.stress.scenario import Task
    from tests.stress.world import World

HEARTBEAT = 5.0  # seconds between two looks at the leases
LONG = 60.0  # seconds that a call may take: who takes longer was stopped


class Killed(BaseException):
    """kill -9: from here on, nothing that this process does has an effect."""


@dataclasses.dataclass
class Controller:
    """A computer, with a list of tasks to do one after the other."""

    name: str
    ahead: float  # seconds by which its clock differs from the true time
    rate: float  # of its clock
    tasks: list[Task]


class Clock(_clock.Clock):
    def __init__(self, process: Process) -> None:
        self.process = process
        self.controller = process.controller

    def time(self) -> float:
        return self.process.world.clock.now + self.controller.ahead

    def monotonic(self) -> float:
        return self.process.world.clock.now * self.controller.rate

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0, seconds
        self.process.sleep(seconds / self.controller.rate)

    def jittered(self, seconds: float) -> float:
        return self.process.world.random.uniform(0.8, 1.0) * seconds


class Process:
    """One run of a task."""

    def __init__(self, world: World, controller: Controller, task: Task, number: int, patience: int = 0) -> None:
        self.world = world
        self.controller = controller
        self.task = task
        self.number = number
        self.patience = patience
        self.clock = Clock(self)
        self.dead = False
        self.stopped = 0.0  # seconds for which the exchange under way was held up
        self.store: t.Any = None
        self.result: dict[str, t.Any] | None = None
        self.said = ""
        self.doing: tuple[str, t.Any, t.Any] | None = None  # a method of a kind, the kind, and what it was handed

    def __str__(self) -> str:
        return f"{self.controller.name}.{self.number}"

    def __call__(self) -> None:
        world = self.world
        world.process = self
        world.say(f"begins {self.task}")
        try:
            self.result = world.perform(self)
            self.said = "ends, and changed something" if self.result["changed"] else "ends, and changed nothing"
        except Killed:
            return  # and what follows was said when that happened
        except MachineError as error:
            self.said = f"fails [{error.code}]: {error.message}"
            world.failed(error)
        world.say(self.said)
        if not self.dead:
            world.goes_on(self)

    # What crosses the process

    def before(self, what: str, risk: float = 1.0) -> None:
        """Something is sent."""
        if self.dead or self.world.over:
            raise Killed
        self.stopped = 0.0
        fate = self.world.fate(risk)
        if fate == "killed":
            arrives = self.world.random.random() < 0.5
            self._die(f"{what} is on its way" if arrives else f"{what} is not sent yet")
            if not arrives:
                raise Killed
            self._suspend(self.world.random.uniform(0, LONG))
            return
        self._suspend(self.world.latency())
        if fate == "stopped":
            self._stop(f"on the way to {what}")

    def after(self, what: str, said: str = "") -> None:
        """It was done, and the answer is on its way."""
        if self.dead:
            self.world.say(f"{what}{said}, and nobody is there to hear it")
            raise Killed
        self.world.say(f"{what}{said}")
        fate = self.world.fate()
        if fate == "killed":
            self._die(f"{what} is answered")
            raise Killed
        self._suspend(self.world.latency())
        if fate == "stopped":
            self._stop(f"before the answer of {what}")

    def sleep(self, seconds: float) -> None:
        """As long as it lives, it renews its leases."""
        if self.dead or self.world.over:
            raise Killed
        end = self.world.clock.now + seconds
        while True:
            fate = self.world.fate()
            if fate == "killed":
                self._die("it slept")
                raise Killed
            self._suspend(max(0.0, min(HEARTBEAT, end - self.world.clock.now)))
            if fate == "stopped":
                self._stop("asleep")
            if self.store:
                self.store.heartbeat()
            if self.world.clock.now >= end:
                return

    def _die(self, when: str) -> None:
        self.dead = True
        self.world.seen["kills"] += 1
        self.world.say(f"is KILLED when {when}")
        self.world.after_death(self)

    def _stop(self, when: str) -> None:
        self.stopped = self.world.random.choice((30, 100, 100, 400)) * self.world.random.uniform(0.5, 1.5)
        self.world.seen["stops"] += 1
        self.world.say(f"is STOPPED {when}, for {self.stopped:.0f} s")
        self._suspend(self.stopped)

    def _suspend(self, seconds: float) -> None:
        self.world.scheduler.suspend(seconds)
        if self.world.over:
            raise Killed
        self.world.process = self
