# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of EC2, STS and SSM: moto, behind a layer that does what the published API says and moto does not.

    with Ec2Double().in_process() as ec2:      # each botocore client of this process talks to it, without sockets
    with Ec2Double().serve() as ec2:           # on 127.0.0.1: ec2.url is what endpoint_url is to be

``ec2.log`` has each request, ``ec2.faults`` makes requests fail, ``ec2.alive()`` is what exists and costs.
A process has one double at a time, since moto's state is the process's. It survives a fork.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import fnmatch
import functools
import http.client
import http.server
import io
import json
import re
import threading
import time
import typing as t
import urllib.parse
import uuid

from tests.doubles import _images, _policy

_images.provide()

import boto3.session  # noqa: E402
import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.httpsession  # noqa: E402
from botocore.awsrequest import AWSResponse  # noqa: E402
from moto.core.request import Request  # noqa: E402
from moto.ec2.models import ec2_backends  # noqa: E402
from moto.ec2.models.amis import Ami  # noqa: E402
from moto.ec2.models.elastic_network_interfaces import NetworkInterface  # noqa: E402
from moto.ec2.responses import EC2Response  # noqa: E402
from moto.sts.models import sts_backends  # noqa: E402
from moto.sts.responses import TokenResponse  # noqa: E402

from ansible_collections.dockyard.machine.plugins.modules import amazonec2  # noqa: E402

ACCOUNT = "123456789012"
_association = NetworkInterface.association.fget


def _owned(interface: NetworkInterface) -> dict[str, t.Any]:
    """Only an elastic address is the account's; moto calls each one so."""
    found = _association(interface)
    return {**found, "ipOwnerId": "amazon"} if found and "allocationId" not in found else found


NetworkInterface.association = property(_owned)
_root_alone = Ami.block_device_mappings.fget


def _all_volumes(image: Ami) -> list[dict[str, t.Any]]:
    """With those besides its root, of which moto knows nothing."""
    further = (found for name, found in _images.FURTHER.items() if fnmatch.fnmatchcase(image.name or "", name))
    return [*_root_alone(image), *copy.deepcopy(next(further, []))]


Ami.block_device_mappings = property(_all_volumes)
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
# action -> the states in which an instance takes it, the state at once, the state in the end
POWER = {
    "StartInstances": ({"stopped"}, "pending", "running"),
    "StopInstances": ({"running", "stopping", "stopped"}, "stopping", "stopped"),
    "RebootInstances": ({"running"}, None, None),
    "TerminateInstances": (set(CODES), "shutting-down", "terminated"),
    "AttachVolume": ({"running", "stopped"}, None, None),
    "AssociateAddress": ({"running", "stopped", "stopping"}, None, None),
}
MAKES = {"RunInstances", "CreateSecurityGroup", "CreateVolume", "AllocateAddress"}
IDS = re.compile(r"<(?:instanceId|groupId|volumeId|allocationId)>((?:i|sg|vol|eipalloc)-[0-9a-f]+)<")
VERSIONS = ("3", "stable")  # of each parameter: the number, and a label
PARAMETERS = {
    "/aws/service/debian/release/13/latest/amd64": "debian-13-amd64-*",
    "/shop/images/appliance": "appliance-amd64-*",
    "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id": "*-24.04-amd64-server-*",
}


@dataclasses.dataclass
class Call:
    """One request, as it came in."""

    number: int
    service: str
    action: str
    params: dict[str, str]
    account: str
    region: str
    at: float
    error: str = ""  # the code that was answered

    def ids(self, name: str) -> list[str]:
        return [value for key, value in self.params.items() if key == name or key.startswith(f"{name}.")]


@dataclasses.dataclass
class Fault:
    """What a request meets in the place of its answer; with ``after``, once it has taken effect."""

    action: str = "*"  # pattern
    code: str = "InternalError"
    status: int = 500
    after: bool = False
    how: str = "error"  # or timeout, reset, unreachable, html
    headers: dict[str, str] = dataclasses.field(default_factory=dict)  # Retry-After, say
    times: int = 1  # -1: for ever
    fired: int = 0

    def __call__(self, call: Call) -> Fault | None:
        if self.times == self.fired or not fnmatch.fnmatchcase(call.action, self.action):
            return None
        self.fired += 1
        return self


