#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotate_certs
short_description: Begin a rotation of certificates or CAs, or go on with it
version_added: 0.1.0
description:
  - Does what the playbook C(dockyard.machine.rotate_certs) does on the controller, which composes it with the
    role that sets the hosts up.
  - Goes on until hosts have to take something over, and names them. When all of them have it noted beside their
    records (M(dockyard.machine.machine_record)), the next call goes on from there.
  - How far a rotation is stands in the store, so that any run on any controller goes on with it.
  - Runs on the controller, for whatever host the task is; never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  rotate:
    description:
      - What is rotated. V(certificates) issues the client's and the Engines' certificates anew, by the same CAs.
      - V(ca) replaces both CAs, and all certificates and the client's key with them.
      - While one is under way, the other is refused.
      - With a CA that is given, V(ca) brings that one, and V(certificates) renews by that one, which must be the store's.
    type: str
    choices: [ca, certificates]
    default: certificates
  begin:
    description:
      - Begin a rotation if none is under way. Without it, one that is under way goes on, and hosts that have not taken
        over its step are an error.
    type: bool
    default: true
  drop:
    description:
      - Let the old CA be refused in the end. Without it, a rotation of the CA stops while both are trusted.
    type: bool
    default: true
  limit:
    description:
      - Work on these machines alone, names or patterns, as list or separated by commas. The step is left only when all
        of the store's machines have taken it over. A pattern that means no machine of the store is an error.
    type: raw
  give_up:
    description:
      - Machines that are not waited for, as list or separated by commas. Clients can't reach them afterwards, until
        they are set up anew.
    type: raw
  lock_timeout:
    description:
      - Seconds to wait for another run that changes the CA.
    type: float
    default: 60
extends_documentation_fragment:
  - dockyard.machine.given_ca
attributes:
  check_mode:
    support: full
    description: Says which hosts would have to take something over.
  diff_mode:
    support: full
    description: Shows the step before and after.
  idempotent:
    support: partial
    description: Each rotation that is begun makes new certificates.
seealso:
  - module: dockyard.machine.machine_record
"""

EXAMPLES = r"""
- name: Begin to rotate the CAs, or go on with it
  dockyard.machine.rotate_certs:
    rotate: ca
  register: rotation

- name: Name the machines that have to take something over now
  ansible.builtin.debug:
    var: rotation.hosts
"""

RETURN = r"""
done:
  description: Whether no rotation is under way any more.
  returned: success
  type: bool
id:
  description: Which rotation is under way.
  returned: success
  type: str
step:
  description:
    - Where it is. V(certificates); or of the CA V(trust) (clients trust both), V(hosts) (hosts have certificates of the new
      one and trust both), V(clients) (clients have certificates of the new one), V(drop) (hosts trust the new one alone).
  returned: success
  type: str
steps:
  description: The steps that were left behind by this call.
  returned: success
  type: list
  elements: str
hosts:
  description: Names of the machines that have to take over the step.
  returned: success
  type: list
  elements: str
waiting:
  description: The same, of machines outside of O(limit).
  returned: success
  type: list
  elements: str
given_up:
  description: The same, of machines that are not waited for.
  returned: success
  type: list
  elements: str
swarm:
  description: Of those that are nodes of a swarm, what a play needs so that each is drained while its Engine restarts.
  returned: success
  type: dict
  contains:
    nodes:
      description: Variables of these machines, by name.
      type: dict
    managers:
      description: The managers of their swarms, by name, and the group that each has to be in, to be asked.
      type: dict
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "not_everywhere", "left_behind": ["web3: the certificates that it had before"], "remedy": "Run again."}
"""
