#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Plan which machines to create, change and remove
version_added: 0.1.0
description:
  - Compares the wanted machines with those in the store, and validates their options. An invalid option fails here,
    before anything is changed.
  - Renews the certificate of Docker clients before it expires. This module does not change machines.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  state:
    description:
      - V(present) plans to create or change the machines. V(absent) plans to remove the machines in O(names), or all
        machines of the fleet. With O(names), V(absent) removes only these, regardless of O(fleet).
    type: str
    default: present
    choices: [present, absent]
  names:
    description:
      - Names of machines, a list or a string separated by commas.
    type: raw
  driver:
    description:
      - Driver of the machines in O(names). Without it, they must exist, and keep their options.
    type: str
  options:
    description:
      - The driver's options for the machines in O(names).
    type: dict
  fleet:
    description:
      - The wanted fleet, a dictionary of V(id) and V(roles). Each role has V(driver) and V(count), 1 by default. It may
        have V(options), V(labels), V(tls_san), V(expires_in), V(ssh_user), V(ssh_key), V(ssh_args), V(ssh_password) and
        V(host_key), which M(dockyard.machine.machine) documents.
      - With V(swarm), which has the number of C(managers), its machines form one swarm. A role's V(swarm) may be
        V(manager), V(worker) or V(none).
      - It may be a string of YAML or JSON.
      - Its machines are named ID-ROLE-INDEX, where the index starts at 0.
    type: raw
  counts:
    description:
      - Number of machines by role, used instead of those in O(fleet). A role that the fleet no longer has may be set to
        0.
    type: dict
  limit:
    description:
      - Names or patterns (V(shop-web-*)), as list or separated by commas. Other machines are not part of the plan.
      - A pattern that matches neither a wanted machine nor one in the store is an error.
    type: raw
  refresh:
    description:
      - Read the state of the machines that need no change, with one run of each driver's module.
    type: bool
    default: true
  remove_surplus:
    description:
      - Whether surplus machines will be removed. Then their number is checked against O(remove_max).
    type: bool
    default: false
  remove_max:
    description:
      - Maximum number of surplus machines, such as V(10) or V(50%). By default 5, or 20 % of the fleet if that is more.
    type: str
  recreate:
    description:
      - Replace machines if a change can't be made in place. Their data are lost.
    type: bool
    default: false
  allow_stop:
    description:
      - Stop and start machines if a change requires it.
    type: bool
    default: false
  on_failure:
    description:
      - Whether machines that could not be completed are kept for a second run, or removed.
    type: str
    choices: [keep, remove]
  expires_in:
    description:
      - Time until the machines in O(names) expire, such as V(8h). In a fleet, each role has its own.
    type: str
  timeout:
    description:
      - Maximum seconds of each wait for a provider or a machine.
    type: float
  max_age:
    description:
      - Seconds for which a refreshed state of unchanged machines is used.
    type: float
    default: 60
  show_secrets:
    description:
      - Return RV(wanted) with the secret options, such as C(user_data), and nothing else. Use it in a task with
        C(no_log).
    type: bool
    default: false
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports what would be done, and changes nothing.
  diff_mode:
    support: full
    description: Shows the names of the machines before and after.
"""

EXAMPLES = r"""
- name: Plan a fleet
  dockyard.machine.fleet:
    fleet:
      id: shop
      roles:
        web:
          driver: qemu
          count: 3
          options:
            memory: 2048
  check_mode: true
  register: plan

- name: Show the machines to create
  ansible.builtin.debug:
    msg: "To be created: {{ plan.create | join(', ') }}"
"""

RETURN = r"""
id:
  description: Id of this plan. The names of the playbooks' groups contain it, so that each group belongs to one plan.
  returned: success
  type: str
  sample: 0f3a5c7e9b1d
wanted:
  description: Arguments for the module machine, for each wanted machine. Without O(show_secrets) they do not contain
    secret options.
  returned: with O(state=present)
  type: list
  elements: dict
  sample: [{"name": "shop-web-0", "driver": "dockyard.machine.qemu", "fleet": "shop", "role": "web", "state": "started"}]
hidden:
  description: Names of the wanted machines that have secret options.
  returned: with O(state=present)
  type: list
  elements: str
create:
  description: Names of the machines to create.
  returned: with O(state=present)
  type: list
  elements: str
change:
  description: Names of the machines whose record differs, or whose creation was not completed.
  returned: with O(state=present)
  type: list
  elements: str
keep:
  description: Names of the machines whose record is as wanted.
  returned: with O(state=present)
  type: list
  elements: str
ready:
  description:
    - The variables of the machines that the refresh has seen running, that were reached before, and whose record is as
      wanted. The module machine would not change them.
  returned: with O(state=present)
  type: dict
  sample: {"shop-web-0": {"ansible_host": "192.0.2.10", "machine_name": "shop-web-0"}}
groups:
  description: The inventory groups of each wanted machine, except those of its state.
  returned: with O(state=present)
  type: dict
  sample: {"shop-web-0": ["dockyard", "driver_qemu", "role_web", "fleet_shop", "label_tier_front"]}
surplus:
  description: Names of the machines of the fleet that exceed the count of their role.
  returned: with O(state=present)
  type: list
  elements: str
remove_surplus:
  description: The value of O(remove_surplus).
  returned: with O(state=present)
  type: bool
swarm:
  description:
    - The fleet's machines that are nodes, with their variables for the roles, and the recorded nodes that leave a
      swarm.
    - V(leaving) and V(others), which are managers that stay, have the variables to connect to them.
  returned: success
  type: dict
  sample: {"nodes": {"shop-web-0": {"docker_swarm_role": "manager"}}, "managers": ["shop-web-0"], "leaving": {}, "others": {}, "may_end": false}
remove:
  description: Names of the machines to remove.
  returned: with O(state=absent)
  type: list
  elements: str
existing:
  description: Names of those that exist.
  returned: with O(state=absent)
  type: list
  elements: str
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Give machine_names or machine_fleet"}
"""
