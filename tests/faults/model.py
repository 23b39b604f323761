# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world for the lifecycle: a cloud in memory, a store in a folder, a clock that only waiting moves, and crashes.

A boundary is what crosses the process: a call to the cloud, and each step that makes something durable in the store.
A world can crash before and after each of them; from then on the crashed run does nothing any more, as if killed.
All the while the invariants are watched over, at each call and at each save.
"""

from __future__ import annotations

import copy
import json
import os
import pathlib
import shutil
import tempfile
import typing as t

import pytest

from ansible_collections.acme.cloud.plugins.module_utils import cloud as acme_cloud
from ansible_collections.acme.cloud.plugins.modules import thing
from ansible_collections.dockyard.machine.plugins.module_utils import _module, _resources, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Outcome, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore

CANARY = "canary-3f9a"
DRIVER = "acme.cloud.thing"
MAKES = {"import_key": "Key", "create_volume": "Volume", "run_thing": "Thing"}
READS = {"whoami", "newest_image", "get_network", "list_keys", "list_volumes", "list_things"}
DEFAULTS = {name: one.get("default") for name, one in thing.Acme.argument_spec.items()}


class Crash(BaseException):
    """kill -9, as far as one process can play it."""


class Broken(BaseException):
    """An invariant does not hold. No Exception, which the lifecycle would take for the provider's."""


def holds(condition: t.Any, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)


class Clock(_resources.Clock):
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


class MemoryCloud(acme_cloud.Cloud):
    def __init__(self, world: World, account: str) -> None:
        super().__init__(account, world.clock.time, world.state)
        self.world = world

    def _call(self, call: str, target: str, effect: t.Callable[[t.Any], t.Any]) -> t.Any:
        self.world.boundary(f"before {call}")
        self.world.watch_call(call)
        try:
            result = super()._call(call, target, effect)
        finally:
            self.world.boundary(f"after {call}")
        if call in MAKES:
            self.world.answered.add(result)
        return result


class World:
    def __init__(self, folder: pathlib.Path) -> None:
        self.store_folder = folder / "store"
        self.clock = Clock()
        self.state: dict[str, t.Any] = copy.deepcopy(acme_cloud.EMPTY)
        self.boundaries: list[str] = []
        self.crash_at: int | None = None
        self.dead = False
        self.answered: set[str] = set()  # ids that a create has told
        world = self

        class Model(thing.Acme):
            def connect(self) -> t.Any:
                return MemoryCloud(world, self.options["token"].partition(":")[0])

        self.driver: type[thing.Acme] = Model
        self.cloud = acme_cloud.Cloud("acme", self.clock.time, self.state)

    # Running a task

    def lifecycle(self, name: str = "web1", options: dict[str, t.Any] | None = None, **wish: t.Any) -> Lifecycle:
        given = {"endpoint": "memory", **(options or {})}
        return Lifecycle(
            self.driver,
            FileStore(str(self.store_folder)),
            Wish(
                **{
                    "name": name,
                    "driver": DRIVER,
                    "options": {**DEFAULTS, **given},
                    "given": set(given),
                    "secret": _module.secret_options(thing.Acme),
                    **wish,
                }
            ),
            self.clock,
        )

    def run(self, state: str = "present", name: str = "web1", **wish: t.Any) -> Outcome:
        """One task, run as the module runs it."""
        self.dead = False
        self.answered.clear()  # who was killed has forgotten them
        lifecycle = self.lifecycle(name, **wish)
        if state in ("present", "started"):
            return lifecycle.present(start=state == "started")
        return lifecycle.absent() if state == "absent" else lifecycle.power(state)

    def crash(self, at: int, *arguments: t.Any, **wish: t.Any) -> None:
        """One task that ends at that boundary."""
        self.boundaries, self.crash_at = [], at
        with pytest.raises(Crash):
            self.run(*arguments, **wish)
        self.crash_at = None

    def copy(self, folder: pathlib.Path) -> World:
        """Another world that begins as this one is now."""
        other = World(folder)
        if self.store_folder.exists():
            shutil.copytree(self.store_folder, other.store_folder, symlinks=True)
            if (other.store_folder / "store.json").exists():
                FileStore(str(other.store_folder)).claim()
        other.state.update(copy.deepcopy(self.state))
        other.clock.now = self.clock.now
        return other

    # Boundaries

    def boundary(self, name: str) -> None:
        if self.dead:
            raise Crash
        if self.crash_at == len(self.boundaries):
            self.dead = True
            raise Crash(name)
        self.boundaries.append(name)

    # Invariants

    def watch_call(self, call: str) -> None:
        if call in MAKES:
            creating = [
                one
                for record in self.records().values()
                for one in record["resources"]
                if one["kind"] == MAKES[call] and one["status"] == "creating" and one["id"] is None
            ]
            holds(creating, f"{call} without a durable frozen request")
        recorded = {one["id"] for record in self.records().values() for one in record["resources"]}
        late = (self.answered & self.ids()) - recorded
        holds(not late, f"{call} before {late} was saved")

    def watch_save(self, path: str, old: dict[str, t.Any] | None, new: dict[str, t.Any] | None) -> None:
        """Between two contents of a machine.json."""
        before = old or {"resources": [], "revision": 0}
        if new is not None:
            holds(new["revision"] == before["revision"] + 1, f"{path}: a save that was no compare-and-set")
        kept = {one["id"] for one in (new or {"resources": []})["resources"]}
        for one in before["resources"]:
            if one["id"] and not one["existing"] and one["id"] not in kept:
                holds(one["id"] not in self.ids(), f"{one['id']} left the record and still exists")
        if new is None and old is not None:
            self.assert_nothing_of(old["id"])

    # Looking

    def records(self) -> dict[str, dict[str, t.Any]]:
        return {path.parent.name: json.loads(path.read_text()) for path in self.store_folder.glob("machines/*/*e.json")}

    def folder(self, name: str = "web1") -> pathlib.Path:
        return self.store_folder / "machines" / name

    def record(self, name: str = "web1") -> dict[str, t.Any]:
        return self.records()[name]

    def ids(self) -> set[str]:
        return {id for kind in ("things", "keys", "volumes") for id in self.state[kind]}

    def calls(self, since: int = 0) -> list[str]:
        return [entry["call"] for entry in self.state["ledger"][since:]]

    def assert_nothing_of(self, id: str) -> None:
        """The ledger has nothing with that record's id."""
        tagged = [
            one for kind in ("things", "volumes") for one in self.state[kind].values() if one["tags"].get("id") == id
        ]
        named = [key for key in self.state["keys"].values() if f"-{id[:6]}-" in key["name"]]
        holds(not tagged and not named, f"left behind: {tagged + named}")

    def check(self) -> None:
        """What holds whenever no run is under way that succeeded last."""
        recorded: list[str] = []
        for record in self.records().values():
            for one in record["resources"]:
                assert one["existing"] or one["id"], f"{one['key']} is unresolved"
                recorded += [] if one["existing"] else [one["id"]]
        assert len(recorded) == len(set(recorded))
        assert set(recorded) == self.ids(), "the record and the cloud differ"
        for path in self.store_folder.rglob("*"):
            if path.is_file():
                assert CANARY not in path.read_text(), f"a secret in {path}"
                assert path.stat().st_mode & 0o077 == 0, f"others may read {path}"
            elif path.is_dir():
                assert path.stat().st_mode & 0o077 == 0, f"others may enter {path}"
        assert not list(self.store_folder.glob("machines/.*")), "a removed machine's folder is still there"

    def shape(self) -> dict[str, t.Any]:
        """What there is, without what differs from world to world by chance: ids, times, tries."""
        things = [
            {**{key: one[key] for key in ("zone", "memory", "image", "state", "rules")}, "disk": bool(one["volume"])}
            for one in self.state["things"].values()
        ]
        machines = {
            name: {
                "status": record["status"],
                "resources": [(one["key"], one["status"]) for one in record["resources"]],
                "options": record["options"],
                "labels": record["labels"],
                "files": sorted(path.name for path in self.folder(name).iterdir() if ".new." not in path.name),
            }
            for name, record in self.records().items()
        }
        counts = {kind: len(self.state[kind]) for kind in ("keys", "volumes")}
        return {"things": things, "machines": machines, **counts}


