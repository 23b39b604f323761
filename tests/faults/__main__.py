# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: python -m tests.faults [--drivers A,B] [--operations A,B] [--share X [--start Y]] [CELL...]"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.faults import report, world
from tests.faults.cells import Cell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drivers", default="", help="these alone, separated by commas")
    parser.add_argument("--operations", default="", help="these alone, separated by commas")
    parser.add_argument("--share", type=float, default=1.0, help="of all cells, drawn by their ids")
    parser.add_argument("--start", type=float, default=0.0, help="where that share begins, from 0 to 1")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("cells", nargs="*", metavar="CELL", help="these alone")
    given = parser.parse_args()
    began = time.monotonic()
    if given.cells:
        wanted = [Cell.parse(id) for id in given.cells]
        jobs = [report.Job(one.driver, one.operation, chosen=report.Only(one.id)) for one in wanted]
    else:
        drivers = given.drivers.split(",") if given.drivers else world.names()
        jobs = report.jobs(drivers, 4, report.Share(given.share, given.start))
        if given.operations:
            jobs = [job for job in jobs if job.operation in given.operations.split(",")]
    results: list[report.Result] = []
    for some in report.run(jobs, given.at_once):
        results += some
        failed = sum(result.came == report.FAILED for result in results)
        print(f"\r{len(results)} cells, {failed} failed, {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(report.summary(results, time.monotonic() - began))
    return any(result.came != report.OK for result in results) or not results


if __name__ == "__main__":
    sys.exit(main())
