# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in telling what is ours from its copies, and in waiting for what is later than its driver says."""

from __future__ import annotations

from tests.mutants import mutant

ADOPT = "plugins/module_utils/_lifecycle/_adopt.py"
BOOKS = "plugins/module_utils/_lifecycle/_books.py"
CALLS = "plugins/module_utils/_resources/_calls.py"
EC2 = "plugins/modules/amazonec2.py"
LOOKING = "plugins/module_utils/_resources/_looking.py"
MAKING = "plugins/module_utils/_resources/_making.py"
PROOF = "plugins/module_utils/_proof.py"
PRUNE = "plugins/module_utils/_lifecycle/_prune.py"
REMOVING = "plugins/module_utils/_resources/_removing.py"
ADOPT_TESTS = "unit/plugins/module_utils/_lifecycle/test_adopt.py"
COPIES = "unit/plugins/modules/test_amazonec2_copies.py"
LAG = "unit/plugins/module_utils/_resources/test_lag.py"
PRUNE_TESTS = "unit/plugins/module_utils/_lifecycle/test_prune.py"

MUTANTS = [
    mutant(
        "a-token-is-not-compared",
        "What a scaling group has launched with our tags is terminated.",
        f"{COPIES}::test_present_absent_and_prune",
        (PROOF, "return seen.token == it.token", "return True"),
    ),
    mutant(
        "a-group-is-told-by-its-tags",
        "A copied security group is taken for ours.",
        f"{COPIES}::test_present_absent_and_prune",
        (PROOF, "return seen.name == it.name and not (it.id", "return not (it.id"),
    ),
    mutant(
        "what-nothing-proves-is-taken",
        "Somebody's address that bears our tags becomes ours, and is released with the machine.",
        f"{COPIES}::test_a_killed_change_of_what_nothing_proves_asks_a_person",
        (LOOKING, "if (unsure and not ours) or", "if not (ours := ours or unsure[:1]) or"),
    ),
    mutant(
        "what-nothing-proves-is-taken-by-a-later-run",
        "Only the run that made the call knows that nobody could have copied it.",
        f"{LAG}::test_a_call_of_a_killed_run_may_still_be_on_its_way",
        (LOOKING, "and len(unsure) == 1 and resource.key in self.tried", "and len(unsure) == 1"),
    ),
    mutant(
        "a-machines-id-means-its-copies",
        "prune with the id of a machine removes a volume that somebody restored with its tags.",
        f"{PRUNE_TESTS}::test_a_machines_id_removes_all_of_it_the_dependent_first",
        (PRUNE, "thing.seen.id not in asked and not thing.proven", "False"),
    ),
    mutant(
        "a-tombstone-means-its-copies",
        "After a removal, prune terminates what was launched with the tags of the machine.",
        f"{COPIES}::test_present_absent_and_prune",
        (BOOKS, "bool(thing.proven and gone", "bool(gone"),
    ),
    mutant(
        "a-copy-is-adopted",
        "After a lost record somebody's instance is taken for the machine, and removed with it.",
        f"{ADOPT_TESTS}::test_a_copy_is_reported_and_not_adopted",
        (ADOPT, "if thing.store and thing.proven is False:", "if False:"),
    ),
    mutant(
        "one-of-two-volumes-is-adopted",
        "Of a volume and its copy, either is taken.",
        f"{ADOPT_TESTS}::test_of_two_that_nothing_tells_apart_the_named_one_is_adopted",
        (ADOPT, "if len(found) > 1 or not proven", "if not proven"),
    ),
    mutant(
        "a-500-is-taken-for-a-refusal",
        "An address that was allocated all the same is allocated once more.",
        f"{COPIES.replace('_copies', '')}::test_an_address_that_was_allocated_all_the_same_is_not_allocated_again",
        (CALLS, "self.failed_inside = status >= 500", "self.failed_inside = False"),
    ),
    mutant(
        "a-list-is-not-asked-for-what-reads-lack",
        "Reads that lag for longer than the driver says lead to a second machine.",
        f"{LAG}::test_what_shows_later_than_the_driver_says",
        (LOOKING, "        self.calls.late.add(str(resource.id))\n        seen", "        seen"),
    ),
    mutant(
        "an-id-is-given-up-at-once",
        "A machine that shows later than its driver says is made twice.",
        f"{LAG}::test_what_shows_later_than_the_driver_says",
        (REMOVING, "self.clock.time() < resource.last_try + NEVER_SHOWN", "False"),
    ),
    mutant(
        "what-was-given-up-is-forgotten",
        "It shows a day later, and costs for ever.",
        f"{LAG}::test_what_was_given_up_and_shows_after_all_is_removed",
        (MAKING, "self.remover.note_gone(resource, **{LOST: self.clock.time()})", "pass"),
    ),
    mutant(
        "a-name-of-an-earlier-attempt-is-another-ones",
        "A group that was late to show says 'taken' at each run, for ever.",
        f"{LAG}::test_a_name_that_an_earlier_attempt_of_ours_has",
        (PROOF, 'names = TAGS if kind.identity == "name" else (*TAGS, "attempt")', 'names = (*TAGS, "attempt")'),
    ),
    mutant(
        "ec2-shows-no-token",
        "Then each instance is somebody's copy, and what a killed run made is made again.",
        "unit/plugins/modules/test_amazonec2.py::test_what_a_killed_run_made_is_found_when_its_token_is_forgotten",
        (EC2, 'token=raw.get("ClientToken", ""),', 'token="",'),
    ),
]
