# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path on container hosts, taken up by the driver generic: create, use, move, remove."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def fleet(store):
    """Extra variables of a fleet with one role a host."""

    def make(**hosts):
        roles = {role: host.fleet_role(labels={"role": role}) for role, host in hosts.items()}
        return {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": roles}}

    return make


def record(store, name):
    return json.loads((store / "machines" / name / "machine.json").read_text())


def plain(value):
    """A value of ansible-inventory --list, where core >= 2.19 marks strings that are no templates."""
    return value.get("__ansible_unsafe", value) if isinstance(value, dict) else value


def test_hosts_are_taken_up_used_moved_and_left(ansible, new_host, fleet, store, inventory, use):
    web, bad = new_host(), new_host(customize={"etc/sudoers.d/debian": "# nothing\n"})
    name_before = web.out("hostname")

    # A host that can't be set up among good ones: it fails, and the others are ready.
    created = ansible.playbook("create_hosts", fleet(web=web, bad=bad)).failed()
    assert created.stats["shop-bad-0"]["failures"] + created.stats["shop-bad-0"]["unreachable"] == 1
    assert created.stats["shop-web-0"]["failures"] == 0
    assert record(store, "shop-web-0")["ssh"]["host_keys"] == [" ".join(web.host_key.split()[:2])]

    hosts = ansible.inventory(inventory)
    assert sorted(hosts["driver_generic"]["hosts"]) == ["shop-bad-0", "shop-web-0"]
    variables = {name: plain(value) for name, value in hosts["_meta"]["hostvars"]["shop-web-0"].items()}
    assert variables["docker_host"] == f"tcp://{web.address}:2376"
    assert (variables["machine_state"], variables["machine_engine_version"] is None) == ("running", False)

    container = use("shop-web-0")
    assert container["State"]["Running"]

    # Again: nothing changes, and nothing restarts.
    bad.bed.remove(bad)
    again = ansible.playbook("create_hosts", {**fleet(web=web, bad=bad), "machine_limit": "shop-web-*"}).ok()
    assert again.changed == 0
    assert use("shop-web-0")["State"]["Pid"] == container["State"]["Pid"]

    listed = ansible.playbook("list_hosts", {"machine_store": str(store)}).ok()
    row = next(line for line in listed.stdout.splitlines() if "shop-web-0" in line and "generic" in line)
    assert "running" in row and variables["machine_engine_version"] in row
    row = next(line for line in listed.stdout.splitlines() if "shop-bad-0" in line and "generic" in line)
    assert "unknown" in row

    # Another address: the pinned host key must be shown there, and the certificate follows.
    moved = web.address.rpartition(".")[0] + ".250"
    web.ssh(f"ip addr add {moved}/16 dev eth0")
    extra = fleet(web=web)
    extra["machine_fleet"]["roles"]["web"]["options"]["address"] = moved
    run_moved = ansible.playbook("create_hosts", {**extra, "machine_counts": {"bad": 0}}).ok()
    assert run_moved.changed > 0
    assert use("shop-web-0")["State"]["Pid"] == container["State"]["Pid"]  # over the new address, still the same
    assert ansible.playbook("create_hosts", {**extra, "machine_counts": {"bad": 0}}).ok().changed == 0

    other = new_host()
    extra["machine_fleet"]["roles"]["web"]["options"]["address"] = other.address
    refused = ansible.playbook("create_hosts", {**extra, "machine_counts": {"bad": 0}}).failed()
    assert "is not the one that is pinned for shop-web-0" in refused.messages
    assert record(store, "shop-web-0")["options"]["address"] == moved

    # Removed: the host stays as it is.
    use("shop-web-0")
    ansible.playbook("remove_hosts", fleet(web=web)).ok()
    assert list((store / "machines").iterdir()) == []
    assert web.out("hostname") == name_before
    assert web.out("systemctl is-active docker") == "active"


def test_what_is_said_of_the_engine_keeps_clients_and_hosts_together(
    ansible, new_host, fleet, store, inventory, use, authority, tmp_path
):
    """The role's variables, for machines of a store: what would lock its clients out is refused, the rest arrives."""
    host = new_host()
    extra = fleet(web=host)
    options = extra["machine_fleet"]["roles"]["web"]["options"]
    groups = tmp_path / "estate" / "group_vars"
    groups.mkdir(parents=True)
    (groups.parent / "hosts").touch()
    # CAs there are for hosts without a store
    (groups / "all.yml").write_text(json.dumps({**authority.variables(), "front": "front"}))
    # Groups of the inventory, in which no machine can be when it is read for the run that makes them
    (groups / "dockyard.yml").write_text(json.dumps({"docker_engine_tls_san": ["{{ front }}"]}))
    (groups / "label_role_web.yml").write_text(json.dumps({"docker_engine_port": 3376}))
    (groups.parent / "machines.yml").write_text(
        f"plugin: dockyard.machine.machines\nstore: {store}\ngroup_by: [label_role]\n"
    )

    foreign = ansible.playbook("create_hosts", {**extra, **authority.variables()}).failed()
    assert "Set machine_server_ca_cert, machine_server_ca_key, machine_client_ca_cert" in foreign.messages
    assert not store.exists()

    apart = ansible.playbook("create_hosts", extra, inventory=groups.parent).failed()
    assert "docker_engine_port is 3376" in apart.messages and f"tcp://{host.address}:2376" in apart.messages
    assert host.ssh("test -e /etc/docker || command -v dockerd", check=False).returncode, "the host was touched"

    options["docker_port"] = 3376
    ansible.playbook("create_hosts", extra, inventory=groups.parent).ok()
    container = use("shop-web-0")
    assert "DNS:front" in host.out("openssl x509 -in /etc/docker/tls/cert.pem -noout -ext subjectAltName")
    assert host.out("ss -Hltn | grep -c 376") == "1"
    # By its units, not by variables
    rotated = ansible.playbook("rotate_certs", {"machine_store": str(store)}).ok()
    assert "group names" not in rotated.stderr and "supplied host pattern" not in rotated.stderr
    assert use("shop-web-0")["State"]["Pid"] == container["State"]["Pid"]
    assert ansible.playbook("create_hosts", extra, inventory=groups.parent).ok().changed == 0
