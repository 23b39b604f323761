# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in finding out what is there and whose it is, and in removing it."""

from __future__ import annotations

from tests.mutants import mutant

LOOKING = "plugins/module_utils/_resources/_looking.py"
PROOF = "plugins/module_utils/_proof.py"
RECORD = "plugins/module_utils/_record.py"
REMOVING = "plugins/module_utils/_resources/_removing.py"
LIFECYCLE = "unit/plugins/module_utils/_lifecycle/test_lifecycle.py"
RESOURCES = "unit/plugins/module_utils/_resources/test_resources.py"

MUTANTS = [
    mutant(
        "not-found-believed-at-once",
        "One read that is late, and a second machine is made.",
        "unit/plugins/module_utils/_resources/test_lag.py::test_another_controllers_clock_says_when_it_was_made",
        (
            LOOKING,
            "        # What was there in this run",
            "        self.calls.check_account()\n        return None\n        # What was there in this run",
        ),
    ),
    mutant(
        "not-found-believed-in-another-account",
        "With other credentials every machine seems to be gone, and is made again.",
        "unit/plugins/module_utils/_lifecycle/test_accounts.py::test_not_found_is_believed_in_the_recorded_account_only",
        (
            LOOKING,
            "                return seen\n        self.calls.check_account()\n",
            "                return seen\n",
        ),
    ),
    mutant(
        "lag-ignored-after-a-create",
        "What was made in the last run and does not show yet is made again.",
        "unit/plugins/module_utils/_resources/test_lag.py::test_another_controllers_clock_says_when_it_was_made",
        (
            LOOKING,
            "self.clock.poll(max(patience, self.shows(resource) - self.clock.time(), 0.1))",
            "self.clock.poll(0.1)",
        ),
    ),
    mutant(
        "killed-call-not-waited-for",
        "A request that was on its way when its sender was killed takes effect after it was looked for.",
        "unit/plugins/module_utils/_resources/test_lag.py::test_a_call_of_a_killed_run_may_still_be_on_its_way",
        (LOOKING, "lag += self.calls.driver.call_limit", "lag += 0"),
    ),
    mutant(
        "wrong-twin-removed",
        "The one that others know already goes, and the late one stays.",
        f"{RESOURCES}::test_of_twins_the_oldest_stays",
        (LOOKING, "twins[1:]", "twins[:-1]"),
        (LOOKING, "return twins[0]", "return twins[-1]"),
    ),
    mutant(
        "twins-kept",
        "The second one of an uncertain create costs for ever.",
        f"{RESOURCES}::test_of_twins_the_oldest_stays",
        (LOOKING, "twins[1:]", "twins[len(twins) :]"),
    ),
    mutant(
        "look-alike-of-another-attempt-taken",
        "A twin goes only if generation and attempt are its own, too; this one takes what another run is making.",
        f"{RESOURCES}::test_what_differs_in_a_tag_is_not_ours",
        (PROOF, '(*TAGS, "attempt")', "TAGS"),
    ),
    mutant(
        "look-alike-of-another-store-taken",
        "A copied store's machines bear the same ids, and are not ours.",
        f"{RESOURCES}::test_what_differs_in_a_tag_is_not_ours",
        (PROOF, '("store", "id", "kind", "generation")', '("id", "kind", "generation")'),
    ),
    mutant(
        "name-that-only-begins-like-ours-taken",
        "web1's key would be found, and removed, for another's that is called alike.",
        f"{RESOURCES}::test_a_name_that_only_begins_like_ours_is_not_ours",
        (PROOF, "return seen.name == it.name\n", "return seen.name.startswith(it.name)\n"),
    ),
    mutant(
        "deleted-without-our-tags",
        "An id that means something else by now is deleted.",
        f"{LIFECYCLE}::test_what_lost_our_tags_is_not_deleted",
        (REMOVING, "if kind.tagged and not bears_tags(kind, it, seen):", "if not seen:"),
    ),
    mutant(
        "existing-thing-deleted",
        "The user's own network goes with the machine.",
        f"{LIFECYCLE}::test_the_users_own_is_checked_and_never_touched",
        (REMOVING, "        if not resource.existing:\n", "        if resource:\n"),
    ),
    mutant(
        "open-create-forgotten-on-removal",
        "What an unanswered create made stays, and its record is gone.",
        f"{LIFECYCLE}::test_an_unknown_create_is_resolved_before_it_is_removed",
        (REMOVING, 'if resource.id is None and resource.status == "creating":', "if resource.id:"),
    ),
    mutant(
        "off-the-record-before-it-is-gone",
        "A crash in the middle of a removal forgets what still costs.",
        "cells thing remove killed",
        (
            REMOVING,
            '                resource.status = "removing"\n                self.save()\n',
            "                self.record.resources.remove(resource)\n                self.save()\n",
        ),
        (
            REMOVING,
            "        self.record.resources.remove(resource)\n        self.save()\n\n",
            "        self.save()\n\n",
        ),
    ),
    mutant(
        "deleted-since-the-call-said-so",
        "A provider that accepts a delete and does nothing leaves a machine that nobody knows.",
        f"{RESOURCES}::test_a_delete_is_over_when_nothing_is_seen_any_more",
        (
            REMOVING,
            '            self.calls.attempt(resource, "delete", it)\n',
            '            self.calls.attempt(resource, "delete", it)\n            return\n',
        ),
    ),
    mutant(
        "tombstone-without-tokens",
        "What appears after the removal can't be told from a stranger's.",
        f"{LIFECYCLE}::test_absent_leaves_a_tombstone_and_nothing_else",
        (REMOVING, '"name", "token", "generation"', '"name", "generation"'),
    ),
    mutant(
        "name-without-generation",
        "A late delete by name hits the successor.",
        f"{LIFECYCLE}::test_recreate_replaces_and_keeps_what_is_not_said",
        (RECORD, 'f"{machine}-{id[:6]}-{resource.generation}"', 'f"{machine}-{id[:6]}-1"'),
    ),
]
