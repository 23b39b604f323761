# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from tests.beds.hosts import bed, new_host
from tests.system._fixtures import ansible, baked_image, collections, playbook, run_module, session_ansible, store

__all__ = [
    "ansible",
    "baked_image",
    "bed",
    "collections",
    "new_host",
    "playbook",
    "run_module",
    "session_ansible",
    "store",
]
