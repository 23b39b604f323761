# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's service manager, as far as the Engine needs one: what starts it, stops it, and knows its settings and its log.

systemd is here, OpenRC in a module of its own; another one is another class. Who uses it does not ask which it is.
Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from . import (
    _commands,
    _files,
    _owner,
    _paths,
    _systemd,
    _unit_files,
)
from . import _openrc as openrc
from ._errors import HostError
from ._openrc import Close, Put

# While these are there, a start of the units does nothing: so the Engine starts once, when all is in place,
# and not in the middle of the package's installation. They are in /run, so a reboot ends it in any case.
HOLDS = tuple(f"/run/systemd/system/{unit}.d/zz-dockyard-hold.conf" for unit in _systemd.UNITS)


def own_command(properties: t.Mapping[str, str]) -> str | None:
    """The command of docker.service, of which the properties are, without our drop-in."""
    paths = [properties.get("FragmentPath", ""), *properties.get("DropInPaths", "").split()]
    ours = (_paths.SERVICE_DROP_IN, *HOLDS)
    commands = _unit_files.assigned(
        [_files.read(path) or "" for path in paths if path and path not in ours], "Service", "ExecStart"
    )
    return commands[-1] if commands else None


class Systemd:
    """Two units, and a drop-in of ours for each. Of a user's Engine, it's that user's own manager."""

    holds = True  # whether packages start what they install, so that the Engine has to be held meanwhile

    def state(self) -> dict[str, str]:
        """The service's properties."""
        return _systemd.show(*_systemd.UNITS).get("docker.service", {})

    def start(self, limit: float) -> None:
        _systemd.systemctl("start", *_systemd.UNITS, limit=limit)

    def restart(self, limit: float) -> None:
        """The Engine, while the socket stays."""
        _systemd.systemctl("restart", "docker.service", limit=limit)

    def stop(self, limit: float, check: bool = True) -> None:
        """The socket first: a call that comes in between would start the Engine again."""
        _systemd.systemctl("stop", *_systemd.UNITS, limit=limit, check=check)

    def reload(self, limit: float, check: bool = True) -> None:
        """Let the Engine read its configuration again."""
        _systemd.systemctl("reload", "docker.service", limit=limit, check=check)

    def forget(self) -> None:
        """Forget former starts, which count towards the unit's limit."""
        _systemd.systemctl("reset-failed", *_systemd.UNITS, check=False)

    def reread(self, limit: float = 60, check: bool = True) -> None:
        """Take over what was written for the manager."""
        _commands.run("systemctl", "daemon-reload", limit=limit, check=check)
        if _owner.OWNER:
            _systemd.systemctl("daemon-reload", limit=limit, check=check)

    def enable(self, units: t.Sequence[str], limit: float) -> None:
        """Let the Engine come with a boot."""
        if _owner.OWNER:
            # For all users' managers, and the unit's condition is its user: nothing is written into anybody's folders.
            units = ("--global", "docker.service")
        _commands.run("systemctl", "enable", "--quiet", *units, limit=limit)

    def place(self, put: Put, plan: t.Mapping[str, t.Any], state: t.Mapping[str, str], close: Close) -> bool:
        """Our settings of the service. True if that changed anything.

        The port never exists without TLS: TLS is written before the port, and removed after it. Before TLS is removed,
        the Engine is stopped as well, since systemd holds the open socket until then.
        """
        unit = plan["service"]
        command = own_command(state)
        if command is None:
            raise HostError("There is no docker.service on this host")
        drop_in = _unit_files.service_drop_in(command, unit["tls"], unit["environment"])
        if unit["tls"]:
            changed = put(_paths.SERVICE_DROP_IN, drop_in)
            return put(_paths.SOCKET_DROP_IN, plan["socket"]) or changed
        closed = put(_paths.SOCKET_DROP_IN, plan["socket"])
        if closed:
            close()
        return put(_paths.SERVICE_DROP_IN, drop_in) or closed

    def mark(self) -> float:
        """Where the log ends now."""
        return time.time()

    def log(self, mark: t.Any) -> str:
        """What the Engine has said since."""
        with contextlib.suppress(HostError):
            # What it has just said may be on its way into the journal yet, where the host has much else to do.
            _commands.run("journalctl", "--sync", check=False)
            mine = (
                (f"_UID={_owner.OWNER.uid}", "_SYSTEMD_USER_UNIT=docker.service")
                if _owner.OWNER
                else ("-u", "docker.service", "-u", "docker.socket")
            )
            return _commands.run(
                *("journalctl", *mine, "--since", f"@{mark:.3f}", "-o", "cat", "--no-pager", "-n", "200"),
                check=False,
            )[1]
        return ""


Manager = t.Union[Systemd, openrc.OpenRC]
_SYSTEMD, _OPENRC = Systemd(), openrc.OpenRC()


def here() -> Manager:
    """The one of this host."""
    return _OPENRC if openrc.runs() else _SYSTEMD
