#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_info
short_description: List machines and their state
version_added: 0.1.0
description:
  - Returns all machines of a store, or those that O(name), O(fleet) and O(filter) select.
  - With O(refresh), each driver's module first reads the current state of its machines, with one run for each driver
    and place.
  - Runs on the controller, regardless of the host's connection, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  name:
    description:
      - Names of machines. Those that do not exist are returned in RV(missing).
    type: list
    elements: str
    aliases: [names]
  fleet:
    description:
      - Only machines of the fleet with this id, or of this fleet in the format of the module M(dockyard.machine.fleet).
    type: raw
  filter:
    description:
      - A JMESPath expression. Only machines for which it is true are returned.
      - It is applied to a machine as in RV(machines), after the refresh.
      - Requires the Python library jmespath on the controller.
    type: str
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  refresh:
    description:
      - Read the current state of the machines from the providers, instead of returning the last known state.
      - C(module_defaults) of the driver's module and of the group C(dockyard.machine.machine) apply to the driver.
      - A machine whose state can't be read has the state V(unknown) and the reason in C(error), and there is a warning.
    type: bool
    default: false
  timeout:
    description:
      - Maximum seconds of one driver for the machines of one place.
    type: float
    default: 30
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Records only the state that it has read.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Never reports a change.
seealso:
  - plugin: dockyard.machine.machines
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Read the state of all machines
  dockyard.machine.machine_info:
    refresh: true
  register: info

- name: Show them as a table
  ansible.builtin.debug:
    msg: "{{ info.table }}"

- name: Find machines whose certificates expire within 30 days
  dockyard.machine.machine_info:
    filter: certificate_days_left < `30`
  register: ending

- name: List the containers of a machine
  community.docker.docker_host_info:
    docker_host: "{{ info.machines[0].host_vars.docker_host }}"
    tls_verify: "{{ info.machines[0].host_vars.tls_verify }}"
    ca_path: "{{ info.machines[0].host_vars.ca_path }}"
    client_cert: "{{ info.machines[0].host_vars.client_cert }}"
    client_key: "{{ info.machines[0].host_vars.client_key }}"
    containers: true
"""

RETURN = r"""
machines:
  description: The machines, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The machine's name.
      returned: success
      type: str
      sample: web1
    id:
      description: Its id, different for each machine that has ever had the name; none if its record is damaged.
      returned: success
      type: str
      sample: 0f3a5c7e9b1d
    driver:
      description: Full name of its driver; none if its record is damaged.
      returned: success
      type: str
      sample: dockyard.machine.qemu
    fleet:
      description: Id of its fleet.
      returned: success
      type: str
      sample: shop
    role:
      description: Its role in the fleet.
      returned: success
      type: str
      sample: web
    labels:
      description: Its labels.
      returned: success
      type: dict
      sample: {"tier": "front"}
    state:
      description:
        - One of V(absent), V(creating), V(running), V(stopped), V(paused), V(starting), V(stopping), V(error) and
          V(unknown).
      returned: success
      type: str
      sample: running
    error:
      description: Why its state is unknown, or why its record can't be read.
      returned: success
      type: str
    refreshed:
      description: When its state was last read, in seconds since 1970.
      returned: success
      type: float
    address:
      description: The address where it is reached.
      returned: success
      type: str
      sample: 192.0.2.10
    addresses:
      description: All its addresses.
      returned: success
      type: list
      elements: str
    docker_host:
      description: URL of its Engine.
      returned: success
      type: str
      sample: tcp://192.0.2.10:2376
    engine_version:
      description: Version of its Engine, as the role docker_engine has recorded it.
      returned: success
      type: str
      sample: 20.10.24
    certificate_not_after:
      description: When its Engine's certificate expires.
      returned: success
      type: str
      sample: '2027-01-31T12:00:00Z'
    certificate_days_left:
      description: Whole days until then.
      returned: success
      type: int
      sample: 364
    certificate_due:
      description:
        - Whether that, the client certificate or a CA of the store expires soon. RV(certificates) has the details.
      returned: success
      type: bool
    options:
      description: The given options of the driver, without secrets.
      returned: success
      type: dict
    account:
      description: The account at the provider.
      returned: success
      type: str
    place:
      description: Its place at the provider.
      returned: success
      type: dict
    resources:
      description: Its resources at the provider.
      returned: success
      type: list
      elements: dict
    expires:
      description: When it expires, so that the module prune removes it; none for a machine that does not expire.
      returned: success
      type: str
      sample: '2027-01-31T12:00:00Z'
    created:
      description: When it was created.
      returned: success
      type: str
    updated:
      description: When its record was last changed.
      returned: success
      type: str
    folder:
      description:
        - Folder with its keys and certificates, usable as E(DOCKER_CERT_PATH).
        - With a store on S3, a folder that is removed when the run ends, if O(name) names the machine; else none.
      returned: success
      type: str
    host_vars:
      description:
        - Its variables as an inventory host.
        - With a store on S3, the variables for keys are set if O(name) names the machine.
      returned: success
      type: dict
missing:
  description: Names of O(name) that were not found.
  returned: success
  type: list
  elements: str
certificates:
  description:
    - Expiry of the certificates of the returned Engines, of the store's client, and of the CAs.
    - Each that is due causes a warning.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(engine), V(client), V(server_ca) or V(client_ca).
      type: str
      sample: engine
    machine:
      description: The machine, for V(engine).
      type: str
      sample: web1
    not_after:
      description: When it expires. For a CA with issuers, the earliest expiry among them.
      type: str
      sample: '2027-01-31T12:00:00Z'
    days_left:
      description: Whole days until then; negative if it has expired.
      type: int
      sample: 364
    due:
      description:
        - Whether less than 30 days (for a CA, less than a year), or less than a third of its validity is left.
      type: bool
table:
  description: The machines as a table of aligned lines, and the days left of the store's own certificates.
  returned: success
  type: list
  elements: str
  sample:
    - "NAME  FLEET/ROLE  DRIVER  STATE    ADDRESS     ENGINE    CERT DAYS"
    - "web1  shop/web    qemu    running  192.0.2.10  20.10.24  364"
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Fix the expression."}
"""
