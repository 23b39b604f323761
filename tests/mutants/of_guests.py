# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in how the role docker_engine deals with hosts that misbehave."""

from __future__ import annotations

from tests.mutants import mutant

TROUBLE = "plugins/module_utils/_engine/_known_problems.py"
FAMILIES = "plugins/module_utils/_engine/_package_managers.py"
LOOK = "plugins/module_utils/_engine/_look/_packages.py"
COMMANDS = "plugins/module_utils/_engine/_commands.py"
VISIT = "plugins/plugin_utils/_engine/_look.py"
GUEST = "plugins/plugin_utils/_engine/_plan/_guest.py"
ON_TROUBLE = "unit/plugins/module_utils/_engine/test_known_problems.py"
ON_PACKAGES = "unit/plugins/module_utils/_engine/test_packages.py"
ON_HOST = "unit/plugins/module_utils/_engine/test_commands.py"
ON_VISIT = "unit/plugins/plugin_utils/_engine/test_look.py"
ON_GUEST = "unit/plugins/plugin_utils/_engine/test_plan_guest.py"

MUTANTS = [
    mutant(
        "programs-speak-the-host-s-language",
        "On a host in German no candidate is found, and trouble that passes is not known for it.",
        f"{ON_HOST}::test_programs_speak_english_whatever_the_host_speaks",
        (COMMANDS, 'LC_ALL="C", LANGUAGE="C", ', ""),
    ),
    mutant(
        "python-not-waited-for",
        "A host without Python that updates its packages at boot fails at once.",
        f"{ON_VISIT}::test_what_may_pass_is_waited_for_before_python_is_installed",
        (VISIT, "trouble.persistently(install, self.wait_timeout, facts=_UNREAD)", "install()"),
    ),
    mutant(
        "controller-s-facts-told-for-the-host-s",
        "Of a host without Python, the name servers of the controller are named.",
        f"{ON_VISIT}::test_what_does_not_pass_is_told_with_what_helps",
        (VISIT, "self.wait_timeout, facts=_UNREAD)", "self.wait_timeout)"),
    ),
    mutant(
        "full-disk-tried-again",
        "What does not go by itself holds the whole play up for minutes.",
        f"{ON_TROUBLE}::test_what_does_not_pass_by_itself_fails_at_once",
        (TROUBLE, "if not known or not known[0].passes:", "if not known:"),
    ),
    mutant(
        "trouble-that-passes-not-waited-for",
        "A mirror that is out for seconds fails the run.",
        f"{ON_TROUBLE}::test_it_ends_with_success_once_the_trouble_has_passed",
        (TROUBLE, "clock.monotonic() >= end", "clock.monotonic() < end"),
    ),
    mutant(
        "cut-off-installation-not-finished",
        "After a reboot in the middle of an installation no run ever converges.",
        f"{ON_PACKAGES}::test_an_installation_that_was_cut_off_is_finished",
        (FAMILIES, '            "dpkg --configure -a": ("dpkg", "--configure", "-a"),\n', ""),
    ),
    mutant(
        "mending-removes-packages",
        "To repair what is half installed, apt may take other packages of the host away.",
        f"{ON_PACKAGES}::test_all_that_a_cut_off_installation_asks_for_is_done_once",
        (FAMILIES, '"--no-remove", "--no-install-recommends"', '"--no-install-recommends"'),
    ),
    mutant(
        "room-counted-a-folder-each",
        "Two needs on one file system each seem to fit, and the disk is full in the middle.",
        f"{ON_GUEST}::test_needs_on_one_file_system_add_up",
        (GUEST, 'needed.get(place["device"], 0) + amount', "amount"),
    ),
    mutant(
        "clock-ahead-not-seen",
        "Certificates have ended by the clock of a host that is years ahead.",
        f"{ON_GUEST}::test_a_clock_that_is_further_off_is_an_error_where_there_are_certificates",
        (GUEST, "if abs(behind) > CLOCK_LIMIT", "if behind > CLOCK_LIMIT"),
    ),
    mutant(
        "lists-from-the-future-are-fresh",
        "After a clock was set back, an upgrade goes by package lists of any age.",
        "unit/plugins/modules/test_engine_info.py::test_lists_from_before_the_clock_was_set_back_are_old",
        (LOOK, "abs(int(time.time() - newest))", "int(time.time() - newest)"),
    ),
    mutant(
        "engine-that-just-came-up-taken-for-another",
        "A new machine whose Engine starts by itself while the role looks at it is refused, as if a snap's Engine ran there.",
        "unit/plugins/modules/test_engine_info.py::test_who_listens_in_the_engines_place_is_told",
        ("plugins/module_utils/_engine/_look/_engine.py", "if listener and systemd else {}", "if False else {}"),
    ),
    mutant(
        "engine-that-came-up-meanwhile-not-started-anew",
        "A new machine whose Engine starts by itself while its configuration is put in place goes on without TLS.",
        "unit/plugins/modules/test_engine_apply.py::"
        "test_an_engine_that_someone_starts_while_files_are_put_in_place_gets_them_nevertheless",
        (
            "plugins/modules/engine_apply.py",
            'manager.here().state() if self.action == "start" else self.unit',
            "self.unit",
        ),
    ),
]
