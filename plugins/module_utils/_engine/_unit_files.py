# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit files of systemd, and the role's drop-ins. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import re
import shlex
import typing as t

from . import _arguments, _paths
from ._paths import HEADER


def _joined(text: str) -> t.Iterator[str]:
    """A unit file's lines. One with a backslash at its end goes on in the next that is no comment, as systemd has it."""
    begun = ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        begun += line
        if (len(begun) - len(begun.rstrip("\\"))) % 2:
            begun = begun[:-1] + " "
        else:
            yield begun
            begun = ""
    yield begun


def directives(text: str) -> t.Iterator[tuple[str, str, str]]:
    """Section, name and value of each assignment in a unit file."""
    section = ""
    for line in _joined(text):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif "=" in stripped:
            name, value = stripped.split("=", 1)
            yield section, name.strip(), value.strip()


def placed(files: t.Iterable[tuple[str, str]], section: str, name: str) -> list[tuple[str, str]]:
    """A list setting's values over a unit and its drop-ins (path, text), each with its path: an empty one clears the list."""
    values: list[tuple[str, str]] = []
    for path, text in files:
        for where, what, value in directives(text):
            if (where, what) == (section, name):
                values = [*values, (value, path)] if value else []
    return values


def assigned(texts: t.Iterable[str], section: str, name: str) -> list[str]:
    return [value for value, dummy in placed((("", text) for text in texts), section, name)]


_ALONE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_INSIDE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(command: str, environment: t.Mapping[str, str]) -> list[tuple[str, str]]:
    """A unit's command line as words, each with the last variable in it, filled in as systemd does.

    ``$NAME`` stands for as many words as it has, and ``${NAME}`` for one, or a part of one.
    """
    words: list[tuple[str, str]] = []
    for word in shlex.split(command):
        alone, inside = _ALONE.fullmatch(word), _INSIDE.findall(word)
        if alone:
            words += [(part, alone[1]) for part in shlex.split(environment.get(alone[1], ""))]
        else:
            text = _INSIDE.sub(lambda name: environment.get(name[1], ""), word)
            words.append((text, inside[-1] if inside else ""))
    return words


def service_drop_in(exec_start: str | None, tls: bool, environment: bool) -> str | None:
    """Our drop-in of docker.service: its own command with our arguments added. None where nothing is to be added."""
    lines = []
    if environment:
        lines.append("EnvironmentFile=" + _paths.ENVIRONMENT_PATH)
    if tls:
        lines += ["ExecStart=", "ExecStart=" + " ".join([exec_start or "", *_arguments.TLS_ARGUMENTS])]
    return HEADER + "[Service]\n" + "\n".join(lines) + "\n" if lines else None


def socket_drop_in(
    port: int | None,
    addresses: t.Sequence[str] = (),
    allowed: t.Sequence[str] | None = None,
    controllers: t.Sequence[str] = (),
) -> str | None:
    """Our drop-in of docker.socket. With sources given, systemd drops packets from all others (BPF, cgroup v2)."""
    if port is None:
        return None
    lines = [f"ListenStream={f'[{address}]' if ':' in address else address}:{port}" for address in addresses]
    if addresses:
        # An address may come later than the socket; and each stands for itself, so that 0.0.0.0 and :: can be together.
        lines += ["FreeBind=true", "BindIPv6Only=ipv6-only"]
    else:
        lines = [f"ListenStream={port}"]
    if allowed is not None:
        lines += ["IPAddressDeny=any", "IPAddressAllow=" + " ".join(["localhost", *allowed])]
    return HEADER + "\n".join([*controllers_line(controllers), "[Socket]", *lines]) + "\n"


_CONTROLLERS = "# Controllers: "


def controllers_line(controllers: t.Sequence[str]) -> list[str]:
    """What remembers them in a file of ours, as a comment."""
    return [_CONTROLLERS + " ".join(controllers)] if controllers else []


def controllers_of(text: str | None) -> list[str]:
    """The controllers that our drop-in of docker.socket, block of settings or unit remembers, the latest first."""
    for line in (text or "").splitlines():
        if line.startswith(_CONTROLLERS):
            return line[len(_CONTROLLERS) :].split()
    return []


def listening(drop_in: str | None) -> list[str]:
    """The part of our drop-in of docker.socket that only a new socket takes over; its filter counts from a reload on."""
    return [line for line in (drop_in or "").splitlines() if line and not line.startswith(("#", "IPAddress"))]
