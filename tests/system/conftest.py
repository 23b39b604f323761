# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from tests.beds.hosts import bed, new_host
from tests.system._fixtures import (
    ansible,
    archive,
    authority,
    baked_image,
    client,
    collections,
    inventory,
    play,
    playbook,
    repository,
    run_module,
    session_ansible,
    store,
    use,
)

__all__ = [
    "ansible",
    "archive",
    "authority",
    "baked_image",
    "bed",
    "client",
    "collections",
    "inventory",
    "new_host",
    "play",
    "playbook",
    "repository",
    "run_module",
    "session_ansible",
    "store",
    "use",
]
