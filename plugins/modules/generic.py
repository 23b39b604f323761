#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: generic
short_description: Manage an existing host by SSH
version_added: 0.1.0
description:
  - Records a host that SSH can reach, pins its host key and records how to log in.
  - This module changes nothing on the host, except that O(ssh_password) adds a key to C(authorized_keys). The host name and
    the containers stay unchanged.
  - V(restarted) reboots the host over SSH and waits for its next boot. The host can't be started, stopped or killed.
  - V(absent) deletes the record and does not change the host. A key that was added stays.
author:
  - Dockyard contributors (@dockyard)
options:
  address:
    description:
      - Address or name of the host. Required to create the record.
      - If it changes, the host must present the pinned host key.
    type: str
  ssh_port:
    description:
      - Port of the host's SSH server.
    type: int
    default: 22
  docker_port:
    description:
      - Port where Docker clients reach the host's Engine. The role's variable C(docker_engine_port) sets the port where
        the Engine listens. Both are the same unless the port is forwarded.
    type: int
    default: 2376
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Record a host
  dockyard.machine.generic:
    name: build1
    address: 192.0.2.10
    ssh_user: admin
    ssh_key: ~/.ssh/id_ed25519

- name: Record a host that has only a password, which is used once to add the machine's key
  dockyard.machine.generic:
    name: build2
    address: 192.0.2.11
    ssh_user: admin
    ssh_password: "{{ build_password }}"
    host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDeI6yPi3EJWzbMN3XeJyfCuoBvkXy0sbxC+Zkgv4as

- name: Reboot the host and wait for it
  dockyard.machine.generic:
    name: build1
    state: restarted

- name: Delete its record
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
  description: Machine-readable description of the failure.
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
