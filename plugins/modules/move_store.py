#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: move_store
short_description: Move a store to another folder, or to or from S3
version_added: 0.1.0
description:
  - Copies records, keys, certificate authorities and tombstones, compares the copy with the original, and leaves a
    reference to the new place at the old one. The store keeps its UUID, so that it still owns all machines.
  - Waits for runs that work on a machine. Meanwhile the store is read-only at the old place. It is never in use at both
    places.
  - The same task completes an interrupted move.
  - The copied files stay at the old place, including private keys, until you delete them.
  - Machines that are stored in files on the controller, such as those of M(dockyard.machine.qemu), can't be moved.
  - Runs on the controller, regardless of the task's host, and never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  from:
    description:
      - The current store, a folder or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  to:
    description:
      - The new place. It must not contain a store, except the copy of an earlier try.
    type: path
    required: true
  gone:
    description:
      - Whether the store O(from) is permanently lost, and O(to) is a copy that you made yourself, or a backup that was
        restored in another place. That copy becomes the store. Nothing is copied.
      - If the original is still in use somewhere, two stores manage the same machines, and conflict.
    type: bool
    default: false
  lock_timeout:
    description:
      - Seconds to wait for another run that works on a machine.
    type: float
    default: 60
extends_documentation_fragment:
  - dockyard.machine.from_variables
attributes:
  check_mode:
    support: full
    description: Reports whether it can be moved.
  diff_mode:
    support: full
    description: Shows both places.
  idempotent:
    support: full
    description: A store that is already there is not changed.
"""

EXAMPLES = r"""
- name: Move the store to S3, for use by several controllers
  dockyard.machine.move_store:
    from: ~/.dockyard
    to: s3://acme-dockyard/prod?region=eu-central-1

- name: Use a restored backup instead of a lost store
  dockyard.machine.move_store:
    from: /home/me/.dockyard
    to: /srv/dockyard
    gone: true
"""

RETURN = r"""
from:
  description: Where the store was.
  returned: success
  type: str
to:
  description: Where it is.
  returned: success
  type: str
  sample: s3://acme-dockyard/prod
machines:
  description: Names of its machines.
  returned: success
  type: list
  elements: str
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "no_store", "left_behind": [], "remedy": "If it is permanently lost, and /new/place is a copy of it: machine_store_gone=true"}
"""
