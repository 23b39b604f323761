# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory, machine_info, machine_record and list_hosts, over records that the real modules make."""

from __future__ import annotations

import json
import os
import pathlib
import textwrap

import ansible_runner
import pytest

from tests.system._harness import processes_of

INFO, RECORD = "machine_info", "machine_record"

# A driver of another collection, whose provider answers, fails or hangs, as a file says.
MOODY = '''
#!/usr/bin/python
from __future__ import annotations

import signal

DOCUMENTATION = r"""
module: box
short_description: A box with moods
description: [For tests.]
options:
  endpoint:
    description: The file that says the mood.
    type: path
extends_documentation_fragment: [dockyard.machine.driver]
"""

from ansible_collections.dockyard.machine.plugins.module_utils import driver


class Box(driver.Machine):
    def get(self, it):
        with open(self.place["endpoint"]) as file:
            mood = file.read()
        if mood == "hang":
            signal.pause()
        if mood == "fail":
            raise driver.MachineError("the moody cloud is out of order")
        return {"id": it.id, "state": mood}

    def seen(self, raw):
        return driver.Seen(id=raw["id"], state=raw["state"], facts={"docker_host": "tcp://192.0.2.77:2376"})


class Moody(driver.Driver):
    kinds = (Box,)
    argument_spec = {"endpoint": {"type": "path"}}
    place = ("endpoint",)
    ssh_user = None

    def recipe(self, m):
        m.existing(Box, m.name)


def main():
    driver.run(Moody)


if __name__ == "__main__":
    main()
'''


@pytest.fixture()
def moody(ansible):
    """Installs the collection with the moody driver; the returned file says the mood."""
    root = ansible.folder / "moody"
    collection = root / "ansible_collections" / "moody" / "cloud"
    (collection / "plugins" / "modules").mkdir(parents=True)
    (collection / "plugins" / "modules" / "box.py").write_text(MOODY.lstrip())
    (collection / "galaxy.yml").write_text(
        'namespace: moody\nname: cloud\nversion: 1.0.0\nreadme: README.md\nauthors: [me]\ndependencies: {dockyard.machine: "*"}\n'
    )
    ansible.environment["ANSIBLE_COLLECTIONS_PATH"] += f":{root}"
    mood = ansible.folder / "mood"
    mood.write_text("running")
    return mood


@pytest.fixture()
def shop(ansible, store):
    """Three machines: two of a fleet, and one of nobody."""
    made = ansible.play(
        [
            {"dockyard.machine.none": {"name": "web1", "url": "tcp://192.0.2.1:2376", "labels": {"tier": "front"}}},
            {"dockyard.machine.none": {"name": "web2", "url": "tcp://192.0.2.2:2376", "labels": {"tier": "a.b"}}},
            {"dockyard.machine.none": {"name": "build", "url": "tcp://192.0.2.3:2376", "fleet": "x", "role": "ci"}},
        ],
        module_defaults={"group/dockyard.machine.machine": {"store": str(store), "fleet": "shop", "role": "web"}},
    )
    made.ok()
    return store


@pytest.fixture()
def source(ansible):
    """Writes an inventory file."""

    def write(text: str = "", name: str = "machines.yml", **options) -> pathlib.Path:
        path = ansible.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text or json.dumps({"plugin": "dockyard.machine.machines", **options}))
        return path

    return write


def plain(value):
    """As ansible-inventory of core 2.19 says them, strings that hold no template are wrapped, too."""
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def listed(ansible, path, *arguments, **more):
    return plain(ansible.inventory(path, *arguments, **more))


def hosts(inventory, group="dockyard"):
    found = set(inventory.get(group, {}).get("hosts", []))
    for child in inventory.get(group, {}).get("children", []):
        found |= hosts(inventory, child)
    return found


def damage(store, name, text="{"):
    (store / "machines" / name / "machine.json").write_text(text)


# What is listed


def test_native_groups_have_prefixes_and_a_parent(ansible, shop, source):
    groups = listed(ansible, source(store=str(shop), group_by=["driver", "state", "role", "fleet", "label_tier"]))
    assert groups["dockyard"]["children"] == [
        "driver_none",
        "state_running",
        "role_ci",
        "fleet_x",
        "role_web",
        "fleet_shop",
        "label_tier_front",
        "label_tier_a_b",
    ]
    assert hosts(groups, "fleet_shop") == {"web1", "web2"}
    assert hosts(groups, "label_tier_a_b") == {"web2"}
    assert hosts(groups) == hosts(groups, "state_running") == {"web1", "web2", "build"}


