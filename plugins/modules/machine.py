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
  - Runs the module of the driver that O(driver) names, of this collection or another one.
  - Runs on the controller, regardless of the host's connection, and never with become.
  - C(module_defaults) of the driver's module and of the group C(dockyard.machine.machine) apply to the driver. The task
    takes precedence over the driver's defaults, and these over the group's.
author:
  - Dockyard contributors (@dockyard)
options:
  machine:
    description:
      - Arguments of this module in one dictionary, as the module M(dockyard.machine.fleet) returns them in C(wanted).
        Other options of the task take precedence.
    type: dict
  driver:
    description:
      - The driver, such as V(qemu), or its full name, such as V(acme.cloud.thing).
      - Required to create a machine. Later it is read from the record.
      - With it, O(options) describes the machine, and O(keep_options) is false by default. Without it, the machine's
        options stay unchanged.
    type: str
  options:
    description:
      - The driver's own options, as its module documents them.
      - They may also be given as options of this module.
    type: dict
  wait:
    description:
      - Wait until login is possible, if the machine may be starting. O(timeout) is the limit.
    type: bool
    default: true
  max_age:
    description:
      - If the machine was seen running within this number of seconds and its record is as wanted, the answer is given
        from the record, and the driver's module isn't run.
    type: float
    default: 0
extends_documentation_fragment:
  - dockyard.machine.from_variables
  - dockyard.machine.driver
attributes:
  async:
    support: full
    description: May be run in the background.
"""

EXAMPLES = r"""
- name: Create a machine
  dockyard.machine.machine:
    name: web1
    driver: qemu
    options:
      cpus: 2
      memory: 2048
    labels:
      tier: front

- name: Stop the machine
  dockyard.machine.machine:
    name: web1
    state: stopped

- name: Remove the machine
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
      description: Its id in the store, which never changes.
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
      description: Its address for SSH.
      returned: always
      type: str
      sample: 192.0.2.10
    docker_host:
      description: URL of its Engine for Docker clients.
      returned: always
      type: str
      sample: tcp://192.0.2.10:2376
    host_vars:
      description:
        - Host variables of this machine, as the inventory sets them.
        - With a store on S3, the files in them exist until the run ends.
      returned: always
      type: dict
      sample: {"ansible_host": "192.0.2.10", "ansible_port": 22, "ansible_user": "admin"}
    resources:
      description: Its resources at the provider.
      returned: always
      type: list
      elements: dict
      sample: [{"kind": "VM", "id": "web1-3f9a2c-1", "status": "made"}]
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the error.
      returned: always
      type: str
      sample: drift
    left_behind:
      description: Resources that still exist.
      returned: always
      type: list
      elements: str
    remedy:
      description: The remedy.
      returned: always
      type: str
"""
