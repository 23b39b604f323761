# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in making a resource once."""

from __future__ import annotations

from tests.mutants import mutant

CALLS = "plugins/module_utils/_resources/_calls.py"
CHOICES = "plugins/module_utils/_lifecycle/_choices.py"
CREATING = "plugins/module_utils/_resources/_creating.py"
LOOKING = "plugins/module_utils/_resources/_looking.py"
MAKING = "plugins/module_utils/_resources/_making.py"
PROOF = "plugins/module_utils/_proof.py"
LAG = "unit/plugins/module_utils/_resources/test_lag.py"
LIFECYCLE = "unit/plugins/module_utils/_lifecycle/test_lifecycle.py"
RESOURCES = "unit/plugins/module_utils/_resources/test_resources.py"
ADOPT = "unit/plugins/module_utils/_lifecycle/test_adopt.py"
PARTS = "unit/plugins/modules/test_amazonec2.py::test_a_half_made_machine_whose_parts_were_removed_by_hand_is_made"

MUTANTS = [
    mutant(
        "mismatch-for-ever",
        "A half-made machine whose parts were removed by hand can't be made before its token is forgotten.",
        f"{PARTS}[True]",
        (CREATING, "return bool(ended) or self.clock", "return self.clock"),
    ),
    mutant(
        "mismatch-starts-the-wait-again",
        "The same, where the provider shows ended things no more: each run is too early for the next attempt.",
        f"{PARTS}[False]",
        (CREATING, "                        resource.last_try = tried  # this call has made nothing\n", ""),
        (CREATING, "tried + NEVER_SHOWN", "resource.last_try + NEVER_SHOWN"),
    ),
    mutant(
        "mismatch-taken-for-an-end",
        "What is only late to show is made a second time.",
        f"{PARTS}[False]",
        (CREATING, "self.clock.time() >= tried + NEVER_SHOWN", "True"),
    ),
    mutant(
        "id-saved-late",
        "A crash between the answer and the save forgets what costs.",
        f"{LIFECYCLE}::test_present_makes_a_machine",
        (MAKING, 'resource.status = "created"\n            self.save()\n', 'resource.status = "created"\n'),
    ),
    mutant(
        "request-not-frozen-before-the-call",
        "After a crash nobody knows that something was asked for.",
        f"{LIFECYCLE}::test_present_makes_a_machine",
        (
            CREATING,
            '"creating", self.clock.time()\n            self.save()\n',
            '"creating", self.clock.time()\n',
        ),
    ),
    mutant(
        "random-token",
        "A repeated create makes a second one.",
        f"{RESOURCES}::test_a_lost_answer_is_replayed_by_its_token",
        (PROOF, 'uuid.uuid5(NAMESPACE, f"{store}/{id}/{key}/{generation}/{attempt}")', "uuid.uuid4()"),
    ),
    mutant(
        "token-without-attempt",
        "What died answers the token of what is made in its place.",
        f"{RESOURCES}::test_what_is_made_in_the_place_of_what_died_has_another_token",
        (CALLS, "resource.key, resource.generation, resource.attempt)", "resource.key, resource.generation)"),
    ),
    mutant(
        "token-without-generation",
        "What was removed answers the token of its successor.",
        f"{LIFECYCLE}::test_what_is_not_wanted_any_more_goes_once_nothing_uses_it",
        (CALLS, "resource.key, resource.generation, resource.attempt)", "resource.key, resource.attempt)"),
    ),
    mutant(
        "attempt-rises-on-a-time-out",
        "What the lost answer was about is never found again.",
        f"{RESOURCES}::test_a_lost_answer_is_replayed_by_its_token",
        (CREATING, "unresolved = True\n", "unresolved, resource.attempt = True, resource.attempt + 1\n"),
    ),
    mutant(
        "attempt-stays-on-what-is-dead",
        "The provider answers with the terminated machine for as long as it knows the token.",
        f"{LIFECYCLE}::test_a_machine_that_is_gone_is_made_anew_with_a_host_key_of_its_own",
        (
            MAKING,
            'resource.id, resource.status, resource.attempt = None, "planned", resource.attempt + 1',
            'resource.id, resource.status = None, "planned"',
        ),
    ),
    mutant(
        "attempt-stays-on-a-refusal",
        "A corrected request is refused for ever, since its token is known with another one.",
        f"{RESOURCES}::test_refused",
        (
            CREATING,
            'step in (FAIL, TAKEN):\n                        resource.status, resource.attempt = "planned", resource.attempt + 1',
            'step in (FAIL, TAKEN):\n                        resource.status = "planned"',
        ),
    ),
    mutant(
        "next-zone-while-the-last-attempt-is-uncertain",
        "Tokens are zonal: the machine of the first zone lives on, and nobody knows it.",
        f"{RESOURCES}::test_a_refusal_after_an_open_call_looks_first",
        (CREATING, "(contract.FULL, True): (LOOK, NEXT)", "(contract.FULL, True): (NEXT,)"),
    ),
    mutant(
        "next-zone-while-a-killed-run-s-call-is-on-its-way",
        "It arrives once the zone has room, and its machine lives beside that of the next zone.",
        f"{LAG}::test_no_next_zone_while_a_call_of_a_killed_run_is_on_its_way",
        (LOOKING, "max(self.tried[resource.key], resource.last_try + lag)", "resource.last_try + lag"),
    ),
    mutant(
        "token-believed-for-ever",
        "A provider knows a token for a day: after that, the repeated create makes a second machine.",
        f"{LAG}::test_a_token_that_the_provider_has_forgotten",
        (CREATING, "slept or self.finder.shows(resource) <= self.clock.time()", "slept"),
    ),
    mutant(
        "slept-through-a-token-s-life",
        "A controller that sleeps in the midst of a call wakes up when the provider has forgotten its token.",
        f"{LAG}::test_a_token_that_the_provider_has_forgotten",
        (CREATING, "is None or slept or self", "is None or self"),
    ),
    mutant(
        "only-the-last-choice-again",
        "The zone that was full has room now, and is never asked again.",
        "unit/plugins/modules/test_amazonec2.py::test_zones_and_types_are_tried_again_from_any_on",
        (CHOICES, "(choices.get(key, 0) + 1) % count", "min(choices.get(key, 0) + 1, count - 1)"),
    ),
    mutant(
        "only-the-last-request-again",
        "The same, where the zone is part of the request.",
        "unit/plugins/modules/test_amazonec2.py::test_zones_and_types_are_tried_again_from_any_on",
        (
            CREATING,
            "(resource.choice + 1) % len(resource.requests)",
            "min(resource.choice + 1, len(resource.requests) - 1)",
        ),
    ),
    mutant(
        "a-mismatch-is-a-new-attempt",
        "A token that is known with another request means that something may have been made.",
        f"{RESOURCES}::test_a_token_that_is_known_and_not_found_is_no_new_attempt",
        (CREATING, "(contract.MISMATCH, False): (LOOK, ENDED, UNCLEAR)", "(contract.MISMATCH, False): (FAIL,)"),
    ),
    mutant(
        "busy-closes-what-is-open",
        "After a lost answer and a throttled repeat, a full zone would lead on without a look.",
        f"{RESOURCES}::test_what_was_open_stays_open_while_the_provider_is_busy",
        (CREATING, "elif step == WAIT:\n", "elif step == WAIT:\n                        unresolved = False\n"),
    ),
    mutant(
        "repeated-without-a-look",
        "Where nothing makes a repeat harmless, it makes a second machine.",
        f"{RESOURCES}::test_a_lost_answer_is_found_by_its_tags",
        (CREATING, "(kind.identity is None or slept", "(kind.identity is not None and slept"),
    ),
    mutant(
        "old-record-believed",
        "A record from a backup does not know what was made since, and makes it again.",
        f"{ADOPT}::test_a_backup_from_the_midst_of_a_create_makes_nothing_twice",
        (CREATING, "if not unresolved and not self.fresh:", "if not self:"),
    ),
    mutant(
        "lag-ignored-before-a-repeat",
        "A list that is late hides what was made, and a second one is.",
        f"{RESOURCES}::test_a_lost_answer_is_found_by_its_tags",
        (
            CREATING,
            "self._look_or_ask_again(resource, self.finder.shows(resource), forgotten=slept)",
            "self._look_or_ask_again(resource, self.clock.time(), forgotten=slept)",
        ),
    ),
    mutant(
        "lag-counted-from-a-former-try",
        "After a second lost answer, the lag of the first one is over already.",
        f"{RESOURCES}::test_a_lost_answer_is_found_by_its_tags",
        (
            CREATING,
            'resource.status, resource.last_try = "creating", self.clock.time()',
            'resource.status = "creating"',
        ),
        (
            CREATING,
            "                    resource.last_try = self.clock.time()  # for so long",
            "                    # for so long",
        ),
    ),
    mutant(
        "no-lag-before-a-name-is-foreign",
        "A key of ours that the list does not show yet is called somebody else's, and is left behind.",
        f"{RESOURCES}::test_a_name_that_is_ours_since_the_answer_was_lost",
        (
            CREATING,
            (
                "if step == LOOK:\n"
                "                        seen = self.finder.look(resource, self.finder.shows(resource))"
            ),
            "if step == LOOK:\n                        seen = self.finder.look(resource, self.clock.time())",
        ),
    ),
    mutant(
        "failed-machine-left-behind",
        "What came up in state error goes on costing beside its successor.",
        f"{LIFECYCLE}::test_capacity_that_lacks_after_the_call",
        (
            MAKING,
            "        self.remover.delete(resource)\n        return self._make_elsewhere",
            "        return self._make_elsewhere",
        ),
    ),
    mutant(
        "made-and-vanished-is-made-again",
        "A provider that never shows what it made is asked for one after the other.",
        f"{RESOURCES}::test_what_was_made_and_never_shows_is_not_made_for_ever",
        (MAKING, "if resource.key in self._made:", "if resource.key in ():"),
    ),
    mutant(
        "an-unknown-error-is-a-refusal",
        "A time-out would be taken for a no, and what it made would be forgotten.",
        f"{RESOURCES}::test_a_lost_answer_is_replayed_by_its_token",
        (CALLS, "next(verdicts, contract.UNSURE)", "next(verdicts, contract.REFUSED)"),
    ),
    mutant(
        "time-limit-ignored",
        "A machine that never comes up holds the run, and its lock, for a day.",
        f"{LIFECYCLE}::test_a_machine_that_never_comes_up_ends_in_time",
        (
            MAKING,
            "for _left in self.clock.poll(self.calls.timeout):\n            seen = self.calls.seen.get",
            "for _left in self.clock.poll(86400):\n            seen = self.calls.seen.get",
        ),
    ),
    mutant(
        "change-without-asking-the-lock",
        "A run that has lost its lease goes on making things beside its successor.",
        f"{RESOURCES}::test_nothing_is_changed_once_the_lock_may_be_lost",
        (CALLS, "        self.guard(self.driver.call_limit)\n", ""),
    ),
    mutant(
        "change-in-whatever-account",
        "With other credentials, a second machine is made in somebody else's account.",
        f"{LIFECYCLE}::test_another_account_goes_on_with_nothing",
        (
            CALLS,
            "        self.check_account()\n        it = it or self.it(resource)",
            "        it = it or self.it(resource)",
        ),
    ),
    mutant(
        "secret-in-an-error",
        "The request of a failed call, passwords and all, lands in logs.",
        "cells thing create 500",
        (CALLS, '{method.__name__}"\n', '{method.__name__}{arguments}"\n'),
    ),
    mutant(
        "open-create-not-named",
        "An error that names only what has an id hides what may cost under a name.",
        f"{RESOURCES}::test_no_answer_at_all_says_that_it_is_not_known",
        (CALLS, 'if not one.existing and (one.id or one.status == "creating")', "if not one.existing and one.id"),
    ),
]
