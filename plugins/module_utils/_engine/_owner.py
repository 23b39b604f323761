# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose Engine this is: root, or the user of an Engine without root. Runs on Python 3.8."""

from __future__ import annotations

import typing as t

from . import _commands

OWN_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")  # of root's Engine
SOCKETS: tuple[str, ...] = OWN_SOCKETS


class Owner(t.NamedTuple):
    """The user whose own manager runs an Engine without root."""

    name: str
    uid: int
    gid: int
    home: str

    @property
    def socket(self) -> str:
        return f"/run/user/{self.uid}/docker.sock"

    def run(self, *command: str, limit: float = 60, check: bool = True) -> tuple[int, str, str]:
        """A command as that user, with that user's manager."""
        variables = (f"XDG_RUNTIME_DIR=/run/user/{self.uid}", f"HOME={self.home}", f"USER={self.name}")
        return _commands.run(
            "runuser", "-u", self.name, "--", "env", "-C", "/", *variables, *command, limit=limit, check=check
        )


OWNER: Owner | None = None  # of the Engine that this is about; None is root


def owner_of(name: str) -> Owner | None:
    import pwd

    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(name, found.pw_uid, found.pw_gid, found.pw_dir)


def belongs_to(owner: Owner | None) -> None:
    """From now on the Engine is that user's: its units, its socket and its log."""
    global OWNER, SOCKETS
    OWNER = owner
    SOCKETS = (owner.socket,) if owner else OWN_SOCKETS
