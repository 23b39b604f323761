#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: adopt
short_description: Rebuild the records of machines that exist, after they were lost
version_added: 0.1.0
description:
  - Searches the place that the options specify for resources with tags or names of this collection, and creates a
    record for each machine without one. It does not create, change or remove anything at the provider.
  - The options must be those that the machines were created with. They are compared with the existing resources.
    Missing resources are planned, and the next run with state present creates them. Resources that the options do not
    need are recorded too, so that they are removed with the machine.
  - A lost private key can't be restored. RV(adopted) reports how to log in to each machine, and the documentation page
    on orphans explains what to do if that is impossible.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - Folder of the store, or its address. It is created if it does not exist.
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  names:
    description:
      - Names or ids of machines, a list or a string separated by commas. By default all machines that match the options
        are adopted.
      - With O(fleet), only names of its machines.
    type: raw
  resource_ids:
    description:
      - Ids of resources that belong to the machines, such as a volume or an address. Since tags can be copied, a
        resource is adopted only if its id is listed here, if it is attached to the machine, or if there is other proof.
    type: list
    elements: str
  driver:
    description:
      - Driver of the machines. Required without O(fleet).
    type: str
  options:
    description:
      - The driver's options, as the machines were created with.
    type: dict
  fleet:
    description:
      - The fleet that the machines belong to, in the format of the module M(dockyard.machine.fleet).
    type: raw
  counts:
    description:
      - Number of machines by role, used instead of those in O(fleet).
    type: dict
  from_store:
    description:
      - Id of the store that owned the machines, if it is another one. That store must be permanently lost, since with
        two stores each could remove the machine.
    type: str
  ssh_user:
    description:
      - SSH login user. The driver has a default.
    type: str
  ssh_key:
    description:
      - Path of a private key that the machines accept, if their own key is lost.
    type: path
  ssh_args:
    description:
      - Additional arguments for C(ssh).
    type: str
  host_key:
    description:
      - The host's public key. By default the key in the store, else the key of the first contact is pinned.
    type: str
  timeout:
    description:
      - Maximum seconds of each wait for the provider.
    type: float
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports what would be adopted, and creates no record.
  diff_mode:
    support: full
    description: Shows the recorded machines.
  idempotent:
    support: full
    description: A machine that has a record is not changed.
seealso:
  - module: dockyard.machine.prune
"""

EXAMPLES = r"""
- name: List the machines and the stores that they belong to
  dockyard.machine.adopt:
    driver: amazonec2
    options:
      region: eu-central-1
  check_mode: true
  register: found

- name: Adopt those of a store that was deleted
  dockyard.machine.adopt:
    driver: amazonec2
    options:
      region: eu-central-1
      instance_type: t3.small
    names: [web1, web2]
    from_store: 3d2f0c4e-3a55-4a8e-9a55-0d0cc7a4d001
    ssh_key: ~/.ssh/id_ed25519
"""

RETURN = r"""
adopted:
  description: The machines that have a record now, or in check mode would have one.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The machine's name.
      returned: always
      type: str
      sample: web1
    id:
      description: Its unchanged id.
      returned: always
      type: str
      sample: 0f3a5c7e9b1d
    store:
      description: Id of the store that created it. The tags of its resources keep this id.
      returned: always
      type: str
    driver:
      description: Full name of its driver.
      returned: always
      type: str
      sample: dockyard.machine.amazonec2
    missing:
      description: Resources that the options need and that do not exist.
      returned: always
      type: list
      elements: str
      sample: [Volume/data]
    unexplained:
      description: Existing resources that the options do not need. They are removed with the machine.
      returned: always
      type: list
      elements: str
    doubtful_end:
      description:
        - The expiry in its tags, if it was not adopted because it is in the past, or because the driver can't change
          tags to extend it. Such a machine does not expire unless the fleet sets an expiry. None otherwise.
      returned: always
      type: str
      sample: "2027-01-31T12:00:00Z"
    login:
      description:
        - How to log in from now on. V(given), with O(ssh_key). V(kept), with its own key, which the store still has.
          V(agent), with the user's own keys. V(replaced), with a new key, which the next run with state present
          installs. V(new), if the machine itself is missing and that run creates it. V(lost), if login is impossible.
      returned: always
      type: str
      sample: given
    reached:
      description: The same as a sentence, with the remedy if its key is lost.
      returned: always
      type: str
    machine:
      description: The machine, in the format of the module machine_info.
      returned: always
      type: dict
failed_to_adopt:
  description: Machines that could not be adopted, with the reason in C(error). The module fails after it has adopted
    the others.
  returned: always
  type: list
  elements: dict
others:
  description: Machines that were not adopted, with the reason, such as those of other stores.
  returned: always
  type: list
  elements: dict
missing:
  description: Values of O(names) that were not found.
  returned: always
  type: list
  elements: str
table:
  description: The result as a table of aligned lines.
  returned: always
  type: list
  elements: str
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "incomplete", "left_behind": [], "remedy": "Fix that and run again"}
"""
