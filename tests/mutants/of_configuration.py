# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what the Engine is told, and in what nobody else may read."""

from __future__ import annotations

from tests.mutants import mutant

APPLY = "plugins/modules/engine_apply.py"
DAEMON_JSON = "plugins/module_utils/_engine/_daemon_json.py"
FILES = "plugins/module_utils/_engine/_files.py"
UNIT_FILES = "plugins/module_utils/_engine/_unit_files.py"
GPU = "plugins/plugin_utils/_engine/_plan/_gpu.py"
PLAN_CONFIG = "plugins/plugin_utils/_engine/_plan/_config.py"
UNITS = "plugins/module_utils/_engine/_look/_units.py"
CLIENTS = "plugins/module_utils/_engine/_client_proxies.py"
ENVIRONMENT = "plugins/plugin_utils/_engine/_plan/_environment.py"
KEYS = "plugins/plugin_utils/_engine/_plan/_keys.py"
ACTION = "plugins/action/engine_plan.py"
PLAN = "plugins/plugin_utils/_engine/_plan/_make_plan.py"
INFO_TESTS = "unit/plugins/modules/test_engine_info.py"
PLAN_TESTS = "unit/plugins/plugin_utils/_engine/test_plan.py"
LOOK = "plugins/module_utils/_engine/_look/_engine.py"
OPTIONS = "plugins/plugin_utils/_engine/_plan/_options.py"
SERVICE = "plugins/module_utils/_engine/_service.py"
OPTION_TESTS = "unit/plugins/plugin_utils/_engine/test_plan_options.py"
CLIENT_TESTS = "unit/plugins/module_utils/_engine/test_client_proxies.py"
APPLY_TESTS = "unit/plugins/modules/test_engine_apply.py"
TOLD = f"{APPLY_TESTS}::test_the_engine_is_told_what_holds_without_a_key_before_it_leaves_the_file"

