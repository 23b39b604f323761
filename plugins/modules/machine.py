#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine
short_description: Create, change, start, stop and remove a machine with any driver
version_added: 0.1.0
description:
  - Runs the module of the driver that O(driver) names, ours or another collection's.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
  - C(module_defaults) of the driver's module and of the group C(dockyard.machine.machine) reach the driver.
    The task wins over the driver's defaults, and these over the group's.
author:
  - Dockyard contributors (@dockyard)
options:
  machine:
    description:
      - Arguments of this module in one dictionary, as the module M(dockyard.machine.fleet) returns them in C(wanted).
        What is given beside it wins.
    type: dict
  driver:
    description:
      - The driver, as V(qemu), or by its full name, as V(acme.cloud.thing).
      - Needed to create a machine; later the record knows it.
      - With it, the machine is described by O(options), and O(keep_options) is false if it isn't given. Without it,
        its options stay as they are.
    type: str
  options:
    description:
      - The driver's own options, as its module documents them.
      - They may also stand beside the other options of this module.
    type: dict
  wait:
    description:
      - Wait until the machine can be logged in to, where it may be on its way up. O(timeout) is the limit.
    type: bool
    default: true
  max_age:
    description:
      - Seconds. If the machine was seen running within that time and is recorded as it is asked for,
        the answer is given from the record, and the driver's module isn't run.
    type: float
    default: 0
extends_documentation_fragment:
  - dockyard.machine.driver
attributes:
  async:
    support: full
    description: May be run in the background.
"""

EXAMPLES = r"""
- name: Let a machine exist
  dockyard.machine.machine:
    name: web1
    driver: qemu
    options:
      cpus: 2
      memory: 2048
    labels:
      tier: front

- name: Stop it
  dockyard.machine.machine:
    name: web1
    state: stopped

- name: Remove it
  dockyard.machine.machine:
    name: web1
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: web1
    id:
      description: Its id in the store, the same for its whole life.
      returned: always
      type: str
      sample: 3f9a2c41b7d0
    driver:
      description: The driver's full name.
      returned: always
      type: str
      sample: dockyard.machine.qemu
    state:
      description:
        - One of V(absent), V(creating), V(running), V(stopped), V(paused), V(starting), V(stopping), V(error), V(unknown).
      returned: always
      type: str
      sample: running
    address:
      description: Where SSH reaches it.
      returned: always
      type: str
      sample: 192.0.2.10
    docker_host:
      description: Where Docker clients reach its Engine.
      returned: always
      type: str
      sample: tcp://192.0.2.10:2376
    host_vars:
      description:
        - Variables for a host of this machine, as the inventory sets them.
        - With a store on S3, the files that they name are there until the run ends.
      returned: always
      type: dict
      sample: {"ansible_host": "192.0.2.10", "ansible_port": 22, "ansible_user": "admin"}
    resources:
      description: What was made for it at the provider.
      returned: always
      type: list
      elements: dict
      sample: [{"kind": "VM", "id": "web1-3f9a2c-1", "status": "made"}]
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short word.
      returned: always
      type: str
      sample: drift
    left_behind:
      description: What still exists somewhere.
      returned: always
      type: list
      elements: str
    remedy:
      description: What to do now.
      returned: always
      type: str
"""
