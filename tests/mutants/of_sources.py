# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in where an Engine comes from."""

from __future__ import annotations

from tests.mutants import mutant

ARCHIVE = "plugins/module_utils/_engine/_archive.py"
LOOK = "plugins/module_utils/_engine/_look/_packages.py"
OPENPGP = "plugins/module_utils/_engine/_openpgp.py"
PACKAGES = "plugins/module_utils/_engine/_packages.py"
PLAN = "plugins/plugin_utils/_engine/_plan/_packages.py"
PLAN_ARCHIVE = "plugins/plugin_utils/_engine/_plan/_archive.py"
PLAN_REPOSITORY = "plugins/plugin_utils/_engine/_plan/_repository.py"
REPOSITORY = "plugins/module_utils/_engine/_repository.py"
SERVICE = "plugins/plugin_utils/_engine/_plan/_service.py"
SOURCE = "plugins/module_utils/_engine/_installation.py"
VISIT = "plugins/plugin_utils/_engine/_look.py"
VERSIONS = "plugins/module_utils/_engine/_versions.py"
ARCHIVE_TESTS = "unit/plugins/module_utils/_engine/test_archive.py"
OPENPGP_TESTS = "unit/plugins/module_utils/_engine/test_openpgp.py"
HOST_TESTS = "unit/plugins/module_utils/_engine/test_installation.py"
PLAN_TESTS = "unit/plugins/plugin_utils/_engine/test_plan_sources.py"

