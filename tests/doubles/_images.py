# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the EC2 double: today's Debian and Ubuntu by their true owners, older builds, a look-alike, and one of
the account's own with several volumes."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
import typing as t

DEBIAN, UBUNTU, STRANGER, OWN = "136693071363", "099720109477", "666666666666", "123456789012"
BUILDS = {
    (DEBIAN, "debian-12-{arch}-{build}-2241"): ("20260901", "20261012"),
    (DEBIAN, "debian-13-{arch}-{build}-2250"): ("20260908", "20261102", "20261005"),
    (UBUNTU, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{arch}-server-{build}"): ("20261015",),
    (UBUNTU, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{arch}-server-{build}"): ("20261104", "20260918"),
    (UBUNTU, "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-{arch}-server-{build}"): ("20261106",),
    (STRANGER, "debian-13-{arch}-{build}-2250"): ("20261120",),
    (OWN, "appliance-{arch}-{build}"): ("20261110",),
}
# What an image has besides its root: pattern of its name -> its mappings, in EC2's form. Whoever makes an image of an
# instance has its volumes in it, and that they stay is the default.
FURTHER = {
    "appliance-*": [
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 40, "VolumeType": "gp3", "DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 50, "VolumeType": "st1", "DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
}


def images() -> list[dict[str, t.Any]]:
    """In the form that moto reads."""
    found = []
    for (owner, name), builds in BUILDS.items():
        for build in builds:
            for arch, architecture in (("amd64", "x86_64"), ("arm64", "arm64")):
                found.append(
                    {
                        "ami_id": f"ami-{len(found) + 1:017x}",
                        "name": name.format(arch=arch, build=build),
                        "description": "An image",
                        "owner_id": owner,
                        "architecture": architecture,
                        "creation_date": f"{build[:4]}-{build[4:6]}-{build[6:]}T06:00:00.000Z",
                        "image_location": f"{owner}/{build}",
                        "root_device_name": "/dev/xvda" if "debian" in name else "/dev/sda1",
                        "root_device_type": "ebs",
                        "virtualization_type": "hvm",
                        "hypervisor": "xen",
                        "image_type": "machine",
                        "platform": None,
                        "sriov": "simple",
                        "state": "available",
                        "public": True,
                    }
                )
    return found


def provide() -> None:
    """Have moto load these in the place of its own 1,301; before moto is imported."""
    file, path = tempfile.mkstemp(suffix=".json")
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        json.dump(images(), stream)
    os.environ["MOTO_AMIS_PATH"] = path
    try:
        from moto.ec2.models import amis

        amis.AMIS[:] = images()  # it may have been imported before
    finally:
        pathlib.Path(path).unlink()
