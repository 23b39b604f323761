#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: none
short_description: Record an existing Docker host
version_added: 0.1.0
description:
  - Keeps a record with the URL of an Engine, so that it is listed with the machines of the other drivers.
  - Nothing is created, contacted or set up. The state is always V(running), since it is not checked.
author:
  - Dockyard contributors (@dockyard)
options:
  url:
    description:
      - The Engine's URL for Docker clients. Required to create the record.
    type: str
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Record the Engine of a build host
  dockyard.machine.none:
    name: build
    url: tcp://build.example.com:2376

- name: Delete its record
  dockyard.machine.none:
    name: build
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
  sample: {"name": "build", "state": "running", "docker_host": "tcp://build.example.com:2376"}
machines:
  description: The machines of this driver.
  returned: with O(scope=account)
  type: list
  elements: dict
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Give the option."}
"""

from ansible_collections.dockyard.machine.plugins.module_utils import driver


class Endpoint(driver.Machine):
    def get(self, it):
        return it.id

    def seen(self, raw):
        return driver.Seen(id=raw, facts={"docker_host": raw})


class NoneDriver(driver.Driver):
    kinds = (Endpoint,)
    argument_spec = {"url": {"type": "str"}}
    required = ("url",)
    ssh_user = None

    def recipe(self, m):
        m.existing(Endpoint, m.options["url"])


def main():
    driver.run(NoneDriver)


if __name__ == "__main__":
    main()
