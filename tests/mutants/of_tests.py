# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in the net itself: in which cells of the fault matrix are run, and what a power cut may leave."""

from __future__ import annotations

from tests.mutants import mutant

CHOICE, GATE = "tests/gate/choice.py", "unit/test_gate.py"
CHANGES = "tests/faults/changes.py"
TESTS = "faults/test_changes.py"

MUTANTS = [
    mutant(
        "file-split-by-the-budget",
        "Of tests that build on each other, the gate runs one without those before it, which fails.",
        f"{GATE}::test_a_file_whose_tests_build_on_each_other_is_run_whole_or_not",
        (
            CHOICE,
            "units.setdefault(file if file in together else test, [])",
            "units.setdefault(test, [])",
        ),
    ),
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
        (CHANGES, '(fetch-depth: 0)", None, seed)', '(fetch-depth: 0)", [], seed)'),
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
    mutant(
        "budget-is-no-limit",
        "With each driver the gate takes longer, until nobody waits for it.",
        f"{GATE}::test_more_tests_take_no_more_time",
        (CHOICE, "if spent + seconds <= most:", "if spent <= most * 1.1:"),
    ),
    mutant(
        "what-was-changed-comes-by-lot",
        "A commit can pass without any of the tests of what it changes.",
        f"{GATE}::test_groups_come_in_their_order",
        (CHOICE, "for belongs in (*first, None):", "for belongs in (None,):"),
    ),
    mutant(
        "each-commit-draws-the-same",
        "Most tests are run at night only, since each commit leaves out the same ones.",
        f"{GATE}::test_within_some_dozen_commits_all_are_run",
        (CHOICE, "order = random.Random(seed)", "order = random.Random(1)"),
    ),
    mutant(
        "changes-leave-nothing-for-the-lot",
        "While one part is worked on, no other one is tested for weeks.",
        f"{GATE}::test_groups_come_in_their_order",
        (CHOICE, "else budget * (1 - BY_LOT)", "else budget"),
    ),
    mutant(
        "set-up-of-a-file-is-not-counted",
        "The budget is spent twice, where many files are opened for one test each.",
        f"{GATE}::test_what_a_file_sets_up_counts_once",
        (CHOICE, "0.0 if file in opened else durations.opening(file)", "0.0"),
    ),
    mutant(
        "time-of-the-matrix-grows-with-drivers",
        "With each driver the fault matrix of each run takes longer.",
        f"{TESTS}::test_more_drivers_take_no_more_time",
        (CHANGES, "return for_all / len(drivers) +", "return for_all / 6 +"),
    ),
]
