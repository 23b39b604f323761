# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed share of the fault matrix, and more of the cells of drivers that were changed. All: make faults."""

from __future__ import annotations

import pathlib
import subprocess
import time

import pytest

from tests.faults import report, world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARE, CHANGED_SHARE = 0.05, 0.2


def changed() -> str:
    """The names of the files that differ from what is published; nothing, where that is not known."""
    command = ["git", "diff", "--name-only", "origin/HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_each_driver_has_a_world() -> None:
    drivers = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "driver.run(" in path.read_text()}
    assert drivers <= set(world.names())


@pytest.mark.parametrize("driver", world.names())
def test_a_share_of_all_cells(driver: str) -> None:
    share = CHANGED_SHARE if f"/{driver}.py" in changed() else SHARE
    began = time.monotonic()
    results = [result for some in report.run(report.jobs([driver], 1, report.Share(share))) for result in some]
    assert results and all(result.came == report.OK for result in results), report.summary(
        results, time.monotonic() - began
    )
