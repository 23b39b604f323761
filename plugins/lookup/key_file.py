# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: key_file
short_description: Path of a key or certificate of a machine, fetched from the store if necessary
version_added: 0.1.0
description:
  - Returns the path of a file for SSH or a Docker client, on the controller.
  - With a store in a folder, that is the path in the store.
  - With a store on S3, the file is fetched when the lookup is evaluated, once per run, into a private folder that
    Ansible removes when the run ends.
  - The inventory plugin sets the variables of its hosts to such lookups. They are evaluated when a task connects to the
    host, not when the inventory is read.
author:
  - Dockyard contributors (@dockyard)
options:
  _terms:
    description:
      - Names of files.
      - A machine has C(id_ed25519), C(id_ed25519.pub), C(known_hosts), the programs C(ssh), C(sftp) and C(scp), which
        accept only its pinned host key, and C(ca.pem), C(cert.pem), C(key.pem) for Docker clients. All are in one
        folder, usable as E(DOCKER_CERT_PATH).
      - Without O(machine), the files are C(server-ca.pem), C(server-ca-key.pem), C(client-ca.pem),
        C(client-ca-key.pem), C(client-cert.pem) and C(client-key.pem).
    type: list
    elements: str
    required: true
  machine:
    description:
      - Name of the machine.
    type: str
  optional:
    description:
      - Return an empty string for a file that does not exist. The store does not have the key of an external CA.
    type: bool
    default: false
  store:
    description:
      - The store, a folder or C(s3://bucket/prefix).
      - By default the value of the environment variable, else C(~/.dockyard).
    type: str
    env:
      - name: DOCKYARD_STORE
seealso:
  - plugin: dockyard.machine.machines
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Inspect a container over TLS
  community.docker.docker_container_info:
    name: web
    docker_host: tcp://192.0.2.10:2376
    validate_certs: true
    ca_path: "{{ lookup('dockyard.machine.key_file', 'ca.pem', machine='web1', store='s3://acme/dockyard') }}"
    client_cert: "{{ lookup('dockyard.machine.key_file', 'cert.pem', machine='web1', store='s3://acme/dockyard') }}"
    client_key: "{{ lookup('dockyard.machine.key_file', 'key.pem', machine='web1', store='s3://acme/dockyard') }}"

- name: Set up the Engine on a host with the certificate authorities of the store
  ansible.builtin.include_role:
    name: dockyard.machine.docker_engine
  vars:
    docker_engine_server_ca_cert: "{{ lookup('dockyard.machine.key_file', 'server-ca.pem') }}"
    docker_engine_server_ca_key: "{{ lookup('dockyard.machine.key_file', 'server-ca-key.pem') }}"
    docker_engine_client_ca_cert: "{{ lookup('dockyard.machine.key_file', 'client-ca.pem') }}"
"""

RETURN = r"""
_raw:
  description: The paths.
  type: list
  elements: str
"""

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.dockyard.machine.plugins.module_utils import _pin
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._input import check_name
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

PAIR = ("ca.pem", "cert.pem", "key.pem")
FILES = {
    True: ("id_ed25519", "id_ed25519.pub", *_pin.FILES, *PAIR),
    False: (
        "server-ca.pem",
        "server-ca-key.pem",
        "client-ca.pem",
        "client-ca-key.pem",
        "client-cert.pem",
        "client-key.pem",
    ),
}


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        machine = self.get_option("machine")
        try:
            if machine:
                check_name(machine)
            store = open_store(self.get_option("store"))
            return [_path(store, machine, file, self.get_option("optional")) for file in terms]
        except MachineError as error:
            raise AnsibleError(error.text()) from None


def _path(store: Store, machine: str | None, file: str, optional: bool = False) -> str:
    if file not in FILES[bool(machine)]:
        what = "of a machine" if machine else "of the store"
        raise BadOption("key_file", f"{file!r} is not a file {what}", f"There are {', '.join(FILES[bool(machine)])}")
    path = os.path.join(store.folder(machine) if machine else store.ca, file)
    if os.path.exists(path):
        return path  # of a shared store: another task of this run has brought it
    if not machine:
        store.fill_ca()
    elif file in PAIR:
        store.give_client_pair(machine)
    else:
        store.fill(machine)
    if not os.path.exists(path):
        if optional:
            return ""
        raise MachineError(
            f"The store {store.where} has no {file}" + (f" of {machine}" if machine else ""),
            code="no_key",
            remedy="Check machine and store; state: present makes a machine's files",
        )
    return path
