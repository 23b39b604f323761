#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: store_ca
short_description: Let a store work with CAs that are given
version_added: 0.1.0
description:
  - Makes the store if there is none, and lets it work with certificate authorities that are not its own. Of them it keeps the
    certificates, and the client's pair that they have signed.
  - A CA that can't sign what is wanted of it is refused, with the reason, before anything is written.
  - Renews the client's certificate when a third of its life is left.
  - If other certificates follow the first one than before, the store takes them over, unless a rotation is under way.
  - A store whose machines work with another CA is left alone, since they would be locked out. The playbook
    C(dockyard.machine.rotate_certs) lets them change over.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - cryptography >= 42
options:
  store:
    description:
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
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
    description: Checks what is given, and says whether the store would change. No command is run.
  diff_mode:
    support: none
    description: There is nothing to show but the names that are returned.
seealso:
  - module: dockyard.machine.rotate_certs
"""

EXAMPLES = r"""
- name: Let Acme's intermediates sign, whose keys stay with the credential of the job
  dockyard.machine.store_ca:
    server_ca_cert: acme-servers.pem
    server_ca_key: "{{ lookup('env', 'ACME_SERVERS_KEY') }}"
    client_ca_cert: acme-clients.pem
    client_ca_key: "{{ lookup('env', 'ACME_CLIENTS_KEY') }}"
"""

RETURN = r"""
server_ca:
  description: Subject of the CA of servers that the store works with.
  returned: success
  type: str
  sample: CN=Acme Servers
client_ca:
  description: Subject of the CA of clients that the store works with.
  returned: success
  type: str
  sample: CN=Acme Clients
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "other_ca", "left_behind": [], "remedy": "Leave the given CA out"}
"""
