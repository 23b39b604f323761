# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of a third party's collection takes part in all verbs, by Ansible itself, and in the contract suite."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.acme.cloud.plugins.module_utils.cloud import FolderCloud
from tests.system._harness import ROOT, Ansible


@pytest.fixture()
def acme(ansible: Ansible) -> Ansible:
    installed = ansible.environment["ANSIBLE_COLLECTIONS_PATH"]
    ansible.environment["ANSIBLE_COLLECTIONS_PATH"] = f"{installed}:{ROOT / 'tests' / 'collections'}"
    return ansible


def test_all_verbs(acme: Ansible, store: pathlib.Path) -> None:
    endpoint = store.parent / "cloud"
    endpoint.mkdir()
    cloud = FolderCloud(str(endpoint))
    options = {"endpoint": str(endpoint), "disk": 5}

    def task(**arguments: t.Any) -> dict[str, t.Any]:
        # Its address is made up: there is nobody to log in to
        arguments = {"name": "web1", "store": str(store), "wait": False, **arguments}
        return {"dockyard.machine.machine": arguments, "register": "result", "name": arguments.get("state", "present")}

    verbs = ("stopped", "started", "paused", "started", "killed", "started", "restarted")
    tasks = [task(driver="acme.cloud.thing", options=options), task(driver="acme.cloud.thing", options=options)]
    tasks += [task(state=state) for state in verbs]
    tasks += [
        task(state="gathered"),
        task(labels={"tier": "front"}),
        task(driver="acme.cloud.thing", endpoint=str(endpoint), rules=[22, 80], disk=5),
    ]
    run = acme.play(tasks).ok()
    results = run.results(action="machine")
    assert [one["changed"] for one in results] == [True, False, *([True] * len(verbs)), False, True, True], str(run)
    assert {one["machine"]["driver"] for one in results} == {"acme.cloud.thing"}
    assert [one["machine"]["state"] for one in results[2:9]] == [
        *("stopped", "running", "paused", "running", "stopped", "running", "running")
    ]
    things = list(cloud.look()["things"].values())
    assert len(things) == 1 and things[0]["rules"] == [22, 80]
    # Group's and driver's defaults reach it; it is listed beside the others; and it goes by remove_hosts
    defaults = {
        "group/dockyard.machine.machine": {"store": str(store)},
        "acme.cloud.thing": {"endpoint": str(endpoint)},
    }
    bare = {"dockyard.machine.machine": {"name": "web2", "driver": "acme.cloud.thing", "wait": False}}
    assert acme.play([bare], module_defaults=defaults).ok().changed == 1
    source = store.parent / "machines.yml"
    source.write_text(f"plugin: dockyard.machine.machines\nstore: {store}\ngroup_by: [driver, state]\n")
    listed = acme.inventory(source)
    assert sorted(listed["_meta"]["hostvars"]) == ["web1", "web2"]
    acme.playbook("remove_hosts", {"machine_names": "web1,web2", "machine_store": str(store)}).ok()
    state = cloud.look()
    assert not state["things"] and not state["keys"] and not state["volumes"]
    assert acme.inventory(source)["_meta"]["hostvars"] == {}


def run_suite(installed: pathlib.Path, folder: pathlib.Path) -> str:
    """As the third party runs it: its own collection and the installed artifact, and nothing of this repository."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": f"{installed}:{folder}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    tests = folder / "ansible_collections" / "acme" / "cloud" / "tests" / "unit"
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tests), "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout


def test_the_contract_suite_runs_from_the_artifact(collections: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shipped = collections / "ansible_collections" / "dockyard" / "machine" / "tests"
    assert {path.name for path in shipped.iterdir()} == {"__init__.py", "contract", "model"}
    assert not list(shipped.rglob("conftest.py")) and not list(shipped.rglob("test_*.py"))
    shutil.copytree(ROOT / "tests" / "collections", tmp_path, dirs_exist_ok=True)
    said = run_suite(collections, tmp_path)
    passed = re.search(r"^(\d+) passed in", said, re.MULTILINE)
    assert passed and int(passed[1]) > 40, said
    # It finds what is wrong, and says so as pytest does
    driver = tmp_path / "ansible_collections" / "acme" / "cloud" / "plugins" / "modules" / "thing.py"
    driver.write_text(driver.read_text().replace('"NotFound": driver.MISSING,', ""))
    said = run_suite(collections, tmp_path)
    assert "test_thing.py::TestThing::test_what_does_not_exist_is_not_seen" in said, said
    assert "assert 'unsure' == 'missing'" in said, said
