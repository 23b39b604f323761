# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting by polling: until an answer, or until the limit."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _clock


class Clock(_clock.Clock):
    """Time that passes while it is slept, and while a question is asked."""

    def __init__(self, takes: float = 0.0) -> None:
        self.now, self.takes, self.asked = 0.0, takes, 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def jittered(self, seconds: float) -> float:
        return seconds

    def ask(self) -> bool:
        self.asked += 1
        self.now += self.takes
        return False


def test_the_first_true_answer_ends_a_wait() -> None:
    clock, answers = Clock(), ["", 0, "yes", "no"]
    assert clock.until(lambda: answers.pop(0), 60) == "yes" and answers == ["no"]
    assert clock.now < 1


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_without_a_limit_it_is_asked_once(limit: float) -> None:
    clock = Clock()
    assert clock.until(clock.ask, limit) is False and (clock.asked, clock.now) == (1, 0.0)


@pytest.mark.parametrize("takes", [0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0, 30.0])
def test_a_wait_ends_with_its_limit(takes: float) -> None:
    """Also where a question takes long: what is asked at the limit's end may be the last one that is slow."""
    clock = Clock(takes)
    assert clock.until(clock.ask, 10) is False
    assert 10 <= clock.now <= 10 + takes + 0.02


def test_it_is_asked_ever_more_slowly() -> None:
    clock = Clock()
    clock.until(clock.ask, 60, 0.05, 2.0)
    assert 30 <= clock.asked <= 50


def test_rounds_end_with_one_after_the_limit() -> None:
    """Who has to say why nothing came of it, sees that it is the last one."""
    clock, left = Clock(), []
    for rest in clock.poll(10):
        left.append(rest)
        clock.ask()
        clock.now += 4
    assert left[-1] <= 0 < left[-2] and clock.now <= 10 + 4 + 4 + 0.02
