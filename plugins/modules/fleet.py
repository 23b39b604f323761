#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Plan which machines are to be created, changed and removed
version_added: 0.1.0
description:
  - Compares the machines that are wanted with those that the store knows, and checks all that is said of them.
    A mistake in one of them fails here, before anything is touched.
  - Renews the certificate of Docker clients in time. No machine is changed by this module.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  state:
    description:
      - V(present) plans to let the machines exist. V(absent) plans to remove the machines named, or all of the fleet.
        With O(names), V(absent) means these alone, whatever O(fleet) is.
    type: str
    default: present
    choices: [present, absent]
  names:
    description:
      - Names of machines, a list or a string with commas.
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
      - The wanted fleet, a dictionary of V(id) and V(roles). Each role has V(driver) and V(count), 1 by default, and may have V(options),
        V(labels), V(tls_san), V(expires_in), V(ssh_user), V(ssh_key), V(ssh_args) and V(host_key), as M(dockyard.machine.machine) has them.
      - With V(swarm), which says how many C(managers) there are, its machines are one swarm. A role's V(swarm) may be V(manager), V(worker) or V(none).
      - It may be a text of YAML or JSON.
      - Its machines are called ID-ROLE-INDEX, the index counting from 0.
    type: raw
  counts:
    description:
      - Numbers of machines by role, in place of those in O(fleet). A role that the fleet no longer has may be set to 0.
    type: dict
  limit:
    description:
      - Names or patterns (V(shop-web-*)), as list or separated by commas; other machines are left out of the plan.
      - A pattern that means no machine, neither a wanted one nor one of the store's, is an error.
    type: raw
  refresh:
    description:
      - Read how the machines are that are to stay as they are, by one run of each driver's module.
    type: bool
    default: true
  remove_surplus:
    description:
      - Whether surplus machines are to be removed, so that their number is checked against O(remove_max).
    type: bool
    default: false
  remove_max:
    description:
      - How many machines may be surplus, as V(10) or V(50%). Without it 5, or 20 % of the fleet if that is more.
    type: str
  recreate:
    description:
      - Replace machines that can't be changed in place. Their data are lost.
    type: bool
    default: false
  allow_stop:
    description:
      - Stop and start machines if a change needs it.
    type: bool
    default: false
  on_failure:
    description:
      - Whether machines that could not be made whole are left to a second run, or taken down again.
    type: str
    choices: [keep, remove]
  expires_in:
    description:
      - How long the machines of O(names) are to live, as in V(8h). A role of a fleet says it itself.
    type: str
  timeout:
    description:
      - Seconds that each wait for a provider or a machine may last.
    type: float
  max_age:
    description:
      - Seconds for which what the refresh has seen of unchanged machines is believed.
    type: float
    default: 60
  show_secrets:
    description:
      - Return RV(wanted) with the secret options, C(user_data) for instance, and nothing else. For a task with C(no_log).
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says what would be done, and touches nothing.
  diff_mode:
    support: full
    description: Shows the names of the machines before and after.
"""

EXAMPLES = r"""
- name: See what would be done for a fleet
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

- name: Show it
  ansible.builtin.debug:
    msg: "To be created: {{ plan.create | join(', ') }}"
"""

RETURN = r"""
id:
  description: Names this plan. The playbooks' groups bear it, so that each is one plan's alone.
  returned: success
  type: str
  sample: 0f3a5c7e9b1d
wanted:
  description: Arguments for the module machine, for each machine that is wanted. Without O(show_secrets) they lack secret options.
  returned: with O(state=present)
  type: list
  elements: dict
  sample: [{"name": "shop-web-0", "driver": "dockyard.machine.qemu", "fleet": "shop", "role": "web", "state": "started"}]
hidden:
  description: Names of the machines that are wanted with secret options.
  returned: with O(state=present)
  type: list
  elements: str
create:
  description: Names of the machines that don't exist.
  returned: with O(state=present)
  type: list
  elements: str
change:
  description: Names of the machines that are recorded differently, or half made.
  returned: with O(state=present)
  type: list
  elements: str
keep:
  description: Names of the machines that are recorded as they are wanted.
  returned: with O(state=present)
  type: list
  elements: str
ready:
  description:
    - The variables of those machines that were seen to run in the refresh, were reached before, and are recorded as they are
      wanted. The module machine would do nothing for them.
  returned: with O(state=present)
  type: dict
  sample: {"shop-web-0": {"ansible_host": "192.0.2.10", "machine_name": "shop-web-0"}}
groups:
  description: The groups of the inventory that each wanted machine is in, but for those of its state.
  returned: with O(state=present)
  type: dict
  sample: {"shop-web-0": ["dockyard", "driver_qemu", "role_web", "fleet_shop", "label_tier_front"]}
surplus:
  description: Names of the machines of the fleet beyond the count of their role.
  returned: with O(state=present)
  type: list
  elements: str
remove_surplus:
  description: Whether these are to be removed, as O(remove_surplus) says.
  returned: with O(state=present)
  type: bool
swarm:
  description:
    - The nodes that the fleet's machines are, with what the roles are told for them, and those who leave a swarm, by what is
      recorded.
    - V(leaving) and V(others), managers that stay, have the variables that reach them.
  returned: success
  type: dict
  sample: {"nodes": {"shop-web-0": {"docker_swarm_role": "manager"}}, "managers": ["shop-web-0"], "leaving": {}, "others": {}, "may_end": false}
remove:
  description: Names of the machines that are to be absent.
  returned: with O(state=absent)
  type: list
  elements: str
existing:
  description: Those of them that exist.
  returned: with O(state=absent)
  type: list
  elements: str
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Give machine_names or machine_fleet"}
"""
