# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import boto3.session
import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _ssh, driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Wish, gather
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._adopt import Adopter
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._survey import Survey
from ansible_collections.dockyard.machine.plugins.module_utils._plan import Recipe
from ansible_collections.dockyard.machine.plugins.modules import amazonec2
from tests.contract import World
from tests.doubles.ec2 import Ec2Double, Fault
from tests.model.clock import Clock

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[4]
REGION = "eu-central-1"
VOLUME = {"type": "gp3", "size": 16, **dict.fromkeys(("id", "iops", "throughput", "snapshot_id", "device"))}
READS = ("Describe*", "Get*")
OURS = {"store", "id", "machine", "kind", "generation", "attempt"}


ask_for_own_address = amazonec2.own_address


def own_address(service: str) -> str:
    return "192.0.2.9/32"


@pytest.fixture(autouse=True)
def controller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody on the net is asked for the address, and no credentials are found but ours."""
    monkeypatch.setattr(amazonec2, "own_address", own_address)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture()
def clock() -> Clock:
    return Clock()


@pytest.fixture()
def ec2(clock: Clock) -> Ec2Double:
    double = Ec2Double(clock.time)
    double.pending = 3
    return double


@pytest.fixture()
def world(ec2: Ec2Double, clock: Clock, tmp_path: pathlib.Path) -> World:
    it = World(
        "dockyard.machine.amazonec2",
        ec2.driver(),
        {"region": REGION},
        calls=ec2.calls,
        alive=ec2.alive,
        folder=tmp_path,
        clock=clock,
    )
    it.store.create()
    return it


def instance(ec2: Ec2Double, world: World) -> dict[str, t.Any]:
    """The machine as the provider shows it."""
    id = world.resources()["Instance"]
    return ec2.client("ec2").describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


def changes(ec2: Ec2Double, since: int = 0) -> list[str]:
    return [call for call in ec2.calls(since) if not any(fnmatch.fnmatchcase(call, read) for read in READS)]


def asked(ec2: Ec2Double, action: str = "RunInstances") -> list[dict[str, str]]:
    return [call.params for call in ec2.log if call.action == action]


def tags(raw: dict[str, t.Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])}


# On paper


def on_paper(ec2: Ec2Double, kept: dict[str, t.Any] | None = None, **options: t.Any) -> Recipe:
    values = {name: one.get("default") for name, one in amazonec2.AmazonEC2.argument_spec.items()}
    values.update({"region": REGION, **options})
    it = ec2.driver()(values)
    it.client = it.connect()
    recipe = Recipe("web1", values, {}, kept, public_key=lambda: "ssh-ed25519 AAAA")
    it.recipe(recipe)
    return recipe


def test_the_default_machine(ec2: Ec2Double) -> None:
    group, machine = on_paper(ec2).wants
    rules = [{"protocol": "tcp", "from": port, "to": port, "source": "192.0.2.9/32"} for port in (22, 2376)]
    assert (group.key, group.requests) == ("SecurityGroup", [{"vpc": None, "rules": rules, "tags": {}}])
    assert machine.requests == [
        {
            "ImageId": machine.requests[0]["ImageId"],
            "InstanceType": "t3.small",
            "UserData": {"$user_data": ""},
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {"VolumeSize": 16, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
                }
            ],
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "Monitoring": {"Enabled": False},
            "EbsOptimized": False,
            "groups": [{"$of": "SecurityGroup", "fact": "id"}],
            "volumes": {},
            "tags": {"dockyard-connect": "public:22"},
            "interface": {"AssociatePublicIpAddress": True},
        }
    ]


@pytest.mark.parametrize(
    ("image", "architecture", "name"),
    [
        ("debian-13", "x86_64", "debian-13-amd64-20261102-2250"),
        ("debian-12", "arm64", "debian-12-arm64-20261012-2241"),
        ("ubuntu-24.04", "x86_64", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261104"),
        ("ubuntu-26.04", "arm64", "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-arm64-server-20261106"),
        ("099720109477:*-22.04-*", "x86_64", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20261015"),
        ("/aws/service/debian/release/13/latest/amd64", "x86_64", "debian-13-amd64-20261102-2250"),
        ("/aws/service/debian/release/13/latest/amd64:3", "x86_64", "debian-13-amd64-20261102-2250"),
        ("/aws/service/debian/release/13/latest/amd64:stable", "x86_64", "debian-13-amd64-20261102-2250"),
    ],
)
def test_the_newest_image_of_its_publisher_is_found(ec2: Ec2Double, image: str, architecture: str, name: str) -> None:
    """Not that of a stranger who gave his own the same name."""
    found = on_paper(ec2, image=image, architecture=architecture).wants[-1].requests[0]
    assert ec2.backend().amis[found["ImageId"]].name == name
    assert found["BlockDeviceMappings"][0]["DeviceName"] == ("/dev/xvda" if "debian" in name else "/dev/sda1")
    by_id = on_paper(ec2, image=found["ImageId"], architecture=architecture).wants[-1].requests[0]
    assert by_id["ImageId"] == found["ImageId"]


@pytest.mark.parametrize("parameter", ["/aws/nowhere", "/aws/service/debian/release/13/latest/amd64:2"])
def test_a_parameter_that_there_is_not_is_named(ec2: Ec2Double, world: World, parameter: str) -> None:
    with pytest.raises(MachineError) as caught:
        world.run(options={"image": parameter})
    assert "Parameter" in caught.value.text() and "options" in caught.value.remedy
    assert ec2.calls() == ["GetParameter"] and not world.store.names(), "it is not asked for again and again"


@pytest.mark.parametrize("by", ["pattern", "id", "parameter"])
def test_all_volumes_of_an_image_go_with_the_machine(ec2: Ec2Double, world: World, by: str) -> None:
    """Those besides the root are the image's to keep, and bear nothing by which anybody would miss them."""
    id = next(one.id for one in ec2.backend().amis.values() if one.name == "appliance-amd64-20261110")
    image = {"pattern": "123456789012:appliance-*", "id": id, "parameter": "/shop/images/appliance:3"}[by]
    options = {"image": image, "volumes": [{**VOLUME, "name": "data"}], "zones": ["a"]}
    world.run(options=options)
    assert not world.run(options=options).changed
    machine = instance(ec2, world)
    devices = {one["DeviceName"]: one["Ebs"] for one in machine["BlockDeviceMappings"]}
    assert set(devices) == {"/dev/sda1", "/dev/sdf", "/dev/sdg", "/dev/sdh"}, "ours has none of the image's"
    assert devices["/dev/sdh"]["VolumeId"] == world.resources()["Volume/data"]
    backend = ec2.backend()
    assert {backend.volumes[devices[name]["VolumeId"]].size for name in ("/dev/sdf", "/dev/sdg")} == {40, 50}
    assert all(backend.volumes[one["VolumeId"]].encrypted for one in devices.values())
    assert len(ec2.alive()) == 6
    world.run("absent")
    assert not ec2.alive() and not backend.volumes


