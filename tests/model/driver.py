# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of the model provider, written as a driver's author would: a module is this and nothing more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model
short_description: Machines of the model provider
version_added: 0.1.0
description:
  - The driver to start from. Its provider is in memory, so it makes machines in tests only.
author:
  - Dockyard contributors (@dockyard)
options:
  region:
    description:
      - Region of the machine. Needed to create it.
    type: str
  token:
    description:
      - Who asks, as ACCOUNT:SECRET.
    type: str
    default: "acme:"
  zones:
    description:
      - Zones, tried in turn while there is no capacity.
    type: list
    elements: str
    default: [a, b]
  sizes:
    description:
      - Sizes of the machine, tried in turn in each zone.
    type: list
    elements: str
    default: [small]
  image:
    description:
      - Image of the machine. Without it, the newest is taken.
    type: str
  rules:
    description:
      - Ports that are open.
    type: list
    elements: int
    default: [22]
  disk:
    description:
      - Gigabytes of a volume that is attached; V(0) is none.
    type: int
    default: 0
  public_address:
    description:
      - Give the machine an address that it keeps.
    type: bool
    default: false
  network:
    description:
      - Id of a network that exists.
    type: str
  tags:
    description:
      - Tags of the machine, beside ours.
    type: dict
    default: {}
  user_data:
    description:
      - User data (cloud-init), merged with that of the driver.
    type: str
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Make a machine with a volume and an address
  dockyard.machine.model:
    name: web1
    region: north
    sizes: [medium, large]
    rules: [22, 80]
    disk: 10
    public_address: true

- name: Remove it
  dockyard.machine.model:
    name: web1
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
machines:
  description: The machines of this driver.
  returned: with O(scope=account)
  type: list
  elements: dict
error:
  description: What failed, for programs.
  returned: failure
  type: dict
"""

import re
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import driver

from .provider import Provider

PREFIX = "dockyard-"
STATES = {
    "creating": driver.CREATING,
    "running": driver.RUNNING,
    "starting": driver.STARTING,
    "stopping": driver.STOPPING,
    "stopped": driver.STOPPED,
    "paused": driver.PAUSED,
    "deleting": driver.STOPPING,
    "error": driver.ERROR,
    "terminated": driver.ABSENT,
}


# Tags as this provider takes them: a-z, 0-9, "-" and "_"


def _tags(it):
    """Ours, for a create."""
    return {PREFIX + name: re.sub("[^a-z0-9-]", lambda one: f"_{ord(one[0]):02x}", it.tags[name]) for name in it.tags}


def _filter(it):
    """Ours, for a list: all of this record, of this store, or of any."""
    named = {name: value for name, value in _tags(it).items() if name in (PREFIX + "store", PREFIX + "id")}
    return named or {PREFIX + "store": "*"}


def _seen(raw, **more):
    tags = {
        name[len(PREFIX) :]: re.sub("_([0-9a-f]{2})", lambda one: chr(int(one[1], 16)), value)
        for name, value in raw["tags"].items()
        if name.startswith(PREFIX)
    }
    said = {"token": raw["token"], "attached_to": [raw["machine"]] if raw.get("machine") else [], **more}
    return driver.Seen(raw["id"], STATES[raw["state"]], raw["name"], tags, created=str(raw["created"]), **said)


class Network(driver.Kind):
    """Only the user's own."""

    def get(self, it):
        return self.api.get_network(it.id)

    def seen(self, raw):
        return _seen(raw)


class Key(driver.Kind):
    identity = "name"
    tagged = False
    lists_account = True

    def get(self, it):
        return self.api.get_key(it.id)

    def list(self, it):
        return self.api.paged(self.api.list_keys)

    def seen(self, raw):
        return _seen(raw)

    def create(self, it):
        return self.api.import_key(it.name, it.request["public_key"])

    def delete(self, it):
        self.api.delete_key(it.id)


class Firewall(driver.Kind):
    identity = "name"
    lists_account = True
    adjustable = {"rules": "any"}

    def get(self, it):
        return self.api.get_firewall(it.id)

    def list(self, it):
        return self.api.paged(self.api.list_firewalls, tags=_filter(it))

    def seen(self, raw):
        return _seen(raw, has={"rules": raw["rules"]})

    def create(self, it):
        return self.api.create_firewall(it.name, _tags(it))

    def adjust(self, it):
        self.api.set_rules(it.id, it.request["rules"])

    def tag(self, it):
        self.api.set_tags("firewall", it.id, _tags(it))

    def delete(self, it):
        self.api.delete_firewall(it.id)


class Volume(driver.Kind):
    identity = "token"
    token_life = 3600.0  # its token is not shown, but answered
    lists_account = True
    keeps_data = True

    def get(self, it):
        return self.api.get_volume(it.id)

    def list(self, it):
        return self.api.paged(self.api.list_volumes, tags=_filter(it))

    def seen(self, raw):
        return _seen(raw)

    def create(self, it):
        return self.api.create_volume(it.token, tags=_tags(it), **it.request)

    def tag(self, it):
        self.api.set_tags("volume", it.id, _tags(it))

    def delete(self, it):
        self.api.delete_volume(it.id)


class Address(driver.Kind):
    identity = None  # each allocation is another address
    lists_account = True

    def get(self, it):
        return self.api.get_address(it.id)

    def list(self, it):
        return self.api.paged(self.api.list_addresses, tags=_filter(it))

    def seen(self, raw):
        return _seen(raw)

    def create(self, it):
        return self.api.allocate_address(_tags(it))

    def tag(self, it):
        self.api.set_tags("address", it.id, _tags(it))

    def delete(self, it):
        self.api.release_address(it.id)


