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
  - Signs a certificate for a host's public key, on the controller, without a connection to the host.
  - From a signing request the public key alone is taken. Subject, names, usage and the constraint that it is no CA are set here.
  - The certificate is valid for a year and from two days ago on, since clocks differ.
requirements:
  - cryptography >= 42 (on the controller)
attributes:
  check_mode:
    description: Changes nothing on any host.
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
  names:
    description: Host names and IP addresses of the Engine.
    type: list
    elements: str
    required: true
  server_ca_cert:
    description: Certificate of the CA of servers, as path or content.
    type: str
    required: true
  server_ca_key:
    description: Key of the CA of servers, as path or content. It may be encrypted with Ansible Vault.
    type: str
    required: true
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
  description: The certificate as PEM.
  returned: success
  type: str
not_after:
  description: When it ends.
  returned: success
  type: str
  sample: "2027-11-24T08:00:00Z"
names:
  description: The names in it.
  returned: success
  type: list
  elements: str
"""
