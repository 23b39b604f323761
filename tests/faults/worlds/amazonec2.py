# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2: moto behind its layer, at the seam of HTTP."""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t

from moto.core import responses
from moto.ec2.models import key_pairs
from moto.kms import models as keys

from ansible_collections.dockyard.machine.plugins.modules import amazonec2
from tests.doubles.ec2 import Ec2Double, Fault
from tests.faults import boundaries, faults, world
from tests.faults.boundaries import Boundary
from tests.faults.invariants import Thing

CANARY = "canary-of-the-secret-key"
DATA = "canary-of-the-user-data"
REGION = "eu-central-1"
FAULTS: dict[str, dict[str, t.Any]] = {
    faults.THROTTLED: {"code": "RequestLimitExceeded", "status": 503},
    faults.THROTTLED_WITH: {"code": "RequestLimitExceeded", "status": 503, "headers": {"Retry-After": "2"}},
    faults.INTERNAL: {"code": "InternalError", "status": 500},
    faults.UNAVAILABLE: {"code": "Unavailable", "status": 503},
    faults.INTERNAL_AFTER: {"code": "InternalError", "status": 500, "after": True},
    faults.UNAVAILABLE_AFTER: {"code": "Unavailable", "status": 503, "after": True},
    faults.TIMEOUT_BEFORE: {"how": "timeout"},
    faults.TIMEOUT_AFTER: {"how": "timeout", "after": True},
    faults.RESET: {"how": "reset", "after": True},
    faults.HTML: {"how": "html", "status": 502},
    faults.HTML_OK: {"how": "html", "status": 200},
    faults.EXPIRED: {"code": "RequestExpired", "status": 400},
}
QUOTAS = {
    "RunInstances": "VcpuLimitExceeded",
    "CreateSecurityGroup": "SecurityGroupLimitExceeded",
    "CreateVolume": "VolumeLimitExceeded",
    "AllocateAddress": "AddressLimitExceeded",
}
NOT_FOUND = {
    "SecurityGroup": "InvalidGroup.NotFound",
    "Volume": "InvalidVolume.NotFound",
    "Address": "InvalidAllocationID.NotFound",
    "Instance": "InvalidInstanceID.NotFound",
}
NEEDED = {  # by a create; what is told to be missing may have been made just now
    "SecurityGroup": "InvalidVpcID.NotFound",
    "Volume": "InvalidZone.NotFound",
    "Instance": "InvalidGroup.NotFound",
    "Association": "InvalidAllocationID.NotFound",
}
LISTS = re.compile(rb"<(reservationSet|securityGroupInfo|volumeSet|addressesSet|imagesSet)>.*</\1>", re.S)
VOLUME = {"name": "data", "size": 10, "type": "gp3"}
VOLUME |= dict.fromkeys(("id", "iops", "throughput", "snapshot_id", "device"))
TIME_OUT = 10.0  # seconds
# What moto does anew in each call or cell, and what a quarter of the cells' time went into
COSTLY = (
    (responses, "method_names_from_class"),
    (key_pairs, "random_rsa_key_pair"),
    (keys, "generate_private_key"),
    (fnmatch, "translate"),
)
CACHED = {(module, name): functools.cache(getattr(module, name)) for module, name in COSTLY}
LAG = 9.9  # seconds in which a new thing shows nowhere: just below those that the driver allows for


