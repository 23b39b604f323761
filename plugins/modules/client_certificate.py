#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate
short_description: A certificate with which a person or a job reaches the Engines
version_added: 0.1.0
description:
  - Makes a folder that Docker clients take as E(DOCKER_CERT_PATH), with C(ca.pem), C(cert.pem) and C(key.pem).
  - It is signed by the CA of clients of a store, or by one that is given. Who has it is root on each host that trusts that CA.
  - It is issued anew when a third of its life is left, and when name, subject, life, CA or key are others. The key stays. Where a
    command signs, a longer life is no reason, since it may give less than it is asked for.
  - No certificate can be called back. It ends with its life, or when the CA of clients is another one.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - cryptography >= 42
options:
  name:
    description:
      - Whose it is, the common name (CN) of its subject. The Engine's authorisation plug-ins know a client by it.
    type: str
    required: true
  output:
    description:
      - The folder. It is made with mode 0700, its files have 0600.
      - A relative path begins where Ansible was started.
      - A key that is there is used. One that can't be, since it has a passphrase for example, is an error unless O(new_key) is given.
    type: path
    required: true
  life:
    description:
      - How long it is to live, as in V(365d) or V(8h). It ends with its CA at the latest.
    type: str
    default: 365d
  subject:
    description:
      - What else its subject has, by V(C), V(ST), V(L), V(O), V(OU) and V(emailAddress).
    type: dict
    default: {}
  csr:
    description:
      - A signing request, as path or content, so that the key never leaves who has made it. Then no key is written.
      - Of a request the public key alone counts. One that goes to O(client_ca_command) must ask for O(name) and O(subject)
        and nothing else.
    type: str
  new_key:
    description:
      - Make a new key, and a certificate for it, each time. Clients that have the former ones keep their access.
    type: bool
    default: false
  store:
    description:
      - The store whose CA of clients signs, and whose CA of servers is to be trusted; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  server_ca_cert:
    description:
      - The CA of servers that the client is to trust, as path or content, in place of the store's.
    type: str
  client_ca_cert:
    description:
      - The certificate of the CA of clients, as path or content, in place of the store's. The CA that signs comes first,
        its issuers after it.
    type: str
  client_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
    type: str
  client_ca_command:
    description:
      - A program of the controller and its arguments, which gets certificates signed, in place of O(client_ca_key).
      - It reads a request as JSON and prints the certificate and its chain, as the collection's guide to certificates says.
    type: list
    elements: str
    default: []
  client_ca_timeout:
    description:
      - How many seconds the command may take.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Says what would be done, and touches nothing. A command is not run.
  diff_mode:
    support: full
    description: Shows subject, issuer, end, and the modes of the files. Never a key.
"""

EXAMPLES = r"""
- name: A month for Jo
  dockyard.machine.client_certificate:
    name: jo
    life: 30d
    subject:
      O: Acme
      OU: Operations
    output: /home/jo/.docker

- name: One for a key that never leaves Ann's computer
  dockyard.machine.client_certificate:
    name: ann
    csr: requests/ann.csr
    output: issued/ann

- name: An hour for a job, signed by Vault
  dockyard.machine.client_certificate:
    name: nightly
    life: 1h
    output: "{{ job_folder }}/docker"
    server_ca_cert: acme-root.pem
    client_ca_cert: acme-clients.pem
    client_ca_command: [./sign-with-vault, docker-clients]
"""

RETURN = r"""
folder:
  description: The folder, for E(DOCKER_CERT_PATH).
  returned: success
  type: str
  sample: /home/jo/.docker
reason:
  description: Why it was issued; empty if the one that was there will do.
  returned: success
  type: str
  sample: "it expires on 2027-01-31T12:00:00Z: less than a third of its life is left"
subject:
  description: Whose it is.
  returned: if there is one
  type: str
  sample: CN=jo,OU=Operations,O=Acme
issuer:
  description: Who has signed it.
  returned: if there is one
  type: str
not_before:
  description: From when on it is valid.
  returned: if there is one
  type: str
  sample: '2026-11-23T12:00:00Z'
not_after:
  description: When it ends.
  returned: if there is one
  type: str
  sample: '2026-12-25T12:00:00Z'
days_left:
  description: Whole days until then.
  returned: if there is one
  type: int
  sample: 29
certificate:
  description: The certificate as PEM, with the intermediates of its chain after it. It is no secret.
  returned: if there is one
  type: str
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "certificate", "left_behind": [], "remedy": ""}
"""
