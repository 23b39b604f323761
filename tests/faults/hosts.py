# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as the program ssh meets them: in its place, each session a boundary."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _process
from tests.faults import faults

if t.TYPE_CHECKING:
    from tests.faults.world import World

SSH = "ssh"
BOOTS_FOR = 3.0  # seconds
TRANSPORT_FAILED = 255
LOG_IN, BOOT_ID, REBOOT, OFFER, CHANGE_OVER = "log in", "boot id", "reboot", "offer a key", "change over"
SESSIONS = {"ssh-keygen -q": OFFER, "mv -f $new": CHANGE_OVER, "boot_id": BOOT_ID, "reboot": REBOOT, "true": LOG_IN}


@dataclasses.dataclass
class Host:
    """One that is reached at an address; a provider's shows the key that its user data brought."""

    key: str = ""
    offered: str = ""
    boot: int = 1
    up_at: float = 0.0


def keygen(command: list[str]) -> str:
    """ssh-keygen, without the process that it costs."""
    path = pathlib.Path(command[command.index("-f") + 1])
    public = f"ssh-ed25519 AAAA{os.urandom(6).hex()}"
    for name, text in ((path, "private"), (path.with_name(path.name + ".pub"), f"{public} comment")):
        name.write_text(text)
        name.chmod(0o600)
    return public


class Hosts:
    def __init__(self, world: World) -> None:
        self.world = world
        self.at: dict[str, Host] = {}

    def run(self, line: list[str], limit: float | None) -> _process.Result[str]:
        """ssh with these arguments."""
        if "-G" in line:
            return _process.Result(line, 0, "", "")  # it is asked which options it knows
        address, command = line[-2], line[-1]
        session = next(name for part, name in SESSIONS.items() if part in command)
        host = self.at.setdefault(f"{address} {line[line.index('-p') + 1]}", Host())
        answer = self.world.cross(SSH, session, lambda: self._session(host, line, command, session))
        if answer is None:
            raise _process.TimeoutExpired(line, limit or 0)
        status, out, error = answer
        return _process.Result(line, status, out, error)

    def fail(self, fault: str, effect: t.Callable[[], t.Any]) -> t.Any:
        if fault == faults.LOST_AFTER:
            effect()
        if fault in (faults.LOST, faults.LOST_AFTER):
            self.world.clock.now += 10
            return None
        denied = fault == faults.DENIED
        return TRANSPORT_FAILED, "", "Permission denied (publickey)." if denied else "connect: Connection refused"

    def _session(self, host: Host, line: list[str], command: str, session: str) -> tuple[int, str, str]:
        # ssh takes the first value of an option
        settings = dict(one.split("=", 1) for one in reversed(line) if "=" in one and not one.startswith("-"))
        known = pathlib.Path(settings["UserKnownHostsFile"].strip('"'))
        lines = known.read_text().splitlines()
        pinned = [text.partition(" ")[2] for text in lines if text.startswith(settings["HostKeyAlias"])]
        host.key = host.key or (pinned[0] if pinned else f"ssh-ed25519 AAAAhost{len(self.at):04d}")
        if self.world.clock.now < host.up_at:
            return TRANSPORT_FAILED, "", "connect: Connection refused"
        if pinned and host.key not in pinned:
            return TRANSPORT_FAILED, "", "Host key verification failed."
        if not pinned:
            if settings["StrictHostKeyChecking"] == "yes":
                return TRANSPORT_FAILED, "", "Host key verification failed."
            known.write_text(f"{settings['HostKeyAlias']} {host.key}\n")
        return 0, self._do(host, command, session), ""

    def _do(self, host: Host, command: str, session: str) -> str:
        if session == BOOT_ID:
            return f"boot-{host.boot}\n"
        if session == REBOOT:
            host.boot, host.up_at = host.boot + 1, self.world.clock.now + BOOTS_FOR
        if session == OFFER:
            expected = command.partition('[ "$current" != ')[2].partition(" ]")[0].strip("'\"\\ ")
            if host.key == expected:
                return f"{host.key}\n"
            host.offered = host.offered or f"{host.key}next"
            return f"{host.key}\n{host.offered}\n"
        if session == CHANGE_OVER and host.offered:
            host.key, host.offered = host.offered, ""
        return ""
