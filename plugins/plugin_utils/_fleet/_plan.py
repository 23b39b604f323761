# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a fleet, made from what is wanted and what is recorded. Pure: reads nothing, changes nothing."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import typing as t

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._input import as_labels, check_name, check_ssh_args
from ansible_collections.dockyard.machine.plugins.module_utils._module import SHARED
from ansible_collections.dockyard.machine.plugins.module_utils._record import MADE, UNTAGGED, Record
from ansible_collections.dockyard.machine.plugins.module_utils._times import seconds_of

MOST = 10_000  # machines of a fleet: whoever gives more has mistyped the count
FLEET_KEYS = ("id", "roles", "swarm")
LOGIN = ("ssh_user", "ssh_key", "ssh_args", "ssh_password", "host_key")
# What a role may say, beside its count: what the module machine takes.
PASSED = ("driver", "options", "labels", "tls_san", "expires_in", *LOGIN)
ROLE_KEYS = ("count", "swarm", *PASSED)
TYPES = {"driver": {"type": "str"}, "options": {"type": "dict"}, **{key: SHARED[key] for key in PASSED[2:]}}


@dataclasses.dataclass
class Plan:
    wanted: list[dict[str, t.Any]]  # arguments for the module machine, the driver's FQCN among them
    create: list[str] = dataclasses.field(default_factory=list)
    change: list[str] = dataclasses.field(default_factory=list)
    keep: list[str] = dataclasses.field(default_factory=list)
    surplus: list[str] = dataclasses.field(default_factory=list)

    def diff(self) -> dict[str, str]:
        before = [*self.change, *self.keep, *self.surplus]
        after = [*self.create, *self.change, *self.keep]
        marks = {**dict.fromkeys(self.change, " (to be changed)")}
        return {
            "before": "".join(f"{name}\n" for name in sorted(before)),
            "after": "".join(f"{name}{marks.get(name, '')}\n" for name in sorted(after)),
        }


def as_names(value: t.Any, option: str = "machine_names") -> list[str]:
    """A list, or a string with commas."""
    if value is None:
        return []
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list):
        raise BadOption(option, f"{value!r} is neither a list nor a string of names", "Give [web1, web2] or web1,web2")
    names = [str(name).strip() for name in names if str(name).strip()]
    for name in names:
        check_name(name)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadOption(option, f"{', '.join(doubled)!r} is named twice", "Name each machine once")
    return names


def as_patterns(value: t.Any, blank: bool = True) -> list[str]:
    """machine_limit: a list, or a string with commas. What is given and means nobody must not mean everybody.

    ``blank``: whether an empty text, a survey's answer that was left blank, is not given.
    """
    if value is None or (blank and isinstance(value, str) and not value.strip()):
        return []
    given = value.split(",") if isinstance(value, str) else value
    patterns = [str(one).strip() for one in given] if isinstance(given, list) else []
    if not any(patterns):
        raise BadOption(
            "machine_limit", f"{value!r} contains no name", "Give web1,web2 or [web1, 'db-*'], or leave it out"
        )
    return [pattern for pattern in patterns if pattern]


def check_patterns(limit: list[str], names: t.Iterable[str]) -> None:
    """Refuse a pattern of machine_limit that means none of these machines: it is misspelt."""
    known = set(names) if limit else set()
    lost = [pattern for pattern in limit if not any(matches(name, [pattern]) for name in known)]
    if lost:
        raise BadOption(
            "machine_limit",
            f"{', '.join(lost)!r} matches neither a wanted machine nor one in the store",
            "Run list_hosts for the names; patterns are like web-*",
        )


def _read(fleet: t.Any) -> t.Any:
    """As a survey or an argument gives it, machine_fleet is a text. It may have secrets in it, and is not shown."""
    if not isinstance(fleet, str):
        return fleet
    try:
        read = yaml.safe_load(fleet)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it can't be read"
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadOption("machine_fleet", f"not valid YAML: {problem}{where}", "Fix the YAML") from None
    return read


