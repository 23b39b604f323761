#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: store_ca
short_description: Set the external CAs of a store
version_added: 0.1.0
description:
  - Creates the store if it does not exist, and sets its certificate authorities to the given external ones. It keeps
    their certificates, and the client's key and certificate that they have signed.
  - A CA that can't sign the required certificates is refused, with the reason, before anything is written.
  - Renews the client's certificate when a third of its validity is left.
  - If the issuers after the first certificate have changed, the store adopts them, unless a rotation is in progress.
  - A store whose machines use another CA is not changed, since clients would lose access to them. Use the playbook
    C(dockyard.machine.rotate_certs) to replace the CA.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - cryptography >= 42
options:
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
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
    description: Validates the options, and reports whether the store would change. No command is run.
  diff_mode:
    support: none
    description: There is nothing to show except the returned names.
seealso:
  - module: dockyard.machine.rotate_certs
"""

EXAMPLES = r"""
- name: Sign with Acme's intermediates, whose keys come from the credential of the job
  dockyard.machine.store_ca:
    server_ca_cert: acme-servers.pem
    server_ca_key: "{{ lookup('env', 'ACME_SERVERS_KEY') }}"
    client_ca_cert: acme-clients.pem
    client_ca_key: "{{ lookup('env', 'ACME_CLIENTS_KEY') }}"
"""

RETURN = r"""
server_ca:
  description: Subject of the store's server CA.
  returned: success
  type: str
  sample: CN=Acme Servers
client_ca:
  description: Subject of the store's client CA.
  returned: success
  type: str
  sample: CN=Acme Clients
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "other_ca", "left_behind": [], "remedy": "Leave the given CA out"}
"""
