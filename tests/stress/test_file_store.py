# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real store in a folder, with real processes: many on few machines, killed at any moment."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import random
import signal
import time
import typing as t

import pytest

from ansible_collections.acme.cloud.plugins.modules.thing import Acme
from ansible_collections.dockyard.machine.plugins.module_utils import _module, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Lock
from tests.faults.processes import Controller, until

AT_ONCE = 8
SECONDS = 6.0
NAMES = ("web1", "web2", "web3")
DONE, FAILED = 0, 3  # how a process ends


class Quick(Acme):
    call_limit = 0.5  # seconds: its cloud is a file


class Watched(FileStore):
    """Whoever has a lock has another one, too, that nobody else can have had: the test's own."""

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60) -> t.Iterator[Lock]:
        with super().lock(name, timeout) as lock, open(f"{self.path}.{name}", "w") as file:
            until(lambda: _taken(file.fileno()), "the lock of one that is dying", 0.5)
            yield lock


def _taken(file: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


class Runs:
    """Tasks, each in a process of its own."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.killed = 0

    def start(self, verb: str, name: str, **options: t.Any) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            self._run(verb, name, options)
            os._exit(DONE)
        except MachineError:
            os._exit(FAILED)
        finally:
            os._exit(FAILED + 1)

    def _run(self, verb: str, name: str, options: dict[str, t.Any]) -> None:
        given = {"endpoint": str(self.controller.endpoint), **options}
        defaults = {key: one.get("default") for key, one in Quick.argument_spec.items()}
        wish = Wish(name, "acme.cloud.thing", {**defaults, **given}, set(given), _module.secret_options(Quick))
        wish.lock_timeout, wish.timeout, wish.recreate, wish.allow_stop = 30, 30, True, True
        wish.keep_options = not options
        lifecycle = Lifecycle(Quick, Watched(str(self.controller.store)), wish)
        if verb == "present":
            lifecycle.present(start=True)
        elif verb == "absent":
            lifecycle.absent()
        else:
            lifecycle.power(verb)

    def finish(self, verb: str, name: str, **options: t.Any) -> None:
        assert os.waitstatus_to_exitcode(os.waitpid(self.start(verb, name, **options), 0)[1]) == DONE, (verb, name)

    def storm(self, one: random.Random) -> None:
        """For some seconds; then those that still run are killed, too."""
        end = time.monotonic() + SECONDS
        ends: dict[int, float] = {}  # process -> when it is killed

        def over() -> bool:
            now = time.monotonic()
            for pid, at in list(ends.items()):
                late = now > min(at, end)
                if late:
                    os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0 if late else os.WNOHANG)
                if ended:
                    del ends[pid]
                    code = os.waitstatus_to_exitcode(status)
                    assert code in (DONE, FAILED, -signal.SIGKILL)
                    self.killed += code == -signal.SIGKILL
            while now < end and len(ends) < AT_ONCE:
                verb = one.choice(("present", "present", "present", "absent", "absent", "stopped"))
                options = {"disk": one.choice((0, 5)), "memory": one.choice((512, 1024))} if verb == "present" else {}
                ends[self.start(verb, one.choice(NAMES), **options)] = now + one.choice((0.1, 0.5, 30)) * one.random()
            return not ends

        until(over, "the end of all", SECONDS + 10)


@pytest.fixture()
def runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    def keygen(command: list[str]) -> str:
        path = pathlib.Path(command[command.index("-f") + 1])
        path.write_text("private")
        path.with_name(f"{path.name}.pub").write_text(f"ssh-ed25519 AAAA{os.getpid()} comment")
        return ""

    monkeypatch.setattr(_ssh, "_run", keygen)
    controller = Controller(tmp_path)
    controller.cloud.set(lag=0.1, boot=0.1)
    return Runs(controller)


def test_many_processes_on_few_machines(runs: Runs) -> None:
    runs.storm(random.Random(1))
    assert runs.killed > 20
    controller = runs.controller
    for name in NAMES[:2]:
        runs.finish("present", name, disk=5)
    runs.finish("absent", NAMES[2])
    controller.check()
    assert sorted(controller.records()) == list(NAMES[:2])
    calls = len(controller.cloud.look()["ledger"])
    for name in NAMES[:2]:
        runs.finish("present", name, disk=5)
    since = [one["call"] for one in controller.cloud.look()["ledger"][calls:]]
    assert not [call for call in since if not call.startswith(("list_", "get_", "whoami", "newest_"))], since
    for name in NAMES[:2]:
        runs.finish("absent", name)
    left = controller.cloud.look()
    assert not left["things"] and not left["keys"] and not left["volumes"]
    assert os.listdir(controller.store / "machines") == []
