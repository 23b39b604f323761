# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of IAM, as far as our policy for EC2 goes: our reading of what is published, which AWS has not judged.

An action is allowed if, for each resource that it touches, some statement names action and resource and has its
conditions met. What a statement has that is not known here is an error, so that nothing passes unread.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import typing as t

if t.TYPE_CHECKING:
    from tests.doubles.ec2 import Call, Ec2Double

# Which parameters of a call name resources, and of which type. The rest of the actions only read: of "*".
TOUCHES = {
    "RunInstances": {
        "ImageId": "image",
        "KeyName": "key-pair",
        "Placement.GroupName": "placement-group",
        "NetworkInterface.1.SubnetId": "subnet",
        "NetworkInterface.1.SecurityGroupId": "security-group",
    },
    "CreateSecurityGroup": {"VpcId": "vpc"},
    "CreateVolume": {"SnapshotId": "snapshot"},
    "AllocateAddress": {},
    "CreateTags": {"ResourceId": ""},
    "AssociateAddress": {"AllocationId": "elastic-ip", "InstanceId": "instance"},
    "DisassociateAddress": {"AssociationId": "elastic-ip"},
    "ReleaseAddress": {"AllocationId": "elastic-ip"},
    "AttachVolume": {"VolumeId": "volume", "InstanceId": "instance"},
    "ModifyVolume": {"VolumeId": "volume"},
    "DeleteVolume": {"VolumeId": "volume"},
    "ModifyInstanceAttribute": {"InstanceId": "instance", "GroupId": "security-group"},
    "AuthorizeSecurityGroupIngress": {"GroupId": "security-group"},
    "RevokeSecurityGroupIngress": {"GroupId": "security-group"},
    "DeleteSecurityGroup": {"GroupId": "security-group"},
    **dict.fromkeys(
        ("RebootInstances", "StartInstances", "StopInstances", "TerminateInstances"), {"InstanceId": "instance"}
    ),
}
MAKES = {
    "RunInstances": ("instance", "network-interface", "volume"),
    "CreateSecurityGroup": ("security-group",),
    "CreateVolume": ("volume",),
    "AllocateAddress": ("elastic-ip",),
}
PUBLIC = ("image", "snapshot")  # their ARNs name no account
TYPES = {"i": "instance", "sg": "security-group", "vol": "volume", "eipalloc": "elastic-ip"}


@dataclasses.dataclass
class Asked:
    """One action on one resource: what is to be allowed."""

    action: str
    resource: str
    context: dict[str, str]


class Policy:
    def __init__(self, document: dict[str, t.Any]) -> None:
        self.statements = document["Statement"]
        for one in self.statements:
            assert one["Effect"] == "Allow" and set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, one

    def denied(self, double: Ec2Double, call: Call) -> Asked | None:
        """The first that no statement allows."""
        return next((one for one in asked(double, call) if not any(allows(it, one) for it in self.statements)), None)


def allows(statement: dict[str, t.Any], asked: Asked) -> bool:
    return (
        any(fnmatch.fnmatchcase(asked.action, one) for one in listed(statement["Action"]))
        and any(fnmatch.fnmatchcase(asked.resource, one) for one in listed(statement["Resource"]))
        and all(
            met(operator, asked.context.get(key), listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def met(operator: str, value: str | None, values: list[str]) -> bool:
    if operator == "Null":
        return str(value is None).lower() in values
    assert operator == "StringEquals", operator
    return value in values


def listed(one: t.Any) -> list[t.Any]:
    return one if isinstance(one, list) else [one]


def asked(double: Ec2Double, call: Call) -> t.Iterator[Asked]:
    if call.service == "sts":
        return  # who one is may be asked by all
    action = f"{call.service}:{call.action}"
    if call.service == "ssm":
        name = call.params["Name"].partition(":")[0]
        account = "" if name.startswith("/aws/") else call.account
        yield Asked(action, f"arn:aws:ssm:{call.region}:{account}:parameter{name}", {})
        return
    if call.action not in TOUCHES:
        assert call.action.startswith("Describe"), call.action
        yield Asked(action, "*", {})
        return
    tags = sent_tags(call)
    for kind in MAKES.get(call.action, ()):
        sent = {f"aws:RequestTag/{name}": value for name, value in tags.get(kind, {}).items()}
        yield Asked(action, arn(call, kind, "*"), sent)
        if sent:
            yield Asked("ec2:CreateTags", arn(call, kind, "*"), {**sent, "ec2:CreateAction": call.action})
    if call.params.get("InstanceMarketOptions.MarketType") == "spot":
        yield Asked(action, arn(call, "spot-instances-request", "*"), {})
    if call.action == "RunInstances" and not call.ids("NetworkInterface.1.SubnetId"):
        yield Asked(action, arn(call, "subnet", "subnet-default"), {})
    for parameter, kind in TOUCHES[call.action].items():
        for id in call.ids(parameter):
            id = allocation(double, call, id) if parameter == "AssociationId" else id
            has = {f"aws:ResourceTag/{name}": value for name, value in has_tags(double, call, id).items()}
            yield Asked(action, arn(call, kind or TYPES[id.partition("-")[0]], id), has)


def arn(call: Call, kind: str, id: str) -> str:
    return f"arn:aws:ec2:{call.region}:{'' if kind in PUBLIC else call.account}:{kind}/{id}"


def sent_tags(call: Call) -> dict[str, dict[str, str]]:
    """Type of what is made -> the tags that it is to have."""
    found: dict[str, dict[str, str]] = {}
    for key, value in call.params.items():
        parts = key.split(".")
        if parts[0] == "TagSpecification" and parts[-1] == "Key":
            kind = call.params[f"TagSpecification.{parts[1]}.ResourceType"]
            found.setdefault(kind, {})[value] = call.params[f"{key[:-3]}Value"]
    return found


def has_tags(double: Ec2Double, call: Call, id: str) -> dict[str, str]:
    backend = double.backend(call.account, call.region)
    return {tag["key"]: tag["value"] for tag in backend.describe_tags({"resource-id": [id]})}


def allocation(double: Ec2Double, call: Call, association: str) -> str:
    addresses = double.backend(call.account, call.region).addresses
    return next((one.id for one in addresses if one.association_id == association), association)
