# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances that a launch template and an Auto Scaling group made with all our tags are somebody's, and stay."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import shutil
import typing as t

import pytest
from moto.autoscaling.models import autoscaling_backends

from ansible_collections.dockyard.machine.plugins.module_utils import _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._adopt import Adopter
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._prune import Pruner
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._survey import Survey
from tests.contract import World
from tests.doubles.ec2 import ACCOUNT, Call, Ec2Double, Fault
from tests.model.clock import Clock

pytestmark = pytest.mark.slow

REGION = "eu-central-1"
OPTIONS = {
    "region": REGION,
    "zones": ["a"],
    "open_to": ["192.0.2.0/24"],
    "elastic_address": "new",
    "volumes": [{"name": "data", "size": 10, "type": "gp3"}],
}
for one in t.cast(t.Any, OPTIONS["volumes"]):
    one.update(dict.fromkeys(("id", "iops", "throughput", "snapshot_id", "device")))


class Killed(BaseException):
    pass


class Estate:
    """An account in which somebody launches more like our machine."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.clock = Clock()
        self.ec2 = Ec2Double(self.clock.time)
        self.ec2.pending = 3
        self.api = self.ec2.client("ec2")
        self.world = World(
            "dockyard.machine.amazonec2",
            self.ec2.driver(),
            OPTIONS,
            calls=self.ec2.calls,
            alive=self.ec2.alive,
            folder=folder,
            clock=self.clock,
        )
        self.copies: dict[str, t.Any] = {}  # id -> how it was

    # What somebody does

    def copy_all(self) -> None:
        """A template "like this instance", a group of four by it; its volume from a snapshot, its tags on an address."""
        (server,) = self.instances()
        ours = [{"Key": key, "Value": value} for key, value in server.items()]
        before = set(self.shown())
        specifications = [{"ResourceType": "instance", "Tags": ours}]
        image = self.api.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        data = {"ImageId": image, "InstanceType": "t3.small", "TagSpecifications": specifications}
        self.api.create_launch_template(LaunchTemplateName="more", LaunchTemplateData=data)
        group: dict[str, t.Any] = collections.defaultdict(lambda: None)
        group.update(name="more", availability_zones=[f"{REGION}a"], desired_capacity=4, max_size=4, min_size=4)
        group.update(launch_template={"LaunchTemplateName": "more", "Version": "$Latest"}, load_balancers=[])
        group.update(
            tags=[{"key": key, "value": value, "propagate_at_launch": "true"} for key, value in server.items()]
        )
        group.update(termination_policies=[], new_instances_protected_from_scale_in=False)
        backend = autoscaling_backends[ACCOUNT][REGION]
        names = backend.create_auto_scaling_group.__code__.co_varnames
        names = names[1 : backend.create_auto_scaling_group.__code__.co_argcount]
        backend.create_auto_scaling_group(**{name: group[name] for name in names})
        for one in self.ec2.alive():
            if one["tags"]["kind"] in ("Volume/data", "Address", "SecurityGroup"):
                self.ec2.copy(one["id"])
        self.clock.sleep(60)
        there = self.shown()
        self.copies.update({id: there[id] for id in there.keys() - before})
        assert sum(id.startswith("i-") for id in self.copies) >= 4

    def tags_of(self, kind: str) -> dict[str, str]:
        return next((one["tags"] for one in self.ec2.alive() if one["tags"]["kind"] == kind), {})

    # What there is

    def instances(self) -> list[dict[str, str]]:
        found = [one for all in self.api.describe_instances()["Reservations"] for one in all["Instances"]]
        return [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found if one["State"]["Name"] == "running"]

    def shown(self) -> dict[str, t.Any]:
        """id -> what a person sees of each instance, group, volume and address."""
        self.api.describe_instances()  # moves on what is pending
        backend = self.ec2.backend()
        groups = [group for one in backend.groups.values() for group in one.values() if group.name != "default"]
        living = [one for one in backend.all_instances() if one.state not in ("terminated", "shutting-down")]
        return {
            one.id: (getattr(one, "state", ""), sorted(map(str, backend.describe_tags({"resource-id": [one.id]}))))
            for one in (*living, *groups, *backend.volumes.values(), *backend.addresses)
        }

    def tagged(self) -> set[str]:
        """Ids of the copies but for what came with an instance and has no tags."""
        return {id for id, (_state, tags) in self.copies.items() if tags}

    def untouched(self) -> None:
        there = self.shown()
        assert {id: there.get(id) for id in self.copies} == self.copies

    # What we do

    def run(self, state: str = "present", **more: t.Any) -> t.Any:
        return self.world.run(state, **more)

    def until_it_ends(self, state: str, **more: t.Any) -> list[MachineError]:
        """Twice at most, what can't be decided left for a person."""
        errors = []
        for _again in range(2):
            try:
                self.run(state, **more)
                break
            except MachineError as error:
                errors.append(error)
        self.untouched()
        return errors

    def killed(self, action: str, state: str = "present", **more: t.Any) -> None:
        def kill(when: str, call: Call) -> None:
            if (when, call.action) == ("after", action):
                self.ec2.watch = lambda when, call: None
                raise Killed

        self.ec2.watch = kill
        with pytest.raises(Killed):
            self.run(state, **more)

    def survey(self) -> Survey:
        return Survey(
            self.world.driver, self.world.store, dataclasses.replace(self.world.last.task.wish, name=""), self.clock
        )

    def prune(self, *ids: str) -> dict[str, t.Any]:
        return Pruner(self.survey(), ids).run()


