# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, and waiting by polling."""

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
            self.sleep(min(self.jittered(pause), max(left, 0.01)))
            pause = min(pause * 1.5, most)
