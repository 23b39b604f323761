# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running commands on a host. Runs on Python 3.8."""

from __future__ import annotations

import os
import shutil

from .. import _process
from ._errors import HostError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# With what the role installs from an archive
PATH = SYSTEM_PATH + ":/opt/dockyard/engine/current"


def which(name: str) -> str | None:
    return shutil.which(name, path=PATH)


def run(
    *command: str, limit: float = 60, check: bool = True, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """A command's status, output and errors, in plain English."""
    variables = dict(os.environ, LC_ALL="C", LANGUAGE="C", PATH=PATH, SYSTEMD_PAGER="", **(environment or {}))
    try:
        done = _process.run(command, limit, env=variables)
    except FileNotFoundError:
        raise HostError(f"{command[0]} is not installed") from None
    except OSError as error:  # of another architecture, or where nothing may be run
        raise HostError(f"{command[0]} can't be run: {error.strerror}") from None
    except _process.TimeoutExpired:
        raise HostError(f"'{' '.join(command)}' did not end within {limit:.0f} s") from None
    out, err = done.stdout, done.stderr
    if check and done.returncode:
        raise HostError(f"'{' '.join(command)}' ended with {done.returncode}: {tail(err.strip() or out)}")
    return done.returncode, out, err


def tail(said: str) -> str:
    """A command's last words."""
    return "\n".join(said.strip().splitlines()[-12:])
