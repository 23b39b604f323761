# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role remembers on a host between runs. Runs on Python 3.8."""

from __future__ import annotations

import json
import typing as t

from . import _files, _paths


def remember(config: dict[str, t.Any], pending: str | None, **more: t.Any) -> bool:
    """What we set in daemon.json, what an interrupted run still owes, and more by name; what isn't named stays."""
    content = {**_memory(), "schema": 1, "config": config, "pending": pending, **more}
    return _files.write(_paths.STATE_PATH, json.dumps(content, indent=1) + "\n", 0o600, 0o700)


def remembered() -> dict[str, t.Any]:
    return _memory().get("config") or {}


def owed() -> str | None:
    """What an interrupted run has left for the Engine to do."""
    return _memory().get("pending")


def client_users() -> list[str]:
    """Users in whose config.json the role has put something."""
    return list(_memory().get("clients") or {})


def _memory() -> dict[str, t.Any]:
    try:
        content = json.loads(_files.read(_paths.STATE_PATH) or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