class World(world.World):
    driver = amazonec2.AmazonEC2
    name = "dockyard.machine.amazonec2"
    dear = True
    timeout = 60.0
    secrets = (world.KEY_CANARY, CANARY, DATA)
    failures = {boundaries.API: faults.API}
    shortages = {"full": {"full": ["c7i.large/*"]}, "full-later": {"full_later": ["*/eu-central-1a/*"]}}
    changes = {
        "adjust": {"options": {"ports": ["443"], "elastic_address": None, "tags": {"team": "shop"}}},
        "resize": {"options": {"instance_type": ["t3.large"]}, "allow_stop": True},
        "recreate": {"options": {"image": "ubuntu-24.04"}, "recreate": True},
    }
    elsewhere = {"options": {"zones": ["c"]}}
    somebody_else = {"options": {"access_key": "other"}}

    def play(self, patch: boundaries.Patch) -> None:
        self.double = Ec2Double(self.clock.time)
        self.double.pending, self.double.lag, self.double.read_lag, self.double.page_size = 2, LAG, LAG, 1
        self.double.repeats = True
        self.double.accounts["other"] = "210987654321"
        self.driver = self.double.driver()
        for (module, name), cached in CACHED.items():
            patch.setattr(module, name, cached)
        handle = self.double.handle

        def cross(headers: t.Any, body: t.Any) -> t.Any:
            call = self.double._parse(headers, body)
            self.said.append(str({**call.params, "UserData": ""}))
            return self.cross(boundaries.API, call.action, lambda: handle(headers, body))

        patch.setattr(self.double, "handle", cross)

    def options(self) -> dict[str, t.Any]:
        return {
            "region": REGION,
            "zones": ["a", "b"],
            "instance_type": ["c7i.large", "t3.small"],
            "elastic_address": "new",
            "volumes": [VOLUME],
            "open_to": ["192.0.2.0/24"],
            "ports": ["80"],
            "tags": {"team": "web"},
            "access_key": "key",
            "secret_key": CANARY,
            "user_data": f"#!/bin/sh\n# {DATA}",
        }

    def set(self, **traits: t.Any) -> None:
        for name, value in traits.items():
            setattr(self.double, name, value)

    def things(self) -> list[Thing]:
        found = self.double.alive()
        instances = {one["tags"]["id"] for one in found if one["id"].startswith("i-")}
        return [
            Thing(one["id"], one["tags"]["kind"], tags=one["tags"], shape=self._shape(one["id"]))
            for one in found
            # A root volume bears its instance's tags, and goes with it.
            if not (
                one["id"].startswith("vol-") and one["tags"]["kind"] == "Instance" and one["tags"]["id"] in instances
            )
        ]

    def exists(self, resource: dict[str, t.Any]) -> bool:
        return not resource["id"].startswith("eipassoc-")

    def _shape(self, id: str) -> t.Any:
        one = next((one for one in self.double.backend().all_instances() if one.id == id), None)
        return one and {"state": one.state, "type": one.instance_type, "zone": one.availability_zone}

    def suits(self, fault: str, boundary: Boundary) -> bool:
        if fault in (faults.EMPTY, faults.NO_PAGE):
            return boundary.name.startswith("Describe") and not boundary.changes
        if fault == faults.QUOTA:
            return boundary.name in QUOTAS
        if fault == faults.NOT_FOUND:
            return boundary.method == "get" or boundary.changes and boundary.doing != "Address.create"
        # Of a read, a time-out after it is as one before it, and a page with 502 is as one with 200.
        after = (faults.TIMEOUT_AFTER, faults.INTERNAL_AFTER, faults.UNAVAILABLE_AFTER)
        return fault not in (*after, faults.HTML) or boundary.changes

    def fail(self, fault: str, boundary: Boundary, effect: t.Callable[[], t.Any]) -> t.Any:
        if fault in (faults.EMPTY, faults.NO_PAGE):
            status, headers, body = effect()
            body = LISTS.sub(rb"<\1/>", body)
            return status, headers, re.sub(rb"<nextToken>.*</nextToken>", b"", body) if fault == faults.EMPTY else body
        if fault in (faults.TIMEOUT_BEFORE, faults.TIMEOUT_AFTER):
            self.clock.now += TIME_OUT
        kind = boundary.doing.partition(".")[0]
        missing = NEEDED if boundary.method == "create" else NOT_FOUND
        codes = {faults.QUOTA: QUOTAS.get(boundary.name), faults.NOT_FOUND: missing.get(kind, NOT_FOUND["Instance"])}
        self.double.faults = [Fault(**FAULTS[fault] if fault in FAULTS else {"code": codes[fault], "status": 400})]
        try:
            return effect()
        finally:
            self.double.faults = []