def id_of_fleet(fleet: t.Any) -> str:
    """Of the variable machine_fleet, or of what is its id alone."""
    fleet = _read(fleet)
    if not isinstance(fleet, dict):
        fleet = {"id": fleet}
    if not fleet.get("id"):
        raise BadOption(
            "machine_fleet.id",
            f"the id is required, to identify the fleet's machines ({fleet.get('id')!r})",
            "Give a name",
        )
    check_name(str(fleet["id"]))
    return str(fleet["id"])


def check_fleet(fleet: t.Any, counts: dict[str, t.Any]) -> dict[str, t.Any]:
    """The variable machine_fleet, with the counts of machine_counts put in; what is wrong is named."""
    fleet = _read(fleet)
    if not isinstance(fleet, dict):
        raise BadOption("machine_fleet", "not a dictionary", "Give id and roles")
    _refuse_unknown("machine_fleet", fleet, FLEET_KEYS)
    id = id_of_fleet(fleet)
    roles = fleet.get("roles") or {}
    if not isinstance(roles, dict):
        raise BadOption("machine_fleet.roles", "not a dictionary", "Give a dictionary from role to its machines")
    typed = {}
    for role, one in roles.items():
        where = f"machine_fleet.roles.{role}"
        check_name(str(role))
        if not isinstance(one, dict):
            raise BadOption(where, "not a dictionary", f"It may have {', '.join(ROLE_KEYS)}")
        _refuse_unknown(where, one, ROLE_KEYS)
        one = typed[role] = {**one, **_typed(where, one)}
        one["labels"] = as_labels(f"{where}.labels", one.get("labels"))
        if one.get("expires_in") is not None:
            seconds_of(f"{where}.expires_in", one["expires_in"])
        check_ssh_args(f"{where}.ssh_args", one.get("ssh_args"))
    merged = {str(role): {**one, "count": counts.get(role, one.get("count", 1))} for role, one in typed.items()}
    for role, count in counts.items():
        if role not in merged:
            if _count(f"machine_counts.{role}", count):
                raise BadOption(f"machine_counts.{role}", f"{count!r} is for a role that the fleet does not have")
            merged[str(role)] = {"count": 0}
    for role, one in merged.items():
        one["count"] = _count(f"count of role {role}", one["count"])
        if one["count"] and not one.get("driver"):
            raise BadOption(
                f"machine_fleet.roles.{role}.driver", "a driver is required", "Name the driver of this role"
            )
    total = sum(one["count"] for one in merged.values())
    if total > MOST:
        raise BadOption("machine_fleet", f"the fleet has {total} machines in total", f"Give at most {MOST}")
    return {"id": id, "roles": merged, "swarm": fleet.get("swarm")}


def names_of_fleet(fleet: dict[str, t.Any]) -> dict[str, list[str]]:
    """The machines of each role of a checked fleet."""
    return {
        role: [f"{fleet['id']}-{role}-{index}" for index in range(one["count"])] for role, one in fleet["roles"].items()
    }


