#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_plan
short_description: Plans the changes of a host's Docker Engine
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Reads the state of the host with M(dockyard.machine.engine_info), compares it with the wanted state, and makes a
    plan on the controller. Check mode and diff mode show the plan.
  - Waits first until the host answers to SSH, and installs Python on a host without it.
  - Invalid input fails here, before anything is changed.
  - This is a part of the role P(dockyard.machine.docker_engine#role). Use the role.
attributes:
  check_mode:
    description: Only plans. In check mode it reports whether something would change, and does not install Python.
    support: full
  diff_mode:
    description: Shows files, packages and certificate before and after. Values of environment variables are not shown.
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
  wanted:
    description:
      - The variables of the role P(dockyard.machine.docker_engine#role), by their names without C(docker_engine_).
      - A missing variable has the role's default.
      - Without this option, the variables C(docker_engine_access) and so on are read.
    type: dict
"""

EXAMPLES = r"""
- name: Plan an Engine that is reached only from the host itself
  dockyard.machine.engine_plan:
    wanted:
      access: local
  register: plan
"""

RETURN = r"""
needed:
  description: Whether there are changes.
  returned: success
  type: bool
check_mode:
  description: Whether the plan was made in check mode, in which none of it is done.
  returned: success
  type: bool
changes:
  description: The changes, in words.
  returned: success
  type: list
  elements: str
  sample: ["install docker.io", "make a private key, /etc/docker/tls/key.pem"]
action:
  description: The action on the Engine, one of V(start), V(reload), V(restart), V(cycle), or none.
  returned: success
  type: str
hooks:
  description: Paths of the role's task files for before and after a restart, if there will be one.
  returned: success
  type: dict
waited:
  description: What M(dockyard.machine.engine_info) has waited for.
  returned: success
  type: list
  elements: str
prepare:
  description: What M(dockyard.machine.engine_apply) does before a certificate is issued.
  returned: success
  type: dict
install:
  description: What M(dockyard.machine.engine_apply) changes of packages, their repository, or an archive.
  returned: success
  type: dict
certificate:
  description: Names and validity of a new certificate, and the reason for it.
  returned: success
  type: dict
apply:
  description: What M(dockyard.machine.engine_apply) does after that.
  returned: success
  type: dict
client:
  description:
    - How a Docker client reaches the Engine, where the CAs of the store are used, in C(message).
    - C(store) is that store, or empty.
  returned: success
  type: dict
engine:
  description:
    - The state of the Engine, with its source and the allowed clients as decided for this host.
    - It is the role's C(docker_engine_result) if there are no changes.
    - With C(docker_engine_rotate), C(source), C(allow) and C(enforced_by) are null, since they are not used.
  returned: success
  type: dict
  sample: {"source": "docker_ce", "version": "28.0.1", "access": "tls", "allow": ["192.0.2.10"], "enforced_by": [], "changed": false}
"""
