# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of packages, and which of them is asked for. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import re
import typing as t

# What may come after a prefix: 27.3 is not 27.30, and 28.0.0 is not 28.0.0~rc.1, but packagers number with ~3 as well, and
# those of SUSE add _ce.
_BOUNDARY = r"(?=[._+-]|~\d|$)"


def asked_for(version: str, asked: str) -> bool:
    """Whether a package's version is the one asked for, in full (with epoch and revision) or as a prefix."""
    if not asked or version == asked:
        return True
    return bool(re.match(re.escape(asked) + _BOUNDARY, version if ":" in asked else _without_epoch(version)))


def alike(known: t.Iterable[str], version: str) -> str:
    """The same version of another package: each may count epochs for itself, as the vendor's do where they are RPMs."""
    return next((one for one in known if _without_epoch(one) == _without_epoch(version)), version)


def _without_epoch(version: str) -> str:
    return version.split(":", 1)[-1]


def order(version: str) -> t.Any:
    """A key to sort versions of one package by, in the order that package managers agree on for real ones."""
    epoch, dummy, rest = version.rpartition(":")
    words = re.findall(r"\d+|[a-z]+|~", rest.lower())
    # A tilde comes before everything, also before the end; letters before numbers.
    ranked = [(-1, 0, "") if word == "~" else (2, int(word), "") if word.isdigit() else (1, 0, word) for word in words]
    return int(epoch) if epoch.isdigit() else 0, [*ranked, (0, 0, "")]
