# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, and waiting by polling: the only loop that does. Runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import random
import time
import typing as t


class Clock:
    """Time, so that tests can have their own."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jittered(self, seconds: float) -> float:
        """A little less than that, so that many who wait for one thing do not all ask at once."""
        return random.uniform(0.8, 1.0) * seconds

    def poll(self, limit: float, first: float = 0.25, most: float = 5.0) -> t.Iterator[float]:
        """Rounds of a wait, slower and slower; ends when the limit is over."""
        deadline, pause = self.monotonic() + limit, first
        while True:
            left = deadline - self.monotonic()
            yield left
            if left <= 0:
                return
            self.sleep(min(self.jittered(pause), max(deadline - self.monotonic(), 0.01)))
            pause = min(pause * 1.5, most)

    def until(self, question: t.Callable[[], t.Any], limit: float, first: float = 0.05, most: float = 2.0) -> t.Any:
        """The first true answer, or the last false one: none is asked for after the limit, but the first."""
        deadline, answer = self.monotonic() + limit, None
        for _left in self.poll(limit, first, most):
            answer = question()
            if answer or self.monotonic() >= deadline:
                break
        return answer
