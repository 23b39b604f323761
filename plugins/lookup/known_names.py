# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: known_names
short_description: Names and addresses in the store, each with its machine
version_added: 0.1.0
description:
  - Returns the names, ids, C(tls_san) and last known addresses of the machines of a store.
  - The playbooks use it to prevent a machine from getting a certificate for another machine's name.
author:
  - Dockyard contributors (@dockyard)
options:
  _terms:
    description:
      - Machines to exclude.
    type: list
    elements: str
  store:
    description:
      - The store, a folder or C(s3://bucket/prefix).
      - By default the value of the environment variable, else C(~/.dockyard).
    type: str
    env:
      - name: DOCKYARD_STORE
seealso:
  - plugin: dockyard.machine.key_file
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show whose address this is
  ansible.builtin.debug:
    msg: "{{ query('dockyard.machine.known_names') | selectattr('name', 'eq', '192.0.2.10') | map(attribute='machine') }}"
"""

RETURN = r"""
_raw:
  description: A dictionary of C(name) and C(machine) for each name and address.
  type: list
  elements: dict
"""

import typing as t
import urllib.parse

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, str]]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            machines = _machines.read(open_store(self.get_option("store")))
        except MachineError as error:
            raise AnsibleError(error.text()) from None
        found = [
            {"name": name, "machine": machine.name}
            for machine in machines
            if machine.name not in terms
            for name in dict.fromkeys(_names(machine))
        ]
        return t.cast("list[dict[str, str]]", unsafe(found))


def _names(machine: _machines.Machine) -> t.Iterator[str]:
    values = machine.host_vars()
    yield machine.name
    if values["machine_id"]:
        yield values["machine_id"]
    # What does not exist any more has no address: another machine can have it now.
    if values["machine_state"] != "absent":
        if "ansible_host" in values:
            yield values["ansible_host"]
        yield from values["machine_tls_san"] or ()
        yield urllib.parse.urlsplit(values.get("docker_host") or "").hostname or machine.name
