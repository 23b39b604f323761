# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many seeds, or one that is told step by step: python -m tests.stress [--seed N] [--seeds N] [--from N]"""

from __future__ import annotations

import argparse
import sys
import time

from tests.stress import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="this one alone, step by step")
    parser.add_argument("--seeds", type=int, default=10_000, help="so many of them")
    parser.add_argument("--from", type=int, default=1, dest="first", help="beginning with this one")
    given = parser.parse_args()
    if given.seed is not None:
        result = run.replay(given.seed, print)
        print(result)
        return int(result.broken is not None)
    since = time.monotonic()
    total = run.Total()
    for result in run.seeds(range(given.first, given.first + given.seeds)):
        total.add(result)
        if result.broken:
            print(result, flush=True)
    print(f"{total}, in {time.monotonic() - since:.0f} s")
    return int(bool(total.broken))


if __name__ == "__main__":
    sys.exit(main())
