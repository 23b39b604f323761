# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in the net itself: in which cells of the fault matrix are run, and what a power cut may leave."""

from __future__ import annotations

from tests.mutants import mutant

CHANGES = "tests/faults/changes.py"
TESTS = "faults/test_changes.py"

MUTANTS = [
    mutant(
        "renames-reach-the-disk-in-order",
        "A sync that is missing between two renames shows only where the second one came first.",
        "faults/test_filesystem.py::test_all_orders_of_renames_are_looked_at_however_much_is_pending",
        ("tests/faults/filesystem.py", ", *rest, *map(list, some)]", "]"),
    ),
    mutant(
        "unknown-taken-for-unchanged",
        "In a clone of one commit no changed driver gets a cell more, and nobody is told.",
        f"{TESTS}::test_what_is_not_known_is_not_unchanged",
        (CHANGES, '(fetch-depth: 0)", None)', '(fetch-depth: 0)", [])'),
    ),
    mutant(
        "published-compared-with-itself",
        "On the branch that is published nothing ever differs.",
        f"{TESTS}::test_on_what_is_published_the_last_commit_counts",
        (CHANGES, "if base not in (None, head):", "if base is not None:"),
    ),
    mutant(
        "what-others-published-counts",
        "A branch that is behind runs the cells of everybody's changes, and less of its own.",
        f"{TESTS}::test_a_branch_counts_from_where_it_left",
        (CHANGES, 'base = git("merge-base", "HEAD", named)', 'base = git("rev-parse", named)'),
    ),
    mutant(
        "the-core-concerns-no-driver",
        "A change of what all drivers share runs no cell more than a change of a page.",
        f"{TESTS}::test_whose_cells_a_file_concerns",
        (CHANGES, "            found.add(STANDS_FOR_THE_CORE)\n", "            pass\n"),
    ),
]
