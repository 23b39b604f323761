# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only real playbooks show: Ctrl-C, what lies about afterwards, and what they say when they are asked to say all."""

from __future__ import annotations

import os
import pathlib
import signal
import typing as t

import pytest

from tests.faults.processes import ROOT, Controller, until
from tests.system._harness import Ansible, processes_of

TOKEN, DATA = "canary-of-the-token", "canary-of-the-user-data"


class Play:
    """A playbook that makes a machine of the pretend cloud, with temporary folders of its own."""

    def __init__(self, controller: Controller, ansible: Ansible) -> None:
        self.controller, self.ansible = controller, ansible
        self.temporary = ansible.folder / "tmp"
        self.temporary.mkdir()
        ansible.environment["ANSIBLE_COLLECTIONS_PATH"] += f":{ROOT / 'tests' / 'collections'}"
        ansible.environment.update(TMPDIR=str(self.temporary), ANSIBLE_REMOTE_TEMP=str(self.temporary / "remote"))
        ansible.environment.update(THE_TOKEN=f"acme:{TOKEN}", THE_DATA=f"# {DATA}")
        self.path = ansible.folder / "play.yml"
        self.path.write_text(
            f"""
- hosts: localhost
  gather_facts: false
  vars: {{states: [present]}}
  tasks:
    - dockyard.machine.machine:
        name: web1
        driver: acme.cloud.thing
        store: {controller.store}
        state: "{{{{ item }}}}"
        wait: false
        options:
          endpoint: {controller.endpoint}
          disk: 5
          token: "{{{{ lookup('env', 'THE_TOKEN') }}}}"
          user_data: "{{{{ lookup('env', 'THE_DATA') }}}}"
      loop: "{{{{ states }}}}"
"""
        )

    def start(self, *arguments: str, states: t.Sequence[str] = ("present",)) -> t.Any:
        return self.ansible.start_playbook(str(self.path), {"states": list(states)}, *arguments)

    def run(self, *arguments: str, states: t.Sequence[str] = ("present",)) -> t.Any:
        with self.start(*arguments, states=states) as process:
            return process.wait(120)

    def files(self) -> dict[pathlib.Path, bytes]:
        """All that lies in the temporary folders, Ansible's own among them."""
        folders = (self.temporary, pathlib.Path(self.ansible.environment["ANSIBLE_LOCAL_TEMP"]))
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}

    def no_secret(self) -> None:
        keys = [path.read_bytes() for path in self.controller.store.rglob("id_ed25519")]
        for path, content in self.files().items():
            assert TOKEN.encode() not in content and DATA.encode() not in content, path
            assert not any(key in content for key in keys), path


@pytest.fixture()
def play(tmp_path: pathlib.Path, ansible: Ansible) -> Play:
    return Play(Controller(tmp_path), ansible)


def test_no_secret_is_said_or_left_behind_at_vvvv(play: Play) -> None:
    run = play.run("-vvvv", states=("present", "stopped", "present", "absent")).ok()
    for secret in (TOKEN, DATA, "BEGIN OPENSSH PRIVATE KEY"):
        assert secret not in run.stdout + run.stderr
        assert secret not in str(run.events)
    assert "web1" in run.stdout
    assert list(play.files()) == []
    assert not play.controller.cloud.look()["things"]


def test_no_secret_of_a_fleet_is_said_at_vvvv(play: Play) -> None:
    options = {"endpoint": str(play.controller.endpoint), "user_data": "{{ lookup('env', 'THE_DATA') }}"}
    fleet = {"id": "shop", "roles": {"web": {"driver": "acme.cloud.thing", "count": 2, "options": options}}}
    extra = {"machine_store": str(play.controller.store), "machine_fleet": fleet}
    run = play.ansible.playbook("dockyard.machine.create_hosts", extra, "-vvvv", "--check").ok()
    assert "shop-web-1" in run.stdout
    for secret in (TOKEN, DATA):
        assert secret not in run.stdout + run.stderr
        assert secret not in str(run.events)


def test_no_secret_is_said_when_it_fails_at_vvvv(play: Play) -> None:
    play.controller.cloud.set(faults=[{"call": "run_thing", "code": "Invalid", "times": 9}])
    run = play.run("-vvvv").failed()
    for secret in (TOKEN, DATA):
        assert secret not in run.stdout + run.stderr
    assert "Left behind: Key key-1, Volume volume-2" in run.stdout
    assert list(play.files()) == []


def test_ctrl_c_and_again(play: Play) -> None:
    play.controller.cloud.set(boot=60)
    with play.start() as first:
        until(lambda: play.controller.cloud.look()["things"], "the first one's create")
        first.kill(signal.SIGINT)
        assert first.wait(60).rc != 0
    until(lambda: not processes_of(str(play.controller.store)), "the end of its module")
    play.no_secret()
    play.controller.cloud.set(boot=0)
    assert play.run().ok().changed == 1
    play.controller.check()
    assert play.run().ok().changed == 0


def test_killed_with_all_that_it_started(play: Play) -> None:
    play.controller.cloud.set(boot=60)
    with play.start() as first:
        until(lambda: play.controller.cloud.look()["things"], "the first one's create")
        command_lines = processes_of(str(play.controller.store))
        first.kill()
        first.popen.communicate()
    assert not any(secret in line for line in command_lines.values() for secret in (TOKEN, DATA))
    holder = (play.controller.store / "locks" / "web1").read_text()
    assert '"pid"' in holder
    play.no_secret()
    play.controller.cloud.set(boot=0)
    assert play.run(states=("absent",)).ok().changed == 1
    assert not play.controller.cloud.look()["things"] and not play.controller.cloud.look()["volumes"]
    assert os.listdir(play.controller.store / "machines") == []
