# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remapped users: whether they can be, and what another map would hide."""

from __future__ import annotations

import os
import typing as t

from .. import _data_root as data
from .. import _files
from .. import _isolation as isolation
from .. import _subordinate_ids as ids


def about_remap(wanted: str, content: dict[str, t.Any], root: str) -> dict[str, t.Any]:
    current = content.get("userns-remap") or ""
    found: dict[str, t.Any] = {"possible": (_files.read("/proc/sys/user/max_user_namespaces") or "0").strip() != "0"}
    if wanted:
        user, group = isolation.remapped(wanted)
        found["user"] = ids.about(user, ids.FILES[0], ids.user_exists)
        found["group"] = ids.about(group, ids.FILES[1], ids.group_exists)
    here = _root_of(current, root)
    found.update(root=here, hides={})
    if wanted != current and os.path.isdir(here):
        found["hides"] = {kind: len(names) for kind, names in data.inventory(here).items()}
    return found


def _root_of(remap: str, root: str) -> str:
    """Where an Engine has its data under this map."""
    if not remap:
        return root
    user, group = isolation.remapped(remap)
    found = [
        isolation.ranges(_files.read(path) or "", name) for path, name in ((ids.FILES[0], user), (ids.FILES[1], group))
    ]
    return os.path.join(root, ".".join(str(ranges[0][0]) for ranges in found)) if all(found) else root