MUTANTS = [
    mutant(
        "lists-need-no-signature",
        "A mirror holds back newer versions by old lists, though it is asked to sign them.",
        "unit/plugins/plugin_utils/_engine/test_plan_sources.py::test_the_lists_of_rpm_are_verified_where_that_is_asked_for",
        (PLAN_REPOSITORY, 'bool(given.get("metadata_signed"))', "False"),
    ),
    mutant(
        "key-file-written-as-it-came",
        "apt trusts the key of whoever has put another armour before the pinned one.",
        OPENPGP_TESTS + "::test_nothing_of_a_file_is_written_but_the_pinned_key",
        (OPENPGP, 'return _armoured(b"".join(keys.values()))', "return text"),
    ),
    mutant(
        "unsigned-subkeys-are-written",
        "Old versions of rpm trust a subkey of anybody's that stands beside the pinned key.",
        OPENPGP_TESTS + "::test_a_subkey_that_the_primary_key_has_not_signed_is_not_written",
        (OPENPGP, "if rsa else about[0] in (None, _USER_ID):", "if False else True:"),
    ),
    mutant(
        "key-file-of-an-earlier-release-stays",
        "What was installed as it came has the right fingerprint, and more that is trusted.",
        f"{HOST_TESTS}::test_a_key_file_with_more_in_it_is_not_taken_for_the_pinned_key",
        (
            "plugins/module_utils/_engine/_look/_packages.py",
            "if key and key != _openpgp.only(key, fingerprints):",
            "if not key:",
        ),
    ),
    mutant(
        "back-to-a-version-that-is-gone",
        "Another source's Engine does not start, and the mirror has a newer version of the former one: the host has none.",
        f"{HOST_TESTS}::test_an_engine_that_had_to_go_comes_back_though_the_mirror_has_another_version_by_now",
        (PACKAGES, "            if not gone:\n                raise\n", "            raise\n"),
    ),
    mutant(
        "rolled-back-and-free-to-fail-again",
        "After a failed upgrade of an Engine that is held, unattended upgrades bring what has failed.",
        f"{HOST_TESTS}::test_the_former_packages_are_held_again",
        (PACKAGES, 'self._hold([name for name in self.step["hold"] if name in self.before])', "pass"),
    ),
    mutant(
        "rolled-back-and-gone-after-a-boot",
        "On a host with RPM, an Engine that came back after another source's had failed does not come with the next boot.",
        f"{HOST_TESTS}::test_units_that_were_enabled_are_so_again_once_their_packages_are_back",
        (PACKAGES, "            if self.enabled:\n", "            if False:\n"),
    ),
    mutant(
        "one-epoch-for-all",
        "No version can be asked for where packages are RPMs: the vendor's client has another epoch than the Engine.",
        f"{HOST_TESTS}::test_a_version_has_each_packages_own_epoch",
        (PACKAGES, "versions.alike(known.get(name, []), version)", "version"),
    ),
    mutant(
        "locked-out-of-the-change",
        "The Engine that the role has locked itself can't be upgraded with dnf and zypper.",
        f"{HOST_TESTS}::test_what_is_locked_is_released_to_be_changed_and_locked_again",
        (PACKAGES, "        self._let_go()\n        trouble.", "        trouble."),
    ),
    mutant(
        "locked-beside-the-change",
        "With dnf and zypper, an Engine that needs a newer containerd can't be had, since the role has locked that.",
        f"{HOST_TESTS}::test_what_is_locked_is_released_to_be_changed_and_locked_again",
        (
            PACKAGES,
            "self._release(sorted(self.held))",
            'self._release([name for name in (*step["follow"], *step["names"]) if name in self.held])',
        ),
    ),
    mutant(
        "failed-and-unlocked",
        "An upgrade fails, and the next upgrade of the system brings what somebody had locked.",
        f"{HOST_TESTS}::test_what_was_locked_before_is_locked_after_a_failure",
        (PACKAGES, "if name in self.before and name not in self.held", "if False"),
    ),
    mutant(
        "others-repository-overwritten",
        "What others keep in docker.sources is lost.",
        f"{PLAN_TESTS}::test_what_others_wrote_where_the_repository_would_be_is_an_error_or_goes_when_asked",
        (
            PLAN_REPOSITORY,
            'is_foreign(seen["source"]) and not wanted.remove_conflicting',
            "False",
        ),
    ),
    mutant(
        "an-estates-mirror-replaced",
        "On a host whose Engine others installed by the vendor's own guide, their mirror becomes the vendor's repository.",
        f"{PLAN_TESTS}::test_the_repository_of_an_engine_of_others_is_left_alone",
        (PLAN, 'foreign = not (seen["source"] or "").startswith(HEADER)', 'foreign = seen["source"] is None'),
    ),
    mutant(
        "one-pinned-key-is-enough",
        "A mirror slips a second key in beside the pinned one, and signs with that.",
        "unit/plugins/module_utils/_engine/test_openpgp.py::test_one_key_too_many_is_refused",
        (OPENPGP, "    if wrong:\n", "    if wrong and len(wrong) == len(fingerprints(text)):\n"),
    ),
    mutant(
        "key-in-place-before-it-is-looked-at",
        "Any key is trusted, whatever is pinned.",
        f"{HOST_TESTS}::test_a_key_that_is_not_pinned_is_put_nowhere",
        (REPOSITORY, 'return _openpgp.only(text, step["pinned"])', "return text"),
    ),
    mutant(
        "bad-signature-is-a-warning",
        "apt-get goes on with the lists of old, and so does the role.",
        f"{HOST_TESTS}::test_a_signature_of_another_is_refused",
        (
            REPOSITORY,
            "    if status or any(word in line for line in lines for word in _REFUSED):\n",
            "    if status:\n",
        ),
    ),
    mutant(
        "default-switches-hosts",
        "A production Engine of the distribution is replaced by an upgrade of the role.",
        f"{PLAN_TESTS}::test_a_default_switches_no_host",
        (PLAN, "    have = current(info)\n    if have:\n", "    have = current(info)\n    if False:\n"),
    ),
    mutant(
        "prefix-without-a-boundary",
        "Asked for 27.3, a host gets 27.30.",
        "unit/plugins/module_utils/_engine/test_package_managers.py::test_a_version_is_asked_for_in_full_or_by_its_beginning",
        (VERSIONS, "re.escape(asked) + _BOUNDARY", "re.escape(asked)"),
    ),
    mutant(
        "what-was-brought-stays-in-the-way",
        "The distribution's Engine does not start, and containerd is in the way of the vendor's: the host has none.",
        f"{HOST_TESTS}::test_what_came_with_the_new_packages_makes_way_for_the_former_ones",
        (PACKAGES, ', *self.step["brought"]]', "]"),
    ),
    mutant(
        "removed-before-fetched",
        "The mirror fails in the middle, and the host is without an Engine.",
        f"{HOST_TESTS}::test_nothing_is_removed_before_all_that_replaces_it_was_fetched",
        (PACKAGES, 'if self.names and (step["remove"] or step["archive"]):', "if False:"),
    ),
    mutant(
        "upgrade-leaves-containerd",
        "An upgrade is shown at each run and never made.",
        f"{PLAN_TESTS}::test_what_is_beside_the_engine_is_upgraded_though_the_engine_is_current",
        (PLAN, '        plan.act(action, f"upgrade', '        plan.act(None and action, "" and f"upgrade'),
    ),
    mutant(
        "hold-of-others-overridden",
        "An upgrade changes a containerd that an administrator has held.",
        f"{PLAN_TESTS}::test_holds",
        (PLAN, '[*step["follow"], *names])', 'step["follow"])'),
    ),
    mutant(
        "hold-overridden-by-a-dependency",
        "A newer Engine takes a containerd with it that an administrator has held.",
        f"{HOST_TESTS}::test_what_someone_has_held_is_changed_by_no_dependency_either",
        (PACKAGES, 'self.family.held_too if self.step.get("held_too") else ()', "self.family.held_too"),
    ),
    mutant(
        "stopped-engine-stays-held",
        "After packages that could not be installed, nobody can start the Engine that was there until the next boot.",
        "unit/plugins/module_utils/_engine/test_packages.py::test_an_engine_that_was_stopped_can_be_started_after_a_failure",
        (SOURCE, "if (self.running or there) and", "if self.running and"),
    ),
    mutant(
        "python-without-the-proxy",
        "Behind a proxy, Python can't be installed.",
        "unit/plugins/plugin_utils/_engine/test_look.py::test_python_is_installed_where_it_is_missing",
        (VISIT, "self.action._compute_environment_string()", '""'),
    ),
    mutant(
        "used-before-it-is-whole",
        "What an archive lacks is found out when the Engine runs on it.",
        f"{HOST_TESTS}::test_an_archive_that_is_not_what_was_asked_for",
        (ARCHIVE, "    if missing:\n", "    if False:\n"),
    ),
    mutant(
        "key-unknown-to-rpm",
        "On SUSE no repository is ever accepted.",
        f"{HOST_TESTS}::test_this_repository_alone_is_read",
        (REPOSITORY, "    if places.trust:\n", "    if False:\n"),
    ),
    mutant(
        "units-of-an-archive-stay-enabled",
        "After an archive whose Engine did not start, the units of others are enabled that nobody had enabled.",
        f"{HOST_TESTS}::test_an_archive_takes_its_place_and_goes_again",
        (
            ARCHIVE,
            "        self.files.undo()\n        _use(self.before)\n",
            "        self.files.undo()\n        _use(self.before)\n        self.enabled = list(static.UNITS)\n",
        ),
    ),
    mutant(
        "one-try-for-an-archive",
        "A mirror that lacks the archive for a moment fails the host.",
        f"{ARCHIVE_TESTS}::test_an_archive_is_unpacked_once_the_mirror_has_it",
        (SOURCE, "trouble.persistently(self.new.unpack, self.limit)", "self.new.unpack()"),
    ),
    mutant(
        "an-archive-that-stays-is-any-version",
        "Asked for 28.0, a host with an archive stays at 27.3 and says that all is well.",
        f"{PLAN_TESTS}::test_an_archive_that_is_there_is_left_alone_and_another_replaces_it",
        (PLAN_ARCHIVE, '["static_units"]:\n        _check_version(wanted, engine)\n', '["static_units"]:\n'),
    ),
    mutant(
        "an-archive-by-default-is-any-version",
        "The same where the archive is not named any more.",
        f"{PLAN_TESTS}::test_an_archive_that_is_there_is_left_alone_and_another_replaces_it",
        (PLAN_ARCHIVE, "            _check_version(wanted, engine)\n            return\n", "            return\n"),
    ),
    mutant(
        "an-upgrade-that-nobody-makes",
        "docker_engine_upgrade is taken for done on a host whose Engine comes from no package.",
        f"{PLAN_TESTS}::test_what_is_asked_for_of_packages_can_not_be_had_without_them",
        (PLAN, '"plugins": wanted.plugins, "upgrade": wanted.upgrade}', '"plugins": wanted.plugins}'),
    ),
    mutant(
        "others-repositories-removed",
        "With the line of the Engine's repository, those of others in the same file are lost.",
        f"{PLAN_TESTS}::test_a_file_that_has_other_repositories_too_is_never_removed",
        (PLAN_REPOSITORY, "    if shared:\n", "    if shared and not wanted.remove_conflicting:\n"),
    ),
    mutant(
        "the-hosts-own-list-removed",
        "/etc/apt/sources.list is removed, and the host has no packages any more.",
        f"{PLAN_TESTS}::test_a_file_that_has_other_repositories_too_is_never_removed",
        (PLAN_REPOSITORY, '    if "/etc/apt/sources.list" in same:\n', "    if False:\n"),
    ),
    mutant(
        "only-entries-of-the-engine-are-seen",
        "That a file has other repositories besides is not seen, and it is removed.",
        f"{HOST_TESTS}::test_entries_of_others_are_told_by_file",
        (
            LOOK,
            "in re.findall(places.entries, text, re.MULTILINE)]",
            'in re.findall(places.entries, text, re.M) if "docker" in entry]',
        ),
    ),
    mutant(
        "conflicting-files-stay",
        "The file that is in the way is said to be removed and stays, so apt refuses both.",
        f"{HOST_TESTS}::test_files_with_the_same_repository_go_where_that_is_planned_and_come_back_after_a_failure",
        (REPOSITORY, '    for path in step.get("others", []):\n        files.put(path, None)\n', ""),
    ),
    mutant(
        "the-vendor-builds-for-all",
        "Debian on s390x gets a repository that has nothing for it.",
        f"{PLAN_TESTS}::test_processors_that_the_vendor_builds_for",
        (PLAN, "found is not None and architecture in found[0].architectures", "found is not None"),
    ),
    mutant(
        "a-mirror-is-no-default",
        "With a repository of its own, a host of a system that the vendor does not know gets no Engine.",
        f"{PLAN_TESTS}::test_a_mirror_makes_a_source_possible_where_the_vendor_has_none",
        (PLAN, '(vendors or wanted.repository.get("url"))', "vendors"),
    ),
    mutant(
        "one-key-for-all-packages",
        "On RPM systems that the vendor has no repository for, a mirror's right key is refused.",
        f"{PLAN_TESTS}::test_a_mirror_makes_a_source_possible_where_the_vendor_has_none",
        (
            "plugins/plugin_utils/_engine/_plan/_systems.py",
            '"dnf": _RPM_KEY, "zypper": _RPM_KEY',
            '"dnf": _DEB_KEY, "zypper": _DEB_KEY',
        ),
    ),
    mutant(
        "present-without-units",
        "An Engine without units is taken, and the run fails in the middle.",
        f"{PLAN_TESTS}::test_a_present_engine_without_units_is_refused",
        (PLAN, 'or not units["docker.socket"]["exists"]:', "and False:"),
    ),
    mutant(
        "an-archive-chooses-its-place",
        "A program of an archive with .. in its path is written wherever that leads.",
        f"{ARCHIVE_TESTS}::test_programs_are_put_flat_whatever_their_paths",
        (ARCHIVE, "name = os.path.basename(member.name)", "name = member.name"),
    ),
]
