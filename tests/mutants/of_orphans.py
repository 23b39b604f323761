# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in pruning and adopting."""

from __future__ import annotations

from tests.mutants import mutant

ADOPT = "plugins/module_utils/_lifecycle/_adopt.py"
ADOPTION = "plugins/module_utils/_lifecycle/_adoption.py"
BOOKS = "plugins/module_utils/_lifecycle/_books.py"
CHOICES = "plugins/module_utils/_lifecycle/_choices.py"
PRESENT = "plugins/module_utils/_lifecycle/_present.py"
PRUNE = "plugins/module_utils/_lifecycle/_prune.py"
SURVEY = "plugins/module_utils/_lifecycle/_survey.py"
THINGS = "plugins/module_utils/_lifecycle/_things.py"
UPDATING = "plugins/module_utils/_lifecycle/_updating.py"
TESTS = "unit/plugins/module_utils/_lifecycle/test_prune.py"
ADOPTS = "unit/plugins/module_utils/_lifecycle/test_adopt.py"

MUTANTS = [
    mutant(
        "prune-removes-what-is-unrecorded",
        "After a restored backup, living machines look like that.",
        f"{TESTS}::test_unrecorded_things_are_listed_and_stay",
        (PRUNE, "if verdict == REMOVED or meant:", "if verdict in (REMOVED, UNRECORDED) or meant:"),
    ),
    mutant(
        "prune-removes-what-another-store-has",
        "Two stores in one account would remove each other's machines by an id that is given.",
        f"{TESTS}::test_things_of_a_store_that_is_gone_go_by_id_and_store",
        (PRUNE, "(verdict == OTHERS and thing.store == self.from_store)", "verdict == OTHERS"),
    ),
    mutant(
        "prune-does-not-care-for-locks",
        "A machine that is being made at this moment is taken down.",
        f"{TESTS}::test_a_machine_that_is_worked_on_is_left_alone",
        (SURVEY, "name=machine, lock_timeout=0)", "name=machine, lock_timeout=0, check=True)"),
    ),
    mutant(
        "prune-waits-for-a-live-lock",
        "One machine that is worked on holds up all others, and then is removed.",
        f"{TESTS}::test_a_machine_that_is_worked_on_is_left_alone",
        (SURVEY, "name=machine, lock_timeout=0)", "name=machine)"),
    ),
    mutant(
        "prune-judges-before-the-lock-alone",
        "A life that was prolonged a second ago ends all the same.",
        f"{TESTS}::test_whether_it_is_due_is_judged_under_its_lock",
        (PRUNE, "return current.id == record.id and bool(why_due(current, now))", "return True"),
    ),
    mutant(
        "prune-judges-a-thing-before-the-lock-alone",
        "What was adopted meanwhile is removed.",
        f"{TESTS}::test_what_was_adopted_meanwhile_is_not_removed",
        (PRUNE, "if books.judge_again(thing)[0] != verdict:", "if not books.judge(thing):"),
    ),
    mutant(
        "prune-takes-look-alikes",
        "Somebody's own tag of the same name costs them a machine.",
        f"{TESTS}::test_a_look_alike_is_nothing_of_ours",
        (THINGS, "if not formed or key.partition", "if key.partition"),
    ),
    mutant(
        "prune-takes-names-by-their-beginning",
        "Where a name is all that there is, it has to be ours from the first letter to the last.",
        f"{TESTS}::test_names_are_parsed_strictly",
        (THINGS, "(?P<id>[0-9a-f]{{6}})-", "(?P<id>.*)-"),
    ),
    mutant(
        "prune-forgets-what-is-awaited",
        "A create that has not answered, and whose record lives, is removed before it is found.",
        f"{TESTS}::test_what_is_awaited_is_not_late",
        (BOOKS, 'awaited = one.id is None and one.status == "creating"', "awaited = False"),
    ),
    mutant(
        "a-tombstone-means-later-generations-too",
        "A record that was restored from a backup has its machine removed by the tombstone of the former one.",
        f"{TESTS}::test_of_another_generation_than_the_tombstone_is_unrecorded",
        (BOOKS, "and turn >= thing.turn", "and turn"),
    ),
    mutant(
        "books-of-any-account",
        "A tombstone of another account would remove what has the same id here.",
        f"{TESTS}::test_a_tombstone_counts_in_its_account_alone",
        (BOOKS, "self._where = (driver, place, account)", 'self._where = (driver, place, "")'),
        (
            BOOKS,
            'if self._where == (one["driver"], one["place"], one["account"])]',
            'if self._where[:2] == (one["driver"], one["place"])]',
        ),
        (
            BOOKS,
            "if record and self._where == (record.driver, record.place, record.account):",
            "if record and self._where[:2] == (record.driver, record.place):",
        ),
    ),
    mutant(
        "tombstone-dropped-while-something-bears-its-id",
        "What is still there can't be told from a stranger's from then on.",
        f"{TESTS}::test_a_tombstone_stays_while_something_bears_its_id",
        (PRUNE, ' and not any(one["id"].startswith(thing.id) for thing in things)', ""),
    ),
    mutant(
        "a-check-prunes",
        "Who only wanted to see what would go sees it gone.",
        f"{TESTS}::test_a_check_says_all_and_does_nothing",
        (PRUNE, "        if self.survey.wish.check:\n            return True\n", ""),
    ),
    mutant(
        "a-machine-that-is-made-anew-is-pruned",
        "A crash in the middle of recreate costs the machine, though its record wants it.",
        f"{TESTS}::test_a_machine_that_is_being_made_anew_is_wanted",
        (
            PRUNE,
            "if record.status == BEING_REMOVED and not record.kept.get(RECREATING):",
            "if record.status == BEING_REMOVED:",
        ),
    ),
    mutant(
        "adopts-what-is-another-store's",
        "Two stores with one machine work against each other.",
        f"{ADOPTS}::test_things_of_another_store_are_taken_with_its_id_alone",
        (ADOPT, "elif store not in (books.own, self.from_store):", "elif not store:"),
    ),
    mutant(
        "adopted-without-its-former-store",
        "Its things bear that store's tags: without it, none of them is known as ours, and none can be removed.",
        f"{ADOPTS}::test_it_is_then_a_machine_as_any_other",
        (ADOPTION, '            record.kept["store"] = thing.store\n', "            pass\n"),
    ),
    mutant(
        "adopts-what-was-removed",
        "What comes late of a machine that is gone would be its resurrection.",
        f"{ADOPTS}::test_what_has_a_tombstone_is_not_adopted",
        (ADOPT, "            if entry and not outdated:\n", "            if entry and not entry:\n"),
    ),
    mutant(
        "adopted-as-a-first-attempt",
        "Without generation and attempt its things are not known as ours, and tokens repeat.",
        f"{ADOPTS}::test_a_record_is_rebuilt",
        (THINGS, "        resource.generation, resource.attempt = self.turn\n", ""),
    ),
    mutant(
        "an-end-that-was-put-off-is-not-tagged",
        "A record that is lost brings the former end back, and prune ends a machine that was to live.",
        "unit/plugins/module_utils/_lifecycle/test_lifecycle.py::test_an_end_that_is_put_off_reaches_the_tags",
        (
            UPDATING,
            "                self.task.resources.tag(resource, self.ensured(resource))\n",
            "                self.task.resources.ensure(resource)\n",
        ),
    ),
    mutant(
        "a-run-that-was-cut-off-forgets-the-tags",
        "The refresh finds the machine as it is recorded, and no run ever comes to its tags.",
        "unit/plugins/module_utils/_lifecycle/test_lifecycle.py::test_an_end_that_did_not_reach_all_tags_is_told_by_the_next_run",
        (
            "plugins/module_utils/_lifecycle/_task.py",
            "                record.kept[UNTAGGED] = True\n",
            "                pass\n",
        ),
    ),
    mutant(
        "untagged-is-taken-for-as-recorded",
        "The same, for machines that the record alone answers for.",
        "unit/plugins/action/test_machine.py::test_any_doubt_is_the_drivers_to_settle",
        ("plugins/plugin_utils/_store/_recorded.py", " or record.kept.get(_record.UNTAGGED):", ":"),
    ),
    mutant(
        "adopted-with-an-end-that-is-over",
        "The next prune ends a machine that somebody uses.",
        f"{ADOPTS}::test_an_end_that_is_over_is_asked_about",
        (ADOPTION, "sure = told and last > self.task.clock.time()", "sure = told and last != math.inf"),
    ),
    mutant(
        "adopted-with-an-end-that-no-tag-could-put-off",
        "A driver that can't write tags anew shows the first end for ever.",
        f"{ADOPTS}::test_an_end_in_tags_that_are_never_written_anew_is_asked_about",
        (ADOPTION, "sure = told and last", "sure = last"),
    ),
    mutant(
        "of-two-ends-the-sooner",
        "A run that was cut off while it put the end off costs the machine its further life.",
        f"{ADOPTS}::test_of_two_ends_the_later_one_counts",
        (ADOPTION, "last = max(one.end", "last = min(one.end"),
    ),
    mutant(
        "adopted-data-move-with-the-machine",
        "No room for the machine, and what outlived it is deleted to be made anew elsewhere.",
        f"{ADOPTS}::test_data_outlive_a_machine_that_can_not_be_made_anew",
        (CHOICES, "resource.id in record.kept.get(ADOPTED, ())", "False"),
    ),
    mutant(
        "adopted-data-undone-with-the-machine",
        "The machine is refused, and on_failure takes what outlived it.",
        f"{ADOPTS}::test_data_outlive_a_machine_that_can_not_be_made_anew",
        (PRESENT, " and not record.kept.get(ADOPTED)", ""),
    ),
]
