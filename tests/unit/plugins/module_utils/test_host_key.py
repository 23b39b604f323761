# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host key that came by user data is replaced, and wherever that is cut off, the next run goes on.

The scripts run for real, in a folder that stands for /etc/ssh; who logs in, checks the key as ssh does.
"""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _host_key
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._host_key import REPLACE
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from tests.model.clock import Clock


class Cut(BaseException):
    pass


class Sshd:
    """A host: its key files, the key that its server has loaded, and what was asked of it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.key = folder / "ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.key)], check=True)
        self.loaded = self.public()
        self.steps = 0
        self.cut_at: int | None = None

    def public(self) -> str:
        done = subprocess.run(["ssh-keygen", "-y", "-f", str(self.key)], capture_output=True, text=True, check=True)
        return " ".join(done.stdout.split()[:2])

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise Cut


class Host:
    def __init__(self, sshd: Sshd, record: Record) -> None:
        self.sshd = sshd
        self.record = record

    def log_in(self) -> list[str]:
        self.sshd.step()
        if self.sshd.loaded not in self.record.ssh["host_keys"]:
            raise MachineError("changed", code="host_key_changed")
        self.sshd.step()
        return self.record.ssh["host_keys"]

    def run(self, command: str) -> str:
        self.log_in()
        script = command.replace("/etc/ssh", str(self.sshd.folder)).replace("systemctl reload ssh", "true")
        done = subprocess.run(script, shell=True, capture_output=True, text=True, check=True)
        if "reload" in command:
            self.sshd.loaded = self.sshd.public()
        self.sshd.step()
        return done.stdout


@pytest.fixture()
def sshd(tmp_path: pathlib.Path) -> Sshd:
    return Sshd(tmp_path)


class Saved:
    """The record as it would be read again."""

    def __init__(self, sshd: Sshd) -> None:
        self.text = Record("0123456789ab", "web1", "x", ssh={"host_keys": [sshd.public()], REPLACE: True}).to_json()

    def replace(self, sshd: Sshd) -> Record:
        record = Record.from_json(self.text)

        def save() -> None:
            sshd.step()
            self.text = record.to_json()
            sshd.step()

        _host_key.replace(record, lambda pinned: Host(sshd, pinned), save)
        return Record.from_json(self.text)


def test_the_key_is_replaced(sshd: Sshd) -> None:
    old, saved = sshd.public(), Saved(sshd)
    record = saved.replace(sshd)
    assert record.ssh["host_keys"] == [sshd.public()] != [old]
    assert not record.ssh[REPLACE]
    assert sorted(os.listdir(sshd.folder)) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]
    assert sshd.key.stat().st_mode & 0o777 == 0o600
    assert (sshd.folder / "ssh_host_ed25519_key.pub").read_text().split()[:2] == sshd.public().split()


@pytest.mark.slow
def test_cut_off_anywhere_it_is_finished_by_the_next_run(tmp_path: pathlib.Path) -> None:
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        sshd = Sshd(folder)
        old, saved = sshd.public(), Saved(sshd)
        sshd.cut_at = number
        try:
            saved.replace(sshd)
            assert number > 10
            return
        except Cut:
            assert sshd.loaded in Record.from_json(saved.text).ssh["host_keys"], "never locked out"
        record = saved.replace(sshd)
        assert record.ssh["host_keys"] == [sshd.loaded] != [old]
        assert sorted(os.listdir(folder)) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]


def test_cut_off_within_the_change_over(sshd: Sshd) -> None:
    """The private half is there already, the public one not yet."""
    saved = Saved(sshd)
    sshd.cut_at = 6  # both are pinned
    with pytest.raises(Cut):
        saved.replace(sshd)
    new = sshd.folder / "ssh_host_ed25519_key.dockyard"
    new.rename(sshd.key)
    record = saved.replace(sshd)
    assert record.ssh["host_keys"] == [sshd.loaded] == [sshd.public()]
    assert sorted(os.listdir(sshd.folder)) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]