def test_encryption_is_not_taken_from_the_volumes_of_an_image(ec2: Ec2Double, world: World) -> None:
    """EC2 refuses to, where the snapshot is encrypted."""
    world.run(options={"image": "123456789012:appliance-*", "encrypted": False})
    sent = asked(ec2)[0]
    assert sent["BlockDeviceMapping.1.Ebs.Encrypted"] == "false"
    further = {key: value for key, value in sent.items() if key.startswith("BlockDeviceMapping.2")}
    assert further == {
        "BlockDeviceMapping.2.DeviceName": "/dev/sdf",
        "BlockDeviceMapping.2.Ebs.DeleteOnTermination": "true",
    }


def test_a_newer_image_is_no_change(ec2: Ec2Double, world: World) -> None:
    world.run()
    backend = ec2.backend()
    newest = backend.amis[instance(ec2, world)["ImageId"]]
    newest.state = "deregistered"
    assert not world.run().changed


@pytest.mark.parametrize(
    ("options", "option", "said"),
    [
        ({"image": "debian-99"}, "image", "'debian-99' was not found in eu-central-1"),
        ({"ports": ["http"]}, "ports", "is not a valid port"),
        ({"ports": ["80-22"]}, "ports", "is not a valid port"),
        ({"ports": ["70000"]}, "ports", "is not a valid port"),
        ({"open_to": ["192.0.2.7/24"]}, "open_to", "is not a valid network"),
        ({"ports": ["80"], "ports_open_to": ["all"]}, "ports_open_to", "is not a valid network"),
        ({"tags": {"dockyard:store": "mine"}}, "tags", "'dockyard:store' uses a reserved prefix"),
        ({"public_address": False, "connect_by": "public"}, "connect_by", "the machine will not have an address"),
        ({"connect_by": "ipv6"}, "connect_by", "the machine will not have an address"),
        ({"subnets": ["subnet-nowhere"]}, "subnets", "was not found in"),
        ({"vpc_id": "vpc-nowhere"}, "subnets", "was not found in vpc-nowhere"),
        (
            {"volumes": [{**VOLUME, "name": name, "device": "/dev/sdf"} for name in "ab"]},
            "volumes",
            "is given twice",
        ),
        ({"volumes": [{**VOLUME, "name": f"v{number}"} for number in range(12)]}, "volumes", "'v11' names no device"),
        (
            {"image": "123456789012:appliance-*", "volumes": [{**VOLUME, "name": "a", "device": "/dev/sdg"}]},
            "volumes",
            "is a volume of the image",
        ),
        ({"ipv6": True, "connect_by": "ipv6"}, "open_to", "allows no IPv6 address, but connect_by is ipv6"),
        ({"ipv6": True, "connect_by": "ipv6", "open_to": ["10.0.0.0/8"]}, "open_to", "allows no IPv6 address"),
        ({"open_to": ["2001:db8::/32"]}, "open_to", "allows no IPv4 address, but connect_by is public"),
    ],
)
def test_bad_input_is_named_and_makes_nothing(
    ec2: Ec2Double, world: World, options: dict[str, t.Any], option: str, said: str
) -> None:
    with pytest.raises(BadOption) as caught:
        world.run(options=options)
    assert caught.value.option == option
    assert said in caught.value.text() and caught.value.remedy
    assert not changes(ec2) and not world.store.names()


def test_the_region_may_come_from_the_environment() -> None:
    fallback = amazonec2.AmazonEC2.argument_spec["region"]["fallback"]
    assert fallback[1] == ["AWS_REGION", "AWS_DEFAULT_REGION"]


# A create


def test_a_create_is_five_calls_and_polls(ec2: Ec2Double, world: World) -> None:
    outcome = world.run()
    polls = ("DescribeInstances", "DescribeSecurityGroups")
    assert [call for call in ec2.calls() if call not in polls] == [
        "DescribeImages",
        "GetCallerIdentity",
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "RunInstances",
    ]
    assert outcome.machine["state"] == "running"
    assert outcome.machine["address"] == "127.0.0.1"
    assert outcome.machine["account"] == "123456789012"


def test_a_check_is_two_calls(ec2: Ec2Double, world: World) -> None:
    """They are what create_hosts needs besides, for each new machine."""
    world.run(check=True)
    assert ec2.calls() == ["DescribeImages", "GetCallerIdentity"]


def test_all_that_is_made_bears_our_tags_from_the_call_that_makes_it(ec2: Ec2Double, world: World) -> None:
    world.run(options={"tags": {"team": "web"}, "elastic_address": "new", "volumes": [{**VOLUME, "name": "data"}]})
    assert not asked(ec2, "CreateTags")
    record = world.store.read("web1")
    kinds = sorted(one["tags"]["kind"] for one in ec2.alive(world.store.id, record.id))
    assert kinds == ["Address", "Instance", "Instance", "SecurityGroup", "Volume/data"]  # the root volume, too
    machine = instance(ec2, world)
    said = tags(machine)
    assert {name.partition(":")[2] for name in said if name.startswith("dockyard:")} == OURS
    assert (said["Name"], said["team"], said["dockyard:kind"]) == ("web1", "web", "Instance")
    kinds = {key: value for key, value in asked(ec2)[0].items() if key.endswith(".ResourceType")}
    assert sorted(kinds.values()) == ["instance", "network-interface", "volume"]


def test_our_tag_may_have_been_edited(ec2: Ec2Double, world: World) -> None:
    world.run()
    id = world.resources()["Instance"]
    for value in ("private", "by:pigeon", ""):
        ec2.client("ec2").create_tags(Resources=[id], Tags=[{"Key": amazonec2.CONNECT, "Value": value}])
        assert world.run("gathered")
    world.run("absent")
    assert not ec2.alive()


