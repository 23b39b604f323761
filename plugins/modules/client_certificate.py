#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate
short_description: Issue a client certificate for access to the Engines
version_added: 0.1.0
description:
  - Creates a folder that Docker clients use as E(DOCKER_CERT_PATH), with C(ca.pem), C(cert.pem) and C(key.pem).
  - The certificate is signed by the client CA of a store, or by a given CA. It gives root access to each host that
    trusts that CA.
  - It is renewed when a third of its validity is left, and when name, subject, validity, CA or key change. The key
    stays. With an external signing command a longer validity does not renew it, since the command may issue a shorter
    one than requested.
  - Certificates can't be revoked. A certificate is valid until it expires, or until the client CA is replaced.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - cryptography >= 42
options:
  name:
    description:
      - The common name (CN) of its subject. The Engine's authorisation plug-ins identify a client by it.
    type: str
    required: true
  output:
    description:
      - The folder. It is created with mode 0700, its files with mode 0600.
      - A relative path is relative to the folder where Ansible was started.
      - An existing key is used. One that can't be used, for example because it has a passphrase, is an error unless
        O(new_key) is given.
    type: path
    required: true
  life:
    description:
      - Validity of the certificate, such as V(365d) or V(8h). It never exceeds the CA's.
    type: str
    default: 365d
  subject:
    description:
      - Additional attributes of its subject, by V(C), V(ST), V(L), V(O), V(OU) and V(emailAddress).
    type: dict
    default: {}
  csr:
    description:
      - A signing request, as path or content, so that the private key never leaves its owner. Then no key is written.
      - Only the public key of the request is used. A request for O(client_ca_command) must contain exactly O(name) and
        O(subject).
    type: str
  new_key:
    description:
      - Create a new key and certificate each time. Clients with the previous ones keep their access.
    type: bool
    default: false
  store:
    description:
      - The store whose client CA signs, and whose server CA the client trusts. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  server_ca_cert:
    description:
      - The server CA that the client trusts, as path or content, used instead of the store's.
    type: str
  client_ca_cert:
    description:
      - The certificate of the client CA, as path or content, used instead of the store's. The CA that signs comes
        first, then its issuers.
    type: str
  client_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
    type: str
  client_ca_command:
    description:
      - External signing command, used instead of O(client_ca_key). A program of the controller and its arguments.
      - It reads a request as JSON and prints the certificate and its chain. The documentation page on certificates
        defines both.
    type: list
    elements: str
    default: []
  client_ca_timeout:
    description:
      - Timeout of the command in seconds.
    type: int
    default: 60
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports what would be done, and changes nothing. The command is not run.
  diff_mode:
    support: full
    description: Shows subject, issuer, expiry, and the modes of the files. Never a key.
"""

EXAMPLES = r"""
- name: Issue a certificate for a month
  dockyard.machine.client_certificate:
    name: jo
    life: 30d
    subject:
      O: Acme
      OU: Operations
    output: /home/jo/.docker

- name: Sign a request, whose key never leaves the user's computer
  dockyard.machine.client_certificate:
    name: ann
    csr: requests/ann.csr
    output: issued/ann

- name: Issue a certificate for a job of an hour, signed by Vault
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
  description: Why it was issued; empty if the existing one is still valid and unchanged.
  returned: success
  type: str
  sample: "it expires on 2027-01-31T12:00:00Z: less than a third of its validity is left"
subject:
  description: Its subject.
  returned: if there is one
  type: str
  sample: CN=jo,OU=Operations,O=Acme
issuer:
  description: Its issuer.
  returned: if there is one
  type: str
not_before:
  description: Start of its validity.
  returned: if there is one
  type: str
  sample: '2026-11-23T12:00:00Z'
not_after:
  description: End of its validity.
  returned: if there is one
  type: str
  sample: '2026-12-25T12:00:00Z'
days_left:
  description: Whole days until then.
  returned: if there is one
  type: int
  sample: 29
certificate:
  description: The certificate as PEM, followed by the intermediates of its chain. It is not secret.
  returned: if there is one
  type: str
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "certificate", "left_behind": [], "remedy": ""}
"""
