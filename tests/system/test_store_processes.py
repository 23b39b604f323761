# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores under real processes: first runs at once, no lost update, and whole records when writers are killed."""

from __future__ import annotations

import collections.abc
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _store
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from tests.doubles import s3

Start = collections.abc.Callable[[str, str], "subprocess.Popen[str]"]
HEAD = """
import sys
from ansible_collections.dockyard.machine.plugins.module_utils import _store
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
store = _store.open_store(sys.argv[1])
sys.stdin.readline()
"""
FIRST = """
store.create()
with store.lock(sys.argv[2], 300) as lock:
    store.save(Record("0123456789ab", sys.argv[2], "x"), lock)
store.make_ca()
store.fill_ca()
print(store.id, open(store.ca + "/server-ca-key.pem").read().split()[4])
"""
COUNT = """
for number in range(int(sys.argv[2])):
    with store.lock("web1", 300) as lock:
        record = store.read("web1")
        record.labels["count"] = str(int(record.labels["count"]) + 1)
        store.save(record, lock)
        print(record.labels["count"], flush=True)
"""


@pytest.fixture(scope="module")
def double() -> collections.abc.Iterator[s3.S3Double]:
    with s3.serve() as it:
        yield it


@pytest.fixture(params=["file", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "file":
        return str(tmp_path / "store")
    it = request.getfixturevalue("double")
    for name, value in it.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{it.bucket()}/store"


@pytest.fixture()
def start(where: str) -> collections.abc.Iterator[Start]:
    """Starts a process that opens the store and then waits for a line."""
    with contextlib.ExitStack() as stack:

        def begin(code: str, argument: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", HEAD + code, where, argument],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield begin


def go(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()


def test_first_runs_at_once_make_one_store_and_one_ca(where: str, start: Start) -> None:
    processes = [start(FIRST, f"m{number}") for number in range(8)]
    go(processes)
    said = {process.communicate(timeout=300)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 8
    assert len(said) == 1, "one UUID, one key of the CA"
    assert _store.open_store(where).names() == [f"m{number}" for number in range(8)]


def test_no_update_is_lost(where: str, start: Start) -> None:
    count(where, "0")
    rounds = 25
    processes = [start(COUNT, str(rounds)) for _number in range(4)]
    go(processes)
    said = [process.communicate(timeout=300)[0].split() for process in processes]
    assert sorted(int(one) for lines in said for one in lines) == list(range(1, 4 * rounds + 1))
    assert count(where) == 4 * rounds


@pytest.mark.parametrize("where", ["file"], indirect=True)
def test_writers_that_are_killed_leave_whole_records_and_no_lock(where: str, start: Start) -> None:
    count(where, "0")
    chance = random.Random(7)
    seen = 0
    for number in range(20):
        process = start(COUNT, "1000000")
        go([process])
        assert process.stdout
        for _line in range(chance.randint(1, 20)):
            seen += 1
            assert int(process.stdout.readline()) == seen, f"round {number}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        # What it has saved and could not tell any more
        seen += len(process.stdout.read().split())
        assert seen <= count(where) <= seen + 1
        seen = count(where)


def count(where: str, new: str | None = None) -> int:
    store = _store.open_store(where)
    if new is not None:
        store.create()
        with store.lock("web1") as lock:
            store.save(Record("0123456789ab", "web1", "x", labels={"count": new}), lock)
    record = store.read("web1")
    assert record
    return int(record.labels["count"])
