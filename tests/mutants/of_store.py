# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in keeping records, and in who may work on them."""

from __future__ import annotations

from tests.mutants import mutant

BASE = "plugins/module_utils/_store/_base.py"
DURABLE = "plugins/module_utils/_durable.py"
FILE = "plugins/module_utils/_store/_file.py"
RECORD = "plugins/module_utils/_record.py"
SCHEMA = "plugins/module_utils/_schema.py"
DAMAGED = "unit/plugins/test_damage.py"
MODE = "plugins/module_utils/_store/_modes.py"
MODES = "unit/plugins/module_utils/_store/test_modes.py"
PLACES = "unit/plugins/module_utils/_store/test_places.py"
S3 = "plugins/module_utils/_store/_s3.py"
SSH = "plugins/module_utils/_ssh.py"
STORE = "unit/plugins/module_utils/_store/test_store.py"
WRITER = "unit/plugins/module_utils/test_durable.py"
WHOLE = f"{WRITER}::test_a_file_is_whole_or_not_there"

MUTANTS = [
    mutant(
        "file-not-synced",
        "After a power cut the record is there, and empty.",
        "cells thing create power-cut",
        (DURABLE, "            if durable:\n                os.fsync(descriptor)\n", ""),
    ),
    mutant(
        "folder-not-synced",
        "After a power cut the record is the former one, which does not know what was made.",
        "cells thing create power-cut",
        (DURABLE, "        raise\n    if durable:\n        sync(os.path.dirname(path), lenient)\n", "        raise\n"),
    ),
    mutant(
        "renamed-before-it-is-synced",
        "The same as no fsync, but seldom.",
        WHOLE,
        (
            DURABLE,
            "            if durable:\n                os.fsync(descriptor)\n",
            "            if replace:\n                os.rename(temporary, path)\n"
            "            if durable:\n                os.fsync(descriptor)\n",
        ),
        (DURABLE, "        if replace:\n            os.rename(temporary, path)\n    except", "    except"),
    ),
    mutant(
        "temporary-file-is-opened",
        "On a host, a user who guesses a temporary name chooses the file that root writes to.",
        f"{WRITER}::test_a_file_of_a_host_is_not_written_through_a_link",
        (DURABLE, "exclusive = bool(temporary) or not replace", "exclusive = not replace"),
    ),
    mutant(
        "mode-after-the-content",
        "A file for a group or for all has content while its mode and group are not yet right.",
        f"{WRITER}::test_mode_and_group_are_right_before_there_is_content",
        (
            DURABLE,
            "            if prepare:\n                prepare(descriptor)\n            written = 0",
            "            written = 0",
        ),
        (
            DURABLE,
            "            if durable:\n                os.fsync(descriptor)\n",
            "            if prepare:\n                prepare(descriptor)\n"
            "            if durable:\n                os.fsync(descriptor)\n",
        ),
    ),
    mutant(
        "disk-that-fails-passed-over",
        "A record counts as saved on a disk that has refused to write it.",
        f"{WRITER}::test_only_what_a_file_system_can_not_do_is_passed_over",
        (DURABLE, "        if not lenient or error.errno not in _NO_SYNC:\n            raise\n", "        pass\n"),
    ),
    mutant(
        "shared-folder-refused",
        "Nothing can be written on a file system that can't sync the names in a folder.",
        f"{WRITER}::test_only_what_a_file_system_can_not_do_is_passed_over",
        (DURABLE, "(errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)", "(errno.ENOSYS,)"),
    ),
    mutant(
        "store-passes-over-it",
        "A record counts as saved on a file system that can't keep its name over a power cut.",
        f"{WRITER}::test_only_what_a_file_system_can_not_do_is_passed_over",
        (DURABLE, "        if not lenient or error.errno", "        if error.errno"),
    ),
    mutant(
        "second-writer",
        "A key is renamed into place without a word to the disk, as each writer of its own may forget it.",
        f"{WRITER}::test_one_place_writes_in_two_steps_and_one_waits",
        (SSH, "place(temporary + suffix, path + suffix)", "os.rename(temporary + suffix, path + suffix)"),
    ),
    mutant(
        "wait-longer-than-the-limit",
        "A wait goes on after its limit, for as long as the question before has taken.",
        "unit/plugins/module_utils/test_clock.py::test_a_wait_ends_with_its_limit",
        ("plugins/module_utils/_clock.py", "max(deadline - self.monotonic(), 0.01)", "max(left, 0.01)"),
    ),
    mutant(
        "slow-question-asked-after-the-limit",
        "A question that takes long is asked once more when the limit is over.",
        "unit/plugins/module_utils/test_clock.py::test_a_wait_ends_with_its_limit",
        ("plugins/module_utils/_clock.py", "if answer or self.monotonic() >= deadline:", "if answer:"),
    ),
    mutant(
        "folders-above-not-synced",
        "After a power cut a whole store is missing, whose machines run.",
        "cells thing create power-cut",
        (DURABLE, '            raise\n    sync(parent or ".", lenient)\n', "            raise\n"),
    ),
    mutant(
        "record-written-in-place",
        "A crash in the middle of a save leaves half a record.",
        "cells thing create torn",
        (DURABLE, 'f"{path}.new.{os.getpid()}" if replace else path', "path"),
        (
            DURABLE,
            "        if replace:\n            os.rename(temporary, path)",
            "        if replace:\n            pass",
        ),
    ),
    mutant(
        "store-json-by-rename",
        "Two first runs at once make two stores, of which one knows nothing of the other's machines.",
        f"{STORE}::test_first_runs_at_once_make_one_store",
        (FILE, 'os.link(temporary, self._path("store.json"))', 'os.rename(temporary, self._path("store.json"))'),
        (FILE, "            finally:\n                os.unlink(temporary)\n", ""),
    ),
    mutant(
        "lock-released-early",
        "Two runs work on one machine.",
        f"{STORE}::test_a_held_lock_names_its_holder",
        (
            FILE,
            "            self._check_usable()\n            with",
            "            self._check_usable()\n            fcntl.flock(lock._file, fcntl.LOCK_UN)\n            with",
        ),
    ),
    mutant(
        "lock-file-removed",
        "Who waited holds the lock of a file that nobody else sees.",
        f"{STORE}::test_removal_leaves_a_tombstone",
        (
            FILE,
            "        finally:\n            lock.release()\n",
            "        finally:\n            lock.release()\n            os.unlink(self._path('locks', name))\n",
        ),
    ),
    mutant(
        "saved-without-the-lock",
        "A part of the core that forgot the lock would not be noticed.",
        f"{STORE}::test_a_save_needs_the_machines_lock",
        (BASE, "        if lock and lock.name == name:\n", "        if lock:\n"),
    ),
    mutant(
        "saved-without-compare-and-set",
        "Who read before another saved takes its ids away.",
        f"{STORE}::test_a_save_is_compare_and_set",
        (BASE, "if current != (record.revision, record.id) and", "if False and"),
    ),
    mutant(
        "record-gone-before-its-tombstone",
        "After a crash between the two, what appears late is nobody's.",
        "unit/plugins/module_utils/_store/test_contract.py::test_the_tombstone_is_there_before_the_record_goes",
        (BASE, "        self.bury(\n", "        self.clear(record.name, lock)\n        self.bury(\n"),
    ),
    mutant(
        "vanished-store-json-made-anew",
        "With a new id, no machine is known as ours any more.",
        f"{STORE}::test_a_vanished_store_json",
        (FILE, "            self._refuse_vanished()\n            self.keep", "            self.keep"),
    ),
    mutant(
        "record-read-without-its-schema",
        "A wrong type in one record is an error in the middle of a run over all machines.",
        f"{DAMAGED}::test_what_is_read_can_be_used",
        (RECORD, '            _schema.record(data, "")\n', ""),
    ),
    mutant(
        "observation-read-without-its-schema",
        "A wrong type in what was seen of one machine costs the whole inventory.",
        f"{DAMAGED}::test_a_wrong_type_in_any_field_costs_no_other_machine",
        (RECORD, "_schema.OBSERVED.get(name, _schema.anything)(value, name)", "_schema.anything(value, name)"),
    ),
    mutant(
        "deep-json-not-refused",
        "A record that is nested a hundred levels deep ends the inventory with a RecursionError.",
        f"{DAMAGED}::test_a_text_that_is_no_document_costs_no_other_machine",
        (
            SCHEMA,
            "    except RecursionError:\n        raise ValueError",
            "    except KeyError:\n        raise ValueError",
        ),
    ),
    mutant(
        "damaged-tombstone-stops-prune",
        "One file that a disk has damaged keeps all others from being pruned.",
        f"{DAMAGED}::test_a_wrong_type_in_any_field_costs_no_other_machine",
        ("plugins/action/prune.py", "store.tombstones(damaged)", "store.tombstones()"),
    ),
    mutant(
        "damaged-record-stops-creation",
        "No machine can be created as long as the record of another one is damaged.",
        "unit/plugins/module_utils/_lifecycle/test_prune.py::test_a_damaged_record_keeps_no_other_machine_from_being_made",
        ("plugins/module_utils/_lifecycle/_task.py", "self.store.records({})", "self.store.records()"),
    ),
    mutant(
        "key-not-synced",
        "After a power cut the machine runs, and nobody can log in.",
        "cells thing create power-cut",
        (SSH, "place(temporary + suffix, path + suffix)", "os.rename(temporary + suffix, path + suffix)"),
    ),
    mutant(
        "modes-not-checked",
        "A store that another user has planted is used, with that user's CA.",
        f"{MODES}::test_where_others_may_write_it_is_refused",
        (FILE, "        _modes.check(self.path)\n        try:", "        try:"),
    ),
    mutant(
        "store-made-in-a-folder-of-others",
        "A store is made where another user has put a CA before.",
        f"{MODES}::test_nothing_is_put_into_a_folder_of_another_user",
        (FILE, "            _modes.check(self.path)  # before anything is put into what may be another user's\n", ""),
    ),
    mutant(
        "parents-not-checked",
        "Another user replaces the whole store, since the folder that it is in is theirs.",
        f"{MODES}::test_what_another_user_owns_is_refused",
        (MODE, "        _check_way(path, path, allowed)\n        if", "        if"),
    ),
    mutant(
        "links-not-followed",
        "Another user points the link to a store to one of their own.",
        f"{MODES}::test_links_are_followed",
        (MODE, "            pending += target.split", "            pending += [] and target.split"),
    ),
    mutant(
        "sticky-is-safe-for-root",
        "Root uses the store that any user has put into /tmp.",
        f"{MODES}::test_a_store_that_another_user_has_planted_where_everybody_may_write",
        (MODE, "        if found.st_uid not in mine:", "        if found.st_uid not in {*mine, *allowed}:"),
    ),
    mutant(
        "digest-key-in-store-json",
        "Whoever lists machines can guess weak secrets by the digests of their records.",
        "unit/plugins/module_utils/_store/test_contract.py::test_a_store_of_before_keeps_its_digests",
        (BASE, "            self._part_digest_key()\n", ""),
    ),
    mutant(
        "digest-key-made-anew",
        "After the key of digests has moved, each secret option looks changed.",
        "unit/plugins/module_utils/_store/test_contract.py::test_a_store_of_before_keeps_its_digests",
        ("plugins/module_utils/_store/_digest.py", "key = (meta or {}).get(KEY) or secrets", "key = secrets"),
    ),
    mutant(
        "plain-http-to-anybody",
        "Private keys cross the network in clear.",
        f"{PLACES}::test_plain_http_over_a_network_is_refused",
        (
            S3,
            "        self._refuse_plain(str(client.meta.endpoint_url))",
            '        self._refuse_plain(self._given.get("endpoint_url", "https:"))',
        ),
    ),
    mutant(
        "temporary-files-stay",
        "A half-written key of a run that was killed stays for ever.",
        f"{STORE}::test_half_written_files_of_killed_runs_are_swept",
        (FILE, "                sweep(self.folder(name), deep=True)\n", ""),
    ),
    mutant(
        "keys-of-killed-processes-stay",
        "Private keys of a shared store stay in the folder for temporary files.",
        "unit/plugins/module_utils/_store/test_scratch.py::test_keys_of_a_process_that_was_killed_are_removed_by_the_next_one",
        ("plugins/module_utils/_store/_scratch.py", "                    sweep_processes(tempfile.gettempdir())\n", ""),
    ),
    mutant(
        "linked-folder-blocks-its-name",
        "A machine whose folder is a link can't be removed, and its name can't be used again.",
        f"{STORE}::test_the_name_of_a_machine_whose_folder_is_a_link_is_free_again",
        (
            "plugins/module_utils/_store/_folders.py",
            "    if os.path.islink(path) or not os.path.isdir(path):\n",
            "    if not os.path.isdir(path):\n",
        ),
    ),
    mutant(
        "store-that-goes-with-the-job",
        "A job of AWX ends well, and nobody finds its machines again.",
        f"{PLACES}::test_a_home_folder_of_a_job_is_no_store",
        ("plugins/module_utils/_store/__init__.py", "if not said and os.environ.get(AWX):", "if False:"),
    ),
]
