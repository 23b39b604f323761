# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in which machines a run is about, and in what drivers are asked for it."""

from __future__ import annotations

from tests.mutants import mutant

FLEET = "plugins/plugin_utils/_fleet/_plan.py"
ACTION = "plugins/plugin_utils/_action.py"
PLANNED = "unit/plugins/action/test_fleet.py"

MUTANTS = [
    mutant(
        "limit-of-nobody-means-everybody",
        "An unset variable in machine_limit, and remove_hosts removes the whole fleet.",
        f"{PLANNED}::test_a_limit_that_means_nobody_is_refused",
        (FLEET, "    if value is None or (blank and", "    if not value or (blank and"),
    ),
    mutant(
        "limit-misspelt-passes",
        "Nothing is done, and the run says that all is well.",
        f"{PLANNED}::test_a_limit_that_means_nobody_is_refused",
        (FLEET, "    if lost:\n", "    if lost and not known:\n"),
    ),
    mutant(
        "defaults-of-drivers-are-mistakes",
        "Whoever says a region for all drivers by the action group can't plan a fleet.",
        "unit/plugins/plugin_utils/test_action.py::test_defaults_of_the_group_that_are_for_drivers_are_no_mistake",
        (ACTION, "if name not in foreign}", "}"),
    ),
    mutant(
        "mistakes-pass-as-defaults-of-drivers",
        "A misspelt option is left out, and the task does something else.",
        "unit/plugins/plugin_utils/test_action.py::test_a_mistake_in_the_task_is_one",
        (
            ACTION,
            "everything.keys() & group.keys() - self.spec.keys() if everything[name] == group[name]",
            "everything.keys() - self.spec.keys() if everything[name] == group.get(name)",
        ),
    ),
    mutant(
        "refresh-without-defaults",
        "A driver with credentials from module_defaults can't be asked for its machines.",
        f"{PLANNED}::test_the_refresh_has_the_defaults_of_the_driver_as_prune_and_adopt_have_them",
        (
            "plugins/action/fleet.py",
            'self.over_account(driver, "gathered", said, task_vars, ("ids", *dict(place)))',
            'self.run_module(driver, {**said, "state": "gathered", "scope": "account"}, task_vars)',
        ),
    ),
    mutant(
        "end-of-a-ca-untold",
        "A CA ends, and no client reaches any Engine, though create_hosts ran each week.",
        f"{PLANNED}::test_what_a_run_does_not_renew_is_told_before_its_end",
        ("plugins/action/fleet.py", "warnings += _expiry.told(", "_expiry.told("),
    ),
    mutant(
        "names-and-the-fleet-are-removed",
        "The fleet comes with the inventory, and all of it goes where one machine was named.",
        f"{PLANNED}::test_who_names_machines_to_remove_does_not_mean_the_fleet_that_comes_with_the_inventory",
        ("plugins/action/fleet.py", 'args["state"] == "absent" and args["names"] is not None', "False"),
    ),
    mutant(
        "recorded-options-for-all-options",
        "A machine with user data that is named without its driver is replaced, and has none.",
        f"{PLANNED}::test_a_machine_that_is_named_without_its_driver_keeps_its_options_the_secret_ones_too",
        ("plugins/action/fleet.py", "keep_options=True)", "options=recorded.options)"),
    ),
    mutant(
        "secret-in-a-plan",
        "AWX keeps the plan in its log.",
        f"{PLANNED}::test_secret_options_are_told_to_who_asks_for_them_alone",
        ("plugins/action/fleet.py", "**self._shown(plan.wanted)", '"wanted": plan.wanted, "hidden": []'),
    ),
    mutant(
        "group-of-the-estate-taken-for-a-machine",
        "Plays over our machines meet production hosts of others.",
        "unit/plugins/inventory/test_machines.py::"
        "test_a_machine_with_the_name_of_a_group_of_the_estate_brings_none_of_its_hosts",
        (
            "plugins/inventory/machines.py",
            "inventory.groups[group].add_host(inventory.hosts[host])",
            "inventory.add_child(group, host)",
        ),
    ),
]
