#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: amazonec2
short_description: Run Docker hosts as instances of Amazon EC2
version_added: 0.1.0
description:
  - Creates an instance of Amazon EC2 with its own security group and, on request, volumes and an elastic address.
  - Credentials come from the SDK's usual chain, unless options set them. They are never recorded.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - boto3 (Python)
options:
  region:
    description:
      - Region of the machine. By default the value of E(AWS_REGION) or E(AWS_DEFAULT_REGION).
    type: str
  zones:
    description:
      - Availability zones, such as V(eu-central-1a) or V(a), tried in turn until one has capacity. By default EC2
        chooses one.
    type: list
    elements: str
    default: []
  vpc_id:
    description:
      - Network (VPC) whose subnets are used. By default that of O(subnets), else the region's default.
    type: str
  subnets:
    description:
      - Ids of subnets of one network, tried in turn until one has capacity.
    type: list
    elements: str
    default: []
  security_groups:
    description:
      - Ids of existing security groups, used instead of the machine's own. They are never changed.
    type: list
    elements: str
    default: []
  open_to:
    description:
      - Sources that may reach SSH and the Engine. Networks such as V(192.0.2.0/24), prefix lists (V(pl-...)), or
        security groups.
      - By default only the controller's own address, as O(address_service) reported it when the machine was planned.
      - At least one of them must have the address family by which the machine is reached. The address that such a
        service reports is seldom the one that reaches a machine by IPv6 or by its private address.
    type: list
    elements: str
  address_service:
    description:
      - URL of a service that returns the client's address.
    type: str
    default: https://checkip.amazonaws.com
  ports:
    description:
      - Additional ports to open, such as V(80), V(53/udp) or V(8000-8010/tcp).
    type: list
    elements: str
    default: []
  ports_open_to:
    description:
      - Sources that may reach O(ports). By default those of O(open_to).
    type: list
    elements: str
  ssh_port:
    description: Port on which the image's SSH server listens.
    type: int
    default: 22
  instance_type:
    description:
      - Type, or several that are tried in turn until one has capacity. A change requires that the machine is stopped.
    type: list
    elements: str
    default: [t3.small]
  image:
    description:
      - The image, which must have cloud-init.
      - V(debian-VERSION) or V(ubuntu-VERSION) is the newest build by its publisher, OWNER:NAME the newest by that owner
        whose name matches the pattern, /PATH an SSM parameter that contains an id, and V(ami-...) the id itself.
      - A parameter can have a selector, a version or a label, such as V(/path:3).
      - A newer build does not change existing machines. Additional volumes of the image are deleted with the machine.
    type: str
    default: debian-13
  architecture:
    description: The image's architecture, which O(instance_type) must support.
    type: str
    default: x86_64
    choices: [x86_64, arm64]
  root_size:
    description: Size of the root volume in GiB.
    type: int
    default: 16
  root_type:
    description: Type of the root volume.
    type: str
    default: gp3
  root_iops:
    description: Input and output operations per second of the root volume, if its type supports a choice.
    type: int
  root_throughput:
    description: Throughput of the root volume in MiB per second, if its type supports a choice.
    type: int
  encrypted:
    description: Encrypt the volumes.
    type: bool
    default: true
  kms_key_id:
    description: Key that encrypts the volumes. By default the account's own for EBS.
    type: str
  volumes:
    description:
      - Additional volumes, created in the zone of the machine. They are not formatted, and are only removed with the
        machine.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the volume, unique within the machine.
        type: str
        required: true
      id:
        description: An existing volume. It is attached and never removed. The machine is created in its zone.
        type: str
      size:
        description: Size in GiB. It can grow.
        type: int
        default: 16
      type:
        description: Type of the volume.
        type: str
        default: gp3
      iops:
        description: Input and output operations per second, if the type supports a choice.
        type: int
      throughput:
        description: Throughput in MiB per second, if the type supports a choice.
        type: int
      snapshot_id:
        description: Snapshot that the volume is created from.
        type: str
      device:
        description: Device name. By default the next free one of V(/dev/sdf) to V(/dev/sdp), which it keeps.
        type: str
  spot:
    description:
      - V(never) requests on-demand instances, V(only) spot instances. V(prefer) requests spot instances, and on-demand
        instances if there is no capacity.
      - A spot instance can't be stopped, and EC2 may terminate it.
    type: str
    default: never
    choices: [never, prefer, only]
  spot_price:
    description: Maximum price of a spot instance, in dollars per hour. By default the on-demand price.
    type: str
  iam_profile:
    description: Name or ARN of the instance profile with the machine's role.
    type: str
  key_name:
    description: An existing key pair, which is accepted in addition to the machine's own key.
    type: str
  public_address:
    description: Give the machine a public address.
    type: bool
    default: true
  connect_by:
    description:
      - The address by which the controller reaches the machine.
      - By default V(public) if it has a public address, else V(private).
    type: str
    choices: [public, private, ipv6]
  ipv6:
    description: Give the machine an IPv6 address, which its subnet must support.
    type: bool
    default: false
  elastic_address:
    description:
      - An address that is kept when the machine is stopped. V(new) allocates one for the machine, otherwise the
        allocation id (V(eipalloc-...)) of an existing one.
    type: str
  metadata_tokens:
    description: Whether the metadata service requires tokens (IMDSv2).
    type: str
    default: required
    choices: [required, optional]
  metadata_hop_limit:
    description: Maximum hops of a response of the metadata service. Containers need V(2) to reach it.
    type: int
    default: 1
  monitoring:
    description: Enable detailed monitoring, which costs extra.
    type: bool
    default: false
  ebs_optimized:
    description: Optimise for EBS, for old types that are not optimised by default.
    type: bool
    default: false
  tenancy:
    description: Tenancy of the hardware that the machine runs on.
    type: str
    default: default
    choices: [default, dedicated, host]
  placement_group:
    description: Name of an existing placement group.
    type: str
  tags:
    description:
      - Tags for every created resource. Given tags are set. Tags that are no longer given are kept.
    type: dict
    default: {}
  user_data:
    description: User data for cloud-init, added to that of the machine. Both together are limited to 16 KiB.
    type: str
  endpoint_url:
    description: URL of another service that implements the APIs of EC2, STS and SSM.
    type: str
  profile:
    description: Named profile of the SDK's configuration.
    type: str
  assume_role_arn:
    description: Role to assume with the credentials.
    type: str
  assume_role_external_id:
    description: External id that the role requires.
    type: str
  access_key:
    description: Id of an access key. It requires O(secret_key).
    type: str
  secret_key:
    description: Secret of the access key.
    type: str
  session_token:
    description: Token of a temporary access key.
    type: str
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Create a machine with the newest Debian image
  dockyard.machine.amazonec2:
    name: web1
    region: eu-central-1

