# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs the Engine's packages, without letting them start it. Runs on the host, on Python 3.8."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_trouble as trouble
from ansible_collections.dockyard.machine.plugins.module_utils._engine_host import HostError

UNITS = ("docker.socket", "docker.service")


# While these are there, a start of the units does nothing: so the Engine starts once, when all is in place,
# and not in the middle of the package's installation. They are in /run, so a reboot ends it in any case.
HOLDS = tuple(f"/run/systemd/system/{unit}.d/zz-dockyard-hold.conf" for unit in UNITS)


HOLD = "[Unit]\nConditionPathExists=/run/dockyard-engine-may-start\n"


_APT = (
    *("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"),
    *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
)


_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}

# What an installation that was cut off here before (a reboot, a full disk) asks for, each once. Nothing may be removed by it.
_MENDS = {
    "dpkg --configure -a": ("dpkg", "--configure", "-a"),
    "--fix-broken install": (*_APT, "--fix-broken", "--no-remove", "--no-install-recommends", "install"),
}


def install(names: list[str], optional: list[str], update: bool, limit: float) -> None:
    """Install packages without what they only recommend, and without starting the Engine."""
    hold()
    lists = {"read": update}

    def once() -> None:
        said = _apt_update(limit) if lists["read"] else ""
        mends = dict(_MENDS)
        while True:
            try:
                _apt_install(names, optional, limit)
                return
            except HostError as error:
                sign = next((sign for sign in mends if sign in str(error)), None)
                if sign:
                    host.run(*mends.pop(sign), limit=limit + 600, environment=_APT_ENVIRONMENT)
                elif lists["read"]:
                    raise HostError(f"{said}\n{error}".strip()) from None
                else:
                    # The lists that were there may name versions that the mirror no longer has.
                    lists["read"] = True
                    said = _apt_update(limit)

    trouble.persistently(once, limit)


def _apt(*arguments: str, limit: float) -> None:
    status, out, err = host.run(*_APT, *arguments, limit=limit + 1800, environment=_APT_ENVIRONMENT, check=False)
    if status:
        verb = next(word for word in arguments if word in ("install", "update"))
        raise HostError(f"apt-get {verb} ended with {status}: {host.tail(err or out)}")


def _apt_install(names: list[str], optional: list[str], limit: float) -> None:
    wanted = names + [name for name in optional if _has_candidate(name)]
    _apt("-o", f"DPkg::Lock::Timeout={limit:.0f}", "install", "--no-install-recommends", *wanted, limit=limit)


def _apt_update(limit: float) -> str:
    """Read the package lists. What failed is returned, for some of the lists may do.

    Descriptions in other languages are a third of the work and serve nobody here; those that are there stay.
    """
    options = ("Acquire::Languages=none", "APT::Get::List-Cleanup=false", "APT::Update::Error-Mode=any")
    try:
        _apt(*(word for option in options for word in ("-o", option)), "update", limit=limit)
    except HostError as error:
        return str(error)
    return ""


def _has_candidate(name: str) -> bool:
    return bool(host.run("apt-cache", "-q", "show", "--no-all-versions", name, check=False)[1].strip())


def hold() -> None:
    """Let the units not start, once systemd has read it."""
    for path in HOLDS:
        host.write(path, HOLD, 0o644)


def lift_hold() -> bool:
    """Let the units start again; True if they were held."""
    lifted = False
    for path in HOLDS:
        lifted = host.remove(path) or lifted
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))
    return lifted
