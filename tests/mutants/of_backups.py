# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what a restored backup leads to, whose records are older than their machines."""

from __future__ import annotations

from tests.mutants import mutant

ABSENT = "plugins/module_utils/_lifecycle/_absent.py"
ADOPT = "plugins/module_utils/_lifecycle/_adopt.py"
ADOPTION = "plugins/module_utils/_lifecycle/_adoption.py"
BACKUPS = "plugins/module_utils/_lifecycle/_backups.py"
BOOKS = "plugins/module_utils/_lifecycle/_books.py"
PRESENT = "plugins/module_utils/_lifecycle/_present.py"
TASK = "plugins/module_utils/_lifecycle/_task.py"
BACKUP = "unit/plugins/module_utils/_lifecycle/test_backups.py"

MUTANTS = [
    mutant(
        "older-than-its-machine",
        "After a backup was restored, a second machine is made beside the one that replaced the recorded one.",
        f"{BACKUP}::test_nothing_is_made_beside_what_came_after_the_backup",
        (BACKUPS, "if thing.turn > (resource.generation, resource.attempt) else []", "if not thing.turn else []"),
    ),
    mutant(
        "id-lost-before-it-is-refused",
        "A record that is older than its machine forgets what it was about, and nobody is told both ids.",
        f"{BACKUP}::test_nothing_is_made_beside_what_came_after_the_backup",
        (
            TASK,
            "        self.before_create(resource)  # while the record",
            "        # while the record",
        ),
    ),
    mutant(
        "recreate-over-a-later-machine",
        "A recreate takes the disk of a later machine for the one that it makes, whatever its size.",
        f"{BACKUP}::test_nothing_is_made_beside_what_came_after_the_backup",
        (PRESENT, "            self.backups.refuse_outdated(record, *record.resources)\n", ""),
    ),
    mutant(
        "removed-by-an-older-record",
        "The record of a machine goes, and the machine that replaced it stays and costs.",
        f"{BACKUP}::test_an_older_record_is_not_removed_as_if_it_were_the_machine",
        (ABSENT, "            self.backups.refuse_outdated(record, machine)  # else", "            pass  # else"),
    ),
    mutant(
        "older-record-in-the-way",
        "What was made after the backup can't be adopted, since its older record is there.",
        f"{BACKUP}::test_adopt_takes_over_what_came_after_the_backup",
        (ADOPT, "entry.record and not outdated:", "entry.record:"),
    ),
    mutant(
        "older-tombstone-in-the-way",
        "What was made after the backup can't be adopted, since an older machine of its name was removed.",
        f"{BACKUP}::test_a_tombstone_of_a_former_machine_keeps_nobody_from_taking_over_the_later_one",
        (ADOPT, "            if entry and not outdated:\n", "            if entry:\n"),
    ),
    mutant(
        "host-key-of-the-former-machine",
        "Nobody can log in to a machine that was adopted over an older record.",
        f"{BACKUP}::test_the_former_host_key_is_not_expected_of_what_came_after_the_backup",
        (ADOPTION, "                    pinned = []  # of the former one\n", "                    pass\n"),
    ),
    mutant(
        "a-later-one-beside-a-living-one",
        "Whoever edits the tags of a copy has it adopted in the place of the machine.",
        f"{BACKUP}::test_what_lives_as_it_is_recorded_is_not_outdated",
        (BOOKS, "one.key in newer and one.id in living for one", "one.id is None for one"),
    ),
]