- name: Create a spot instance in any zone with capacity, with a volume and public ports
  dockyard.machine.amazonec2:
    name: web2
    region: eu-central-1
    zones: [a, b, c]
    instance_type: [c7i.large, c6i.large, m6i.large]
    spot: prefer
    image: ubuntu-24.04
    volumes:
      - {name: data, size: 100}
    ports: ["80", "443"]
    ports_open_to: [0.0.0.0/0]

- name: Create a machine in a private network, reached through a bastion
  dockyard.machine.amazonec2:
    name: db1
    region: eu-central-1
    subnets: [subnet-0a1b2c3d4e5f60718]
    public_address: false
    open_to: [10.0.0.0/8]
    ssh_args: -J bastion.example.com

- name: Increase the memory of a machine
  dockyard.machine.amazonec2:
    name: web1
    region: eu-central-1
    instance_type: t3.large
    allow_stop: true

- name: Remove the machine
  dockyard.machine.amazonec2:
    name: web1
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
  sample: {"name": "web1", "state": "running", "address": "198.51.100.7", "docker_host": "tcp://198.51.100.7:2376"}
machines:
  description: The machines of this driver.
  returned: with O(scope=account)
  type: list
  elements: dict
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample:
    code: full
    left_behind: ["SecurityGroup sg-0f3a"]
    remedy: "There is no further choice: run again to try them all once more, or remove it (state: absent) and create it with other options"
"""

import functools
import ipaddress
import re

from ansible.module_utils.basic import env_fallback

from ansible_collections.dockyard.machine.plugins.module_utils import driver

PREFIX = "dockyard:"  # of our tags
CONNECT = "dockyard-connect"  # a tag that says by which of its addresses a machine is reached
CONNECTED = re.compile("(public|private|ipv6):([0-9]+)")
PUBLISHERS = {  # family -> owner, pattern of the name
    "debian": ("136693071363", "debian-{version}-{arch}-*"),
    "ubuntu": ("099720109477", "ubuntu/images/hvm-ssd*/ubuntu-*-{version}-{arch}-server-*"),
}
STATES = {
    "pending": driver.STARTING,
    "running": driver.RUNNING,
    "shutting-down": driver.STOPPING,
    "stopping": driver.STOPPING,
    "stopped": driver.STOPPED,
    "terminated": driver.ABSENT,
    "creating": driver.CREATING,
    "deleting": driver.STOPPING,
    "deleted": driver.ABSENT,
    "error": driver.ERROR,
}
GROUP = "dockyard-"  # before the name of a group: one may not begin as the id of a group does
DEVICES = [f"/dev/sd{letter}" for letter in "fghijklmnop"]
CREDENTIALS = ("profile", "access_key", "secret_key", "session_token", "assume_role_arn", "assume_role_external_id")


def given(**fields):
    """What the user has said, without what is left to EC2."""
    return {name: value for name, value in fields.items() if value not in (None, {})}


class Tagged(driver.Kind):
    """What our tags tell, and a list by them finds."""

    lists_account = True
    resource = ""  # as EC2 calls it in tags
    describe = ids = answer = ""  # the call that reads it, its parameter for ids, the list in its answer

    def get(self, it):
        return next(iter(self.read({self.ids: [it.id]})), None)

    def list(self, it):
        named = [
            {"Name": f"tag:{PREFIX}{name}", "Values": [it.tags[name]]} for name in ("store", "id") if name in it.tags
        ]
        found = self.read({"Filters": named or [{"Name": "tag-key", "Values": [f"{PREFIX}store"]}]})
        return [raw for raw in found if ours(raw).get("kind", "").split("/")[0] == type(self).__name__]

    def read(self, request):
        return [raw for page in self.api.get_paginator(self.describe).paginate(**request) for raw in page[self.answer]]

    def specifications(self, it, *others):
        """The tags of what is made, and of what is made with it."""
        tags = {"Name": it.machine, **it.request["tags"], **{PREFIX + name: value for name, value in it.tags.items()}}
        return [{"ResourceType": one, "Tags": pairs(tags)} for one in (self.resource, *others)]

    def tag(self, it):
        self.api.create_tags(Resources=[it.id], Tags=pairs({PREFIX + name: it.tags[name] for name in it.tags}))

    def retag(self, it):
        self.api.create_tags(Resources=[it.id], Tags=pairs(it.request["tags"]))


def pairs(tags):
    return [{"Key": name, "Value": str(value)} for name, value in tags.items()]


def all_tags(raw):
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])}


def ours(raw):
    return {name[len(PREFIX) :]: value for name, value in all_tags(raw).items() if name.startswith(PREFIX)}


class KeyPair(driver.Kind):
    """Only the user's own."""

    def get(self, it):
        return self.api.describe_key_pairs(KeyNames=[it.id])["KeyPairs"][0]

    def seen(self, raw):
        return driver.Seen(raw["KeyName"])


