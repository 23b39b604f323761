# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of the fault matrix until one fails: python -m tests.mutants.cells DRIVER OPERATION FAULT"""

from __future__ import annotations

import sys

from tests.faults.cells import Cell
from tests.faults.report import OK, Job

SHARE = 0.2  # of the cells, drawn by lot
PARTS = 8  # after each of them the run may end


def main(driver: str, operation: str, fault: str) -> int:
    def chosen(cell: Cell) -> bool:
        return cell.fault.startswith(fault) and cell.lot < SHARE

    done = 0
    for part in range(PARTS):
        for result in Job(driver, operation, part, PARTS, chosen).run():
            done += 1
            if result.came != OK:
                print(f"NOTICED {result.cell} - {result.text.strip().splitlines()[0]}")
                return 1
    print(f"{done} cells")
    return 0 if done else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
