# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world for one driver: a provider that is played, a store in a folder, a clock that only waiting moves.

A driver joins the matrix by a module in tests/faults/worlds/ of its own name, whose ``World`` is one of these.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import pathlib
import shutil
import tempfile
import typing as t
import uuid

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _clock, _lifecycle, _module, _process, _ssh, _tls
from ansible_collections.dockyard.machine.plugins.module_utils import driver as contract
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import _prune, _survey
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from tests.faults import boundaries
from tests.faults.boundaries import Boundary, Crash
from tests.faults.engines import HOST, Engine
from tests.faults.filesystem import State, Survives, write_state
from tests.faults.hosts import SSH, Hosts
from tests.faults.invariants import Thing, Watch

if t.TYPE_CHECKING:
    from tests.faults.faults import Fault

assert _tls  # its import takes long, and is to be had once by all cells
NAME = "web1"
KEY_CANARY = "canary-of-the-private-key"
CALL_TAKES = 0.05  # seconds


class Clock(_clock.Clock):
    """A day passes in no time."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def jittered(self, seconds: float) -> float:
        return seconds  # a cell can be replayed


class World:
    driver: type[contract.Driver]
    name: str  # the driver's
    secrets: tuple[str, ...] = (KEY_CANARY,)  # may be nowhere
    rotates = False  # whether certificates are rotated: no driver takes part in that, so one is as good as all
    dear = False  # a cell takes long, so only those are run that can't go as another one
    copies = False  # whether its things can be copied with their tags
    lag = 4.0  # seconds for which a list may be empty
    timeout = 120.0
    failures: dict[str, tuple[str, ...]] = {}  # kind of boundary -> what can go wrong there, for fail()
    shortages: dict[str, dict[str, t.Any]] = {}  # what create must fall back for -> traits of the provider
    changes: dict[str, dict[str, t.Any]] = {}  # what can be changed of a machine -> the task's arguments that do it
    elsewhere: dict[str, t.Any] = {}  # the task's arguments that mean another zone or place
    somebody_else: dict[str, t.Any] = {}  # the task's arguments that mean another account

    def __init__(self, folder: pathlib.Path, patch: boundaries.Patch) -> None:
        self.disk = folder / "disk"
        self.disk.mkdir(mode=0o700, parents=True)
        self.store_folder = self.disk / "home" / "store"  # neither is there yet
        self.clock = Clock()
        self.watch = Watch(self)
        self.doing = ""  # the method of the driver's kinds that is at work
        self.crossed: list[Boundary] = []
        self.fault: Fault | None = None
        self.dead = False
        self.aside = False  # the test itself is at work on the disk
        self.late: list[t.Callable[[], t.Any]] = []  # requests of a killed run that are still on their way
        self.survives: Survives | None = None
        self.left: State | None = None  # what a power cut has left
        self.said: list[str] = []  # arguments of programs and calls
        self.copied: dict[str, str] = {}  # ids of somebody's copies of our things -> how they are
        self._uuids = itertools.count(1)
        patch.setattr(uuid, "uuid4", self._uuid)
        dumps = json.dumps  # with indents, it is ten times slower
        patch.setattr(json, "dumps", lambda data, indent=None, **more: dumps(data, **more))
        self.hosts = Hosts(self)
        self.engine: Engine | None = None
        self._patching = patch
        patch.setattr(_ssh, "_run", self._keygen)
        patch.setattr(_process, "run", self.program)
        self.play(patch)
        boundaries.watch_kinds(self, patch)
        boundaries.watch_disk(self, patch)

    @classmethod
    def warm(cls) -> None:
        """Let all be imported and loaded that cells would each load anew, once and before they are forked off."""
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            world = cls(pathlib.Path(folder), patch)
            world.run()
            world.run("absent")

    # What a driver's world says

    def play(self, patch: boundaries.Patch) -> None:
        """Put the doubles in place; what they answer crosses by ``self.cross(kind, name, effect)``."""

    def options(self) -> dict[str, t.Any]:
        """What a machine is asked for, with all that it may have."""
        return {}

    def set(self, **traits: t.Any) -> None:
        """Let the provider behave otherwise from now on."""

    def things(self) -> list[Thing]:
        """All that exists at the provider and seems to be ours."""
        return []

    def exists(self, resource: dict[str, t.Any]) -> bool:
        """Whether that resource of a record is a thing; if not, it is how things hang together."""
        return True

    def copy(self) -> None:
        """Somebody launches more like each of our things; notes them in ``copied``, and things() has none of them."""

    def looks(self, id: str) -> str:
        """A copy as it is."""
        raise NotImplementedError

    def ask_a_person(self) -> None:
        """Who takes our tags from what is somebody's, and lets prune remove what nothing proves and is ours."""
        for id in self.copied:
            self.untag(id)
            self.copied[id] = self.looks(id)
        unknown = self.ids() - self.watch.recorded()
        survey = _survey.Survey(self.driver, self.store(), self.wish(""), self.clock)
        _prune.Pruner(survey, sorted(unknown)).run()

    def untag(self, id: str) -> None:
        raise NotImplementedError

    def suits(self, fault: str, boundary: Boundary) -> bool:
        """Whether that can go wrong there."""
        return True

    def fail(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        """Do, or don't do, what crosses; and answer, or raise, as the provider's client does then."""
        if boundary.kind == SSH:
            return self.hosts.fail(fault, effect)
        if boundary.kind == HOST:
            raise HostError(f"{boundary.name} failed")
        raise NotImplementedError(f"{fault} of {boundary}")

    def program(self, line: list[str], limit: float | None = None, **settings: t.Any) -> t.Any:
        """In the place of _process.run."""
        assert pathlib.Path(line[0]).name == "ssh", line
        self.said.append(" ".join(line))
        return self.hosts.run(line, limit)

    def become(self, somebody: bool) -> None:
        """Be another one for what the task's arguments don't say."""

    def power_cut(self) -> None:
        """What is on the disk is as it is; what ran on this controller has ended."""

    # Running a task

    def store(self) -> FileStore:
        return FileStore(str(self.store_folder))

    @classmethod
    def states(cls) -> list[str]:
        """The states that the driver's machines can be brought to."""
        wish = _lifecycle.Wish(name=NAME, driver=cls.name, options={}, given=set(), secret=set())
        return _lifecycle.Lifecycle(cls.driver, FileStore("/nowhere"), wish).states()

    def wish(self, name: str = NAME, options: dict[str, t.Any] | None = None, **more: t.Any) -> _lifecycle.Wish:
        spec = self.driver.argument_spec
        given = {**self.options(), **(options or {})}
        said = {
            "options": {**{key: one.get("default") for key, one in spec.items()}, **given},
            "given": {key for key, value in given.items() if value is not None},
            "secret": _module.secret_options(self.driver),
            "timeout": self.timeout,
            "stop_timeout": self.timeout / 4,
        }
        return _lifecycle.Wish(**{"name": name, "driver": self.name, **said, **more})

    def lifecycle(self, name: str = NAME, options: dict[str, t.Any] | None = None, **more: t.Any) -> t.Any:
        return _lifecycle.Lifecycle(self.driver, self.store(), self.wish(name, options, **more), self.clock)

    def begin(self) -> None:
        """Another process begins."""
        self.dead = False
        self.watch.answered.clear()  # who was killed has forgotten them

    def run(self, state: str = "present", name: str = NAME, **wish: t.Any) -> t.Any:
        """One task, run as the module runs it."""
        self.begin()
        lifecycle = self.lifecycle(name, **wish)
        if state in ("present", "started"):
            return lifecycle.present(start=state == "started")
        return lifecycle.absent() if state == "absent" else lifecycle.power(state)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def lose_record(self) -> None:
        (self.folder() / "machine.json").unlink()

    def age(self) -> None:
        """Let the client's certificate be old."""
        old = self.store().ca_files()["client-cert.pem"]
        _tls.needs_renewal = lambda text, *_more: "it is old" if text == old else None  # type: ignore[assignment]

    # Boundaries

    def cross(
        self,
        kind: str,
        name: str,
        effect: t.Callable[[], t.Any],
        torn: t.Callable[[], t.Any] | None = None,
    ) -> t.Any:
        """All that crosses the process comes through here."""
        if self.dead:
            raise Crash
        if self.engine:
            self.engine.check()
        boundary, number = Boundary(kind, name, self.doing), len(self.crossed)
        self.crossed.append(boundary)
        if kind != boundaries.DISK:
            self.clock.now += CALL_TAKES
            self.watch.call(boundary)
        try:
            if self.fault:
                return self.fault.strike(self, number, boundary, effect, torn)
            return effect()
        finally:
            if kind != boundaries.DISK and not self.dead:
                while self.late:
                    self.late.pop(0)()

    def die(self) -> t.NoReturn:
        self.dead = True
        raise Crash

    def program_writes(self, path: pathlib.Path, text: str | bytes) -> None:
        """A file as a program writes it: not synced."""
        fresh = not path.exists()
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        if self.survives and path.is_relative_to(self.disk):
            self.survives.made(str(path)) if fresh else self.survives.written(str(path))

    def resume(self) -> None:
        """After a power cut, the disk is as it was left."""
        if self.left is not None:
            with self.stepping_aside():
                for path in self.disk.iterdir():
                    shutil.rmtree(path)
                write_state(self.left, self.disk)
            self.left = None
            self.power_cut()

    @contextlib.contextmanager
    def stepping_aside(self) -> t.Iterator[None]:
        """What the test does to the disk is no boundary."""
        self.aside = True
        try:
            yield
        finally:
            self.aside = False

    # Looking

    def records(self) -> dict[str, dict[str, t.Any]]:
        found = {}
        machines = self.store_folder / "machines"
        for name in os.listdir(machines) if machines.is_dir() else ():
            with contextlib.suppress(OSError):
                if name[0].isalpha():
                    with open(f"{machines}/{name}/machine.json", encoding="utf-8") as file:
                        found[name] = json.load(file)
        return found

    def record(self, name: str = NAME) -> dict[str, t.Any]:
        return self.records()[name]

    def folder(self, name: str = NAME) -> pathlib.Path:
        return self.store_folder / "machines" / name

    def ids(self) -> set[str]:
        return {thing.id for thing in self.things()}

    def set_up(self) -> None:
        """The machine's Engine, as the role leaves it."""
        self.engine = Engine(self, self._patching)

    def check(self) -> None:
        self.watch.end()
        self.watch.copies()
        if self.engine:
            self.engine.check()

    def shape(self) -> dict[str, t.Any]:
        """What there is, without what differs by chance: ids, times, tries."""
        things = sorted((thing.kind, json.dumps(thing.shape, sort_keys=True)) for thing in self.things())
        machines = {
            name: {
                "status": record["status"],
                "resources": [(one["key"], one["status"]) for one in record["resources"]],
                "options": record["options"],
                "labels": record["labels"],
                "files": sorted(path.name for path in self.folder(name).iterdir() if ".new" not in path.name),
            }
            for name, record in self.records().items()
        }
        engine = {"engine": self.engine.shape()} if self.engine else {}
        return {"things": things, "machines": machines, **engine}

    # Helpers

    def _uuid(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {next(self._uuids)}")

    def _keygen(self, command: list[str]) -> str:
        """In the place of ssh-keygen, which costs a process."""
        path = pathlib.Path(command[command.index("-f") + 1])
        public = f"ssh-ed25519 AAAA{next(self._uuids):08d}"

        def effect() -> str:
            # Client keys go nowhere; the host's own goes to the host, in its user data.
            private = "the host's private key" if "host" in path.name else KEY_CANARY
            for name, text in ((path, private), (path.with_name(path.name + ".pub"), f"{public} comment")):
                self.program_writes(name, text)
            return public

        return self.cross("program", "ssh-keygen", effect)


def find(name: str) -> type[World]:
    """The world of a driver: tests/faults/worlds/NAME.py."""
    return importlib.import_module(f"tests.faults.worlds.{name}").World


def names() -> list[str]:
    return sorted(path.stem for path in pathlib.Path(__file__).parent.glob("worlds/[a-z]*.py"))