class SecurityGroup(Tagged):
    identity = "name"
    adjustable = {"rules": "any", "tags": "any"}
    resource, describe, ids, answer = "security-group", "describe_security_groups", "GroupIds", "SecurityGroups"

    def seen(self, raw):
        has = {"rules": rules_of(raw), "tags": all_tags(raw)}
        return driver.Seen(raw["GroupId"], name=raw["GroupName"].removeprefix(GROUP), tags=ours(raw), has=has)

    def create(self, it):
        return self.api.create_security_group(
            GroupName=GROUP + it.name,
            Description=f"Ports of the machine {it.machine}",
            TagSpecifications=self.specifications(it),
            **given(VpcId=it.request["vpc"]),
        )["GroupId"]

    def adjust(self, it):
        has, asked = it.seen.has["rules"], it.request["rules"]
        missing = [rule for rule in asked if rule not in has]
        surplus = [rule for rule in has if rule not in asked]
        if missing:
            self.api.authorize_security_group_ingress(GroupId=it.id, IpPermissions=list(map(permission, missing)))
        elif surplus:
            self.api.revoke_security_group_ingress(GroupId=it.id, IpPermissions=list(map(permission, surplus)))
        else:
            self.retag(it)

    def delete(self, it):
        self.api.delete_security_group(GroupId=it.id)


SOURCES = {  # of a rule: the list in EC2's answer, and what names one in it
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "UserIdGroupPairs": "GroupId",
    "PrefixListIds": "PrefixListId",
}


def rules_of(group):
    return [
        {"protocol": one["IpProtocol"], "from": one.get("FromPort"), "to": one.get("ToPort"), "source": source[name]}
        for one in group["IpPermissions"]
        for ranges, name in SOURCES.items()
        for source in one.get(ranges, [])
    ]


def permission(rule):
    source = rule["source"]
    kinds = {"sg-": "UserIdGroupPairs", "pl-": "PrefixListIds"}
    ranges = kinds.get(source[:3], "Ipv6Ranges" if ":" in source else "IpRanges")
    ports = given(FromPort=rule["from"], ToPort=rule["to"])
    return {"IpProtocol": rule["protocol"], **ports, ranges: [{SOURCES[ranges]: source}]}


class Volume(Tagged):
    """Attached by the machine, with whose end it is detached."""

    identity = "token"
    token_life = 3600.0  # EC2 does not show a volume's token, but repeats its answer
    keeps_data = True
    grows = ("Size",)
    adjustable = {"Size": "any", "tags": "any"}
    resource, describe, ids, answer = "volume", "describe_volumes", "VolumeIds", "Volumes"

    def seen(self, raw):
        return driver.Seen(
            raw["VolumeId"],
            state=STATES.get(raw["State"], driver.RUNNING),
            tags=ours(raw),
            # The zone tells an adoption where the machine is, or has to be
            has={"AvailabilityZone": raw["AvailabilityZone"], "Size": raw["Size"], "tags": all_tags(raw)},
            created=str(raw["CreateTime"]),
            attached_to=[one["InstanceId"] for one in raw.get("Attachments", [])],
        )

    def create(self, it):
        request = {name: value for name, value in it.request.items() if name != "tags"}
        return self.api.create_volume(ClientToken=it.token, TagSpecifications=self.specifications(it), **request)[
            "VolumeId"
        ]

    def adjust(self, it):
        if it.seen.has["Size"] != it.request["Size"]:
            self.api.modify_volume(VolumeId=it.id, Size=it.request["Size"])
        else:
            self.retag(it)

    def delete(self, it):
        self.api.delete_volume(VolumeId=it.id)


