#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_plan
short_description: Plans what is to be done that hosts are one swarm
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - From what a manager and the hosts have told, and from what is wanted of each host, makes the plan, on the controller, without
    a connection to any host. The plan is also the difference that check mode shows.
  - Bad input, a host in another swarm and a lost quorum are errors here, before anything is touched.
  - This is a part of the role P(dockyard.machine.docker_swarm#role), which is what to use.
attributes:
  check_mode:
    description: Only plans. In check mode it says that something would change.
    support: full
  diff_mode:
    description: Shows the nodes before and after.
    support: full
  idempotent:
    description: The same input gives the same plan.
    support: full
  action:
    description: It is an action that runs on the controller.
    support: full
  platform:
    description: Where it runs.
    platforms: posix
    support: full
options:
  hosts:
    description:
      - What is wanted of each host, by its name. A dictionary of V(state), V(role), V(availability), V(labels), and V(identity),
        by which its node is known again.
    type: dict
    required: true
  answers:
    description: What M(community.docker.docker_swarm_info) returned for each manager that was asked. It is never shown.
    type: list
    elements: dict
    default: []
  looks:
    description: What M(dockyard.machine.engine_info) returned for hosts, by their names, also that one could not be reached.
    type: dict
    default: {}
  managers:
    description: All hosts that are to be managers, also such as could not be reached.
    type: list
    elements: str
    default: []
  settings:
    description: Settings of the swarm, by the names of the options of M(community.docker.docker_swarm).
    type: dict
    default: {}
  rotate_tokens:
    description: Tokens to make anew.
    type: list
    elements: str
    default: []
  may_end:
    description: Whether hosts may leave a swarm of which no manager answers, or of which only nodes that are down would be left.
    type: bool
    default: false
  has_unlock_key:
    description: Whether there is a key to unlock managers with.
    type: bool
    default: false
  unlock_key_tasks:
    description:
      - A file of tasks to hand on the key to that the swarm unlocks its managers with. A relative path begins at the playbook's folder,
        or where Ansible was started.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Ask a manager
  community.docker.docker_swarm_info:
    nodes: true
    verbose_output: true
  loop: [web1]
  delegate_to: "{{ item }}"
  no_log: true
  register: answers

- name: Plan
  dockyard.machine.swarm_plan:
    hosts:
      web1: {role: manager}
      web2: {role: worker, labels: {tier: front}}
    answers: "{{ answers.results }}"
  register: plan
"""

RETURN = r"""
needed:
  description: Whether there is something to do, or to look at.
  returned: success
  type: bool
changes:
  description: What is to be done, in words.
  returned: success
  type: list
  elements: str
  sample: ["let web2 join as worker"]
check_mode:
  description: Whether the plan was made in check mode, by which the role goes.
  returned: success
  type: bool
unsure:
  description: Hosts for which the managers don't vouch. The plan is to be made again with a look at them.
  returned: success
  type: list
  elements: str
cluster:
  description: The id of the swarm, if a manager has answered.
  returned: success
  type: str
manager:
  description: The host that takes orders for the swarm.
  returned: success
  type: str
successor:
  description: A node that is to be a manager and to take the orders, before the one that takes them is demoted. Its host and id.
  returned: success
  type: dict
init:
  description: The host on which the swarm begins.
  returned: success
  type: str
join:
  description: Hosts that join, with their roles.
  returned: success
  type: dict
unlock:
  description: Hosts that are to be unlocked.
  returned: success
  type: list
  elements: str
nodes:
  description: Arguments for M(community.docker.docker_node), in the order in which they are safe.
  returned: success
  type: list
  elements: dict
settings:
  description: All settings of the swarm, if one is to change, or those with which it begins.
  returned: success
  type: dict
hand_on:
  description: If the key that unlocks managers is to be handed on, the node whose label then says that it was.
  returned: success
  type: str
unlock_key_tasks:
  description: The whole path of the file of tasks that gets the key. Empty where none is given.
  returned: success
  type: str
leaving:
  description: Nodes to drain, to demote and to remove, and hosts that leave.
  returned: success
  type: dict
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "quorum", "left_behind": [], "remedy": "Bring back the managers that can't be reached"}
"""
