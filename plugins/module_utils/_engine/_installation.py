# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine comes from, on the host: what a plan does about packages and archives, in order, and the way back.

Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import typing as t

from . import _archive as archive
from . import _commands, _systemd
from . import _known_problems as trouble
from . import _packages as packages
from . import _service as service
from . import _service_manager as manager
from ._errors import HostError


class Source:
    """The install part of a plan."""

    def __init__(self, plan: dict[str, t.Any], limit: float) -> None:
        self.running = bool(plan.get("running"))
        self.live_restore = bool(plan.get("live_restore"))
        self.limit = limit
        self.started = ""
        self.new = archive.Archive(plan["archive"], limit) if plan.get("archive") else None
        self.steps: list[t.Any] = []
        if plan.get("packages"):
            stop = (lambda: service.stop_with_containers(limit)) if plan.get("stop_containers") else None
            self.steps.append(packages.Installation(plan["packages"], limit, self.running, stop))
        if self.new:
            self.steps.append(self.new)

    def run(self) -> None:
        if not self.steps:
            return
        there = _commands.which("dockerd") is not None
        if self.running:
            self.started = manager.here().state().get(_systemd.STARTED, "")
        if self.new:
            trouble.persistently(self.new.unpack, self.limit)  # what can fail, before anything is taken away
        if self.live_restore:
            service.live_restore(self.limit)
        try:
            for step in self.steps:
                step.run()
        except (HostError, OSError) as error:
            told = self.go_back()
            # One that was stopped, its owner must be able to start; one that is half installed nobody should.
            if (self.running or there) and (packages.lift_hold() or told):
                manager.here().reread(check=False)
                if self.running:
                    with contextlib.suppress(HostError):
                        manager.here().start(self.limit)
            raise HostError(f"{error} {told}".strip()) from None

    def go_back(self) -> str:
        """What was there before is there again; as sentences, of which there are none if nothing had changed."""
        return "".join(step.go_back() for step in reversed(self.steps))

    def finish(self) -> None:
        """Once the Engine runs."""
        for step in self.steps:
            step.finish()

    def renewed(self, unit: t.Mapping[str, str]) -> bool:
        """Whether the package has restarted the Engine itself."""
        return self.running and unit.get("ActiveState") == "active" and unit.get(_systemd.STARTED, "") != self.started
