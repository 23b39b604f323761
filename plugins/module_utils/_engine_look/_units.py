# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of the Engine, their commands and drop-ins."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host

START_LIMIT = 60  # seconds; an Engine that takes longer is looked at as it is


def settled(waited: list[str]) -> dict[str, dict[str, str]]:
    """The units' properties, once no start or stop of the Engine is under way.

    On a host that has just booted, an Engine that comes up by itself needs nothing.
    """

    def look() -> dict[str, dict[str, str]]:
        return host.show("docker.service", "docker.socket", "containerd.service")

    shown = look()
    if host.on_its_way(shown.get("docker.service", {})):
        waited.append("The Engine is being started or stopped")
        host.until(lambda: not host.on_its_way(look().get("docker.service", {})), START_LIMIT)
        shown = look()
    return shown


def about_units(shown: dict[str, dict[str, str]]) -> dict[str, t.Any]:
    found = {}
    for name, properties in shown.items():
        ours = {"docker.service": cfg.SERVICE_DROP_IN, "docker.socket": cfg.SOCKET_DROP_IN}.get(name)
        drop_ins = [path for path in properties.get("DropInPaths", "").split() if path != ours]
        fragment = properties.get("FragmentPath", "")
        texts = [host.read(path) or "" for path in [fragment, *drop_ins] if path]
        about = {
            "exists": properties.get("LoadState") == "loaded",
            "load": properties.get("LoadState"),
            "active": properties.get("ActiveState"),
            "enabled": properties.get("UnitFileState"),
            "stale": properties.get("NeedDaemonReload") == "yes",
            "pid": int(properties.get("MainPID") or 0),
            "fragment": fragment,
            "drop_ins": drop_ins,
            "own_drop_in": host.read(ours) if ours else None,
        }
        if name == "docker.service":
            about.update(command_of(texts, drop_ins))
        elif name == "docker.socket":
            about["listen"] = cfg.assigned(texts, "Socket", "ListenStream")
        found[name] = about
    return found


def command_of(texts: list[str], drop_ins: list[str]) -> dict[str, t.Any]:
    """The service's own command (without our drop-in), with its variables filled in."""
    commands = cfg.assigned(texts, "Service", "ExecStart")
    variables: dict[str, str] = {}
    for line in cfg.assigned(texts, "Service", "Environment"):
        variables.update(cfg.parse_environment("\n".join(re.findall(r'(?:[^\s"]|"[^"]*")+', line))))
    for path in cfg.assigned(texts, "Service", "EnvironmentFile"):
        variables.update(cfg.parse_environment(host.read(path.lstrip("-")) or ""))
    name = os.path.basename(cfg.SERVICE_DROP_IN)
    return {
        "exec_start": commands[-1] if commands else None,
        "arguments": cfg.masked(cfg.arguments_of(commands[-1], variables)) if commands else [],
        "later_drop_ins": [
            path
            for path in drop_ins
            if os.path.basename(path) > name
            and any(what == "ExecStart" for where, what, value in cfg.directives(host.read(path) or ""))
        ],
    }
