# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in a user's own keys, whose paths differ from node to node."""

from __future__ import annotations

from tests.mutants import mutant

MACHINES = "plugins/plugin_utils/_fleet/_machines.py"
PIN = "plugins/module_utils/_pin.py"
SSH = "plugins/module_utils/_ssh.py"
TASK = "plugins/module_utils/_lifecycle/_task.py"
KEYS = "unit/plugins/module_utils/test_given_keys.py"

MUTANTS = [
    mutant(
        "path-of-one-node-in-a-shared-store",
        "The next job runs on another node, where there is no such key, and nobody can log in.",
        f"{KEYS}::test_a_shared_store_knows_the_key_wherever_it_is",
        (PIN, ' or bool(key and "given" in ssh and not os.path.exists(key))', ""),
    ),
    mutant(
        "given-key-not-known-by-its-public-half",
        "Each job on another node counts as a change.",
        f"{KEYS}::test_a_shared_store_knows_the_key_wherever_it_is",
        (TASK, "_ssh.as_shared(ssh) if self.store.shared else ssh", "ssh"),
    ),
    mutant(
        "given-key-forgotten-where-it-is-not",
        "A run on a node without the key makes the next one with it a change.",
        f"{KEYS}::test_a_shared_store_knows_the_key_wherever_it_is",
        (SSH, ' or ssh.get("given", "")', ""),
    ),
    mutant(
        "another-path-is-another-key",
        "Each job on another node counts as a change.",
        f"{KEYS}::test_a_shared_store_knows_the_key_wherever_it_is",
        (SSH, 'or ("given" in ssh and public_half(private) == ssh["given"])', 'or "given" not in ssh'),
    ),
    mutant(
        "any-key-is-the-same-key",
        "Another key is asked for, and the record goes on meaning the former one.",
        f"{KEYS}::test_another_key_is_a_change",
        (SSH, '("given" in ssh and public_half(private) == ssh["given"])', '"given" in ssh'),
    ),
    mutant(
        "key-of-this-run-not-handed-on",
        "A job names its key, and its plays log in without it.",
        f"{KEYS}::test_a_shared_store_knows_the_key_wherever_it_is",
        (MACHINES, '        record.ssh["key"] = ssh_key\n', "        pass\n"),
    ),
]
