# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Engine without root: its user, that user's manager, and who else must not be the Engine. Runs on Python 3.8."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import typing as t

from . import (
    _arguments,
    _commands,
    _files,
    _owner,
    _paths,
    _systemd,
    _unit_files,
    _waiting,
)
from . import _isolation as isolation
from . import _subordinate_ids as ids
from ._errors import HostError
from ._owner import Owner

_SCRIPT = "dockerd-rootless.sh"
_CONTRIB = "/usr/share/docker.io/contrib/" + _SCRIPT  # where Debian and Ubuntu put it
CONTEXT = "rootless"  # as the vendor's own tool names it


def script() -> str | None:
    return _commands.which(_SCRIPT) or (_CONTRIB if os.path.exists(_CONTRIB) else None)


def unit_user() -> str | None:
    """Whose Engine without root an earlier run has set up."""
    found = re.search(r"^ConditionUser=(.+)$", _files.read(isolation.ROOTLESS_UNIT) or "", re.MULTILINE)
    return found.group(1) if found else None


def unit(
    user: str,
    port: int | None,
    listen: t.Sequence[str],
    environment: bool,
    controllers: t.Sequence[str] = (),
    program: str | None = None,
) -> str:
    """The unit's text; without a port there is no TLS either."""
    arguments = ["--config-file=" + _paths.CONFIG_PATH, *(_arguments.TLS_ARGUMENTS if port else ())]
    variables = _paths.ENVIRONMENT_PATH if environment else None
    comments = _unit_files.controllers_line(controllers)
    return isolation.rootless_unit(user, program or script() or _SCRIPT, arguments, port, listen, variables, comments)


def manager_runs(owner: Owner) -> bool:
    return os.path.exists(f"/run/user/{owner.uid}/systemd/private")


def prepare(plan: dict[str, t.Any], limit: float) -> None:
    """A user with ids and a manager that runs without a login; and nobody else who is this host's Engine."""
    user = plan["user"]
    ids.provide(user, ids.group_of(user) or user, login=True)
    owner = _owner.owner_of(user)
    if not owner:
        raise HostError(f"The user {user} is not there, though it was just made")
    if plan["delegate"] and _files.write(*isolation.delegation(owner.uid), 0o644):
        _commands.run("systemctl", "daemon-reload", limit=limit)
    if not os.path.exists(f"/var/lib/systemd/linger/{user}") or not manager_runs(owner):
        _commands.run("loginctl", "enable-linger", user, limit=limit)
        if not _waiting.until(lambda: manager_runs(owner), limit):
            raise HostError(
                f"The manager of the user {user} does not run, though it may linger: look at user@{owner.uid}.service and "
                "systemd-logind"
            )
    if plan["system_off"]:
        _commands.run("systemctl", "disable", "--quiet", "--now", *_systemd.UNITS, limit=limit)
    _owner.belongs_to(owner)


def make_way_back(plan: dict[str, t.Any], limit: float) -> str:
    """The system-wide Engine as before, where the one without root did not come up; what came of it as a sentence."""
    if not plan["system_ran"]:
        return ""
    _owner.belongs_to(None)
    own_files()
    _commands.run("systemctl", "daemon-reload", check=False)
    if _commands.run("systemctl", "enable", "--quiet", "--now", *_systemd.UNITS, limit=limit, check=False)[0]:
        return " The system-wide Engine, which was stopped for it, does not start again."
    return " The system-wide Engine runs again."


class StoppedRootless(t.NamedTuple):
    """An Engine without root that had to make way."""

    user: str
    unit: str
    ran: bool


def leave(user: str, limit: float) -> StoppedRootless:
    """Stop an Engine without root that is no longer wanted, or is another user's now. Its data stays."""
    owner, ran = _owner.owner_of(user), False
    if owner and manager_runs(owner):
        ran = owner.run("systemctl", "--user", "is-active", "--quiet", "docker.service", check=False)[0] == 0
        owner.run("systemctl", "--user", "stop", "docker.service", limit=limit)
    left = StoppedRootless(user, _files.read(isolation.ROOTLESS_UNIT) or "", ran)
    _commands.run("systemctl", "--global", "disable", "--quiet", "docker.service", limit=limit, check=False)
    _files.remove(isolation.ROOTLESS_UNIT)
    if owner and manager_runs(owner):
        owner.run("systemctl", "--user", "daemon-reload", limit=limit)
    return left


def come_back(left: StoppedRootless, limit: float) -> str:
    """That Engine as before, where the one in its place did not come up; what came of it as a sentence."""
    owner = _owner.owner_of(left.user)
    if not owner or not left.unit:
        return ""
    # A host has one Engine, also after a boot.
    _commands.run("systemctl", "disable", "--quiet", *_systemd.UNITS, limit=limit, check=False)
    _owner.belongs_to(owner)
    own_files()
    _files.write(isolation.ROOTLESS_UNIT, left.unit, 0o644)
    _commands.run("systemctl", "--global", "enable", "--quiet", "docker.service", limit=limit, check=False)
    if not left.ran:
        return ""
    owner.run("systemctl", "--user", "daemon-reload", limit=limit, check=False)
    if owner.run("systemctl", "--user", "start", "docker.service", limit=limit, check=False)[0]:
        return f" The Engine of the user {left.user}, which was stopped for it, does not start again."
    return f" The Engine of the user {left.user} runs again."


def own_files() -> None:
    """The files that are secret belong to who runs the Engine; their folder stays root's, so no link can be put there."""
    _files.check_links(_paths.TLS_FOLDER)
    uid, gid = (_owner.OWNER.uid, _owner.OWNER.gid) if _owner.OWNER else (0, 0)
    if os.path.isdir(_paths.TLS_FOLDER):
        os.chown(_paths.TLS_FOLDER, 0, gid)
        os.chmod(_paths.TLS_FOLDER, 0o750 if gid else 0o700)
    folder = os.path.dirname(_paths.CONFIG_PATH)
    if uid and os.path.isdir(folder):
        # An Engine that is root's may have made it for itself alone.
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | 0o011)
    for path in (_paths.KEY_PATH, _paths.ENVIRONMENT_PATH):
        with contextlib.suppress(FileNotFoundError):
            os.chown(path, uid, gid, follow_symlinks=False)


def owned(owner: Owner | None) -> bool:
    """Whether they do, and who runs it comes to them."""
    uid = owner.uid if owner else 0
    if owner and os.path.isdir(_paths.TLS_FOLDER):
        folder = os.stat(_paths.TLS_FOLDER)
        if not folder.st_mode & (0o010 if folder.st_gid == owner.gid else 0o001):
            return False
    for path in (_paths.KEY_PATH, _paths.ENVIRONMENT_PATH):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_uid != uid:
                return False
    return True


def context(owner: Owner, limit: float) -> None:
    """Let that user's clients find it, also those that come by SSH: ``docker -H ssh://`` asks the client there."""
    owner.run(
        "docker", "context", "create", CONTEXT, "--docker", f"host=unix://{owner.socket}", limit=limit, check=False
    )
    owner.run("docker", "context", "use", CONTEXT, limit=limit)
