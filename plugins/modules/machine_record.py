#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_record
short_description: Record the state of a machine's Engine
version_added: 0.1.0
description:
  - Records the Engine's version and the expiry of its certificate, for inventory and tables.
  - Runs on the controller, regardless of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  name:
    description:
      - Name of the machine.
    type: str
    required: true
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  engine:
    description:
      - The state of the Engine. Missing keys keep their recorded values, and unknown keys are ignored.
        C(docker_engine_result) of the role P(dockyard.machine.docker_engine#role) can be given directly.
    type: dict
    suboptions:
      version:
        description: The Engine's version.
        type: str
      api_version:
        description: The version of its API.
        type: str
      certificate_not_before:
        description: Start of its certificate's validity.
        type: str
      certificate_not_after:
        description: When its certificate expires.
        type: str
      authority:
        description: Hash of the certificate authorities that it works with. Their rotation determines with it which
          hosts are done.
        type: str
      renewed:
        description: Id of the last rotation of certificates that it has completed.
        type: str
      swarm:
        description: The swarm in which it is a node, as a dictionary of C(cluster) and C(role); empty if it is not a
          node.
        type: dict
  reached:
    description:
      - Whether login to the machine has succeeded. Then data that only its first boot needed are removed, such as the
        private half of its host key.
    type: bool
    default: false
  lock_timeout:
    description:
      - Seconds to wait for another run that works on the same machine.
    type: float
    default: 60
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports what would be recorded.
  diff_mode:
    support: full
    description: Shows the recorded values before and after.
  idempotent:
    support: full
    description: Values that are already recorded cause no change.
seealso:
  - module: dockyard.machine.machine_info
"""

EXAMPLES = r"""
- name: Set up the Engine and record its state
  hosts: dockyard
  tasks:
    - name: Set up the Engine
      ansible.builtin.include_role:
        name: dockyard.machine.docker_engine

    - name: Record its version and certificate
      dockyard.machine.machine_record:
        name: "{{ machine_name }}"
        engine: "{{ docker_engine_result }}"
        reached: true
"""

RETURN = r"""
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "not_found", "left_behind": [], "remedy": "Check the name and the option store."}
"""
