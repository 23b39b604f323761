# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: machines
short_description: Lists the machines of a store, with groups and the variables for plays and Docker clients
version_added: 0.1.0
description:
  - Reads the store O(store), and lists every existing machine.
  - The name of the file must end with C(machines.yml), C(dockyard.yml) or C(docker_machine.yml) (or C(.yaml)). Any
    other C(.yml) or C(.yaml) file is accepted if it has the line C(plugin:) with the full name of this plugin.
  - A host has the variables to log in (address, port, user, key, pinned host key) and those for Docker clients
    (C(docker_host), C(tls_verify), C(ca_path), C(client_cert), C(client_key), and all of them in C(machine_docker)). It
    also has C(machine_name), C(machine_state), C(machine_driver), C(machine_labels) and others.
  - A machine whose record is damaged is listed with the variable C(machine_error) and the state V(unknown). Its address
    ends with C(.invalid), so that no play connects to another host. The same applies to a machine whose creation was
    not completed.
  - If the file is invalid or the store can't be read, Ansible continues with an empty inventory. The variable
    C(machine_inventory_error) of the group C(all) then has the reason, and the playbooks of this collection stop.
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) makes it an error everywhere, even if the file is not valid YAML.
  - If O(store) is in the file, the variable C(machine_store) of the group C(all) is set to it. The playbooks of this
    collection then use the listed machines.
author:
  - Dockyard contributors (@dockyard)
