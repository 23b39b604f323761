# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed share of the fault matrix, and more of the cells of what was changed. All: make faults."""

from __future__ import annotations

import os
import pathlib
import time
import typing as t

import pytest

from tests.faults import changes, report, world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARE = 0.05
BLIND_SHARE = 0.08  # where it is not known what was changed
SECONDS = float(os.environ.get("MATRIX_SECONDS") or 30)  # of one core, for the cells of what was changed
COST = {False: 0.035, True: 0.2}  # seconds of one core that a cell takes, and a dear one


def test_each_driver_has_a_world() -> None:
    drivers = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "driver.run(" in path.read_text()}
    assert drivers <= set(world.names())


@pytest.mark.parametrize("driver", world.names())
def test_a_share_of_all_cells(driver: str, record_property: t.Callable[[str, str], None]) -> None:
    began, since = time.monotonic(), changes.find(ROOT)
    share = report.Share(BLIND_SHARE if since.files is None else SHARE)
    chosen: t.Callable[[report.Cell], bool] = share
    if since.files is None:
        said = f"it is not known what was changed ({since.base}): {share.part:.0%} of all cells are run, and no more"
        record_property(report.TOLD, said)
    concerned = changes.concerned(since.files or (), world.names())
    if driver in concerned:
        seed = int(os.environ.get("MATRIX_SEED") or since.seed)
        every = report.listed(report.jobs([driver], 1))
        drawn = changes.draw(every, int(SECONDS / len(concerned) / COST[world.find(driver).dear]), seed)
        chosen = report.Either(share, drawn)
        said = f"{driver}: {len(drawn)} of its {len(every)} cells, by MATRIX_SEED={seed}: changed since {since.base}"
        record_property(report.TOLD, said)
    results = [result for some in report.run(report.jobs([driver], 1, chosen)) for result in some]
    assert results and all(result.came == report.OK for result in results), report.summary(
        results, time.monotonic() - began
    )