def test_other_types_are_compared_with_the_zone_that_was_taken(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["c7i.large/*"]
    world.run(options={"zones": ["a", "b"], "instance_type": ["c7i.large", "t3.small"]})
    with pytest.raises(MachineError) as caught:
        world.run(options={"zones": ["a", "b"], "instance_type": ["t3.large"]})
    assert caught.value.code == "needs_stop"


def test_tags_may_be_numbers(ec2: Ec2Double, world: World) -> None:
    options = {"tags": {"cost": 42, "backup": True}, "volumes": [{**VOLUME, "name": "data"}]}
    options["elastic_address"] = "new"
    world.run(options=options)
    assert {"cost": "42", "backup": "True"}.items() <= tags(instance(ec2, world)).items()
    assert not world.run(options=options).changed


def test_nobody_else_may_enter(ec2: Ec2Double, world: World) -> None:
    world.run(options={"ports": ["80", "53/udp", "8000-8010"], "ports_open_to": ["0.0.0.0/0", "2001:db8::/32"]})
    group = ec2.client("ec2").describe_security_groups(GroupIds=[world.resources()["SecurityGroup"]])
    rules = amazonec2.rules_of(group["SecurityGroups"][0])
    own = {(rule["from"], rule["protocol"]) for rule in rules if rule["source"] == "192.0.2.9/32"}
    assert own == {(22, "tcp"), (2376, "tcp")}
    further = {
        (rule["protocol"], rule["from"], rule["to"], rule["source"]) for rule in rules if rule["from"] not in (22, 2376)
    }
    ports = [("tcp", 80, 80), ("udp", 53, 53), ("tcp", 8000, 8010)]
    assert further == {(*port, source) for port in ports for source in ("0.0.0.0/0", "2001:db8::/32")}


def test_the_login_comes_by_user_data(ec2: Ec2Double, world: World) -> None:
    world.run(options={"user_data": "#!/bin/sh\necho mine"})
    sent = base64.b64decode(asked(ec2)[0]["UserData"]).decode()
    assert "echo mine" in sent and '"name": "admin"' in sent and "BEGIN OPENSSH PRIVATE KEY" in sent
    assert "KeyName" not in asked(ec2)[0]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"zones": ["b"]}, {"Placement.AvailabilityZone": "eu-central-1b"}),
        ({"zones": ["eu-central-1c"]}, {"Placement.AvailabilityZone": "eu-central-1c"}),
        ({"instance_type": ["c7i.large"]}, {"InstanceType": "c7i.large"}),
        (
            {"root_size": 40, "root_type": "gp3", "root_iops": 4000, "encrypted": False},
            {
                "BlockDeviceMapping.1.Ebs.VolumeSize": "40",
                "BlockDeviceMapping.1.Ebs.VolumeType": "gp3",
                "BlockDeviceMapping.1.Ebs.Iops": "4000",
                "BlockDeviceMapping.1.Ebs.Encrypted": "false",
            },
        ),
        (
            {"root_throughput": 250, "kms_key_id": "alias/mine"},
            {"BlockDeviceMapping.1.Ebs.Throughput": "250", "BlockDeviceMapping.1.Ebs.KmsKeyId": "alias/mine"},
        ),
        (
            {"spot": "only", "spot_price": "0.02"},
            {
                "InstanceMarketOptions.MarketType": "spot",
                "InstanceMarketOptions.SpotOptions.MaxPrice": "0.02",
                "InstanceMarketOptions.SpotOptions.SpotInstanceType": "one-time",
            },
        ),
        ({"public_address": False}, {"NetworkInterface.1.AssociatePublicIpAddress": "false"}),
        ({"ipv6": True}, {"NetworkInterface.1.Ipv6AddressCount": "1"}),
        (
            {"metadata_tokens": "optional", "metadata_hop_limit": 2},
            {"MetadataOptions.HttpTokens": "optional", "MetadataOptions.HttpPutResponseHopLimit": "2"},
        ),
        ({"monitoring": True, "ebs_optimized": True}, {"Monitoring.Enabled": "true", "EbsOptimized": "true"}),
        (
            {"tenancy": "dedicated", "placement_group": "near"},
            {"Placement.Tenancy": "dedicated", "Placement.GroupName": "near"},
        ),
    ],
)
def test_an_option_reaches_the_provider(
    ec2: Ec2Double, world: World, options: dict[str, t.Any], sent: dict[str, str]
) -> None:
    world.run(options=options)
    assert sent.items() <= asked(ec2)[0].items()
    assert not world.run(options=options).changed


@pytest.mark.parametrize("form", ["Name", "Arn"])
def test_an_instance_profile_is_given_by_name_or_arn(ec2: Ec2Double, form: str) -> None:
    value = {"Name": "runner", "Arn": "arn:aws:iam::123456789012:instance-profile/runner"}[form]
    request = on_paper(ec2, iam_profile=value).wants[-1].requests[0]
    assert request["IamInstanceProfile"] == {form: value}


def test_the_address_that_is_connected_by(ec2: Ec2Double, world: World) -> None:
    private = world.run(options={"public_address": False}).machine
    assert private["address"] == instance(ec2, world)["PrivateIpAddress"]
    world.run("absent")
    both = world.run(options={"connect_by": "private", "ssh_port": 2022}).machine
    assert both["address"] == instance(ec2, world)["PrivateIpAddress"] != "127.0.0.1"
    assert both["host_vars"]["ansible_port"] == 2022
    assert world.run().machine["address"] == "127.0.0.1", "it can be changed"
    assert world.run("gathered")["address"] == "127.0.0.1"


@pytest.mark.parametrize("source", ["2001:db8::/32", "pl-01234567", "sg-01234567"])
def test_by_ipv6_it_is_open_to_who_may_have_such_an_address(ec2: Ec2Double, source: str) -> None:
    group = on_paper(ec2, ipv6=True, connect_by="ipv6", open_to=["10.0.0.0/8", source]).wants[0].requests[0]
    assert source in [rule["source"] for rule in group["rules"]]


