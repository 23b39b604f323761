# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what is made of input: of variables, surveys and options."""

from __future__ import annotations

from tests.mutants import mutant

ACTION = "plugins/plugin_utils/_action.py"
FLEET = "plugins/plugin_utils/_fleet/_plan.py"
ACTIONS = "unit/plugins/plugin_utils/test_action.py"
FLEETS = "unit/plugins/action/test_fleet.py"
PLAYBOOKS = "unit/test_playbooks.py"
FROM_VARIABLES = "unit/plugins/plugin_utils/test_from_variables.py"

MUTANTS = [
    mutant(
        "playbook-forgets-an-option",
        "An option of an action can't be given to the playbook that runs it.",
        f"{FROM_VARIABLES}::test_a_playbook_takes_all_options_from_variables",
        ("playbooks/adopt.yml", "from_variables: all", "from_variables: [store, names, driver, options]"),
    ),
    mutant(
        "option-with-an-undocumented-variable",
        "An option that is added to an action has a variable that no page describes.",
        f"{FROM_VARIABLES}::test_each_option_is_taken_from_its_variable_or_says_that_it_has_none",
        ("plugins/action/store_ca.py", '        "lock_timeout": None,\n', ""),
    ),
    mutant(
        "variables-before-facts",
        "A host's facts are evaluated as options before they are refused.",
        f"{FROM_VARIABLES}::test_facts_are_refused_before_any_variable_is_evaluated",
        (ACTION, "        if refused:  # before", "        if False:  # before"),
    ),
    mutant(
        "inventory-as-wishes",
        "A machine's labels and state in the inventory become what is wanted of it.",
        f"{FROM_VARIABLES}::test_a_machine_s_variables_in_the_inventory_are_not_wishes",
        ("plugins/action/machine.py", "        **dict.fromkeys(OWN),\n", ""),
    ),
    mutant(
        "hosts-by-a-variable",
        "An extra variable of that name lets remove_hosts work on hosts of the estate.",
        f"{PLAYBOOKS}::test_only_what_no_user_sets_says_which_hosts_a_play_is_over",
        (
            "playbooks/remove_hosts.yml",
            "{{ ['machine_unwanted_' ~ hostvars.localhost.machine_plan.id | default('')] | select('in', groups) | list }}",
            "{{ [machine_group] | select('in', groups) | list }}",
        ),
    ),
    mutant(
        "wish-by-an-extra-variable",
        "An extra variable machine_wish replaces what was planned for each machine.",
        f"{PLAYBOOKS}::test_a_variable_of_a_playbook_is_the_users_or_is_refused_from_them",
        ("playbooks/guard.yml", "          - machine_wish == ''\n", ""),
        ("playbooks/guard.yml", '        machine_wish: ""\n', ""),
    ),
    mutant(
        "plan-by-an-extra-variable",
        "An extra variable machine_plan hides the plan, and the plays work on what it says.",
        f"{ACTIONS}::test_an_extra_variable_does_not_hide_what_a_task_registers",
        (ACTION, "name in load_extra_vars(self._loader)", "name in ()"),
    ),
    mutant(
        "blank-answers-fail",
        "A survey's question that may be left blank ends the job.",
        f"{ACTIONS}::test_what_is_left_blank_is_not_given",
        (ACTION, "if not self._is_blank(name, value)}", "if value is not self}"),
    ),
    mutant(
        "blank-limit-of-a-removal",
        "An empty variable of a shell removes a whole fleet.",
        f"{FLEETS}::test_a_limit_that_is_left_blank_is_none_but_for_a_removal",
        ("plugins/action/fleet.py", ', blank=args["state"] == "present")', ")"),
    ),
    mutant(
        "endless-fleet",
        "A count with a few zeros too many takes all memory of the controller.",
        f"{FLEETS}::test_a_fleet_is_bounded",
        (FLEET, "    if total > MOST:", "    if total < 0:"),
    ),
    mutant(
        "times-not-checked",
        "A timeout of nan never ends, or ends in an error of Python's.",
        f"{ACTIONS}::test_a_time_that_nobody_can_wait_is_refused",
        (ACTION, "        check_numbers(self.spec, arguments)\n", ""),
    ),
    mutant(
        "nothing-to-try",
        "A list of instance types that is empty makes a machine that can't be removed.",
        "unit/plugins/module_utils/test_plan.py::test_a_list_of_nothing_to_try_is_refused_before_anything_is_touched",
        ("plugins/module_utils/_plan.py", "        if not requests:\n", "        if requests is None:\n"),
    ),
    mutant(
        "no-request-no-removal",
        "A record with an empty list of requests can't be removed.",
        "unit/plugins/test_damage.py::test_what_is_read_can_be_used",
        (
            "plugins/module_utils/_record.py",
            "self.requests[min(self.choice, len(self.requests) - 1)] if self.requests else {}",
            "self.requests[min(self.choice, len(self.requests) - 1)]",
        ),
    ),
]
