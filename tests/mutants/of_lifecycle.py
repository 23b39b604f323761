# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in when what happens to a machine."""

from __future__ import annotations

from tests.mutants import mutant

ABSENT = "plugins/module_utils/_lifecycle/_absent.py"
CHOICES = "plugins/module_utils/_lifecycle/_choices.py"
COMPARISON = "plugins/module_utils/_lifecycle/_comparison.py"
CREATING = "plugins/module_utils/_resources/_creating.py"
PLAN = "plugins/module_utils/_plan.py"
PLANNING = "plugins/module_utils/_lifecycle/_planning.py"
PRESENT = "plugins/module_utils/_lifecycle/_present.py"
RECORD = "plugins/module_utils/_record.py"
TASK = "plugins/module_utils/_lifecycle/_task.py"
UPDATING = "plugins/module_utils/_lifecycle/_updating.py"
LIFECYCLE = "unit/plugins/module_utils/_lifecycle/test_lifecycle.py"

MUTANTS = [
    mutant(
        "options-of-now-for-the-frozen-plan",
        "A re-run with other options repeats a create with another request, so under a token that does not match.",
        f"{LIFECYCLE}::test_the_frozen_plan_is_finished_whatever_the_options_say_now",
        (
            PRESENT,
            "                self._make_or_undo(record)\n",
            (
                "                for want in task.recipe(record).wants:\n"
                "                    record.resource(want.key).requests = want.requests\n"
                "                self._make_or_undo(record)\n"
            ),
        ),
    ),
    mutant(
        "place-from-the-options",
        "Another region is asked, finds nothing, and the machine is forgotten.",
        f"{LIFECYCLE}::test_absent_uses_the_recorded_place",
        (
            TASK,
            "**(kept if wish.keep_options else {}), **record.place}",
            "**(kept if wish.keep_options else {})}",
        ),
    ),
    mutant(
        "choice-by-its-place-in-the-list",
        "Zones in another order are drift, though the machine is in one of them.",
        f"{LIFECYCLE}::test_a_choice_is_told_by_what_is_there_and_not_by_its_place_in_the_list",
        (COMPARISON, " if changes.drift else ():", " if not changes else ():"),
    ),
    mutant(
        "left-to-the-provider-is-drift",
        "A volume can't be added to a machine that was made without zones.",
        "unit/plugins/modules/test_amazonec2.py::test_a_volume_comes_where_the_machine_is",
        (
            COMPARISON,
            "            if all(seen and name in seen.has",
            "            if all(not fixed and seen and name in seen.has",
        ),
    ),
    mutant(
        "what-is-there-covers-whatever-is-asked",
        "A machine in another zone than it is asked for passes for the one that is wanted.",
        "unit/plugins/modules/test_amazonec2.py::test_a_volume_comes_where_the_machine_is",
        (COMPARISON, "name in seen.has and covers(seen.has[name], it.request[name])", "name in seen.has"),
    ),
    mutant(
        "recreate-keeps-the-generation",
        "Tokens, names and late deletes of the former machine mean the new one, too.",
        f"{LIFECYCLE}::test_recreate_replaces_and_keeps_what_is_not_said",
        (PLANNING, "max(former, default=0) + 1", "max(former, default=1)"),
    ),
    mutant(
        "recreate-forgets-what-is-gone",
        "The tombstone lacks what the machine was made of before.",
        f"{LIFECYCLE}::test_recreate_replaces_and_keeps_what_is_not_said",
        (PLANNING, '["picks", "gone", "store"]', '["picks", "store"]'),
    ),
    mutant(
        "recreate-forgets-the-end",
        "A machine that was to end today runs on, and is paid for.",
        f"{LIFECYCLE}::test_a_machine_that_is_made_anew_ends_when_it_would_have",
        (PLANNING, "record.expires = former.expires", "record.expires = None"),
    ),
    mutant(
        "recreate-before-it-is-sure-to-work",
        "Options that can't work cost the machine that is there.",
        f"{LIFECYCLE}::test_recreate_with_options_that_cannot_work_costs_nothing",
        (PRESENT, "Presence(task.dry())._create(before, record)", "pass"),
    ),
    mutant(
        "removed-in-the-order-of-creation",
        "What others still use can't be deleted, and stays.",
        "cells thing remove killed",
        (
            ABSENT,
            "for resource in reversed(list(record.resources)):\n            self.task.resources.remove",
            "for resource in list(record.resources):\n            self.task.resources.remove",
        ),
    ),
    mutant(
        "removal-not-noted-before-it-begins",
        "After a crash in the middle, present goes on with half a machine.",
        "cells thing remove killed",
        (
            ABSENT,
            "            record.status = BEING_REMOVED\n            self.task.save(record)\n",
            "            self.task.save(record)\n",
        ),
    ),
    mutant(
        "refresh-writes-the-record",
        "A run that only looks, and waits for nobody, overwrites an id that was saved meanwhile.",
        f"{LIFECYCLE}::test_gathered_tells_and_changes_nothing",
        (
            TASK,
            "            self.store.save_observed(record.name, self.observed)\n",
            '            record.kept["observed"] = self.observed\n            self.store.put(record)\n',
        ),
    ),
    mutant(
        "secret-in-the-record",
        "Who may read the store reads passwords.",
        f"{LIFECYCLE}::test_present_makes_a_machine",
        (
            PLANNING,
            "in self.task.driver_class.argument_spec} - wish.secret",
            "in self.task.driver_class.argument_spec}",
        ),
    ),
    mutant(
        "secret-in-the-frozen-request",
        "The same, by way of the plan.",
        "unit/plugins/module_utils/test_plan.py::test_a_secret_is_a_placeholder",
        (PLAN, "self._secret(k) if k in self._digests else v", "v"),
    ),
    mutant(
        "user-data-in-the-frozen-request",
        "Keys and scripts of the user's lie in the store, and each newer release makes them drift.",
        f"{LIFECYCLE}::test_present_makes_a_machine",
        (
            PRESENT,
            "            task.save(record)  # the freeze",
            (
                "            for resource in record.resources:\n"
                "                resource.requests = [\n"
                '                    {**one, "user_data": access._user_data()} if "user_data" in one else one\n'
                "                    for one in resource.requests\n"
                "                ]\n"
                "            task.save(record)  # the freeze"
            ),
        ),
    ),
    mutant(
        "expiry-prolonged-by-a-second-run",
        "A machine for eight hours that is looked at each hour lives for ever.",
        f"{LIFECYCLE}::test_an_expiry_is_counted_from_when_it_was_said_first",
        (TASK, 'if life is not None and life != record.kept.get("expires_in"):', "if life is not None:"),
    ),
    mutant(
        "drift-against-the-frozen-request",
        "Each newer image asks for a new machine.",
        f"{LIFECYCLE}::test_a_newer_image_is_no_change",
        (
            COMPARISON,
            "        new = self.task.recipe(record)\n",
            '        record.kept["looks"] = {}\n        new = self.task.recipe(record)\n',
        ),
    ),
    mutant(
        "data-dropped-with-their-use",
        "An option left out deletes a volume.",
        f"{LIFECYCLE}::test_data_outlive_their_use_and_are_taken_up_again",
        (UPDATING, "if left and (left.unmade or not kinds[left.kind].keeps_data):", "if left:"),
    ),
    mutant(
        "unanswered-taken-for-unmade",
        "A create without an answer is asked for otherwise, and what it made is never looked for.",
        f"{LIFECYCLE}::test_the_frozen_plan_is_finished_whatever_the_options_say_now",
        (RECORD, 'return self.id is None and self.status == "planned"', "return self.id is None"),
    ),
    mutant(
        "stopped-without-the-users-word",
        "A changed size takes a machine down in the middle of the day.",
        f"{LIFECYCLE}::test_a_change_that_needs_a_stop_needs_the_users_word",
        (UPDATING, "if not self.task.wish.allow_stop:", "if not self.task.wish.name:"),
    ),
    mutant(
        "moved-without-what-depends-on-it",
        "The volume stays in the full zone, and no machine can ever use it.",
        f"{LIFECYCLE}::test_a_full_zone_leads_to_the_next_with_all_that_depends_on_it",
        (CHOICES, "                resource.status = REPLACED\n", "                resource.choice = 0\n"),
    ),
    mutant(
        "failed-take-down-hides-what-is-left",
        "The error says that nothing is left, and a volume costs.",
        f"{LIFECYCLE}::test_what_can_be_neither_made_nor_taken_down_is_named",
        (
            ABSENT,
            "error.left_behind = another.left_behind or self.task.resources.left_behind()",
            'error.left_behind = ["nothing"]',
        ),
    ),
    mutant(
        "dead-machine-keeps-its-host-key",
        "The new machine would have to be trusted with a key that others may have read.",
        f"{LIFECYCLE}::test_a_machine_that_is_gone_is_made_anew_with_a_host_key_of_its_own",
        (TASK, "                self.access(record).renew_host_key()\n", "                pass\n"),
    ),
    mutant(
        "made-without-its-secret",
        "The machine has other user data than the record's digest says, and no run tells.",
        f"{LIFECYCLE}::test_nothing_is_made_with_another_secret_than_was_planned",
        (CREATING, "lacks = self.calls.lacks(resource)", "lacks = None"),
    ),
    mutant(
        "stopped-for-a-disk-that-would-shrink",
        "The machine is down before it is found that this can't be.",
        "unit/plugins/modules/test_qemu.py::test_a_disk_never_shrinks",
        (COMPARISON, "            if less:\n", "            if False:\n"),
    ),
]
