# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of the Engine, their commands and drop-ins."""

from __future__ import annotations

import glob
import os
import shlex
import typing as t

from .. import (
    _environment_file,
    _files,
    _masking,
    _paths,
    _systemd,
    _unit_files,
    _waiting,
)
from .. import _firewall_rules as firewall

OURS = ("docker.service", "docker.socket", "containerd.service")
# Of ufw, its configuration says whether it is active.
FIREWALLS = ("firewalld.service", "nftables.service", *firewall.IPT_UNITS)
DOWN = {None, "inactive", "failed"}
START_LIMIT = 60  # seconds; an Engine that takes longer is looked at as it is


def settled(waited: list[str]) -> dict[str, dict[str, str]]:
    """The units' properties, once no start or stop of the Engine is under way.

    On a host that has just booted, an Engine that comes up by itself needs nothing.
    """

    def look() -> dict[str, dict[str, str]]:
        return _systemd.show(*OURS, *FIREWALLS)

    shown = look()
    if _systemd.on_its_way(shown.get("docker.service", {})):
        waited.append("The Engine is being started or stopped")
        _waiting.until(lambda: not _systemd.on_its_way(look().get("docker.service", {})), START_LIMIT)
        shown = look()
    return shown


def about_units(shown: dict[str, dict[str, str]]) -> dict[str, t.Any]:
    found = {}
    for name, properties in shown.items():
        if name not in OURS:
            continue
        ours = {"docker.service": _paths.SERVICE_DROP_IN, "docker.socket": _paths.SOCKET_DROP_IN}.get(name)
        drop_ins = [path for path in properties.get("DropInPaths", "").split() if path != ours]
        fragment = properties.get("FragmentPath", "")
        files = [(path, _files.read(path) or "") for path in [fragment, *drop_ins] if path]
        own = _files.read(ours) if ours else None
        about = {
            "exists": properties.get("LoadState") == "loaded",
            "load": properties.get("LoadState"),
            "active": properties.get("ActiveState"),
            "enabled": properties.get("UnitFileState"),
            "pid": int(properties.get("MainPID") or 0),
            "fragment": fragment,
            "drop_ins": drop_ins,
            "own_drop_in": _masking.masked(own),
        }
        if name == "docker.service":
            about.update(command_of(files, own or ""))
        found[name] = about
    return found


def command_of(files: list[tuple[str, str]], own: str = "") -> dict[str, t.Any]:
    """The service's own command (without our drop-in), with its variables filled in, and where each argument stands."""
    commands = _unit_files.placed(files, "Service", "ExecStart")
    command, place = commands[-1] if commands else ("", "")
    variables = variables_of(files)
    words = _unit_files.filled(command, {name: value for name, (value, dummy) in variables.items()})
    arguments = _masking.masked_words([word for word, dummy in words])
    places = {arguments[number]: variables[name][1] for number, (dummy, name) in enumerate(words) if name in variables}
    ours = os.path.basename(_paths.SERVICE_DROP_IN)
    # In what is shown, commands that differ by a password alone are the same.
    outdated = any(not line.startswith(command) for line in _unit_files.assigned([own], "Service", "ExecStart"))
    return {
        "exec_start": _masking.masked(command) or None,
        "outdated": outdated,
        "arguments": arguments,
        "places": {word: places.get(word, place) for word in arguments},
        "later_drop_ins": [
            path
            for path, text in files
            if path.endswith(".conf")
            and os.path.basename(path) > ours
            and any(what == "ExecStart" for dummy, what, value in _unit_files.directives(text))
        ],
    }


def variables_of(files: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The service's environment variables without ours, each with the file that sets it. Their values can be secret."""
    found: dict[str, tuple[str, str]] = {}
    for line, path in _unit_files.placed(files, "Service", "Environment"):
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        found.update((name, (value, path)) for name, dummy, value in (word.partition("=") for word in words))
    for name, _dummy in _unit_files.placed(files, "Service", "EnvironmentFile"):
        pattern = name.lstrip("-")
        for path in sorted(filter(os.path.isfile, glob.glob(pattern))) or [pattern]:
            if path != _paths.ENVIRONMENT_PATH:
                found.update(
                    (key, (value, path))
                    for key, value in _environment_file.parse_environment(_files.read(path) or "").items()
                )
    return found


def others_variables(shown: dict[str, dict[str, str]]) -> dict[str, tuple[str, str]]:
    """What others than the role have set in the Engine's environment."""
    properties = shown.get("docker.service", {})
    paths = [properties.get("FragmentPath", ""), *properties.get("DropInPaths", "").split()]
    return variables_of([(path, _files.read(path) or "") for path in paths if path and path != _paths.SERVICE_DROP_IN])
