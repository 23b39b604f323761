# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Engine without root: its user, what it needs of the host, and who is the host's Engine now."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from .. import _api, _commands, _files, _owner, _systemd
from .. import _isolation as isolation
from .. import _rootless as rootless
from .. import _subordinate_ids as ids
from . import _units


def about_rootless(wanted: str) -> dict[str, t.Any]:
    """Before all else that is read, since it says whose Engine that will be."""
    found: dict[str, t.Any] = {"unit_user": rootless.unit_user()}
    other = _owner.owner_of(found["unit_user"]) if found["unit_user"] not in (None, wanted) else None
    found["other"] = _running_of(other) if other else 0
    owner = _owner.owner_of(wanted) if wanted else None
    found.update(owned=rootless.owned(owner), lingers=True, data_root=isolation.DATA_ROOT)
    if not wanted:
        return found
    system = _systemd.show("docker.service", "docker.socket", *_units.FIREWALLS)
    walls = {name: system.pop(name) for name in _units.FIREWALLS if name in system}
    home = owner.home if owner else f"/home/{wanted}"
    group = ids.group_of(wanted) or wanted
    found.update(
        user=ids.about(wanted, ids.FILES[0], ids.user_exists),
        group=ids.about(group, ids.FILES[1], ids.group_exists),
        home=home,
        data_root=f"{home}/.local/share/docker",
        lingers=os.path.exists(f"/var/lib/systemd/linger/{wanted}") and bool(owner and rootless.manager_runs(owner)),
        delegated=owner is not None and _is(*isolation.delegation(owner.uid)),
        script=rootless.script(),
        unit=_files.read(isolation.ROOTLESS_UNIT),
        own_unit=os.path.exists(f"{home}/.config/systemd/user/docker.service"),
        context=_context(owner),
        tun=os.path.exists("/dev/net/tun"),
        namespaces=_namespaces(),
        firewalls=walls,  # the system's, which the user's manager does not know
        kernel=[int(number) for number in os.uname().release.split("-")[0].split(".")[:2] if number.isdigit()],
        system={
            "active": any(unit.get("ActiveState") == "active" for unit in system.values()),
            "enabled": any(unit.get("UnitFileState") == "enabled" for unit in system.values()),
            "running": _running(system),
        },
    )
    if owner and found["lingers"]:
        _owner.belongs_to(owner)
    return found


def units(seen: dict[str, t.Any]) -> dict[str, t.Any]:
    """Those of the user's manager, as if the unit were not the role's: it has no other, and none for a socket."""
    service = {
        "exists": True,
        "load": "loaded",
        "active": "inactive",
        "enabled": "",
        "pid": 0,
        "fragment": isolation.ROOTLESS_UNIT,
        "drop_ins": [],
        "places": {},
        **{
            key: value
            for key, value in seen.get("docker.service", {}).items()
            if key not in ("exists", "load", "fragment")
        },
        "own_drop_in": None,
        "exec_start": None,
        "arguments": [],
        "later_drop_ins": [],
    }
    return {"docker.service": service, "docker.socket": {**service, "enabled": "enabled"}}


def _is(path: str, text: str) -> bool:
    return _files.read(path) == text


def _running(shown: dict[str, dict[str, str]]) -> int | None:
    """How many containers run with the Engine of these units; None if it hangs."""
    if shown.get("docker.service", {}).get("ActiveState") != "active":
        return 0
    return (_api.ask("/info", 30) or {}).get("ContainersRunning")


def _running_of(owner: _owner.Owner) -> int | None:
    """How many run with another user's."""
    if not rootless.manager_runs(owner):
        return 0
    _owner.belongs_to(owner)
    try:
        return _running(_systemd.show("docker.service"))
    finally:
        _owner.belongs_to(None)


def _context(owner: _owner.Owner | None) -> bool | None:
    """Whether that user's clients know where to go; None where there is no client."""
    if not _commands.which("docker"):
        return None
    content: t.Any = {}
    path = f"{owner.home}/.docker/config.json" if owner else ""
    if os.path.isfile(path):  # the user's to make, so it could be a pipe that never ends
        with contextlib.suppress(ValueError, OSError):
            content = json.loads(_files.read(path) or "{}")
    return isinstance(content, dict) and content.get("currentContext") not in (None, "", "default")


def _namespaces() -> str | None:
    """What forbids users namespaces of their own, or None."""
    for path, forbidden in (
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
    ):
        if (_files.read(path) or "").strip() == forbidden:
            return path
    return None
