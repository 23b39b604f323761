# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in the one login by password."""

from __future__ import annotations

from tests.mutants import mutant

ACCESS = "plugins/module_utils/_access.py"
FLEET = "plugins/action/fleet.py"
MODULE = "plugins/module_utils/_module.py"
PASSWORD = "plugins/module_utils/_password.py"
TEST = "unit/plugins/module_utils/test_password.py::"

MUTANTS = [
    mutant(
        "password-for-any-host",
        "A host that took the place of the known one is sent the password.",
        TEST + "test_a_host_that_changes_its_key_between_both_logins_is_sent_nothing",
        (PASSWORD, "not in host_keys:", "not in host_keys and False:"),
    ),
    mutant(
        "password-without-a-known-key",
        "Where ssh saw no host key, any key is good enough for the password.",
        TEST + "test_who_is_not_let_in_and_shows_no_host_key_is_sent_nothing",
        (ACCESS, "if keys and self._add_key(", "if self._add_key("),
        (PASSWORD, "not in host_keys:", "not in host_keys and host_keys:"),
    ),
    mutant(
        "password-as-any-answer",
        "The password is the answer to whatever the host asks.",
        TEST + "test_other_questions_are_not",
        (PASSWORD, "if asked or len(prompts) > 1 or prompts[0][1] or", "if"),
    ),
    mutant(
        "password-in-a-check",
        "A dry run logs in and changes authorized_keys.",
        TEST + "test_a_check_says_it_and_sends_nothing",
        (
            ACCESS,
            "        if self.wish.check:\n            password.would_install(host)\n            return True\n",
            "",
        ),
    ),
    mutant(
        "password-tried-again",
        "Each login of a run tries it once more, until the account is locked.",
        TEST + "test_a_run_has_one_attempt",
        (PASSWORD, "password = None if self.user else self._ask()", "password = self._ask()"),
    ),
    mutant(
        "password-shown-by-the-host",
        "An error quotes the host, which quotes the password.",
        TEST + "test_a_command_that_fails",
        (
            PASSWORD,
            'said = _printable(error.args[0].replace(password, "********"))',
            "said = _printable(error.args[0])",
        ),
    ),
    mutant(
        "key-added-before-it-is-known",
        "A run that is killed leaves a key on the host that no record names.",
        TEST + "test_the_record_is_saved_before_the_key_is_added",
        (ACCESS, "keys, password.save, lambda", "keys, lambda: None, lambda"),
    ),
    mutant(
        "added-key-thrown-away",
        "Each failed run adds another key to the host.",
        TEST + "test_a_key_that_is_not_let_in_stays_for_the_next_run",
        (
            "plugins/module_utils/_lifecycle/_planning.py",
            'if self.task.lock and fresh and not saved and not getattr(error, "left_behind", ()):',
            "if self.task.lock and fresh:",
        ),
    ),
    mutant(
        "password-in-the-plan",
        "A fleet's result shows the password of its roles.",
        "unit/plugins/action/test_fleet.py::test_a_password_of_a_role_is_in_no_result",
        (FLEET, 'if name != "ssh_password"', "if name"),
    ),
    mutant(
        "password-hidden-by-ansible",
        "A password like root puts asterisks into the variables of the host.",
        TEST + "test_a_password_that_is_a_common_word_hides_nothing_in_the_result",
        (MODULE, 'self.params.pop("ssh_password", None)', 'self.params.get("ssh_password")'),
    ),
]
