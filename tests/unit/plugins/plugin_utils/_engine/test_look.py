# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import subprocess
import types

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from ansible_collections.dockyard.machine.plugins.module_utils import _clock
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine import _look
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError

SEEN = {"host": {}, "changed": False}
NO_PYTHON = {"failed": True, "rc": 127, "msg": "MODULE FAILURE", "module_stdout": "/bin/sh: 1: python3 : introuvable"}


class Action:
    """An action whose host answers in turn."""

    def __init__(self, *answers, installing=(), check_mode=False):
        self.answers = list(answers)
        self.asked, self.commands, self.resets = [], [], 0
        self.installing = iter(installing)
        self._task = types.SimpleNamespace(check_mode=check_mode)
        self._connection = types.SimpleNamespace(reset=self._reset)

    def ask(self, module_name, module_args, task_vars):
        self.asked.append((module_name, dict(task_vars["ansible_facts"])))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _low_level_execute_command(self, command, sudoable=True):
        self.commands.append(command)
        if not sudoable:
            return {"rc": 0, "stdout": self.ask("id", {}, {"ansible_facts": {}}), "stderr": ""}
        said = next(self.installing, "")
        if isinstance(said, Exception):
            raise said
        rc = said if isinstance(said, int) else int(bool(said))
        return {"rc": rc, "stdout": f"{said}\r\n", "stderr": "Shared connection to 192.0.2.7 closed.\r\n"}

    def _compute_environment_string(self):
        return "https_proxy=http://proxy:3128"

    def _reset(self):
        self.resets += 1
        raise AnsibleError("there was no connection")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time that passes only while it is slept."""
    now = [0.0]
    fake = types.SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(_clock, "time", fake)
    monkeypatch.setattr(_clock.Clock, "jittered", lambda self, seconds: seconds)
    return now


def visit(action, **facts):
    return _look.Visit(action, {"ansible_facts": facts}, "debian", {"connect_timeout": 10, "wait_timeout": 7})


def test_a_host_is_looked_at_once():
    action = Action(SEEN)
    it = visit(action)
    assert it.look({"version": ""}) == SEEN
    assert len(action.asked) == 1 and not it.python_installed


def test_a_host_that_answers_late_is_waited_for():
    action = Action(*[AnsibleConnectionFailure("Connection refused")] * 3, SEEN)
    assert visit(action).look({}) == SEEN
    assert (len(action.asked), action.resets) == (4, 3)


def test_who_is_logged_in_is_asked_without_becoming_root():
    action = Action(AnsibleConnectionFailure("Connection refused"), "jo\n")
    assert visit(action).login() == "jo" and action.commands == ["id -un"] * 2
    assert visit(Action("\n")).login() == "" and visit(Action("\x1b[2Jjo")).login() == ""


def test_a_host_that_does_not_answer_is_waited_for_so_long(clock):
    with pytest.raises(
        PlanError, match="did not answer to SSH within 10 s .*: Connection refused. Nothing was touched"
    ):
        visit(Action(AnsibleConnectionFailure("Connection refused"))).look({})
    assert clock == [10.0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            AnsibleConnectionFailure("Timeout (12s) waiting for privilege escalation prompt: "),
            "debian can't become root",
        ),
        (
            AnsibleConnectionFailure("No host key is known for web1.\r\nHost key verification failed."),
            "SSH key is not the one .*: No host key is known for web1. Host key verification failed. Nothing was touched",
        ),
        (AnsibleError("Incorrect sudo password"), "debian can't become root on this host: Incorrect sudo password"),
        (AnsibleError("no such file"), "no such file"),
    ],
)
def test_what_waiting_does_not_help_is_told_at_once(clock, error, said):
    with pytest.raises(PlanError, match=said):
        visit(Action(error)).look({})
    assert clock == [0.0]


@pytest.mark.parametrize(
    ("known_as", "said"),
    [
        ("0123456789ab", "machine's SSH key is not the pinned one.* remove the machine and create it again"),
        (
            "bastion",
            "jump host on the way to this machine is not known.*bastion.*the jump host's key into the known_hosts",
        ),
    ],
)
def test_whose_host_key_of_a_machine_is_wrong(known_as, said):
    error = AnsibleConnectionFailure(f"No host key is known for {known_as}.\r\nHost key verification failed.")
    found = visit(Action(error))
    found.task_vars["machine_id"] = "0123456789ab"
    with pytest.raises(PlanError, match=said):
        found.look({})


def test_a_wrong_password_for_ssh_is_ansible_s_own_error(clock):
    with pytest.raises(AnsibleAuthenticationFailure):
        visit(Action(AnsibleAuthenticationFailure("Invalid/incorrect password"))).look({})
    assert clock == [0.0]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"module_stdout": "/bin/sh: 1: sudo: not found", "rc": 127}, "There is no sudo on this host"),
        ({"module_stderr": "bash: sudo: Kommando nicht gefunden.", "rc": 127}, "There is no sudo on this host"),
        (
            {"module_stderr": "sudo: a password is required", "rc": 1},
            "debian can't become root .*: sudo: a password is",
        ),
        (
            {"msg": "Missing sudo password"},
            "debian can't become root on this host: Missing sudo password. Give the right",
        ),
        ({"msg": "The disk is full"}, "^The disk is full$"),
        (
            {"msg": "MODULE FAILURE", "module_stderr": "Segmentation fault", "rc": 139},
            "MODULE FAILURE: Segmentation fault",
        ),
        ({}, "could not be looked at"),
    ],
)
def test_why_a_host_could_not_be_looked_at(found, said):
    action = Action({"failed": True, **found})
    with pytest.raises(PlanError, match=said):
        visit(action).look({})
    assert not action.commands


UNNAMED = "sudo: unable to resolve host web1: Name or service not known\n/bin/sh: 1: /usr/bin/python3: not found"


@pytest.mark.parametrize(
    "found",
    [
        NO_PYTHON,
        {"failed": True, "rc": 1, "msg": "/usr/bin/python3.11: not found"},
        {"failed": True, "rc": 127, "module_stderr": UNNAMED, "msg": "MODULE FAILURE"},
    ],
)
def test_python_is_installed_where_it_is_missing(found):
    action = Action(found, SEEN)
    it = visit(action, discovered_interpreter_python="/usr/bin/python3.11")
    assert it.look({}) == SEEN and it.python_installed
    proxy, *shell, script = shlex.split(action.commands[0])
    assert (proxy, shell) == ("https_proxy=http://proxy:3128", ["/bin/sh", "-c"]), "all of the script has the proxy"
    assert "export LC_ALL=C\n" in script, "it is by English words that it is known what may pass"
    assert action.asked[1][1] == {}, "it would be looked for where it was not"


def test_what_was_done_before_the_host_was_lost_is_told():
    action = Action(NO_PYTHON, AnsibleConnectionFailure("Connection refused"))
    with pytest.raises(PlanError, match="Python was installed, nothing else was touched"):
        visit(action).look({})


def test_check_mode_installs_no_python():
    action = Action(NO_PYTHON, check_mode=True)
    with pytest.raises(PlanError, match="Python is missing on this host, and check mode installs nothing"):
        visit(action).look({})
    assert not action.commands


@pytest.mark.parametrize("program", ["apt-get", "dnf", "zypper", "apk", "pacman", None])
def test_each_package_manager_brings_python(tmp_path, program):
    """Run by a shell that finds nothing but a stand-in of that program."""
    action = Action(NO_PYTHON, SEEN)
    visit(action).look({})
    told = tmp_path / "told"
    for name in [program, "dpkg"] if program == "apt-get" else filter(None, [program]):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$https_proxy $*" >> {told}\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["/bin/sh", "-c", action.commands[0]], env={"PATH": str(tmp_path)}, check=False)
    if program is None:
        assert done.returncode == _look._UNKNOWN
        return
    last = told.read_text().splitlines()[-1].split()
    assert done.returncode == 0 and last[0] == "http://proxy:3128"
    assert last[-1] == ("python" if program == "pacman" else "python3")


def test_a_host_that_no_package_manager_brings_python_to_is_told_what_does():
    with pytest.raises(PlanError, match=r"no package manager.*under /opt.*ansible_python_interpreter"):
        visit(Action(NO_PYTHON, installing=[_look._UNKNOWN])).look({})


def test_python_that_can_t_be_installed(clock):
    with pytest.raises(PlanError, match="Python can't be installed: no such package$"):
        visit(Action(NO_PYTHON, installing=["no such package"])).look({})
    assert clock == [0.0]


LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)"


@pytest.mark.parametrize(
    "trouble", [LOCKED, "dpkg: error: dpkg frontend lock was locked by another process with pid 7"]
)
def test_what_may_pass_is_waited_for_before_python_is_installed(clock, trouble):
    action = Action(NO_PYTHON, SEEN, installing=[trouble] * 2)
    it = visit(action)
    assert it.look({}) == SEEN and it.python_installed
    assert len(action.commands) == 3 and clock == [2.5]


def test_what_does_not_pass_is_told_with_what_helps(clock):
    action = Action(NO_PYTHON, installing=["E: Temporary failure resolving 'deb.debian.org'"] * 9)
    said = (
        r"^Python can't be installed: Tried 5 times in 7 s \(docker_engine_wait_timeout\). This host can't resolve the name deb.debian.org. "
        "Look at its /etc/resolv.conf, where the name servers are see below. In its own words"
    )
    with pytest.raises(PlanError, match=said):
        visit(action).look({})
    assert clock == [7.0]


def test_an_installation_of_python_that_was_cut_off_is_taken_up():
    action = Action(NO_PYTHON, SEEN, installing=[AnsibleConnectionFailure("Connection reset")])
    it = visit(action)
    assert it.look({}) == SEEN and it.python_installed
    assert len(action.commands) == 2 and action.resets == 1
    assert "dpkg --configure -a\n" in action.commands[1]


def test_a_host_that_is_lost_while_python_is_installed():
    action = Action(NO_PYTHON, installing=[AnsibleConnectionFailure("Connection reset")] * 20)
    with pytest.raises(PlanError, match="Connection reset. Python was being installed, nothing else was touched"):
        visit(action).look({})
