# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of a third party's collection takes part in all verbs, by Ansible itself."""

from __future__ import annotations

import pathlib
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
