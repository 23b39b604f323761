# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in moving an Engine's data, in remapped users, and in Engines without root."""

from __future__ import annotations

from tests.mutants import mutant

HOST = "plugins/module_utils/_engine/"
PLAN = "plugins/plugin_utils/_engine/_plan/"
MOVE = "unit/plugins/module_utils/_engine/test_data_move.py::"
TREE = "unit/plugins/module_utils/_engine/test_copy_tree.py::"
ISOLATION = "unit/plugins/plugin_utils/_engine/test_plan_isolation.py::"

MUTANTS = [
    mutant(
        "folder-taken-from-its-user",
        "The Engine of a user does not come to its key any more, and ends by its next restart.",
        "unit/plugins/module_utils/_engine/test_server_key.py::"
        "test_the_folder_of_the_key_stays_open_to_a_user_whose_engine_it_is",
        (HOST + "_server_key.py", "& 0o750", "& 0o700"),
    ),
    mutant(
        "rootless-port-twice",
        "Where all of IPv4 and all of IPv6 are asked for, RootlessKit finds its own port taken, and the Engine does not start.",
        "unit/plugins/module_utils/_engine/test_isolation.py::test_the_unit_of_a_users_engine",
        (HOST + "_isolation.py", "every[:1] or listen", "listen"),
    ),
    mutant(
        "data-stays-behind-unnoticed",
        "With another data-root, an Engine starts without its images, containers and volumes.",
        "unit/plugins/plugin_utils/_engine/test_plan_data.py::test_what_is_in_the_way_is_said_before",
        (PLAN + "_data.py", "if not wanted.move_data:", "if not wanted.move_data and not seen:"),
    ),
    mutant(
        "copy-loses-attributes",
        "Layers lose what makes their folders opaque: files that an image has removed are there again.",
        TREE + "test_nothing_is_lost",
        (HOST + "_copy_tree.py", "for name, value in wanted.items():", "for name, value in found.items():"),
    ),
    mutant(
        "copy-fills-holes",
        "A sparse file of a volume takes all its length on the new disk.",
        TREE + "test_nothing_is_lost",
        (HOST + "_copy_tree.py", "end = os.lseek(reading, start, os.SEEK_HOLE)", "start, end = end, length"),
    ),
    mutant(
        "half-a-file-counts-as-copied",
        "A run that was cut off in a file leaves it half copied for good.",
        TREE + "test_a_copy_that_was_cut_off_is_continued",
        (HOST + "_copy_tree.py", '"st_mtime_ns", "st_size")', ")"),
    ),
    mutant(
        "what-was-written-since-is-lost",
        "The Engine came up on its old data after a boot, and what its containers wrote is not moved.",
        MOVE + "test_cut_off_anywhere_it_is_finished",
        (
            HOST + "_data_move.py",
            "# The Engine may have run on the old data since, as after a boot: the copy is compared again.\n"
            "                self.back()",
            "pass",
        ),
    ),
    mutant(
        "engine-starts-with-no-data",
        "The host boots between the rename and the new configuration, and the Engine begins anew in the old place.",
        MOVE + "test_a_move_and_its_end",
        (HOST + "_data_move.py", "_files.write(HOLD, packages.HOLD, 0o644)", "_files.read(HOLD)"),
    ),
    mutant(
        "volumes-are-looked-for-in-the-old-place",
        "Containers with volumes don't start again once the old data is gone.",
        MOVE + "test_a_move_and_its_end",
        (HOST + "_data_root.py", '{**point, "Source": place(point.get("Source"))}', "{**point}"),
    ),
    mutant(
        "old-data-goes-though-not-all-is-well",
        "A container does not run with the moved data, and the data it did run with is gone.",
        MOVE + "test_old_data_stays_if_asked_for_or_if_not_all_is_well",
        (HOST + "_data_move.py", "if self.keep or self.warnings or", "if self.keep or"),
    ),
    mutant(
        "missing-volume-is-overlooked",
        "What the Engine lacks in the new place is removed from the old one.",
        MOVE + "test_what_the_engine_lacks_is_named_and_all_goes_back",
        (HOST + "_data_move.py", "        if lost and not self.switched:\n", "        if lost and not seen:\n"),
    ),
    mutant(
        "old-data-back-half-removed",
        "What can't be removed puts the Engine on what is left of its old data.",
        "unit/plugins/modules/test_engine_apply.py::test_once_moved_data_is_checked_nothing_goes_back",
        (
            "plugins/modules/engine_apply.py",
            "            self.move.check(self.limit)\n",
            "            self.move.check(self.limit)\n            if self.move.finish():\n"
            "                raise HostError(self.move.source)\n",
        ),
    ),
    mutant(
        "unfinished-move-fails-for-good",
        "A container was recreated since a run was cut off, and no later run ends well.",
        MOVE + "test_the_engine_may_have_changed_since_a_move_was_cut_off",
        (HOST + "_data_move.py", "        if lost and not self.switched:\n", "        if lost:\n"),
    ),
    mutant(
        "data-of-a-running-engine-removed",
        "The Engine still runs in the old place when that is emptied.",
        MOVE + "test_the_data_of_an_engine_that_runs_elsewhere_is_not_removed",
        (HOST + "_data_move.py", 'if place.startswith("..") and', 'if place == ".." and'),
    ),
    mutant(
        "links-to-the-data-not-followed",
        "Nothing that the Engine says is below the place by its name, so nothing is compared, and the old data goes.",
        MOVE + "test_links_are_followed_as_the_engine_does",
        (HOST + "_data_move.py", 'os.path.realpath(plan["to"])', 'plan["to"]'),
    ),
    mutant(
        "users-engine-does-not-come-back",
        "The Engine in its place does not start, and the host has none.",
        "unit/plugins/module_utils/_engine/test_rootless.py::"
        "test_a_users_engine_comes_back_where_the_one_in_its_place_does_not_start",
        ("plugins/modules/engine_apply.py", "        if not left:\n            raise\n", "        raise\n"),
    ),
    mutant(
        "dead-container-counts",
        "Data never move to their new place, for what no Engine knows any more.",
        "unit/plugins/module_utils/_engine/test_data_root.py::test_what_is_left_of_a_container_is_not_counted",
        (HOST + "_data_root.py", ' and not (about.get("State") or {}).get("Dead")', ""),
    ),
    mutant(
        "ids-of-others",
        "Two users' containers share ids on the host, and one reads the files of the other.",
        "unit/plugins/module_utils/_engine/test_isolation.py::test_a_range_is_free_only_if_it_is_nobodys_in_any_file",
        (HOST + "_isolation.py", "start < first + length", "start < first"),
    ),
    mutant(
        "remapping-hides-without-a-word",
        "Images and containers are gone to the eye, and nobody was told.",
        ISOLATION + "test_what_another_map_hides_is_said_before",
        (PLAN + "_remap.py", "if lost and not wanted.interrupt:", "if lost and not wanted.interrupt and not seen:"),
    ),
    mutant(
        "containers-outlive-their-map",
        "With live-restore, containers of the former map run on, and no Engine knows them.",
        ISOLATION + "test_users_are_remapped_with_ids_of_their_own",
        (PLAN + "_remap.py", "plan.stops = f\"{KEY} becomes {asked or 'off'}\"", "plan.stops = plan.stops"),
    ),
    mutant(
        "runtimes-of-others-go",
        "Entering NVIDIA's runtime takes others out of daemon.json.",
        ISOLATION + "test_other_runtimes_stay",
        (PLAN + "_gpu.py", "{**others, **asked, **({} if", "{**asked, **({} if"),
    ),
    mutant(
        "cdi-of-an-engine-that-has-none",
        "The role says that containers can have devices by CDI, and the Engine has never heard of it.",
        ISOLATION + "test_cdi_that_can_not_be_is_an_error",
        (PLAN + "_keys.py", 'features.get("cdi") and version < CDI', 'features.get("cdi") and version > CDI'),
    ),
    mutant(
        "two-rootlesskits",
        "The vendor's packages exclude the distribution's, and the package manager refuses the change.",
        ISOLATION + "test_the_vendors_way_without_root_takes_the_place_of_the_distributions",
        (PLAN + "_rootless.py", "EXCLUDING in lacking and", "EXCLUDING not in lacking and"),
    ),
    mutant(
        "each-users-manager-starts-it",
        "Everyone who logs in runs an Engine with the port and the key of the one user.",
        "unit/plugins/module_utils/_engine/test_isolation.py::test_the_unit_of_a_users_engine",
        (HOST + "_isolation.py", "ConditionUser={user}", "Documentation={user}"),
    ),
    mutant(
        "two-engines-on-a-host",
        "The system-wide Engine starts beside the user's, which the host was to have instead.",
        ISOLATION + "test_a_users_engine_on_a_fresh_host",
        (PLAN + "_rootless.py", 'system["active"] or system["enabled"] or installing,', 'system["active"],'),
    ),
    mutant(
        "key-in-a-folder-of-the-user",
        "The user puts a link in the key's place, and root gives it a file of its own.",
        "unit/plugins/module_utils/_engine/test_rootless.py::test_private_files_are_their_owners_in_a_folder_that_is_roots",
        (HOST + "_rootless.py", "os.chown(_paths.TLS_FOLDER, 0, gid)", "os.chown(_paths.TLS_FOLDER, uid, gid)"),
    ),
]
