# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's data: where it is, and whether it could go to where it should be."""

from __future__ import annotations

import os
import typing as t

from .. import _data_root as data
from .. import _isolation as isolation


def about_data(
    wanted: str,
    content: dict[str, t.Any],
    remembered: dict[str, t.Any],
    arguments: list[str],
    default: str = isolation.DATA_ROOT,
) -> dict[str, t.Any]:
    """Measured only where something is to be moved, since that takes its time on a big root."""
    root = isolation.data_root(content, arguments, default)
    ours = "data-root" in remembered and remembered["data-root"] == content.get("data-root")
    target = os.path.normpath(wanted or (isolation.data_root({}, arguments, default) if ours else root))
    found: dict[str, t.Any] = {"root": root, "target": target, "default": default, "journal": data.journal()}
    found.update(exists=os.path.isdir(root), holds=False)
    source, place = os.path.realpath(root), os.path.realpath(target)  # where links lead to, as the Engine follows them
    if source == place or not found["exists"]:
        return found
    found["holds"] = data.holds_data(source)
    if not found["holds"]:
        return found
    mounts = data.mounts_below(source)
    found.update(
        rename=data.by_rename(source, place),
        occupied=data.occupied(place),
        mounts=data.foreign_mounts(source, mounts),
        drivers=sorted(set(os.listdir(source)) & set(isolation.UNMOVABLE)),
    )
    if not found["rename"]:
        size, entries = data.size(source)
        done, done_entries = data.size(os.path.join(place, data.PARTIAL))
        free, free_entries = data.room(place)
        found.update(size=size, entries=entries, done=done, done_entries=done_entries)
        found.update(free=free, free_entries=free_entries)
    return found
