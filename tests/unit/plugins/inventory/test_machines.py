# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory makes of records, without a run of Ansible."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.inventory import machines as plugin
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import open_store


@pytest.fixture()
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.create()
    return store


@pytest.fixture()
def inventory():
    data = InventoryData()
    data.current_source = "/etc/machines.yml"
    return data


def trusted(value):
    """As the core marks what stands in a file of the user."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return value
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    return [trusted(one) for one in value] if isinstance(value, list) else trust_as_template(value)


OPTIONS = {
    "group_by": ["driver", "state"],
    "filter": None,
    "live": False,
    "docker_machine_variables": False,
    "compose": {},
    "groups": {},
    "keyed_groups": [],
    "strict": True,
    "use_extra_vars": False,
    "leading_separator": True,
}


@pytest.fixture()
def module(inventory, store):
    """The plugin as far as _read() has come, with options that a test may change."""
    module = plugin.InventoryModule()
    module.loader = DataLoader()
    module.inventory = inventory
    module._vars = {}
    if not hasattr(plugin.InventoryModule, "templar"):  # core < 2.19
        from ansible.template import Templar

        module.templar = Templar(loader=module.loader)
    module.said = dict(OPTIONS)
    module.get_option = module.said.__getitem__
    return module


def add(store, name, observed=None, **fields):
    record = Record(**{"id": "0" * 12, "name": name, "driver": "dockyard.machine.none", "status": "made", **fields})
    with store.lock(name) as lock:
        store.save(record, lock)
    store.save_observed(name, {"state": "running", "docker_host": "tcp://192.0.2.1:2376", **(observed or {})})


def test_groups_of_a_host():
    variables = {
        "machine_driver": "acme.cloud.thing",
        "machine_state": "running",
        "machine_role": None,
        "machine_fleet": "",
        "machine_labels": {"tier": "front", "count": 0},
    }
    wanted = ["driver", "state", "role", "fleet", "label_tier", "label_count", "label_other"]
    assert list(plugin._groups.pairs(wanted, variables)) == [
        ("driver", "acme.cloud.thing"),
        ("state", "running"),
        ("label_tier", "front"),
        ("label_count", "0"),
    ]


def test_group_names_hold_only_what_they_may(module, store):
    add(store, "web1", driver="acme.cloud.thing", labels={"my-key": "a b/ü"})
    module.said["group_by"] = ["driver", "label_my-key"]
    listing = module._list("machines.yml", store, True)
    assert set(listing.groups) == {"dockyard", "driver_acme_cloud_thing", "label_my_key_a_b_ü"}


def test_nothing_is_written_if_an_expression_fails(module, store, inventory):
    add(store, "web1")
    add(store, "web2")
    module.said["compose"] = trusted({"z": "[1][0 if machine_name == 'web1' else 2]"})
    with pytest.raises(Exception, match="Could not set z for host web2"):
        module._list("machines.yml", store, True)
    assert not inventory.hosts and set(inventory.groups) == {"all", "ungrouped"}
    assert module.inventory is inventory


def test_composed_variables_and_groups_are_written(module, store, inventory):
    add(store, "web1", labels={"tier": "front"})
    add(store, "web2", labels={"tier": "back"})
    module.said["compose"] = trusted({"tier": "machine_labels.tier"})
    module.said["groups"] = trusted({"fronts": "tier == 'front'"})
    module.said["keyed_groups"] = trusted([{"key": "tier", "prefix": "t", "parent_group": "tiers"}])
    module._list("machines.yml", store, True).write(inventory)
    inventory.reconcile_inventory()
    assert inventory.hosts["web2"].vars["tier"] == "back"
    assert inventory.hosts["web1"].vars["inventory_file"] == "/etc/machines.yml"
    groups = inventory.get_groups_dict()
    assert groups["fronts"] == groups["t_front"] == ["web1"]
    assert sorted(groups["tiers"]) == sorted(groups["dockyard"]) == sorted(groups["driver_none"]) == ["web1", "web2"]


def test_a_machine_without_an_address_is_never_taken_for_another_host(module, store):
    ssh = {"user": "debian", "key": None, "args": "", "host_keys": []}
    add(store, "half", {"docker_host": None, "state": None}, ssh=ssh, status="creating")
    add(store, "whole", {"docker_host": None, "address": "192.0.2.7"}, ssh=ssh)
    hosts = module._list("machines.yml", store, True).hosts
    assert hosts["half"]["ansible_host"] == "half.no-address.invalid"
    assert hosts["half"]["machine_state"] == "creating"
    assert hosts["whole"]["ansible_host"] == "192.0.2.7"
    assert hosts["whole"]["ansible_become"] is True


def test_the_filter_sees_what_modules_return(module, store):
    add(store, "web1", {"engine": {"certificate_not_after": "2999-01-01T00:00:00Z"}})
    add(store, "web2", {"engine": {"certificate_not_after": "2001-01-01T00:00:00Z"}})
    add(store, "web3")
    module.said["filter"] = "certificate_days_left < `30`"
    assert list(module._list("machines.yml", store, True).hosts) == ["web2"]


def test_live_answers_are_asked_for_once_and_yield_to_later_ones(module, store, monkeypatch):
    add(store, "seen", {"refreshed": 50.0, "state": "paused"})
    add(store, "lost", {"refreshed": 50.0})
    add(store, "back", {"refreshed": 200.0})
    asked = []

    def ask(path, timeout, providers):
        asked.append((path, timeout, providers))
        return {"asked": 100.0, "warnings": [], "unseen": {"lost": "no answer", "back": "no answer"}}

    monkeypatch.setattr(plugin._live, "ask", ask)
    monkeypatch.setattr(plugin.InventoryModule, "cache", {}, raising=False)
    monkeypatch.setattr(module, "load_cache_plugin", lambda: None)
    monkeypatch.setattr(module, "get_cache_key", lambda path: f"key of {path}")
    module.said.update(live=True, live_timeout=7, cache=True)

    def states(cache):
        hosts = module._list("machines.yml", store, cache).hosts
        return {name: variables["machine_state"] for name, variables in hosts.items()}

    expected = {"seen": "paused", "lost": "unknown", "back": "running"}
    assert states(True) == expected and asked == [(store.path, 7, 1)]
    assert states(True) == expected and len(asked) == 1
    assert states(False) == expected and len(asked) == 2
    module.said["cache"] = False
    assert states(True) == expected and len(asked) == 3


@pytest.mark.parametrize(
    "name, text, ours",
    [
        ("machines.yml", "", True),
        ("shop.machines.yaml", "", True),
        ("docker_machine.yml", "", True),
        ("dockyard.yml", "", True),
        ("other.yml", "---\nplugin: dockyard.machine.machines # ours\n", True),
        ("other.yaml", "store: x\nplugin: 'dockyard.machine.machines'\n", True),
        ("other.yml", "plugin: dockyard.machine.machines2\n", False),
        ("other.yml", "x: plugin: dockyard.machine.machines\n", False),
        ("machines.json", "{}", False),
        ("machines.txt", "plugin: dockyard.machine.machines\n", False),
    ],
)
def test_which_files_are_ours(module, tmp_path, name, text, ours):
    path = tmp_path / name
    path.write_text(text)
    assert module.verify_file(str(path)) is ours
    assert module.verify_file(str(tmp_path / "none" / name)) is False


@pytest.mark.parametrize(
    ("said", "meant"), [("store", "/etc/store"), ("$PLACE/store", "/there/store"), ("~/store", "/home/jo/store")]
)
def test_a_store_is_looked_for_beside_the_file(module, inventory, monkeypatch, said, meant):
    monkeypatch.setenv("PLACE", "/there")
    monkeypatch.setenv("HOME", "/home/jo")
    module.said["store"] = said
    assert module._store("/etc/machines.yml", {"store": said}).where == meant
    assert inventory.groups["all"].vars["machine_store"] == meant


def test_a_failure_is_left_on_all(module, inventory):
    error = module._failed("/etc/machines.yml", "is wrong")
    assert isinstance(error, AnsibleParserError)
    assert inventory.groups["all"].vars["machine_inventory_error"] == "/etc/machines.yml: is wrong"


def test_a_machine_with_the_name_of_a_group_of_the_estate_brings_none_of_its_hosts(module, store, inventory):
    inventory.add_group("web")
    inventory.add_host("prod1", "web")
    for name in ("web", "dockyard"):  # the latter is our own group
        add(store, name)
    module._list("machines.yml", store, True).write(inventory)
    inventory.reconcile_inventory()
    for group in ("dockyard", "driver_none", "state_running"):
        assert sorted(host.name for host in inventory.groups[group].get_hosts()) == ["dockyard", "web"]
    assert [host.name for host in inventory.groups["web"].get_hosts()] == ["prod1"]


def test_a_machine_with_the_name_of_a_group_of_an_expression_is_itself(module, store, inventory):
    for name in ("web", "db1"):
        add(store, name)
    module.said["compose"] = trusted({"about": "machine_name"})
    module.said["groups"] = trusted({"web": "true", "front": "machine_name == 'web'"})
    module.said["keyed_groups"] = trusted([{"key": "about", "prefix": "", "separator": "", "parent_group": "each"}])
    module._list("machines.yml", store, True).write(inventory)
    inventory.reconcile_inventory()
    members = {name: sorted(host.name for host in group.get_hosts()) for name, group in inventory.groups.items()}
    assert members["front"] == ["web"] and members["db1"] == ["db1"]
    assert members["web"] == members["each"] == ["db1", "web"]
    assert [inventory.hosts[name].vars["about"] for name in ("web", "db1")] == ["web", "db1"]


def test_expressions_see_the_names_of_hosts_as_with_other_plugins(module, store, inventory):
    for name in ("web1", "db1"):
        add(store, name)
    module.said["groups"] = trusted({"databases": "inventory_hostname.startswith('db')"})
    module.said["keyed_groups"] = trusted([{"key": "inventory_hostname_short", "prefix": "host"}])
    groups = module._list("machines.yml", store, True).groups
    assert groups["databases"] == groups["host_db1"] == ["db1"]