class Server(driver.Machine):
    identity = proof = "token"
    lists_account = True
    adjustable = {"volumes": "any", "address": "any", "size": "stopped"}

    def get(self, it):
        return self.api.get_machine(it.id)

    def list(self, it):
        return self.api.paged(self.api.list_machines, tags=_filter(it))

    def seen(self, raw):
        return _seen(
            raw,
            has={"volumes": raw["volumes"], "address": raw["address"], "size": raw["size"]},
            facts={"address": raw["ip"]},
            verdict=driver.FULL if raw["reason"] == "NoCapacity" else None,
        )

    def create(self, it):
        asked = dict(it.request, tags={**it.request["tags"], **_tags(it)})
        for later in ("volumes", "address"):
            del asked[later]
        return self.api.run_machine(it.token, it.name, **asked)

    def adjust(self, it):
        has, asked = it.seen.has, it.request
        surplus = [volume for volume in has["volumes"] if volume not in asked["volumes"]]
        missing = [volume for volume in asked["volumes"] if volume not in has["volumes"]]
        if surplus:
            self.api.detach_volume(surplus[0])
        elif missing:
            self.api.attach_volume(missing[0], it.id)
        elif has["address"] not in (None, asked["address"]):
            self.api.disassociate_address(has["address"])
        elif has["address"] != asked["address"]:
            self.api.associate_address(asked["address"], it.id)
        else:
            self.api.resize_machine(it.id, asked["size"])

    def tag(self, it):
        self.api.set_tags("machine", it.id, _tags(it))

    def delete(self, it):
        self.api.terminate_machine(it.id)

    def start(self, it):
        self.api.start_machine(it.id)

    def stop(self, it):
        self.api.stop_machine(it.id)

    def restart(self, it):
        self.api.reboot_machine(it.id)

    def kill(self, it):
        self.api.kill_machine(it.id)

    def pause(self, it):
        self.api.pause_machine(it.id)

    def unpause(self, it):
        self.api.unpause_machine(it.id)


class Model(driver.Driver):
    kinds = (Network, Key, Firewall, Volume, Address, Server)
    argument_spec = {
        "region": {"type": "str"},
        "token": {"type": "str", "default": "acme:", "no_log": True},
        "zones": {"type": "list", "elements": "str", "default": ["a", "b"]},
        "sizes": {"type": "list", "elements": "str", "default": ["small"]},
        "image": {"type": "str"},
        "rules": {"type": "list", "elements": "int", "default": [22]},
        "disk": {"type": "int", "default": 0},
        "public_address": {"type": "bool", "default": False},
        "network": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "user_data": {"type": "str"},
    }
    place = ("region",)
    required = ("region",)
    verdicts = {
        "NotFound": driver.MISSING,
        "Taken": driver.TAKEN,
        "NoCapacity": driver.FULL,
        "InUse": driver.BUSY,
        "IncorrectState": driver.BUSY,
        "Throttled": driver.BUSY,
        "IdempotentParameterMismatch": driver.MISMATCH,
        "Invalid*": driver.REFUSED,
        "LimitExceeded": driver.REFUSED,
        "ExpiredToken": driver.REFUSED,
    }
    provider: Provider  # where others have an SDK

    def connect(self):
        return self.provider.client(self.options["token"].partition(":")[0], self.options["region"])

    def account(self):
        return self.client.whoami()

    def recipe(self, m):
        options = m.options
        network = m.existing(Network, options["network"]).id if options["network"] else None
        key = m.want(Key, {"public_key": m.public_key})
        firewall = m.want(Firewall, {"rules": options["rules"]})
        zone = m.choose("zone", options["zones"])
        volumes = [m.want(Volume, {"zone": zone, "size": options["disk"]}, "data").id] if options["disk"] else []
        address = m.want(Address, {}).id if options["public_address"] else None
        machine = {
            "zone": zone,
            "image": options["image"] or m.look(self.client.newest_image),
            "key": key.id,
            "firewalls": [firewall.id],
            "network": network,
            "volumes": volumes,
            "address": address,
            "tags": options["tags"],
            "user_data": m.user_data(),
        }
        m.want(Server, [{**machine, "size": size} for size in options["sizes"]])


def main():
    driver.run(Model)


def driver_for(provider: Provider, **kinds: dict[str, t.Any]) -> type[Model]:
    """The driver of a provider, saying of each kind what the provider's traits make true of it.

    ``Server={"lag": 0}`` and the like: what it says otherwise, for tests of drivers that are wrong.
    """
    traits = provider.traits
    tokens = "token" if traits.token_scope else None
    names = {kind: "name" if kind in traits.unique else None for kind in ("key", "firewall")}
    said = {"Key": ("key", names["key"]), "Firewall": ("firewall", names["firewall"])}
    said.update(Volume=("volume", tokens), Address=("address", None), Server=("machine", tokens))
    fitted: list[type[driver.Kind]] = [Network]
    for kind in Model.kinds[1:]:
        thing, identity = said[kind.__name__]
        body = {"identity": identity, "lag": traits.lag(thing) + 1, "__module__": __name__}
        body["proof"] = "token" if thing in traits.shows_token else None
        body["token_life"] = traits.token_life if identity == "token" else 0.0
        fitted.append(type(kind.__name__, (kind,), {**body, **kinds.get(kind.__name__, {})}))
    return type("Model", (Model,), {"kinds": tuple(fitted), "provider": provider, "__module__": __name__})


if __name__ == "__main__":
    main()
