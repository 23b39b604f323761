# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json on the host: where it is, writing it, and validation by the Engine. Runs on Python 3.8."""

from __future__ import annotations

import json
import os
import typing as t

from . import _commands, _daemon_json, _files, _paths
from ._errors import HostError


def config_path() -> str:
    """Where daemon.json is to be written: a link there stays one, and what it leads to is changed; but no device."""
    _files.check_links(_paths.CONFIG_PATH)
    place = os.path.realpath(_paths.CONFIG_PATH)
    return place if os.path.isfile(place) or not os.path.lexists(place) else _paths.CONFIG_PATH


def write_config(config: dict[str, t.Any]) -> bool:
    """daemon.json with this content; who could read it still can, and nobody else."""
    return _files.write(config_path(), _daemon_json.render_config(config), _files.mode_of(_paths.CONFIG_PATH))


def validate(text: str) -> None:
    """Let the Engine's program judge a configuration, where it can (version 23 and later)."""
    if not _commands.which("dockerd") or set(json.loads(text)) <= {"live-restore"}:
        return
    path = _paths.CONFIG_PATH + ".dockyard-check"
    _files.write(path, text, 0o600)
    try:
        status, out, err = _commands.run("dockerd", "--validate", "--config-file", path, check=False)
    finally:
        _files.remove(path)
    if status and "unknown flag" not in err:
        raise HostError(f"The configuration is not valid: {(err or out).strip().replace(path, _paths.CONFIG_PATH)}")
