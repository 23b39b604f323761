# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in knowing a host by its key."""

from __future__ import annotations

from tests.mutants import mutant

ACCESS = "plugins/module_utils/_access.py"
ACTION = "plugins/plugin_utils/_action.py"
HOST_KEY = "plugins/module_utils/_host_key.py"
PIN = "plugins/module_utils/_pin.py"
VISIT = "plugins/plugin_utils/_engine/_look.py"
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
        "unit/plugins/module_utils/test_pin.py::test_nothing_that_follows_changes_the_pin",
        (PIN, 'checking: str = "yes"', 'checking: str = "accept-new"'),
    ),
    mutant(
        "known-by-its-address",
        "A new address of the same machine is a stranger, and a stranger at the old one is the machine.",
        "unit/plugins/module_utils/test_ssh.py::test_a_login_is_strict_where_a_key_is_known",
        (PIN, '        "HostKeyAlias": record.id,\n', ""),
    ),
    mutant(
        "pin-after-the-estates-arguments",
        "An ansible.cfg that switches the check off switches the pin off.",
        "unit/plugins/module_utils/test_pin.py::test_nothing_that_follows_changes_the_pin",
        (PIN, '{options} "$@"\n', '"$@" {options}\n'),
    ),
    mutant(
        "pin-after-the-machines-own-arguments",
        "ssh_args of a machine switch its pin off.",
        "unit/plugins/module_utils/test_ssh.py::test_a_login_is_strict_where_a_key_is_known",
        (
            SSH,
            '[_program("ssh"), *pin, "-o", "ControlPath=none", "-o", "BatchMode=yes", *self._arguments()]',
            '[_program("ssh"), *self._arguments(), *pin, "-o", "ControlPath=none", "-o", "BatchMode=yes"]',
        ),
    ),
    mutant(
        "any-control-socket",
        "A session whose host key nobody has checked is shared by plays over the machine.",
        "unit/plugins/module_utils/test_pin.py::test_a_control_socket_is_the_pins_own",
        (PIN, "in ControlPath=*/{socket}-*)", "in ControlPath=*)"),
    ),
    mutant(
        "control-socket-of-a-former-pin",
        "A session under a key that is not pinned any more is shared.",
        "unit/plugins/module_utils/test_pin.py::test_a_control_socket_is_the_pins_own",
        (PIN, "hashlib.sha256(known_hosts(record).encode())", "hashlib.sha256(record.id.encode())"),
    ),
    mutant(
        "arguments-of-a-record-in-a-shell",
        "What a record says is run by the shell of each connection.",
        "unit/plugins/module_utils/test_pin.py::test_a_text_of_a_record_is_no_program",
        (PIN, "arguments=shlex.join(machine_arguments(record))", 'arguments=" ".join(machine_arguments(record))'),
    ),
    mutant(
        "first-contact-in-silence",
        "Nobody hears that a key was taken as it was shown, nor which.",
        "unit/plugins/module_utils/test_access.py::test_a_first_contact_shows_what_is_pinned",
        (ACCESS, "            warn(\n", "            str(\n"),
    ),
    mutant(
        "jump-host-blamed-on-the-machine",
        "An unknown key of a jump host advises to remove the machine's record.",
        "unit/plugins/module_utils/test_ssh.py::test_each_failure_is_told_apart",
        (SSH, " and self.record.id not in stderr:", ' and self.record.id in "":'),
    ),
    mutant(
        "jump-host-blamed-on-the-machine-by-plays",
        "The same in a play, where Ansible connects.",
        "unit/plugins/plugin_utils/_engine/test_look.py::test_whose_host_key_of_a_machine_is_wrong",
        (VISIT, "if id and id not in said:", "if False:"),
    ),
    mutant(
        "plays-by-any-connection",
        "A connection that knows no pinned key installs an Engine on whoever answers.",
        "unit/test_playbooks.py::test_a_play_that_connects_to_machines_checks_first_that_the_pin_is_known",
        (
            "playbooks/create_hosts.yml",
            "    - name: Require the pinned host key\n"
            "      ansible.builtin.import_tasks: tasks/check_pin.yml\n\n"
            "    - name: Set up the Engine and TLS\n",
            "    - name: Set up the Engine and TLS\n",
        ),
    ),
    mutant(
        "no-agent-in-a-check",
        "A check looks for a key that is only made later, so nobody can take up a host by the agent's keys.",
        "unit/plugins/module_utils/test_access.py::test_a_check_may_use_the_agent",
        (
            ACCESS,
            'if not ssh["key"] and not ssh.get("public_key"):',
            'if not ssh["key"] and not ssh.get("public_key") and not wish.check:',
        ),
    ),
    mutant(
        "arguments-are-split-by-nobody",
        "An unclosed quote in ssh_args is found when the machine is there, and can't be reached.",
        "unit/plugins/module_utils/test_access.py::test_arguments_that_can_not_be_split",
        (ACCESS, '        _pin.split(self.wish.ssh_args or "")\n', ""),
    ),
    mutant(
        "drivers-forget-the-estates-jump-host",
        "Plays reach the machine, and the driver's first contact does not.",
        "unit/plugins/plugin_utils/_hosts/test_ssh_arguments.py::test_a_drivers_module_is_told",
        (ACTION, "args = {**args, ESTATE_SSH:", "{**args, ESTATE_SSH:"),
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
