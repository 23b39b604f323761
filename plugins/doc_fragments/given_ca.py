# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  server_ca_cert:
    description:
      - Certificate of a CA of servers that is not the store's own, as path or content. The CA that signs comes first, its
        issuers after it, the root last.
    type: str
  server_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
    type: str
  server_ca_command:
    description:
      - A program of the controller and its arguments, which gets certificates signed, in place of O(server_ca_key).
      - It reads a request as JSON and prints the certificate and its chain, as the collection's guide to certificates says.
    type: list
    elements: str
    default: []
  server_ca_timeout:
    description:
      - How many seconds that command may take.
    type: int
    default: 60
  client_ca_cert:
    description:
      - Certificate of a CA of clients that is not the store's own, as path or content, the CA that signs first.
      - If its key is given, Engines trust that CA alone, and not those above it.
    type: str
  client_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
    type: str
  client_ca_command:
    description:
      - A program as in O(server_ca_command), for clients' certificates.
    type: list
    elements: str
    default: []
  client_ca_timeout:
    description:
      - How many seconds that command may take.
    type: int
    default: 60
  certificate_life:
    description:
      - How long the certificate of the store's client is to live, as in V(365d) or V(8h).
    type: str
    default: 365d
  keep_ca_keys:
    description:
      - Keep the keys that are given in the store. Otherwise they are nowhere when the task is over.
    type: bool
    default: false
"""