def test_by_ipv6_it_is_open_to_the_controller_if_it_is_asked_for_its_address_so(
    ec2: Ec2Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own_address(service: str) -> str:
        return "2001:db8::7/128"

    monkeypatch.setattr(amazonec2, "own_address", own_address)
    group = on_paper(ec2, ipv6=True, connect_by="ipv6").wants[0].requests[0]
    assert {rule["source"] for rule in group["rules"]} == {"2001:db8::7/128"}


def test_the_own_address_is_asked_for(ec2: Ec2Double) -> None:
    with ec2.serve():
        assert ask_for_own_address(ec2.url) == "127.0.0.1/32"


def test_the_driver_is_cheap_to_load() -> None:
    """Actions load it once for each machine."""
    code = (
        f"import sys; from {amazonec2.__name__} import AmazonEC2; print('boto3' in sys.modules, 'ssl' in sys.modules)"
    )
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


# Networks that exist


def subnets(ec2: Ec2Double) -> list[t.Any]:
    return sorted(ec2.backend().describe_subnets(), key=lambda one: one.availability_zone)


def test_subnets_say_network_and_zone(ec2: Ec2Double, world: World) -> None:
    a, b, _c = subnets(ec2)
    ec2.full = ["*/eu-central-1b/*"]
    world.run(options={"subnets": [b.id, a.id]})
    assert [call["NetworkInterface.1.SubnetId"] for call in asked(ec2)] == [b.id, a.id]
    assert asked(ec2, "CreateSecurityGroup")[0]["VpcId"] == a.vpc_id
    assert instance(ec2, world)["SubnetId"] == a.id


def test_a_network_finds_its_subnets(ec2: Ec2Double, world: World) -> None:
    a, _b, c = subnets(ec2)
    world.run(options={"vpc_id": a.vpc_id, "zones": ["c", "a"]})
    assert asked(ec2)[0]["NetworkInterface.1.SubnetId"] == c.id


def test_subnets_of_two_networks_are_refused(ec2: Ec2Double, world: World) -> None:
    client = ec2.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = client.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(BadOption, match="several networks"):
        world.run(options={"subnets": [subnets(ec2)[0].id, other]})


def test_a_machine_is_made_where_the_users_volume_is(ec2: Ec2Double, world: World) -> None:
    volume = ec2.client("ec2").create_volume(AvailabilityZone=f"{REGION}b", Size=5)["VolumeId"]
    volumes = [{**VOLUME, "name": "new"}, {**VOLUME, "name": "old", "id": volume}]
    world.run(options={"volumes": volumes})
    assert instance(ec2, world)["Placement"]["AvailabilityZone"] == f"{REGION}b"
    assert not world.run(options={"volumes": volumes}).changed
    world.run(options={"zones": ["c", "b"], "volumes": volumes}, name="web2", check=True)


def test_volumes_where_no_machine_can_be_are_refused_before_anything_is_made(ec2: Ec2Double, world: World) -> None:
    client = ec2.client("ec2")
    ids = [client.create_volume(AvailabilityZone=f"{REGION}{zone}", Size=5)["VolumeId"] for zone in "ab"]
    volumes = [{**VOLUME, "name": f"v{number}", "id": id} for number, id in enumerate(ids)]
    before = len(ec2.log)
    with pytest.raises(BadOption, match=f"are in {REGION}a and {REGION}b"):
        world.run(options={"volumes": volumes})
    with pytest.raises(BadOption, match=f"are in {REGION}b, where"):
        world.run(options={"volumes": volumes[1:], "zones": ["a"]})
    assert changes(ec2, before) == []


def test_what_is_the_users_is_used_and_never_touched(ec2: Ec2Double, world: World) -> None:
    client = ec2.client("ec2")
    group = client.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    client.create_key_pair(KeyName="mine", KeyType="ed25519")
    volume = client.create_volume(AvailabilityZone=f"{REGION}b", Size=5)["VolumeId"]
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    before = len(ec2.log)
    options = {
        "security_groups": [group],
        "key_name": "mine",
        "zones": ["b"],
        "elastic_address": address,
        "volumes": [{**VOLUME, "name": "old", "id": volume, "device": "/dev/sdz"}],
    }
    made = world.run(options=options)
    assert changes(ec2, before) == ["RunInstances", "AttachVolume", "AssociateAddress"]
    machine = instance(ec2, world)
    assert machine["KeyName"] == "mine"
    assert [one["GroupId"] for one in machine["NetworkInterfaces"][0]["Groups"]] == [group]
    assert "/dev/sdz" in [one["DeviceName"] for one in machine["BlockDeviceMappings"]]
    assert made.machine["address"] == client.describe_addresses(AllocationIds=[address])["Addresses"][0]["PublicIp"]
    assert not world.run(options=options).changed
    before = len(ec2.log)
    world.run("absent")
    assert set(changes(ec2, before)) == {"DisassociateAddress", "TerminateInstances"}
    assert client.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert client.describe_key_pairs(KeyNames=["mine"])["KeyPairs"]
    assert client.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"
    assert client.describe_addresses(AllocationIds=[address])["Addresses"]


@pytest.mark.parametrize(
    "options", [{"key_name": "none"}, {"security_groups": ["sg-0"]}, {"elastic_address": "eipalloc-0"}]
)
def test_what_the_user_names_must_exist(ec2: Ec2Double, world: World, options: dict[str, t.Any]) -> None:
    with pytest.raises(MachineError) as caught:
        world.run(options=options)
    assert caught.value.code == "missing"
    assert not changes(ec2) and not world.store.names()


# Falling back


def test_zones_and_types_are_tried_in_turn(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["t3.small/*", "t3.large/eu-central-1a/*"]
    world.run(options={"zones": ["a", "b"], "instance_type": ["t3.small", "t3.large"]})
    tried = [(call["InstanceType"], call["Placement.AvailabilityZone"][-1]) for call in asked(ec2)]
    assert tried == [("t3.small", "a"), ("t3.small", "b"), ("t3.large", "a"), ("t3.large", "b")]
    assert len({call["ClientToken"] for call in asked(ec2)}) == 4, "each a try of its own"
    assert not world.run(options={"zones": ["a", "b"], "instance_type": ["t3.small", "t3.large"]}).changed


@pytest.mark.parametrize("volumes", [[], [{**VOLUME, "name": "data"}]])  # the latter are of a zone, and move with it
def test_zones_and_types_are_tried_again_from_any_on(
    ec2: Ec2Double, world: World, volumes: list[dict[str, t.Any]]
) -> None:
    options = {"zones": ["a", "b", "c"], "instance_type": ["t3.small", "t3.large"], "volumes": volumes}
    ec2.full = ["*"]
    for _run in range(2):
        before = len(asked(ec2))
        with pytest.raises(MachineError, match="no capacity") as caught:
            world.run(options=options)
        assert "run again to try them all once more" in caught.value.text()
        tried = {(call["InstanceType"], call["Placement.AvailabilityZone"][-1]) for call in asked(ec2)[before:]}
        assert len(asked(ec2)) - before == len(tried) == 6, "each, and once"
    ec2.full = ["*/eu-central-1b/*", "*/eu-central-1c/*"]
    world.run(options=options)
    assert instance(ec2, world)["Placement"]["AvailabilityZone"] == f"{REGION}a"
    assert not world.run(options=options).changed


def test_spot_falls_back_to_on_demand(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["*/*/spot"]
    world.run(options={"spot": "prefer", "zones": ["a", "b"]})
    assert ["InstanceMarketOptions.MarketType" in call for call in asked(ec2)] == [True, True, False]


def test_want_of_capacity_told_after_the_call_is_no_end(ec2: Ec2Double, world: World) -> None:
    ec2.full_later = ["*/eu-central-1a/*"]
    world.run(options={"zones": ["a", "b"]})
    assert instance(ec2, world)["Placement"]["AvailabilityZone"] == f"{REGION}b"
    assert len(asked(ec2)) == 2


def test_nothing_is_left_where_there_is_no_capacity(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["*"]
    with pytest.raises(MachineError) as caught:
        world.run(options={"zones": ["a", "b"]}, on_failure="remove")
    assert caught.value.code == "full" and "no capacity for t3.small" in caught.value.text()
    assert not ec2.alive() and not world.store.names()


def test_a_volume_moves_with_the_zone(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["*/eu-central-1a/*"]
    options = {"volumes": [{**VOLUME, "name": "data"}]}
    world.run(options=options)
    volume = ec2.backend().volumes[world.resources()["Volume/data"]]
    assert volume.availability_zone == instance(ec2, world)["Placement"]["AvailabilityZone"] == f"{REGION}b"
    assert [call["AvailabilityZone"][-1] for call in asked(ec2, "CreateVolume")] == ["a", "b"]
    assert len(ec2.alive()) == 4, "none is left in the other zone"
    world.run("absent")
    assert not ec2.alive()


def test_an_adopted_machine_stays_in_the_zone_of_its_volumes(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["*/eu-central-1a/*"]
    options = {"volumes": [{**VOLUME, "name": "data"}]}
    world.run(options=options)
    ec2.full, former, wish = [], world.store.id, dataclasses.replace(world.last.task.wish, name="")
    shutil.rmtree(world.store.path)
    assert Adopter(Survey(world.driver, world.store, wish, world.clock), (), former).run()["adopted"]
    world.run(options=options)
    ec2.client("ec2").terminate_instances(InstanceIds=[world.resources()["Instance"]])
    world.clock.now += 60
    world.run(options=options)
    assert instance(ec2, world)["Placement"]["AvailabilityZone"] == f"{REGION}b"


# Tokens


def real(world: World) -> World:
    """The driver as it is shipped, with the SDK's own session."""
    amazonec2.client.cache_clear()
    amazonec2.session.cache_clear()
    world.driver = amazonec2.AmazonEC2
    return world


def test_the_token_is_ours_in_each_repetition(ec2: Ec2Double, world: World) -> None:
    """The SDK would make up another one for each call."""
    ec2.faults.append(Fault("RunInstances", after=True, how="timeout", times=6))
    with ec2.in_process():
        with pytest.raises(MachineError) as caught:
            real(world).run()
        world.run()
    assert "isn't known whether" in caught.value.text()
    tokens = [call["ClientToken"] for call in asked(ec2)]
    assert len(tokens) == 7 and len(set(tokens)) == 1
    assert [one["tags"]["kind"] for one in ec2.alive()].count("Instance") == 2  # it, and its root volume


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "InternalError"},
        {"code": "UnknownError"},  # which would be a refusal, were its status another
        {"code": "RequestLimitExceeded", "status": 503},
        {"code": "Unavailable", "status": 503},
        {"how": "html", "status": 504},
        {"how": "reset"},
    ],
)
def test_an_address_that_was_allocated_all_the_same_is_not_allocated_again(
    ec2: Ec2Double, world: World, fault: dict[str, t.Any]
) -> None:
    ec2.lag = ec2.read_lag = 8
    ec2.faults = [Fault("AllocateAddress", after=True, times=3, **fault)]
    world.run(options={"elastic_address": "new"})
    assert len(ec2.backend().addresses) == len(asked(ec2, "AllocateAddress")) == 1
    assert not world.run(options={"elastic_address": "new"}).changed


@pytest.mark.parametrize("action", ["CreateVolume", "RunInstances"])
def test_what_a_killed_run_made_is_found_when_its_token_is_forgotten(ec2: Ec2Double, world: World, action: str) -> None:
    """EC2 keeps a token for some time only: whoever comes later and repeats the call makes another one."""

    class Killed(BaseException):
        pass

    def kill(when: str, call: t.Any) -> None:
        if (when, call.action) == ("after", action):
            ec2.watch = lambda when, call: None
            raise Killed

    options = {"zones": ["a"], "volumes": [{**VOLUME, "name": "data"}]}
    ec2.token_life, ec2.lag, ec2.watch = 3600, 9.9, kill
    with pytest.raises(Killed):
        world.run(options=options)
    world.clock.sleep(3700)
    if action == "CreateVolume":
        (volume,) = ec2.backend().volumes
        with pytest.raises(MachineError, match=f"Volume {volume} has the tags of web1, and it is not known"):
            world.run(options=options)
        ec2.client("ec2").delete_volume(VolumeId=volume)  # a person looked
    assert world.run(options=options).changed
    assert len(asked(ec2, action)) == 1 + (action == "CreateVolume"), "what is there need not be asked for again"
    assert len(ec2.backend().all_instances()) == 1 and len(ec2.backend().volumes) == 2
    assert len(ec2.alive()) == 4
    assert not world.run(options=options).changed


def test_another_attempt_has_another_token(ec2: Ec2Double, world: World) -> None:
    """A terminated instance would answer the former one."""
    world.run()
    first = instance(ec2, world)["InstanceId"]
    ec2.client("ec2").terminate_instances(InstanceIds=[first])
    world.clock.sleep(60)
    outcome = world.run()
    assert outcome.changed and instance(ec2, world)["InstanceId"] != first
    assert len({call["ClientToken"] for call in asked(ec2)}) == 2


def test_what_was_made_is_found_though_its_user_data_are_others_now(ec2: Ec2Double, world: World) -> None:
    ec2.faults.append(Fault("RunInstances", after=True, how="timeout", times=5))
    with pytest.raises(MachineError):
        world.run(options={"user_data": "#!/bin/sh\n# one"})
    with pytest.raises(MachineError) as caught:  # user data are no part of the record: now they are others
        world.run(options={"user_data": "#!/bin/sh\n# two"})
    assert caught.value.code == "drift"
    assert len({call["UserData"] for call in asked(ec2)}) == 1
    assert len([one for one in ec2.backend().all_instances() if one.state == "running"]) == 1


@pytest.mark.parametrize("how", ["timeout", "reset", "unreachable", "html", "error"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances"])
def test_an_answer_that_is_lost_makes_nothing_twice(
    ec2: Ec2Double, world: World, action: str, after: bool, how: str
) -> None:
    ec2.lag = 5
    fault = Fault(action, "ServiceUnavailable", 503, after=after, how=how)
    ec2.faults.append(fault)
    world.run()
    assert fault.fired == 1
    assert len(ec2.alive()) == 3


@pytest.mark.parametrize("action", ["RebootInstances", "StopInstances", "RunInstances", "DescribeImages"])
def test_a_page_that_says_that_all_is_well_is_no_answer(ec2: Ec2Double, world: World, action: str) -> None:
    """By a portal or a proxy: nobody would read from a state whether a machine was restarted."""
    fault = Fault(action, how="html", status=200)
    if action == "RunInstances":
        ec2.faults.append(fault)
    world.run()
    if fault not in ec2.faults:
        ec2.faults.append(fault)
    world.run("restarted")
    world.run("stopped")
    world.run(name="web2")
    errors = [call.error for call in ec2.log if call.action == action]
    assert errors.count("html") == 1 and errors[errors.index("html") + 1] == "", "it is asked for again"
    assert len(ec2.backend().all_instances()) == 2
    assert len([one for one in ec2.alive() if one["tags"]["kind"] == "SecurityGroup"]) == 2


@pytest.mark.parametrize(
    "options", [{}, {"subnets": ["SUBNET"]}, {"vpc_id": "VPC"}, {"volumes": [{**VOLUME, "name": "a"}]}]
)
@pytest.mark.parametrize("look", ["DescribeImages", "DescribeSubnets", "DescribeAvailabilityZones"])
def test_what_is_looked_up_in_vain_stops_before_anything_is_made(
    ec2: Ec2Double, world: World, monkeypatch: pytest.MonkeyPatch, options: dict[str, t.Any], look: str
) -> None:
    """A list that is empty for once: it fails in order, and the next run finds all as it is."""
    subnet = subnets(ec2)[0]
    named = {"SUBNET": subnet.id, "VPC": subnet.vpc_id}
    options = json.loads(json.dumps(options).replace("SUBNET", named["SUBNET"]).replace("VPC", named["VPC"]))
    serve, emptied = ec2._serve, []

    def once_empty(call: t.Any, headers: t.Any) -> t.Any:
        status, more, body = serve(call, headers)
        if call.action == look and not emptied:
            emptied.append(call)
            body = re.sub(rb"<(imagesSet|subnetSet|availabilityZoneInfo)>.*</\1>", rb"<\1/>", body, flags=re.S)
        return status, more, body

    monkeypatch.setattr(ec2, "_serve", once_empty)
    try:
        world.run(options=options)
        assert not emptied
    except MachineError as error:
        assert emptied and error.remedy and "list index" not in error.text() and "max()" not in error.text()
        assert not changes(ec2) and not world.store.names()
        world.run(options=options)
    assert len(asked(ec2)) == 1


def test_throttling_is_waited_for(ec2: Ec2Double, world: World) -> None:
    fault = Fault("*Instances", "RequestLimitExceeded", 503, times=4, headers={"Retry-After": "7"})
    ec2.faults.append(fault)
    before = world.clock.time()
    world.run()
    assert fault.fired == 4
    assert world.clock.time() - before > 4 * 7


# Power and changes


def test_power(ec2: Ec2Double, world: World) -> None:
    world.run()
    assert world.run("stopped").machine["state"] == "stopped"
    assert world.run("started").machine["state"] == "running"
    before = len(ec2.log)
    assert world.run("restarted").changed
    assert changes(ec2, before) == ["RebootInstances"]
    assert world.run("killed").machine["state"] == "stopped"
    assert asked(ec2, "StopInstances")[-1]["Force"] == "true"


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "RequestLimitExceeded", "status": 503, "times": 4},
        {"code": "InvalidInstanceID.NotFound", "status": 400},
        {"how": "timeout"},
        {"how": "timeout", "after": True},
    ],
)
def test_a_restart_is_one(ec2: Ec2Double, world: World, fault: dict[str, t.Any]) -> None:
    """No state tells of it, so it is asked for until EC2 says that it was done."""
    world.run()
    ec2.faults.append(Fault("RebootInstances", **fault))
    assert world.run("restarted").changed
    errors = [call.error for call in ec2.log if call.action == "RebootInstances"]
    assert len(errors) == fault.get("times", 1) + 1 and errors[-1] == ""


def test_a_restart_that_was_none_is_told(ec2: Ec2Double, world: World) -> None:
    world.run()
    ec2.faults.append(Fault("RebootInstances", how="unreachable", times=-1))
    with pytest.raises(MachineError, match="Instance.restart"):
        world.run("restarted")
    assert len(asked(ec2, "RebootInstances")) == 5


def test_a_spot_instance_says_that_it_cannot_be_stopped(ec2: Ec2Double, world: World) -> None:
    world.run(options={"spot": "only"})
    with pytest.raises(MachineError) as caught:
        world.run("stopped")
    assert caught.value.code == "refused" and "Spot" in caught.value.text()


def test_the_type_changes_while_it_is_stopped(ec2: Ec2Double, world: World) -> None:
    world.run()
    with pytest.raises(MachineError) as caught:
        world.run(options={"instance_type": ["t3.large"]})
    assert caught.value.code == "needs_stop"
    before = len(ec2.log)
    outcome = world.run(options={"instance_type": ["t3.large"]}, allow_stop=True)
    assert outcome.machine["state"] == "running"
    assert changes(ec2, before) == ["StopInstances", "ModifyInstanceAttribute", "StartInstances"]
    assert instance(ec2, world)["InstanceType"] == "t3.large"


def test_a_type_that_is_among_the_wanted_is_no_change(ec2: Ec2Double, world: World) -> None:
    ec2.full = ["t3.small/*"]
    world.run(options={"instance_type": ["t3.small", "t3.large"], "zones": ["a"]})
    for types in (["t3.large", "t3.small"], ["t3.large"], ["c7i.large", "t3.medium", "t3.large"]):
        before = len(ec2.log)
        world.run(options={"instance_type": types, "zones": ["b", "a"]})
        assert not changes(ec2, before)


def test_ports_open_and_close(ec2: Ec2Double, world: World) -> None:
    world.run(options={"ports": ["80"]})
    before = len(ec2.log)
    world.run(options={"ports": ["443"]})
    assert changes(ec2, before) == ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
    group = ec2.client("ec2").describe_security_groups(GroupIds=[world.resources()["SecurityGroup"]])
    assert {rule["from"] for rule in amazonec2.rules_of(group["SecurityGroups"][0])} == {22, 2376, 443}


def test_a_rule_that_others_have_added_is_closed_again(ec2: Ec2Double, world: World) -> None:
    world.run()
    group = world.resources()["SecurityGroup"]
    client = ec2.client("ec2")
    added = {"protocol": "tcp", "from": 1, "to": 65535, "source": "0.0.0.0/0"}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[amazonec2.permission(added)])
    assert world.run().changed
    rules = amazonec2.rules_of(client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0])
    assert {rule["source"] for rule in rules} == {"192.0.2.9/32"}


