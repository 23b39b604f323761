# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No provider at all: records alone."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.modules import none
from tests.faults import world


class World(world.World):
    driver = none.NoneDriver
    name = "dockyard.machine.none"
    changes = {"adjust": {"options": {"url": "tcp://192.0.2.2:2376"}}}

    def options(self) -> dict[str, t.Any]:
        return {"url": "tcp://192.0.2.1:2376"}
