# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine's data, and the host variables made from it. Knows nothing of where it is kept."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import time
import typing as t

from . import _pin, _schema
from ._errors import BadOption, MachineError
from ._schema import TIME

SCHEMA = 1
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?\Z")
DOCKER_PORT = 2376

MADE, BEING_CREATED, BEING_REMOVED = "made", "creating", "removing"


ANSIBLES = ("all", "ungrouped", "localhost")
RESERVED = {
    **dict.fromkeys(ANSIBLES, "is a name that Ansible uses itself"),
    "dockyard": "is the name of the inventory's group of all machines",
}


def is_name(name: str) -> bool:
    """Whether a machine can have this name: a record of another one was not written by this collection."""
    return name not in ANSIBLES and bool(NAME.match(name))


def check_name(name: str) -> None:
    if name in RESERVED:
        raise BadOption("name", name, RESERVED[name], "Use another name")
    if not NAME.match(name):
        raise BadOption(
            "name",
            name,
            "is no machine name",
            "Use a-z, 0-9 and '-', a letter first, no '-' last, at most 40 characters",
        )


NEVER = "never"  # as an end
UNTAGGED = "untagged"  # kept: what belongs to the machine may still bear a former end
NO_TLS = "none"  # the authority of a host without TLS
LONGEST = 100 * 365 * 86400  # seconds of a life: beyond that dates end, and nobody means it
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> str:
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(TIME)


def expires_at(record: Record) -> float:
    """UNIX time; never, for a machine without an end."""
    if record.expires is None:
        return float("inf")
    return datetime.datetime.strptime(record.expires, TIME).replace(tzinfo=datetime.timezone.utc).timestamp()


def seconds_of(option: str, life: str) -> int | None:
    """A length of time like 90m, 8h or 7d; None: never."""
    found = re.fullmatch(rf"([1-9][0-9]*)([smhdw]?)|{NEVER}", life)
    if not found:
        raise BadOption(option, life, "is no length of time", "Write it like 90m, 8h, 7d, in seconds, or never")
    if life == NEVER:
        return None
    seconds = int(found.group(1)) * UNITS[found.group(2)]
    if seconds > LONGEST:
        raise BadOption(option, life, "is more than a hundred years", "Give less, or never")
    return seconds


def check_ssh_args(option: str, args: str | None) -> None:
    """Refuse arguments for ssh that can't be read, before a machine has them that nobody could log in to."""
    try:
        _schema.arguments(args or "", option)
    except ValueError as error:
        raise BadOption(option, args, str(error).partition(" ")[2], "Close each quotation mark") from error


def as_labels(option: str, labels: dict[t.Any, t.Any] | None) -> dict[str, str] | None:
    """Labels as a record has them, and host variables and groups name them: YAML knows keys and values that are no texts."""
    for key, value in (labels or {}).items():
        if isinstance(value, (dict, list)):
            raise BadOption(f"{option}.{key}", value, "is no label's value", "Give a text or a number")
    return labels and {str(key): "" if value is None else str(value) for key, value in labels.items()}


@dataclasses.dataclass
class Resource:
    """One thing that belongs to a machine, as far as we know it."""

    key: str
    kind: str
    id: str | None = None
    status: str = "planned"  # planned, creating, created, failed, made, removing
    generation: int = 1
    attempt: int = 1
    choice: int = 0
    requests: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)  # frozen, references not filled in
    last_try: float = 0.0  # UNIX time
    existing: bool = False  # the user's own: never touched

    @property
    def request(self) -> dict[str, t.Any]:
        return self.requests[min(self.choice, len(self.requests) - 1)] if self.requests else {}

    @property
    def unmade(self) -> bool:
        """Whether it is certain that there is none, so that nothing binds us to what was asked for."""
        return self.id is None and self.status == "planned"


def resource_name(machine: str, id: str, resource: Resource) -> str:
    """Ours alone: NAME-ID6-GENERATION, and a suffix for the second of a kind."""
    suffix = resource.key.partition("/")[2]
    return f"{machine}-{id[:6]}-{resource.generation}" + (f"-{suffix}" if suffix else "")