class Struck(Host):
    """What runs on the host is killed before its command number ``at``, counted over all that was asked of it."""

    left = 0  # commands until then

    def run(self, command: str) -> str:
        self.log_in()
        script = command.replace("/etc/ssh", str(self.sshd.folder)).replace("systemctl reload ssh", "true")
        counted, told = self.sshd.folder.with_suffix(".bash"), self.sshd.folder.with_suffix(".count")
        counted.write_text(
            f"n={type(self).left}\n_strike() {{ n=$((n-1)); echo $n > {told}; [ $n -ne 0 ] || kill -9 $$; }}\n"
            "set -T\ntrap _strike DEBUG\n"
        )
        done = subprocess.run(
            script.replace("sh -c", "bash -c", 1),
            shell=True,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "BASH_ENV": str(counted)},
        )
        type(self).left = int(told.read_text())
        if "reload" in command and not done.returncode:
            self.sshd.loaded = self.sshd.public()
        if done.returncode:
            raise Cut
        return done.stdout


@pytest.mark.slow
def test_cut_off_at_each_command_on_the_host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the server goes on with the key that it has, or starts anew with the one that lies there."""
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        sshd = Sshd(folder)
        old, saved = sshd.public(), Saved(sshd)
        Struck.left = number
        with monkeypatch.context() as patch:
            patch.setattr(f"{__name__}.Host", Struck)
            try:
                saved.replace(sshd)
                assert number > 15
                return
            except Cut:
                pass
        pinned = Record.from_json(saved.text).ssh["host_keys"]
        assert sshd.loaded in pinned and sshd.public() in pinned, "never locked out"
        if number % 2:
            sshd.loaded = sshd.public()
        record = saved.replace(sshd)
        assert record.ssh["host_keys"] == [sshd.loaded] == [sshd.public()] != [old]
        assert sorted(os.listdir(folder)) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]


def test_a_host_that_makes_no_key_says_so(sshd: Sshd) -> None:
    saved = Saved(sshd)

    class Mute(Host):
        def run(self, command: str) -> str:
            return "sorry\n"

    record = Record.from_json(saved.text)
    with pytest.raises(MachineError, match="sorry") as caught:
        _host_key.replace(record, lambda pinned: Mute(sshd, pinned), lambda: None)
    assert "run again" in caught.value.remedy
    assert record.ssh["host_keys"] == [sshd.public()]


def test_a_change_over_that_came_to_nothing_keeps_the_old_key(sshd: Sshd) -> None:
    """The server was not told, say: only a login that accepts the new key alone shows that it is in use."""
    old, saved = sshd.public(), Saved(sshd)

    class Deaf(Host):
        def run(self, command: str) -> str:
            try:
                return super().run(command)
            finally:
                sshd.loaded = old

    record = Record.from_json(saved.text)
    with pytest.raises(MachineError) as caught:
        _host_key.replace(record, lambda pinned: Deaf(sshd, pinned), lambda: None, Clock())
    assert caught.value.code == "host_key_changed"
    assert record.ssh["host_keys"] == [old, sshd.public()] and record.ssh[REPLACE]


def test_a_server_that_takes_its_time_is_waited_for(sshd: Sshd) -> None:
    saved, late = Saved(sshd), iter(("unreachable", "host_key_changed"))

    class Late(Host):
        def log_in(self) -> list[str]:
            code = next(late, "") if len(self.record.ssh["host_keys"]) == 1 and sshd.loaded != old else ""
            if code:
                raise MachineError("not yet", code=code)
            return super().log_in()

    old, record = sshd.loaded, Record.from_json(saved.text)
    _host_key.replace(record, lambda pinned: Late(sshd, pinned), lambda: None, Clock())
    assert next(late, None) is None
    assert record.ssh["host_keys"] == [sshd.public()] and not record.ssh[REPLACE]
