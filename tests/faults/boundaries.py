# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What crosses the process: found by patching from outside, numbered, and where faults strike.

Each step that makes something durable below a world's disk is a boundary of kind "disk"; what a world's doubles
answer (calls to an API, SSH sessions, commands to a hypervisor, programs) are boundaries of the world's own kinds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import re
import shutil
import typing as t

if t.TYPE_CHECKING:
    from tests.faults.world import World

DISK, API = "disk", "api"
READS = ("get", "list")
CHANGES = ("create", "adjust", "tag", "delete", "start", "stop", "restart", "kill", "pause", "unpause")


class Crash(BaseException):
    """kill -9: from here on, nothing that this run does has an effect."""


class Patch(t.Protocol):
    def setattr(self, target: t.Any, name: str, value: t.Any) -> None: ...


@dataclasses.dataclass(frozen=True)
class Boundary:
    """One crossing: of which kind, what, and for which method of which of the driver's kinds."""

    kind: str
    name: str
    doing: str = ""  # "Volume.create"; empty: none, as for the account or a look of the recipe

    @property
    def method(self) -> str:
        return self.doing.rpartition(".")[2]

    @property
    def changes(self) -> bool:
        """It is no mere read."""
        return self.method in CHANGES

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.doing})" if self.doing else "")


def label(path: str) -> str:
    """A path's name, without what differs from run to run by chance."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12}|(?<=\.new\.)\d+", "*", os.path.basename(path))


def watch_kinds(world: World, patch: Patch) -> None:
    """Tell the world which method of the driver's kinds is at work."""
    for kind in world.driver.kinds:
        for name in (*READS, *CHANGES):
            method = getattr(kind, name, None)
            if callable(method):
                patch.setattr(kind, name, _told(world, kind, name, method))


def _told(world: World, kind: type, name: str, method: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    @functools.wraps(method)
    def told(self: t.Any, it: t.Any) -> t.Any:
        if world.doing:  # called by another of its methods
            return method(self, it)
        world.doing = f"{kind.__name__}.{name}"
        try:
            world.watch.method(name, self, it)
            result = method(self, it)
            if name == "create":
                world.watch.answered.add(str(result))
            return result
        finally:
            world.doing = ""

    return told


def watch_disk(world: World, patch: Patch) -> None:
    """Let each durable step below the world's disk cross."""
    root = str(world.disk)
    real = {
        name: getattr(os, name) for name in ("open", "write", "fsync", "rename", "link", "unlink", "mkdir", "rmdir")
    }

    def inside(path: t.Any) -> str | None:
        if world.aside or isinstance(path, int):
            return None
        where = os.path.abspath(os.fspath(path))
        return where if isinstance(where, str) and where.startswith(root) else None

    def behind(descriptor: int) -> str | None:
        with contextlib.suppress(OSError):
            return inside(os.readlink(f"/proc/self/fd/{descriptor}"))
        return None

    def open_(path: t.Any, flags: int, mode: int = 0o777, **more: t.Any) -> int:
        where = None if more else inside(path)
        if where is None or not flags & (os.O_CREAT | os.O_TRUNC):
            return real["open"](path, flags, mode, **more)
        fresh = not os.path.lexists(where)
        if not fresh and not flags & os.O_TRUNC:
            return real["open"](path, flags, mode)

        def effect() -> int:
            descriptor = real["open"](path, flags, mode)
            if world.survives:
                world.survives.made(where) if fresh else world.survives.written(where)
            return descriptor

        return world.cross(DISK, f"open {label(where)}", effect)

    def write(descriptor: int, data: bytes) -> int:
        where = behind(descriptor)
        if where is None:
            return real["write"](descriptor, data)

        def effect(part: int | None = None) -> int:
            if world.survives:
                world.survives.written(where)
            return real["write"](descriptor, data[:part])

        return world.cross(DISK, f"write {label(where)}", effect, torn=lambda: effect(len(data) // 2))

    def fsync(descriptor: int) -> None:
        where = behind(descriptor)
        if where is not None:  # the real thing is not needed: no power is cut
            world.cross(DISK, f"fsync {label(where)}", lambda: world.survives and world.survives.synced(where))

    def moves(name: str) -> t.Callable[..., None]:
        def move(source: t.Any, target: t.Any, **more: t.Any) -> None:
            one, two = inside(source), inside(target)
            if one is None or two is None:
                real[name](source, target, **more)
                return

            def effect() -> None:
                if name == "rename":
                    world.watch.rename(one, two)
                real[name](one, two)
                if world.survives:
                    (world.survives.moved if name == "rename" else world.survives.linked)(one, two)

            world.cross(DISK, f"{name} {label(two)}", effect)

        return move

    def removes(name: str) -> t.Callable[..., None]:
        def remove(path: t.Any, **more: t.Any) -> None:
            where = None if more.get("dir_fd") is not None else inside(path)
            if where is None:
                real[name](path, **more)
                return

            def effect() -> None:
                real[name](where)
                if world.survives:
                    world.survives.removed(where)

            world.cross(DISK, f"{name} {label(where)}", effect)

        return remove

    def mkdir(path: t.Any, mode: int = 0o777, **more: t.Any) -> None:
        where = None if more else inside(path)
        if where is None:
            real["mkdir"](path, mode, **more)
            return

        def effect() -> None:
            real["mkdir"](where, mode)
            if world.survives:
                world.survives.made(where)

        world.cross(DISK, f"mkdir {label(where)}", effect)

    rmtree = shutil.rmtree

    def remove_tree(path: t.Any, *arguments: t.Any, **more: t.Any) -> None:
        """By paths, so that each step of it crosses."""
        if inside(path) is None:
            rmtree(path, *arguments, **more)
            return
        ignore = more.get("ignore_errors") or (arguments and arguments[0])
        with contextlib.suppress(*([OSError] if ignore else [])):
            for one in sorted(pathlib.Path(path).iterdir()):
                if one.is_dir() and not one.is_symlink():
                    remove_tree(one)
                else:
                    os.unlink(one)
            os.rmdir(path)

    patch.setattr(os, "open", open_)
    patch.setattr(os, "write", write)
    patch.setattr(os, "fsync", fsync)
    patch.setattr(os, "rename", moves("rename"))
    patch.setattr(os, "replace", moves("rename"))
    patch.setattr(os, "link", moves("link"))
    patch.setattr(os, "unlink", removes("unlink"))
    patch.setattr(os, "remove", removes("unlink"))
    patch.setattr(os, "rmdir", removes("rmdir"))
    patch.setattr(os, "mkdir", mkdir)
    patch.setattr(shutil, "rmtree", remove_tree)