class Address(Tagged):
    identity = None  # each allocation is another address
    adjustable = {"tags": "any"}
    resource, ids = "elastic-ip", "AllocationIds"

    def read(self, request):
        return self.api.describe_addresses(**request)["Addresses"]

    def seen(self, raw):
        attached_to = [raw["InstanceId"]] if raw.get("InstanceId") else []
        return driver.Seen(raw["AllocationId"], tags=ours(raw), has={"tags": all_tags(raw)}, attached_to=attached_to)

    def create(self, it):
        return self.api.allocate_address(Domain="vpc", TagSpecifications=self.specifications(it))["AllocationId"]

    def adjust(self, it):
        self.retag(it)

    def delete(self, it):
        self.api.release_address(AllocationId=it.id)


class Association(driver.Kind):
    """Of an elastic address, ours or the user's, with the machine. It is ours as the machine is."""

    identity = "name"
    tagged = False

    def get(self, it):
        return next(iter(self.read(it, {"association-id": it.id})), None)

    def list(self, it):
        return self.read(it, {"allocation-id": it.request["allocation"], "instance-id": it.request["instance"]})

    def read(self, it, filters):
        filters = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        return [{**raw, "name": it.name} for raw in self.api.describe_addresses(Filters=filters)["Addresses"]]

    def seen(self, raw):
        return driver.Seen(raw["AssociationId"], name=raw["name"])

    def create(self, it):
        return self.api.associate_address(
            AllocationId=it.request["allocation"], InstanceId=it.request["instance"], AllowReassociation=False
        )["AssociationId"]

    def delete(self, it):
        self.api.disassociate_address(AssociationId=it.id)


class Instance(Tagged, driver.Machine):
    identity = proof = "token"
    adjustable = {
        **dict.fromkeys(("groups", "volumes", "tags"), "any"),
        "InstanceType": driver.STOPPED,
    }
    resource, describe, ids, answer = "instance", "describe_instances", "InstanceIds", "Reservations"

    def read(self, request):
        return [raw for reservation in super().read(request) for raw in reservation["Instances"]]

    def seen(self, raw):
        tags = all_tags(raw)
        interface = (raw.get("NetworkInterfaces") or [{}])[0]
        ipv6 = next((one["Ipv6Address"] for one in interface.get("Ipv6Addresses", [])), None)
        addresses = {"public": raw.get("PublicIpAddress"), "private": raw.get("PrivateIpAddress"), "ipv6": ipv6}
        # Whoever may tag it may have edited ours
        connected = CONNECTED.fullmatch(tags.get(CONNECT, ""))
        by, port = connected.groups() if connected else ("public", "22")
        reason = raw.get("StateReason", {}).get("Code", "")
        return driver.Seen(
            raw["InstanceId"],
            state=STATES[raw["State"]["Name"]],
            name=tags.get("Name", ""),
            tags=ours(raw),
            has={
                "InstanceType": raw["InstanceType"],
                "zone": raw["Placement"]["AvailabilityZone"],
                "groups": [group["GroupId"] for group in interface.get("Groups", [])],
                "volumes": {
                    one["DeviceName"]: one["Ebs"]["VolumeId"]
                    for one in raw.get("BlockDeviceMappings", [])
                    if "Ebs" in one
                },
                "tags": tags,
            },
            facts={
                "address": addresses[by],
                "addresses": [address for address in addresses.values() if address],
                "ssh_port": int(port),
            },
            created=str(raw["LaunchTime"]),
            token=raw.get("ClientToken", ""),
            verdict=driver.FULL if reason.startswith("Server.Insufficient") else None,
        )

    def create(self, it):
        request = {name: value for name, value in it.request.items() if name[0].isupper()}
        interface = {"DeviceIndex": 0, "DeleteOnTermination": True, "Groups": it.request["groups"]}
        placement = {**request.pop("Placement", {}), **given(AvailabilityZone=it.request.get("zone"))}
        return self.api.run_instances(
            MinCount=1,
            MaxCount=1,
            ClientToken=it.token,
            NetworkInterfaces=[{**interface, **it.request["interface"]}],
            TagSpecifications=self.specifications(it, "volume", "network-interface"),
            **given(Placement=placement),
            **request,
        )["Instances"][0]["InstanceId"]

    def adjust(self, it):
        has, asked = it.seen.has, it.request
        volumes = [
            (device, volume) for device, volume in asked["volumes"].items() if has["volumes"].get(device) != volume
        ]
        if set(has["groups"]) != set(asked["groups"]):
            self.api.modify_instance_attribute(InstanceId=it.id, Groups=asked["groups"])
        elif volumes:
            self.api.attach_volume(InstanceId=it.id, Device=volumes[0][0], VolumeId=volumes[0][1])
        elif has["InstanceType"] != asked["InstanceType"]:
            self.api.modify_instance_attribute(InstanceId=it.id, InstanceType={"Value": asked["InstanceType"]})
        else:
            self.retag(it)

    def delete(self, it):
        self.api.terminate_instances(InstanceIds=[it.id])

    def start(self, it):
        self.api.start_instances(InstanceIds=[it.id])

    def stop(self, it):
        self.api.stop_instances(InstanceIds=[it.id])

    def restart(self, it):
        self.api.reboot_instances(InstanceIds=[it.id])

    def kill(self, it):
        self.api.stop_instances(InstanceIds=[it.id], Force=True)


