# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json as data: what the role sets in it, and what of it is others'. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import json
import typing as t

from . import _masking

# Keys that say where the Engine listens and how: they belong to docker_engine_access and the unit.
OWN_KEYS = ("hosts", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey")


def parse_config(text: str) -> dict[str, t.Any]:
    """daemon.json as data; an empty file is an empty configuration, as for the Engine."""
    if not text.strip():
        return {}
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content


def render_config(content: dict[str, t.Any]) -> str:
    return json.dumps(content, indent=4) + "\n"


def config_changes(
    current: dict[str, t.Any], wanted: dict[str, t.Any], remembered: dict[str, t.Any]
) -> tuple[dict[str, t.Any], list[str]]:
    """What to set and what to take out.

    Taken out is only what an earlier run set and nobody has changed since: everything else is someone else's.
    """
    put = {key: value for key, value in wanted.items() if key not in current or current[key] != value}
    out = [key for key in remembered if key not in wanted and key in current and current[key] == remembered[key]]
    return put, out


# Objects in which entries of others stay beside ours
SHARED = ("features", "runtimes")


def entries(config: t.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    """An object of a configuration; null is an empty one, as for the Engine."""
    value = config.get(key)
    return dict(value) if isinstance(value, dict) else {}


def ours(
    current: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], remembered: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """What of a wanted configuration is the role's: what it puts there, or has put there. What was there is someone else's."""
    found: dict[str, t.Any] = {}
    for key, value in wanted.items():
        if key in SHARED and isinstance(value, dict) and entries(current, key):
            there, before = entries(current, key), entries(remembered, key)
            # What someone has changed since is theirs, though it was ours.
            part = {
                name: about
                for name, about in value.items()
                if before.get(name, ...) == about or there.get(name, ...) != about
            }
            found.update({key: part} if part else {})
        elif key in remembered or current.get(key, ...) != value:
            found[key] = value
    return found


# Of these a former value is not put back: the role decides on the first by itself, and the others move or hide data.
_NOT_BACK = (*SHARED, "live-restore", "data-root", "userns-remap")


def overwritten(
    current: t.Mapping[str, t.Any],
    own: t.Mapping[str, t.Any],
    remembered: t.Mapping[str, t.Any],
    former: t.Mapping[str, t.Any],
) -> dict[str, t.Any]:
    """What others had in the place of what is the role's, to be put back; but no secret, which is not seen."""
    found = {}
    for key in [key for key in own if key not in _NOT_BACK and key in current]:
        there = current[key]
        if key in remembered and there == remembered[key]:
            found.update({key: former[key]} if key in former else {})
        elif there != own[key] and _masking.MASK not in str(there):
            found[key] = there
    return found


def apply_changes(current: dict[str, t.Any], put: dict[str, t.Any], out: t.Iterable[str]) -> dict[str, t.Any]:
    gone = set(out)
    merged = {key: value for key, value in current.items() if key not in gone}
    merged.update(put)
    return merged
