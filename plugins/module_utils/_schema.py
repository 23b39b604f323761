# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of what a store keeps of a machine, checked once when it is read.

Whoever uses a record, an observation or a tombstone relies on these types. One that has others is refused here, with the
field and the cause, so that it costs its own machine and no other.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import time
import typing as t

TIME = "%Y-%m-%dT%H:%M:%SZ"
DEEPEST = 50  # levels of lists and dictionaries: Python's own functions fail at a few hundred

Check = t.Callable[[t.Any, str], None]  # raises a TypeError or ValueError that names where


def parse(text: str | bytes) -> t.Any:
    """The JSON text as data that everything can handle: not too deep, finite numbers, text that can be written."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _refuse_odd(data, "it", 0)
    return data


def _refuse_odd(value: t.Any, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_odd(key, "a key", depth)
            _refuse_odd(item, key, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_odd(item, where, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}, which is not a finite number")
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{where} has characters that are not valid Unicode") from None


# Types


def anything(value: t.Any, where: str) -> None:
    """Data that only the driver or the user understands."""


def _of_type(words: str, *types: type) -> Check:
    def check(value: t.Any, where: str) -> None:
        # In Python a bool is an int
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"{where} is not {words}")

    return check


text = _of_type("a string", str)
boolean = _of_type("true or false", bool)
number = _of_type("a number", int, float)
scalar = _of_type("a string or a number", str, int, float)
_integer = _of_type("a whole number", int)


def whole(least: int, most: int | None = None) -> Check:
    def check(value: t.Any, where: str) -> None:
        _integer(value, where)
        if value < least or (most is not None and value > most):
            raise ValueError(f"{where} is {value}, which is out of range")

    return check


port = whole(1, 65535)


def matching(pattern: str, words: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: t.Any, where: str) -> None:
        text(value, where)
        if not compiled.fullmatch(value):
            raise ValueError(f"{where} is not {words}")

    return check


def one_of(*values: str) -> Check:
    def check(value: t.Any, where: str) -> None:
        text(value, where)
        if value not in values:
            raise ValueError(f"{where} is not one of {', '.join(values)}")

    return check


def optional(of: Check) -> Check:
    def check(value: t.Any, where: str) -> None:
        if value is not None:
            of(value, where)

    return check


def list_of(of: Check) -> Check:
    def check(value: t.Any, where: str) -> None:
        if not isinstance(value, list):
            raise TypeError(f"{where} is not a list")
        for number_, item in enumerate(value):
            of(item, f"{where}[{number_}]")

    return check


def map_of(of: Check) -> Check:
    def check(value: t.Any, where: str) -> None:
        if not isinstance(value, dict):
            raise TypeError(f"{where} is not a dictionary")
        for key, item in value.items():
            of(item, f"{where}.{key}")

    return check


def fields(required: dict[str, Check], others: dict[str, Check] | None = None, empty: bool = False) -> Check:
    """A dictionary with these fields; a later release may write further ones. ``empty``: or with none at all."""
    known = {**required, **(others or {})}

    def check(value: t.Any, where: str) -> None:
        if not isinstance(value, dict):
            raise TypeError(f"{where} is not a dictionary")
        begin = f"{where}." if where else ""
        for name in required:
            if name not in value and not (empty and not value):
                raise ValueError(f"{begin}{name} is missing")
        for name, item in value.items():
            if name in known:
                known[name](item, f"{begin}{name}")

    return check


def moment(value: t.Any, where: str) -> None:
    text(value, where)
    try:
        time.strptime(value, TIME)
    except ValueError:
        raise ValueError(f"{where} is not a time like 2027-01-31T12:00:00Z") from None


def arguments(value: t.Any, where: str) -> None:
    """Words as a shell reads them."""
    text(value, where)
    try:
        shlex.split(value)
    except ValueError as error:
        raise ValueError(f"{where} can't be split into words ({error})") from None


# What a store keeps

_id = matching(r"[A-Za-z0-9][A-Za-z0-9-]*", "an id")
_name = matching(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", "a machine name")
_driver = matching(r"[\w.]+", "a driver's name")
_turn: dict[str, Check] = {"generation": whole(1), "attempt": whole(1)}

_gone = fields({"kind": text, "key": text, "id": optional(text), "name": text, **_turn}, {"token": optional(text)})

_resource = fields(
    {"key": text, "kind": text},
    {
        **_turn,
        "id": optional(text),
        "status": text,
        "choice": whole(0),
        "requests": list_of(map_of(anything)),
        "last_try": number,
        "existing": boolean,
    },
)

_kept = fields(
    {"looks": map_of(anything), "picks": map_of(scalar), "choices": map_of(whole(0))},
    {
        "gone": list_of(_gone),
        "expires_in": text,
        "untagged": boolean,
        "store": optional(text),
        "recreating": boolean,
        "start_again": boolean,
        "adopted": list_of(text),
    },
)

_ssh = fields(
    {"host_keys": list_of(text)},
    {
        "user": optional(text),
        "key": optional(text),
        "args": optional(arguments),
        "policy": optional(text),
        "public_key": optional(text),
        "reached": boolean,
        "replace_host_key": boolean,
    },
    empty=True,
)

record = fields(
    {"id": _id, "name": _name, "driver": _driver, "resources": list_of(_resource)},
    {
        "schema": whole(1),
        "revision": whole(0),
        "fleet": optional(text),
        "role": optional(text),
        "status": one_of("made", "creating", "removing"),
        "options": map_of(anything),
        "secrets": map_of(text),
        "labels": map_of(text),
        "account": text,
        "place": map_of(anything),
        "kept": _kept,
        "machine": optional(text),
        "ssh": _ssh,
        "tls_san": list_of(text),
        "expires": optional(moment),
        "created": text,
        "updated": text,
    },
)

tombstone = fields(
    {
        "id": _id,
        "name": _name,
        "driver": _driver,
        "account": text,
        "place": map_of(anything),
        "resources": list_of(_gone),
        "removed": moment,
    },
    {"schema": whole(1), "store": optional(text)},
)

store = fields(
    {"id": text, "schema": whole(1)},
    {
        "digest_key": text,
        "created": text,
        "moved_to": optional(text),
        "moving_to": optional(text),
        "filled_from": optional(text),
        "location": optional(fields({}, {"path": text, "place": text, "inode": whole(0)})),
    },
)

_swarm = fields({"cluster": text, "role": text}, empty=True)

OBSERVED: dict[str, Check] = {
    "state": optional(text),
    "address": optional(text),
    "addresses": optional(list_of(text)),
    "ssh_port": optional(port),
    "docker_port": optional(port),
    "docker_host": optional(text),
    "host_keys": optional(list_of(text)),
    "python_interpreter": optional(text),
    "error": optional(text),
    "refreshed": optional(number),
    "engine": optional(
        fields(
            {},
            {
                "version": optional(text),
                "api_version": optional(text),
                "certificate_not_before": optional(text),
                "certificate_not_after": optional(text),
                "authority": optional(text),
                "renewed": optional(text),
                "swarm": optional(_swarm),
            },
        )
    ),
}
