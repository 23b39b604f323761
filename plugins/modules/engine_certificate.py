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
  - Gets a certificate for a host's public key, on the controller, without a connection to the host.
  - It is signed here, by a CA's key, or by a command that gets it signed elsewhere. What that prints is checked.
  - From a signing request the public key alone is taken. Subject, names, usage and the constraint that it is no CA are set here.
  - What is signed here is valid from two days ago on, since clocks differ; if it is short-lived, from half its life ago.
requirements:
  - cryptography >= 42 (on the controller)
attributes:
  check_mode:
    description: Signs nothing and asks no command. It fails where it is known that no certificate would be issued, and else says which.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Each call issues another certificate.
    support: none
  action:
    description: It is an action that runs on the controller.
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
      - A signing request of that key, as PEM. The command is given it, after it was found to ask for just the names that are
        wanted.
    type: str
  names:
    description: Host names and IP addresses of the Engine.
    type: list
    elements: str
    required: true
  life:
    description: How long the certificate is to live, as in V(365d) or V(8h).
    type: str
    default: 365d
  server_ca_cert:
    description: Certificate of the CA of servers, as path or content. The CA that signs comes first, its issuers after it.
    type: str
    required: true
  server_ca_key:
    description: Key of the CA of servers, as path or content. It may be encrypted with Ansible Vault.
    type: str
  server_ca_command:
    description:
      - A program of the controller and its arguments, which gets certificates signed, in place of O(server_ca_key).
      - It reads a request as JSON and prints the certificate and its chain, as the collection's guide to certificates says.
    type: list
    elements: str
    default: []
  server_ca_timeout:
    description: How many seconds the command may take.
    type: int
    default: 60
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
  description: The certificate as PEM, with the intermediates of its chain after it.
  returned: success, but in check mode
  type: str
not_before:
  description: From when on it is valid.
  returned: success, but in check mode
  type: str
  sample: "2026-11-22T08:00:00Z"
not_after:
  description: When it ends.
  returned: success, but in check mode
  type: str
  sample: "2027-11-24T08:00:00Z"
names:
  description: The names in it.
  returned: success
  type: list
  elements: str
"""
