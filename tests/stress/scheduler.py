# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several at once, and each run the same: greenlets that hand over where they say so, in a time that only they move.

Who is to go on at which time is known at each moment, so the next one is whoever comes first; nothing waits in truth.
"""

from __future__ import annotations

import contextlib
import heapq
import typing as t

import greenlet

from tests.model import Clock


class Scheduler:
    """Actors are functions without arguments. One runs until it suspends itself, or ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: list[tuple[float, int, greenlet.greenlet]] = []
        self._count = 0
        self._home = greenlet.getcurrent()

    def start(self, act: t.Callable[[], None], after: float = 0.0) -> None:
        self._enter(greenlet.greenlet(act, self._home), after)

    def suspend(self, seconds: float) -> None:
        """The actor that runs lets others go on, for so long."""
        self._enter(greenlet.getcurrent(), seconds)
        self._home.switch()

    def run(self) -> None:
        """Until all have ended. What an actor raises ends everything."""
        while self._due:
            at, _number, actor = heapq.heappop(self._due)
            self.clock.now = max(self.clock.now, at)
            actor.switch()

    def end(self, why: type[BaseException]) -> None:
        """Those that have not ended get an exception that they let through, or end at."""
        while self._due:
            actor = heapq.heappop(self._due)[2]
            if actor:  # it has begun
                with contextlib.suppress(why):
                    actor.throw(why)

    def _enter(self, actor: greenlet.greenlet, after: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.clock.now + after, self._count, actor))
