# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine's data, as a store keeps it. Knows nothing of where it is kept."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from . import _schema
from ._errors import MachineError
from ._schema import TIME

SCHEMA = 1

MADE, BEING_CREATED, BEING_REMOVED = "made", "creating", "removing"
UNTAGGED = "untagged"  # kept: what belongs to the machine may still bear a former end
NO_TLS = "none"  # the authority of a host without TLS


def expires_at(record: Record) -> float:
    """UNIX time; never, for a machine without an end."""
    if record.expires is None:
        return float("inf")
    return datetime.datetime.strptime(record.expires, TIME).replace(tzinfo=datetime.timezone.utc).timestamp()


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


def has_options(record: Record, options: dict[str, t.Any], secret: set[str], digest: t.Callable[[t.Any], str]) -> bool:
    """Whether the record was made with these options (as given, without defaults)."""
    plain = {name: value for name, value in options.items() if name not in secret}
    hidden = {name: digest(value) for name, value in options.items() if name in secret}
    return plain == record.options and hidden == record.secrets