def test_without_groups_all_are_in_the_parent(ansible, shop, source):
    groups = listed(ansible, source(store=str(shop), group_by=[]))
    assert sorted(groups["dockyard"]["hosts"]) == ["build", "web1", "web2"]


def test_hosts_have_what_docker_clients_take(ansible, shop, source):
    variables = listed(ansible, source(store=str(shop), docker_machine_variables=True))["_meta"]["hostvars"]["web1"]
    url = "tcp://192.0.2.1:2376"
    assert variables["docker_host"] == variables["ansible_docker_docker_host"] == variables["dm_DOCKER_HOST"] == url
    assert variables["machine_docker"] == {"docker_host": url, "validate_certs": False}
    assert variables["dm_DOCKER_MACHINE_NAME"] == variables["machine_name"] == "web1"
    assert variables["machine_labels"] == {"tier": "front"}
    assert variables["machine_store"] == str(shop)


@pytest.mark.parametrize("name", ["machines.yml", "shop.machines.yaml", "docker_machine.yml", "any/thing.yml"])
def test_file_names(ansible, shop, source, name):
    text = f"# {name}\nplugin: dockyard.machine.machines\nstore: {shop}\n"
    assert hosts(listed(ansible, source(text, name=name))) == {"web1", "web2", "build"}


def test_the_store_is_relative_to_the_file_or_from_the_environment(ansible, shop, source):
    relative = source(store=os.path.relpath(shop, ansible.folder / "deep"), name="deep/machines.yml")
    assert hosts(listed(ansible, relative, cwd="/")) == {"web1", "web2", "build"}
    by_environment = listed(ansible, source(), env={"DOCKYARD_STORE": str(shop)})
    assert hosts(by_environment) == {"web1", "web2", "build"}
    assert "machine_store" not in by_environment["_meta"]["hostvars"]["web1"]


def test_filter(ansible, shop, source):
    front = listed(ansible, source(store=str(shop), filter="labels.tier == 'front' && state == 'running'"))
    assert hosts(front) == {"web1"}


def test_constructed_options(ansible, shop, source):
    inventory = listed(
        ansible,
        source(
            store=str(shop),
            strict=True,
            compose={"ansible_host": "docker_host | urlsplit('hostname')"},
            groups={"fronts": "machine_labels.tier | default('') == 'front'", "ones": "ansible_host is search('1$')"},
            keyed_groups=[{"prefix": "of", "key": "machine_fleet", "parent_group": "owners"}],
        ),
    )
    assert inventory["_meta"]["hostvars"]["web2"]["ansible_host"] == "192.0.2.2"
    assert hosts(inventory, "fronts") == hosts(inventory, "ones") == {"web1"}
    assert set(inventory["owners"]["children"]) == {"of_x", "of_shop"}
    assert hosts(inventory, "of_shop") == hosts(inventory, "fleet_shop") == {"web1", "web2"}


def test_templates_in_records_are_never_evaluated(ansible, shop, source):
    evil = {"a": "{{ 1 + 1 }}", "b": "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ 1 + 1 ]]"}
    path = shop / "machines" / "web1" / "machine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "labels": evil}))
    path = source(store=str(shop), compose={"copied": "machine_labels.a"})
    run = ansible.play(
        [
            {"ansible.builtin.debug": {"msg": "{{ machine_labels.a }}|{{ copied }}"}},
            {"ansible.builtin.debug": {"msg": "{{ machine_labels.b }}"}},
        ],
        hosts="web1",
        inventory=path,
    )
    said, other = run.ok().results(action="debug")
    assert said["msg"] == "{{ 1 + 1 }}|{{ 1 + 1 }}"
    assert other["msg"] == evil["b"]


