# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at a host, by the module engine_info: waits for SSH before it, and installs Python where that is missing."""

from __future__ import annotations

import contextlib
import re
import shlex
import typing as t

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from ansible_collections.dockyard.machine.plugins.module_utils import _clock
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _known_problems as trouble
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._action import HostAction, malformed

PAUSE = 1  # seconds between attempts to reach the host
_HOST_KEY = "Host key verification failed"  # ssh's words, in any language; to wait does not help
_INTERPRETER = "discovered_interpreter_python"
_USER = r"[\w.][\w.@\\-]{0,254}\$?"  # of a directory, too: DOMAIN\\user, user@domain
_NOT_FOUND = 127  # a shell's exit code
# A shell's words, since there is nothing else yet; in English, by which it is known what may pass. It may have been cut off.
_INSTALL_PYTHON = """set -e
export LC_ALL=C
if command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive
apt-get -q -o APT::Update::Error-Mode=any update
dpkg --configure -a
apt-get -q -y install --no-install-recommends python3
elif command -v dnf >/dev/null; then dnf -q -y install python3
elif command -v zypper >/dev/null; then zypper -n install python3
elif command -v apk >/dev/null; then apk add python3
elif command -v pacman >/dev/null; then pacman -S --noconfirm --needed python || pacman -Sy --noconfirm --needed python
else exit {unknown}; fi"""
_UNREAD = dict.fromkeys(trouble.FACTS, lambda said: "see below")  # they are the host's, and only Python reads them
_UNKNOWN = 64  # the script's exit code where it knows no package manager
_BY_HAND = (
    "Python is missing on this host, and it has no package manager that is known here. Install Python. Where /usr can't be "
    "written to (Flatcar), put one under /opt (python-build-standalone, for instance), and set ansible_python_interpreter to it: "
    "/opt/python/bin/python3"
)


