# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host key that came by user data is replaced on a host with a real sshd, killed at each step, and finished by the next run.

What replaces it runs in a process of its own, which is killed before and after each session and each save; and the
scripts on the host are killed before each of their commands.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import signal
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _host_key, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._host_key import REPLACE
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from tests.beds._base import run, until
from tests.beds.hosts import Host

pytestmark = pytest.mark.long
NAME, KEYS = "web1", "/etc/ssh/ssh_host_ed25519_key"
# Read by each bash that a script of ours runs in: it is killed before its command number N, counted over all scripts.
TRAP = """n=$(cat /root/left); _strike() { n=$((n-1)); echo $n > /root/left; [ $n -ne 0 ] || kill -9 $$; }
set -T; trap _strike DEBUG
"""


class Machine:
    """A machine of a store, on that host; each run reads the record anew."""

    def __init__(self, store: FileStore, host: Host) -> None:
        self.store, self.host = store, host
        self.observed = {"state": "running", "address": host.address}

    def inject(self) -> str:
        """As if the key that it has now had come by user data; that key."""
        shown = self.shown()
        ssh = {"user": self.host.user, "key": str(self.host.key), "args": "", "host_keys": [shown], REPLACE: True}
        with self.store.lock(NAME) as lock:
            before = self.store.read(NAME)
            record = before or Record("0123456789ab", NAME, "dockyard.machine.generic", status="made")
            record.ssh = ssh
            self.store.save(record, lock)
        return shown

    def ssh(self) -> dict[str, t.Any]:
        return t.cast(Record, self.store.read(NAME)).ssh

    def shown(self) -> str:
        """The key that the server shows to whoever comes, once it answers: it may just be started again."""
        scan = ("ssh-keyscan", "-t", "ed25519", self.host.address)
        found = until(lambda: run(*scan, check=False).stdout, "the server shows its key", limit=60)
        return " ".join(found.split()[1:3])

    def root(self, command: str) -> str:
        """A command of the test's own on the host, whatever key that shows."""
        self.host.known_hosts.write_text(f"{self.host.address} {self.shown()}\n")
        return self.host.out(command)

    def accepts(self, *pinned: str) -> bool:
        """Whether who has these keys pinned, logs in."""
        record = t.cast(Record, self.store.read(NAME))
        record.ssh["host_keys"] = list(pinned)
        try:
            _ssh.Host(record, self.observed, self.store.folder(NAME)).log_in()
        except MachineError as error:
            assert error.code == "host_key_changed", error
            return False
        return True

    def replace(self, host: t.Callable[[Record], _ssh.Host], step: t.Callable[[], None] = lambda: None) -> None:
        with self.store.lock(NAME) as lock:
            record = t.cast(Record, self.store.read(NAME))

            def save() -> None:
                step()
                self.store.save(record, lock)
                step()

            _host_key.replace(record, host, save)

    def plain(self, record: Record) -> _ssh.Host:
        return _ssh.Host(record, self.observed, self.store.folder(NAME))

    def finish(self, old: str) -> None:
        """Wherever it was cut off: nobody is locked out, and the next run ends it."""
        pinned = self.ssh()["host_keys"]
        assert 1 <= len(pinned) <= 2 and self.shown() in pinned and self.accepts(*pinned)
        self.replace(self.plain)
        ssh, shown = self.ssh(), self.shown()
        assert ssh["host_keys"] == [shown] != [old] and not ssh[REPLACE]
        assert self.accepts(shown) and not self.accepts(old)
        assert self.root(f"ssh-keygen -y -f {KEYS}").split()[:2] == shown.split()
        assert self.root(f"cut -d' ' -f1,2 {KEYS}.pub") == shown
        assert self.root(f"ls {KEYS}* && stat -c %a {KEYS}").split() == [KEYS, f"{KEYS}.pub", "600"]


@pytest.fixture
def machine(store: pathlib.Path, new_host: t.Callable[..., Host]) -> Machine:
    it = FileStore(str(store))
    it.create()
    made = Machine(it, new_host())
    made.inject()
    it.save_observed(NAME, made.observed)
    return made


def killed_at(number: int, machine: Machine) -> bool:
    """Replace the key in a process that is killed at that step; whether it was."""
    child = os.fork()
    if not child:
        steps = itertools.count(1)

        def step() -> None:
            if next(steps) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        class Stepping(_ssh.Host):
            def _session(self, command: str, limit: float) -> tuple[str, list[str]]:
                step()
                answer = super()._session(command, limit)
                step()
                return answer

        status = 1
        try:
            machine.replace(lambda record: Stepping(record, machine.observed, machine.store.folder(NAME)), step)
            status = 0
        finally:
            os._exit(status)
    _pid, ended = os.waitpid(child, 0)
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0
    return os.WIFSIGNALED(ended)


def test_killed_before_and_after_each_session_and_save(machine: Machine) -> None:
    for number in itertools.count(1):
        old = machine.inject()
        struck = killed_at(number, machine)
        if number % 2:
            machine.root("systemctl restart ssh")
        machine.finish(old)
        if not struck:
            assert number > 10, number
            return


def test_killed_before_each_command_on_the_host(machine: Machine) -> None:
    class Struck(_ssh.Host):
        def run(self, command: str, limit: float = 60) -> str:
            return super().run(command.replace("sh -c", "env BASH_ENV=/root/trap bash -c", 1), limit)

    machine.root(f"cat > /root/trap <<'END'\n{TRAP}END")
    for number in itertools.count(1):
        old = machine.inject()
        machine.root(f"echo {number} > /root/left")
        struck = False
        try:
            machine.replace(lambda record: Struck(record, machine.observed, machine.store.folder(NAME)))
        except MachineError as error:
            struck = int(machine.root("cat /root/left")) <= 0  # what the shell has started counts on
            assert struck, error
        if number % 2:
            machine.root("systemctl restart ssh")
        machine.finish(old)
        if not struck:
            assert number > 15, number
            return


def test_the_playbooks_module_does_it_killed_and_run_again(ansible: t.Any, machine: Machine) -> None:
    old = machine.inject()
    task = {"store": machine.store.path, "name": NAME, "reached": True}
    arguments = ("localhost", "--module-name", "dockyard.machine.machine_record", "--args", json.dumps(task))
    with ansible.start("ansible", *arguments) as cut:
        until(lambda: len(machine.ssh()["host_keys"]) == 2, "both keys pinned", limit=60, pause=0.01)
        cut.kill()
    assert len(machine.ssh()["host_keys"]) == 2, "it was over before it was killed"
    ansible.module("machine_record", task).ok()
    ssh = machine.ssh()
    assert ssh["host_keys"] == [machine.shown()] != [old] and not ssh[REPLACE]
    assert pathlib.Path(machine.store.folder(NAME), "known_hosts").read_text().split()[1:] == machine.shown().split()
    assert not ansible.module("machine_record", task).ok().value["changed"]
