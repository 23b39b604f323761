# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a shared store in variables: not a path, but a lookup that brings the file once a host is connected to."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._record import check_name
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted, unsafe

PLACE = "/@dockyard.machine@"  # as folder of a machine whose files are not here
_FILE = re.compile(rf"{re.escape(PLACE)}(?:/([\w.-]+))?")
LOOKUP = "lookup('dockyard.machine.key_file', '{file}', machine='{machine}', store='{where}')"


def lookups(value: t.Any, machine: str, where: str) -> t.Any:
    """The variables with a lookup for each path in that folder; all else is marked as unsafe.

    The templates hold a checked name, the store's address, which has neither quotes nor braces, and nothing else that
    could be evaluated: what comes from a record is taken apart so that it reads as text.
    """
    if isinstance(value, str):
        return _template(value, machine, where) if PLACE in value else unsafe(value)
    if isinstance(value, dict):
        return {unsafe(key): lookups(one, machine, where) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [lookups(one, machine, where) for one in value]
    return value


def _template(text: str, machine: str, where: str) -> str:
    check_name(machine)
    whole = _FILE.fullmatch(text)

    def of(found: re.Match[str]) -> str:
        lookup = LOOKUP.format(file=found[1] or "ca.pem", machine=machine, where=where)
        # A folder is that of its files; among the arguments of a command, a path is a word
        filters = ([] if found[1] else ["dirname"]) + ([] if whole else ["quote"])
        return "{{ " + " | ".join([lookup, *filters]) + " }}"

    parts, end = [], 0
    for found in _FILE.finditer(text):
        parts += [_plain(text[end : found.start()]), of(found)]
        end = found.end()
    return trusted("".join([*parts, _plain(text[end:])]))


def _plain(text: str) -> str:
    return text.replace("{", "{{ '{' }}")