options:
  plugin:
    description:
      - Name of this plugin.
    type: str
    required: true
    choices: [dockyard.machine.machines]
  store:
    description:
      - The store. A folder, or C(s3://bucket/prefix). A relative path is relative to the folder of the inventory file.
      - With a store on S3, the variables for keys are lookups (P(dockyard.machine.key_file#lookup)), which fetch the
        file when a task connects to the host.
      - By default the value of the environment variable, else C(~/.dockyard).
    type: str
    env:
      - name: DOCKYARD_STORE
  group_by:
    description:
      - Groups to create, as children of the group C(dockyard).
      - V(driver) creates C(driver_qemu) (for another collection's driver C(driver_acme_cloud_thing)), V(state) creates
        C(state_running), V(role) C(role_web), V(fleet) C(fleet_shop), and V(label_KEY) creates C(label_KEY_VALUE) for
        the machines with the label V(KEY).
      - Characters that are not valid in group names are replaced by C(_).
      - These are cheap. O(keyed_groups), O(groups) and O(compose) cost about 0.3 ms per host for each entry.
    type: list
    elements: str
    default: [driver, state, role, fleet]
  filter:
    description:
      - A JMESPath expression. Only machines for which it is true are listed.
      - It is applied to a machine as M(dockyard.machine.machine_info) returns it.
      - Requires the Python library jmespath.
    type: str
  live:
    description:
      - Read the current state of the machines from the providers, instead of listing the last known state.
      - Runs M(dockyard.machine.machine_info) with C(refresh), which runs one module for each driver and place.
        Credentials come from the environment. A machine whose state can't be read has the state V(unknown).
      - With O(cache), the providers are not queried again until O(cache_timeout) has passed. Nothing else is cached.
    type: bool
    default: false
  live_timeout:
    description:
      - Maximum seconds for one provider with O(live).
    type: float
    default: 30
  docker_machine_variables:
    description:
      - Also set C(dm_DOCKER_HOST), C(dm_DOCKER_TLS_VERIFY), C(dm_DOCKER_CERT_PATH) and C(dm_DOCKER_MACHINE_NAME), as
        P(community.docker.docker_machine#inventory) does.
    type: bool
    default: false
extends_documentation_fragment:
  - constructed
  - inventory_cache
seealso:
  - module: dockyard.machine.machine_info
"""

EXAMPLES = r"""
# machines.yml: all machines of ~/.dockyard
plugin: dockyard.machine.machines

---
# shop.machines.yml: the running front ends of a fleet
plugin: dockyard.machine.machines
store: /srv/dockyard
filter: fleet == 'shop' && labels.tier == 'front' && state == 'running'
group_by: [role, label_tier]

---
# live.machines.yml: as the providers see them, asked at most once in five minutes
plugin: dockyard.machine.machines
live: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/dockyard/inventory
cache_timeout: 300

---
# old.docker_machine.yml: for playbooks that were written for Docker Machine
plugin: dockyard.machine.machines
docker_machine_variables: true
keyed_groups:
  - prefix: engine
    key: machine_engine_version
"""

import collections.abc
import contextlib
import os
import re
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _groups, _live, _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._groups import LABEL, PARENT
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._keys import lookups
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

NAME = "dockyard.machine.machines"
SUFFIXES = tuple(f"{name}.{end}" for name in ("machines", "dockyard", "docker_machine") for end in ("yml", "yaml"))
OURS = re.compile(rf"^plugin:\s*(['\"]?){re.escape(NAME)}\1\s*(#.*)?$", re.MULTILINE)
ERROR = "machine_inventory_error"
STORE = "machine_store"
HOST_NAMES = ("inventory_hostname", "inventory_hostname_short")  # machines' names have no dots
# At the end of a host's name where expressions are evaluated: the core takes a name for a group's, if there is one of it,
# and would let a group have that group's hosts in place of the machine.
NO_GROUP = "."
# Options of community.docker's plugin, as a file that was written for it may have them
REPLACED = {
    "daemon_env": "Remove it: nothing is run to find the daemon's address",
    "running_required": "Use filter: state == 'running'",
    "verbose_output": "Remove it: compose and keyed_groups see the variables machine_*",
    "filters": "Use filter, a JMESPath expression",
}


class Listing:
    """What is to be listed, in memory: nothing is written before all of it is known to be right."""

    def __init__(self) -> None:
        self.hosts: dict[str, dict[str, t.Any]] = {}
        self.groups: dict[str, list[str]] = {PARENT: []}
        self.children: dict[str, list[str]] = {PARENT: []}

    def add(self, host: str, variables: dict[str, t.Any], groups: list[str]) -> None:
        self.hosts[host] = variables
        for group in groups:
            if group not in self.groups:
                self.groups[group] = []
                self.children[PARENT].append(group)
            self.groups[group].append(host)
        if not groups:
            self.groups[PARENT].append(host)

    def write(self, inventory: InventoryData) -> None:
        for host, variables in self.hosts.items():
            inventory.add_host(host)
            # Not set_variable(): for 10,000 hosts it takes longer than all the rest, to find what is known here.
            inventory.hosts[host].vars.update(variables)
        for group in self.groups:
            inventory.add_group(group)
        for group, members in self.groups.items():
            for host in members:
                # Not add_child(): where the estate has a group of the machine's name, that would take all its hosts in.
                inventory.groups[group].add_host(inventory.hosts[host])
        for parent, children in self.children.items():
            inventory.add_group(parent)
            for child in children:
                inventory.add_child(parent, child)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = NAME
    inventory: t.Any

    def verify_file(self, path: str) -> bool:
        if not super().verify_file(path):
            return False
        if path.endswith(SUFFIXES):
            return True
        if not path.endswith((".yml", ".yaml")):
            return False
        try:
            with open(path, encoding="utf-8") as file:
                return bool(OURS.search(file.read()))
        except (OSError, UnicodeError):
            return False

    def parse(self, inventory: InventoryData, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._refuse_foreign(path)
        try:
            config = self._read(path)
            listing = self._list(path, self._store(path, config), cache)
        except MachineError as error:
            raise self._failed(path, error.text()) from None
        except AnsibleError as error:
            raise self._failed(path, str(error)) from None
        except Exception as error:
            raise self._failed(path, f"{type(error).__name__}: {error}") from error
        self._warn_of_doubles(listing)
        listing.write(inventory)

    # The file

    def _refuse_foreign(self, path: str) -> None:
        """Leave files that are meant for other plugins to them, without a word on ``all``."""
        try:
            config = self.loader.load_from_file(path, cache="none")
        except Exception as error:
            raise self._failed(path, str(error)) from None
        if not isinstance(config, collections.abc.Mapping) or config.get("plugin") != NAME:
            raise AnsibleParserError(f"{path} has no 'plugin: {NAME}'")

    def _read(self, path: str) -> dict[str, t.Any]:
        config = dict(self._read_config_data(path))
        known = {str(name) for name in self.option_definitions}
        for name in config:
            if name in REPLACED:
                raise BadOption(
                    name, f"this is an option of community.docker's plugin ({config[name]!r})", REPLACED[name]
                )
            if name not in known:
                raise BadOption(name, "not an option of this plugin", f"It has {', '.join(sorted(known - {'plugin'}))}")
        for name in self.get_option("group_by"):
            if name not in ("driver", "state", "role", "fleet") and not (name.startswith(LABEL) and name != LABEL):
                raise BadOption(
                    "group_by",
                    f"{name!r} is not a supported group",
                    "There are driver, state, role, fleet and label_KEY",
                )
        return config

    def _store(self, path: str, config: dict[str, t.Any]) -> Store:
        where = self.get_option("store")
        if config.get("store") and "://" not in where:
            where = os.path.expanduser(os.path.expandvars(where))
            where = os.path.join(os.path.dirname(os.path.abspath(path)), where)
        store = open_store(where)
        if not store.shared and os.path.lexists(store.where) and not os.path.isdir(store.where):
            raise BadOption("store", f"{store.where!r} is not a folder", "Give the folder of the store")
        if not store.exists:
            self.display.warning(f"{path}: there is no store at {store.where} yet, so no machine is listed")
        if config.get("store"):
            everything = self.inventory.groups["all"]
            if everything.vars.get(STORE, store.where) != store.where:
                self.display.warning(f"{path}: {STORE} was {everything.vars[STORE]} and is {store.where} from now on")
            self.inventory.set_variable("all", STORE, unsafe(store.where))
        return store

    def _failed(self, path: str, why: str) -> AnsibleParserError:
        said = f"{path}: {why}"
        self.inventory.set_variable("all", ERROR, unsafe(said))
        return AnsibleParserError(said)

    # What it lists

    def _list(self, path: str, store: Store, cache: bool) -> Listing:
        expression = self.get_option("filter")
        matches = _machines.Filter(expression).matches if expression else None
        machines = _machines.read(store)
        if self.get_option("live"):
            self._refresh(path, store, machines, cache)
        group_by = self.get_option("group_by")
        docker_machine = self.get_option("docker_machine_variables")
        constructed = any(self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        listing = Listing()
        scratch = InventoryData() if constructed else None
        safe_names: dict[tuple[str, str], str] = {}
        for machine in machines:
            if machine.damage:
                self.display.warning(f"{machine.name}: {machine.damage}")
            if matches and not matches(machine.public()):
                continue
            variables = machine.host_vars()
            if docker_machine:
                variables.update(_docker_machine(machine, variables))
            groups = []
            for pair in _groups.pairs(group_by, variables):
                if pair not in safe_names:
                    safe_names[pair] = _groups.group(*pair)
                groups.append(safe_names[pair])
            marked = lookups(variables, machine.name, store.where) if store.shared else unsafe(variables)
            listing.add(machine.name, marked, groups)
            if scratch:
                self._construct(scratch, machine.name, listing.hosts[machine.name])
        if scratch:
            _take_over(scratch, listing)
        return listing

    def _refresh(self, path: str, store: Store, machines: list[_machines.Machine], cache: bool) -> None:
        """Let the providers be asked, unless they were so lately; the answers are in the store then."""
        key = self.get_cache_key(path)
        kept = None
        if self.get_option("cache"):
            self.load_cache_plugin()
            if cache:
                with contextlib.suppress(KeyError):
                    kept = self.cache[key]
        if kept is None or kept.get("store") != store.where:
            providers = {(one.record.driver, str(one.record.place)) for one in machines if one.record}
            kept = {"store": store.where, **_live.ask(store.where, self.get_option("live_timeout"), len(providers))}
            if self.get_option("cache"):
                self.cache[key] = kept
        for warning in kept["warnings"]:
            self.display.warning(warning)
        for machine in machines:
            if machine.record is None:
                continue
            machine.observed = store.observed(machine.name)
            why = kept["unseen"].get(machine.name) or kept["unseen"].get("")
            # A later run may have seen it since.
            if why and (machine.observed.get("refreshed") or 0) <= kept["asked"]:
                machine.unseen(why)

    def _construct(self, scratch: InventoryData, host: str, variables: dict[str, t.Any]) -> None:
        """The user's own expressions, into an inventory that is thrown away if one of them fails."""
        strict = self.get_option("strict")
        real, self.inventory = self.inventory, scratch
        name = f"{host}{NO_GROUP}"
        try:
            scratch.add_host(name)
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            # What compose has set is seen by the others, and so are the names that each host has.
            variables = {**variables, **scratch.hosts[name].vars, **dict.fromkeys(HOST_NAMES, host)}
            self._add_host_to_composed_groups(
                self.get_option("groups"), variables, name, strict=strict, fetch_hostvars=False
            )
            self._add_host_to_keyed_groups(
                self.get_option("keyed_groups"), variables, name, strict=strict, fetch_hostvars=False
            )
        finally:
            self.inventory = real

    def _warn_of_doubles(self, listing: Listing) -> None:
        for host, variables in listing.hosts.items():
            other = self.inventory.hosts.get(host)
            if other is not None and other.vars.get("machine_id") != variables["machine_id"]:
                self.display.warning(
                    f"The machine {host} has the name of a host of another inventory source: their variables are mixed"
                )


def _docker_machine(machine: _machines.Machine, variables: dict[str, t.Any]) -> dict[str, t.Any]:
    if "docker_host" not in variables:
        return {}
    return {
        "dm_DOCKER_HOST": variables["docker_host"],
        "dm_DOCKER_TLS_VERIFY": "1" if variables["tls_verify"] else "",
        "dm_DOCKER_CERT_PATH": machine.folder if variables["tls_verify"] else "",
        "dm_DOCKER_MACHINE_NAME": machine.name,
    }


def _take_over(scratch: InventoryData, listing: Listing) -> None:
    for host, variables in listing.hosts.items():
        composed = dict(scratch.hosts[f"{host}{NO_GROUP}"].vars)
        for name in ("inventory_file", "inventory_dir"):
            composed.pop(name, None)
        variables.update(composed)
    for name, group in scratch.groups.items():
        if name in ("all", "ungrouped"):
            continue
        listing.groups.setdefault(name, []).extend(host.name.removesuffix(NO_GROUP) for host in group.hosts)
        listing.children.setdefault(name, []).extend(child.name for child in group.child_groups)
