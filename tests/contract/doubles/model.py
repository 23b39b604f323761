# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

from tests.contract import World
from tests.model import Provider, driver_for


def world(folder: pathlib.Path) -> World:
    """Not at its worst, which is for the faults, but in no hurry."""
    provider = Provider(
        list_lag=5, read_lag=2, gone_lag=2, ghost=60, page_size=1, token_scope="zone", latency=0.05, creating=3
    )
    provider.set(starting=2, stopping=2, deleting=3, full=["a/medium", "b"], full_later=["a/large"], tag_count=8)
    network = provider.add("network", "acme", "north")
    provider_alive = provider.alive
    return World(
        "dockyard.machine.model",
        driver_for(provider),
        {
            "region": "north",
            "zones": ["b", "a", "c"],
            "sizes": ["medium", "large"],
            "rules": [22, 80],
            "disk": 5,
            "public_address": True,
            "network": network.id,
            "tags": {"team": "web"},
            "user_data": "#!/bin/sh",
        },
        calls=provider.calls,
        alive=lambda: [thing for thing in provider_alive() if thing is not network],
        folder=folder,
        clock=provider.clock,
        adjust={"rules": [443], "disk": 0, "public_address": False},
        adjust_stopped={"sizes": ["small"]},
        drift={"image": "image-0", "network": None, "tags": {}},
        other_account={"token": "other:secret"},
        copy=lambda id: provider.copy(id).id,
    )
