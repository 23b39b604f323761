# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How benchmarks run things, take times, and say what came out."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t

from tests.system._harness import Ansible
from tests.tools import artifact


@contextlib.contextmanager
def ansible(collections: pathlib.Path | None = None) -> t.Iterator[Ansible]:
    """The installed artifact, in a folder of the benchmark's own that is deleted at its end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dy-", dir="/tmp"))
    try:
        runs = Ansible(collections or artifact.install(), folder)
        del runs.environment["ANSIBLE_CALLBACKS_ENABLED"]  # nobody reads events here
        yield runs
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seconds(command: list[str], environment: t.Mapping[str, str]) -> float:
    """One run, its output thrown away; a failure ends the benchmark."""
    started = time.monotonic()
    subprocess.run(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def in_turn(runs: int, *commands: t.Callable[[], float]) -> list[float]:
    """The median of each, taken in turn, so that a busy moment hits all alike."""
    taken: list[list[float]] = [[] for _command in commands]
    for _run in range(runs):
        for one, command in zip(taken, commands, strict=True):
            one.append(command())
    return [statistics.median(one) for one in taken]


def controller_seconds(folder: pathlib.Path) -> float:
    """Seconds of processors that Ansible's processes have taken, with those of ssh that stay for the next task.

    The latter keep their sockets below this folder, and go a minute after their last use.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    for process in _lasting_connections(folder):
        with contextlib.suppress(OSError):
            _TAKEN[process] = _processor_seconds(process)
    return used.ru_utime + used.ru_stime + sum(_TAKEN.values())


_TAKEN: dict[pathlib.Path, float] = {}  # by connection, also of those that have gone since


def _lasting_connections(folder: pathlib.Path) -> list[pathlib.Path]:
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"ssh: {folder}/".encode() in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def _processor_seconds(process: pathlib.Path) -> float:
    """proc(5), stat: utime, stime and those of its children."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def report(what: str, value: float, goal: float, taken: str, unit: str = "", just: bool = False) -> None:
    """The line that goes to docs/performance.md. With ``just``, to stay below the goal is to miss it."""
    verdict = "met" if value == goal or (value < goal and not just) else "missed"
    print(f"{what}: {value:.3g}{unit} (goal: {goal:g}{unit}, {verdict}; {taken})", flush=True)