def test_volumes_come_grow_and_stay(ec2: Ec2Double, world: World) -> None:
    world.run(options={"zones": ["a"]})
    world.run(options={"zones": ["a"], "volumes": [{**VOLUME, "name": "data", "size": 10}]})
    attached = {one["DeviceName"] for one in instance(ec2, world)["BlockDeviceMappings"]}
    assert attached == {"/dev/xvda", "/dev/sdf"}
    world.run(options={"zones": ["a"], "volumes": [{**VOLUME, "name": "data", "size": 30}]})
    id = world.resources()["Volume/data"]
    assert ec2.backend().volumes[id].size == 30
    with pytest.raises(MachineError, match="Volume/data: Size") as caught:
        world.run(options={"zones": ["a"], "volumes": [{**VOLUME, "name": "data", "size": 20}]})
    assert caught.value.code == "drift"
    world.run(options={"zones": ["a"]})
    assert world.resources()["Volume/data"] == id, "it may hold data"
    world.run("absent")
    assert not ec2.alive()


@pytest.mark.parametrize("options", [{}, {"vpc_id": "VPC"}, {"zones": ["a", "b"]}, {"tenancy": "dedicated"}])
def test_a_volume_comes_where_the_machine_is(ec2: Ec2Double, world: World, options: dict[str, t.Any]) -> None:
    """Wherever EC2 has put it, if no zone was given, or where there was room."""
    if "vpc_id" in options:
        options = {"vpc_id": ec2.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]}
    ec2.full = ["*/eu-central-1a/*"]
    made = world.run(options=options).machine["id"]
    zone, id = instance(ec2, world)["Placement"]["AvailabilityZone"], world.resources()["Instance"]
    if not options:  # as somebody's EC2 would: in another than the first
        zone = ec2.backend().all_instances()[0]._placement.zone = "eu-central-1c"
    ec2.full = []
    wanted = {**options, "volumes": [{**VOLUME, "name": "data"}]}
    before = len(ec2.log)
    assert world.run(options=wanted, check=True).changed and not changes(ec2, before)
    outcome = world.run(options=wanted)
    assert outcome.changed and (outcome.machine["id"], world.resources()["Instance"]) == (made, id)
    volume = ec2.backend().volumes[world.resources()["Volume/data"]]
    assert volume.zone.name == zone and volume.attachment.instance.id == id
    assert not world.run(options=wanted).changed
    assert not world.run(options=wanted, check=True).changed
    again = {**wanted, "zones": [zone[-1], "a"]} if "vpc_id" not in options else wanted
    assert world.run(options=again).machine and world.resources()["Instance"] == id, "as it is, it is no drift"
    world.run(options=options)
    assert world.resources()["Instance"] == id and not world.run(options=options).changed
    with pytest.raises(MachineError) as caught:
        world.run(options={**again, "zones": ["b" if zone.endswith("a") else "a"]})
    assert caught.value.code == "drift"
    world.run("absent")
    assert not ec2.alive()


