# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a shared store in variables: not a path, but a lookup that brings the file once a host is connected to."""

from __future__ import annotations

import re
import secrets
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._record import check_name
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted, unsafe

# As folder of a machine whose files are not here. Nobody can guess it, so no value of a record is taken for a path in it.
PLACE = f"/@{secrets.token_hex(16)}@"
TEXTS = "machine_texts"  # variable of a host: what stands beside the paths in its other variables
_FILE = re.compile(rf"{re.escape(PLACE)}(?:/(id_ed25519|known_hosts|ca\.pem|cert\.pem|key\.pem)(?![\w.-]))?")
_STORE = re.compile(r"s3://[\w!*.:/?&=+@\[\]-]+", re.ASCII)


def lookups(variables: dict[str, t.Any], machine: str, where: str) -> dict[str, t.Any]:
    """The variables with a lookup for each path in that folder; all else is marked as unsafe.

    A template holds our own words, the machine's name and the store's address, both of them checked, and nothing else.
    What stands beside a path is in another variable, which is data: the template only names it.
    """
    check_name(machine)
    if not _STORE.fullmatch(where):
        raise ValueError(f"no address of a shared store: {where!r}")
    texts: list[str] = []

    def of(value: t.Any) -> t.Any:
        if isinstance(value, str):
            return template(value) if PLACE in value else unsafe(value)
        if isinstance(value, dict):
            return {unsafe(key): of(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [of(one) for one in value]
        return value

    def template(text: str) -> str:
        *pairs, last = _FILE.split(text)  # by turns a text and the name of a file
        whole = not any((*pairs[::2], last))
        words = []
        for before, file in zip(pairs[::2], pairs[1::2], strict=True):
            words += [named(before)] if before else []
            lookup = f"lookup('dockyard.machine.key_file', '{file or 'ca.pem'}', machine='{machine}', store='{where}')"
            # A folder is that of its files; among the arguments of a command, a path is a word
            filters = ([] if file else ["dirname"]) + ([] if whole else ["quote"])
            words.append(" | ".join([lookup, *filters]) if whole else f"({' | '.join([lookup, *filters])})")
        words += [named(last)] if last else []
        return trusted("{{ " + " ~ ".join(words) + " }}")

    def named(text: str) -> str:
        if text not in texts:
            texts.append(text)
        return f"{TEXTS}[{texts.index(text)}]"

    found = t.cast("dict[str, t.Any]", of(variables))
    return {**found, TEXTS: unsafe(texts)} if texts else found
