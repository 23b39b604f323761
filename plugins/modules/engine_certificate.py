#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_certificate
short_description: Issues the TLS certificate of a Docker Engine
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Issues a certificate for a host's public key, on the controller, without a connection to the host.
  - It is signed with a CA's key, or by an external signing command, whose output is verified.
  - Only the public key of a signing request is used. This module sets subject, names, usage and the constraint that it
    is not a CA.
  - A certificate that is signed with a key is valid from two days ago, since clocks differ. If it is short-lived, it is
    valid from half its validity ago.
requirements:
  - cryptography >= 42 (on the controller)
attributes:
  check_mode:
    description: Signs nothing and runs no command. It fails if the certificate can't be issued, and otherwise reports
      its names.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Each call issues another certificate.
    support: none
  action:
    description: An action that runs on the controller.
    support: full
  platform:
    description: Where it runs.
    platforms: posix
    support: full
options:
  public_key:
    description: The public key, or a signing request, as PEM.
    type: str
    required: true
  csr:
    description:
      - A signing request of that key, as PEM. It is passed to the command if it contains exactly the wanted names.
    type: str
  names:
    description: Host names and IP addresses of the Engine.
    type: list
    elements: str
    required: true
  life:
    description: Validity of the certificate, such as V(365d) or V(8h).
    type: str
    default: 365d
  server_ca_cert:
    description: Certificate of the server CA, as path or content. The CA that signs comes first, then its issuers.
      Without it, the server CA of O(server_ca_store) signs.
    type: str
  server_ca_key:
    description: Key of the server CA, as path or content. It may be encrypted with Ansible Vault.
    type: str
  server_ca_command:
    description:
      - External signing command, used instead of O(server_ca_key). A program of the controller and its arguments.
      - It reads a request as JSON and prints the certificate and its chain. The documentation page on certificates
        defines both.
    type: list
    elements: str
    default: []
  server_ca_timeout:
    description: Timeout of the command in seconds.
    type: int
    default: 60
  server_ca_store:
    description:
      - The store whose server CA signs if O(server_ca_cert) is not given, a folder or C(s3://bucket/prefix).
      - If it does not contain the CA's key, O(server_ca_key) is required.
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
"""

EXAMPLES = r"""
- name: Issue a certificate
  dockyard.machine.engine_certificate:
    public_key: "{{ look.tls.public_key }}"
    names: [web1.example.org, 192.0.2.7]
    server_ca_cert: ca/server-ca.pem
    server_ca_key: ca/server-ca-key.pem
  register: issued
"""

RETURN = r"""
certificate:
  description: The certificate as PEM, followed by the intermediates of its chain.
  returned: success, but in check mode
  type: str
not_before:
  description: Start of its validity.
  returned: success, but in check mode
  type: str
  sample: "2026-11-22T08:00:00Z"
not_after:
  description: End of its validity.
  returned: success, but in check mode
  type: str
  sample: "2027-11-24T08:00:00Z"
names:
  description: The names in it.
  returned: success
  type: list
  elements: str
"""
