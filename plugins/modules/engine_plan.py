#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_plan
short_description: Looks at a host and plans what is to be done for its Docker Engine
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Looks at the host by M(dockyard.machine.engine_info), and from that and from what is wanted makes the plan, on the
    controller. The plan is also the difference that check mode shows.
  - Waits before that until the host answers to SSH, and installs Python on a host that has none.
  - Bad input is an error here, before anything is touched.
  - This is a part of the role P(dockyard.machine.docker_engine#role), which is what to use.
attributes:
  check_mode:
    description: Only plans. In check mode it says that something would change, and does not install Python.
    support: full
  diff_mode:
    description: Shows files, packages and certificate before and after. Values of environment variables are not shown.
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
  wanted:
    description:
      - The variables of the role P(dockyard.machine.docker_engine#role), by their names without C(docker_engine_).
      - A variable left out has the role's default.
      - Left out as a whole, the variables themselves are read, C(docker_engine_access) and so on.
    type: dict
"""

EXAMPLES = r"""
- name: Plan for an Engine that only the host itself reaches
  dockyard.machine.engine_plan:
    wanted:
      access: local
  register: plan
"""

RETURN = r"""
needed:
  description: Whether there is anything to do.
  returned: success
  type: bool
check_mode:
  description: Whether it was planned in check mode, in which nothing of it is done.
  returned: success
  type: bool
changes:
  description: What is to be done, in words.
  returned: success
  type: list
  elements: str
  sample: ["install docker.io", "make a private key, /etc/docker/tls/key.pem"]
action:
  description: What the Engine has to do for it, one of V(start), V(reload), V(restart), V(cycle), or nothing.
  returned: success
  type: str
hooks:
  description: Paths of the role's task files for before and after a restart, where there is one to come.
  returned: success
  type: dict
waited:
  description: What the look at the host waited for.
  returned: success
  type: list
  elements: str
prepare:
  description: What M(dockyard.machine.engine_apply) does before there is a certificate.
  returned: success
  type: dict
install:
  description: What M(dockyard.machine.engine_apply) does about packages, their repository, or an archive.
  returned: success
  type: dict
certificate:
  description: Names and life of a new certificate, and the reason for it.
  returned: success
  type: dict
apply:
  description: What M(dockyard.machine.engine_apply) does then.
  returned: success
  type: dict
engine:
  description:
    - The Engine as it was seen, with where it comes from and who may reach it as it was settled for this host.
    - It is what C(docker_engine_result) of the role is where nothing is to be done.
    - With C(docker_engine_rotate), C(source), C(allow) and C(enforced_by) are null, since nobody asks for them.
  returned: success
  type: dict
  sample: {"source": "docker_ce", "version": "28.0.1", "access": "tls", "allow": ["192.0.2.10"], "enforced_by": [], "changed": false}
"""
