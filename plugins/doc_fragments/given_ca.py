# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  server_ca_cert:
    description:
      - Certificate of an external server CA, as path or content. The CA that signs comes first, then its issuers, the
        root last.
    type: str
  server_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
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
    description:
      - Timeout of the command in seconds.
    type: int
    default: 60
  client_ca_cert:
    description:
      - Certificate of an external client CA, as path or content, the CA that signs first.
      - If its key is given, Engines trust only that CA, and not its issuers.
    type: str
  client_ca_key:
    description:
      - Its key, as path or content. It may be encrypted with Ansible Vault.
    type: str
  client_ca_command:
    description:
      - External signing command for client certificates, like O(server_ca_command).
    type: list
    elements: str
    default: []
  client_ca_timeout:
    description:
      - Timeout of the command in seconds.
    type: int
    default: 60
  certificate_life:
    description:
      - Validity of the store's client certificate, such as V(365d) or V(8h).
    type: str
    default: 365d
  keep_ca_keys:
    description:
      - Keep the given keys in the store. Otherwise they are not stored.
    type: bool
    default: false
"""
