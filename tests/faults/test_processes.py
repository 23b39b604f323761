# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes on a real file store: killed at any moment, side by side, and with their playbook gone."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import signal

import pytest

from tests.faults.processes import ROOT, Controller, until
from tests.system._harness import Ansible

WORKERS = 4
ROUNDS = 3  # for each worker


@pytest.fixture()
def controller(tmp_path: pathlib.Path) -> Controller:
    return Controller(tmp_path)


def killed(controller: Controller, random_: random.Random, **arguments: object) -> bool:
    """A task killed at some moment: after some of its calls, and a little later."""
    calls = len(controller.cloud.look()["ledger"]) + random_.randrange(1, 40)
    task = controller.start(**arguments)
    until(lambda: task.popen.poll() is not None or len(controller.cloud.look()["ledger"]) >= calls, "its calls")
    with contextlib.suppress(Exception):
        task.popen.wait(random_.random() * 0.05)
    return task.kill()


@pytest.mark.always
@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_moment_and_run_again(controller: Controller, seed: int) -> None:
    controller.cloud.set(lag=0.1, boot=0.1)

    def work(number: int) -> int:
        random_, name, hits = random.Random(seed * 100 + number), f"web{number}", 0
        for _round in range(ROUNDS):
            hits += killed(controller, random_, name=name, disk=5)
            controller.run(name=name, disk=5)
            assert not controller.run(name=name, disk=5)["changed"]
            hits += killed(controller, random_, name=name, state="absent")
            if random_.random() < 0.5:
                controller.run(name=name, disk=5)  # the opposite
            controller.run(name=name, state="absent")
        hits += killed(controller, random_, name=name, disk=5)
        controller.run(name=name, disk=5)
        return hits

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        hits = sum(pool.map(work, range(WORKERS)))
    assert hits >= WORKERS * ROUNDS, "most of them were killed before their end"
    controller.check()
    assert len(controller.records()) == WORKERS
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda number: controller.run(name=f"web{number}", state="absent"), range(WORKERS)))
    state = controller.cloud.look()
    assert not state["things"] and not state["keys"] and not state["volumes"]
    assert os.listdir(controller.store / "machines") == []


def test_two_runs_at_once_make_one_machine(controller: Controller) -> None:
    tasks = [controller.start(disk=5) for _number in range(3)]
    results = [task.result() for task in tasks]
    assert sorted(result["changed"] for result in results) == [False, False, True], results
    assert len({result["machine"]["id"] for result in results}) == 1
    controller.check()
    tasks = [controller.start(state="absent") for _number in range(2)]
    assert sorted(task.result()["changed"] for task in tasks) == [False, True]
    assert not controller.cloud.look()["things"]


def test_eight_first_creates_make_one_store_and_one_ca(controller: Controller) -> None:
    tasks = [controller.start(name=f"web{number}") for number in range(8)]
    for task in tasks:
        assert task.result()["changed"]
    controller.check()
    things = controller.cloud.look()["things"].values()
    store = json.loads((controller.store / "store.json").read_text())
    assert {thing["tags"]["store"] for thing in things} == {store["id"]}
    for file in ("ca.pem", "cert.pem", "key.pem"):
        assert len({(controller.store / "machines" / f"web{n}" / file).read_text() for n in range(8)}) == 1, file
    leftovers = [path.name for path in controller.store.iterdir() if path.name.startswith(".")]
    assert leftovers == []


def test_a_held_lock_names_its_holder(controller: Controller) -> None:
    controller.cloud.set(boot=3)
    first = controller.start()
    until(lambda: controller.cloud.look()["things"], "the first one's create")
    failure = controller.fail(lock_timeout=0.1)
    assert failure["error"]["code"] == "locked" and "lock_timeout" in failure["msg"]
    assert f"web1 is being worked on by process {first.popen.pid} " in failure["msg"]
    assert not first.result().get("failed")
    controller.check()


@pytest.mark.always
def test_a_lock_goes_with_its_process(controller: Controller) -> None:
    controller.cloud.set(boot=60)
    first = controller.start()
    until(lambda: controller.cloud.look()["things"], "the first one's create")
    assert first.kill()
    controller.cloud.set(boot=0)
    assert controller.run(lock_timeout=0)["changed"]
    controller.check()


@pytest.mark.always
def test_the_playbook_is_killed_and_its_module_lives_on(controller: Controller, ansible: Ansible) -> None:
    """The second run waits for the module of the first, and then finds everything done."""
    controller.cloud.set(boot=4)
    collections = f"{ansible.environment['ANSIBLE_COLLECTIONS_PATH']}:{ROOT / 'tests' / 'collections'}"
    arguments = {"name": "web1", "store": str(controller.store), "endpoint": str(controller.endpoint)}
    play = controller.folder / "play.yml"
    tasks = [{"acme.cloud.thing": arguments, "register": "made"}, {"debug": {"var": "made.machine.id"}}]
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    environment = {"ANSIBLE_COLLECTIONS_PATH": collections}
    with ansible.start_playbook(str(play), env=environment) as first:
        until(lambda: controller.cloud.look()["things"], "the first one's create")
        for pid in _playbook(first.popen.pid):
            os.kill(pid, signal.SIGKILL)
        first.popen.communicate()
        holder = json.loads((controller.store / "locks" / "web1").read_text())["pid"]
        os.kill(holder, 0)  # it lives
        second = ansible.playbook(str(play), env=environment).ok()
    assert second.changed == 0, "the module of the first run has finished it"
    assert second.result(action="thing")["machine"]["state"] == "running"
    assert [entry["call"] for entry in controller.cloud.look()["ledger"]].count("run_thing") == 1
    controller.check()
    assert ansible.playbook(str(play), env=environment).ok().changed == 0


def _playbook(pid: int) -> list[int]:
    """ansible-playbook and its workers, which carry its name; not the module."""
    found = [pid]
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes()
            if int(fields[2]) == pid and b"ansible-playbook" in command and int(path.name) != pid:
                found.append(int(path.name))
    return found
