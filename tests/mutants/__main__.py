# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plants bugs in a copy of the tree, one by one, and runs the test that has to notice.

python -m tests.mutants [--list] [--sample N] [--all-tests] [NAME...]
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time
import zlib

from tests.mutants import ROOT, Mutant, Stale, groups, mutants, run


def tables() -> str:
    """For docs/reliability.md."""
    lines: list[str] = []
    for about, those in groups().items():
        lines += [f"**{about}**", "", "| Planted bug | Why it matters | Caught by |", "| --- | --- | --- |"]
        lines += [f"| {one.name} | {one.why} | {run.told(one.caught_by)} |" for one in those] + [""]
    return "\n".join(lines)


def drawn(chosen: list[Mutant], count: int) -> list[Mutant]:
    """Others whenever the code that they change is another."""

    def lot(one: Mutant) -> int:
        try:
            return zlib.crc32("".join([one.name, *one.texts().values()]).encode())
        except Stale:
            return 0  # to be told of first

    return sorted(chosen, key=lot)[:count]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print what there is, in Markdown")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, drawn by lot from what the code is")
    parser.add_argument("--all-tests", action="store_true", help="name all fast tests that notice")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these alone")
    given = parser.parse_args()
    chosen = mutants()
    unknown = set(given.names) - {one.name for one in chosen}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [one for one in chosen if not given.names or one.name in given.names]
    if given.list:
        print(tables())
        return 0
    if given.sample:
        chosen = drawn(chosen, given.sample)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dockyard-mutants-") as folder:
        bed = run.Bed(ROOT, pathlib.Path(folder))
        if not given.all_tests:
            bed.sound(chosen)
        results = list(run.all_of(bed, chosen, given.all_tests))
    bad = [one for one in results if one.came != run.CAUGHT]
    print(f"{len(results)} planted, {len(results) - len(bad)} caught in {time.monotonic() - began:.0f} s")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