def test_a_volume_stays_where_it_is_when_another_goes_or_comes_before_it(ec2: Ec2Double, world: World) -> None:
    def run(*names: str) -> dict[str, str]:
        world.run(options={"zones": ["a"], "volumes": [{**VOLUME, "name": name} for name in names]})
        devices = {one["Ebs"]["VolumeId"]: one["DeviceName"] for one in instance(ec2, world)["BlockDeviceMappings"]}
        kept = {key.partition("/")[2]: id for key, id in world.resources().items() if key.startswith("Volume/")}
        return {name: devices[id] for name, id in kept.items()}

    assert run("logs", "data") == {"logs": "/dev/sdf", "data": "/dev/sdg"}
    assert run("data") == {"logs": "/dev/sdf", "data": "/dev/sdg"}, "what is no longer asked for stays, too"
    assert run("new", "data") == {"logs": "/dev/sdf", "data": "/dev/sdg", "new": "/dev/sdh"}
    before = len(ec2.log)
    assert run("data", "logs", "new") == {"logs": "/dev/sdf", "data": "/dev/sdg", "new": "/dev/sdh"}
    assert not changes(ec2, before)
    assert not world.run(
        options={"zones": ["a"], "volumes": [{**VOLUME, "name": n} for n in ("data", "logs", "new")]}
    ).changed
    world.run("absent")
    assert not ec2.alive()


