# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-inventory --list with many machines, against static YAML with the same hosts, groups and variables."""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
import time
import typing as t

import yaml

from tests.bench._report import ansible, report, say
from tests.system._harness import Ansible
from tests.tools import artifact

MACHINES = 10_000
RUNS = 3  # of ours; the static file is read once


def fill(store: pathlib.Path, count: int) -> None:
    """A store with many machines, as their creation would have left it."""
    sys.path.insert(0, str(artifact.ROOT / ".build" / "src"))
    from ansible_collections.dockyard.machine.plugins.module_utils._record import MADE, Record
    from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store
    from ansible_collections.dockyard.machine.plugins.module_utils._times import now

    opened = open_store(str(store))
    opened.create()
    for number in range(count):
        name = f"web{number}"
        record = Record(id=f"{number:012x}", name=name, driver="dockyard.machine.qemu", status=MADE, revision=4)
        record.fleet, record.role, record.labels = "shop", "web", {"tier": "front"}
        record.options = {"cpus": 2, "memory": 1024, "disk_size": 8}
        record.ssh = {
            "user": "debian",
            "key": None,
            "args": "",
            "policy": "injected",
            "host_keys": ["ssh-ed25519 AAAA"],
        }
        record.created = record.updated = now()
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        engine = {"version": "20.10.24", "api_version": "1.41", "certificate_not_after": "2027-11-24T00:00:00Z"}
        observed = {
            "state": "stopped" if number % 10 == 0 else "running",
            "address": address,
            "addresses": [address],
            "ssh_port": 22,
            "docker_port": 2376,
            "refreshed": 1795000000,
            "engine": engine,
            "error": None,
        }
        folder = pathlib.Path(opened.folder(name))
        folder.mkdir(mode=0o700)
        (folder / "machine.json").write_text(record.to_json(), encoding="utf-8")
        (folder / "observed.json").write_text(json.dumps(observed, indent=1), encoding="utf-8")


def plain(value: t.Any) -> t.Any:
    """Without the marks of unsafe values, which nobody writes into a file by hand."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def static(listed: dict) -> dict:
    """The same inventory, as a file for the YAML plugin."""
    variables = plain(listed["_meta"]["hostvars"])
    groups = {
        name: {"hosts": dict.fromkeys(group.get("hosts", [])), "children": dict.fromkeys(group.get("children", []))}
        for name, group in listed.items()
        if name not in ("_meta", "all", "ungrouped")
    }
    return {"all": {"hosts": variables, "children": groups}}


def timed(runs: Ansible, source: pathlib.Path) -> tuple[dict, float]:
    """What ansible-inventory --list says, and its seconds."""
    started = time.monotonic()
    command = [str(runs.bin / "ansible-inventory"), "--inventory", str(source), "--list"]
    said = subprocess.run(command, env=runs.environment, stdout=subprocess.PIPE, check=True).stdout
    taken = time.monotonic() - started
    return json.loads(said), taken


def main() -> None:
    with ansible() as runs:
        say(f"Making a store with {MACHINES} machines")
        fill(runs.folder / "store", MACHINES)
        ours, theirs = runs.folder / "machines.yml", runs.folder / "static.yaml"
        ours.write_text(
            f"plugin: dockyard.machine.machines\nstore: {runs.folder}/store\ngroup_by: [driver, state]\n",
            encoding="utf-8",
        )
        listed, plugin = timed(runs, ours)
        theirs.write_text(yaml.dump(static(listed), Dumper=yaml.CSafeDumper), encoding="utf-8")
        say("Listing the same from a static file: minutes")
        same, file = timed(runs, theirs)
        if same["_meta"] != plain(listed["_meta"]):
            raise SystemExit("the static inventory is not the same")
        plugin = statistics.median([plugin, *(timed(runs, ours)[1] for _run in range(RUNS - 1))])
        report(
            f"ansible-inventory --list, {MACHINES} machines ÷ static YAML",
            plugin / file,
            0.4,
            f"{plugin:.1f} s ÷ {file:.1f} s",
        )


if __name__ == "__main__":
    main()
