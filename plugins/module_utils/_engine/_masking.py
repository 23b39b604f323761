# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords in URLs and proxies, taken out. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import re
import typing as t

# Up to the last @, as Go has it: a password can have one. A proxy needs no scheme.
_USERINFO = re.compile(r"(://|-proxy[= \t]+[\"']?)[^/\s\"]+@")
_OF_PROXY = re.compile(r"\A(\w+://)?.*@")
MASK = "********@"


def masked(value: t.Any) -> t.Any:
    """The same with user name and password taken out of URLs and proxies."""
    if isinstance(value, str):
        return _USERINFO.sub(r"\1" + MASK, value)
    if isinstance(value, dict):
        return {key: _masked_at(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def masked_words(words: t.Sequence[str]) -> list[str]:
    """Those of a command, where a proxy may be the word after its option."""
    return [_masked_at(words[number - 1] if number else "", word) for number, word in enumerate(words)]


def _masked_at(key: str, value: t.Any) -> t.Any:
    if key.endswith("-proxy") and isinstance(value, str):
        return _OF_PROXY.sub(r"\1" + MASK, value)
    return masked(value)
