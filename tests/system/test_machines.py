# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path on a machine that boots: create, use, stop, start, move, restart, remove."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

from tests.system._harness import Ansible, processes_of

ROOT = pathlib.Path(__file__).parents[2]
ASK_ONESELF = """
import socket
with socket.socket(type=socket.SOCK_DGRAM) as outward:
    outward.connect(("192.0.2.1", 9))
    own = outward.getsockname()[0]
socket.create_connection((own, 2376), timeout=4).close()
"""


@pytest.fixture
def machine(ansible, store):
    """Runs the module machine on the store."""

    def run(**arguments):
        return ansible.module("machine", {"store": str(store), "timeout": 300, **arguments}).ok().value

    return run


@pytest.mark.always
def test_the_whole_path_on_a_machine_that_boots(ansible, store, machine, use, inventory, baked_image):
    extra = {"machine_store": str(store), "machine_driver": "qemu", "machine_names": "web"}
    ansible.playbook("create_hosts", extra).ok()
    assert use("web")["State"]["Running"]
    assert ansible.playbook("create_hosts", extra).ok().changed == 0

    # systemd keeps others out: without a restart, and the certificate does not help.
    engine = ansible.playbook("create_hosts", {**extra, "docker_engine_allow": ["192.0.2.1"]}).ok()
    assert engine.results(task="Set the result")[-1]["ansible_facts"]["docker_engine_result"]["enforced_by"] == [
        "systemd"
    ]
    url = machine(name="web", state="gathered")["machine"]["docker_host"]
    asking = {
        **os.environ,
        "DOCKER_HOST": url,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(store / "machines/web"),
    }
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["docker", "version"], env=asking, capture_output=True, check=False, timeout=4)
    # But not the host itself, by the address that others know it by.
    ask = [{"ansible.builtin.command": {"argv": ["python3", "-c", ASK_ONESELF]}}]
    ansible.play(ask, hosts="web", inventory=inventory).ok()

    # Stopped, and started with another address: the Engine and the container come back, and the certificate follows the
    # address. And by default this controller is let in.
    assert machine(name="web", state="stopped")["machine"]["state"] == "stopped"
    assert machine(name="web", state="stopped")["changed"] is False
    assert ansible.inventory(inventory)["_meta"]["hostvars"]["web"]["machine_state"] in (
        "stopped",
        {"__ansible_unsafe": "stopped"},
    )
    moved = {**extra, "machine_options": {"listen": "127.0.0.2"}, "machine_allow_stop": True}
    ansible.playbook("create_hosts", moved).ok()
    value = machine(name="web", state="gathered")["machine"]
    assert value["docker_host"].startswith("tcp://127.0.0.2:")
    assert use("web")["State"]["Running"]

    # The same machine, taken up by the driver generic: restarted from inside, until its next boot.
    host = value["host_vars"]
    taken = {
        "name": "same",
        "driver": "generic",
        "options": {"address": "127.0.0.2", "ssh_port": host["ansible_port"]},
        "ssh_user": host["ansible_user"],
        "ssh_key": host["ansible_ssh_private_key_file"],
    }
    machine(**taken)
    boot = [host["ansible_ssh_executable"], "-p", str(host["ansible_port"])]
    boot += ["-i", host["ansible_ssh_private_key_file"], f"{host['ansible_user']}@127.0.0.2"]
    boot += ["cat /proc/sys/kernel/random/boot_id"]
    before = subprocess.run(boot, capture_output=True, text=True, check=True).stdout
    assert machine(name="same", state="restarted")["changed"] is True
    assert subprocess.run(boot, capture_output=True, text=True, check=True).stdout != before
    # After a boot nothing is to be set up again.
    assert ansible.playbook("create_hosts", moved).ok().changed == 0
    assert use("web")["State"]["Running"]
    refused = ansible.module("machine", {"store": str(store), "name": "same", "state": "stopped"}).failed()
    assert "has no state stopped. It has present, absent, gathered, restarted" in refused.messages

    # Removed: no process, no record, no file but the tombstones.
    ansible.playbook("remove_hosts", {"machine_store": str(store), "machine_names": ["web", "same"]}).ok()
    assert [line for line in processes_of(f"{store}/").values() if "qemu-system" in line] == []
    assert list((store / "machines").iterdir()) == []
    tombs = [json.loads(path.read_text()) for path in (store / "tombstones").iterdir()]
    assert sorted(tomb["name"] for tomb in tombs) == ["same", "web"]


def test_the_oldest_ansible_creates_and_removes(ansible, store, new_host):
    """ansible-core 2.17, and nothing beside it: a host is set up, and left again."""
    host = new_host()
    script = ". tests/tools/lib.sh && core_bin 2.17"
    path = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    oldest = Ansible(ansible.collections, ansible.folder, pathlib.Path(path))
    assert "core 2.17" in oldest.command("ansible-playbook", "--version").ok().stdout
    extra = {
        "machine_store": str(store),
        "machine_fleet": {
            "id": "old",
            "roles": {
                "web": {
                    "driver": "generic",
                    "options": {"address": host.address},
                    "ssh_user": host.user,
                    "ssh_key": str(host.key),
                    "labels": {"note": "{{ 1 + 1 }}"},
                },
                "ext": {"driver": "none", "options": {"url": "tcp://192.0.2.1:2376"}},
            },
        },
    }
    oldest.playbook("create_hosts", extra).ok()
    client = {
        **os.environ,
        "DOCKER_HOST": f"tcp://{host.address}:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(store / "machines" / "old-web-0"),
    }
    subprocess.run(["docker", "version"], env=client, capture_output=True, check=True)
    assert oldest.playbook("create_hosts", extra).ok().changed == 0
    oldest.playbook("remove_hosts", extra).ok()
    assert list((store / "machines").iterdir()) == []
