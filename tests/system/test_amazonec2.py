# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path on EC2: the API is the double's, over HTTP, and each of its instances is a container host.

Where only the API's faults are at stake, the instances are the double's alone.
"""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.dockyard.machine.plugins.modules import amazonec2
from tests.beds.hosts import Bed, Host
from tests.doubles.ec2 import Ec2Double, Fault

# What cloud-init does with our user data, before sshd starts.
APPLY = """#!/usr/bin/python3
import json, os, pathlib, subprocess
config = json.loads(pathlib.Path("/etc/user-data").read_text().partition("\\n")[2])
def write(path, text, mode):
    path = pathlib.Path(path)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch()
    path.chmod(mode)
    path.write_text(text)
if not os.path.exists("/etc/applied"):
    for kind, text in config["ssh_keys"].items():
        name, _, part = kind.partition("_")
        write("/etc/ssh/ssh_host_%s_key%s" % (name, "" if part == "private" else ".pub"), text, 0o600)
    for user in config["users"]:
        name = user["name"]
        subprocess.run(["useradd", "--create-home", "--shell", user["shell"], name], check=True)
        write("/etc/sudoers.d/" + name, "%s %s\\n" % (name, user["sudo"]), 0o440)
        write("/home/%s/.ssh/authorized_keys" % name, "\\n".join(user["ssh_authorized_keys"]) + "\\n", 0o600)
        subprocess.run(["chown", "-R", name, "/home/%s/.ssh" % name], check=True)
    subprocess.run(["hostname", config["hostname"]], check=True)
    write("/etc/applied", "", 0o600)
"""
BEFORE_SSHD = "[Service]\nExecStartPre=\nExecStartPre=/usr/local/sbin/apply\nExecStartPre=/usr/sbin/sshd -t\n"


class Containers:
    """What really runs: the double's ``hosts``."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.running: dict[str, Host] = {}
        self.first_keys: list[str] = []

    def start(self, id: str, user_data: str) -> str:
        if id in self.running:
            self.bed.engine.docker("start", self.running[id].container)
        else:
            text = base64.b64decode(user_data).decode()
            self.first_keys.append(json.loads(text.partition("\n")[2])["ssh_keys"]["ed25519_public"])
            files = {"/etc/user-data": text, "/usr/local/sbin/apply": APPLY}
            files["/etc/systemd/system/ssh.service.d/apply.conf"] = BEFORE_SSHD
            self.running[id] = self.bed.host(wait=False, customize=files)
        container = self.running[id].container
        return self.bed.engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", container)

    def stop(self, id: str) -> None:
        self.bed.engine.docker("stop", self.running[id].container)

    def end(self, id: str) -> None:
        if id in self.running:
            self.bed.remove(self.running.pop(id))


@pytest.fixture()
def ec2(bed):
    double = Ec2Double()
    double.hosts, double.pending = Containers(bed), 0.5
    with double.serve():
        yield double
    for id in list(double.hosts.running):
        double.hosts.end(id)


@pytest.fixture()
def extra(ec2, store, ansible):
    ansible.environment.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret-canary-2b")
    options = {"region": "eu-central-1", "endpoint_url": ec2.url, "address_service": ec2.url}
    return {
        "machine_store": str(store),
        "machine_driver": "amazonec2",
        "machine_names": "web",
        "machine_options": options,
    }


def test_an_instance_is_made_used_stopped_started_and_removed(ec2, extra, ansible, store, use):
    checked = ansible.playbook("create_hosts", extra, check=True).ok()
    assert checked.changed and not ec2.alive()

    ansible.playbook("create_hosts", extra).ok()
    container = use("web")
    assert container["State"]["Running"]
    record = json.loads((store / "machines" / "web" / "machine.json").read_text())
    assert {one["tags"]["kind"] for one in ec2.alive(record_id=record["id"])} == {"Instance", "SecurityGroup"}
    assert record["ssh"]["policy"] == "user_data"
    assert record["ssh"]["host_keys"] and record["ssh"]["host_keys"] != ec2.hosts.first_keys
    groups = ec2.client("ec2").describe_security_groups(Filters=[{"Name": "tag:dockyard:machine", "Values": ["web"]}])
    sources = {rule["source"] for rule in amazonec2.rules_of(groups["SecurityGroups"][0])}
    assert sources == {"127.0.0.1/32"}, "as the address service said"

    # Again: nothing changes, and all that is asked is how it is.
    before = len(ec2.log)
    assert ansible.playbook("create_hosts", extra).ok().changed == 0
    assert set(ec2.calls(before)) <= {"GetCallerIdentity", "DescribeInstances", "DescribeSecurityGroups"}
    assert ec2.calls(before).count("GetCallerIdentity") == 1, "whose credentials these are, once a place"
    assert use("web")["State"]["Pid"] == container["State"]["Pid"]

    # Stopped and started: it comes back with its Engine and its container.
    power = {"store": str(store), "name": "web"}
    assert ansible.module("machine", {**power, "state": "stopped"}).ok().value["machine"]["state"] == "stopped"
    assert ansible.module("machine", {**power, "state": "started"}).ok().value["machine"]["state"] == "running"
    ansible.playbook("create_hosts", extra).ok()
    assert use("web")["State"]["Running"]

    ansible.playbook("remove_hosts", {"machine_store": str(store), "machine_names": "web"}).ok()
    assert not ec2.alive() and not ec2.hosts.running
    assert list((store / "machines").iterdir()) == []
    for path in store.rglob("*.json"):
        assert "canary" not in path.read_text()


