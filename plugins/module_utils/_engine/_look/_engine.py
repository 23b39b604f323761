# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine: what runs, its configuration, certificate and environment, and what the role remembers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
import typing as t

from .. import (
    _api,
    _commands,
    _daemon_json,
    _environment_file,
    _files,
    _masking,
    _owner,
    _paths,
    _processes,
    _server_key,
    _symlinks,
    _systemd,
)
from .. import _archive_layout as static
from .. import _data_root as data
from ._units import DOWN


def about_engine(active: bool, root: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {
        "program": _commands.which("dockerd"),
        "running": False,
        **static.about(),
    }
    version = _api.ask("/version") if active else None
    information = _api.ask("/info", limit=30) if version else None
    if version and information:
        swarm = information.get("Swarm") or {}
        found.update(
            running=True,
            version=version.get("Version"),
            api_version=version.get("ApiVersion"),
            containers_running=information.get("ContainersRunning", 0),
            live_restore=bool(information.get("LiveRestoreEnabled")),
            swarm=swarm.get("LocalNodeState", "inactive"),
            swarm_node={
                "id": swarm.get("NodeID") or "",
                "manager": bool(swarm.get("ControlAvailable")),
                "managers": [one.get("Addr") for one in swarm.get("RemoteManagers") or []],
                "error": swarm.get("Error") or "",
            },
            storage_driver=information.get("Driver"),
        )
    elif any(os.path.exists(os.path.join(path, "swarm", "docker-state.json")) for path in data.roots(root)):
        found["swarm"] = "unknown"
    return found


def another(systemd: bool) -> str | None:
    """Who listens on the socket of root's Engine, of which no unit is active: a snap's Engine, say.

    A link there is podman's, or somebody's own, and leads to a socket that stays.
    """
    path = _owner.OWN_SOCKETS[0]
    if os.path.islink(path):
        return None
    listener = None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(10)
        stream.connect(path)
        pid = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        listener = _processes.process(pid)
    # The units may have come up since they were looked at: those of a new machine do so by themselves after a while.
    units = _systemd.show(*_systemd.UNITS) if listener and systemd else {}
    return listener if {unit.get("ActiveState") for unit in units.values()} <= DOWN else None


def about_config() -> dict[str, t.Any]:
    link = _symlinks.untrusted(_paths.CONFIG_PATH)
    if link:
        return {"exists": True, "content": {}, "error": link}
    try:
        text = _files.read(_paths.CONFIG_PATH)
        return {
            "exists": text is not None,
            "content": _masking.masked(_daemon_json.parse_config(text or "")),
            "error": None,
        }
    except IsADirectoryError:  # what Docker makes of a file to be mounted that is not there
        return {"exists": True, "content": {}, "error": "it is a folder"}
    except ValueError as error:
        return {"exists": True, "content": {}, "error": str(error)}


def about_tls() -> dict[str, t.Any]:
    public, mode = None, None
    if os.path.exists(_paths.KEY_PATH):
        mode = f"{stat.S_IMODE(os.stat(_paths.KEY_PATH).st_mode):04o}"
        public = _server_key.public_key(_paths.KEY_PATH)
    return {
        "ca": _files.read(_paths.CA_PATH),
        "certificate": _files.read(_paths.CERTIFICATE_PATH),
        "public_key": public,
        "key_mode": mode,
    }


def about_environment(wanted: dict[str, str], others: dict[str, tuple[str, str]]) -> dict[str, t.Any]:
    """Whether the file is as wanted, and what others set that it would replace. Never a value."""
    text = _files.read(_paths.ENVIRONMENT_PATH)
    private = text is None or stat.S_IMODE(os.stat(_paths.ENVIRONMENT_PATH).st_mode) == 0o600
    _environment_file.render_environment(wanted)  # says what can't be in such a file
    found = _environment_file.parse_environment(text or "")
    return {
        "names": sorted(found),
        # Their order makes no difference, and so no restart
        "matches": private and found == wanted,
        "others": [
            {"name": name, "path": path, "same": value == wanted[ours]}
            for name, (value, path) in sorted(others.items())
            for ours in wanted
            if _environment_file.variable_key(name) == _environment_file.variable_key(ours)
        ],
    }


def about_memory() -> dict[str, t.Any]:
    try:
        content = json.loads(_files.read(_paths.STATE_PATH) or "{}")
    except ValueError:
        content = {}
    return {
        "config": content.get("config") or {},
        "former": content.get("former") or {},
        "clients": content.get("clients") or {},
        "pending": content.get("pending"),
        "tls": content.get("tls") is True,
        "after_restart": content.get("after_restart") is True,
    }
