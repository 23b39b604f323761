# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers at once, a thousand seeds of them. More: make stress; one, step by step: make stress SEED=N."""

from __future__ import annotations

import pytest

from tests.stress import planted, run

SEEDS = 1000
ENOUGH = 300  # seeds within which a planted bug must be found


def test_whatever_happens_it_converges() -> None:
    total = run.Total()
    for result in run.seeds(range(1, SEEDS + 1)):
        total.add(result)
    assert not total.broken, "\n".join(map(str, total.broken[:5]))
    seen = total.seen
    assert min(seen["kills"], seen["stops"], seen["runs [locked]"], seen["runs [store]"]) > SEEDS, total
    assert min(seen["late calls"], seen["runs [lease_lost]"]) > SEEDS / 100 and seen["runs [conflict]"], total


def test_a_seed_is_the_same_each_time() -> None:
    said: list[list[str]] = [[], []]
    for lines in said:
        for seed in range(1, 6):
            run.replay(seed, lines.append)
    assert said[0] == said[1]


@pytest.mark.parametrize("plant", planted.PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: run.Plant) -> None:
    found = next((result for result in run.seeds(range(1, ENOUGH + 1), plant) if result.broken), None)
    assert found, f"{ENOUGH} seeds hold in spite of it"
