# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in a store of objects, and in its leases."""

from __future__ import annotations

from tests.mutants import mutant

LEASE = "plugins/module_utils/_store/_lease.py"
OBJECTS = "plugins/module_utils/_store/_objects.py"
TESTS = "unit/plugins/module_utils/_store/test_objects.py"
CONTRACT = "unit/plugins/module_utils/_store/test_contract.py"

MUTANTS = [
    mutant(
        "lease-taken-over-at-once",
        "Two runs work on one machine whenever the second one is impatient.",
        f"{TESTS}::test_a_dead_holders_lease_is_taken_over_after_a_period_that_was_seen",
        (
            LEASE,
            'if holder is None or asked - seen_since > holder["period"]:',
            "if holder is None or asked - since >= 0:",
        ),
    ),
    mutant(
        "lease-judged-by-its-own-date",
        "A controller whose clock is a minute ahead takes over what is being worked on.",
        f"{TESTS}::test_a_live_holders_lease_is_not_taken_over",
        (LEASE, "if found and found.tag != seen:", "if found and not seen:"),
    ),
    mutant(
        "lease-written-unconditionally",
        "Of two that take it over at once, both have it.",
        f"{TESTS}::test_who_was_paused_finds_out_before_it_does_harm",
        (
            LEASE,
            "        self._tag = write(self._objects, self._key, data, tag)\n",
            "        there = self._objects.get(self._key)\n"
            "        self._tag = write(self._objects, self._key, data, there.tag if there else None)\n",
        ),
    ),
    mutant(
        "lease-counted-from-the-answer",
        "A slow answer makes the holder believe in a lease that others see run out.",
        f"{TESTS}::test_a_slow_service_is_no_lease",
        (LEASE, "self._until = sent + self._period", "self._until = self._clock.monotonic() + self._period"),
    ),
    mutant(
        "lease-not-checked",
        "Who slept through its end goes on as if nothing had happened.",
        f"{TESTS}::test_who_was_paused_finds_out_before_it_does_harm",
        (
            LEASE,
            "            if self.left <= seconds:\n                self._period",
            "            if self.left < -1e9:\n                self._period",
        ),
        (
            LEASE,
            "            if self.left <= seconds:\n                raise",
            "            if self.left < -1e9:\n                raise",
        ),
    ),
    mutant(
        "lease-of-others-released",
        "Who lost it opens the door that another has closed.",
        f"{TESTS}::test_who_was_paused_finds_out_before_it_does_harm",
        (
            LEASE,
            "                self._tag = None\n            if found and holder and",
            "                self._tag = found.tag if found else None\n            if found and holder and",
        ),
    ),
    mutant(
        "lost-answer-taken-for-a-conflict",
        "Each answer that is lost looks like another run, and a save that was done is called failed.",
        f"{TESTS}::test_a_fault_at_any_call_costs_a_second_run_at_most",
        (LEASE, "if found and found.data == data:", "if found and not data:"),
    ),
    mutant(
        "record-before-its-keys",
        "A crash between the two leaves a record that names keys which nobody has.",
        f"{TESTS}::test_a_fault_at_any_call_costs_a_second_run_at_most",
        (
            OBJECTS,
            "write(self.objects, key, content.encode(), None)\n",
            "self._later = (key, content.encode())\n",
        ),
        (
            OBJECTS,
            "        self._kept[name] = RecordObject(tag, Record.from_json(record.to_json()), keys, files)\n",
            "        self._kept[name] = RecordObject(tag, Record.from_json(record.to_json()), keys, files)\n"
            "        if getattr(self, '_later', None):\n"
            "            write(self.objects, *self._later, None)\n"
            "            self._later = None\n",
        ),
    ),
    mutant(
        "keys-before-a-place-for-their-record",
        "Who makes and removes that machine meanwhile takes the keys for garbage, and the record names them all the same.",
        "unit/plugins/module_utils/_store/test_overtaken.py::test_its_first_record_names_no_keys_that_were_cleared",
        (OBJECTS, "if former is None and name not in self._places:", "if former is None and not name:"),
    ),
    mutant(
        "keys-outlive-their-record",
        "A removal that is killed leaves a private key that nothing names, and that nobody comes by any more.",
        f"{TESTS}::test_keys_of_a_removal_that_was_killed_have_a_record_to_be_found_by",
        (OBJECTS, "if kept and garbage:", "if kept and not garbage:"),
    ),
    mutant(
        "object-saved-without-compare-and-set",
        "Two controllers overwrite each other's ids.",
        f"{TESTS}::test_a_save_in_between_is_noticed",
        (
            OBJECTS,
            "        garbage = self._keys_but(name, keys) if changed else []\n",
            "        garbage = self._keys_but(name, keys) if changed else []\n"
            "        former = self.objects.get(_record_key(name))\n",
        ),
    ),
    mutant(
        "keys-swept-before-the-record-is-ours",
        "A run that was overtaken deletes the keys of a living machine, for good.",
        f"{TESTS}::test_a_run_that_is_overtaken_between_keys_and_record_names_no_keys_that_are_gone",
        (
            OBJECTS,
            "            self._commit(kept.record, kept.keys, kept.files)  # who was overtaken can't name any of it any more\n",
            "",
        ),
    ),
    mutant(
        "record-removed-whoever-saved-it",
        "A run that was overtaken removes its successor's record, and the machine is forgotten.",
        "unit/plugins/module_utils/_store/test_overtaken.py::test_it_removes_no_record_that_another_one_has_saved",
        (OBJECTS, "self.objects.delete(_record_key(name), ", "self.objects.delete(_record_key(name), None and "),
    ),
    mutant(
        "late-look-taken-for-the-successors",
        "What was seen of a machine that is gone is shown as the new one's state and address.",
        f"{TESTS}::test_what_is_seen_late_of_a_removed_machine_is_not_its_successors",
        (OBJECTS, 'if not kept or data["of"] != kept.record.id:', "if not kept:"),
    ),
]
