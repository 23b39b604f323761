#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove expired machines and what was left behind, and list what no record knows
version_added: 0.1.0
description:
  - Looks at all that bears tags or names of ours, in each place that a record or a tombstone of the store names and in
    O(places), by one run of the driver's module a place.
  - Removes machines that have expired or whose removal was begun, as the module M(dockyard.machine.machine) does with
    O(dockyard.machine.machine#module:state=absent), and things that came late, after their machine was removed.
  - All else that no record knows is listed in RV(unrecorded) and stays. M(dockyard.machine.adopt) makes records of it,
    and O(ids) removes it. A copied store or a restored backup makes things look as if nobody knew them.
  - What belongs to another store is not touched, unless O(from_store) says that it is gone and O(ids) names it.
    A machine that another run is working on is left alone.
  - Drops tombstones that are older than 30 days, unless there still is anything with their id.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - Folder of the store, or its address.
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  ids:
    description:
      - Ids of things in RV(unrecorded), or of the machines that they were made for (C(machine_id)), to be removed, too.
    type: list
    elements: str
  from_store:
    description:
      - Id of another store that is gone for good. Without it, O(ids) can't name things that belong to it.
    type: str
  places:
    description:
      - Further places to look at.
      - Credentials come as for the driver itself, by its environment, its C(module_defaults) or its options here. A
        place with other credentials is a place of its own.
    type: list
    elements: dict
    suboptions:
      driver:
        description:
          - The driver, as V(qemu), or by its full name, as V(acme.cloud.thing).
        type: str
        required: true
      options:
        description:
          - Those of the driver's options that say where, and who asks.
        type: dict
  timeout:
    description:
      - Seconds that each wait for a provider may last.
    type: float
attributes:
  check_mode:
    support: full
    description: Says what would be removed, and removes nothing.
  diff_mode:
    support: full
    description: Shows what is removed.
  idempotent:
    support: full
    description: A second run removes nothing more.
seealso:
  - module: dockyard.machine.adopt
"""

EXAMPLES = r"""
- name: See what would be removed, and what no record knows
  dockyard.machine.prune:
  check_mode: true
  register: orphans

- name: Show it
  ansible.builtin.debug:
    msg: "{{ orphans.table }}"

- name: Remove what is due, in a region that no record names, too
  dockyard.machine.prune:
    places:
      - driver: amazonec2
        options:
          region: eu-central-1

- name: Remove all that was made for a machine whose record is lost
  dockyard.machine.prune:
    ids: [0f3a5c7e9b1d]
"""

RETURN = r"""
removed:
  description: What was removed, or in check mode would be.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: What it is to the driver; none for a machine with a record, which was removed as a whole.
      returned: always
      type: str
      sample: Volume
    id:
      description: Its id at the provider; none for a machine with a record.
      returned: always
      type: str
      sample: vol-0a1b2c
    name:
      description: Its name at the provider.
      returned: always
      type: str
    machine:
      description: Name of the machine that it was made for.
      returned: always
      type: str
      sample: web1
    machine_id:
      description: Id of that machine; only its first six characters where nothing but a name tells.
      returned: always
      type: str
      sample: 0f3a5c7e9b1d
    store:
      description: Id of the store that it belongs to; none if it does not say.
      returned: always
      type: str
    created:
      description: When it was made, in the provider's own words.
      returned: always
      type: str
    driver:
      description: Full name of the driver.
      returned: always
      type: str
      sample: dockyard.machine.amazonec2
    why:
      description: Why it was removed, or is listed.
      returned: always
      type: str
      sample: it expired at 2027-01-31T12:00:00Z
unrecorded:
  description: What no record and no tombstone of this store knows. It stays.
  returned: always
  type: list
  elements: dict
others:
  description: What belongs to other stores. It stays, but for what O(ids) names of a store that O(from_store) says is gone.
  returned: always
  type: list
  elements: dict
busy:
  description: What is to be removed, and is being worked on by another run.
  returned: always
  type: list
  elements: dict
failed_to_remove:
  description: What could not be removed, why (C(error)) and what there is of it (C(left_behind)). Then the module fails, when all else is done.
  returned: always
  type: list
  elements: dict
not_seen:
  description: Places and accounts that could not be looked at, and why.
  returned: always
  type: list
  elements: dict
missing:
  description: Those of O(ids) that nothing has.
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
  sample: {"code": "incomplete", "left_behind": ["Volume vol-0a1b2c"], "remedy": "Mend that and run again"}
"""
