# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting on a host: by polling, for another run, for cloud-init. Runs on Python 3.8."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import typing as t

from .. import _clock
from . import (
    _commands,
    _files,
    _systemd,
)
from ._errors import HostError

until = _clock.Clock().until


@contextlib.contextmanager
def alone(path: str, limit: float) -> t.Iterator[None]:
    """While no other run does the same here: one whose connection broke off goes on, and its successor waits for it."""
    with open(path, "a", encoding="ascii") as stream:

        def taken() -> bool:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not until(taken, limit):
            raise HostError(
                f"Another run of the role docker_engine is at work on this host, and did not end within {limit:.0f} s"
            )
        yield


def cloud_init_pending() -> str | None:
    """What cloud-init still has to do, or None if it is done, off or not there."""
    if not os.path.isdir("/run/cloud-init") or os.path.exists("/run/cloud-init/result.json"):
        return None
    if os.path.exists("/run/cloud-init/disabled") or not _commands.which("cloud-init"):
        return None
    last = "cloud-final.service"
    if os.path.isdir("/run/systemd/system") and not _systemd.on_its_way(_systemd.show(last).get(last, {})):
        return None  # its units are masked or disabled, or the last one has failed: nothing comes of it any more
    try:
        stages = json.loads(_files.read("/run/cloud-init/status.json") or "{}").get("v1", {})
    except ValueError:
        stages = {}
    return "cloud-init is in its stage %s" % (stages.get("stage") or "(not started)")
