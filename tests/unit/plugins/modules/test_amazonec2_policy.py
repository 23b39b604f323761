# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least policy that is shipped, judged by our double of IAM: AWS has not judged it."""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from tests.contract import World
from tests.doubles import _policy
from tests.doubles.ec2 import Ec2Double
from tests.model.clock import Clock

pytestmark = pytest.mark.slow

SHIPPED = pathlib.Path(__file__).resolve().parents[4] / "docs" / "drivers" / "amazonec2-policy.json"
VOLUME = {"type": "gp3", "size": 16, **dict.fromkeys(("id", "iops", "throughput", "snapshot_id", "device"))}
ZONE = "eu-central-1a"


def shipped() -> dict[str, t.Any]:
    return t.cast(dict[str, t.Any], json.loads(SHIPPED.read_text()))


@pytest.fixture()
def ec2() -> Ec2Double:
    return Ec2Double(Clock().time)


@pytest.fixture()
def world(ec2: Ec2Double, tmp_path: pathlib.Path) -> World:
    it = World(
        "dockyard.machine.amazonec2",
        ec2.driver(),
        {"region": ZONE[:-1], "open_to": ["192.0.2.9/32"]},
        calls=ec2.calls,
        alive=ec2.alive,
        folder=tmp_path,
        clock=t.cast(Clock, ec2.now.__self__),  # type: ignore[attr-defined]
    )
    it.store.create()
    return it


def do_everything(ec2: Ec2Double, world: World) -> None:
    """All that the driver can do, each kind of thing of the user's among it."""
    backend = ec2.backend()
    client = ec2.client("ec2")
    subnet = next(one for one in backend.describe_subnets() if one.availability_zone == ZONE)
    client.create_key_pair(KeyName="mine", KeyType="ed25519")
    volume = client.create_volume(AvailabilityZone=ZONE, Size=5)["VolumeId"]
    snapshot = client.create_snapshot(VolumeId=volume)["SnapshotId"]
    group = client.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    ec2.policy = _policy.Policy(shipped())
    everything: dict[str, t.Any] = {
        "key_name": "mine",
        "image": "/aws/service/debian/release/13/latest/amd64:3",
        "elastic_address": "new",
        "placement_group": "near",
        "zones": ["a"],
        "volumes": [{**VOLUME, "name": "data"}, {**VOLUME, "name": "copy", "snapshot_id": snapshot}],
    }
    world.run(options=everything)
    more = {"ports": ["80"], "tags": {"a": "b"}, "volumes": [{**VOLUME, "name": "data", "size": 20}]}
    world.run(options={**everything, **more, "instance_type": ["t3.large"]}, allow_stop=True)
    everything |= {**more, "instance_type": ["t3.large"]}
    for state in ("stopped", "started", "restarted", "killed"):
        world.run(state, options=everything)
    world.run("gathered")
    world.run(options={**everything, "ports": [], "elastic_address": None})
    world.run("absent")
    world.run(options={"subnets": [subnet.id], "spot": "only"})
    world.run(options={"subnets": [subnet.id], "image": "ubuntu-24.04"}, recreate=True)
    world.run("absent")
    world.run(options={"vpc_id": subnet.vpc_id, "security_groups": [group]})
    world.run("absent")
    world.run(options={"volumes": [{**VOLUME, "name": "data"}]})
    world.run("absent")


def test_all_that_the_driver_does_is_allowed_and_no_more_is(ec2: Ec2Double, world: World) -> None:
    found: list[_policy.Asked] = []
    ec2.watch = lambda when, call: found.extend(_policy.asked(ec2, call) if ec2.policy and when == "before" else ())
    do_everything(ec2, world)
    asked = {(one.action, one.resource, *sorted(one.context)): one for one in found}.values()
    assert not [call.error for call in ec2.log if call.error.startswith(("Unauthorized", "AccessDenied"))]
    assert not ec2.alive()
    document = shipped()
    for number, statement in enumerate(document["Statement"]):
        for part in ("Action", "Resource"):
            for one in _policy.listed(statement[part]):
                less = copy.deepcopy(document)
                less["Statement"][number][part] = [other for other in _policy.listed(statement[part]) if other != one]
                of_these = [any(_policy.allows(it, each) for it in less["Statement"]) for each in asked]
                assert not all(of_these), f"nothing that was done needs {one} in {statement['Sid']}"


@pytest.mark.parametrize("sid", [one["Sid"] for one in shipped()["Statement"]])
def test_what_is_not_allowed_is_said(ec2: Ec2Double, world: World, sid: str) -> None:
    policy = {"Statement": [one for one in shipped()["Statement"] if one["Sid"] != sid]}
    ec2.policy = _policy.Policy(policy)
    before = len(ec2.log)
    with pytest.raises(MachineError) as caught:
        world.run(options={"image": "/aws/service/debian/release/13/latest/amd64", "elastic_address": "new"})
    assert "not authorized to perform" in caught.value.text() and caught.value.remedy.startswith("Fix the cause")
    refused = [call.action for call in ec2.log[before:] if call.error]
    assert len(refused) == 1, "it is not asked for again"
    if sid.startswith("Look"):
        assert not world.store.names() and not ec2.alive()


def test_what_is_not_ours_can_not_be_touched(ec2: Ec2Double, world: World) -> None:
    client = ec2.client("ec2")
    image = next(iter(ec2.backend().amis))
    machine = client.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small")["Instances"][0]
    id, group = machine["InstanceId"], client.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    volume = client.create_volume(AvailabilityZone=ZONE, Size=5)["VolumeId"]
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    world.run()
    ec2.policy = _policy.Policy(shipped())
    ours = [{"Key": "dockyard:store", "Value": world.store.id}]
    calls: list[t.Callable[[], t.Any]] = [
        lambda: client.terminate_instances(InstanceIds=[id]),
        lambda: client.terminate_instances(InstanceIds=[world.resources()["Instance"], id]),
        lambda: client.stop_instances(InstanceIds=[id]),
        lambda: client.start_instances(InstanceIds=[id]),
        lambda: client.reboot_instances(InstanceIds=[id]),
        lambda: client.modify_instance_attribute(InstanceId=id, InstanceType={"Value": "t3.large"}),
        lambda: client.attach_volume(InstanceId=id, VolumeId=volume, Device="/dev/sdf"),
        lambda: client.associate_address(InstanceId=id, AllocationId=address),
        lambda: client.delete_volume(VolumeId=volume),
        lambda: client.modify_volume(VolumeId=volume, Size=9),
        lambda: client.release_address(AllocationId=address),
        lambda: client.delete_security_group(GroupId=group),
        lambda: client.create_tags(Resources=[id], Tags=ours),  # else all of the above would be allowed by two calls
        lambda: client.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small"),
        lambda: client.create_volume(AvailabilityZone=ZONE, Size=5),
        lambda: client.allocate_address(Domain="vpc"),
        lambda: client.create_security_group(GroupName="other", Description="other"),
    ]
    for call in calls:
        with pytest.raises(botocore.exceptions.ClientError, match="UnauthorizedOperation"):
            call()
    assert [one.state for one in ec2.backend().all_instances()] == ["running", "running"]
