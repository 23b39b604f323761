# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in rotating certificates and CAs."""

from __future__ import annotations

from tests.mutants import mutant

ACTION = "plugins/action/engine_plan.py"
AUTHORITY = "plugins/plugin_utils/_ca/_authority.py"
CA = "plugins/module_utils/_store/_ca.py"
DURABLE = "plugins/module_utils/_durable.py"
FILE = "plugins/module_utils/_store/_file_ca.py"
PLAN = "plugins/plugin_utils/_engine/_plan/_rotate.py"
RUN = "plugins/plugin_utils/_fleet/_rotation.py"
OF_ACTION = "unit/plugins/action/test_engine_plan.py"
OF_CA = "unit/plugins/module_utils/_store/test_ca.py"
OF_RUN = "unit/plugins/plugin_utils/_fleet/test_rotation.py"
OF_PLAN = "unit/plugins/plugin_utils/_engine/test_plan.py"
KILLED = "cells generic rotate-ca killed"

MUTANTS = [
    mutant(
        "lost-certificate-is-no-tls",
        "A rotation ends without a host, which clients refuse from then on.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::"
        "test_a_host_that_has_lost_its_certificate_gets_a_new_one_in_a_rotation",
        (PLAN, 'if not kept["port"]:', 'if not kept["port"] or not info["tls"]["certificate"]:'),
    ),
    mutant(
        "old-ca-dropped-before-all-hosts",
        "Who was off while it was rotated refuses every client ever after.",
        f"{OF_RUN}::test_no_step_is_left_before_all_hosts_have_it",
        (RUN, "return [name for name in self._lacking(rotation) if name not in self.give_up]", "return []"),
    ),
    mutant(
        "any-ca-that-is-noted-will-do",
        "A host that was set up by the old CA in the middle of the rotation is taken for done.",
        f"{OF_RUN}::test_what_a_host_works_with_is_noted_by_whatever_play_set_it_up",
        (RUN, 'engine.get("authority") == wanted and renewed', 'engine.get("authority") and renewed'),
    ),
    mutant(
        "renewed-by-whatever-rotation",
        "A certificate that was to be replaced stays.",
        f"{OF_RUN}::test_certificates_alone",
        (RUN, 'engine.get("renewed") == rotation.id', 'bool(engine.get("authority"))'),
    ),
    mutant(
        "files-of-the-last-step-used-on",
        "On a shared store, hosts are given the CAs of the step before, and never get on.",
        f"{OF_RUN}::test_clients_have_what_the_step_asks",
        (RUN, "        store.fill_ca()  #", "        #"),
    ),
    mutant(
        "hosts-accept-new-clients-alone",
        "Clients are refused until they have their new certificates.",
        KILLED,
        (CA, 'Step("hosts", (NEW, OLD), (OLD, NEW), hosts=True)', 'Step("hosts", (NEW, OLD), (NEW,), hosts=True)'),
    ),
    mutant(
        "hosts-before-clients-trust",
        "Clients refuse the Engines' new certificates.",
        KILLED,
        (CA, 'Step("trust", (OLD, NEW), (OLD,)),', 'Step("trust", (OLD,), (OLD,)),'),
        (CA, "(NEW, OLD), (OLD, NEW), hosts=True)", "(NEW,), (OLD, NEW), hosts=True)"),
    ),
    mutant(
        "clients-before-hosts",
        "Clients come with certificates that Engines don't know yet.",
        KILLED,
        (CA, 'Step("trust", (OLD, NEW), (OLD,)),', 'Step("trust", (OLD, NEW), (NEW, OLD)),'),
    ),
    mutant(
        "old-ca-never-dropped",
        "Whoever has a key of the old CA can reach the fleet for ever.",
        KILLED,
        (CA, 'Step("drop", (NEW,), (NEW,), hosts=True)', 'Step("drop", (NEW,), (NEW, OLD), hosts=True)'),
    ),
    mutant(
        "step-saved-late",
        "After a power cut the new CA is gone, and hosts have certificates of it.",
        "cells generic rotate-ca power-cut",
        (FILE, "that has files\n        sync(self.path)\n", "that has files\n"),
        # which else makes up for it, as long as there is an old folder to remove
        (
            FILE,
            "                sync(self.path)  # keys that are worth nothing any more are gone for good\n",
            "",
        ),
    ),
    mutant(
        "ca-seen-half",
        "A run that reads while another one writes takes the certificate of one CA and the key of another.",
        "unit/plugins/module_utils/_store/test_store.py::test_the_ca_is_a_whole_folder_at_any_moment",
        (FILE, 'self._rename_ca(after, self._path(f"ca-{number}") if before else folder)', "self.put_ca(after)"),
    ),
    mutant(
        "late-run-goes-back",
        "A run that was stopped for a while takes the rotation back to where it was then.",
        f"{OF_CA}::test_who_is_late_changes_nothing",
        (CA, "    if rotation(files) != done:\n        return None\n", ""),
    ),
    mutant(
        "old-keys-kept",
        "The old CA's keys lie in the store, though they were to be worth nothing.",
        f"{OF_CA}::test_of_old_keys_each_goes_when_nothing_is_signed_by_it_any_more",
        (CA, "if needed and name.startswith(needed)", "if needed and name.startswith((OLD, NEW))"),
    ),
    mutant(
        "halves-of-two-pairs",
        "While a certificate is written to the disk, Docker clients find it with another one's key.",
        "unit/plugins/module_utils/_store/test_store.py::test_a_pair_is_given_together",
        (
            DURABLE,
            "                ready[temporary] = path\n        for temporary, path in ready.items():\n            os.rename(temporary, path)\n",
            "                ready[temporary] = path\n                os.rename(temporary, path)\n",
        ),
    ),
    mutant(
        "restart-that-is-owed-forgotten",
        "The new certificate lies there, the Engine shows the old one, and the host is noted as done.",
        f"{OF_PLAN}::test_a_restart_that_is_owed_is_made_in_a_rotation",
        (PLAN, '    if plan.changes or info["remembered"]["pending"]:\n', "    if plan.changes:\n"),
    ),
    mutant(
        "names-lost-in-a-rotation",
        "Clients that know the host by a name that was asked for once can't reach it any more.",
        f"{OF_ACTION}::test_a_rotation_keeps_the_names_that_a_host_had",
        (ACTION, "said += [name for name in certified if name not in said]", "pass"),
    ),
    mutant(
        "life-lost-in-a-rotation",
        "Certificates of a month live for a year, and the next create_hosts issues them anew and restarts all Engines.",
        f"{OF_ACTION}::test_a_rotation_keeps_the_life_that_was_wanted",
        (ACTION, "    if wanted.rotate and not asked:\n", "    if wanted.rotate and asked:\n"),
    ),
    mutant(
        "life-as-a-host-says",
        "A host shows a certificate of its own making, and has itself one that lives as long.",
        f"{OF_ACTION}::test_a_rotation_keeps_the_life_that_was_wanted",
        (AUTHORITY, "None if cut_short or _chain.why_not_followed(sent, given) else", "None if cut_short else"),
    ),
    mutant(
        "last-days-of-a-ca-last-on",
        "A CA is rotated since it ends next week, and so do the certificates of the one after it.",
        "unit/plugins/plugin_utils/_ca/test_authority.py::test_the_life_that_a_certificate_was_given",
        (AUTHORITY, "None if cut_short or ", "None if "),
    ),
    mutant(
        "ca-for-everybody-to-read",
        "Whoever has an account on the controller looks into the folder of the CA's keys.",
        "unit/plugins/module_utils/_store/test_store.py::test_a_store_is_private",
        (FILE, "make_folder(temporary)", "os.mkdir(temporary)"),
    ),
    mutant(
        "users-engine-by-the-variables",
        "An Engine without root is taken for none: it keeps the old CA, and the rotation passes for finished.",
        "unit/plugins/plugin_utils/_engine/test_plan_isolation.py::test_a_users_engine_is_rotated_as_its_unit_has_it",
        (PLAN, 'rootless_user=info["rootless"]["unit_user"] or ""', "rootless_user=wanted.rootless_user"),
    ),
    mutant(
        "another-swarms-manager-asked",
        "Of two swarms in a store, a manager of the one is asked to drain nodes of the other, and knows none of them.",
        f"{OF_RUN}::test_nodes_of_a_swarm_are_drained_and_its_managers_asked",
        (RUN, " and groups[name] in asked", ""),
    ),
]
