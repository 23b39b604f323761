#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove expired machines and orphaned resources, and list unrecorded resources
version_added: 0.1.0
description:
  - Searches each place that a record or a tombstone of the store names, and those in O(places), for resources with tags
    or names of this collection. The driver's module runs once for each place.
  - Removes machines that have expired or whose removal was started, like the module M(dockyard.machine.machine) with
    O(dockyard.machine.machine#module:state=absent). Removes resources that appeared after their machine was removed.
  - Lists other unrecorded resources in RV(unrecorded), and keeps them. M(dockyard.machine.adopt) creates records of
    them, and O(ids) removes them. After a store was copied or restored from a backup, resources of existing machines
    can look unrecorded.
  - Does not change resources of another store, unless O(from_store) declares that store lost and O(ids) lists them.
    Skips a machine that another run is working on.
  - Deletes tombstones that are older than 30 days, unless a resource with their id still exists.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - Folder of the store, or its address.
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  ids:
    description:
      - Ids of resources in RV(unrecorded) to remove, or of the machines that they were created for (C(machine_id)).
    type: list
    elements: str
  from_store:
    description:
      - Id of another store that is permanently lost. Without it, O(ids) can't list its resources.
    type: str
  places:
    description:
      - Additional places to search.
      - Credentials come from the same sources as for the driver, which are its environment, its C(module_defaults) or
        its options here. List a place again for other credentials.
    type: list
    elements: dict
    suboptions:
      driver:
        description:
          - The driver, such as V(qemu), or its full name, such as V(acme.cloud.thing).
        type: str
        required: true
      options:
        description:
          - The driver's options for the place and the credentials.
        type: dict
  timeout:
    description:
      - Maximum seconds of each wait for a provider.
    type: float
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports what would be removed, and removes nothing.
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
- name: List what would be removed, and unrecorded resources
  dockyard.machine.prune:
  check_mode: true
  register: orphans

- name: Show the result
  ansible.builtin.debug:
    msg: "{{ orphans.table }}"

- name: Remove expired machines, also in a region that no record names
  dockyard.machine.prune:
    places:
      - driver: amazonec2
        options:
          region: eu-central-1

- name: Remove all resources of a machine whose record is lost
  dockyard.machine.prune:
    ids: [0f3a5c7e9b1d]
"""

RETURN = r"""
removed:
  description: What was removed, or would be removed in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of the resource; none for a machine with a record, which was removed with all its resources.
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
      description: Name of the machine that it was created for.
      returned: always
      type: str
      sample: web1
    machine_id:
      description: Id of that machine; only its first six characters if it is known only from a name.
      returned: always
      type: str
      sample: 0f3a5c7e9b1d
    store:
      description: Id of the store that it belongs to; none if it is not known.
      returned: always
      type: str
    created:
      description: When it was created, in the provider's format.
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
  description: Resources without a record or a tombstone in this store. They are kept.
  returned: always
  type: list
  elements: dict
others:
  description: Resources of other stores. They are kept, except those that O(ids) lists of a store that O(from_store)
    declares lost.
  returned: always
  type: list
  elements: dict
busy:
  description: Resources to remove that another run is working on.
  returned: always
  type: list
  elements: dict
failed_to_remove:
  description: What could not be removed, with the reason (C(error)) and what is left of it (C(left_behind)). The module
    fails after everything else is done.
  returned: always
  type: list
  elements: dict
not_seen:
  description: Places and accounts that could not be searched, and why.
  returned: always
  type: list
  elements: dict
missing:
  description: Values of O(ids) that were not found.
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
  sample: {"code": "incomplete", "left_behind": ["Volume vol-0a1b2c"], "remedy": "Fix that and run again"}
"""
