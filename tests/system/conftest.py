# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

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

# What takes longest comes first, so that nobody waits for it alone at the end
FIRST = (
    "test_machines.py",
    "test_matrix.py",
    "test_engine_guests.py",
    "test_swarm.py",
    "test_processes.py",
    "test_qemu.py",
    "test_engine_configuration.py",
    "test_engine_access.py",
    "test_engine_sources.py",
    "test_engine_isolation.py",
)


def pytest_collection_modifyitems(items: list[t.Any]) -> None:
    rank = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
