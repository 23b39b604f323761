# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that only waiting moves: a day passes in no time, and each run takes the same."""

from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.module_utils import _clock

DAY = 86400.0


class Clock(_clock.Clock):
    """For a Lifecycle and a Provider: hand both the same one."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0, seconds
        self.now += seconds

    def jittered(self, seconds: float) -> float:
        return seconds
