# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that a store uses. What is read from a store names files and folders on a controller, so each name is checked
before it becomes a part of a path: whoever can write to the store could otherwise write anywhere."""

from __future__ import annotations

import re
import typing as t

from .._errors import MachineError
from .._input import is_name
from ._ca import MARK, NEW, OLD

PRIVATE_KEY = "id_ed25519"
FIRST_BOOT = "first-boot"  # folder of what only the first boot needs, in a machine's folder
_MACHINE = (PRIVATE_KEY, f"{PRIVATE_KEY}.pub")
# What a driver writes into the two folders that it is given
_DRIVER = re.compile(rf"(?:{FIRST_BOOT}|vm)(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_CA = ("server-ca.pem", "server-ca-key.pem", "client-ca.pem", "client-ca-key.pem", "client-cert.pem", "client-key.pem")
_CA_FILES = {MARK, *(whose + name for whose in ("", OLD, NEW) for name in _CA)}
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def machines(names: t.Iterable[str]) -> list[str]:
    """Those that are names of machines, in order: nobody has made a machine of another name."""
    return sorted(name for name in names if is_name(name))


def is_machine_file(name: str) -> bool:
    return name in _MACHINE or bool(_DRIVER.fullmatch(name))


def is_ca_file(name: str) -> bool:
    return name in _CA_FILES


def checked(texts: t.Any, is_known: t.Callable[[str], bool], path: str) -> dict[str, str]:
    """Name -> text of files, as an object of a store has them, if each is one that this collection writes."""
    if not isinstance(texts, dict):
        raise _foreign(path, "has no files")
    for name, text in texts.items():
        if not is_known(name) or not isinstance(text, str):
            raise _foreign(path, f"has a file that this collection does not write: {name!r}")
    return texts


def tombstone(id: t.Any) -> str:
    """The file of a tombstone."""
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise MachineError(f"A tombstone has an id that this collection does not write: {id!r}", code="damaged_store")
    return f"tombstones/{id}.json"


def _foreign(path: str, why: str) -> MachineError:
    return MachineError(
        f"{path} {why}. Nothing of it was written",
        code="damaged_record",
        remedy="Find out who can write to the store. Restore the object from a backup, or delete it: a machine can be "
        "removed without its keys",
    )