# The API's faults, met by real processes over real HTTP

THROTTLED = {"code": "RequestLimitExceeded", "status": 429, "headers": {"Retry-After": "1"}}
UNAVAILABLE = {"code": "Unavailable", "status": 503}
LOST = {"how": "reset", "after": True}
PAGE = {"how": "html", "status": 200}
MAKING = ("DescribeImages", "GetCallerIdentity", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances")
REMOVING = ("DescribeInstances", "TerminateInstances", "DescribeSecurityGroups", "DeleteSecurityGroup")
CALLS = (*MAKING, *REMOVING)
MIXED = dict(zip(CALLS, (THROTTLED, UNAVAILABLE, LOST, PAGE, LOST, UNAVAILABLE, LOST, PAGE, THROTTLED), strict=True))


@pytest.fixture()
def api():
    double = Ec2Double()
    double.pending = 0.2
    with double.serve():
        yield double


@pytest.fixture()
def machine(api, store, ansible):
    """One task on a machine, whose host nobody logs in to."""
    ansible.environment.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret-canary-2b")
    options = {"region": "eu-central-1", "endpoint_url": api.url, "address_service": api.url}
    known = {"store": str(store), "name": "web", "timeout": 90, **options}
    return lambda state="present": ansible.module("amazonec2", {**known, "state": state})


def made(api: Ec2Double) -> list[str]:
    return sorted(one["tags"]["kind"] for one in api.alive())


def created(api: Ec2Double) -> tuple[int, int]:
    """How many there ever were: instances, and groups besides the default."""
    groups = {call.params["GroupName"] for call in api.log if call.action == "CreateSecurityGroup"}
    return len(api.backend().all_instances()), len(groups)


@pytest.mark.parametrize(
    "faults",
    [
        MIXED,
        *(
            pytest.param(dict.fromkeys(CALLS, fault), id=name, marks=pytest.mark.long)
            for name, fault in {"429": THROTTLED, "503": UNAVAILABLE, "lost": LOST, "page": PAGE}.items()
        ),
        pytest.param({"RunInstances": {"how": "timeout", "after": True}}, id="time-out", marks=pytest.mark.long),
    ],
    ids=lambda faults: "mixed",
)
def test_what_the_api_does_wrong_once_is_made_good(api, machine, faults):
    """Each call meets its fault once. Nothing is made twice, and nothing stays."""
    api.silence = 32.0  # longer than the driver waits
    api.faults = [Fault(action, **fault) for action, fault in faults.items()]
    result = machine().ok().value
    assert result["changed"] and result["machine"]["state"] == "running"
    assert made(api) == ["Instance", "Instance", "SecurityGroup"]  # the root volume bears its instance's tags
    assert created(api) == (1, 1)
    assert machine("absent").ok().value["changed"]
    assert not made(api)
    assert all(fault.fired == 1 for fault in api.faults), "each was met"


@pytest.mark.long
@pytest.mark.parametrize("action", CALLS)
def test_credentials_that_expire_are_said_to_have(api, machine, action):
    """At any call; with new ones the next run goes on from there."""
    making = action in MAKING
    if not making:
        machine().ok()
    api.faults = [Fault(action, "ExpiredToken", 403, times=-1)]
    run = machine("present" if making else "absent")
    failed = run.value
    assert run.rc and "ExpiredToken" in failed["msg"] and "redentials" in failed["msg"]
    left = {one["id"] for one in api.alive() if not one["id"].startswith("vol-")}
    assert all(id in str(failed["error"]["left_behind"]) for id in left)
    before = len(api.log)
    api.faults = []
    machine().ok() if making else machine("absent").ok()
    assert len(api.log) > before and made(api) == (["Instance", "Instance", "SecurityGroup"] if making else [])
    assert created(api) == (1, 1)


@pytest.mark.long
def test_a_host_is_made_by_an_api_that_does_all_of_it_wrong_once(ec2, extra, ansible, store, use):
    ec2.faults = [Fault(action, **fault) for action, fault in MIXED.items()]
    ansible.playbook("create_hosts", extra).ok()
    assert use("web")["State"]["Running"]
    assert made(ec2) == ["Instance", "Instance", "SecurityGroup"] and created(ec2) == (1, 1)
    ansible.playbook("remove_hosts", {"machine_store": str(store), "machine_names": "web"}).ok()
    assert not made(ec2) and not ec2.hosts.running
    assert all(fault.fired == 1 for fault in ec2.faults)