def read(path: t.Any) -> dict[str, t.Any] | None:
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None


class Worlds:
    """Makes worlds, of which the last one made (or entered) is watched: each durable step is a boundary."""

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.number = 0
        self.current: World | None = None
        for name in ("rename", "link"):
            monkeypatch.setattr(os, name, self._step(getattr(os, name)))
        monkeypatch.setattr(os, "unlink", self._unlink(os.unlink))
        monkeypatch.setattr(shutil, "rmtree", self._remove_tree(shutil.rmtree))
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        monkeypatch.setattr(_ssh, "_run", _keygen)

    def __call__(self, start: World | None = None) -> World:
        self.current = None
        self.number += 1
        folder = self.folder / f"world-{self.number}"
        folder.mkdir()
        self.current = start.copy(folder) if start else World(folder)
        return self.current

    def enter(self, world: World) -> None:
        self.current = world

    def _of(self, path: t.Any) -> World | None:
        return self.current if self.current and str(path).startswith(str(self.current.store_folder)) else None

    def _step(self, real: t.Callable[..., None]) -> t.Callable[..., None]:
        def durable(source: t.Any, target: t.Any, **more: t.Any) -> None:
            world, what = self._of(source), pathlib.Path(target).name
            if world is None:
                real(source, target, **more)
                return
            world.boundary(f"before {what}")
            if what == "machine.json":
                world.watch_save(target, read(target), read(source))
            elif what.startswith(".removed-"):
                world.watch_save(source, read(pathlib.Path(source) / "machine.json"), None)
            real(source, target, **more)
            world.boundary(f"after {what}")

        return durable

    def _unlink(self, real: t.Callable[..., None]) -> t.Callable[..., None]:
        def unlink(path: t.Any, **more: t.Any) -> None:
            world = self._of(path)
            if world and world.dead:
                raise Crash  # who was killed tidies nothing up
            real(path, **more)

        return unlink

    def _remove_tree(self, real: t.Callable[..., None]) -> t.Callable[..., None]:
        def remove_tree(path: t.Any, *arguments: t.Any, **more: t.Any) -> None:
            world = self._of(path)
            if world:
                world.boundary(f"before the end of {pathlib.Path(path).name}")
            real(path, *arguments, **more)

        return remove_tree


def _keygen(command: list[str]) -> str:
    """In the place of ssh-keygen, which costs a process."""
    path = pathlib.Path(command[command.index("-f") + 1])
    public = f"ssh-ed25519 AAAA{os.urandom(6).hex()}"
    for name, text in ((path, "private"), (path.with_name(path.name + ".pub"), f"{public} comment")):
        name.write_text(text)
        name.chmod(0o600)
    return public


@pytest.fixture()
def worlds(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Worlds]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, monkeypatch.context() as patched:
        yield Worlds(pathlib.Path(folder), patched)


@pytest.fixture()
def world(worlds: Worlds) -> World:
    return worlds()