def test_an_elastic_address_stays_over_a_stop(ec2: Ec2Double, world: World) -> None:
    address = world.run(options={"elastic_address": "new"}).machine["address"]
    assert address != "127.0.0.1"
    world.run("stopped")
    assert world.run("started", options={"elastic_address": "new"}).machine["address"] == address
    before = len(ec2.log)
    assert world.run().machine["address"] != address
    assert changes(ec2, before) == ["DisassociateAddress", "ReleaseAddress"]


def test_an_address_of_another_machine_is_not_taken(ec2: Ec2Double, world: World) -> None:
    client = ec2.client("ec2")
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    world.run(options={"elastic_address": address})
    with pytest.raises(MachineError) as caught:
        world.run(name="web2", options={"elastic_address": address})
    assert caught.value.code == "taken"
    world.run("absent", name="web2")
    assert client.describe_addresses(AllocationIds=[address])["Addresses"][0]["InstanceId"]


@pytest.mark.parametrize(
    "options", [{"image": "debian-12"}, {"root_size": 20}, {"zones": ["b"]}, {"iam_profile": "other"}]
)
def test_drift_is_an_error(ec2: Ec2Double, world: World, options: dict[str, t.Any]) -> None:
    world.run()
    before = len(ec2.log)
    with pytest.raises(MachineError) as caught:
        world.run(options=options)
    assert caught.value.code == "drift" and "recreate: true" in caught.value.text()
    assert not changes(ec2, before)


def test_a_machine_stays_in_its_region(ec2: Ec2Double, world: World) -> None:
    world.run()
    with pytest.raises(MachineError) as caught:
        world.run(options={"region": "us-east-1"})
    assert caught.value.code == "drift"
    world.run("absent", options={"region": "us-east-1"})
    assert not ec2.alive(), "the record says where it is"


# Removing


def test_removal_leaves_nothing(ec2: Ec2Double, world: World) -> None:
    ec2.lag, ec2.pending = 5, 40
    world.run(options={"elastic_address": "new", "volumes": [{**VOLUME, "name": name} for name in ("one", "two")]})
    assert len(ec2.alive()) == 6
    world.run("absent")
    assert not ec2.alive() and not world.store.names()


# The account


def test_an_account_is_listed_by_pages(ec2: Ec2Double, world: World) -> None:
    for name in ("web1", "web2", "web3"):
        world.run(name=name)
    strange = {**world.made()[0][1].tags, "store": "another"}
    world.clock.sleep(60)
    ec2.page_size = 2
    it = driver.It(name="", tags={"store": world.store.id})
    kind = amazonec2.Instance(ec2.client("ec2"), {"region": REGION})
    before = len(ec2.log)
    assert {kind.seen(raw).name for raw in kind.list(it)} == {"web1", "web2", "web3"}
    assert ec2.calls(before) == ["DescribeInstances"] * 2
    assert not kind.list(driver.It(name="", tags=strange))
    assert len(kind.list(driver.It(name=""))) == 3
    volumes = amazonec2.Volume(ec2.client("ec2"), {"region": REGION})
    assert not volumes.list(it), "root volumes go with their machines"


