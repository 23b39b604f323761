#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_info
short_description: Tell which machines there are, and how they are
version_added: 0.1.0
description:
  - Returns the machines of a store, all or those of O(name), O(fleet) and O(filter).
  - With O(refresh), each driver's module looks first how its machines are now, one run a driver and place.
  - Runs on the controller, whatever the connection of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  name:
    description:
      - Names of machines. Those that don't exist are returned in RV(missing).
    type: list
    elements: str
    aliases: [names]
  fleet:
    description:
      - Only machines of the fleet with this id, or of this fleet, as the module M(dockyard.machine.fleet) takes it.
    type: raw
  filter:
    description:
      - A JMESPath expression. Only machines for which it is true are returned.
      - It sees a machine as it is returned in RV(machines), after the refresh.
      - Needs the Python library jmespath beside Ansible.
    type: str
  store:
    description:
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  refresh:
    description:
      - Ask the providers how the machines are now, instead of telling how they were seen last.
      - C(module_defaults) of the driver's module and of the group C(dockyard.machine.machine) reach the driver.
      - A machine that can't be seen has the state V(unknown) and says why in C(error), and there is a warning.
    type: bool
    default: false
  timeout:
    description:
      - Seconds that one driver may take for the machines of one place.
    type: float
    default: 30
attributes:
  check_mode:
    support: full
    description: Changes nothing but what is noted as seen.
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
- name: Look at all machines
  dockyard.machine.machine_info:
    refresh: true
  register: info

- name: Show them as a table
  ansible.builtin.debug:
    msg: "{{ info.table }}"

- name: Find machines whose certificates end within 30 days
  dockyard.machine.machine_info:
    filter: certificate_days_left < `30`
  register: ending

- name: Ask a machine's Engine for its containers
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
      description: Its id, new for each machine that ever had the name; none if its record is damaged.
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
      description: Why its state is unknown, or its record can't be read.
      returned: success
      type: str
    refreshed:
      description: When it was seen last, in seconds since 1970.
      returned: success
      type: float
    address:
      description: Where it is reached.
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
      description: Version of its Engine, as the role docker_engine has found it.
      returned: success
      type: str
      sample: 20.10.24
    certificate_not_after:
      description: When its Engine's certificate ends.
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
        - Whether that, the client's certificate or a CA of the store ends soon, as RV(certificates) says of each.
      returned: success
      type: bool
    options:
      description: The driver's options as they were given, without secrets.
      returned: success
      type: dict
    account:
      description: Who we are to the provider.
      returned: success
      type: str
    place:
      description: Where it is at the provider.
      returned: success
      type: dict
    resources:
      description: What was made for it.
      returned: success
      type: list
      elements: dict
    expires:
      description: From when on the module prune removes it; none for a machine without an end.
      returned: success
      type: str
      sample: '2027-01-31T12:00:00Z'
    created:
      description: When it was created.
      returned: success
      type: str
    updated:
      description: When its record was changed last.
      returned: success
      type: str
    folder:
      description:
        - Folder with its keys and certificates, which can be a E(DOCKER_CERT_PATH).
        - Of a machine in a store on S3, a folder that goes with the run, if O(name) names the machine; else none.
      returned: success
      type: str
    host_vars:
      description:
        - Its variables as a host of an inventory.
        - Of a machine in a store on S3, those that name keys are there if O(name) names the machine.
      returned: success
      type: dict
missing:
  description: Names of O(name) that no machine has.
  returned: success
  type: list
  elements: str
certificates:
  description:
    - When certificates end, those of the Engines that are returned, that of the store's client, and the CAs'.
    - There is a warning of each that is due.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(engine), V(client), V(server_ca) or V(client_ca).
      type: str
      sample: engine
    machine:
      description: Of which machine, for V(engine).
      type: str
      sample: web1
    not_after:
      description: When it ends. Of a CA with its issuers, the first of them to end.
      type: str
      sample: '2027-01-31T12:00:00Z'
    days_left:
      description: Whole days until then; negative if it has ended.
      type: int
      sample: 364
    due:
      description:
        - Whether less than 30 days, of a CA less than a year, or less than a third of its life is left.
      type: bool
table:
  description: The machines as aligned lines, for people, and the days left of the store's own certificates.
  returned: success
  type: list
  elements: str
  sample:
    - "NAME  FLEET/ROLE  DRIVER  STATE    ADDRESS     ENGINE    CERT DAYS"
    - "web1  shop/web    qemu    running  192.0.2.10  20.10.24  364"
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Mend the expression."}
"""
