# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are written in a run and can be put back, and the files of firewalls. Runs on Python 3.8."""

from __future__ import annotations

import os
import stat
import typing as t

from . import _commands, _files


class Files:
    """Writes files, and knows how they were."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[str | None, int, int, int]] = {}
        self.changed: list[str] = []

    def put(self, path: str, content: str | None, mode: int = 0o644, folder_mode: int = 0o755) -> bool:
        """Write a file, or remove it if the content is None. True if that changed anything."""
        if path not in self.before:
            old = _files.read(path)
            status = os.stat(path) if old is not None else None
            self.before[path] = (
                (old, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) if status else (None, 0, 0, 0)
            )
        done = _files.remove(path) if content is None else _files.write(path, content, mode, folder_mode)
        if done:
            self.changed.append(path)
        return done

    def undo(self) -> None:
        for path in reversed(self.changed):
            content, mode, uid, gid = self.before[path]
            if content is None:
                _files.remove(path)
            else:
                _files.write(path, content, mode)
                if uid or gid:
                    os.chown(path, uid, gid)


def open_and_close(firewall: dict[str, t.Any] | None, limit: float) -> bool:
    """The firewalls as planned. That stays if the Engine fails: the next look finds it. True if a unit's file changed."""
    if not firewall:
        return False
    for path, content in firewall["files"].items():
        if content is None:
            _files.remove(path)
        else:
            _files.write(path, content, 0o644)
    for command in firewall["commands"]:
        _commands.run(*command, limit=limit)
    for path, content in firewall["done"].items():
        _files.write(path, content, 0o644)
    return any(path.endswith(".conf") for path in firewall["files"])
