# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a program with a time limit.

AnsibleModule.run_command() has no limit, no umask and passes on no descriptors; and what runs ssh is used by
actions, too, which have no AnsibleModule. Runs on Python 3.8.
"""

from __future__ import annotations

import subprocess
import typing as t

STDOUT = subprocess.STDOUT
DEVNULL = subprocess.DEVNULL
TimeoutExpired = subprocess.TimeoutExpired
Result = subprocess.CompletedProcess  # args, returncode, stdout, stderr


class _Process(subprocess.Popen):
    """A child that is reaped and, after a time-out, killed."""


def start(command: t.Sequence[str], **settings: t.Any) -> _Process:
    """A program that the caller ends; ``settings`` as for ``run``."""
    return _Process(command, **settings)


def run(command: t.Sequence[str], limit: float | None = None, **settings: t.Any) -> Result[str]:
    """A program's status and output, with nothing on its standard input.

    ``settings`` are those of subprocess.Popen. Raises TimeoutExpired, and OSError if it can't be started.
    """
    settings.setdefault("stderr", subprocess.PIPE)
    with _Process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", **settings
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=limit)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(list(command), process.returncode, stdout, stderr or "")
