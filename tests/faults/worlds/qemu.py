# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU, played: its programs, the processes that it leaves in the background, and the socket that they listen on."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import struct
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _process, _qemu
from ansible_collections.dockyard.machine.plugins.modules import qemu
from tests.doubles import qemu as double
from tests.faults import boundaries, faults, world
from tests.faults.boundaries import Boundary
from tests.faults.invariants import Thing

QMP, PROGRAM = "qmp", "program"
STOPS_FOR = 2.0  # seconds that a guest takes to shut down
ERROR, FULL, KILLED = "error", "disk-full", "ends-by-itself"


@dataclasses.dataclass
class Process:
    """A QEMU that runs."""

    name: str
    state: str = "running"
    ends_at: float | None = None


class Socket:
    """A UNIX socket, as far as qmp() uses one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = ""
        self.answers = [b'{"QMP": {}}\n']

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_error: t.Any) -> None:
        pass

    def makefile(self, _mode: str) -> Socket:
        return self

    def settimeout(self, _seconds: float) -> None:
        pass

    def flush(self) -> None:
        pass

    def connect(self, name: str) -> None:
        self.folder = os.getcwd()
        if self.world.process(self.folder) is None:
            raise ConnectionRefusedError(name) if os.path.exists(name) else FileNotFoundError(name)

    def write(self, line: bytes) -> None:
        command = json.loads(line)["execute"]
        if command == "qmp_capabilities":
            self.answers.append(b'{"return": {}}\n')
        else:
            self.answers.append(self.world.cross(QMP, command, lambda: self.world.command(self.folder, command)))

    def readline(self) -> bytes:
        return self.answers.pop(0) if self.answers else b""


class World(world.World):
    driver = qemu.Qemu
    name = "dockyard.machine.qemu"
    failures = {
        QMP: (faults.TIMEOUT_BEFORE, faults.TIMEOUT_AFTER, faults.RESET, ERROR),
        PROGRAM: (ERROR, FULL, KILLED),
    }
    changes = {
        "resize": {"options": {"memory": 2048, "disk_size": 20}, "allow_stop": True},
        "recreate": {"options": {"image": "other"}, "recreate": True},
    }
    elsewhere = {"options": {"listen": "0.0.0.0"}}
    somebody_else = {"lock_timeout": 1}  # another controller: see become()

    def play(self, patch: boundaries.Patch) -> None:
        folder = self.disk.parent
        programs = double.programs(folder, t.cast(pytest.MonkeyPatch, patch))
        (programs / "qemu-img").write_text("#!/bin/sh\nexit 33\n")
        (programs / "qemu-img").chmod(0o755)
        (double.baked_image(folder) / "kernel").touch()
        self.other = folder / "other"
        self.other.mkdir()
        for path in (folder / "cache/dockyard/images/default").iterdir():
            (self.other / path.name).write_bytes(path.read_bytes())
        self.processes: dict[str, Process] = {}
        self.me = "this controller"
        fake = types.SimpleNamespace(socket=lambda _family: Socket(self), AF_UNIX=1)
        patch.setattr(_qemu, "socket", fake)
        patch.setattr(_qemu, "free_port", lambda *_arguments: True)
        patch.setattr(_qemu, "controller", lambda: self.me)
        patch.setattr(_qemu, "_end", lambda folder: self.processes.pop(folder, None))

    def become(self, somebody: bool) -> None:
        self.me = "another controller" if somebody else "this controller"

    def options(self) -> dict[str, t.Any]:
        return {"accelerator": "tcg", "architecture": "x86_64", "memory": 1024}

    def wish(self, name: str = world.NAME, options: dict[str, t.Any] | None = None, **more: t.Any) -> t.Any:
        if (options or {}).get("image") == "other":
            options = {**(options or {}), "image": str(self.other)}
        return super().wish(name, options, **more)

    def things(self) -> list[Thing]:
        found = {}
        for path in self.store_folder.glob("machines/*/vm/vm.json"):
            definition = _qemu.read_json(str(path)) or {}
            shape = {key: definition[key] for key in ("memory", "cpus", "image")}
            running = self.process(str(path.parent))
            shape["state"] = running.state if running else "stopped"
            found[definition["name"]] = Thing(definition["name"], "VM", definition["name"], shape=shape)
        for one in self.processes.values():
            found.setdefault(one.name, Thing(one.name, "VM", one.name))
        return list(found.values())

    def power_cut(self) -> None:
        self.processes.clear()

    # QEMU

    def process(self, folder: str) -> Process | None:
        one = self.processes.get(folder)
        if one and one.ends_at is not None and self.clock.now >= one.ends_at:
            del self.processes[folder]
            return None
        return one

    def command(self, folder: str, command: str) -> bytes:
        one = self.process(folder)
        if one is None:
            return b""
        if command == "query-status":
            return json.dumps({"return": {"status": one.state}}).encode()
        if command == "quit":
            del self.processes[folder]
        elif command == "system_powerdown":
            one.ends_at = one.ends_at or self.clock.now + STOPS_FOR
        else:
            one.state = {"stop": "paused", "cont": "running"}[command]
        return b'{"return": {}}\n'

    def program(self, line: list[str], limit: float | None = None, **settings: t.Any) -> _process.Result[str]:
        name = pathlib.Path(line[0]).name
        if not name.startswith("qemu"):
            return super().program(line, limit, **settings)
        self.said.append(" ".join(line))
        effect = (lambda: self._image(line)) if name == "qemu-img" else lambda: self._start(line, settings["cwd"])
        what = f"{name} {line[1]}" if name == "qemu-img" else name
        status, error = self.cross(PROGRAM, what, effect)
        return _process.Result(line, status, "", error)

    def _image(self, line: list[str]) -> tuple[int, str]:
        path, size = pathlib.Path(line[-2]), int(line[-1].rstrip("G")) << 30
        self.program_writes(path, b"QFI\xfb" + bytes(20) + struct.pack(">Q", size))
        if self.survives:
            self.survives.synced(str(path))  # QEMU flushes what it writes into a disk's head
        return 0, ""

    def _start(self, line: list[str], folder: str) -> tuple[int, str]:
        if self.process(folder):
            return 1, "Cannot lock pid file: Resource temporarily unavailable"
        self.processes[folder] = Process(line[line.index("-name") + 1])
        for name in ("qemu.pid", "qmp.sock", "console.log"):
            self.program_writes(pathlib.Path(folder) / name, "")
        return 0, ""

    def suits(self, fault: str, boundary: Boundary) -> bool:
        if fault == KILLED:
            return boundary.name.startswith("qemu-system")
        if fault == FULL:
            return boundary.name.startswith("qemu-img")
        if fault == ERROR and boundary.name == "ssh-keygen":
            return False
        return fault != faults.TIMEOUT_AFTER or boundary.changes

    def fail(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        if boundary.kind == PROGRAM:
            return self._fail_program(fault, boundary, effect)
        if fault in (faults.TIMEOUT_AFTER, faults.RESET):
            effect()
        if fault == faults.RESET:
            return b'{"ret'
        if fault == ERROR:
            return b'{"error": {"class": "GenericError", "desc": "no"}}\n'
        self.clock.now += _qemu.QMP_LIMIT
        raise TimeoutError("timed out")

    def _fail_program(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        if fault == KILLED:
            effect()
            self.processes.clear()
            return 0, ""
        return 1, "No space left on device" if fault == FULL else "Something is wrong"
