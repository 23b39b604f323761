# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary files that a killed run has left: they can have secrets in them. Runs on the host, on Python 3.8."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
import time
import typing as t

from . import _client_proxies as clients
from . import _files, _paths
from . import _isolation as isolation
from . import _openrc as openrc
from ._package_managers import FAMILIES

# As _files.write and downloads name them
_NAME = re.compile(r"\.dockyard-[a-z0-9_]{8}")
_CHECK, _NEW_KEY = ".dockyard-check", ".new"
_AT_WORK = 60  # seconds; a younger one can be that of a run which goes on


def folders() -> list[str]:
    """Where the role writes, but for homes of users."""
    repositories = [family.repository for family in FAMILIES.values() if family.repository]
    files = [
        *(_paths.CONFIG_PATH, _paths.KEY_PATH, _paths.STATE_PATH, _paths.SERVICE_DROP_IN, _paths.SOCKET_DROP_IN),
        *(isolation.ROOTLESS_UNIT, openrc.SETTINGS, "/etc/subuid", "/var/lib/archive", "/etc/systemd/system/unit"),
        *glob.glob("/etc/systemd/system/user@*.service.d/*.conf"),
        *(path for one in repositories for path in (one.source_path, one.key_path)),
    ]
    return sorted({os.path.dirname(path) for path in files})


def find(users: t.Iterable[str]) -> list[str]:
    """What nobody writes any more: for a look, which does not keep others from writing."""
    now = time.time()
    return [path for path, written in _each(users) if now - written > _AT_WORK]


def sweep(users: t.Iterable[str]) -> None:
    """Remove them all. No other run may be at work."""
    for _found in _each(users, remove=True):
        pass


def _each(users: t.Iterable[str], remove: bool = False) -> t.Iterator[tuple[str, float]]:
    exact = (f"{_paths.CONFIG_PATH}{_CHECK}", f"{_paths.KEY_PATH}{_NEW_KEY}")
    for folder in folders():
        yield from _in(folder, exact, remove)
    for user in sorted({"root", *users}):
        with contextlib.suppress(KeyError, OSError), clients.acting_as(user) as path:
            yield from list(_in(os.path.dirname(path), (), remove))


def _in(folder: str, exact: t.Sequence[str], remove: bool) -> t.Iterator[tuple[str, float]]:
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not _NAME.fullmatch(name) and path not in exact:
                continue
            about = os.lstat(path)
            if stat.S_ISREG(about.st_mode):
                yield path, about.st_mtime
                if remove:
                    _files.remove(path)
