# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what becomes of values from a store: where files are written, and what is evaluated."""

from __future__ import annotations

from tests.mutants import mutant

STORE = "plugins/module_utils/_store"
PLUGINS = "plugins/plugin_utils/"
NAMES = "unit/plugins/module_utils/_store/test_names.py"
KEYS = "unit/plugins/plugin_utils/_store/test_keys.py"

MUTANTS = [
    mutant(
        "names-of-keys-unchecked",
        "Whoever can write to the bucket writes any file of the controller.",
        f"{NAMES}::test_keys_of_a_machine_are_written_nowhere_else",
        (
            f"{STORE}/_objects.py",
            "return _names.checked(_schema.parse(found.data), _names.is_machine_file, path)",
            "return dict(json.loads(found.data))",
        ),
    ),
    mutant(
        "names-of-the-ca-unchecked",
        "The same by the object that holds the CA.",
        f"{NAMES}::test_the_ca_is_written_nowhere_else",
        (
            f"{STORE}/_object_base.py",
            'return _names.checked(json.loads(found.data)["files"], _names.is_ca_file, f"{self.objects.place}/ca.json")',
            'return dict(json.loads(found.data)["files"])',
        ),
    ),
    mutant(
        "names-of-a-driver-may-climb",
        "A name with two dots leads out of the folder that it begins in.",
        f"{NAMES}::test_keys_of_a_machine_are_written_nowhere_else",
        (f"{STORE}/_names.py", "(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+", "(?:/[A-Za-z0-9_.-]+)+"),
    ),
    mutant(
        "any-object-is-a-machine",
        "The name of an object becomes a host of the inventory, and a part of paths.",
        f"{NAMES}::test_objects_of_what_is_no_machine_are_not_looked_at",
        (f"{STORE}/_names.py", "sorted(name for name in names if is_name(name))", "sorted(names)"),
    ),
    mutant(
        "any-id-is-a-file",
        "A tombstone of a store that is moved here is written over another file.",
        f"{NAMES}::test_a_tombstone_is_a_file_of_the_store",
        (f"{STORE}/_names.py", "not isinstance(id, str) or not _ID.fullmatch(id)", "not id"),
    ),
    mutant(
        "marker-that-can-be-guessed",
        "A label that looks like a path of ours becomes a template.",
        f"{KEYS}::test_what_looks_like_a_path_of_ours_is_text",
        (PLUGINS + "_store/_keys.py", 'f"/@{secrets.token_hex(16)}@"', '"/@dockyard.machine@"'),
    ),
    mutant(
        "text-of-a-record-in-a-template",
        "A label that holds a path of ours runs on the controller when it is shown.",
        f"{KEYS}::test_no_text_of_a_record_is_evaluated",
        (PLUGINS + "_store/_keys.py", "return template(path[1]) if path else unsafe(value)", "return trusted(value)"),
    ),
    mutant(
        "only-braces-are-marked",
        "A label runs once a user's filter has decoded it, with ansible-core before 2.19.",
        f"{KEYS}::test_each_string_is_marked_where_the_core_evaluates_strings",
        (
            PLUGINS + "_unsafe.py",
            "        return AnsibleUnsafeText(value)",
            '        return AnsibleUnsafeText(value) if "{" in value else value',
        ),
    ),
    mutant(
        "any-address-in-a-template",
        "The address of a store closes the quotes that it stands in.",
        f"{KEYS}::test_only_stores_have_lookups",
        (PLUGINS + "_store/_keys.py", "if not _STORE.fullmatch(where):", "if not _STORE.match(where):"),
    ),
    mutant(
        "a-folder-for-a-file",
        "The client's key is given as the folder that it is in.",
        "unit/plugins/test_values.py::test_values_come_out_as_they_are",
        (PLUGINS + "_store/_keys.py", '("" if file else " | dirname")', '" | dirname"'),
    ),
]