@dataclasses.dataclass
class Record:
    """What must survive anything: how to reach the machine, and each thing that was made for it."""

    id: str
    name: str
    driver: str
    schema: int = SCHEMA
    revision: int = 0
    fleet: str | None = None
    role: str | None = None
    status: str = BEING_CREATED
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # as given, without secrets
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)  # option -> HMAC of its value
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    account: str = ""
    place: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    kept: dict[str, t.Any] = dataclasses.field(default_factory=lambda: {"looks": {}, "picks": {}, "choices": {}})
    resources: list[Resource] = dataclasses.field(default_factory=list)
    machine: str | None = None  # key of the resource with power
    ssh: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # user, key, args, policy, host_keys, reached
    tls_san: list[str] = dataclasses.field(default_factory=list)
    expires: str | None = None
    created: str = ""
    updated: str = ""
    unknown: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # keys of a later release: kept

    def to_json(self) -> str:
        # Not by asdict(), which copies all that is in it: a record is saved a dozen times while a machine is made.
        data = {**vars(self), "resources": [vars(one) for one in self.resources]}
        data.update(data.pop("unknown"))
        return json.dumps(data, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes, path: str = "") -> Record:
        try:
            data = _schema.parse(text)
            schema = data["schema"]
            if schema > SCHEMA:
                raise MachineError(
                    f"{path} has schema {schema}, and this release knows up to {SCHEMA}",
                    code="newer_record",
                    remedy="Use the release of dockyard.machine that wrote it, or a later one",
                )
            _schema.record(data, "")
            data["unknown"] = {key: data.pop(key) for key in list(data) if key not in _RECORD_KEYS}
            data["resources"] = [
                Resource(**{key: value for key, value in one.items() if key in _RESOURCE_KEYS})
                for one in data["resources"]
            ]
            return cls(**data)
        except (ValueError, KeyError, TypeError) as error:
            raise MachineError(
                f"The record {path} is damaged ({error})",
                code="damaged_record",
                remedy="Restore it from a backup; don't delete it as long as the machine may exist",
            ) from error

    def resource(self, key: str | None) -> Resource | None:
        return next((one for one in self.resources if one.key == key), None)


_RECORD_KEYS = {field.name for field in dataclasses.fields(Record)} - {"unknown"}
_RESOURCE_KEYS = {field.name for field in dataclasses.fields(Resource)}


def observed_from_json(text: str | bytes, path: str) -> dict[str, t.Any]:
    """What was last seen of a machine. It can be seen again, so what is damaged of it is left out and named."""
    try:
        data = _schema.parse(text)
        if not isinstance(data, dict):
            raise TypeError("it is not a dictionary")
    except (ValueError, TypeError) as error:
        return _not_seen({}, path, error)
    found, damage = {}, None
    for name, value in data.items():
        try:
            _schema.OBSERVED.get(name, _schema.anything)(value, name)
            found[name] = value
        except (ValueError, TypeError) as error:
            damage = error
    return _not_seen(found, path, damage) if damage else found


def _not_seen(found: dict[str, t.Any], path: str, damage: Exception) -> dict[str, t.Any]:
    why = f"{path} is damaged ({damage}). Look at the machine again: list_hosts, or machine_info with refresh"
    return {**found, "state": "unknown", "error": why}


def tombstone_from_json(text: str | bytes, path: str) -> dict[str, t.Any]:
    try:
        data = _schema.parse(text)
        _schema.tombstone(data, "")
        return t.cast(dict[str, t.Any], data)
    except (ValueError, TypeError) as error:
        raise MachineError(
            f"The tombstone {path} is damaged ({error})",
            code="damaged_tombstone",
            remedy="Restore it from a backup, or delete it: what is left of that machine is then listed as unrecorded",
        ) from error


def state(record: Record, observed: dict[str, t.Any]) -> str:
    """The state that everybody shows: a half-made machine is "creating", whatever runs already."""
    if record.status == BEING_CREATED:
        return "creating"
    if record.status == BEING_REMOVED:
        return "stopping"
    return str(observed.get("state") or "unknown")


def has_options(record: Record, options: dict[str, t.Any], secret: set[str], digest: t.Callable[[t.Any], str]) -> bool:
    """Whether the record was made with these options (as given, without defaults)."""
    plain = {name: value for name, value in options.items() if name not in secret}
    hidden = {name: digest(value) for name, value in options.items() if name in secret}
    return plain == record.options and hidden == record.secrets