def test_an_estate_beside_it_stays_as_it_is(ansible, shop, source):
    estate = ansible.folder / "estate.yml"
    estate.write_text("web: {hosts: {web9: {colour: blue}}}\nrunning: {hosts: {web9: {}}}\n")
    both = listed(ansible, estate, "--inventory", str(source(store=str(shop))))
    assert hosts(both, "web") == hosts(both, "running") == {"web9"}
    assert hosts(both) == {"web1", "web2", "build"}
    estate.write_text("web: {hosts: {web1: {colour: blue}}}\n")
    run = ansible.command(
        "ansible-inventory", "--inventory", estate, "--inventory", source(store=str(shop)), "--list"
    ).ok()
    assert "has the name of a host of another inventory source" in " ".join(run.stderr.split())


def test_no_store_yet_is_no_error(ansible, store, source):
    path = source(store=str(store))
    run = ansible.command("ansible-inventory", "--inventory", path, "--list").ok()
    assert f"there is no store at {store} yet" in " ".join(run.stderr.split())
    assert "machine_inventory_error" not in run.stdout
    ansible.playbook("list_hosts", {"machine_store": str(store)}, inventory=path).ok()


def test_a_damaged_record_is_listed_and_named(ansible, shop, source):
    damage(shop, "web1")
    path = source(store=str(shop))
    run = ansible.command("ansible-inventory", "--inventory", path, "--list").ok()
    inventory = plain(json.loads(run.stdout))
    variables = inventory["_meta"]["hostvars"]["web1"]
    assert hosts(inventory, "state_unknown") == {"web1"}
    assert hosts(inventory, "state_running") == {"web2", "build"}
    assert "is damaged" in variables["machine_error"]
    assert variables["ansible_host"] == "web1.damaged.invalid"
    assert "web1: The record" in " ".join(run.stderr.split())
    damage(shop, "web1", json.dumps({"schema": 99}))
    newer = listed(ansible, path)["_meta"]["hostvars"]["web1"]
    assert "schema 99" in newer["machine_error"]


# A wrong file must not look like an empty one


@pytest.mark.parametrize(
    "options, said",
    [
        ({"group_by": ["colour"]}, ["group_by: 'colour'", "There are driver, state, role, fleet and label_KEY"]),
        ({"filter": "state =="}, ["filter: 'state =='", "is not a valid JMESPath expression"]),
        ({"filter": "abs(name)"}, ["filter: 'abs(name)' fails for build", "Fix the expression"]),
        ({"filtre": "x"}, ["filtre: not an option of this plugin", "filter, group_by, groups"]),
        (
            {"running_required": True},
            [
                "running_required: this is an option of community.docker's plugin (True)",
                "Use filter: state == 'running'",
            ],
        ),
        ({"live_timeout": "soon"}, ["live_timeout", "soon"]),
        ({"strict": True, "compose": {"x": "nothing.there"}}, ["Could not set x for host build"]),
        ({"store": "gs://bucket"}, ["store: 'gs://bucket'", "Give a folder, or s3://bucket/prefix"]),
        ({"store": "machines.yml"}, ["is not a folder", "Give the folder of the store"]),
    ],
)
def test_a_wrong_file_is_told_to_all_hosts(ansible, shop, source, options, said):
    path = source(**{"store": str(shop), **options})
    estate = ansible.folder / "estate.yml"
    estate.write_text("web: {hosts: {web9: {}}}\n")
    both = listed(ansible, estate, "--inventory", str(path))
    error = both["_meta"]["hostvars"]["web9"]["machine_inventory_error"]
    assert error.startswith(f"{path}: ")
    assert [text for text in said if text not in error] == []
    assert not hosts(both)


def test_a_wrong_file_stops_playbooks(ansible, shop, source):
    path = source(store=str(shop), group_by=["colour"])
    estate = ansible.folder / "estate.yml"
    estate.write_text("web: {hosts: {web9: {}}}\n")
    for inventory in ([path], [estate, path]):
        sources = [argument for one in inventory for argument in ("--inventory", str(one))]
        run = ansible.playbook("list_hosts", {"machine_store": str(shop)}, *sources).failed()
        assert f"{path}: group_by: 'colour' is not a supported group" in run.messages
        assert not run.results(task="Read the state of the machines")


def test_a_file_that_is_no_yaml_is_seen_where_the_plugin_is_asked_first(ansible, source):
    path = source("plugin: dockyard.machine.machines\nstore: [\n")
    env = {"ANSIBLE_INVENTORY_ENABLED": "dockyard.machine.machines,auto"}
    assert str(path) in ansible.playbook("list_hosts", inventory=path, env=env).failed().messages
    strictly = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}
    ansible.command("ansible-inventory", "--inventory", path, "--list", env=strictly).failed()


