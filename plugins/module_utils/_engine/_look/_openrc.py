# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's service with OpenRC, told as systemd's units are, so that a plan is made from the same."""

from __future__ import annotations

import os
import re
import shlex
import typing as t

from .. import (
    _environment_file,
    _files,
    _masking,
    _systemd,
    _waiting,
)
from .. import _openrc as openrc
from .._errors import HostError
from . import _units


def units(waited: list[str]) -> dict[str, t.Any]:
    """Once no start or stop of the Engine is under way. A unit for a socket there is none, so it is as the service is."""
    it = openrc.OpenRC()
    state = it.state()
    if _systemd.on_its_way(state):
        waited.append("The Engine is being started or stopped")
        _waiting.until(lambda: not _systemd.on_its_way(it.state()), _units.START_LIMIT)
        state = it.state()
    settings = openrc.settings()
    arguments = _masking.masked_words(_words(settings.options))
    service = {
        "exists": state["LoadState"] != "not-found",
        "load": state["LoadState"],
        "active": state["ActiveState"],
        "enabled": "enabled" if openrc.enabled() else "disabled",
        "pid": int(state.get("MainPID", 0)),
        "fragment": openrc.SCRIPT,
        "drop_ins": [openrc.SETTINGS],
        "own_drop_in": settings.block,
        "exec_start": None,
        "arguments": arguments,
        "places": dict.fromkeys(arguments, openrc.SETTINGS),
        "later_drop_ins": [],
    }
    return {"docker.service": service, "docker.socket": {**service, "own_drop_in": None, "enabled": "enabled"}}


def _words(options: str) -> list[str]:
    try:
        return shlex.split(options)
    except ValueError as error:
        raise HostError(f"DOCKER_OPTS in {openrc.SETTINGS} can't be read: {error}") from None


def others_variables() -> dict[str, tuple[str, str]]:
    """What others than the role export for the Engine, each with the file that does. Their values can be secret."""
    found: dict[str, tuple[str, str]] = {}
    for path in (openrc.SETTINGS, openrc.PROXIES):
        if os.path.isfile(path):
            text = openrc.with_block(_files.read(path) or "", None)
            exports = re.findall(r"^[ \t]*export[ \t]+(\w+=.*)$", text, re.M)
            found.update(
                (name, (value, path)) for name, value in _environment_file.parse_environment("\n".join(exports)).items()
            )
    return found
