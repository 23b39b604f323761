# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_module
short_description: Runs another module on a host and takes its answer as data
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Runs one of the modules that the roles of this collection need from Ansible and from C(community.docker).
  - The host's answer is filtered on the controller before it is registered. What the module's schema does not have is left out,
    facts among it. Control characters are removed. Another type, length or spelling is an error that names the host.
  - This is a part of the roles. Use the modules themselves for hosts that you trust.
attributes:
  check_mode:
    description: As the module that is run.
    support: partial
    details:
      - That of the module that is run.
  diff_mode:
    description: A difference that the host reports is not shown.
    support: none
  idempotent:
    description: As the module that is run.
    support: partial
    details:
      - That of the module that is run.
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
    description: The module's options. C(module_defaults) for the module count, too.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Ask a manager
  dockyard.machine.host_module:
    name: community.docker.docker_swarm_info
    options:
      nodes: true
  register: swarm
"""

RETURN = r"""
facts:
  description: What C(ansible.builtin.setup) has found, which does not become facts of the host.
  returned: for C(ansible.builtin.setup)
  type: dict
docker_swarm_manager:
  description: Whether the host is a manager. Beside it are C(swarm_facts), C(nodes), C(tasks) and C(swarm_unlock_key).
  returned: for C(community.docker.docker_swarm_info)
  type: bool
status:
  description: The status of the answer. Beside it is C(json), with its C(message).
  returned: for C(ansible.builtin.uri)
  type: int
"""
