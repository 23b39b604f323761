# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of the fault matrix, drawn by the commit, as many as fit into a fixed time: half of it is for drivers that were changed.

All cells: make faults.
"""

from __future__ import annotations

import os
import pathlib
import time
import typing as t

import pytest

from tests.faults import changes, report, world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("MATRIX_SECONDS") or 180)  # of one core, however many drivers there are


def test_each_driver_has_a_world() -> None:
    drivers = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "driver.run(" in path.read_text()}
    assert drivers <= set(world.names())


@pytest.mark.always
@pytest.mark.parametrize("driver", world.names())
def test_a_share_of_all_cells(driver: str, record_property: t.Callable[[str, str], None]) -> None:
    began, since = time.monotonic(), changes.find(ROOT)
    concerned = changes.concerned(since.files or (), world.names())
    seed = int(os.environ.get("MATRIX_SEED") or since.seed)
    jobs = report.jobs_within(driver, changes.seconds_of(driver, world.names(), concerned, SECONDS), seed)
    most = sum(job.most or 0 for job in jobs)
    why = f"changed since {since.base}" if driver in concerned else "not changed"
    if since.files is None:
        why = f"it is not known what was changed: {since.base}"
    said = f"{driver}: up to {most} cells of {len(jobs)} operations, by MATRIX_SEED={seed}; {why}"
    record_property(report.TOLD, said)
    results = [result for some in report.run(jobs) for result in some]
    assert results and all(result.came == report.OK for result in results), report.summary(
        results, time.monotonic() - began
    )
