# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what other or wrong credentials may see, note and change."""

from __future__ import annotations

from tests.mutants import mutant

GATHERED = "plugins/module_utils/_lifecycle/_gathered.py"
FLEET = "plugins/action/fleet.py"
INFO = "plugins/action/machine_info.py"
TASK = "plugins/module_utils/_lifecycle/_task.py"
VERBS = "plugins/module_utils/_lifecycle/__init__.py"
ACCOUNTS = "unit/plugins/module_utils/_lifecycle/test_accounts.py"
ABSENT = "plugins/module_utils/_lifecycle/_absent.py"

MUTANTS = [
    mutant(
        "dry-removal-with-other-credentials",
        "A dry run says that the machine would be removed, and the removal is refused.",
        f"{ACCOUNTS}::test_other_credentials_are_refused_before_anything_is_noted",
        (ABSENT, "                self.task.resources.check_account()  # a dry run", "                # a dry run"),
    ),
    mutant(
        "gathered-in-any-account",
        "What another account has under the same id is taken for the machine.",
        f"{ACCOUNTS}::test_what_is_only_noted_needs_the_right_account_too",
        (
            GATHERED,
            "            task.begin(record)\n            task.resources.check_account()\n",
            "            task.begin(record)\n",
        ),
    ),
    mutant(
        "another-account-s-list",
        "With other credentials all machines are listed as absent.",
        f"{ACCOUNTS}::test_the_account_is_asked_once_a_place_whoever_it_has",
        (VERBS, "for lifecycle, record in records if record.account == account]", "for lifecycle, record in records]"),
        (VERBS, "for lifecycle, record in records if record.account != account]", "for lifecycle, record in ()]"),
        (VERBS, "first.driver, account\n", "first.driver, record.account\n"),
    ),
    mutant(
        "unknown-is-kept",
        "Somebody with other credentials makes a shared store forget what runs.",
        f"{ACCOUNTS}::test_another_accounts_machines_are_unknown_and_what_was_observed_stays",
        (GATHERED, "        if keep:\n", "        if keep or error:\n"),
    ),
    mutant(
        "account-asked-for-each-machine",
        "A refresh of 300 machines costs 300 calls more.",
        f"{ACCOUNTS}::test_the_account_is_asked_once_a_place_whoever_it_has",
        (
            VERBS,
            "lifecycle.task.connected, lifecycle.task.known_account = first.driver, account",
            "lifecycle.task.connected = first.driver",
        ),
    ),
    mutant(
        "noted-before-it-is-refused",
        "With other credentials a run changes labels and expiry, and only then fails.",
        f"{ACCOUNTS}::test_what_is_only_noted_needs_the_right_account_too",
        (TASK, "        self.resources.check_account()  # whoever may not", "        # whoever may not"),
    ),
    mutant(
        "absent-in-any-account",
        "A check with other credentials says that a running machine is to be made.",
        f"{ACCOUNTS}::test_other_credentials_are_refused_before_anything_is_noted",
        (TASK, "        if seen is None:\n            self.resources.check_account()\n", ""),
    ),
    mutant(
        "state-from-the-store-alone",
        "machine_info shows what another run has seen as if it had seen it itself.",
        "unit/plugins/action/test_machine_info.py"
        "::test_what_a_driver_could_not_see_is_unknown_though_the_store_keeps_what_was_seen",
        (INFO, "                if one.name in unknown:", "                if one.name in ():"),
    ),
    mutant(
        "seen-by-others-is-ready",
        "create_hosts sets up a machine that its credentials can't see.",
        "unit/plugins/action/test_fleet.py::test_what_was_seen_lately_is_not_taken_from_who_may_not_see_it",
        (FLEET, "            unseen.update(unseen_in(result))\n", ""),
    ),
]
