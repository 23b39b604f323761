# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

from tests.contract import World
from tests.doubles.ec2 import Ec2Double
from tests.model.clock import Clock

VOLUME = {"type": "gp3", **dict.fromkeys(("id", "iops", "throughput", "snapshot_id", "device"))}


def world(folder: pathlib.Path) -> World:
    """All that a machine may have, on an EC2 that takes its time."""
    clock = Clock()
    double = Ec2Double(clock.time)
    double.pending, double.lag, double.read_lag, double.page_size = 4, 5, 2, 1
    double.full, double.full_later = ["*/*/spot", "c7i.large/*"], ["t3.small/eu-central-1a/*"]
    double.accounts["other"] = "210987654321"
    return World(
        "dockyard.machine.amazonec2",
        double.driver(),
        {
            "region": "eu-central-1",
            "zones": ["a", "b"],
            "instance_type": ["c7i.large", "t3.small"],
            "spot": "prefer",
            "elastic_address": "new",
            "volumes": [{"name": "data", "size": 10, **VOLUME}],
            "ports": ["80"],
            "tags": {"team": "web"},
            "user_data": "#!/bin/sh",
        },
        calls=double.calls,
        alive=double.alive,
        folder=folder,
        clock=clock,
        adjust={
            "ports": ["443"],
            "open_to": ["198.51.100.0/24", "2001:db8::/64", "pl-01234567"],
            "tags": {"team": "shop"},
            "elastic_address": None,
            "volumes": [{"name": "data", "size": 20, **VOLUME}],
        },
        adjust_stopped={"instance_type": ["t3.large"]},
        grows={"volumes"},
        drift={"image": "ubuntu-24.04", "root_size": 20, "ipv6": True},
        other_account={"access_key": "other"},
        copy=double.copy,
        pages=lambda call: call.startswith("Describe"),
    )
