# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and bad disks: each error names what was given and what to do, and nothing is touched."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from tests.faults.processes import ROOT, Controller


@pytest.fixture()
def controller(tmp_path: pathlib.Path) -> Controller:
    return Controller(tmp_path)


@pytest.mark.parametrize("name", ["Web1", "1web", "web1-", "a" * 41, "web_1", "../web1"])
def test_a_bad_name(controller: Controller, name: str) -> None:
    for state in ("present", "absent", "stopped", "gathered"):
        failure = controller.fail(name=name, state=state)
        assert failure["error"]["code"] == "bad_option"
        assert failure["msg"].startswith(f"name: {name!r} ") and "a-z" in failure["msg"]
    assert not controller.store.exists() and not controller.cloud.look()["ledger"]


def test_no_name(controller: Controller) -> None:
    result = controller.start(name=None).result()
    assert result["failed"] and "name" in result["msg"]


def test_an_unknown_option_and_a_bad_value(controller: Controller) -> None:
    result = controller.start(memroy=512).result()
    assert result["failed"] and "memroy" in result["msg"] and "memory" in result["msg"]
    result = controller.start(memory="much").result()
    assert result["failed"] and "memory" in result["msg"] and "much" in result["msg"]
    result = controller.start(state="frozen").result()
    assert result["failed"] and "frozen" in result["msg"] and "present" in result["msg"]
    assert not controller.store.exists()


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_option(controller: Controller, check: bool) -> None:
    failure = controller.fail(endpoint=None, check=check)
    assert failure["error"] == {"code": "bad_option", "left_behind": [], "remedy": failure["error"]["remedy"]}
    assert "endpoint" in failure["msg"] and "acme.cloud.thing" in failure["msg"] and failure["error"]["remedy"]
    failure = controller.fail("dockyard.machine.none", check=check)
    assert "url" in failure["msg"]
    failure = controller.fail("dockyard.machine.generic", check=check)
    assert "address" in failure["msg"]
    assert not controller.store.exists()


def test_a_provider_that_does_not_answer(controller: Controller) -> None:
    failure = controller.fail(endpoint=str(controller.folder / "nowhere"))
    assert "nowhere" in failure["msg"] and failure["error"]["code"]
    assert not (controller.store / "machines" / "web1").exists()


def test_a_wrong_key_file(controller: Controller) -> None:
    failure = controller.fail(ssh_key=str(controller.folder / "no-key"))
    assert failure["error"]["code"] == "bad_option"
    assert failure["msg"].startswith("ssh_key: ") and "no-key" in failure["msg"] and failure["error"]["remedy"]
    assert not controller.store.exists()


def test_an_object_store(controller: Controller) -> None:
    failure = controller.fail(store="s4://bucket/prefix")
    assert failure["msg"].startswith("store: 's4://bucket/prefix'") and failure["error"]["remedy"]


def test_states_that_the_driver_does_not_have(controller: Controller) -> None:
    failure = controller.fail("dockyard.machine.generic", state="stopped", address="192.0.2.1")
    assert failure["error"]["code"] == "no_such_action"
    assert "stopped" in failure["msg"] and "restarted" in failure["error"]["remedy"]
    failure = controller.fail("dockyard.machine.none", state="restarted", url="tcp://x:1")
    assert "restarted" in failure["msg"]
    assert not controller.store.exists()


def test_another_driver(controller: Controller) -> None:
    controller.run()
    before = controller.files()
    for state in ("present", "absent"):
        failure = controller.fail("dockyard.machine.none", url="tcp://x:1", state=state)
        assert failure["error"]["code"] == "driver_changed"
        assert "acme.cloud.thing" in failure["msg"] and "dockyard.machine.none" in failure["msg"]
        assert failure["error"]["remedy"]
    assert controller.files() == before
    controller.check()


def test_removing_what_does_not_exist(controller: Controller) -> None:
    result = controller.run(state="absent")
    assert not result["changed"] and result["machine"] is None
    assert not controller.store.exists()
    controller.run(name="other")
    assert not controller.run(state="absent")["changed"]
    controller.check()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: json.dumps({**json.loads(text), "schema": 99}), "newer_record"),
        (lambda text: text[: len(text) // 2], "damaged_record"),
        (lambda text: "", "damaged_record"),
    ],
)
def test_a_record_that_can_not_be_used(controller: Controller, change: t.Callable[[str], str], code: str) -> None:
    controller.run()
    path = controller.store / "machines" / "web1" / "machine.json"
    text = path.read_text()
    path.write_text(change(text))
    ledger = len(controller.cloud.look()["ledger"])
    for state in ("present", "absent", "stopped", "gathered"):
        failure = controller.fail(state=state)
        assert failure["error"]["code"] == code, state
        assert str(path) in failure["msg"] and failure["error"]["remedy"]
    assert path.read_text() == change(text) and len(controller.cloud.look()["ledger"]) == ledger
    path.write_text(text)
    assert not controller.run()["changed"]


def test_a_vanished_store_json(controller: Controller) -> None:
    controller.run()
    (controller.store / "store.json").unlink()
    ledger = len(controller.cloud.look()["ledger"])
    for name, state in (("web1", "present"), ("web1", "absent"), ("web2", "present")):
        failure = controller.fail(name=name, state=state)
        assert failure["error"]["code"] == "store_vanished"
        assert str(controller.store / "store.json") in failure["msg"] and "backup" in failure["error"]["remedy"]
    assert not (controller.store / "store.json").exists()
    calls = {entry["call"] for entry in controller.cloud.look()["ledger"][ledger:]}
    assert calls <= {"newest_image", "whoami"}


def test_secrets_are_in_no_output_and_no_file(controller: Controller) -> None:
    canary = "canary-5d21"
    first = controller.start(token=f"acme:{canary}", user_data=f"# {canary}", disk=5)
    result = first.result()
    assert result["changed"] and canary not in json.dumps({**result, "invocation": {}})
    assert result["invocation"]["module_args"]["token"] != f"acme:{canary}"
    for path in controller.store.rglob("*"):
        assert path.is_dir() or canary not in path.read_text(), path


# Real small file systems, mounted in a namespace of their own, which goes with its process


def small_disk(tmp_path: pathlib.Path, case: str) -> dict[str, t.Any]:
    namespace = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--user", "--map-root-user"])
    done = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.faults.small_disk", str(tmp_path), case],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / ".build/src", ROOT / "tests/collections", ROOT))),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_full_disk_loses_nothing(tmp_path: pathlib.Path) -> None:
    said = small_disk(tmp_path, "full")
    failures = [failure for failure in said["failures"] if failure]
    assert len(failures) > 5, "at many moments"
    for failure in failures:
        assert failure["error"]["code"] == "disk_full", failure
        assert "space" in failure["msg"] and str(tmp_path) in failure["msg"] and failure["error"]["remedy"]
    assert any(failure["error"]["left_behind"] for failure in failures), "what was made by then is named"


def test_a_store_that_can_not_be_written(tmp_path: pathlib.Path) -> None:
    said = small_disk(tmp_path, "read-only")
    for failure in said["failures"]:
        assert failure["error"]["code"] == "store", failure
        assert (
            "Read-only" in failure["msg"] and str(tmp_path) in failure["msg"] and "store" in failure["error"]["remedy"]
        )
    assert len(said["failures"]) == 3 and said["things"] == 1
    assert said["gathered"] == "running"
