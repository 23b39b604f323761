# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and logins, over an ssh of the test's own; over a real sshd: tests/system/test_generic.py."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import time
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record

ADDRESS = "192.0.2.1"
CHANGED = "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"
FAILED = "Host key verification failed."
OURS = "Host key for 0123456789ab has changed and you have requested strict checking.\n"
UNKNOWN = "No ED25519 host key is known for 0123456789ab and you have requested strict checking.\n"
# As ssh says it of a jump host, and then of its connection through it
JUMP = "No ED25519 host key is known for bastion and you have requested strict checking.\n"
CLOSED = "\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535"
REFUSED = "admin@192.0.2.1: Permission denied (publickey)."
SILENT = "ssh: connect to host 192.0.2.1 port 2222: Connection refused"


@pytest.fixture()
def record() -> Record:
    ssh = {"user": "admin", "key": "/keys/id", "args": "-J bastion", "policy": None, "host_keys": ["ssh-ed25519 AAAA"]}
    return Record("0123456789ab", "web1", "x", ssh=ssh)


@pytest.fixture()
def ssh(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[..., pathlib.Path]]:
    """Puts an ssh in the way that notes its arguments and says what it is told to say."""

    def answer(stderr: str = "", status: int = 0, stdout: str = "", learns: str = "") -> pathlib.Path:
        noted = tmp_path / "arguments"
        (tmp_path / "stderr").write_text(stderr)
        (tmp_path / "stdout").write_text(stdout)
        (tmp_path / "learns").write_text(learns)
        script = f"""#!/bin/sh
if [ "$1" = -G ]; then
  case "$*" in *-J*) echo proxyjump bastion ;; *KnownHosts*) exit 255 ;; esac
  exit 0
fi
for argument; do
  printf '%s\\n' "$argument" >> {noted}
  case $argument in UserKnownHostsFile=*) known=${{argument#*=}} ;; esac
done
known=${{known#?}} known=${{known%?}}
cp "$known" {tmp_path}/known
cat {tmp_path}/learns >> "$known"
cat {tmp_path}/stderr >&2
cat {tmp_path}/stdout
exit {status}
"""
        (tmp_path / "ssh").write_text(script)
        (tmp_path / "ssh").chmod(0o755)
        noted.unlink(missing_ok=True)
        return noted

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    _ssh._newer_options.cache_clear()
    yield answer
    _ssh._newer_options.cache_clear()


def host(record: Record) -> _ssh.Host:
    return _ssh.Host(record, {"address": ADDRESS, "ssh_port": 2222}, "/folder")


