# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""create_hosts and remove_hosts on fleets, as users run them. Driver none, where the machines don't matter."""

from __future__ import annotations

import json
import pathlib

import ansible_runner
import pytest


@pytest.fixture
def fleet(store):
    """Extra variables of a fleet of driver none."""

    def make(count=2, **more):
        role = {"driver": "none", "count": count, "options": {"url": "tcp://192.0.2.1:2376"}}
        return {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": {"web": role}}, **more}

    return make


def names(store):
    folder = pathlib.Path(store) / "machines"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def changed_machines(run):
    return sum(counters["changed"] for host, counters in run.stats.items() if host != "localhost")


@pytest.mark.always
def test_a_fleet_is_created_scaled_and_removed(playbook, fleet, store):
    created = playbook("create_hosts", fleet()).ok()
    assert names(store) == ["shop-web-0", "shop-web-1"]
    assert created.custom_stats["machine_wanted"] == ["shop-web-0", "shop-web-1"]

    again = playbook("create_hosts", fleet()).ok()
    assert again.changed == 0 and set(again.stats) == {"localhost"}, "machines that are as wanted need no task"

    grown = playbook("create_hosts", fleet(machine_counts={"web": 4})).ok()
    assert (grown.changed, names(store)) == (2, [f"shop-web-{index}" for index in range(4)])

    reported = playbook("create_hosts", fleet()).ok()
    assert reported.changed == 0
    assert "Surplus: shop-web-2, shop-web-3" in reported.stdout
    assert len(names(store)) == 4

    shrunk = playbook("create_hosts", fleet(machine_remove_surplus=True)).ok()
    assert (shrunk.changed, names(store)) == (2, ["shop-web-0", "shop-web-1"])

    removed = playbook("remove_hosts", fleet()).ok()
    assert (removed.changed, names(store)) == (2, [])
    assert playbook("remove_hosts", fleet(machine_names="shop-web-0")).ok().changed == 0


def test_a_check_shows_the_plan_and_touches_nothing(playbook, fleet, store):
    run = playbook("create_hosts", fleet(), check=True).ok()
    assert "+shop-web-1" in run.stdout
    assert '+    "driver": "dockyard.machine.none"' in run.stdout
    assert changed_machines(run) == 2
    assert not store.exists()

    playbook("create_hosts", fleet()).ok()
    before = sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*"))
    assert playbook("create_hosts", fleet(), check=True).ok().changed == 0
    surplus = playbook("create_hosts", fleet(count=1, machine_remove_surplus=True), check=True).ok()
    assert changed_machines(surplus) == 1
    assert changed_machines(playbook("remove_hosts", fleet(), check=True).ok()) == 2
    assert sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*")) == before


@pytest.mark.always
def test_the_brake_holds_before_anything_is_removed(playbook, fleet, store):
    playbook("create_hosts", fleet(count=8)).ok()
    run = playbook("create_hosts", fleet(count=1, machine_remove_surplus=True)).failed()
    assert "7 of 8 machines are surplus, and at most 5 may be removed" in run.messages
    assert "machine_remove_max" in run.messages
    assert len(names(store)) == 8
    playbook("create_hosts", fleet(count=1, machine_remove_surplus=True, machine_remove_max="7")).ok()
    assert names(store) == ["shop-web-0"]


def test_a_vanished_role_is_an_error(playbook, fleet, store):
    playbook("create_hosts", fleet()).ok()
    gone = {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": {}}}
    run = playbook("create_hosts", {**gone, "machine_remove_surplus": True}).failed()
    assert "role 'web' has machines" in run.messages
    assert "machine_counts: {web: 0}" in run.messages
    assert len(names(store)) == 2
    playbook("create_hosts", {**gone, "machine_remove_surplus": True, "machine_counts": {"web": 0}}).ok()
    assert names(store) == []


@pytest.mark.parametrize(
    ("name", "limit", "hosts"),
    [
        ("create_hosts", "shop-web-0", None),
        ("create_hosts", "shop-web-0", "{shop-web-0: {}, legacy: {}}"),
        ("remove_hosts", "localhost", "{localhost: {}}"),
    ],
)
def test_a_limit_is_refused(playbook, fleet, store, tmp_path, name, limit, hosts):
    """Whether it matches a host, none, or none but localhost."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(f"all: {{hosts: {hosts}}}")
    run = playbook(name, fleet(), "--limit", limit, inventory=inventory if hosts else None).failed()
    said = " ".join(run.messages.split())
    assert f"--limit {limit}: it would silently skip" in said
    assert f"machine_limit={limit}" in said
    assert run.plays == [] and not store.exists()


def test_machine_limit_in_its_place(playbook, fleet, store):
    playbook("create_hosts", fleet(count=3, machine_limit="shop-web-1, *-2")).ok()
    assert names(store) == ["shop-web-1", "shop-web-2"]
    run = playbook("remove_hosts", fleet(count=3, machine_limit="shop-wbe-1")).failed()
    assert "machine_limit: 'shop-wbe-1' matches neither a wanted machine nor one in the store" in run.messages
    assert names(store) == ["shop-web-1", "shop-web-2"]


def test_one_wrong_machine_stops_all_before_anything_is_touched(playbook, fleet, store):
    extra = fleet(machine_timeout=3)
    extra["machine_fleet"]["roles"]["db"] = {"driver": "generic", "options": {"address": "127.0.0.1", "ssh_port": 1}}
    run = playbook("create_hosts", extra).failed()
    assert "127.0.0.1 port 1 can't be reached" in run.messages
    assert names(store) == []


@pytest.mark.parametrize(
    ("extra", "parts"),
    [
        ({"machine_names": "a", "machine_driver": "nope"}, ["driver: 'nope' is not installed", "generic, none, qemu"]),
        ({"machine_names": "a"}, ["machine_driver: a driver is required to create a"]),
        ({"machine_names": "A", "machine_driver": "none"}, ["name: 'A'", "Use a-z"]),
        ({"machine_names": "a", "machine_driver": "none"}, ["url: required to create a"]),
        (
            {"machine_names": "a", "machine_driver": "none", "machine_options": {"ulr": "x"}},
            ["a: ulr: not an option of driver", "It knows url"],
        ),
        (
            {
                "machine_names": "a",
                "machine_driver": "generic",
                "machine_options": {"address": "x", "ssh_port": "many"},
            },
            ["a, driver dockyard.machine.generic", "ssh_port"],
        ),
        ({}, ["machine_names", "Give machine_names or machine_fleet"]),
        (
            {"machine_fleet": {"id": "shop", "roles": {"web": {"driver": "none", "count": "{{ not_there }}"}}}},
            ["not_there"],
        ),
        (
            {
                "machine_fleet": {
                    "id": "shop",
                    "roles": {
                        "web": {
                            "driver": "acme.cloud.thing",
                            "options": {"endpoint": "/nowhere", "token": "s3cret"},
                        }
                    },
                }
            },
            ["shop-web-0: token", "a secret option is not allowed in a fleet", "module_defaults"],
        ),
    ],
)
def test_bad_input_is_named_and_touches_nothing(ansible, store, extra, parts):
    third_party = pathlib.Path(__file__).parents[1] / "collections"
    path = f"{ansible.environment['ANSIBLE_COLLECTIONS_PATH']}:{third_party}"
    run = ansible.playbook(
        "create_hosts", {"machine_store": str(store), **extra}, env={"ANSIBLE_COLLECTIONS_PATH": path}
    ).failed()
    for part in parts:
        assert part in run.messages
    assert "s3cret" not in run.messages
    assert not store.exists()


def test_each_import_of_a_playbook_is_about_its_own_machines(playbook, fleet, store, tmp_path):
    """One removes what a former one has made, and is not to meet what another one removed or left."""
    first, second = fleet(count=3, machine_counts={"web": 1}), fleet(machine_remove_surplus=True)
    second["machine_fleet"] = {**second["machine_fleet"], "id": "other"}
    parts = [("create_hosts", fleet(count=3)), ("create_hosts", first), ("create_hosts", second)]
    parts += [
        ("remove_hosts", fleet(machine_fleet=None, machine_names=name)) for name in ("other-web-0", "other-web-1")
    ]
    parts.insert(-1, ("create_hosts", second))
    plays = [{"import_playbook": f"dockyard.machine.{name}", "vars": said} for name, said in parts]
    (tmp_path / "site.yml").write_text(json.dumps(plays))
    playbook(str(tmp_path / "site.yml")).ok()
    assert names(store) == ["other-web-0", "shop-web-0", "shop-web-1", "shop-web-2"]


def test_the_estate_beside_it_stays_untouched(playbook, fleet, store, tmp_path):
    """A static host, one of its groups named as one of ours might be, and the machines in one inventory."""
    (tmp_path / "estate.yml").write_text("web: {hosts: {legacy: {ansible_host: 192.0.2.9}}}")
    (tmp_path / "machines.yml").write_text(f"plugin: dockyard.machine.machines\nstore: {store}\n")
    for _first_and_second in range(2):
        run = playbook("create_hosts", fleet(), inventory=tmp_path).ok()
        assert "legacy" not in run.stats
    assert run.changed == 0
    run = playbook("remove_hosts", fleet(), inventory=tmp_path).ok()
    assert "legacy" not in run.stats
    assert names(store) == []


def test_a_strategy_of_the_users_own(playbook, fleet, store):
    free = {"ANSIBLE_STRATEGY": "free"}
    assert changed_machines(playbook("create_hosts", fleet(), env=free).ok()) == 2
    again = playbook("create_hosts", fleet(), env=free).ok()
    assert again.changed == 0 and "Could not match supplied host pattern" not in again.stderr
    playbook("remove_hosts", fleet(), env=free).ok()
    assert names(store) == []


def test_a_job_with_a_snapshot_of_the_inventory(ansible, fleet, store, tmp_path):
    """As AWX does it: a new HOME, the inventory read once and frozen, the playbook run by ansible-runner."""
    environment = {
        name: ansible.environment[name]
        for name in ("ANSIBLE_COLLECTIONS_PATH", "HOME", "PATH", "LC_ALL", "ANSIBLE_HOME")
    }
    (tmp_path / "inventory").mkdir()
    (tmp_path / "project").mkdir()
    snapshot = tmp_path / "inventory" / "hosts.json"
    source = tmp_path / "machines.yml"
    source.write_text(f"plugin: dockyard.machine.machines\nstore: {store}\ngroup_by: [driver, role]\n")
    for expected in (2, 0):
        hosts = ansible.inventory(source)
        # Static JSON: what an inventory sync leaves in the job's folder
        snapshot.write_text(json.dumps({"all": {"hosts": hosts["_meta"]["hostvars"]}}))
        run = ansible_runner.run(
            private_data_dir=str(tmp_path),
            playbook="dockyard.machine.create_hosts",
            extravars=fleet(),
            envvars=environment,
            quiet=True,
        )
        output = pathlib.Path(run.stdout.name).read_text()
        assert run.rc == 0, output
        assert sum((run.stats["changed"] or {}).values()) == expected, output
    assert sorted(hosts["role_web"]["hosts"]) == ["shop-web-0", "shop-web-1"]
    artifacts = [event for event in run.events if event["event"] == "playbook_on_stats"]
    assert artifacts[0]["event_data"]["artifact_data"]["machine_wanted"] == ["shop-web-0", "shop-web-1"]


def test_a_machine_of_another_driver_is_an_error(playbook, fleet, store):
    playbook("create_hosts", fleet(count=1)).ok()
    extra = fleet(count=1)
    extra["machine_fleet"]["roles"]["web"] = {"driver": "generic", "options": {"address": "127.0.0.1"}}
    run = playbook("create_hosts", extra).failed()
    assert "shop-web-0 exists with driver dockyard.machine.none, not dockyard.machine.generic" in run.messages


def test_module_defaults_reach_the_driver(ansible, store):
    """The task wins over the driver's defaults, and these over the group's."""
    tasks = [
        {"dockyard.machine.machine": {"name": "a", "driver": "none"}},
        {"dockyard.machine.machine": {"name": "b", "driver": "none", "url": "tcp://task:1"}},
        {"dockyard.machine.none": {"name": "c"}},
        {"dockyard.machine.fleet": {"names": ["a", "b"]}},  # to which url means nothing
    ]
    defaults = {
        "group/dockyard.machine.machine": {"store": str(store), "url": "tcp://group:1"},
        "dockyard.machine.none": {"url": "tcp://driver:1"},
    }
    run = ansible.play(tasks, module_defaults=defaults).ok()
    urls = [one["machine"]["docker_host"] for one in run.results(action="machine") + run.results(action="none")]
    assert urls == ["tcp://driver:1", "tcp://task:1", "tcp://driver:1"]
    assert run.result(action="fleet")["keep"] == ["a", "b"]


def test_actions_run_on_the_controller_whatever_the_host(ansible, store, tmp_path):
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(
        "all: {hosts: {far: {ansible_host: 192.0.2.9, ansible_become: true, ansible_python_interpreter: /nowhere}}}"
    )
    arguments = {"name": "a", "driver": "none", "url": "tcp://x:1", "store": str(store)}
    tasks = [
        {"dockyard.machine.machine": arguments},
        {"dockyard.machine.machine": {**arguments, "name": "b"}, "delegate_to": "localhost"},
    ]
    run = ansible.play(tasks, hosts="far", inventory=inventory).ok()
    assert names(store) == ["a", "b"]
    refused = ansible.play(
        [{"dockyard.machine.machine": {**arguments, "name": "c"}, "delegate_to": "elsewhere"}],
        hosts="far",
        inventory=inventory,
    ).failed()
    assert "delegate_to: 'elsewhere'" in refused.messages
    assert run.changed == 2