class Lost(Exception):
    """No answer reaches the client."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


Answer = tuple[int, dict[str, str], bytes]


class Ec2Double:
    def __init__(self, now: t.Callable[[], float] = time.time) -> None:
        ec2_backends.reset()
        sts_backends.reset()
        self.now = now
        self.log: list[Call] = []
        self.faults: list[t.Callable[[Call], Fault | None]] = []
        self.watch: t.Callable[[str, Call], None] = lambda when, call: None  # told "before" and "after" each effect
        self.accounts: dict[str, str] = {}  # access key -> account; others are of ACCOUNT
        self.pending = 0.0  # seconds that an instance takes from state to state
        self.lag = 0.0  # seconds until a new thing shows in lists
        self.read_lag = 0.0  # and by its id
        self.token_life = 86400.0
        self.silence = 1.5  # seconds until a connection without an answer is closed
        self.policy: _policy.Policy | None = None  # what the credentials allow; None: all
        self.page_size = 1000
        self.full: list[str] = []  # patterns of TYPE/ZONE/MARKET without capacity; market: spot or on-demand
        self.full_later: list[str] = []  # the same, told by the instance's end after it was accepted
        self.hosts: t.Any = None  # start(id, user_data) -> address, stop(id), end(id): what really runs
        self.url = ""
        self.repeats = False  # whether a read is answered as before while no request changed anything: quicker
        self._reads: dict[tuple[t.Any, ...], Answer] = {}  # those answers
        self._tokens: dict[tuple[str, ...], tuple[dict[str, str], float, Answer]] = {}
        self._born: dict[str, float] = {}
        self._moves: dict[str, tuple[float, t.Any, str]] = {}  # instance id -> when, the instance, state
        self._lock = threading.RLock()

    # What there is

    def backend(self, account: str = ACCOUNT, region: str = "eu-central-1") -> t.Any:
        """moto's own, for tests that look or prepare: backend().all_instances() and so on."""
        return ec2_backends[account][region]

    def alive(self, store_id: str | None = None, record_id: str | None = None) -> list[dict[str, t.Any]]:
        """What exists and bears our tags, in all accounts and regions."""
        self._advance()
        found = []
        for account, regions in list(ec2_backends.items()):
            for region, backend in list(regions.items()):
                groups = [group for one in backend.groups.values() for group in one.values()]
                living = [one for one in backend.all_instances() if one.state != "terminated"]
                for one in (*living, *groups, *backend.volumes.values(), *backend.addresses):
                    tags = {tag["key"]: tag["value"] for tag in backend.describe_tags({"resource-id": [one.id]})}
                    ours = {name[9:]: value for name, value in tags.items() if name.startswith("dockyard:")}
                    if ours and store_id in (None, ours.get("store")) and record_id in (None, ours.get("id")):
                        found.append({"id": one.id, "tags": ours, "account": account, "region": region})
        return found

    def calls(self, since: int = 0) -> list[str]:
        return [call.action for call in self.log[since:]]

    def copy(self, id: str) -> str | None:
        """More like this, as somebody makes it: with all tags. What EC2 makes unique the copy does not have."""
        api, backend = self.client("ec2"), self.backend()
        tags = backend.describe_tags({"resource-id": [id]})
        kind, made = id.partition("-")[0], None
        if kind == "i":
            one = api.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
            answer = api.run_instances(
                MinCount=1, MaxCount=1, ImageId=one["ImageId"], InstanceType="t3.micro", ClientToken=uuid.uuid4().hex
            )
            made = answer["Instances"][0]["InstanceId"]
        elif kind == "vol":
            one = api.describe_volumes(VolumeIds=[id])["Volumes"][0]
            made = api.create_volume(AvailabilityZone=one["AvailabilityZone"], Size=one["Size"])["VolumeId"]
        elif kind == "eipalloc":
            made = api.allocate_address(Domain="vpc")["AllocationId"]
        elif kind == "sg":
            made = api.create_security_group(GroupName=uuid.uuid4().hex, Description="copy")["GroupId"]
        if made:
            api.create_tags(Resources=[made], Tags=[{"Key": tag["key"], "Value": tag["value"]} for tag in tags])
        return made

    # The two ways in

    @contextlib.contextmanager
    def in_process(self) -> t.Iterator[Ec2Double]:
        """All requests of botocore in this process come here."""
        session = botocore.httpsession.URLLib3Session
        real = session.send

        session.send = lambda _session, request: self.send(request)
        try:
            yield self
        finally:
            session.send = real

    @contextlib.contextmanager
    def serve(self, address: str = "127.0.0.1", port: int = 0) -> t.Iterator[Ec2Double]:
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # what an address service answers
                self._reply(200, {"Content-Type": "text/plain"}, self.client_address[0].encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    self._reply(*double.handle(self.headers, body))
                except Lost as lost:
                    if str(lost) == "timeout":
                        time.sleep(double.silence)
                    self.close_connection = True

            def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: t.Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer((address, port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://{address}:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def client(self, service: str, region: str = "eu-central-1", key: str = "key") -> t.Any:
        """A client of this double alone, without sockets, whatever else botocore does in this process."""
        one = _client(service, region, key)
        one._endpoint.http_session = self
        return one

    def driver(self) -> type[amazonec2.AmazonEC2]:
        """The driver, connected to this double."""
        double = self

        class AmazonEC2(amazonec2.AmazonEC2):
            __module__ = amazonec2.__name__

            def service(self, name: str) -> t.Any:
                return double.client(name, self.options["region"], self.options["access_key"] or "key")

        return AmazonEC2

    def send(self, request: t.Any) -> AWSResponse:
        """As botocore's HTTP session."""
        try:
            status, headers, body = self.handle(request.headers, request.body or b"")
        except Lost as lost:
            raise _as_botocore(str(lost), request.url) from None
        return AWSResponse(request.url, status, headers, _Raw(body))

    # A request

    def handle(self, headers: t.Any, body: t.Any) -> Answer:
        with self._lock:
            call = self._parse(headers, body)
            self.log.append(call)
            fault = next((found for fault in self.faults if (found := fault(call))), None)
            self.watch("before", call)
            try:
                if fault and not fault.after:
                    return self._fail(fault, call)
                answer = self._serve(call, headers)
                self.watch("after", call)
                return self._fail(fault, call) if fault else answer
            except Refused as error:
                return self._error(call, error.status, error.code, str(error), {})

    def _parse(self, headers: t.Any, body: t.Any) -> Call:
        signature = _text(headers.get("Authorization") or "")
        scope = re.search(r"Credential=([^/]*)/[^/]*/([^/]*)/([^/]*)/", signature)
        key, region, service = scope.groups() if scope else ("", "us-east-1", "ec2")
        target, text = _text(headers.get("X-Amz-Target") or ""), _text(body)
        params = json.loads(text) if target else dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        action = target.rpartition(".")[2] or params.pop("Action", "")
        params.pop("Version", None)
        account = self.accounts.get(key, ACCOUNT)
        return Call(len(self.log), service, action, params, account, region, self.now())

    def _fail(self, fault: Fault, call: Call) -> Answer:
        if fault.how in ("timeout", "reset", "unreachable"):
            call.error = fault.how
            raise Lost(fault.how)
        if fault.how == "html":
            call.error = "html"
            return fault.status, {"Content-Type": "text/html"}, b"<html><body>Bad gateway</body></html>"
        return self._error(call, fault.status, fault.code, "An error that the test asked for", fault.headers)

    @staticmethod
    def _error(call: Call, status: int, code: str, message: str, headers: dict[str, str]) -> Answer:
        call.error = code
        if call.service == "ssm":
            text = json.dumps({"__type": code, "message": message})
        elif call.service == "sts":
            text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        else:
            text = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            text = f"<Response>{text}<RequestID>{uuid.uuid4()}</RequestID></Response>"
        return status, {"Content-Type": "text/xml", **headers}, text.encode()

    def _serve(self, call: Call, headers: t.Any) -> Answer:
        denied = self.policy and self.policy.denied(self, call)
        if denied:
            said = f"You are not authorized to perform: {denied.action} on resource: {denied.resource}"
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDeniedException"
            raise Refused(code, said, 403 if call.service == "ec2" else 400)
        if call.service == "ssm":
            return self._parameter(call)
        if call.service == "sts":
            return self._moto(TokenResponse, call, headers)
        self._advance()
        rules = getattr(self, f"_before_{call.action}", None)
        if rules:
            rules(call)
        if call.action in POWER:
            self._check_power(call)
        known = getattr(self, f"_answer_{call.action}", lambda call: None)(call)
        if known:
            return known
        token = call.params.get("ClientToken")
        key = (call.account, call.region, call.action, self._zone(call), token or "")
        request = {name: value for name, value in call.params.items() if name != "ClientToken"}
        if token and key in self._tokens:
            asked, at, answer = self._tokens[key]
            if call.at - at < self.token_life:
                if asked != request:
                    raise Refused(
                        "IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent"
                    )
                return answer
        if call.action == "RunInstances":
            self._check_capacity(call)
        if call.action.startswith("Describe"):
            answer = self._read(call, headers)
        else:
            self._reads.clear()
            with self._once(call):
                answer = self._moto(EC2Response, call, headers)
        if answer[0] >= 400:
            found = re.search(rb"<Code>(.*?)</Code>", answer[2])
            call.error = found[1].decode() if found else str(answer[0])
            return answer
        self._after(call, set(IDS.findall(answer[2].decode())))
        if token:
            self._tokens[key] = (request, call.at, answer)
        return answer

    def _read(self, call: Call, headers: t.Any) -> Answer:
        by_id = any(call.ids(name) for name in ("InstanceId", "GroupId", "VolumeId", "AllocationId"))
        lag = self.read_lag if by_id else self.lag
        hidden = frozenset(id for id, at in self._born.items() if call.at - at < lag)
        key = (call.account, call.region, call.action, *call.params.items(), hidden)
        if self.repeats and key in self._reads:
            return self._reads[key]
        with self._without(self._of(call), hidden):
            answer = self._moto(EC2Response, call, headers)
        if self.repeats:
            self._reads[key] = answer
        return answer

    def _moto(self, response: t.Any, call: Call, headers: t.Any) -> Answer:
        params = self._with_image(call) if call.action == "RunInstances" else call.params
        body = urllib.parse.urlencode({"Action": call.action, "Version": "2016-11-15", **params})
        passed = {
            "Authorization": _text(headers.get("Authorization") or ""),
            "Content-Type": "application/x-www-form-urlencoded",
            "x-moto-account-id": call.account,
        }
        if response is TokenResponse:
            body = body.replace("2016-11-15", "2011-06-15")
        url = f"https://{call.service}.{call.region}.amazonaws.com/"
        status, reply, text = response.dispatch(Request.from_primitives("POST", url, passed, body))
        return status, {name: str(value) for name, value in reply.items()}, _bytes(text)

    def _parameter(self, call: Call) -> Answer:
        name, _colon, version = call.params["Name"].partition(":")
        pattern = PARAMETERS.get(name)
        if pattern is not None and version not in ("", *VERSIONS):
            raise Refused("ParameterVersionNotFound", "Systems Manager could not find version of the parameter")
        if pattern is None:
            raise Refused("ParameterNotFound", "There is no such parameter")
        newest = max(
            (image["creation_date"], image["ami_id"])
            for image in _images.images()
            if fnmatch.fnmatchcase(image["name"], pattern) and image["owner_id"] != _images.STRANGER
        )
        value = {"Parameter": {"Name": call.params["Name"], "Type": "String", "Value": newest[1]}}
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value).encode()

    # What moto does not do

    def _with_image(self, call: Call) -> dict[str, str]:
        """A request to run instances, with what the image says of its volumes and the request does not."""
        params = dict(call.params)
        image = self._of(call).amis[params["ImageId"]]
        numbers = {value: key.split(".")[1] for key, value in params.items() if key.endswith(".DeviceName")}
        for mapping in image.block_device_mappings[1:]:
            if "Ebs" in mapping:
                number = numbers.setdefault(mapping["DeviceName"], str(len(numbers) + 1))
                params[f"BlockDeviceMapping.{number}.DeviceName"] = mapping["DeviceName"]
                for name, value in mapping["Ebs"].items():
                    params.setdefault(f"BlockDeviceMapping.{number}.Ebs.{name}", str(value).lower())
        return params

    def _of(self, call: Call) -> t.Any:
        return self.backend(call.account, call.region)

    def _instances(self, call: Call) -> list[t.Any]:
        wanted = call.ids("InstanceId")
        return [one for one in self._of(call).all_instances() if one.id in wanted]

    def _zone(self, call: Call) -> str:
        subnet = call.params.get("SubnetId") or call.params.get("NetworkInterface.1.SubnetId")
        subnets = self._of(call).describe_subnets([subnet]) if subnet and call.action == "RunInstances" else []
        named = call.params.get("Placement.AvailabilityZone") or call.params.get("AvailabilityZone")
        return subnets[0].availability_zone if subnets else named or ""

    def _check_capacity(self, call: Call) -> None:
        spot = call.params.get("InstanceMarketOptions.MarketType") == "spot"
        what = f"{call.params.get('InstanceType')}/{self._zone(call)}/{'spot' if spot else 'on-demand'}"
        if any(fnmatch.fnmatchcase(what, pattern) for pattern in self.full):
            raise Refused("InsufficientInstanceCapacity", f"There is no capacity for {what}", 500)
        key = call.params.get("KeyName")
        if key and key not in self._of(call).key_pairs:
            raise Refused("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
        call.params.setdefault("InstanceType", "m1.small")
        if call.params.get("ImageId") not in self._of(call).amis:
            raise Refused("InvalidAMIID.NotFound", f"The image id '[{call.params.get('ImageId')}]' does not exist")

    def _check_power(self, call: Call) -> None:
        states = POWER[call.action][0]
        for one in self._instances(call):
            if one.state not in states:
                code = "IncorrectState" if call.action == "AttachVolume" else "IncorrectInstanceState"
                raise Refused(code, f"The instance '{one.id}' is {one.state}")
            if call.action == "StopInstances" and one.lifecycle == "spot":
                raise Refused("UnsupportedOperation", "You can't stop the Spot Instance: its request is one-time")

    def _before_DescribeInstances(self, call: Call) -> None:
        if not call.ids("InstanceId"):
            call.params["MaxResults"] = str(min(int(call.params.get("MaxResults", 1000)), self.page_size))

    def _before_DeleteSecurityGroup(self, call: Call) -> None:
        for one in self._of(call).all_instances():
            groups = {group.id for group in one.security_groups} | {
                group.id for nic in one.nics.values() for group in nic.group_set
            }
            if one.state != "terminated" and call.params["GroupId"] in groups:
                raise Refused("DependencyViolation", f"resource {call.params['GroupId']} has a dependent object")

    def _before_DeleteVolume(self, call: Call) -> None:
        volume = self._of(call).volumes.get(call.params["VolumeId"])
        if volume is not None and volume.attachment:
            raise Refused("VolumeInUse", f"Volume {volume.id} is currently attached to {volume.attachment.instance.id}")

    def _answer_AssociateAddress(self, call: Call) -> Answer | None:
        """Twice is fine. To another machine it goes only if that was not ruled out."""
        for one in self._of(call).addresses:
            if one.id == call.params["AllocationId"] and one.association_id:
                if one.instance_id != call.params["InstanceId"]:
                    if call.params.get("AllowReassociation") != "false":
                        return None  # it moves
                    raise Refused("Resource.AlreadyAssociated", f"resource {one.id} is already associated")
                body = f"<associationId>{one.association_id}</associationId><return>true</return>"
                body = f"<AssociateAddressResponse>{body}</AssociateAddressResponse>"
                return 200, {"Content-Type": "text/xml"}, body.encode()
        return None

    def _before_ReleaseAddress(self, call: Call) -> None:
        for one in self._of(call).addresses:
            if one.id == call.params["AllocationId"] and one.association_id:
                raise Refused("InvalidIPAddress.InUse", f"Address {one.public_ip} is in use")

    def _before_ModifyInstanceAttribute(self, call: Call) -> None:
        if "InstanceType.Value" in call.params:
            for one in self._instances(call):
                if one.state != "stopped":
                    raise Refused("IncorrectInstanceState", f"The instance '{one.id}' is not in the 'stopped' state")

    def _after(self, call: Call, ids: set[str]) -> None:
        if call.action in MAKES:
            self._born = {**dict.fromkeys(ids, call.at), **self._born}  # the answer names what was there before, too
        if call.action == "RunInstances":
            for one in self._of(call).all_instances():
                if one.id in ids:
                    self._born_as(call, one)
        elif call.action in POWER:
            _states, at_once, later = POWER[call.action]
            for one in self._instances(call):
                if later:
                    self._move(one, at_once, later)
                if call.action == "TerminateInstances":
                    for address in self._of(call).addresses:  # goes with the interface that it was bound to
                        if address.instance is one:
                            address.instance = address.eni = address.association_id = None
                self._tell(call, one)

    def _born_as(self, call: Call, one: t.Any) -> None:
        spot = one.lifecycle == "spot"
        what = f"{one.instance_type}/{one.availability_zone}/{'spot' if spot else 'on-demand'}"
        device = {name.rpartition(".")[2]: value for name, value in call.params.items() if ".Ebs." in name}
        for _name, block in one.get_block_device_mapping:
            volume = self._of(call).volumes[block.volume_id]
            for name, attribute in (("Iops", "iops"), ("Throughput", "throughput")):
                if name in device:
                    setattr(volume, attribute, int(device[name]))
        address = self.hosts.start(one.id, call.params.get("UserData", "")) if self.hosts else "127.0.0.1"
        self._give_address(one, address)
        self._move(one, "pending", "running")
        if any(fnmatch.fnmatchcase(what, pattern) for pattern in self.full_later):
            one.terminate()
            one.state_reason.code = "Server.InsufficientInstanceCapacity"
            self._move(one, "pending", "terminated")

    def _give_address(self, one: t.Any, address: str) -> None:
        nic = one.nics[0]
        elastic = [each.public_ip for each in one.ec2_backend.addresses if each.instance is one]
        if nic.public_ip and nic.public_ip_auto_assign:
            nic.public_ip = elastic[0] if elastic else address  # what moto makes up looks real
        if self.hosts:
            nic.private_ip_address = address

    def _tell(self, call: Call, one: t.Any) -> None:
        if call.action == "StartInstances":
            address = self.hosts.start(one.id, "") if self.hosts else "127.0.0.1"
            self._give_address(one, address)
        elif self.hosts and call.action == "StopInstances":
            self.hosts.stop(one.id)
        elif self.hosts and call.action == "TerminateInstances":
            self.hosts.end(one.id)

    def _move(self, one: t.Any, at_once: str, later: str) -> None:
        """To one state now, and to the other when it is time."""
        if one.id in self._moves and self._moves[one.id][2] == later and later == "terminated":
            return
        self._moves[one.id] = (self.now() + self.pending, one, later)
        one._state.name, one._state.code = at_once, CODES[at_once]
        self._advance()

    def _advance(self) -> None:
        for id, (due, one, state) in list(self._moves.items()):
            if due <= self.now():
                one._state.name, one._state.code = state, CODES[state]
                del self._moves[id]
                self._reads.clear()

    @staticmethod
    @contextlib.contextmanager
    def _without(backend: t.Any, hidden: frozenset[str]) -> t.Iterator[None]:
        """What is too new for a read is not there meanwhile."""
        names = ("reservations", "groups", "volumes", "addresses")
        all_of = {name: getattr(backend, name) for name in names}
        backend.reservations = {
            id: one for id, one in all_of["reservations"].items() if not hidden & {each.id for each in one.instances}
        }
        backend.groups = {
            vpc: {id: one for id, one in groups.items() if id not in hidden} for vpc, groups in all_of["groups"].items()
        }
        backend.volumes = {id: one for id, one in all_of["volumes"].items() if id not in hidden}
        backend.addresses = [one for one in all_of["addresses"] if one.id not in hidden]
        try:
            yield
        finally:
            for name, value in all_of.items():
                setattr(backend, name, value)

    @contextlib.contextmanager
    def _once(self, call: Call) -> t.Iterator[None]:
        """A termination may be repeated; moto would look for interfaces that are gone."""
        gone = []
        if call.action == "TerminateInstances":
            gone = [one for one in self._instances(call) if one.state in ("shutting-down", "terminated")]
        for one in gone:
            one.terminate = lambda one=one: copy.copy(one._state)
        try:
            yield
        finally:
            for one in gone:
                del one.terminate


@functools.cache
def _client(service: str, region: str, key: str) -> t.Any:
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    session = boto3.session.Session(key, "secret", region_name=region)
    one = session.client(service, config=config)
    one.meta.events.register("after-call", amazonec2.no_page)
    return one


class _Raw(io.BytesIO):
    """An answer's body, as botocore reads it."""

    def stream(self, *arguments: t.Any, **more: t.Any) -> t.Iterator[bytes]:
        yield self.read()


def _as_botocore(how: str, url: str) -> Exception:
    if how == "timeout":
        return botocore.exceptions.ReadTimeoutError(endpoint_url=url)
    if how == "unreachable":
        return botocore.exceptions.EndpointConnectionError(endpoint_url=url)
    return botocore.exceptions.ConnectionClosedError(endpoint_url=url, error=http.client.IncompleteRead(b""))


def _text(value: t.Any) -> str:
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


def _bytes(value: t.Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
