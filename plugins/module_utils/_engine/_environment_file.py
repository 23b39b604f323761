# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's environment file, as systemd reads it. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import re
import shlex
import typing as t

from ._paths import HEADER

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Both spellings of a proxy's variable are looked at, so two of them are one setting
_PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"))


def variable_key(name: str) -> str:
    return name.upper() if name.upper() in _PROXIES else name


def render_environment(variables: t.Mapping[str, t.Any]) -> str:
    """An environment file that systemd reads back as these values."""
    lines = []
    for name, value in variables.items():
        text = str(value)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for an environment variable")
        if "\n" in text or "\x00" in text:
            raise ValueError(f"The value of the environment variable {name} has a line break")
        lines.append('{}="{}"'.format(name, re.sub(r'([\\"`$])', r"\\\1", text)))
    return HEADER + "\n".join(lines) + "\n" if lines else ""


def parse_environment(text: str) -> dict[str, str]:
    """What systemd reads from an environment file, for the simple forms that occur."""
    found: dict[str, str] = {}
    for line in re.sub(r"\\\n", "", text).splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;" or "=" not in stripped:
            continue
        name, value = stripped.split("=", 1)
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value)
        if quoted:
            found[name.strip()] = re.sub(r"\\([\\\"`$])", r"\1", quoted.group(1))
            continue
        try:
            found[name.strip()] = " ".join(shlex.split(value)) if value[:1] in "\"'" else value
        except ValueError:
            found[name.strip()] = value
    return found