def test_a_login_is_strict_where_a_key_is_known(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    noted = ssh(stdout="out\n")
    assert host(record).run("id") == "out\n"
    words = noted.read_text().split("\n")
    arguments = words.index("-J")
    for word in (
        "HostKeyAlias=0123456789ab",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "BatchMode=yes",
    ):
        assert words.index(word) < arguments, "what the user says comes after it, since ssh takes the first value"
    for word in ("VerifyHostKeyDNS=no", "UpdateHostKeys=no", "ControlPath=none", "GSSAPIKeyExchange=no"):
        assert words.index(word) < arguments
    assert "KnownHostsCommand=none" not in words, "this ssh does not know it"
    assert words.index("ConnectTimeout=10") > words.index("bastion"), "the user's own comes first"
    assert "IdentitiesOnly=yes" in words
    assert words[words.index("-i") + 1] == "/keys/id" and words[words.index("-p") + 1] == "2222"
    assert words[-3:-1] == [ADDRESS, "id"]
    assert (noted.parent / "known").read_text() == "0123456789ab ssh-ed25519 AAAA\n"


def test_a_first_contact_tells_the_key_that_was_shown(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    record.ssh["host_keys"] = []
    noted = ssh(learns="0123456789ab ssh-ed25519 BBBB\n")
    assert host(record).log_in() == ["ssh-ed25519 BBBB"]
    assert "StrictHostKeyChecking=accept-new" in noted.read_text()


@pytest.mark.parametrize(
    ("stderr", "status", "code", "named"),
    [
        (CHANGED + OURS + FAILED, 255, "host_key_changed", "web1"),
        (UNKNOWN + FAILED, 255, "host_key_changed", ADDRESS),
        (JUMP + FAILED + CLOSED, 255, "jump_host_key", "is known for bastion"),
        (
            CHANGED + OURS.replace("0123456789ab", "bastion") + FAILED + CLOSED,
            255,
            "jump_host_key",
            "bastion has changed",
        ),
        (FAILED + CLOSED, 255, "jump_host_key", "jump host"),
        (REFUSED, 255, "ssh_login", "/keys/id"),
        (SILENT, 255, "unreachable", "Connection refused"),
        ("sudo: a password is required", 1, "remote_command", "a password is required"),
        ("", 3, "remote_command", "exit status 3"),
        ("Warning: Permanently added 'x' to the list of known hosts.\nKilled", 1, "remote_command", "Killed"),
    ],
)
def test_each_failure_is_told_apart(
    record: Record, ssh: t.Callable[..., pathlib.Path], stderr: str, status: int, code: str, named: str
) -> None:
    ssh(stderr=stderr, status=status)
    with pytest.raises(MachineError) as caught:
        host(record).run("true")
    assert caught.value.code == code
    assert named in caught.value.message and f"admin@{ADDRESS} port 2222" in caught.value.message
    assert isinstance(caught.value, _ssh.Unreachable) is (code in ("unreachable", "ssh_login"))


def test_a_wait_ends_at_once_where_waiting_is_of_no_use(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    """A login that is refused is waited for only where the user may still be in the making; a wrong key never."""
    for stderr, patient, waits in ((REFUSED, False, False), (REFUSED, True, True), (OURS + FAILED, True, False)):
        ssh(stderr=stderr, status=255)
        started = time.monotonic()
        with pytest.raises(MachineError):
            _ssh.wait_until_up(host(record), 1.5, patient)
        assert (time.monotonic() - started >= 1) is waits, (stderr, patient)


def test_nothing_is_left_of_a_session(
    record: Record, ssh: t.Callable[..., pathlib.Path], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    ssh()
    host(record).log_in()
    assert os.listdir(tmp_path / "tmp") == []


def test_a_machine_without_an_address(record: Record) -> None:
    with pytest.raises(MachineError) as caught:
        _ssh.Host(record, {}, "/folder")
    assert caught.value.code == "no_address" and "web1" in caught.value.message


def test_a_controller_without_ssh(record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError) as caught:
        host(record).log_in()
    assert caught.value.code == "missing_program" and "OpenSSH" in caught.value.remedy


def test_a_key_is_made_once_and_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "id_ed25519"
    public = _ssh.make_key(str(path), "web1")
    assert public.startswith("ssh-ed25519 AAAA") and len(public.split()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["id_ed25519", "id_ed25519.pub"]
    assert _ssh.make_key(str(path), "web1") == public
    (tmp_path / "id_ed25519.pub").unlink()  # killed between the two
    assert _ssh.read_public_key(str(path)) == public, "made from the private one"
    again = _ssh.make_key(str(path), "web1")
    assert _ssh.read_public_key(str(path)) == again


def test_a_key_that_is_no_file() -> None:
    with pytest.raises(BadOption) as caught:
        _ssh.check_user_key("/nowhere/id")
    assert json.dumps("/nowhere/id")[1:-1] in caught.value.message and caught.value.remedy


def test_what_the_estate_says_comes_last(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    noted = ssh()
    _ssh.Host(record, {"address": ADDRESS}, "/folder", ["-o", "StrictHostKeyChecking=no", "-J", "other"]).run("true")
    words = noted.read_text().split("\n")
    places = [
        words.index(word) for word in ("StrictHostKeyChecking=yes", "bastion", "StrictHostKeyChecking=no", "other")
    ]
    assert places == sorted(places)


def test_a_jump_host_is_noticed(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    ssh()
    assert not host(record).is_direct()
    record.ssh["args"] = ""
    assert host(record).is_direct()
    assert not _ssh.Host(record, {"address": ADDRESS}, "/folder", ["-J", "bastion"]).is_direct()


def test_a_first_contact_that_shows_no_key(record: Record, ssh: t.Callable[..., pathlib.Path]) -> None:
    record.ssh["host_keys"] = []
    ssh()
    with pytest.raises(MachineError, match="recorded no host key"):
        host(record).log_in()


def test_a_fingerprint_is_that_of_ssh_keygen(tmp_path: pathlib.Path) -> None:
    public = _ssh.make_key(str(tmp_path / "id"), "")
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "id")], capture_output=True, text=True, check=True)
    assert _ssh.fingerprint(public) == f"ssh-ed25519 {shown.stdout.split()[1]}"
