# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path with a store on S3, from controllers that have no file in common."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import pathlib
import shutil
import typing as t

import pytest

from tests.beds import image
from tests.beds.hosts import Host
from tests.doubles import s3
from tests.doubles.ec2 import Ec2Double
from tests.system._fixtures import _short_folder
from tests.system._harness import Ansible
from tests.system.test_amazonec2 import ec2

__all__ = ["ec2"]
Node = collections.abc.Callable[[], Ansible]


@pytest.fixture(scope="module")
def double() -> collections.abc.Iterator[s3.S3Double]:
    with s3.serve() as it:
        yield it


@pytest.fixture()
def shared(double: s3.S3Double) -> str:
    return f"s3://{double.bucket()}/prod"


@pytest.fixture()
def node(collections: pathlib.Path, double: s3.S3Double) -> collections.abc.Iterator[Node]:
    """Another controller each time, with an empty home, as a job of AWX has it."""
    with contextlib.ExitStack() as stack:

        def new() -> Ansible:
            it = Ansible(collections, stack.enter_context(_short_folder()))
            temporary = it.folder / "tmp"
            temporary.mkdir()
            it.environment.update(double.environment, TMPDIR=str(temporary))
            return it

        yield new


def private_keys(node: Ansible) -> list[pathlib.Path]:
    return [path for path in node.folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def inventory(node: Ansible, shared: str) -> pathlib.Path:
    path = node.folder / "machines.yml"
    path.write_text(f"plugin: dockyard.machine.machines\nstore: {shared}\ndocker_machine_variables: true\n")
    return path


def use(node: Ansible, name: str, shared: str) -> dict[str, t.Any]:
    """A container over TLS, and a command over SSH."""
    archive = node.folder / "busybox.tar"
    image.build(archive)
    container = {"name": "hello", "image": image.NAME, "pull": "never", "state": "started"}
    container["command"] = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    tasks = [
        {"ansible.builtin.raw": "id -un"},
        {"community.docker.docker_image_load": {"path": str(archive)}, "delegate_to": "localhost"},
        {"community.docker.docker_container": container, "delegate_to": "localhost"},
        {"ansible.builtin.stat": {"path": "{{ dm_DOCKER_CERT_PATH }}/key.pem"}, "delegate_to": "localhost"},
    ]
    defaults = {"group/community.docker.docker": "{{ machine_docker }}"}
    run = node.play(tasks, hosts=name, inventory=inventory(node, shared), module_defaults=defaults).ok()
    assert run.result(action="stat")["stat"]["mode"] == "0600", "a file of this run"
    return run.result(action="docker_container")["container"]


def live(node: Node, name: str, shared: str, extra: dict[str, t.Any]) -> None:
    """Created on one node; used, left as it is, listed and removed on others. No key stays on any of them."""
    extra = {"machine_store": shared, **extra}
    one, other, third = node(), node(), node()
    one.playbook("create_hosts", extra).ok()
    assert private_keys(one) == [] and not (one.home / ".dockyard").exists()

    listing = other.inventory(inventory(other, shared))
    assert name in listing["_meta"]["hostvars"] and private_keys(other) == []
    assert use(other, name, shared)["State"]["Running"]
    assert private_keys(other) == []
    again = other.playbook("create_hosts", extra).ok()
    assert again.changed == 0

    # As AWX has it: what was listed is kept, and a job gets it without the plugin
    kept = third.folder / "kept"
    kept.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(listing)}\nEND\n")
    kept.chmod(0o700)
    third.play([{"ansible.builtin.raw": "id -un"}], hosts=name, inventory=kept).ok()
    assert private_keys(third) == []

    listed = third.playbook("list_hosts", {"machine_store": shared}).ok()
    assert any(name in line and "running" in line for line in listed.stdout.splitlines())
    third.playbook("remove_hosts", extra).ok()
    assert name not in third.inventory(inventory(third, shared))["_meta"]["hostvars"]
    assert private_keys(third) == []


def test_a_host_with_the_users_key(
    node: Node, shared: str, double: s3.S3Double, new_host: collections.abc.Callable[[], Host]
) -> None:
    host = new_host()
    live(node, "shop-web-0", shared, {"machine_fleet": {"id": "shop", "roles": {"web": host.fleet_role()}}})
    left = double.keys(shared.split("/")[2])
    assert [key for key in left if "/records/" in key or "/keys/" in key or "/observed/" in key] == []


def test_a_machine_with_a_key_of_its_own(node: Node, shared: str, double: s3.S3Double, ec2: Ec2Double) -> None:
    options = {"region": "eu-central-1", "endpoint_url": ec2.url, "address_service": ec2.url}
    extra = {"machine_driver": "amazonec2", "machine_names": "web", "machine_options": options}
    live(node, "web", shared, extra)
    assert not ec2.alive()
    left = double.keys(shared.split("/")[2])
    assert [key for key in left if "/records/" in key or "/keys/" in key or "/observed/" in key] == []


def test_a_driver_whose_machines_are_files_of_one_controller(node: Node, shared: str) -> None:
    extra = {"machine_store": shared, "machine_driver": "qemu", "machine_names": "web"}
    run = node().playbook("create_hosts", extra).failed()
    assert "is shared, and web would be stored in files of this controller" in run.messages
    assert "Use a folder as the store" in run.messages
    run = node().playbook("list_hosts", {"machine_store": shared}).ok()
    assert "web" not in run.stdout


def test_a_store_is_moved_to_s3_and_back(node: Node, shared: str) -> None:
    it = node()
    old, new = str(it.folder / "store"), str(it.folder / "other")
    arguments = {"name": "web", "driver": "none", "options": {"url": "tcp://192.0.2.1:2376"}}
    it.module("machine", {**arguments, "store": old}).ok()
    extra = {"machine_store_from": old, "machine_store_to": shared}
    checked = it.playbook("move_store", extra, check=True).ok()
    assert checked.changed == 1 and shared in checked.stdout and "The store is at" not in checked.stdout
    it.playbook("list_hosts", {"machine_store": old}).ok()
    moved = it.playbook("move_store", extra).ok()
    assert moved.changed == 1 and "including private keys" in moved.stdout
    assert it.playbook("move_store", extra).ok().changed == 0

    refused = it.playbook("list_hosts", {"machine_store": old}).failed()
    assert f"was moved to {shared}" in refused.messages
    path = it.folder / "old.machines.yml"
    path.write_text(f"plugin: dockyard.machine.machines\nstore: {old}\n")
    refused = it.playbook("list_hosts", {}, inventory=path).failed()
    assert f"was moved to {shared}" in refused.messages
    other = node()
    assert "web" in other.playbook("list_hosts", {"machine_store": shared}).ok().stdout
    assert not other.module("machine", {**arguments, "store": shared}).ok().value["changed"]

    it.playbook("move_store", {"machine_store_from": shared, "machine_store_to": new}).ok()
    shutil.copytree(new, it.folder / "copy")
    copy = {"store": str(it.folder / "copy"), "name": "web", "state": "absent"}
    refused = it.module("machine", copy).failed()
    assert "is a copy of the one at" in refused.messages and "machine_store_gone=true" in refused.messages
    extra = {"machine_store_from": new, "machine_store_to": copy["store"], "machine_store_gone": True}
    assert "still exists" in it.playbook("move_store", extra).failed().messages
    shutil.rmtree(new)
    assert it.playbook("move_store", extra).ok().changed == 1
    it.module("machine", copy).ok()