def test_files_of_other_plugins_are_left_to_them(ansible, source):
    path = source("web: {hosts: {web9: {}}}\n")
    env = {"ANSIBLE_INVENTORY_ENABLED": "dockyard.machine.machines,yaml"}
    inventory = listed(ansible, path, env=env)
    assert inventory["_meta"]["hostvars"] == {} and hosts(inventory, "web") == {"web9"}


def test_a_vanished_store_json_is_an_error(ansible, shop, source):
    (shop / "store.json").unlink()
    run = ansible.playbook("list_hosts", inventory=source(store=str(shop))).failed()
    assert "store.json is gone, though machines exist" in run.messages


# Live state


@pytest.fixture()
def fleet(ansible, shop, moody):
    """The three machines, and a fourth of the moody driver."""
    arguments = {"store": str(shop), "name": "mood1", "endpoint": str(moody)}
    ansible.module("moody.cloud.box", arguments).ok()
    moody.write_text("paused")
    return shop


def test_live_asks_the_providers(ansible, fleet, moody, source):
    path = source(store=str(fleet), live=True)
    assert hosts(listed(ansible, path), "state_paused") == {"mood1"}
    moody.write_text("hang")
    run = ansible.command(
        "ansible-inventory", "--inventory", source(store=str(fleet), live=True, live_timeout=5), "--list"
    ).ok()
    inventory = plain(json.loads(run.stdout))
    assert hosts(inventory, "state_unknown") == {"mood1"}
    assert hosts(inventory, "state_running") == {"web1", "web2", "build"}
    assert inventory["_meta"]["hostvars"]["mood1"]["machine_error"] == "moody.cloud.box has not answered within 5 s."
    assert "Not seen: mood1: moody.cloud.box has not answered within 5 s." in " ".join(run.stderr.split())
    assert not processes_of(moody)


def test_live_whatever_the_callbacks(ansible, fleet, source):
    """ansible-runner's, which AWX has, too, prints beside Ansible, from the moment at which it is found."""
    callbacks = pathlib.Path(ansible_runner.__file__).parent / "display_callback" / "callback"
    ansible.environment["ANSIBLE_CALLBACK_PLUGINS"] = str(callbacks)
    run = ansible.command("ansible-inventory", "--inventory", source(store=str(fleet), live=True), "--list").ok()
    assert hosts(plain(json.loads(run.stdout)), "state_paused") == {"mood1"} and "can't be asked" not in run.stderr


ESTATE = """
[defaults]
callback_result_format = yaml
no_log = true
[inventory]
enable_plugins = dockyard.machine.machines, yaml
any_unparsed_is_failed = true
"""


@pytest.fixture()
def estate(ansible):
    """A folder with settings, and with variables that need a password."""
    folder = ansible.folder / "estate"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "ansible.cfg").write_text(ESTATE)
    (folder / "password").write_text("x")
    (folder / "group_vars" / "all.yml").write_text("secret: x")
    ansible.command(
        "ansible-vault", "encrypt", "--vault-password-file", "password", "group_vars/all.yml", cwd=folder
    ).ok()
    return folder


def test_live_whatever_the_estate_s_settings_and_secrets(ansible, fleet, source, estate):
    path = source(store=str(fleet), live=True)
    arguments = ["--inventory", path, "--list", "--vault-password-file", "password"]
    run = ansible.command("ansible-inventory", *arguments, cwd=estate).ok()
    assert hosts(plain(json.loads(run.stdout)), "state_paused") == {"mood1"} and "can't be asked" not in run.stderr


def test_live_with_collections_beside_the_playbook(ansible, fleet, source):
    folder = ansible.folder / "project"
    beside = folder / "collections" / "ansible_collections"
    beside.mkdir(parents=True)
    for root in ansible.environment.pop("ANSIBLE_COLLECTIONS_PATH").split(":"):
        for namespace in pathlib.Path(root, "ansible_collections").iterdir():
            if not (beside / namespace.name).exists():
                (beside / namespace.name).symlink_to(namespace)
    (folder / "site.yml").write_text(
        "- {hosts: state_paused, gather_facts: false, tasks: [{ansible.builtin.debug: }]}\n"
    )
    path = source(store=str(fleet), live=True)
    run = ansible.command("ansible-playbook", "--inventory", path, folder / "site.yml").ok()
    assert "mood1" in run.stdout and "can't be asked" not in run.stderr


