# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is lost is found again, by Ansible itself, over a cloud in a folder that processes share."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import typing as t

import pytest

from ansible_collections.acme.cloud.plugins.module_utils.cloud import FolderCloud
from tests.faults.processes import until
from tests.system._harness import ROOT, Ansible, Run

DRIVER = "acme.cloud.thing"
KINDS = ("things", "volumes", "keys")


class Estate:
    """One cloud, and stores beside it."""

    def __init__(self, ansible: Ansible, folder: pathlib.Path) -> None:
        installed = ansible.environment["ANSIBLE_COLLECTIONS_PATH"]
        ansible.environment["ANSIBLE_COLLECTIONS_PATH"] = f"{installed}:{ROOT / 'tests' / 'collections'}"
        self.ansible = ansible
        self.folder = folder
        self.endpoint = folder / "cloud"
        self.endpoint.mkdir()
        self.cloud = FolderCloud(str(self.endpoint))

    @property
    def options(self) -> dict[str, t.Any]:
        return {"endpoint": str(self.endpoint), "disk": 5}

    def arguments(self, name: str, store: str = "store", **more: t.Any) -> dict[str, t.Any]:
        # Its address is made up: there is nobody to log in to
        said = {"name": name, "store": str(self.folder / store), "driver": DRIVER, "options": self.options}
        return {"dockyard.machine.machine": {**said, "wait": False, **more}}

    def make(self, *names: str, store: str = "store", **more: t.Any) -> Run:
        return self.ansible.play([self.arguments(name, store, **more) for name in names]).ok()

    def playbook(self, name: str, store: str = "store", check: bool = False, **extra: t.Any) -> Run:
        extra_vars = {
            "machine_store": str(self.folder / store),
            **{f"machine_{key}": one for key, one in extra.items()},
        }
        return self.ansible.playbook(name, extra_vars, check=check)

    def store_id(self, store: str = "store") -> str:
        return json.loads((self.folder / store / "store.json").read_text())["id"]

    def record(self, name: str, store: str = "store") -> dict[str, t.Any]:
        return json.loads((self.folder / store / "machines" / name / "machine.json").read_text())

    def ids(self) -> set[str]:
        state = self.cloud.look()
        return {id for kind in KINDS for id in state[kind]}

    def ids_of(self, name: str, store: str = "store") -> set[str]:
        return {one["id"] for one in self.record(name, store)["resources"]}


@pytest.fixture()
def estate(ansible: Ansible, store: pathlib.Path) -> Estate:
    return Estate(ansible, store.parent)


def test_a_store_that_was_deleted(estate: Estate) -> None:
    estate.make("web1", "web2")
    before, records = estate.ids(), {name: estate.record(name) for name in ("web1", "web2")}
    former = estate.store_id()
    shutil.rmtree(estate.folder / "store")
    # It does not know them any more, touches nothing, and tells whose they are
    where = {"driver": DRIVER, "options": {"endpoint": str(estate.endpoint)}}
    pruned = estate.playbook("prune", places=[where]).ok().result(action="prune")
    assert not pruned["changed"] and len(pruned["others"]) == 6 and not pruned["unrecorded"]
    told = {"driver": DRIVER, "options": estate.options}
    run = estate.playbook("adopt", **told).ok()
    assert not run.result(action="adopt")["changed"] and former in run.stdout
    assert not (estate.folder / "store").exists()
    # Adopted, and made by none of it
    shown = estate.playbook("adopt", check=True, from_store=former, **told).ok().result(action="adopt")
    assert shown["changed"] and set(shown["diff"]["after"]) == {"web1", "web2"}
    assert not (estate.folder / "store").exists()
    run = estate.playbook("adopt", from_store=former, **told).ok()
    adopted = run.result(action="adopt")
    assert {one["name"]: one["login"] for one in adopted["adopted"]} == {"web1": "lost", "web2": "lost"}
    assert "Give ssh_key" in run.stdout
    assert not estate.playbook("adopt", from_store=former, **told).ok().result(action="adopt")["changed"]
    for name, record in records.items():
        again = estate.record(name)
        assert [one["id"] for one in again["resources"]] == [one["id"] for one in record["resources"]]
        assert again["id"] == record["id"]
    assert not estate.make("web1", "web2").changed and estate.ids() == before
    assert "running" in estate.playbook("list_hosts").ok().stdout
    # And removed as any other
    estate.playbook("remove_hosts", names="web1").ok()
    assert estate.ids() == estate.ids_of("web2")
    estate.playbook("remove_hosts", names="web2").ok()
    assert estate.ids() == set()


