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
  - Copies records, keys, certificate authorities and tombstones, compares the copy with the original, and lets the old
    place say where the store is now. The store keeps its UUID, so that all machines stay its own.
  - Runs that work on a machine are waited for. Meanwhile the store can be read at the old place, and no machine be
    changed. At no time it is in use at both places.
  - A move that was cut off is finished by the same task.
  - What was copied stays at the old place, private keys included, until you delete it.
  - Machines that live in files of the controller, as those of M(dockyard.machine.qemu) do, can't be moved.
  - Runs on the controller, for whatever host the task is; never with become.
author:
  - Dockyard contributors (@dockyard)
options:
  from:
    description:
      - The store as it is, a folder or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
    type: path
  to:
    description:
      - Where it is to be. There must be no store, or what an earlier try has left.
    type: path
    required: true
  gone:
    description:
      - The store O(from) is gone for good, and O(to) is a copy of it that you made yourself, or a backup that was
        restored in another place. That is the store then. Nothing is copied.
      - If the original is still in use somewhere, two stores work on the same machines, against each other.
    type: bool
    default: false
  lock_timeout:
    description:
      - Seconds to wait for a run that works on a machine.
    type: float
    default: 60
attributes:
  check_mode:
    support: full
    description: Says whether it can be moved.
  diff_mode:
    support: full
    description: Shows both places.
  idempotent:
    support: full
    description: A store that was moved there already is left as it is.
"""

EXAMPLES = r"""
- name: Let other controllers work on the machines, too
  dockyard.machine.move_store:
    from: ~/.dockyard
    to: s3://acme-dockyard/prod?region=eu-central-1

- name: Take a restored backup in the place of a store that is lost
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
  description: What failed, for programs.
  returned: failure
  type: dict
  sample: {"code": "no_store", "left_behind": [], "remedy": "If it is gone for good, and /new/place is a copy of it: machine_store_gone=true"}
"""