VOLUME = {
    "name": {"type": "str", "required": True},
    "id": {"type": "str"},
    "size": {"type": "int", "default": 16},
    "type": {"type": "str", "default": "gp3"},
    "iops": {"type": "int"},
    "throughput": {"type": "int"},
    "snapshot_id": {"type": "str"},
    "device": {"type": "str"},
}


class AmazonEC2(driver.Driver):
    kinds = (KeyPair, SecurityGroup, Volume, Address, Instance, Association)
    ssh_user = "admin"  # as in Debian's images; cloud-init makes it in any
    argument_spec = {
        "region": {"type": "str", "fallback": (env_fallback, ["AWS_REGION", "AWS_DEFAULT_REGION"])},
        "zones": {"type": "list", "elements": "str", "default": []},
        "vpc_id": {"type": "str"},
        "subnets": {"type": "list", "elements": "str", "default": []},
        "security_groups": {"type": "list", "elements": "str", "default": []},
        "open_to": {"type": "list", "elements": "str"},
        "address_service": {"type": "str", "default": "https://checkip.amazonaws.com"},
        "ports": {"type": "list", "elements": "str", "default": []},
        "ports_open_to": {"type": "list", "elements": "str"},
        "ssh_port": {"type": "int", "default": 22},
        "instance_type": {"type": "list", "elements": "str", "default": ["t3.small"]},
        "image": {"type": "str", "default": "debian-13"},
        "architecture": {"type": "str", "default": "x86_64", "choices": ["x86_64", "arm64"]},
        "root_size": {"type": "int", "default": 16},
        "root_type": {"type": "str", "default": "gp3"},
        "root_iops": {"type": "int"},
        "root_throughput": {"type": "int"},
        "encrypted": {"type": "bool", "default": True},
        "kms_key_id": {"type": "str", "no_log": False},
        "volumes": {"type": "list", "elements": "dict", "default": [], "options": VOLUME},
        "spot": {"type": "str", "default": "never", "choices": ["never", "prefer", "only"]},
        "spot_price": {"type": "str"},
        "iam_profile": {"type": "str"},
        "key_name": {"type": "str", "no_log": False},
        "public_address": {"type": "bool", "default": True},
        "connect_by": {"type": "str", "choices": ["public", "private", "ipv6"]},
        "ipv6": {"type": "bool", "default": False},
        "elastic_address": {"type": "str"},
        "metadata_tokens": {"type": "str", "default": "required", "choices": ["required", "optional"], "no_log": False},
        "metadata_hop_limit": {"type": "int", "default": 1},
        "monitoring": {"type": "bool", "default": False},
        "ebs_optimized": {"type": "bool", "default": False},
        "tenancy": {"type": "str", "default": "default", "choices": ["default", "dedicated", "host"]},
        "placement_group": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "user_data": {"type": "str"},
        "endpoint_url": {"type": "str"},
        "profile": {"type": "str"},
        "assume_role_arn": {"type": "str"},
        "assume_role_external_id": {"type": "str"},
        "access_key": {"type": "str", "no_log": True},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
    }
    place = ("region", "endpoint_url")
    required = ("region",)
    verdicts = {
        "*.NotFound": driver.MISSING,
        "Parameter*NotFound": driver.MISSING,  # of SSM
        "InvalidGroup.Duplicate": driver.TAKEN,
        "Resource.AlreadyAssociated": driver.TAKEN,
        "IdempotentParameterMismatch": driver.MISMATCH,
        "Insufficient*": driver.FULL,  # capacity, hosts, addresses of the subnet
        "UnfulfillableCapacity": driver.FULL,
        "MaxSpotInstanceCountExceeded": driver.FULL,
        "SpotMaxPriceTooLow": driver.FULL,
        "InstanceLimitExceeded": driver.FULL,  # of this type: another may have room
        "VcpuLimitExceeded": driver.FULL,
        "Unsupported": driver.FULL,  # this type in this zone
        "RequestLimitExceeded": driver.BUSY,
        "*Throttl*": driver.BUSY,
        "DependencyViolation": driver.BUSY,
        "VolumeInUse": driver.BUSY,
        "*.InUse": driver.BUSY,
        "InvalidPermission.Duplicate": driver.BUSY,  # read again: it is there
        "Incorrect*State": driver.BUSY,
        "Invalid*": driver.REFUSED,
        "Missing*": driver.REFUSED,
        "Malformed*": driver.REFUSED,
        "*LimitExceeded": driver.REFUSED,
        "*NotPermitted": driver.REFUSED,
        "UnsupportedOperation": driver.REFUSED,
        "Unknown*": driver.REFUSED,
        "Unauthorized*": driver.REFUSED,
        "AccessDenied*": driver.REFUSED,
        "AuthFailure": driver.REFUSED,
        "Expired*": driver.REFUSED,
        "RequestExpired": driver.REFUSED,
        "OptInRequired": driver.REFUSED,
        "PendingVerification": driver.REFUSED,
        "*Credential*": driver.REFUSED,  # the SDK's own
        "ParamValidationError": driver.REFUSED,
    }

    def connect(self):
        return self.service("ec2")

    def service(self, name):
        return client(name, self.options["region"], self.options["endpoint_url"], *map(self.options.get, CREDENTIALS))

    def account(self):
        return self.service("sts").get_caller_identity()["Account"]

    def code(self, error):
        return (getattr(error, "response", None) or {}).get("Error", {}).get("Code") or type(error).__name__

    def status(self, error):
        return (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)

    def retry_after(self, error):
        answer = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
        after = answer.get("HTTPHeaders", {}).get("retry-after", "")
        return float(after) if after.isdigit() else 0.0

    # What is asked before anything is made

    def newest_image(self, image, architecture):
        """Its id, the name of its root device, and those of its further volumes."""
        if image.startswith("/"):
            image = self.service("ssm").get_parameter(Name=image)["Parameter"]["Value"]
        owner, _colon, name = image.partition(":")
        family, _dash, version = image.partition("-")
        if family in PUBLISHERS and version:
            owner, name = PUBLISHERS[family]
            name = name.format(version=version, arch={"x86_64": "amd64"}.get(architecture, architecture))
        if name:
            filters = {"name": name, "architecture": architecture, "state": "available"}
            request = {"Owners": [owner], "Filters": [{"Name": key, "Values": [one]} for key, one in filters.items()]}
        else:
            request = {"ImageIds": [image]}
        found = self.client.describe_images(**request)["Images"]
        if not found:
            raise driver.BadOption("image", f"{image!r} was not found in {self.options['region']}", "Use another image")
        newest = max(found, key=lambda one: one["CreationDate"])
        devices = [one["DeviceName"] for one in newest.get("BlockDeviceMappings", []) if "Ebs" in one]
        root = newest["RootDeviceName"]
        return {"id": newest["ImageId"], "root": root, "further": [one for one in devices if one != root]}

    def find_subnets(self, vpc, ids, zones):
        filters = {"vpc-id": [vpc] if vpc else [], "subnet-id": ids, "availability-zone": zones}
        found = self.client.describe_subnets(
            Filters=[{"Name": name, "Values": values} for name, values in filters.items() if values]
        )["Subnets"]
        unknown = sorted(set(ids) - {one["SubnetId"] for one in found})
        if unknown or not found:
            where = " and ".join(filter(None, [vpc, *zones])) or self.options["region"]
            raise driver.BadOption("subnets", f"{unknown or ids!r} was not found in {where}", "Use existing subnets")
        if len({one["VpcId"] for one in found}) > 1:
            raise driver.BadOption("subnets", f"{ids!r} are of several networks", "Use subnets of one network")
        order = {name: number for number, name in enumerate([*ids, *zones])}
        found.sort(key=lambda one: (order.get(one["SubnetId"], order.get(one["AvailabilityZone"], 0)), one["SubnetId"]))
        return [{"id": one["SubnetId"], "zone": one["AvailabilityZone"], "vpc": one["VpcId"]} for one in found]

    def find_zones(self):
        found = self.client.describe_availability_zones()["AvailabilityZones"]
        zones = [one["ZoneName"] for one in found if one["ZoneType"] == "availability-zone"]
        if not zones:
            raise driver.BadOption(
                "region", f"{self.options['region']!r} has no available zone", "Run again, or give zones"
            )
        return zones

    def zones_of(self, volumes):
        """Of those that exist: which one doesn't is told when it is looked at."""
        request = {"Filters": [{"Name": "volume-id", "Values": volumes}]}
        return sorted({one["AvailabilityZone"] for one in self.client.describe_volumes(**request)["Volumes"]})

    # What a machine needs

    def recipe(self, m):
        options = m.options
        tags = {name: str(value) for name, value in options["tags"].items()}  # as EC2 gives them back
        wrong = [name for name in tags if name.startswith(("dockyard", "aws:"))]
        if wrong:
            raise driver.BadOption("tags", f"{wrong[0]!r} uses a reserved prefix", "Use another name")
        image = m.look(self.newest_image, options["image"], options["architecture"])
        further = image.get("further", [])
        if options["key_name"]:
            m.existing(KeyPair, options["key_name"])
        places = self.places(m)
        groups = [m.existing(SecurityGroup, id, name=id).id for id in options["security_groups"]]
        if not groups:
            group = {"vpc": places[0]["vpc"], "rules": self.rules(m), "tags": tags}
            groups = [m.want(SecurityGroup, group).id]
        volumes = self.want_volumes(m, places[0]["zone"], {image["root"], *further}, tags)
        elastic = None
        if options["elastic_address"] == "new":
            elastic = m.want(Address, {"tags": tags})
        elif options["elastic_address"]:
            elastic = m.existing(Address, options["elastic_address"])
        profile = options["iam_profile"]
        machine = {
            "ImageId": image["id"],
            "UserData": m.user_data(),
            "BlockDeviceMappings": [
                {"DeviceName": image["root"], "Ebs": root_volume(options)},
                *({"DeviceName": device, "Ebs": further_volume(options)} for device in further),
            ],
            "MetadataOptions": {
                "HttpTokens": options["metadata_tokens"],
                "HttpPutResponseHopLimit": options["metadata_hop_limit"],
            },
            "Monitoring": {"Enabled": options["monitoring"]},
            "EbsOptimized": options["ebs_optimized"],
            **given(KeyName=options["key_name"]),
            **given(IamInstanceProfile=profile and {"Arn" if profile.startswith("arn:") else "Name": profile}),
            "groups": groups,
            "volumes": volumes,
            "tags": {**tags, CONNECT: f"{connect_by(options)}:{options['ssh_port']}"},
        }
        markets = {"never": [False], "prefer": [True, False], "only": [True]}[options["spot"]]
        instance = m.want(
            Instance,
            [
                {**machine, "InstanceType": instance_type, **put(options, place), **market(options, spot)}
                for spot in markets
                for instance_type in options["instance_type"]
                for place in places
            ],
        )
        if elastic:
            m.want(Association, {"allocation": elastic.id, "instance": instance.id})

    def places(self, m):
        """Zones with their subnets, to be tried in turn; one of them where volumes must be in the machine's zone."""
        options = m.options
        zones = [options["region"] + zone if len(zone) == 1 else zone for zone in options["zones"]]
        if options["subnets"] or options["vpc_id"]:
            places = m.look(self.find_subnets, options["vpc_id"], options["subnets"], zones)
        else:
            zones = zones or (m.look(self.find_zones) if options["volumes"] else [None])
            places = [{"id": None, "zone": zone, "vpc": None} for zone in zones]
        if not options["volumes"]:
            return places
        ids = [one["id"] for one in options["volumes"] if one["id"]]
        there = m.look(self.zones_of, ids) if ids else []
        if len(there) > 1:
            raise driver.BadOption("volumes", f"{ids!r} are in {' and '.join(there)}", "Use volumes of one zone")
        if there and there[0] not in [place["zone"] for place in places]:
            why = f"are in {there[0]}, where zones, subnets or vpc_id let no machine be"
            raise driver.BadOption("volumes", f"{ids!r} {why}", "Give zones or subnets there, or leave them out")
        # A machine has to be where the user's volumes are
        return [m.choose("zone", [place for place in places if place["zone"] in there or not there])]

    def want_volumes(self, m, zone, taken, tags):
        """Device -> id; ``taken``: by the image."""
        options, found = m.options, {}
        free = [device for device in DEVICES if device not in {one["device"] for one in options["volumes"]} | taken]
        for one in options["volumes"]:
            device = one["device"] or m.once(f"device of {one['name']}", next_of(free, one["name"]), shared=False)
            if device in found:
                raise driver.BadOption("volumes", f"{device!r} is given twice", "Give each volume its own device")
            if device in taken:
                raise driver.BadOption("volumes", f"{device!r} is a volume of the image", "Use another device")
            if one["id"]:
                found[device] = m.existing(Volume, one["id"], name=one["name"]).id
                continue
            volume = given(
                AvailabilityZone=zone,
                Size=one["size"],
                VolumeType=one["type"],
                Iops=one["iops"],
                Throughput=one["throughput"],
                SnapshotId=one["snapshot_id"],
                Encrypted=options["encrypted"],
                KmsKeyId=options["kms_key_id"],
            )
            found[device] = m.want(Volume, {**volume, "tags": tags}, one["name"]).id
        return found

    def rules(self, m):
        options = m.options
        open_to = options["open_to"]
        if open_to is None:
            open_to = [m.look(own_address, options["address_service"])]
        further = options["ports_open_to"]
        wanted = [("open_to", source, str(port)) for port in (options["ssh_port"], 2376) for source in open_to]
        wanted += [
            ("ports_open_to", source, port)
            for port in options["ports"]
            for source in (open_to if further is None else further)
        ]
        rules = [{**parse_port(port), "source": parse_source(name, source)} for name, source, port in wanted]
        check_reach(connect_by(options), open_to)
        return [rule for number, rule in enumerate(rules) if rule not in rules[:number]]


