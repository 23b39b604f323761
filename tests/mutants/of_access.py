# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in knowing a host by its key."""

from __future__ import annotations

from tests.mutants import mutant

HOST_KEY = "plugins/module_utils/_host_key.py"
RECORD = "plugins/module_utils/_record.py"
SSH = "plugins/module_utils/_ssh.py"

MUTANTS = [
    mutant(
        "pinned-key-not-asked-for",
        "Whoever sits between takes the first login, and our keys.",
        "unit/plugins/module_utils/test_ssh.py::test_a_login_is_strict_where_a_key_is_known",
        (SSH, 'policy = "yes" if self.record.ssh["host_keys"] else "accept-new"', 'policy = "accept-new"'),
    ),
    mutant(
        "plays-take-any-host-key",
        "The same for all plays that follow.",
        "unit/plugins/module_utils/test_record.py::test_host_variables",
        (RECORD, '"StrictHostKeyChecking": "yes"', '"StrictHostKeyChecking": "accept-new"'),
    ),
    mutant(
        "known-by-its-address",
        "A new address of the same machine is a stranger, and a stranger at the old one is the machine.",
        "unit/plugins/module_utils/test_ssh.py::test_a_login_is_strict_where_a_key_is_known",
        (RECORD, '        "HostKeyAlias": record.id,\n', ""),
    ),
    mutant(
        "old-host-key-dropped-before-the-login",
        "Cut off before the host has changed over, it can never be reached again.",
        "unit/plugins/module_utils/test_host_key.py::test_cut_off_anywhere_it_is_finished_by_the_next_run",
        (HOST_KEY, '        record.ssh["host_keys"] = [pinned[0], new]\n', '        record.ssh["host_keys"] = [new]\n'),
    ),
    mutant(
        "new-host-key-never-tried",
        "A change-over that failed is noticed when nobody can log in any more.",
        "unit/plugins/module_utils/test_host_key.py::test_a_change_over_that_came_to_nothing_keeps_the_old_key",
        (HOST_KEY, "    _log_in(host(changed), clock or Clock())\n", ""),
    ),
]
