#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: generic
short_description: Take up a host that exists, by SSH
version_added: 0.1.0
description:
  - Records a host that SSH reaches, pins its host key and notes how to log in.
  - Nothing on the host is changed by this module; its name and its containers are never touched.
  - V(restarted) reboots the host from inside and waits for its next boot. It can't be started, stopped or killed.
  - V(absent) forgets the host and leaves it as it is.
author:
  - Dockyard contributors (@dockyard)
options:
  address:
    description:
      - Address or name of the host. Needed to create the record.
      - When it changes, the host must show the host key that is pinned.
    type: str
  ssh_port:
    description:
      - Port of the host's SSH server.
    type: int
    default: 22
  docker_port:
    description:
      - Port where Docker clients reach the host's Engine. Where it listens is said by the role's variable C(docker_engine_port),
        which is the same unless the port is forwarded.
    type: int
    default: 2376
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Take up a host
  dockyard.machine.generic:
    name: build1
    address: 192.0.2.10
    ssh_user: admin
    ssh_key: ~/.ssh/id_ed25519

- name: Reboot it and wait until it is back
  dockyard.machine.generic:
    name: build1
    state: restarted

- name: Forget it
  dockyard.machine.generic:
    name: build1
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
  sample: {"name": "build1", "state": "running", "address": "192.0.2.10", "docker_host": "tcp://192.0.2.10:2376"}
machines:
  description: The machines of this driver.
  returned: with O(scope=account)
  type: list
  elements: dict
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "unreachable", "left_behind": [], "remedy": "Check the address, the port and the network."}
"""

from ansible_collections.dockyard.machine.plugins.module_utils import driver


class Host(driver.Machine):
    restart = driver.OVER_SSH

    def get(self, it):
        return {"address": it.id, **it.request}

    def seen(self, raw):
        return driver.Seen(id=raw["address"], state=None, facts=raw)


class Generic(driver.Driver):
    kinds = (Host,)
    argument_spec = {
        "address": {"type": "str"},
        "ssh_port": {"type": "int", "default": 22},
        "docker_port": {"type": "int", "default": 2376},
    }
    required = ("address",)

    def recipe(self, m):
        m.existing(Host, m.options["address"], {port: m.options[port] for port in ("ssh_port", "docker_port")})


def main():
    driver.run(Generic)


if __name__ == "__main__":
    main()