def next_of(devices, name):
    """Picks for a volume what no other has had, so that it stays where it is when others go."""

    def pick(taken):
        free = [device for device in devices if device not in taken]
        if not free:
            why = f"names no device, and the {len(devices)} that there are by themselves are taken"
            raise driver.BadOption("volumes", f"{name!r} {why}", "Give it one, such as /dev/sdq")
        return free[0]

    return pick


def put(options, place):
    """Where an instance runs."""
    interface = given(SubnetId=place["id"], Ipv6AddressCount=1 if options["ipv6"] else None)
    placement = given(
        GroupName=options["placement_group"],
        Tenancy=None if options["tenancy"] == "default" else options["tenancy"],
    )
    return {
        "interface": {"AssociatePublicIpAddress": options["public_address"], **interface},
        **given(Placement=placement, zone=None if place["id"] else place["zone"]),
    }


def market(options, spot):
    price = given(MaxPrice=options["spot_price"])
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time", **price}}
    return {"InstanceMarketOptions": market} if spot else {}


def root_volume(options):
    return given(
        VolumeSize=options["root_size"],
        VolumeType=options["root_type"],
        Iops=options["root_iops"],
        Throughput=options["root_throughput"],
        Encrypted=options["encrypted"],
        KmsKeyId=options["kms_key_id"],
        DeleteOnTermination=True,
    )


