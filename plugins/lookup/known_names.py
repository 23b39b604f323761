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
            found = _machines.known_names(open_store(self.get_option("store")), terms)
        except MachineError as error:
            raise AnsibleError(error.text()) from None
        return t.cast("list[dict[str, str]]", unsafe(found))
