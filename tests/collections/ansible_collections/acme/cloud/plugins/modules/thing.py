# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: thing
short_description: Machines of the pretend cloud
version_added: 0.1.0
description:
  - A driver of a third party's collection, for tests. Its cloud is a folder.
author:
  - Dockyard contributors (@dockyard)
options:
  endpoint:
    description:
      - Folder that is the cloud. Needed to create a machine.
    type: path
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
  memory:
    description:
      - Megabytes of memory.
    type: int
    default: 512
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
  network:
    description:
      - Id of a network that exists.
    type: str
  user_data:
    description:
      - User data (cloud-init), merged with that of the driver.
    type: str
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Make a thing
  acme.cloud.thing:
    name: web1
    endpoint: /srv/cloud
    memory: 1024
    disk: 10

- name: Remove it
  acme.cloud.thing:
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

from ansible_collections.acme.cloud.plugins.module_utils import cloud
from ansible_collections.dockyard.machine.plugins.module_utils import driver


def _by_id(raws, it):
    return next((raw for raw in raws if raw["id"] == it.id), None)


class Network(driver.Kind):
    """Only the user's own."""

    def get(self, it):
        return self.api.get_network(it.id)

    def seen(self, raw):
        return driver.Seen(id=raw["id"])


class Key(driver.Kind):
    identity = "name"
    tagged = False
    lag = 0.3
    lists_account = True

    def list(self, it):
        return self.api.list_keys()

    def seen(self, raw):
        return driver.Seen(id=raw["id"], name=raw["name"])

    def create(self, it):
        return self.api.import_key(it.name, it.request["public_key"])

    def delete(self, it):
        self.api.delete_key(it.id)


class Volume(driver.Kind):
    identity = "token"
    token_life = 86400.0  # the cloud shows no token, but repeats its answer
    lag = 0.3
    lists_account = True
    keeps_data = True

    def list(self, it):
        return self.api.list_volumes()

    def seen(self, raw):
        return driver.Seen(id=raw["id"], tags=raw["tags"], attached_to=raw["attached_to"])

    def create(self, it):
        return self.api.create_volume(it.token, it.request["zone"], it.request["size"], it.tags)

    def tag(self, it):
        self.api.tag("volumes", it.id, it.tags)

    def delete(self, it):
        self.api.delete_volume(it.id)


class Thing(driver.Machine):
    proof = "name"  # a copy is called otherwise
    lag = 0.3
    lists_account = True
    adjustable = {"rules": "any", "volume": "any", "memory": "stopped"}

    def list(self, it):
        return self.api.list_things()

    def get(self, it):
        return _by_id(self.api.list_things(), it)

    def seen(self, raw):
        return driver.Seen(
            id=raw["id"],
            state=raw["state"],
            name=raw["name"],
            tags=raw["tags"],
            has={"rules": raw["rules"], "volume": raw["volume"], "memory": raw["memory"]},
            facts={"address": f"192.0.2.{int(raw['id'].rpartition('-')[2]) % 250 + 1}"},
            created=str(raw["created"]),
            verdict=driver.FULL if raw["reason"] == "OutOfCapacity" else None,
        )

    def create(self, it):
        asked = it.request
        names = ("zone", "memory", "image", "key", "user_data", "network")
        return self.api.run_thing(name=it.name, tags=it.tags, **{name: asked.get(name) for name in names})

    def adjust(self, it):
        has, asked = it.seen.has, it.request
        if has["rules"] != asked["rules"]:
            self.api.set_rules(it.id, asked["rules"])
        elif has["volume"] != asked["volume"]:
            self.api.attach(it.id, asked["volume"])
        else:
            self.api.resize(it.id, asked["memory"])

    def tag(self, it):
        self.api.tag("things", it.id, it.tags)

    def delete(self, it):
        self.api.delete_thing(it.id)

    def start(self, it):
        self.api.power(it.id, "start")

    def stop(self, it):
        self.api.power(it.id, "stop")

    def kill(self, it):
        self.api.power(it.id, "kill")

    def pause(self, it):
        self.api.power(it.id, "pause")

    def unpause(self, it):
        self.api.power(it.id, "unpause")


class Acme(driver.Driver):
    kinds = (Network, Key, Volume, Thing)
    argument_spec = {
        "endpoint": {"type": "path"},
        "token": {"type": "str", "default": "acme:", "no_log": True},
        "zones": {"type": "list", "elements": "str", "default": ["a", "b"]},
        "memory": {"type": "int", "default": 512},
        "image": {"type": "str"},
        "rules": {"type": "list", "elements": "int", "default": [22]},
        "disk": {"type": "int", "default": 0},
        "network": {"type": "str"},
        "user_data": {"type": "str"},
    }
    place = ("endpoint",)
    required = ("endpoint",)
    verdicts = {
        "NotFound": driver.MISSING,
        "Taken": driver.TAKEN,
        "OutOfCapacity": driver.FULL,
        "Busy": driver.BUSY,
        "Throttled": driver.BUSY,
        "MustBeStopped": driver.BUSY,
        "TokenMismatch": driver.MISMATCH,
        "Invalid": driver.REFUSED,
    }

    def connect(self):
        account = self.options["token"].partition(":")[0]
        return cloud.FolderCloud(self.options["endpoint"], account)

    def account(self):
        return self.client.whoami()

    def recipe(self, m):
        options = m.options
        network = m.existing(Network, options["network"]).id if options["network"] else None
        key = m.want(Key, {"public_key": m.public_key})
        zone = m.choose("zone", options["zones"])
        disk = m.want(Volume, {"zone": zone, "size": options["disk"]}).id if options["disk"] else None
        m.want(
            Thing,
            {
                "zone": zone,
                "memory": options["memory"],
                "image": options["image"] or m.look(self.client.newest_image),
                "rules": options["rules"],
                "volume": disk,
                "key": key.id,
                "network": network,
                "user_data": m.user_data(),
            },
        )


def main():
    driver.run(Acme)


if __name__ == "__main__":
    main()
