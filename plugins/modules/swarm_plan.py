#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_plan
short_description: Plans the changes that make hosts one swarm
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Makes the plan on the controller from the answers of a manager and the hosts and from the wanted state of each host,
    without a connection to any host. Check mode and diff mode show the plan.
  - Invalid input, a host in another swarm and a lost quorum fail here, before anything is changed.
  - This is a part of the role P(dockyard.machine.docker_swarm#role). Use the role.
attributes:
  check_mode:
    description: Only plans. In check mode it reports whether something would change.
    support: full
  diff_mode:
    description: Shows the nodes before and after.
    support: full
  idempotent:
    description: The same input gives the same plan.
    support: full
  action:
    description: An action that runs on the controller.
    support: full
  platform:
    description: Where it runs.
    platforms: posix
    support: full
options:
  hosts:
    description:
      - The wanted state of each host, by its name. A dictionary of V(state), V(role), V(availability), V(labels), and
        V(identity), which identifies its node.
    type: dict
    required: true
  answers:
    description: The results of M(community.docker.docker_swarm_info) for each queried manager. They are never shown.
    type: list
    elements: dict
    default: []
  looks:
    description: The results of M(dockyard.machine.engine_info) by host, including failures to reach a host.
    type: dict
    default: {}
  managers:
    description: All wanted managers, including those that could not be reached.
    type: list
    elements: str
    default: []
  settings:
    description: Settings of the swarm, by the names of the options of M(community.docker.docker_swarm).
    type: dict
    default: {}
  rotate_tokens:
    description: Join tokens to rotate.
    type: list
    elements: str
    default: []
  may_end:
    description: Whether hosts may leave a swarm if no manager of it answers, or if only nodes that are down would
      remain.
    type: bool
    default: false
  has_unlock_key:
    description: Whether a key to unlock managers is available.
    type: bool
    default: false
  unlock_key_tasks:
    description:
      - A file of tasks that receives the key that unlocks the swarm's managers. A relative path is relative to the
        playbook's folder, or to the folder where Ansible was started.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Read the swarm from a manager
  community.docker.docker_swarm_info:
    nodes: true
    verbose_output: true
  loop: [web1]
  delegate_to: "{{ item }}"
  no_log: true
  register: answers

- name: Plan the swarm
  dockyard.machine.swarm_plan:
    hosts:
      web1: {role: manager}
      web2: {role: worker, labels: {tier: front}}
    answers: "{{ answers.results }}"
  register: plan
"""

RETURN = r"""
needed:
  description: Whether there are changes, or hosts to query.
  returned: success
  type: bool
changes:
  description: The changes, in words.
  returned: success
  type: list
  elements: str
  sample: ["join web2 as worker"]
check_mode:
  description: Whether the plan was made in check mode, which the role uses.
  returned: success
  type: bool
unsure:
  description: Hosts whose membership the managers do not confirm. The plan must be made again with the results of
    M(dockyard.machine.engine_info) for them.
  returned: success
  type: list
  elements: str
cluster:
  description: The id of the swarm, if a manager has answered.
  returned: success
  type: str
manager:
  description: The manager that runs the commands for the swarm.
  returned: success
  type: str
successor:
  description: The node that becomes a manager and runs the commands before the current one is demoted, as host and id.
  returned: success
  type: dict
init:
  description: The host on which the swarm is initialised.
  returned: success
  type: str
join:
  description: Hosts that join, with their roles.
  returned: success
  type: dict
unlock:
  description: Hosts to unlock.
  returned: success
  type: list
  elements: str
nodes:
  description: Arguments for M(community.docker.docker_node), in a safe order.
  returned: success
  type: list
  elements: dict
settings:
  description: All settings of the swarm if one changes, or those that it is initialised with.
  returned: success
  type: dict
hand_on:
  description: The node whose label records that the unlock key was passed to O(unlock_key_tasks), if it must be passed.
  returned: success
  type: str
unlock_key_tasks:
  description: The absolute path of the file of tasks that receives the key. Empty if none is given.
  returned: success
  type: str
leaving:
  description: Nodes to drain, to demote and to remove, and hosts that leave.
  returned: success
  type: dict
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "quorum", "left_behind": [], "remedy": "Bring back the managers that can't be reached"}
"""
