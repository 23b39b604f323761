# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in how the role alone uses the CAs of the store."""

from __future__ import annotations

from tests.mutants import mutant

PLAN = "plugins/action/engine_plan.py"
CA = "plugins/plugin_utils/_ca/_store_ca.py"
OF_PLAN = "unit/plugins/action/test_engine_plan_store.py"
OF_CA = "unit/plugins/plugin_utils/_ca/test_store_ca.py"

MUTANTS = [
    mutant(
        "names-of-the-role-s-store-not-asked",
        "The role alone has the store's CA sign the name of another machine for a host that says it is that one.",
        f"{OF_PLAN}::test_no_name_of_another_machine_of_the_store_is_certified",
        (PLAN, "        if ca and ca.store.exists:\n", "        if not known and not ca:\n"),
    ),
    mutant(
        "check-of-a-shared-store-always-changed",
        "Each dry run over a store on S3 reports a change that no run makes.",
        f"{OF_CA}::test_a_check_in_another_run_is_as_quiet_as_the_run",
        (CA, "(not self.store.shared and self._client_differs())", "self._client_differs()"),
    ),
    mutant(
        "ca-made-in-a-check",
        "A check of the role creates the store and its CAs.",
        f"{OF_PLAN}::test_check_mode_makes_nothing",
        (PLAN, "if ca and not self._task.check_mode:", "if ca:"),
    ),
    mutant(
        "clients-locked-out-by-the-default-store",
        "The role, run on another computer, replaces the CA of a host, and its clients are refused.",
        f"{OF_PLAN}::test_clients_of_another_ca_are_not_locked_out_by_a_store_that_nothing_names",
        (PLAN, "and not ca.is_of(there):", "and not there:"),
    ),
    mutant(
        "store-ca-beside-a-given-key",
        "Whoever forgets the certificate of a CA gets certificates of another CA.",
        f"{OF_PLAN}::test_a_key_without_its_certificate_is_a_mistake",
        (PLAN, 'if options[option] and (ca.is_missing or ca.options()["server_ca_key"]):', "if False:"),
    ),
    mutant(
        "ca-fetched-for-each-host",
        "A shared store is asked for its CA by each host of each run.",
        f"{OF_CA}::test_a_shared_store_is_asked_once_a_run",
        (CA, "        if self.store.shared and (fetched", "        if not self.store.shared and (fetched"),
    ),
    mutant(
        "user-sent-to-a-folder-that-goes",
        "With a store on S3, the message names a folder that is removed when the run ends.",
        f"{OF_CA}::test_what_goes_with_the_run_is_not_where_a_user_is_sent",
        (CA, "if self.store.shared or folder is None:", "if folder is None:"),
    ),
    mutant(
        "client-folder-left-behind-by-a-rotation",
        "After a rotation, the client's folder has a certificate that no Engine accepts.",
        f"{OF_CA}::test_a_rotation_brings_the_client_s_folder_along",
        (
            "plugins/module_utils/_store/_base.py",
            "return (os.path.isdir(self.client) and self.give_client()) or any(given)",
            "return any(given)",
        ),
    ),
    mutant(
        "ca-of-a-host-that-fails",
        "A mistake in the role's variables leaves a store and CAs that nothing uses.",
        f"{OF_PLAN}::test_a_host_that_can_t_be_set_up_leaves_no_ca",
        (
            PLAN,
            "            plan = self._plan(wanted, options, names, info, variables, ca)\n            if ca and",
            "            if ca and not self._task.check_mode:\n                ca.create()\n"
            "            plan = self._plan(wanted, options, names, info, variables, ca)\n            if ca and",
        ),
    ),
]