def further_volume(options):
    """What is said of another volume of the image; the rest is as the image has it."""
    # Encryption can be added to that of a snapshot, and never be taken away.
    encrypted = {"Encrypted": True} if options["encrypted"] else {}
    return {**encrypted, **given(KmsKeyId=options["kms_key_id"]), "DeleteOnTermination": True}


def connect_by(options):
    has = {
        "public": options["public_address"] or options["elastic_address"],
        "ipv6": options["ipv6"],
        "private": True,
    }
    by = options["connect_by"] or ("public" if has["public"] else "private")
    if not has[by]:
        raise driver.BadOption(
            "connect_by", f"the machine will not have an address of this kind ({by!r})", "Request it too"
        )
    return by


@functools.lru_cache(maxsize=None)
def session(region, endpoint_url, profile, access_key, secret_key, session_token, role, external_id):
    """Whose credentials are used, where."""
    try:
        import boto3
    except ImportError as error:
        raise driver.MachineError(
            f"The driver amazonec2 needs the Python package boto3 ({error})",
            code="missing_sdk",
            remedy="Install it for the Python that runs Ansible: pip install boto3",
        ) from error
    keys = (access_key, secret_key, session_token)
    if role:
        base = client("sts", region, endpoint_url, profile, *keys, None, None)
        more = given(ExternalId=external_id)
        answer = base.assume_role(RoleArn=role, RoleSessionName="dockyard", **more)["Credentials"]
        profile, keys = None, (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    return boto3.session.Session(*keys, region_name=region, profile_name=profile)


@functools.lru_cache(maxsize=None)
def client(service, region, endpoint_url, *credentials):
    """One a process, since what makes it reads megabytes."""
    of = session(region, endpoint_url, *credentials)
    import botocore.config

    # The lifecycle repeats what may be repeated, and knows what a repetition means.
    config = botocore.config.Config(connect_timeout=10, read_timeout=30, retries={"total_max_attempts": 1})
    made = of.client(service, endpoint_url=endpoint_url, config=config)
    made.meta.events.register("after-call", no_page)
    return made


class NotTheService(Exception):
    """It is not known whether the service has had the request."""


def no_page(http_response, **_more):
    """What a portal or a proxy says in the service's place is no answer, though it may say that all is well."""
    if http_response.status_code < 300 and "html" in http_response.headers.get("content-type", ""):
        raise NotTheService("what answers is a web page, and not the service: is a proxy or a portal in between?")


def check_reach(by, open_to):
    """Whether anybody whom the group lets in has an address of the family by which the machine is reached."""
    v6 = by == "ipv6"
    family = "IPv6" if v6 else "IPv4"
    if open_to and not any(source.startswith(("sg-", "pl-")) or (":" in source) == v6 for source in open_to):
        raise driver.BadOption(
            "open_to",
            f"{', '.join(open_to)!r} allows no {family} address, but connect_by is {by}",
            f"Add the controller's {family} network to open_to",
        )


def own_address(service):
    """The controller's, as the rest of the world sees it, as a network."""
    from ansible.module_utils.urls import open_url  # costs 20 ms, and actions load this file for each machine

    with open_url(service, timeout=10) as answer:
        address = ipaddress.ip_address(answer.read(64).decode().strip())
    return f"{address}/{address.max_prefixlen}"


def parse_port(port):
    found = re.fullmatch(r"(\d+)(?:-(\d+))?(?:/(tcp|udp))?", str(port))
    first, last, protocol = found.groups() if found else ("0", None, None)
    first, last = int(first), int(last or first)
    if not 0 < first <= last < 65536:
        raise driver.BadOption(
            "ports", f"{port!r} is not a valid port or range of ports", "Write 80, 53/udp or 8000-8010/tcp"
        )
    return {"protocol": protocol or "tcp", "from": first, "to": last}


def parse_source(option, source):
    if source.startswith(("sg-", "pl-")):
        return source
    try:
        return str(ipaddress.ip_network(source))
    except ValueError as error:
        raise driver.BadOption(
            option, f"{source!r} is not a valid network ({error})", "Write it as 192.0.2.0/24"
        ) from error


def main():
    driver.run(AmazonEC2)


if __name__ == "__main__":
    main()
