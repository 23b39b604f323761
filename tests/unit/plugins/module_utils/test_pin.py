# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of a machine's folder, as the ssh of this controller understands them; over a sshd: tests/system/test_pin.py."""

from __future__ import annotations

import os
import pathlib
import shlex
import stat
import subprocess

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _pin
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record

PINNED = {
    "hostkeyalias": "0123456789ab",
    "stricthostkeychecking": "true",
    "globalknownhostsfile": "/dev/null",
    "verifyhostkeydns": "false",
    "checkhostip": "no",
    "updatehostkeys": "false",
}
HOSTILE = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/etc/any -o HostKeyAlias=other "
    "-o VerifyHostKeyDNS=yes -o CheckHostIP=yes -o UpdateHostKeys=yes -o KnownHostsCommand=/bin/any -o ControlPath=/tmp/any"
)


@pytest.fixture()
def record() -> Record:
    ssh = {"user": "admin", "key": None, "args": "", "policy": "injected", "host_keys": ["ssh-ed25519 AAAA"]}
    return Record("0123456789ab", "web1", "acme.cloud.thing", ssh=ssh)


def settings(folder: pathlib.Path, *arguments: str, program: str = "ssh") -> dict[str, str]:
    """What OpenSSH's own parser makes of a program's arguments."""
    line = [str(folder / program), "-G", *arguments, "192.0.2.1"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return dict(one.split(" ", 1) for one in done.stdout.splitlines() if " " in one)


@pytest.mark.parametrize("where", ["record", "arguments"])
def test_nothing_that_follows_changes_the_pin(record: Record, tmp_path: pathlib.Path, where: str) -> None:
    folder = tmp_path / "a folder"  # a space, which ssh takes for the end of a file's name
    folder.mkdir()
    if where == "record":
        record.ssh["args"] = HOSTILE
    _pin.write(record, str(folder))
    found = settings(folder, *(HOSTILE.split() if where == "arguments" else ()))
    assert {name: found.get(name) for name in PINNED} == PINNED
    assert (
        found["userknownhostsfile"] == f"{folder}/known_hosts".replace(" ", "\\ ")
        or "a folder" in found["userknownhostsfile"]
    )
    assert found.get("knownhostscommand", "none") == "none" and found.get("controlpath", "none") == "none"


def test_what_is_not_the_pins_is_the_users(record: Record, tmp_path: pathlib.Path) -> None:
    record.ssh["args"] = "-o ConnectTimeout=7 -o 'SetEnv=A=\"b c\"'"
    _pin.write(record, str(tmp_path))
    found = settings(tmp_path, "-J", "bastion", "-o", "ConnectTimeout=8", "-o", "ServerAliveInterval=9")
    assert (found["connecttimeout"], found["proxyjump"], found["serveraliveinterval"]) == ("7", "bastion", "9")
    assert found["setenv"] == "A=b c" and found["identitiesonly"] == "yes"
    record.ssh["key"] = ""
    _pin.write(record, str(tmp_path))
    assert settings(tmp_path)["identitiesonly"] == "no", "the agent's keys and the default ones"


def test_a_control_socket_is_the_pins_own(record: Record, tmp_path: pathlib.Path) -> None:
    _pin.write(record, str(tmp_path))
    own = _pin.control_path(record) % {"directory": "/run/cp"}
    assert own.startswith("/run/cp/") and own.endswith("-%r-%p")
    found = settings(tmp_path, "-o", f'ControlPath="{own}"', "-l", "admin", "-p", "2222")
    assert found["controlpath"] == own.replace("%r", "admin").replace("%p", "2222")
    first = settings(tmp_path, "-o", "ControlPath=/run/cp/theirs", "-o", f'ControlPath="{own}"')
    assert first.get("controlpath", "").startswith("/run/cp/") and "theirs" not in first["controlpath"]
    assert settings(tmp_path, "-o", "ControlPath=/run/cp/theirs").get("controlpath", "none") == "none"
    record.ssh["host_keys"] = ["ssh-ed25519 BBBB"]
    assert _pin.control_path(record) % {"directory": "/run/cp"} != own, "no session of a former pin"


def test_the_files_are_made_of_the_record(record: Record, tmp_path: pathlib.Path) -> None:
    _pin.write(record, str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(_pin.FILES)
    known, program = tmp_path / "known_hosts", tmp_path / "ssh"
    assert known.read_text() == "0123456789ab ssh-ed25519 AAAA\n"
    before = {name: (tmp_path / name).stat().st_ino for name in _pin.FILES}
    _pin.write(record, str(tmp_path))
    assert {name: (tmp_path / name).stat().st_ino for name in _pin.FILES} == before
    known.write_text("somebody changed it\n")
    program.chmod(0o644)  # as a copy without modes has it
    _pin.write(record, str(tmp_path))
    assert known.read_text() == "0123456789ab ssh-ed25519 AAAA\n"
    assert stat.S_IMODE(program.stat().st_mode) == 0o700 and stat.S_IMODE(known.stat().st_mode) == 0o600


def test_a_text_of_a_record_is_no_program(record: Record, tmp_path: pathlib.Path) -> None:
    touched = tmp_path / "touched"
    command = f"a $(touch {touched}) `touch {touched}`; touch {touched} b"
    record.ssh["args"] = shlex.join(["-o", f"RemoteCommand={command}"])
    _pin.write(record, str(tmp_path))
    assert settings(tmp_path)["remotecommand"] == command and not touched.exists()


@pytest.mark.parametrize("arguments", ["-o 'x", '-o "x', "-J bastion \\"])
def test_arguments_that_are_not_whole(arguments: str) -> None:
    with pytest.raises(BadOption) as caught:
        _pin.split(arguments)
    assert caught.value.option == "ssh_args" and "quote" in caught.value.remedy