@pytest.mark.always
def test_a_create_that_is_killed_and_whose_record_is_lost(estate: Estate) -> None:
    estate.make("web2")
    stay = estate.ids()
    estate.cloud.set(boot=3600)  # so that the create waits for it
    path = estate.ansible.folder / "create.yml"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [estate.arguments("web1")]}]))
    with estate.ansible.start_playbook(str(path)) as process:
        until(lambda: len(estate.cloud.look()["things"]) == 2, "a second thing")
        lock = json.loads((estate.folder / "store" / "locks" / "web1").read_text())
        os.kill(lock["pid"], signal.SIGKILL)
        process.wait()
    lost = estate.ids() - stay
    machine = estate.record("web1")["id"]
    assert not estate.playbook("prune").ok().result(action="prune")["unrecorded"], "a record knows them"
    shutil.rmtree(estate.folder / "store" / "machines" / "web1")
    estate.cloud.set(boot=0)
    run = estate.playbook("prune").ok()
    pruned = run.result(action="prune")
    assert not pruned["changed"] and {one["id"] for one in pruned["unrecorded"]} == lost
    assert all(id in run.stdout for id in lost) and estate.ids() == lost | stay
    # Of a volume nothing proves that it is no copy: its own id is asked for
    volumes = sorted(id for id in lost if id.startswith("volume-"))
    refused = estate.playbook("prune", check=True, ids=machine).failed()
    assert volumes and all(f"give its id {id}" in refused.messages for id in volumes)
    ids = [machine, *volumes]
    checked = estate.playbook("prune", check=True, ids=ids).ok().result(action="prune")
    assert all("would be removed" in line for line in checked["table"][1:])
    assert {one["id"] for one in checked["removed"]} == lost and estate.ids() == lost | stay
    pruned = estate.playbook("prune", ids=ids).ok().result(action="prune")
    assert {one["id"] for one in pruned["removed"]} == lost and estate.ids() == stay


def test_two_stores_in_one_account(estate: Estate) -> None:
    estate.make("web1", store="one", expires_in="1s")
    estate.make("web1", "web2", store="two", expires_in="1s")
    theirs = estate.ids_of("web1", "two") | estate.ids_of("web2", "two")
    end = estate.record("web2", "two")["expires"]
    listed = estate.playbook("list_hosts", store="two").ok().result(action="machine_info")["machines"]
    assert listed[1]["expires"] == end and listed[1]["host_vars"]["machine_expires"] == end
    # Their end has come long since. An id of another store's is refused, and all else is done
    run = estate.playbook("prune", store="one", ids=sorted(theirs)).failed()
    assert run.messages.count("from_store") == len(theirs)
    removed = run.result(action="prune")["removed"]
    assert [one["machine"] for one in removed] == ["web1"] and "expired" in removed[0]["why"]
    assert estate.ids() == theirs
    pruned = estate.playbook("prune", store="two").ok().result(action="prune")
    assert [one["machine"] for one in pruned["removed"]] == ["web1", "web2"] and estate.ids() == set()


def test_a_backup_that_was_restored(estate: Estate) -> None:
    """create_hosts makes nothing a second time, though the backup does not know of it."""
    estate.make("web1")
    shutil.copytree(estate.folder / "store", estate.folder / "backup")
    estate.make("web2")
    before, id = estate.ids(), estate.record("web2")["id"]
    shutil.rmtree(estate.folder / "store")
    (estate.folder / "backup").rename(estate.folder / "store")
    told = {"driver": DRIVER, "options": estate.options}
    create = {"store": str(estate.folder / "store"), "names": ["web1", "web2"], **told}
    run = estate.ansible.play([{"dockyard.machine.fleet": create}]).failed()
    assert id in run.messages and "dockyard.machine.adopt" in run.messages
    assert run.result(action="fleet")["error"]["code"] == "unrecorded"
    estate.playbook("adopt", names="web2", **told).ok()
    assert estate.ansible.play([{"dockyard.machine.fleet": create}]).ok().result(action="fleet")["create"] == []
    assert not estate.make("web1", "web2").changed and estate.ids() == before


def test_a_cloud_that_does_not_answer(estate: Estate) -> None:
    estate.make("web1")
    there = estate.endpoint.rename(estate.folder / "elsewhere")
    run = estate.playbook("prune").failed()
    assert "no cloud answers" in run.messages
    assert run.result(action="prune")["not_seen"][0]["place"] == {"endpoint": str(estate.endpoint)}
    there.rename(estate.endpoint)
    assert not estate.playbook("prune").ok().result(action="prune")["changed"]


def test_another_account(estate: Estate) -> None:
    estate.make("web1", expires_in="1s")
    before = estate.ids()
    prune = {"dockyard.machine.prune": {"store": str(estate.folder / "store")}}
    run = estate.ansible.play([prune], module_defaults={DRIVER: {"token": "other:secret"}}).ok()
    result = run.result(action="prune")
    assert not result["changed"] and "'acme'" in result["not_seen"][0]["why"] and estate.ids() == before
    assert "secret" not in run.stdout + run.stderr
