# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where records and keys are kept."""

from __future__ import annotations

import os

from .._errors import BadOption
from ._file import FileStore, Lock

__all__ = ["FileStore", "Lock", "location", "open_store"]

DEFAULT = "~/.dockyard"
VARIABLE = "DOCKYARD_STORE"


def location(given: str | None) -> str:
    """The store that is meant: as given, else by the environment, else the default."""
    return given or os.environ.get(VARIABLE) or DEFAULT


def open_store(given: str | None = None) -> FileStore:
    """The store, whether it exists yet or not; FileStore.create() makes it."""
    where = location(given)
    if "://" in where:
        raise BadOption("store", where, "can't be used: only folders can", "Give a folder")
    return FileStore(os.path.abspath(os.path.expanduser(where)))