def test_only_live_state_is_cached(ansible, fleet, moody, source):
    path = source(
        store=str(fleet),
        live=True,
        cache=True,
        cache_plugin="ansible.builtin.jsonfile",
        cache_connection=str(ansible.folder / "cache"),
    )
    assert hosts(listed(ansible, path), "state_paused") == {"mood1"}
    moody.write_text("stopped")
    ansible.module("none", {"store": str(fleet), "name": "new1", "url": "tcp://192.0.2.9:2376"}).ok()
    cached = listed(ansible, path)
    assert hosts(cached, "state_paused") == {"mood1"}  # not asked again
    assert hosts(cached, "state_running") == {"web1", "web2", "build", "new1"}  # the store was read anew
    assert hosts(listed(ansible, path, "--flush-cache"), "state_stopped") == {"mood1"}


# machine_info


def test_info_by_name_fleet_and_filter(ansible, shop):
    def names(**arguments):
        value = ansible.module(INFO, {"store": str(shop), **arguments}).ok().value
        assert value["changed"] is False
        return [one["name"] for one in value["machines"]]

    assert names() == ["build", "web1", "web2"]
    assert names(name=["web2", "web1"]) == ["web2", "web1"]
    assert names(name="web1,web2") == ["web1", "web2"]
    assert names(fleet="shop") == ["web1", "web2"]
    assert names(filter="labels.tier == 'front' || role == 'ci'") == ["build", "web1"]
    missing = ansible.module(INFO, {"store": str(shop), "name": ["web1", "ghost"]}).ok().value
    assert missing["missing"] == ["ghost"] and len(missing["machines"]) == 1
    assert missing["table"][-1].split() == ["ghost", "-", "-", "absent", "-", "-", "-"]


def test_info_runs_on_the_controller(ansible, shop):
    estate = ansible.folder / "estate.yml"
    estate.write_text("all: {hosts: {nowhere: {ansible_host: nowhere.invalid, ansible_python_interpreter: /none}}}\n")
    arguments = {"store": str(shop), "refresh": True}
    run = ansible.module(INFO, arguments, host="nowhere", inventory=estate, become=True, check=True).ok()
    assert {one["state"] for one in run.value["machines"]} == {"running"}
    assert "warnings" not in run.value


@pytest.mark.parametrize(
    "mood, why",
    [
        ("hang", "moody.cloud.box has not answered within 5 s."),
        ("fail", "the moody cloud is out of order"),
    ],
)
def test_info_of_an_unreachable_provider_is_unknown(ansible, fleet, moody, mood, why):
    moody.write_text(mood)
    value = ansible.module(INFO, {"store": str(fleet), "refresh": True, "timeout": 5}).ok().value
    states = {one["name"]: one["state"] for one in value["machines"]}
    assert states == {"build": "running", "mood1": "unknown", "web1": "running", "web2": "running"}
    (error,) = (one["error"] for one in value["machines"] if one["name"] == "mood1")
    (warning,) = value["warnings"]
    assert why in error and why in warning and "mood1" in warning
    assert not processes_of(moody)
    moody.write_text("stopped")
    value = ansible.module(INFO, {"store": str(fleet), "name": "mood1", "refresh": True}).ok().value
    assert (value["machines"][0]["state"], value["machines"][0]["error"]) == ("stopped", None)


def test_info_of_a_driver_that_is_not_installed(ansible, fleet):
    path = ansible.environment["ANSIBLE_COLLECTIONS_PATH"].partition(":")[0]
    run = ansible.module(INFO, {"store": str(fleet), "refresh": True}, env={"ANSIBLE_COLLECTIONS_PATH": path}).ok()
    (warning,) = run.value["warnings"]
    assert "moody.cloud.box" in warning and "is not installed" in warning and "mood1" in warning


