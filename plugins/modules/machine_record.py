#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_record
short_description: Note what a play on a machine has learnt of it
version_added: 0.1.0
description:
  - Notes the Engine's version and the end of its certificate beside the record of a machine, for inventory and tables.
  - Runs on the controller, for whatever host the task is; never with become.
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
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  engine:
    description:
      - What is known of the Engine. What isn't said stays as it is noted; other keys are ignored, so that
        C(docker_engine_result) of the role P(dockyard.machine.docker_engine#role) can be given as it is.
    type: dict
    suboptions:
      version:
        description: The Engine's version.
        type: str
      api_version:
        description: The version of its API.
        type: str
      certificate_not_before:
        description: From when on its certificate is valid.
        type: str
      certificate_not_after:
        description: When its certificate ends.
        type: str
      authority:
        description: Names the certificate authorities that it works with, so that their rotation knows who is done.
        type: str
      renewed:
        description: Id of the last rotation of certificates that it has taken part in.
        type: str
      swarm:
        description: The swarm in which it is a node, as a dictionary of C(cluster) and C(role); empty, if it is none.
        type: dict
  reached:
    description:
      - The machine was logged in to. What only its first boot needed is removed then, with the private half of its
        host key.
    type: bool
    default: false
  lock_timeout:
    description:
      - Seconds to wait for another run that works on the same machine.
    type: float
    default: 60
attributes:
  check_mode:
    support: full
    description: Says what would be noted.
  diff_mode:
    support: full
    description: Shows what is noted before and after.
  idempotent:
    support: full
    description: What is noted already is no change.
seealso:
  - module: dockyard.machine.machine_info
"""

EXAMPLES = r"""
- name: Set up the Engine and note what came of it
  hosts: dockyard
  tasks:
    - name: Set it up
      ansible.builtin.include_role:
        name: dockyard.machine.docker_engine

    - name: Note its version and certificate
      dockyard.machine.machine_record:
        name: "{{ machine_name }}"
        engine: "{{ docker_engine_result }}"
        reached: true
"""

RETURN = r"""
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "not_found", "left_behind": [], "remedy": "Check the name and the option store."}
"""
