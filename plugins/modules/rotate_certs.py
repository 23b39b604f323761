#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotate_certs
short_description: Start or continue a rotation of certificates or CAs
version_added: 0.1.0
description:
  - Does the controller's part of the playbook C(dockyard.machine.rotate_certs), which combines it with the role that
    sets up the hosts.
  - Continues until hosts must apply a step, and names them. When that is recorded for all of them
    (M(dockyard.machine.machine_record)), the next call continues from there.
  - The progress of a rotation is kept in the store, so that any run on any controller can continue it.
  - Runs on the controller, regardless of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  rotate:
    description:
      - What to rotate. V(certificates) reissues the client's and the Engines' certificates with the same CAs.
      - V(ca) replaces both CAs, and with them all certificates and the client's key.
      - While one is in progress, the other is refused.
      - With a given CA, V(ca) introduces it, and V(certificates) renews certificates with it, which must be the
        store's.
    type: str
    choices: [ca, certificates]
    default: certificates
  begin:
    description:
      - Start a rotation if none is in progress. Without it, a rotation in progress continues, and hosts that have not
        applied its step are an error.
    type: bool
    default: true
  drop:
    description:
      - Remove the trust in the old CA at the end. Without it, a rotation of the CA stops while both are trusted.
    type: bool
    default: true
  limit:
    description:
      - Work only on these machines. Names or patterns, as list or separated by commas. The step is complete only when
        all machines of the store have applied it. A pattern that matches no machine of the store is an error.
    type: raw
  give_up:
    description:
      - Machines to skip, as list or separated by commas. Clients can't reach them afterwards, until they are set up
        again.
    type: raw
  lock_timeout:
    description:
      - Seconds to wait for another run that changes the CA.
    type: float
    default: 60
extends_documentation_fragment:
  - dockyard.machine.from_variables
  - dockyard.machine.given_ca
attributes:
  check_mode:
    support: full
    description: Reports the hosts that would have to apply a step.
  diff_mode:
    support: full
    description: Shows the step before and after.
  idempotent:
    support: partial
    description: Each started rotation issues new certificates.
seealso:
  - module: dockyard.machine.machine_record
"""

EXAMPLES = r"""
- name: Start or continue the rotation of the CAs
  dockyard.machine.rotate_certs:
    rotate: ca
  register: rotation

- name: Show the machines that must apply the step
  ansible.builtin.debug:
    var: rotation.hosts
"""

RETURN = r"""
done:
  description: Whether no rotation is in progress any more.
  returned: success
  type: bool
id:
  description: Id of the rotation in progress.
  returned: success
  type: str
step:
  description:
    - The current step. V(certificates). Or for the CA V(trust) (clients trust both), V(hosts) (hosts have certificates
      of the new CA and trust both), V(clients) (clients have certificates of the new CA), V(drop) (hosts trust only the
      new CA).
  returned: success
  type: str
steps:
  description: The steps that this call has completed.
  returned: success
  type: list
  elements: str
hosts:
  description: Names of the machines that must apply the step.
  returned: success
  type: list
  elements: str
waiting:
  description: Such machines outside of O(limit).
  returned: success
  type: list
  elements: str
given_up:
  description: Such machines that are skipped with O(give_up).
  returned: success
  type: list
  elements: str
swarm:
  description: Variables with which a play can drain each of them that is a node of a swarm while its Engine restarts.
  returned: success
  type: dict
  contains:
    nodes:
      description: Variables of these machines, by name.
      type: dict
    managers:
      description: The managers of their swarms, by name, with the group that each must be in for queries.
      type: dict
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "not_everywhere", "left_behind": ["web3: the certificates that it had before"], "remedy": "Run again."}
"""
