# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver thing over its cloud, in memory."""

from __future__ import annotations

import pathlib

from ansible_collections.acme.cloud.plugins.module_utils.cloud import Cloud
from ansible_collections.acme.cloud.plugins.modules import thing
from ansible_collections.dockyard.machine.tests.contract import World, connected
from ansible_collections.dockyard.machine.tests.model import Clock


def world(folder: pathlib.Path) -> World:
    clock = Clock()
    cloud = Cloud("acme", clock.time)
    cloud.set(lag=0.2, boot=2)

    def connect(options: dict) -> Cloud:
        return Cloud(options["token"].partition(":")[0], clock.time, cloud.state)

    return World(
        "acme.cloud.thing",
        connected(thing.Acme, connect),
        {"endpoint": "memory", "disk": 5, "network": "net-0", "user_data": "#!/bin/sh", "image": "image-1"},
        calls=lambda: [entry["call"] for entry in cloud.state["ledger"]],
        alive=lambda: [id for kind in ("things", "keys", "volumes") for id in cloud.state[kind]],
        folder=folder,
        clock=clock,
        adjust={"rules": [22, 80], "disk": 0},
        adjust_stopped={"memory": 1024},
        drift={"image": "other"},
        other_account={"token": "other:secret"},
        copy=cloud.copy,
    )
