# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxies that Docker's client gives to builds and containers: ``proxies.default`` in each user's config.json.

A user's folder is the user's, links in it too, so everything there is done with that user's rights.
Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from . import _data_root as data
from . import _files
from ._errors import HostError


@contextlib.contextmanager
def acting_as(user: str) -> t.Iterator[str]:
    """With the rights of a user; the path of the user's config.json."""
    import pwd

    entry = pwd.getpwnam(user)
    groups, uid, gid = os.getgroups(), os.geteuid(), os.getegid()
    if uid == 0:
        os.setgroups(os.getgrouplist(user, entry.pw_gid))
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
    try:
        yield os.path.realpath(os.path.join(entry.pw_dir, ".docker", "config.json"))
    finally:
        if uid == 0:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)


def about_clients(users: t.Iterable[str], wanted: dict[str, str], ours: dict[str, list[str]]) -> dict[str, t.Any]:
    """For each user which keys are to be set and which of ours are to go. Never a value."""
    found: dict[str, t.Any] = {}
    for user in sorted({*users, *ours}):
        keys = wanted if user in users else {}
        try:
            with acting_as(user) as path:
                current, error = _read(path)
                error = error or _why_not_written(os.path.dirname(path))
        except KeyError:
            continue  # no such user (any more); who is asked for and missing is told elsewhere
        except OSError as trouble:
            path, current, error = str(trouble.filename), {}, str(trouble.strerror)
        proxies = _default(current)
        found[user] = {
            "path": path,
            "error": error,
            "set": [key for key in keys if proxies.get(key) != keys[key]],
            "unset": [key for key in ours.get(user, []) if key not in keys and key in proxies],
            "ours": list(keys),
        }
    return found


def put(user: str, values: dict[str, str], gone: list[str]) -> None:
    """Merge proxies into a user's config.json. As it can hold passwords, nobody else may read it from then on."""
    with acting_as(user) as path:
        current, error = _read(path)
        if error:
            raise HostError(f"{path} of the user {user} can't be changed: {error}")
        default = {key: value for key, value in {**_default(current), **values}.items() if key not in gone}
        proxies = {**_dict(current.get("proxies")), "default": default}
        if not default:
            del proxies["default"]
        merged = {**current, "proxies": proxies}
        if not proxies:
            del merged["proxies"]
        _files.write(path, json.dumps(merged, indent="\t") + "\n", 0o600, 0o700)


def _read(path: str) -> tuple[dict[str, t.Any], str | None]:
    try:
        content = json.loads(_files.read(path) or "{}")
    except ValueError:
        return {}, "it is not valid JSON"
    return (content, None) if isinstance(content, dict) else ({}, "it is not a JSON object")


def _why_not_written(folder: str) -> str | None:
    """Asked with the rights of the user, who would make the folder if it isn't there."""
    there = data.existing(folder)
    if os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        return None
    home = os.path.dirname(folder)
    if not os.path.isdir(home):
        return f"there is no folder {home}, and that user can't make it"
    return f"that user can't write to {there}"


def _default(content: dict[str, t.Any]) -> dict[str, t.Any]:
    return _dict(_dict(content.get("proxies")).get("default"))


def _dict(value: t.Any) -> dict[str, t.Any]:
    return value if isinstance(value, dict) else {}
