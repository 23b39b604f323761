# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in which machines a run is about, and in what drivers are asked for it."""

from __future__ import annotations

from tests.mutants import mutant

FLEET = "plugins/plugin_utils/_fleet.py"
ACTION = "plugins/plugin_utils/_action.py"
PLANNED = "unit/plugins/action/test_fleet.py"

MUTANTS = [
    mutant(
        "limit-of-nobody-means-everybody",
        "An unset variable in machine_limit, and remove_hosts removes the whole fleet.",
        f"{PLANNED}::test_a_limit_that_means_nobody_is_refused",
        (
            FLEET,
            "    if value is None:\n        return []\n    given",
            "    if not value:\n        return []\n    given",
        ),
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
]