@pytest.fixture()
def estate(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 AAAA"])
    autoscaling_backends.reset()
    return Estate(tmp_path)


def test_present_absent_and_prune(estate: Estate) -> None:
    estate.run()
    estate.copy_all()
    assert not estate.run().changed
    result = estate.prune()
    assert not result["changed"]
    why = {one["id"]: one["why"] for one in result["unrecorded"]}
    assert all(
        why[id] == "it has the tags of web1, but is a copy" for id in estate.copies if id.startswith(("i-", "sg-"))
    )
    assert why.keys() >= estate.tagged(), "of the volume and the address nothing tells, so they are listed as well"
    machine = estate.world.last.resources.record.id
    estate.run("absent")
    estate.untouched()
    for ids in ((), (machine,)):
        assert not estate.prune(*ids)["changed"]
        estate.untouched()
    assert {one["id"] for one in estate.ec2.alive()} == estate.tagged()


@pytest.mark.parametrize("end", ["present", "absent"])
@pytest.mark.parametrize("left", ["both", "copies"])
def test_a_killed_create(estate: Estate, end: str, left: str) -> None:
    estate.killed("RunInstances")
    estate.clock.sleep(60)
    (ours,) = (one.id for one in estate.ec2.backend().all_instances())
    estate.copy_all()
    if left == "copies":
        estate.api.terminate_instances(InstanceIds=[ours])
        estate.clock.sleep(60)
    assert not estate.until_it_ends(end)
    if end == "present":
        assert (estate.world.resources()["Instance"] == ours) == (left == "both")
        estate.run("absent")
    estate.untouched()
    assert {one["id"] for one in estate.ec2.alive()} == estate.tagged()


def test_a_removal_that_timed_out_and_is_run_again(estate: Estate) -> None:
    estate.run()
    estate.ec2.faults = [Fault("ReleaseAddress", times=-1)]
    with pytest.raises(MachineError, match="still exists"):
        estate.run("absent", timeout=20)
    estate.ec2.faults = []
    estate.copies.clear()
    again = estate.api.run_instances(MinCount=1, MaxCount=1, ImageId=next(iter(estate.ec2.backend().amis)))[
        "Instances"
    ][0]["InstanceId"]
    gone = estate.world.store.read("web1")
    assert gone is not None
    tags = {"store": estate.world.store.id, "id": gone.id, "machine": "web1", "kind": "Instance"}
    tags.update(generation="1", attempt="1")
    estate.api.create_tags(
        Resources=[again], Tags=[{"Key": f"dockyard:{key}", "Value": value} for key, value in tags.items()]
    )
    estate.clock.sleep(60)
    estate.copies[again] = estate.shown()[again]
    assert not estate.until_it_ends("absent")
    estate.prune()
    estate.untouched()


def test_a_killed_recreate(estate: Estate) -> None:
    estate.run()
    estate.copy_all()
    other = {"image": "ubuntu-24.04"}
    estate.killed("TerminateInstances", options=other, recreate=True)
    estate.clock.sleep(60)
    assert not estate.until_it_ends("present", options=other, recreate=True)
    estate.run("absent")
    estate.prune()
    estate.untouched()


def test_a_killed_change_of_what_nothing_proves_asks_a_person(estate: Estate) -> None:
    """An address and a volume show no token: two that bear the tags are told apart by nobody but a person."""
    estate.killed("AllocateAddress")
    tags = [{"Key": f"dockyard:{key}"} for key in estate.tags_of("Address")]
    copy = estate.ec2.copy(estate.ec2.backend().addresses[0].id)
    estate.clock.sleep(60)
    estate.copies[copy] = estate.shown()[copy]
    for state in ("present", "absent"):
        errors = estate.until_it_ends(state)
        assert {error.code for error in errors} == {"unproved"} and copy in errors[0].text()
    (ours,) = (one.id for one in estate.ec2.backend().addresses if one.id != copy)
    estate.api.delete_tags(Resources=[copy], Tags=tags)
    assert estate.prune(ours)["changed"], "what is not mine"
    estate.copies[copy] = estate.shown()[copy]
    assert not estate.until_it_ends("present")
    estate.run("absent")
    estate.untouched()
    assert not estate.ec2.alive()


@pytest.mark.parametrize("left", ["both", "copies"])
def test_a_lost_record(estate: Estate, left: str) -> None:
    estate.run()
    ours = estate.world.resources()["Instance"]
    estate.copy_all()
    if left == "copies":
        estate.api.terminate_instances(InstanceIds=[ours])
        estate.clock.sleep(60)
    survey, former = estate.survey, estate.world.store.id
    shutil.rmtree(estate.world.store.path)
    result = Adopter(survey(), (), former).run()
    estate.untouched()
    assert result["adopted"] == [] and result["failed"], "two volumes, two addresses"
    assert sum("but is a copy" in one["why"] for one in result["others"]) == sum(
        id.startswith(("i-", "sg-")) for id in estate.copies
    )