class Visit:
    """One host, reached through the connection of an action.

    Programs may speak the host's language there, so it's their names and exit codes that tell why one failed.
    """

    def __init__(self, action: HostAction, task_vars: dict[str, t.Any], user: str, options: dict[str, t.Any]) -> None:
        self.action = action
        self.user = user
        self.task_vars = task_vars
        self.connect_timeout: int = options["connect_timeout"]
        self.wait_timeout: int = options["wait_timeout"]
        self.python_installed = False
        self._done = "Nothing"

    def look(self, asked: dict[str, t.Any]) -> dict[str, t.Any]:
        """What engine_info says when it is asked for this; PlanError if it can't be had."""
        found = self._module(asked)
        if found.get("failed") and not self._refusal(found) and _no_python(found):
            self._install_python()
            found = self._module(asked)
        if found.get("failed"):
            raise self._error(found)
        return found

    def login(self) -> str:
        """Who is logged in there, which SSH's own configuration may say, and no variable; empty if it can't be told."""
        done = self._reached(lambda: self.action._low_level_execute_command("id -un", sudoable=False))
        said = str((done["stdout"].split() or [""])[-1])
        return said if re.fullmatch(_USER, said) else ""

    def _module(self, asked: dict[str, t.Any]) -> dict[str, t.Any]:
        name = "dockyard.machine.engine_info"
        return self._reached(lambda: self.action.ask(name, asked, self.task_vars))

    def _reached(self, call: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
        """What a call has to say once the host answers."""
        clock = _clock.Clock()
        end = clock.monotonic() + self.connect_timeout
        for _left in clock.poll(self.connect_timeout, PAUSE, PAUSE):
            try:
                return call()
            except AnsibleAuthenticationFailure:
                raise
            except AnsibleConnectionFailure as error:
                said = str(error)
                if "privilege escalation" in said:
                    raise self._error({"msg": said}) from error
                if _HOST_KEY in said:
                    raise PlanError(self._wrong_key(" ".join(said.split()).rstrip("."))) from error
                if clock.monotonic() >= end:
                    raise PlanError(
                        f"This host did not answer to SSH within {self.connect_timeout} s (docker_engine_connect_timeout): "
                        f"{said}. {self._done} was touched. Look whether it runs, and at address, port and network"
                    ) from error
            except AnsibleError as error:
                raise self._error({"msg": str(error)}) from error
            with contextlib.suppress(AnsibleError):
                self.action._connection.reset()
        raise AssertionError("the last round returns or raises")

    def _wrong_key(self, said: str) -> str:
        id = str(self.task_vars.get("machine_id") or "")
        if id and id not in said:  # ssh speaks of a machine's own key by that
            return (
                f"The SSH key of a jump host on the way to this machine is not known, or not the known one: {said}. {self._done} was touched. "
                "Put the jump host's key into the known_hosts of the user who runs Ansible, after a look at it"
            )
        if id:
            return (
                f"This machine's SSH key is not the pinned one, or none is pinned: {said}. {self._done} was touched. Find out why. If it was "
                "reinstalled on purpose, remove the machine and create it again. Of a machine that was adopted without its key, give the "
                "module machine its ssh_key"
            )
        return (
            f"This host's SSH key is not the one that is known here, or none is: {said}. {self._done} was touched. "
            "Put the right key into the known_hosts that ssh reads, after a look at it"
        )

    def _install_python(self) -> None:
        if self.action._task.check_mode:
            raise PlanError("Python is missing on this host, and check mode installs nothing.")
        # With the task's variables, of which a proxy may be one.
        variables = self.action._compute_environment_string()
        script = f"{variables} /bin/sh -c {shlex.quote(_INSTALL_PYTHON.format(unknown=_UNKNOWN))}".strip()

        def install() -> None:
            done = self._reached(lambda: self.action._low_level_execute_command(script))
            if done["rc"] == _UNKNOWN:
                raise PlanError(_BY_HAND)
            if done["rc"]:
                raise HostError(_last_words(done))

        self._done = "Python was being installed, nothing else"
        try:
            trouble.persistently(install, self.wait_timeout, facts=_UNREAD)
        except HostError as error:
            raise self._error({"msg": "Python can't be installed", "module_stderr": str(error)}) from error
        self._done = "Python was installed, nothing else"
        self.python_installed = True
        # What was found out without it doesn't hold any more.
        self.task_vars.get("ansible_facts", {}).pop(_INTERPRETER, None)

    def _error(self, found: dict[str, t.Any]) -> PlanError:
        host, said = self.task_vars.get("inventory_hostname", "The host"), _said(found)
        unread = "module_stdout" in found and malformed(host, "engine_info", said)
        return PlanError(self._refusal(found) or unread or said or "The host could not be looked at")

    def _refusal(self, found: dict[str, t.Any]) -> str:
        """Why it did not let us be root; empty if that is not why it failed."""
        # Of a host that does not know its own name, sudo says so and goes on.
        said = re.sub(r"sudo: unable to resolve host .*", "", _said(found))
        if re.search(r"sudo: (command )?not found|sudo: No such file", said) or (
            found.get("rc") == _NOT_FOUND and re.search(r"\bsudo: ", said)
        ):
            return (
                "There is no sudo on this host. Log in as root, install sudo, or set ansible_become_method to one that is "
                "there (su)."
            )
        if re.search(r"(Missing|Incorrect) \w+ password|privilege escalation|\bsudo: ", said):
            told = (found.get("module_stderr") or found.get("msg", "")).strip()
            return (
                f"{self.user} can't become root on this host: {told}. Give the right password (--ask-become-pass, or "
                "ansible_become_password from a vault), or allow the user to do so without one"
            )
        return ""


def _last_words(done: dict[str, t.Any]) -> str:
    """What a command said at its end. Where it had a terminal, its errors are in its output, and ssh has a word of its own."""
    lines = [*done["stdout"].splitlines(), *done["stderr"].splitlines()]
    return "\n".join([line for line in lines if line.strip() and not line.startswith("Shared connection to ")][-6:])


def _said(found: dict[str, t.Any]) -> str:
    texts = [str(found.get(part) or "").strip() for part in ("msg", "module_stderr", "module_stdout")]
    return ": ".join(dict.fromkeys(filter(None, texts)))


def _no_python(found: dict[str, t.Any]) -> bool:
    return found.get("rc") == _NOT_FOUND or bool(re.search(r"python\S*: (command )?not found", _said(found)))
