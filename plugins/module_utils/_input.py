# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what users give for a machine: its name, its labels, its arguments for ssh."""

from __future__ import annotations

import re
import typing as t

from . import _schema
from ._errors import BadOption

NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?\Z")
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
        raise BadOption("name", f"{name!r} {RESERVED[name]}", "Use another name")
    if not NAME.match(name):
        raise BadOption(
            "name",
            f"{name!r} is not a valid machine name",
            "Use a-z, 0-9 and '-', a letter first, no '-' last, at most 40 characters",
        )


def check_ssh_args(option: str, args: str | None) -> None:
    """Refuse arguments for ssh that can't be read, before a machine has them that nobody could log in to."""
    try:
        _schema.arguments(args or "", option)
    except ValueError as error:
        raise BadOption(option, f"{args!r} {str(error).partition(' ')[2]}", "Close each quotation mark") from error


def as_labels(option: str, labels: dict[t.Any, t.Any] | None) -> dict[str, str] | None:
    """Labels as a record has them, and host variables and groups name them: YAML knows keys and values that are no texts."""
    for key, value in (labels or {}).items():
        if isinstance(value, (dict, list)):
            raise BadOption(
                f"{option}.{key}", f"{value!r} is not a valid value of a label", "Give a string or a number"
            )
    return labels and {str(key): "" if value is None else str(value) for key, value in labels.items()}
