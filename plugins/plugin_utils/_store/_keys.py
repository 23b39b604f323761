# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a shared store in variables: not a path, but a lookup that brings the file once a host is connected to."""

from __future__ import annotations

import re
import secrets
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _pin
from ansible_collections.dockyard.machine.plugins.module_utils._input import check_name
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted, unsafe

# As folder of a machine whose files are not here. Nobody can guess it, so no value of a record is taken for a path in it.
PLACE = f"/@{secrets.token_hex(16)}@"
FILES = "|".join(map(re.escape, ("id_ed25519", *_pin.FILES, "ca.pem", "cert.pem", "key.pem")))
_FILE = re.compile(rf"{re.escape(PLACE)}(?:/({FILES}))?")
_STORE = re.compile(r"s3://[\w!*.:/?&=+@\[\]-]+", re.ASCII)


def lookups(variables: dict[str, t.Any], machine: str, where: str) -> dict[str, t.Any]:
    """The variables with a lookup for each path in that folder; all else is marked as unsafe.

    A template holds our own words, the machine's name and the store's address, both of them checked, and nothing else.
    """
    check_name(machine)
    if not _STORE.fullmatch(where):
        raise ValueError(f"no address of a shared store: {where!r}")

    def of(value: t.Any) -> t.Any:
        if isinstance(value, str):
            path = _FILE.fullmatch(value)
            return template(path[1]) if path else unsafe(value)
        if isinstance(value, dict):
            return {unsafe(key): of(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [of(one) for one in value]
        return value

    def template(file: str | None) -> str:
        lookup = f"lookup('dockyard.machine.key_file', '{file or 'ca.pem'}', machine='{machine}', store='{where}')"
        return trusted("{{ " + lookup + ("" if file else " | dirname") + " }}")  # a folder is that of its files

    return t.cast("dict[str, t.Any]", of(variables))
