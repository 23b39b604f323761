# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where records and keys are kept."""

from __future__ import annotations

import os

from .._errors import BadOption
from ._base import CA_LOCK, PICKS_LOCK, Lock, Store
from ._file import FileStore

__all__ = ["CA_LOCK", "PICKS_LOCK", "FileStore", "Lock", "Store", "location", "open_store"]

DEFAULT = "~/.dockyard"
VARIABLE = "DOCKYARD_STORE"
AWX = "AWX_PRIVATE_DATA_DIR"  # what AWX and automation controller set for each of their jobs


def location(given: str | None) -> str:
    """The store that is meant: as given, else by the environment, else the default."""
    said = (given or "").strip() or os.environ.get(VARIABLE, "").strip()
    if not said and os.environ.get(AWX):
        raise BadOption(
            "store",
            f"{DEFAULT!r} is in the home folder of a job, which is deleted with the job: its machines would be lost",
            f"Set machine_store, or {VARIABLE} in the job's environment, like s3://bucket/prefix",
        )
    return said or DEFAULT


def open_store(given: str | None = None, scratch: str | None = None) -> Store:
    """The store, whether it exists yet or not; create() makes it.

    ``scratch`` is a private folder of this run, for the files of shared stores; without it, this process makes one.
    """
    where = location(given)
    scheme, mark, _place = where.partition("://")
    if not mark:
        # Variables, too, as in a task's argument of type path: this one may come from elsewhere
        return FileStore(os.path.abspath(os.path.expanduser(os.path.expandvars(where))))
    if scheme == "s3":
        from ._objects import ObjectStore  # the SDK costs time: only who uses it pays
        from ._s3 import S3

        return ObjectStore(S3(where), scratch)
    raise BadOption("store", f"{where!r} is not a valid store", "Give a folder, or s3://bucket/prefix")