MUTANTS = [
    mutant(
        "links-of-users-are-followed",
        "A user who can write to the folder of daemon.json has root write over any file, and read it.",
        "unit/plugins/module_utils/_engine/test_symlinks.py::test_a_link_that_a_user_can_change_is_neither_followed_nor_read",
        ("plugins/module_utils/_engine/_symlinks.py", "if not _is_roots(folder, name):", "if not folder:"),
    ),
    mutant(
        "folders-of-users-are-followed",
        "The same with the folder of the Engine's key.",
        "unit/plugins/module_utils/_engine/test_symlinks.py::test_a_folder_that_is_a_users_link_is_not_written_to",
        ("plugins/module_utils/_engine/_server_key.py", "    _files.check_links(_paths.KEY_PATH)\n", ""),
    ),
    mutant(
        "links-that-lead-to-the-same-stay",
        "A unit that is a link can become another one at any time.",
        "unit/plugins/module_utils/_engine/test_symlinks.py::test_a_link_in_the_place_of_a_file_of_ours_is_replaced",
        (FILES, "if not os.path.islink(path) and read(path)", "if read(path)"),
    ),
    mutant(
        "left-over-files-stay",
        "Temporary files with secrets stay for good, once a run is killed before it renames them.",
        "unit/plugins/module_utils/_engine/test_leftovers.py::test_what_a_killed_run_has_left_is_found_and_removed",
        ("plugins/module_utils/_engine/_leftovers.py", "if remove:", "if remove and exact:"),
    ),
    mutant(
        "left-over-files-change-nothing",
        "A second run finds nothing to do, and so does not remove them.",
        "unit/plugins/module_utils/_engine/test_leftovers.py::test_a_look_that_finds_any_is_a_reason_to_change_something",
        (
            "plugins/plugin_utils/_engine/_plan/_make_plan.py",
            'if info["left_over"]:',
            'if not info["left_over"] and plan.changes:',
        ),
    ),
    mutant(
        "arguments-in-the-hosts-log",
        "The token of a log driver is in the journal of each host, which more than root can read.",
        "unit/plugins/module_utils/test_quiet.py::test_no_argument_of_a_module_goes_to_the_log_of_its_host",
        (
            "plugins/module_utils/_quiet.py",
            'self.log("Invoked; arguments are not logged")',
            "super()._log_invocation()",
        ),
    ),
    mutant(
        "who-hangs-runs-nothing",
        "An Engine that does not answer is restarted, and its containers end.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_an_engine_that_hangs_is_not_restarted",
        ("plugins/plugin_utils/_engine/_plan/_service.py", "    _check_answers(plan, wanted, info)\n", ""),
    ),
    mutant(
        "mistyped-and-installed",
        "On a new host a mistyped key is found out once the Engine is installed, which then does not start as wanted.",
        f"{OPTION_TESTS}::test_a_key_that_no_engine_has_is_refused_though_the_version_to_come_is_not_known",
        (PLAN_CONFIG, "    if version is None and comes:\n", "    if False:\n"),
    ),
    mutant(
        "key-gone-untold",
        "The Engine keeps the value of a key that has left the file.",
        TOLD,
        (APPLY, '{**plan["config_set"], **self.without}', 'dict(plan["config_set"])'),
    ),
    mutant(
        "told-and-forgotten",
        "A run that is cut off leaves keys behind that no later run takes for its own.",
        TOLD,
        (
            APPLY,
            "_state.remember({**before, **put, **self.without}, self.action",
            "_state.remember(before, self.action",
        ),
    ),
    mutant(
        "what-others-wrote-is-ours",
        "A key that an administrator has written goes when it leaves the role's variables.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_what_others_wrote_is_theirs_though_it_is_asked_for",
        (DAEMON_JSON, "elif key in remembered or current.get(key, ...) != value:", "else:"),
    ),
    mutant(
        "argument-asked-for-twice",
        "A host of which the unit has --live-restore is refused, and told that its daemon.json is to blame.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_live_restore_that_is_an_argument_is_left_there",
        (PLAN_CONFIG, '{**config, **_arguments.keys_of(info["units"]["docker.service"]["arguments"])}', "config"),
    ),
    mutant(
        "runtime-of-others-dropped",
        "The runtime that NVIDIA's own tool has entered goes when another one is asked for.",
        "unit/plugins/plugin_utils/_engine/test_plan_isolation.py::test_what_someone_has_set_up_stays_beside_what_is_asked_for",
        (GPU, "    if not asked and others == there and", "    if others == there and"),
    ),
    mutant(
        "private-file-made-readable",
        "A token in daemon.json, which its owner has made private, can be read by all users of the host.",
        "unit/plugins/module_utils/_engine/test_service.py::test_a_private_configuration_stays_private",
        (FILES, "        return stat.S_IMODE(os.stat(path).st_mode)\n", "        return otherwise\n"),
    ),
    mutant(
        "file-in-place-of-a-link",
        "Who keeps daemon.json elsewhere changes a file there that no Engine reads any more.",
        "unit/plugins/modules/test_engine_apply.py::test_a_configuration_that_is_kept_elsewhere_is_put_back_there",
        (
            "plugins/module_utils/_engine/_config_file.py",
            "    return place if os.path.isfile(place) or not os.path.lexists(place) else _paths.CONFIG_PATH\n",
            "    return place if not os.path.lexists(place) else _paths.CONFIG_PATH\n",
        ),
    ),
    mutant(
        "password-in-a-unit",
        "A proxy's password in somebody's unit is in the output of --diff.",
        "unit/plugins/modules/test_engine_info.py::test_a_password_in_a_command_is_not_shown_but_seen_when_it_changes",
        (UNITS, '"own_drop_in": _masking.masked(own)', '"own_drop_in": own'),
    ),
    mutant(
        "feature-reloaded",
        "A feature that is read at the start only is said to be on, and is not.",
        f"{OPTION_TESTS}::test_effect",
        (KEYS, '    if key == "features":\n', '    if key == "feature":\n'),
    ),
    mutant(
        "key-of-tomorrow",
        "An Engine that lacks a key is stopped to find out.",
        f"{OPTION_TESTS}::test_a_key_that_this_engine_refuses_is_named_before_anything_is_touched",
        (KEYS, "        if version < key.since:\n", "        if version > key.since:\n"),
    ),
    mutant(
        "asked-for-twice",
        "One of two values wins, and nobody knows which.",
        f"{OPTION_TESTS}::test_each_option_is_a_key_and_has_its_effect",
        (OPTIONS, "        if option.key in config:\n", "        if name in config:\n"),
    ),
    mutant(
        "client-file-readable",
        "A proxy's password can be read by all users of the host.",
        f"{CLIENT_TESTS}::test_keys_of_others_stay_and_ours_go",
        (CLIENTS, '"\\n", 0o600, 0o700)', '"\\n", 0o644, 0o700)'),
    ),
    mutant(
        "environment-by-order",
        "The same variables in another order restart the Engine.",
        "unit/plugins/modules/test_engine_info.py::test_environment_is_compared_by_value_and_never_told",
        (LOOK, "private and found == wanted", "private and list(found.items()) == list(wanted.items())"),
    ),
    mutant(
        "silent-override",
        "Another's proxy is replaced without a word.",
        "unit/plugins/plugin_utils/_engine/test_plan_environment.py::test_what_others_set_to_another_value_is_named",
        (ENVIRONMENT, 'if not other["same"]:', 'if not other["path"]:'),
    ),
    mutant(
        "ended-by-a-reload",
        "An Engine that ended by what it was told stays away.",
        "unit/plugins/module_utils/_engine/test_service.py::test_an_engine_that_ended_by_a_reload_is_started_again",
        (SERVICE, 'acted == "reload" and _runs()', 'acted == "reload"'),
    ),
    mutant(
        "restarted-to-put-it-back",
        "Containers end, since the Engine did not let them outlive it in time.",
        "unit/plugins/modules/test_engine_apply.py::"
        "test_an_engine_that_does_not_take_over_live_restore_is_not_restarted",
        (APPLY, 'self.acted = "reload"', 'self.acted = "cycle"'),
    ),
    mutant(
        "coming-up-is-down",
        "A run that fails leaves an Engine stopped that was about to come up.",
        "unit/plugins/modules/test_engine_apply.py::test_an_engine_that_was_coming_up_is_not_left_stopped",
        (APPLY, '("active", "activating", "reloading")', '("active",)'),
    ),
    mutant(
        "configuration-that-nobody-reads",
        "The Engine reads another file, and each run says that all is as it should be.",
        "unit/plugins/plugin_utils/_engine/test_plan_environment.py::"
        "test_a_configuration_in_another_file_than_the_roles_is_named",
        (
            PLAN_CONFIG,
            "if posixpath.normpath(file or _paths.CONFIG_PATH) != _paths.CONFIG_PATH:",
            "if not file and file:",
        ),
    ),
    mutant(
        "group-of-a-file-lost",
        "Who could read daemon.json by its group can't any more.",
        "unit/plugins/module_utils/_engine/test_files.py::test_the_group_of_a_configuration_stays",
        (FILES, "os.stat(path).st_gid)", "-1)"),
    ),
    mutant(
        "forgets-what-comes-after-a-restart",
        "A host that was drained for a restart stays so, and no run says it.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_what_comes_after_a_restart_is_owed_until_it_is_done",
        ("plugins/plugin_utils/_engine/_plan/_service.py", "= owed or (plan.restarts and", "= (plan.restarts and"),
    ),
    mutant(
        "start-that-is-a-restart",
        "Containers end, and nobody was asked.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_a_start_beside_an_engine_that_runs_is_a_restart",
        (
            "plugins/plugin_utils/_engine/_plan/_service.py",
            '    if plan.action == "start" and service["active"] == "active":\n        plan.action = "cycle"',
            '    if False:\n        plan.action = "cycle"',
        ),
    ),
    mutant(
        "debt-forgotten-by-a-run-that-failed",
        "The files match, so no later run finds that the Engine does not know them.",
        "unit/plugins/modules/test_engine_apply.py::"
        "test_a_run_that_fails_before_it_acts_leaves_what_an_interrupted_one_owes",
        ("plugins/modules/engine_apply.py", 'owed if acted in (None, "reload") else None', "None"),
    ),
    mutant(
        "comment-in-a-command",
        "An argument that comes after a comment is not seen, and with TLS the Engine gets the comment for an argument.",
        "unit/plugins/module_utils/_engine/test_unit_files.py::test_a_comment_in_a_line_that_goes_on_is_no_part_of_it",
        (
            UNIT_FILES,
            'if line.lstrip().startswith(("#", ";")):',
            'if not begun and line.lstrip().startswith(("#", ";")):',
        ),
    ),
    mutant(
        "variable-in-braces",
        "A key clashes with an argument that nobody has seen, and the Engine does not start.",
        "unit/plugins/module_utils/_engine/test_unit_files.py::test_variables_are_filled_in_as_systemd_does",
        (UNIT_FILES, '_INSIDE.sub(lambda name: environment.get(name[1], ""), word)', "word"),
    ),
    mutant(
        "files-by-a-pattern",
        "Arguments and proxies in files that a unit names by a pattern are not seen.",
        f"{INFO_TESTS}::test_variables_in_braces_and_files_by_a_pattern_are_filled_in",
        (UNITS, "sorted(filter(os.path.isfile, glob.glob(pattern))) or [pattern]", "[pattern]"),
    ),
    mutant(
        "own-environment-is-others",
        "No variable of the role can be changed any more, since its own file is taken for another's.",
        f"{INFO_TESTS}::test_variables_in_braces_and_files_by_a_pattern_are_filled_in",
        (UNITS, "if path != _paths.ENVIRONMENT_PATH:", "if path:"),
    ),
    mutant(
        "proxy-without-a-scheme",
        "A proxy's password gets into a file that all can read, and into differences.",
        "unit/plugins/module_utils/_engine/test_masking.py::test_a_proxy_s_password_is_masked_with_and_without_a_scheme",
        (
            "plugins/module_utils/_engine/_masking.py",
            'if key.endswith("-proxy") and isinstance(value, str):',
            'if key.endswith("_proxy") and isinstance(value, str):',
        ),
    ),
    mutant(
        "replaced-for-good",
        "What others wrote is gone when the role's own value leaves its variables.",
        f"{PLAN_TESTS}::test_what_the_role_has_replaced_comes_back_when_it_leaves_the_variables",
        (DAEMON_JSON, "found.update({key: former[key]} if key in former else {})", "pass"),
    ),
    mutant(
        "ours-is-put-back",
        "A value of an earlier run comes back in place of what others had.",
        f"{PLAN_TESTS}::test_what_the_role_has_replaced_comes_back_when_it_leaves_the_variables",
        (
            DAEMON_JSON,
            "        if key in remembered and there == remembered[key]:\n",
            "        if key in remembered and there == own[key]:\n",
        ),
    ),
    mutant(
        "mask-is-put-back",
        "A proxy's password is replaced by stars.",
        f"{PLAN_TESTS}::test_what_is_secret_or_has_rules_of_its_own_does_not_come_back",
        (DAEMON_JSON, " and _masking.MASK not in str(there):", ":"),
    ),
    mutant(
        "cut-off-and-replaced-for-good",
        "After a run that was cut off nobody knows any more what others had.",
        f"{PLAN_TESTS}::test_what_the_role_has_replaced_is_known_after_a_run_that_was_cut_off",
        (PLAN_CONFIG, '"former": {**former, **replaced}', '"former": former'),
    ),
    mutant(
        "changes-of-others-are-ours",
        "A key of ours that an administrator has changed goes by a later run.",
        f"{PLAN_TESTS}::test_that_only_what_is_ours_has_changed_is_remembered",
        (PLAN_CONFIG, "    if ours != remembered and not (put or out):\n", "    if False:\n"),
    ),
    mutant(
        "listens-by-its-configuration",
        "The Engine listens where its configuration says, beside what access, firewall and certificates are about.",
        f"{PLAN_TESTS}::test_bad_input_is_named_before_anything_is_touched",
        (PLAN, "        if key in _daemon_json.OWN_KEYS:\n", "        if key in _daemon_json.OWN_KEYS[1:]:\n"),
    ),
    mutant(
        "turns-not-looked-at",
        "Hosts that should take turns restart all at once.",
        "unit/plugins/action/test_engine_plan.py::test_turns_that_can_not_be_are_refused_before_the_host_is_looked_at",
        (ACTION, "            self._check_turns(hooks, options)\n", ""),
    ),
    mutant(
        "short-argument-unknown",
        "A key clashes with an argument by its short name, and the Engine does not start.",
        "unit/plugins/module_utils/_engine/test_arguments.py::test_short_and_older_names_of_arguments_are_known",
        ("plugins/module_utils/_engine/_arguments.py", '    "-s": "storage-driver",\n', ""),
    ),
    mutant(
        "data-in-the-root",
        "The Engine's data gets into / or another place than the one that was meant.",
        f"{OPTION_TESTS}::test_a_value_that_can_not_be_is_named_with_what_can",
        (OPTIONS, ' or not parts or ".." in parts:', ":"),
    ),
]