def test_the_machines_of_another_account_are_unknown(ec2: Ec2Double, world: World) -> None:
    for name in ("web1", "web2"):
        world.run(name=name)
        world.run("gathered", name=name)
    before = {name: world.store.observed(name) for name in ("web1", "web2")}
    ec2.accounts["other"] = "210987654321"
    given = {"region": REGION, "access_key": "other"}
    spec = world.driver.argument_spec
    options = {**{option: one.get("default") for option, one in spec.items()}, **given}
    ask = {"options": options, "given": set(given), "secret": set(), "keep_options": True}

    def seen() -> list[dict[str, t.Any]]:
        lives = [Lifecycle(world.driver, world.store, Wish(name, world.name, **ask), world.clock) for name in before]
        return [machine for _one, machine in gather(lives) if machine]

    asked = len(ec2.log)
    for machine in [*seen(), world.run("gathered", options={"access_key": "other"})]:
        assert machine["state"] == "unknown" and machine["address"]
        assert "123456789012" in machine["error"] and "210987654321" in machine["error"]
    assert ec2.calls(asked) == ["GetCallerIdentity"] * 2, "once for both, and once for the one"
    ec2.faults = [Fault("*", "InvalidClientTokenId", 403, times=-1)]
    assert all(one["state"] == "unknown" and "InvalidClientTokenId" in one["error"] for one in seen())
    assert {name: world.store.observed(name) for name in before} == before
    ec2.faults = []
    with pytest.raises(MachineError, match="210987654321"):
        world.run(options={"access_key": "other"}, labels={"tier": "front"}, expires_in="8h")
    record = world.store.read("web1")
    assert record and not record.labels and not record.expires


@pytest.mark.parametrize("shown", [True, False])
def test_a_half_made_machine_whose_parts_were_removed_by_hand_is_made(
    ec2: Ec2Double, world: World, shown: bool
) -> None:
    """Its token was accepted for another group: that call's instance is gone, so the next attempt makes one."""
    ec2.faults = [Fault("RunInstances", how="reset", after=True, times=-1)]
    with pytest.raises(MachineError, match="Connection was closed"):
        world.run()
    ec2.faults = []
    client, [lost] = ec2.client("ec2"), ec2.backend().all_instances()
    client.terminate_instances(InstanceIds=[lost.id])
    world.clock.sleep(60)
    client.delete_security_group(GroupId=world.resources()["SecurityGroup"])
    if not shown:  # as EC2 does after an hour
        ec2.backend().reservations.clear()
        with pytest.raises(MachineError, match="IdempotentParameterMismatch"):
            world.run()
        world.clock.sleep(600)
    assert world.run().changed
    assert world.resources()["Instance"] != lost.id and len(ec2.alive()) == 3, "with its root volume"
    assert not world.run().changed
    world.run("absent")
    assert not ec2.alive()


# A restored backup


def test_a_machine_that_was_replaced_after_the_backup_is_not_made_twice(
    ec2: Ec2Double, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 AAAA"])
    world.run(options={"volumes": [{**VOLUME, "name": "data"}]})
    former, backup = world.resources()["Instance"], world.folder / "backup"
    shutil.copytree(world.store.path, backup)
    world.clock.sleep(600)
    wanted = {"image": "ubuntu-24.04", "volumes": [{**VOLUME, "name": "data", "size": 20}]}
    world.run(options=wanted, recreate=True)
    now = world.resources()
    world.clock.sleep(90000)  # no token is known any more, and the former one is listed no more
    for reservation in list(ec2.backend().reservations.values()):
        reservation.instances = [one for one in reservation.instances if one.id != former]
    shutil.rmtree(world.store.path)
    shutil.copytree(backup, world.store.path)
    before, alive = len(ec2.log), sorted(one["id"] for one in ec2.alive())
    given = {"volumes": [{**VOLUME, "name": "data"}]}
    for state, more in (("present", {}), ("present", {"recreate": True, "options": wanted}), ("absent", {})):
        with pytest.raises(MachineError) as caught:
            world.run(state, **{"options": given, **more})
        assert caught.value.code == "outdated"
        assert former in caught.value.message and now["Instance"] in caught.value.message
    assert not changes(ec2, before)
    options = {name: one.get("default") for name, one in world.driver.argument_spec.items()}
    options.update(region=REGION, **wanted)
    wish = Wish("", world.name, options, {"region", *wanted}, set())
    result = Adopter(Survey(world.driver, world.store, wish, world.clock)).run()
    assert [one["name"] for one in result["adopted"]] == ["web1"] and world.resources() == now
    assert not changes(ec2, before) and sorted(one["id"] for one in ec2.alive()) == alive
    world.run(options=wanted)
    assert sorted(one["id"] for one in ec2.alive()) == alive and not world.run(options=wanted).changed
    world.run("absent")
    assert not ec2.alive()


# Credentials


def test_credentials_and_a_role(ec2: Ec2Double, world: World) -> None:
    ec2.accounts["mine"] = "210987654321"
    options = {"access_key": "mine", "secret_key": "canary-5c", "session_token": "canary-5d"}
    role = {"assume_role_arn": "arn:aws:iam::210987654321:role/docker", "assume_role_external_id": "shop"}
    with ec2.in_process():
        made = real(world).run(options={**options, **role})
    assumed = asked(ec2, "AssumeRole")
    assert len(assumed) == 1 and assumed[0]["ExternalId"] == "shop" and assumed[0]["RoleArn"] == role["assume_role_arn"]
    assert ec2.log[0].account == "210987654321"
    assert made.changed
    for path in world.folder.rglob("*.json"):
        assert "canary" not in path.read_text()


def test_a_named_profile(ec2: Ec2Double, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    ec2.accounts["of-the-profile"] = "210987654321"
    keys = "[shop]\naws_access_key_id = of-the-profile\naws_secret_access_key = secret\n"
    (tmp_path / "credentials").write_text(keys)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with ec2.in_process():
        assert real(world).run(options={"profile": "shop"}).machine["account"] == "210987654321"


def test_no_credentials_are_said_to_be_missing(
    ec2: Ec2Double, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with ec2.in_process(), pytest.raises(MachineError) as caught:
        real(world).run()
    assert "credentials" in caught.value.text()
    assert not ec2.log


def test_one_client_a_process(ec2: Ec2Double, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    plain = boto3.session.Session.client

    def client(session: t.Any, service: str, **more: t.Any) -> t.Any:
        made.append((service, more["config"].retries["total_max_attempts"], more["config"].read_timeout))
        return plain(session, service, **more)

    monkeypatch.setattr(boto3.session.Session, "client", client)
    with ec2.in_process():
        real(world).run()
        world.run()
        world.run(name="web2")
    assert sorted(made) == [(service, 1, 30) for service in ("ec2", "sts")]


def test_a_missing_sdk_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MachineError) as caught:
        real(world).run()
    assert caught.value.code == "missing_sdk"
    assert "boto3" in caught.value.text() and "pip install boto3" in caught.value.remedy
