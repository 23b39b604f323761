# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist, by SSH; one and the same host has two addresses."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.modules import generic
from tests.faults import boundaries, engines, faults, hosts, world


class World(world.World):
    driver = generic.Generic
    name = "dockyard.machine.generic"
    rotates = True
    failures = {hosts.SSH: faults.SSH, engines.HOST: (engines.FAILS,)}
    changes = {"adjust": {"options": {"address": "192.0.2.2"}}}
    elsewhere = {"options": {"address": "192.0.2.66"}}  # another host

    def play(self, patch: boundaries.Patch) -> None:
        one = hosts.Host("ssh-ed25519 AAAAkey1")
        self.hosts.at = {"192.0.2.1 22": one, "192.0.2.2 22": one, "192.0.2.66 22": hosts.Host("ssh-ed25519 AAAAkey2")}

    def options(self) -> dict[str, t.Any]:
        return {"address": "192.0.2.1"}