def wanted_of_fleet(fleet: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """The arguments of each machine of a checked fleet."""
    return [
        {
            "name": name,
            "fleet": fleet["id"],
            "role": role,
            **{key: fleet["roles"][role][key] for key in PASSED if fleet["roles"][role].get(key) is not None},
        }
        for role, names in names_of_fleet(fleet).items()
        for name in names
    ]


def surplus_of_fleet(fleet: dict[str, t.Any], records: dict[str, Record]) -> list[str]:
    """Machines of the fleet beyond the count of their role. A role that vanished is no surplus but an error."""
    surplus = []
    for name, record in records.items():
        if record.fleet != fleet["id"]:
            continue
        role = fleet["roles"].get(record.role)
        if role is None:
            raise MachineError(
                f"machine_fleet.roles: role {record.role!r} has machines ({name}) and is not in fleet {fleet['id']}",
                code="role_vanished",
                remedy=f"Put the role back, or say that its machines are to go: machine_counts: {{{record.role}: 0}}",
            )
        index = re.fullmatch(f"{re.escape(fleet['id'])}-{re.escape(str(record.role))}-([0-9]+)", name)
        if index and int(index.group(1)) >= role["count"]:
            surplus.append(name)
    return sorted(surplus, key=lambda name: (name.rpartition("-")[0], int(name.rpartition("-")[2])))


def make(
    wanted: list[dict[str, t.Any]],
    surplus: list[str],
    records: dict[str, Record],
    limit: list[str],
    has_options: t.Callable[[Record, dict[str, t.Any]], bool],
) -> Plan:
    """Compare what is wanted with what is recorded."""
    if limit:
        wanted = [one for one in wanted if matches(one["name"], limit)]
        surplus = [name for name in surplus if matches(name, limit)]
    plan = Plan(wanted, surplus=surplus)
    for one in wanted:
        record = records.get(one["name"])
        if record is None:
            plan.create.append(one["name"])
            continue
        for key in ("fleet", "role"):
            if getattr(record, key) != one.get(key) and getattr(record, key) is not None:
                raise MachineError(
                    f"{record.name} belongs to {key} {getattr(record, key)!r}, not to {one.get(key)!r}",
                    code="foreign",
                    remedy="Use another name, or another fleet id",
                )
        (plan.keep if _is_as_wanted(one, record, has_options) else plan.change).append(one["name"])
    return plan


def removable(limit: str | None, of_fleet: int) -> int:
    """How many machines machine_remove_max lets one run remove."""
    if limit is None or not limit.strip():
        return max(5, of_fleet // 5)
    number = re.fullmatch(r"([0-9]{1,9})(%?)", limit.strip())
    if not number:
        raise BadOption("machine_remove_max", f"{limit!r} is not a number or a percentage", "Give 10 or '50%'")
    return of_fleet * int(number.group(1)) // 100 if number.group(2) else int(number.group(1))


def check_surplus(surplus: list[str], of_fleet: int, limit: str | None) -> None:
    """The brake on removals: at most ``limit`` ("10" or "50%"; without it 5 or 20 %, whichever is more)."""
    most = removable(limit, of_fleet)
    if len(surplus) > most:
        raise MachineError(
            f"{len(surplus)} of {of_fleet} machines are surplus, and at most {most} may be removed in one run",
            code="too_many",
            remedy="If that is meant, raise machine_remove_max",
        )


def _is_as_wanted(
    one: dict[str, t.Any], record: Record, has_options: t.Callable[[Record, dict[str, t.Any]], bool]
) -> bool:
    # Only what can be told without asking the provider: the rest is the driver's to compare.
    if record.status != MADE or record.driver != one["driver"]:
        return False
    if not one.get("keep_options") and not has_options(record, one.get("options") or {}):
        return False
    if one.get("expires_in") not in (None, record.kept.get("expires_in")) or record.kept.get(UNTAGGED):
        return False
    return all(
        one.get(key) is None or one[key] == getattr(record, key) for key in ("labels", "tls_san", "fleet", "role")
    )


def matches(name: str, limit: list[str]) -> bool:
    """Whether one of the patterns of machine_limit means this machine."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in limit)


def _typed(where: str, role: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a role says, as the module machine takes it and a record has it: 3600 and "3600" are one length of time."""
    said = {key: role[key] for key in TYPES if role.get(key) is not None}
    result = ArgumentSpecValidator(TYPES).validate(said)
    if result.error_messages:
        raise MachineError(f"{where}: {'; '.join(result.error_messages)}", code="bad_option", remedy="Fix the role")
    return {key: result.validated_parameters[key] for key in said}


def _count(where: str, value: t.Any) -> int:
    try:
        count = int(str(value))
    except ValueError:
        count = -1
    if count < 0:
        raise BadOption(where, f"{value!r} is not a valid number of machines", "Give 0 or more")
    return count


def _refuse_unknown(where: str, given: dict[str, t.Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise BadOption(f"{where}.{key}", "not a supported key", f"There are {', '.join(known)}")
