# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users and the ranges of ids that their containers use. Runs on the host, on Python 3.8."""

from __future__ import annotations

import typing as t

from . import _commands, _files
from . import _isolation as isolation

FILES = ("/etc/subuid", "/etc/subgid")


def user_exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def group_exists(name: str) -> bool:
    import grp

    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def group_of(user: str) -> str | None:
    """A user's own group."""
    import grp
    import pwd

    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError:
        return None


def about(name: str, path: str, exists: t.Callable[[str], bool]) -> dict[str, t.Any]:
    """Whether there is such a user or group, and whether it has ids for containers."""
    ranges = isolation.ranges(_files.read(path) or "", name)
    return {"name": name, "exists": exists(name), "ranges": sum(length for dummy, length in ranges) >= isolation.RANGE}


def join(user: str, group: str) -> None:
    """Into a group. Alpine has usermod only by a package of its own, and addgroup for the same."""
    _commands.run(*(("usermod", "-aG", group, user) if _commands.which("usermod") else ("addgroup", user, group)))


def provide(user: str, group: str, login: bool = False) -> None:
    """Make a user that is not there, and give it what it lacks."""
    if not user_exists(user):
        how = (
            ("--create-home", "--shell", "/bin/bash")
            if login
            else ("--system", "--no-create-home", "--shell", "/bin/false")
        )
        _commands.run("useradd", *how, *(("--gid", group) if group_exists(group) else ("--user-group",)), user)
    start = isolation.free_range([_files.read(path) or "" for path in FILES])
    for path, name, exists in ((FILES[0], user, user_exists), (FILES[1], group, group_exists)):
        if not about(name, path, exists)["ranges"]:
            text = _files.read(path) or ""
            if text and not text.endswith("\n"):
                text += "\n"
            _files.write(path, f"{text}{name}:{start}:{isolation.RANGE}\n", 0o644)
