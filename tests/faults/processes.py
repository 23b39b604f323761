# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers' modules as processes of their own, run as Ansible runs them but without its packing, which costs a second."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

from ansible_collections.acme.cloud.plugins.module_utils.cloud import FolderCloud

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATHS = [ROOT / ".build" / "src", ROOT / "tests" / "collections"]


@dataclasses.dataclass
class Task:
    """A module that runs."""

    popen: subprocess.Popen[str]

    def result(self, limit: float = 120) -> dict[str, t.Any]:
        try:
            stdout, stderr = self.popen.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise AssertionError(f"no end within {limit} s: {self.popen.communicate()}") from None
        try:
            return json.loads(stdout)
        except ValueError:
            raise AssertionError(f"ended with {self.popen.returncode}:\n{stdout}\n{stderr}") from None

    def kill(self) -> bool:
        """kill -9; whether that came before its end."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.communicate()
        return self.popen.returncode == -signal.SIGKILL


class Controller:
    """One controller with a store, and a pretend cloud in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.endpoint = folder / "cloud"
        self.endpoint.mkdir()
        self.cloud = FolderCloud(str(self.endpoint))

    def start(self, module: str = "acme.cloud.thing", check: bool = False, **arguments: t.Any) -> Task:
        if module == "acme.cloud.thing":
            arguments.setdefault("endpoint", str(self.endpoint))
        arguments = {"name": "web1", "store": str(self.store), **arguments}
        internal = {"_ansible_remote_tmp": str(self.folder), "_ansible_keep_remote_files": False}
        internal.update(_ansible_check_mode=check, _ansible_diff=True)
        collection, name = module.rsplit(".", 1)
        popen = subprocess.Popen(
            [sys.executable, "-m", f"ansible_collections.{collection}.plugins.modules.{name}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, PATHS), os.environ.get("PYTHONPATH", "")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert popen.stdin
        popen.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **internal}}))
        popen.stdin.close()
        popen.stdin = None
        return Task(popen)

    def run(self, module: str = "acme.cloud.thing", **arguments: t.Any) -> dict[str, t.Any]:
        """A task that must succeed."""
        result = self.start(module, **arguments).result()
        assert not result.get("failed"), result
        return result

    def fail(self, module: str = "acme.cloud.thing", **arguments: t.Any) -> dict[str, t.Any]:
        """A task that must fail in order: with a message, a code and a remedy."""
        result = self.start(module, **arguments).result()
        assert result.get("failed"), result
        assert "error" in result, result
        return result

    # Looking

    def records(self) -> dict[str, dict[str, t.Any]]:
        return {path.parent.name: json.loads(path.read_text()) for path in self.store.glob("machines/*/machine.json")}

    def check(self) -> None:
        """The records and the cloud agree, and nothing is open."""
        ids = [one["id"] for record in self.records().values() for one in record["resources"]]
        state = self.cloud.look()
        there = {id for kind in ("things", "keys", "volumes") for id in state[kind]}
        assert None not in ids and len(ids) == len(set(ids)), self.records()
        assert set(ids) == there, self.records()
        names = [thing["tags"]["machine"] for thing in state["things"].values()]
        assert sorted(names) == sorted(self.records())

    def files(self) -> set[str]:
        return {str(path.relative_to(self.store)) for path in self.store.rglob("*")}


def until(question: t.Callable[[], t.Any], what: str, limit: float = 60) -> t.Any:
    end = time.monotonic() + limit
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {limit} s"
        time.sleep(0.01)
