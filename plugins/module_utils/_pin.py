# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pinned host key, as OpenSSH's programs take it.

Of an option that is given twice, ssh takes the first value. Ansible has no setting that is always first on its command
line but the program itself. So each machine's folder has programs ``ssh``, ``sftp`` and ``scp``, which run OpenSSH's
with the pin in front: no setting of an estate comes before it, and all of them still count.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import typing as t

from ._durable import write_file
from ._errors import BadOption
from ._record import Record

KNOWN_HOSTS = "known_hosts"
PROGRAMS = ("ssh", "sftp", "scp")
FILES = (KNOWN_HOSTS, *PROGRAMS)  # of a machine's folder, made from its record

# Further sources of host keys, where this ssh knows them: a command (OpenSSH 8.5), Kerberos (a patch of distributions)
NEWER = ("KnownHostsCommand=none", "GSSAPIKeyExchange=no")

# A control socket is shared only under the pin's own name: behind others are sessions whose host nobody may have checked.
_PROGRAM = """#!/bin/sh
# {program} for this machine, which accepts its pinned host key alone. Written by dockyard.machine; changes are lost.
# ssh takes the first value of an option: arguments and settings that follow change nothing in these.
folder=$(cd -- "${{0%/*}}" >/dev/null && pwd) || exit 255
socket=none
for word; do
  case $word in ControlPath=*/{socket}-*) socket=${{word#ControlPath=}} ;; esac
done
set -- {arguments} "$@"
for option in {newer}; do
  ssh -G -F /dev/null -o "$option" x >/dev/null 2>&1 && set -- -o "$option" "$@"
done
exec "${{{variable}:-{program}}}" -o ControlPath="$socket" -o UserKnownHostsFile="\\"$folder/{known_hosts}\\"" {options} "$@"
"""


def known_hosts(record: Record) -> str:
    return "".join(f"{record.id} {key}\n" for key in record.ssh.get("host_keys", []))


def options(record: Record, checking: str = "yes") -> list[str]:
    """ssh's arguments for the pin, but for the file of known hosts. Its alias is the record's id: a new address is no new host."""
    settings = {
        "StrictHostKeyChecking": checking,
        "HostKeyAlias": record.id,
        "GlobalKnownHostsFile": "/dev/null",
        "VerifyHostKeyDNS": "no",
        "CheckHostIP": "no",
        "UpdateHostKeys": "no",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def file_option(path: str) -> list[str]:
    # In quotes, since ssh takes several files here, with spaces between them
    return ["-o", f'UserKnownHostsFile="{path}"']


def is_in_agent(ssh: dict[str, t.Any]) -> bool:
    """Whether the user's agent and default keys are used: no key is recorded, or one that is on another node."""
    key = ssh.get("key")
    return key == "" or bool(key and "given" in ssh and not os.path.exists(key))


def private_key(record: Record, folder: str) -> str | None:
    """Path of the private key; None: the user's agent and default keys."""
    if is_in_agent(record.ssh):
        return None
    return record.ssh.get("key") or f"{folder}/id_ed25519"


def machine_arguments(record: Record) -> list[str]:
    """What the record says beside the pin: the user's arguments for this machine, and whether its key is the only one."""
    only = [] if is_in_agent(record.ssh) else ["-o", "IdentitiesOnly=yes"]
    return [*split(record.ssh.get("args") or ""), *only]


def split(arguments: str) -> list[str]:
    """The option ssh_args as words."""
    try:
        return shlex.split(arguments)
    except ValueError as error:
        remedy = "Close each quote, or put a backslash before one that is meant"
        raise BadOption("ssh_args", f"{arguments!r} can't be split into words ({error})", remedy) from None


def control_path(record: Record) -> str:
    """Ansible's setting of that name: with another pin, or for another user or port, another session."""
    return f"%(directory)s/{_socket(record)}-%%r-%%p"


def _socket(record: Record) -> str:
    return hashlib.sha256(known_hosts(record).encode()).hexdigest()[:8]


def texts(record: Record) -> dict[str, str]:
    """The files: name -> text."""
    return {
        KNOWN_HOSTS: known_hosts(record),
        **{
            program: _PROGRAM.format(
                program=program,
                socket=_socket(record),
                newer=" ".join(NEWER),
                variable=f"ANSIBLE_{program.upper()}_EXECUTABLE",
                known_hosts=KNOWN_HOSTS,
                options=shlex.join(options(record)),
                arguments=shlex.join(machine_arguments(record)),
            )
            for program in PROGRAMS
        },
    }


def write(record: Record, folder: str, durable: bool = True) -> None:
    """The files are derived: whatever happens to them, the record says what they hold."""
    for name, text in texts(record).items():
        path, program = os.path.join(folder, name), name in PROGRAMS
        mode = 0o700 if program else 0o600
        if not (_holds(path, text) and os.stat(path).st_mode & 0o777 == mode):
            # A program that is cut short connects to nothing, and is written again before it is used.
            write_file(path, text, durable=durable and not program, mode=mode)


def _holds(path: str, text: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read() == text
    except (OSError, UnicodeDecodeError):
        return False
