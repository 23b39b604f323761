# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_module
short_description: Runs another module on a host and validates its answer
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Runs one of the modules of Ansible and C(community.docker) that the roles of this collection use.
  - The host's answer is filtered on the controller before it is registered. Keys outside of the module's schema are
    removed, such as facts. Control characters are removed. An unexpected type, length or format is an error that names
    the host.
  - This is a part of the roles. For hosts that you trust, use the modules directly.
attributes:
  check_mode:
    description: The same as the module that is run.
    support: partial
    details:
      - The same as the module that is run.
  diff_mode:
    description: Differences that the host reports are not shown.
    support: none
  idempotent:
    description: The same as the module that is run.
    support: partial
    details:
      - The same as the module that is run.
  action:
    description: An action on the controller filters the answer.
    support: full
  platform:
    description: Where the module runs.
    platforms: posix
    support: full
options:
  name:
    description: The module, by its full name.
    type: str
    required: true
    choices:
      - community.docker.docker_swarm_info
      - community.docker.docker_swarm
      - community.docker.docker_node
      - ansible.builtin.setup
      - ansible.builtin.uri
      - ansible.builtin.package
      - ansible.builtin.copy
  options:
    description: The module's options. C(module_defaults) of the module apply too.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Read the swarm from a manager
  dockyard.machine.host_module:
    name: community.docker.docker_swarm_info
    options:
      nodes: true
  register: swarm
"""

RETURN = r"""
facts:
  description: The facts of C(ansible.builtin.setup). They are not set as facts of the host.
  returned: for C(ansible.builtin.setup)
  type: dict
docker_swarm_manager:
  description: Whether the host is a manager. Returned with C(swarm_facts), C(nodes), C(tasks) and C(swarm_unlock_key).
  returned: for C(community.docker.docker_swarm_info)
  type: bool
status:
  description: The status of the response. Returned with C(json), which has its C(message).
  returned: for C(ansible.builtin.uri)
  type: int
"""
