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
  - Looks at all that bears tags or names of ours, in the place that the options say, and makes a record of each machine
    that has none. Nothing at the provider is made, changed or removed by it.
  - The options must be those that the machines have. What they want is matched to what is there. What is missing is
    planned, and the next run with state present makes it. What nothing wants is recorded, too, so that it goes with
    the machine.
  - A private key that was lost can't be rebuilt. RV(adopted) says of each machine how it can be logged in to from now
    on, and the docs page on orphans what to do if it can't.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - Folder of the store, or its address. It is made if it does not exist.
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  names:
    description:
      - Names or ids of machines, a list or a string with commas. Without it, all are adopted that the options fit.
      - With O(fleet), only names of its machines.
    type: raw
  resource_ids:
    description:
      - Ids of resources that belong to the machines, such as a volume or an address. Tags can be copied, so a resource
        without any other proof is adopted only if its id is given here, or if it is attached to the machine.
    type: list
    elements: str
  driver:
    description:
      - Driver of the machines. Needed without O(fleet).
    type: str
  options:
    description:
      - The driver's options, as the machines have them.
    type: dict
  fleet:
    description:
      - The fleet that the machines belong to, as the module M(dockyard.machine.fleet) takes it.
    type: raw
  counts:
    description:
      - Numbers of machines by role, in place of those in O(fleet).
    type: dict
  from_store:
    description:
      - Id of the store whose machines these are, if it is not this one. That store must be gone for good, since a
        machine with two owners would be removed by either.
    type: str
  ssh_user:
    description:
      - Who logs in. The driver has a default.
    type: str
  ssh_key:
    description:
      - Path of a private key that the machines let in, where their own is lost.
    type: path
  ssh_args:
    description:
      - Further arguments for C(ssh).
    type: str
  host_key:
    description:
      - The host's public key. Without it, and unless the store still has it, the one shown at the first contact is
        pinned.
    type: str
  timeout:
    description:
      - Seconds that each wait for the provider may last.
    type: float
attributes:
  check_mode:
    support: full
    description: Says what would be adopted, and makes no record.
  diff_mode:
    support: full
    description: Shows the machines as they are recorded.
  idempotent:
    support: full
    description: A machine that has a record is left as it is.
seealso:
  - module: dockyard.machine.prune
"""

EXAMPLES = r"""
- name: See which machines there are, and which store they belong to
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
      description: Its id, as it was.
      returned: always
      type: str
      sample: 0f3a5c7e9b1d
    store:
      description: Id of the store in whose name it was made, and whose id its things bear ever after.
      returned: always
      type: str
    driver:
      description: Full name of its driver.
      returned: always
      type: str
      sample: dockyard.machine.amazonec2
    missing:
      description: What the options want and is not there.
      returned: always
      type: list
      elements: str
      sample: [Volume/data]
    unexplained:
      description: What is there and the options don't want. It is removed with the machine.
      returned: always
      type: list
      elements: str
    doubtful_end:
      description:
        - The end that its tags say and that it was not given, since it is over, or since its driver can't write tags anew
          when the end is put off. Unless the fleet says another one, such a machine has no end. None, if there is no
          doubt.
      returned: always
      type: str
      sample: "2027-01-31T12:00:00Z"
    login:
      description:
        - How it can be logged in to from now on. V(given), by O(ssh_key). V(kept), by its own key, which the store still
          had. V(agent), by the user's own keys. V(replaced), by a new key, which the next run with state present puts
          in. V(new), since the machine itself is missing and is made by that run. V(lost), not at all.
      returned: always
      type: str
      sample: given
    reached:
      description: The same as a sentence, and what to do if its key is lost.
      returned: always
      type: str
    machine:
      description: The machine, as the module machine_info returns it.
      returned: always
      type: dict
failed_to_adopt:
  description: Machines that could not be adopted, and why, in C(error). Then the module fails, when all else is done.
  returned: always
  type: list
  elements: dict
others:
  description: Machines that were left alone, and why, such as those of other stores.
  returned: always
  type: list
  elements: dict
missing:
  description: Those of O(names) that nothing has.
  returned: always
  type: list
  elements: str
table:
  description: All of that as aligned lines, for people.
  returned: always
  type: list
  elements: str
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "incomplete", "left_behind": [], "remedy": "Mend that and run again"}
"""