def docker_host(record: Record, observed: dict[str, t.Any]) -> str | None:
    if observed.get("docker_host"):
        return str(observed["docker_host"])
    if not observed.get("address"):
        return None
    address = observed["address"]
    host = f"[{address}]" if ":" in address else address
    return f"tcp://{host}:{observed.get('docker_port') or DOCKER_PORT}"


def private_key(record: Record, folder: str) -> str | None:
    """Path of the private key; None: the user's agent and default keys."""
    if _pin.is_in_agent(record.ssh):
        return None
    return record.ssh.get("key") or f"{folder}/id_ed25519"


def host_vars(record: Record, observed: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """All that plays and Docker clients need to reach the machine. Values are plain; callers mark them unsafe."""
    engine = observed.get("engine") or {}
    values: dict[str, t.Any] = {
        "machine_name": record.name,
        "machine_id": record.id,
        "machine_state": state(record, observed),
        "machine_driver": record.driver,
        "machine_fleet": record.fleet,
        "machine_role": record.role,
        "machine_labels": record.labels,
        "machine_tls_san": record.tls_san,
        "machine_expires": record.expires,
        "machine_engine_version": engine.get("version"),
        "machine_certificate_not_after": engine.get("certificate_not_after"),
    }
    if observed.get("error"):
        values["machine_error"] = observed["error"]
    if record.ssh and observed.get("address"):
        values["ansible_host"] = observed["address"]
        values["ansible_port"] = observed.get("ssh_port") or 22
        values["ansible_user"] = record.ssh.get("user") or "root"
        values["ansible_become"] = values["ansible_user"] != "root"
        if values["ansible_become"]:
            values["ansible_become_method"] = "sudo"
        if observed.get("python_interpreter"):
            values["ansible_python_interpreter"] = observed["python_interpreter"]
        key = private_key(record, folder)
        if key:
            values["ansible_ssh_private_key_file"] = key
        for program in _pin.PROGRAMS:
            values[f"ansible_{program}_executable"] = f"{folder}/{program}"
        values["ansible_control_path"] = _pin.control_path(record)
        values["ansible_host_key_checking"] = True  # for what connects without OpenSSH
    url = docker_host(record, observed)
    if url:
        values["docker_host"] = url
        client: dict[str, t.Any] = {"docker_host": url, "tls_verify": False}
        if record.ssh:
            client.update(
                tls_verify=True,
                ca_path=f"{folder}/ca.pem",
                client_cert=f"{folder}/cert.pem",
                client_key=f"{folder}/key.pem",
            )
        values.update(client)
        values["machine_docker"] = {
            "validate_certs" if name == "tls_verify" else name: value for name, value in client.items()
        }
        values["ansible_docker_docker_host"] = url
        if record.ssh:
            values["ansible_docker_validate_certs"] = True
            values["ansible_docker_ca_cert"] = client["ca_path"]
            values["ansible_docker_client_cert"] = client["client_cert"]
            values["ansible_docker_client_key"] = client["client_key"]
    return values


def without_files(values: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """The same without whatever names a file in that folder: for a folder that won't be there."""
    kept = {name: without_files(one, folder) if isinstance(one, dict) else one for name, one in values.items()}
    return {name: one for name, one in kept.items() if not (isinstance(one, str) and folder in one)}


def public(record: Record, observed: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """A machine as modules return it."""
    engine = observed.get("engine") or {}
    return {
        "id": record.id,
        "name": record.name,
        "driver": record.driver,
        "fleet": record.fleet,
        "role": record.role,
        "state": state(record, observed),
        "address": observed.get("address"),
        "addresses": observed.get("addresses") or [],
        "docker_host": docker_host(record, observed),
        "engine_version": engine.get("version"),
        "certificate_not_after": engine.get("certificate_not_after"),
        "labels": record.labels,
        "options": record.options,
        "account": record.account,
        "place": record.place,
        "resources": [
            {"kind": one.kind, "id": one.id, "status": one.status} for one in record.resources if not one.existing
        ],
        "expires": record.expires,
        "created": record.created,
        "updated": record.updated,
        "refreshed": observed.get("refreshed"),
        "error": observed.get("error"),
        "folder": folder,
        "host_vars": host_vars(record, observed, folder),
    }
