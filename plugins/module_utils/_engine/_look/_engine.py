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

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive_layout as static
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_root as data
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _host as host
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _symlinks
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look._units import DOWN


def about_engine(active: bool, root: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {
        "program": host.which("dockerd"),
        "running": False,
        **static.about(),
    }
    version = host.ask("/version") if active else None
    information = host.ask("/info", limit=30) if version else None
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
    path = host.OWN_SOCKETS[0]
    if os.path.islink(path):
        return None
    listener = None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(10)
        stream.connect(path)
        pid = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        listener = host.process(pid)
    # The units may have come up since they were looked at: those of a new machine do so by themselves after a while.
    units = host.show(*host.UNITS) if listener and systemd else {}
    return listener if {unit.get("ActiveState") for unit in units.values()} <= DOWN else None


def about_config() -> dict[str, t.Any]:
    link = _symlinks.untrusted(cfg.CONFIG_PATH)
    if link:
        return {"exists": True, "content": {}, "error": link}
    try:
        text = host.read(cfg.CONFIG_PATH)
        return {"exists": text is not None, "content": cfg.masked(cfg.parse_config(text or "")), "error": None}
    except IsADirectoryError:  # what Docker makes of a file to be mounted that is not there
        return {"exists": True, "content": {}, "error": "it is a folder"}
    except ValueError as error:
        return {"exists": True, "content": {}, "error": str(error)}


def about_tls() -> dict[str, t.Any]:
    public, mode = None, None
    if os.path.exists(cfg.KEY_PATH):
        mode = f"{stat.S_IMODE(os.stat(cfg.KEY_PATH).st_mode):04o}"
        public = host.public_key(cfg.KEY_PATH)
    return {
        "ca": host.read(cfg.CA_PATH),
        "certificate": host.read(cfg.CERTIFICATE_PATH),
        "public_key": public,
        "key_mode": mode,
    }


def about_environment(wanted: dict[str, str], others: dict[str, tuple[str, str]]) -> dict[str, t.Any]:
    """Whether the file is as wanted, and what others set that it would replace. Never a value."""
    text = host.read(cfg.ENVIRONMENT_PATH)
    private = text is None or stat.S_IMODE(os.stat(cfg.ENVIRONMENT_PATH).st_mode) == 0o600
    cfg.render_environment(wanted)  # says what can't be in such a file
    found = cfg.parse_environment(text or "")
    return {
        "names": sorted(found),
        # Their order makes no difference, and so no restart
        "matches": private and found == wanted,
        "others": [
            {"name": name, "path": path, "same": value == wanted[ours]}
            for name, (value, path) in sorted(others.items())
            for ours in wanted
            if cfg.variable_key(name) == cfg.variable_key(ours)
        ],
    }


def about_memory() -> dict[str, t.Any]:
    try:
        content = json.loads(host.read(cfg.STATE_PATH) or "{}")
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
