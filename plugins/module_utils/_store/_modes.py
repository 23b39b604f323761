# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else could change a store in a folder: judged as sshd judges a user's keys (StrictModes).

The folder and all that it is reached through belong to the user or to root, and nobody else may write there. Two things
are allowed that change nothing for others: a group that only the user is in, and a folder like /tmp, in which everybody
may write but nobody may replace what others have put there.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import shlex
import stat
import typing as t

from .._errors import MachineError

VARIABLE = "DOCKYARD_STORE_STRICT_MODES"
_stat, _lstat = os.stat, os.lstat
LINKS = 40  # symbolic links that a path may have, as for the kernel


def check(path: str) -> None:
    """Refuse a store that somebody else could have changed; a folder that is not there yet is judged by its parents."""
    if not _asked_for():
        return
    try:
        allowed = _allowed(_stat(path).st_uid if os.path.exists(path) else os.geteuid())
        _check_way(path, path, allowed)
        if os.path.isdir(path):
            for entry in os.scandir(path):
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    _check_inside(path, entry.path, allowed)
    except OSError as error:
        raise MachineError(
            f"The store {path} can't be used: {error.strerror} ({error.filename or path})",
            code="store",
            remedy="Check the option store and the rights of that folder",
        ) from error


def check_inside(store: str, path: str) -> None:
    """The same for one file or folder of a store that was found good."""
    if _asked_for():
        _check_inside(store, path, _allowed(_stat(store).st_uid))


def _check_inside(store: str, path: str, allowed: set[int]) -> None:
    if os.path.islink(path):
        _check_way(store, path, allowed)
    else:
        _judge(store, path, _lstat(path), None, allowed)


def _check_way(store: str, path: str, allowed: set[int]) -> None:
    end = _stat(path) if os.path.exists(path) else None
    for there, found, parent in _steps(path):
        passing = end is None or not os.path.samestat(found, end)
        _judge(store, there, found, parent, allowed, passing)


def _asked_for() -> bool:
    return os.environ.get(VARIABLE, "yes").strip().lower() not in ("no", "false", "off", "0")


def _allowed(owner: int) -> set[int]:
    """Users who may own a store: root and oneself. For root, as for sshd, the one whose store it is, and who used sudo."""
    me = os.geteuid()
    if me:
        return {0, me, *_unmapped()}
    sudo = os.environ.get("SUDO_UID", "")
    return {0, owner, *_unmapped(), *([int(sudo)] if sudo.isdigit() else [])}


def _unmapped() -> set[int]:
    """In a container without root, what belongs to the computer's root is shown as nobody's."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            if file.read().split() == ["0", "0", "4294967295"]:
                return set()
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            return {int(file.read())}
    except (OSError, ValueError):
        return set()


def _steps(path: str) -> t.Iterator[tuple[str, os.stat_result, os.stat_result | None]]:
    """Each folder and symbolic link on the way to a path, as it is itself, and the folder that it is in."""
    current, parent = "/", _lstat("/")
    yield current, parent, None
    pending, links = path.split("/")[::-1], 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            current = os.path.dirname(current)
            parent = _lstat(current)
            continue
        there = os.path.join(current, part)
        try:
            found = _lstat(there)
        except FileNotFoundError:
            return  # nor is there anything below it
        yield there, found, parent
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(there)
            pending += target.split("/")[::-1]
            if target.startswith("/"):
                current, parent = "/", _lstat("/")
        else:
            current, parent = there, found


def _judge(
    store: str,
    path: str,
    found: os.stat_result,
    parent: os.stat_result | None,
    allowed: set[int],
    passing: bool = False,
) -> None:
    """``passing``: it is on the way to what is to be safe, so that others may put something beside it."""
    if found.st_uid not in allowed:
        raise _refused(
            store, path, f"belongs to {_user(found.st_uid)}", f"chown {_user(os.geteuid())} {shlex.quote(path)}"
        )
    if parent is not None and parent.st_mode & stat.S_ISVTX and _writable(parent, allowed):
        # Anybody may have made it there. Of a store that root uses that is not told by whose it is.
        sudo = os.environ.get("SUDO_UID", "")
        mine = {os.geteuid(), 0} | ({int(sudo)} if sudo.isdigit() else set())
        if found.st_uid not in mine:
            raise _refused(
                store,
                path,
                f"belongs to {_user(found.st_uid)}, and is in a folder that everybody may write to",
                f"chown {_user(os.geteuid())} {shlex.quote(path)}",
            )
    if stat.S_ISLNK(found.st_mode):
        return  # its mode says nothing
    whose = _writable(found, allowed)
    if whose and not (passing and found.st_mode & stat.S_ISVTX):
        raise _refused(store, path, f"can be written to by {whose}", f"chmod go-w {shlex.quote(path)}")


def _writable(found: os.stat_result, allowed: set[int]) -> str:
    """Who else may write there; empty: nobody."""
    if found.st_mode & stat.S_IWOTH:
        return "everybody"
    if found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid, allowed):
        return f"the group {_group(found.st_gid)}"
    return ""


def _is_private(gid: int, allowed: set[int]) -> bool:
    """Whether only allowed users are in a group: root's, or one that has a user's name, as many systems make them."""
    try:
        group = grp.getgrgid(gid)
        members = {pwd.getpwnam(name).pw_uid for name in group.gr_mem}
        members |= {one.pw_uid for one in pwd.getpwall() if one.pw_gid == gid}
    except KeyError:
        return False
    return members <= allowed and (gid == 0 or group.gr_name in {_user(uid) for uid in allowed})


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _refused(store: str, path: str, why: str, command: str) -> MachineError:
    return MachineError(
        f"The store {store} can't be trusted: {path} {why}, who could change the machines' records, keys and CA",
        code="loose_store",
        remedy=f"Make sure that nobody has put anything into it, then: {command}. Where a file system has no modes, set "
        f"{VARIABLE}=no",
    )