def test_info_of_a_damaged_record(ansible, fleet):
    damage(fleet, "web1")
    value = ansible.module(INFO, {"store": str(fleet), "refresh": True}).ok().value
    (web1,) = (one for one in value["machines"] if one["name"] == "web1")
    assert web1["state"] == "unknown" and "is damaged" in web1["error"] and web1["driver"] is None
    assert {one["name"]: one["state"] for one in value["machines"]}["mood1"] == "paused"
    assert {one["name"]: one["state"] for one in value["machines"]}["web2"] == "running"


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"filter": "]"}, "filter: ']' is not a valid JMESPath expression"),
        ({"name": ["Web_1"]}, "name: 'Web_1' is not a valid machine name"),
        ({"nmae": "web1"}, "nmae"),
    ],
)
def test_info_refuses_wrong_input(ansible, shop, arguments, said):
    assert said in ansible.module(INFO, {"store": str(shop), **arguments}).failed().messages


# machine_record


def test_record_notes_once_what_was_learnt(ansible, shop):
    engine = {"version": "20.10.24", "api_version": "1.41", "certificate_not_after": "2999-01-01T00:00:00Z"}
    arguments = {"store": str(shop), "name": "web1", "engine": {**engine, "changed": True, "other": []}}
    first_boot = shop / "machines" / "web1" / "first-boot"
    first_boot.mkdir()
    (first_boot / "host_ed25519").write_text("secret")

    checked = ansible.module(RECORD, {**arguments, "reached": True}, check=True).ok().value
    assert checked["changed"] and checked["diff"]["after"]["engine"] == engine
    assert checked["diff"]["before"]["first_boot"] and not checked["diff"]["after"]["first_boot"]
    assert first_boot.exists()
    assert ansible.module(RECORD, arguments).ok().value["changed"] and first_boot.exists()
    assert ansible.module(RECORD, {**arguments, "reached": True}).ok().value["changed"] and not first_boot.exists()
    assert not ansible.module(RECORD, {**arguments, "reached": True}).ok().value["changed"]

    (shown,) = ansible.module(INFO, {"store": str(shop), "name": "web1"}).ok().value["machines"]
    assert shown["engine_version"] == "20.10.24" and shown["certificate_days_left"] > 300_000
    assert shown["state"] == "running"
    (shown,) = ansible.module(INFO, {"store": str(shop), "name": "web1", "refresh": True}).ok().value["machines"]
    assert shown["engine_version"] == "20.10.24"


def test_record_of_no_machine(ansible, shop):
    run = ansible.module(RECORD, {"store": str(shop), "name": "ghost", "reached": True}).failed()
    assert f"There is no machine ghost in the store {shop}" in run.messages
    assert run.value["error"]["code"] == "not_found"


# list_hosts


def table(run):
    return run.ok().result(task="Show the machines")["msg"]


def test_list_hosts(ansible, fleet, moody, source):
    arguments = {"store": str(fleet), "name": "web1", "engine": {"version": "20.10.24"}}
    ansible.module(RECORD, arguments).ok()
    store = {"machine_store": str(fleet)}
    run = ansible.playbook("list_hosts", store)
    expected = """\
        NAME   FLEET/ROLE  DRIVER           STATE    ADDRESS                ENGINE    CERT DAYS
        build  x/ci        none             running  tcp://192.0.2.3:2376   -         -
        mood1  -           moody.cloud.box  paused   tcp://192.0.2.77:2376  -         -
        web1   shop/web    none             running  tcp://192.0.2.1:2376   20.10.24  -
        web2   shop/web    none             running  tcp://192.0.2.2:2376   -         -"""
    assert "\n".join(table(run)) == textwrap.dedent(expected)
    assert run.changed == 0
    moody.write_text("stopped")
    assert "paused" in table(ansible.playbook("list_hosts", {**store, "machine_refresh": False}))[2]

    def named(path=None, **extra):
        return [line.split()[0] for line in table(ansible.playbook("list_hosts", extra, inventory=path))[1:]]

    # With an inventory, its store is listed
    path = source(store=str(fleet))
    assert named(path) == ["build", "mood1", "web1", "web2"]
    assert named(path, machine_names="web1, ghost") == ["web1", "ghost"]
    assert named(path, machine_names=["web2"]) == ["web2"]
    assert named(path, machine_fleet={"id": "shop", "roles": {}}) == ["web1", "web2"]
    assert "machine_limit" in ansible.playbook("list_hosts", store, "--limit", "web1", inventory=path).failed().messages
