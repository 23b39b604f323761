# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Ansible as a user would, and tells what it did."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
import signal
import subprocess
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("DOCKYARD_BIN") or ROOT / ".venv" / "bin")
COUNTERS = ("ok", "changed", "failures", "unreachable", "skipped", "rescued", "ignored")


@dataclasses.dataclass
class Run:
    """What a run of Ansible did."""

    command: list[str]
    rc: int
    stdout: str
    stderr: str
    events: list[dict[str, t.Any]]

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """The recap: host -> counters."""
        return next((event["hosts"] for event in self.events if event["event"] == "stats"), {})

    @property
    def custom_stats(self) -> dict[str, t.Any]:
        """What set_stats left."""
        custom = next((event["custom"] for event in self.events if event["event"] == "stats"), {})
        return custom.get("_run", {})

    @property
    def plays(self) -> list[str]:
        return [event["name"] for event in self.events if event["event"] == "play"]

    def total(self, counter: str) -> int:
        """A counter of the recap over all hosts."""
        if counter not in COUNTERS:
            raise ValueError(f"no counter {counter}; there are {', '.join(COUNTERS)}")
        return sum(counters[counter] for counters in self.stats.values())

    @property
    def changed(self) -> int:
        return self.total("changed")

    def results(self, task: str = "", action: str = "", host: str = "", status: str = "") -> list[dict[str, t.Any]]:
        """Results, in order, of tasks whose name or action ends so, each with its "status" and "host"."""
        return [
            dict(event["result"], status=event["status"], host=event["host"])
            for event in self.events
            if event["event"] == "task"
            and event["task"].endswith(task)
            and event["action"].endswith(action)
            and event["host"].startswith(host)
            and event["status"].startswith(status)
        ]

    def result(self, **which: str) -> dict[str, t.Any]:
        """The one such result."""
        found = self.results(**which)
        assert len(found) == 1, f"{len(found)} results of {which}\n{self}"
        return found[0]

    @property
    def messages(self) -> str:
        """What all failures said, those of a loop's items as well, for assertions over error messages."""
        said = [event["result"] for event in self.events if event.get("status") in ("failed", "unreachable")]
        said += [item for one in said for item in one.get("results", ()) if item.get("failed")]
        return "\n".join([str(one.get("msg", one)) for one in said] + [self.stderr])

    def ok(self) -> Run:
        assert self.rc == 0, str(self)
        return self

    def failed(self) -> Run:
        assert self.rc != 0, f"did not fail\n{self}"
        return self

    def __str__(self) -> str:
        return f"$ {' '.join(self.command)}\nrc={self.rc}\n{self.stdout}\n{self.stderr}"


class Ansible:
    """An environment to run Ansible in: the installed artifact, a HOME of its own, nothing of the user's."""

    def __init__(self, collections: pathlib.Path, folder: pathlib.Path, bin_folder: pathlib.Path = BIN) -> None:
        self.collections = collections
        # Not a long one: the path of a socket in it has at most 107 bytes.
        self.folder = folder
        self.bin = bin_folder
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self._number = itertools.count()
        path = f"{bin_folder}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        # Python's requests prefers the CA files that the environment names to the one that a task names
        dropped = ("ANSIBLE_", "DOCK", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.environment = {
            **kept,
            "PATH": path,
            "HOME": str(self.home),
            # The baked image stays in the user's cache: it is named after its content
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "system" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "events",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
        }

    def command(
        self,
        program: str,
        *arguments: str,
        env: t.Mapping[str, str] | None = None,
        timeout: float = 900,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Run:
        """Runs one of Ansible's programs. After the limit the whole process group goes, and that is a failure."""
        with self.start(program, *arguments, env=env, cwd=cwd) as process:
            return process.wait(timeout)

    def start(
        self,
        program: str,
        *arguments: str,
        env: t.Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Process:
        """The same, without waiting: for runs side by side, and such as are killed."""
        events = self.folder / f"events-{next(self._number)}"
        command = [str(self.bin / program), *map(str, arguments)]
        environment = {**self.environment, "DOCKYARD_EVENTS": str(events), **(env or {})}
        return Process(command, environment, events, cwd or self.folder)

    def playbook(
        self,
        name: str,
        extra_vars: t.Mapping[str, t.Any] | None = None,
        *arguments: str,
        inventory: str | os.PathLike[str] | None = None,
        check: bool = False,
        **more: t.Any,
    ) -> Run:
        """ansible-playbook: a path, an FQCN, or the short name of one of our playbooks."""
        return self.command("ansible-playbook", *self._playbook(name, extra_vars, arguments, inventory, check), **more)

    def start_playbook(
        self,
        name: str,
        extra_vars: t.Mapping[str, t.Any] | None = None,
        *arguments: str,
        inventory: str | os.PathLike[str] | None = None,
        check: bool = False,
        **more: t.Any,
    ) -> Process:
        return self.start("ansible-playbook", *self._playbook(name, extra_vars, arguments, inventory, check), **more)

    def _playbook(
        self,
        name: str,
        extra_vars: t.Mapping[str, t.Any] | None,
        arguments: tuple[str, ...],
        inventory: str | os.PathLike[str] | None,
        check: bool,
    ) -> list[str]:
        if "/" not in name and "." not in name:
            name = f"dockyard.machine.{name}"
        # The vendor's repository can't be reached from a test: hosts get what their distribution has.
        command = [name, "--extra-vars", json.dumps({"docker_engine_source": "distro", **(extra_vars or {})})]
        if inventory is not None:
            command += ["--inventory", str(inventory)]
        if check:
            command += ["--check", "--diff"]
        return [*command, *arguments]

    def play(self, tasks: list[dict[str, t.Any]], hosts: str = "localhost", **play_and_more: t.Any) -> Run:
        """Runs tasks that the test wrote down. Keywords of the play may be given: vars, module_defaults, become…"""
        ours = {"inventory", "check", "env", "timeout", "extra_vars", "cwd"}
        more = {key: value for key, value in play_and_more.items() if key in ours}
        play = {"hosts": hosts, "gather_facts": False, "tasks": tasks}
        play.update((key, value) for key, value in play_and_more.items() if key not in ours)
        path = self.folder / f"play-{next(self._number)}.yml"
        path.write_text(json.dumps([play], indent=1))
        return self.playbook(str(path), more.pop("extra_vars", None), **more)

    def module(
        self,
        name: str,
        arguments: t.Mapping[str, t.Any] | None = None,
        *more_arguments: str,
        host: str = "localhost",
        inventory: str | os.PathLike[str] | None = None,
        check: bool = False,
        become: bool = False,
        **more: t.Any,
    ) -> Run:
        """Runs one module or action; ``.value`` is its result."""
        if "." not in name:
            name = f"dockyard.machine.{name}"
        command = [host, "--module-name", name, "--args", json.dumps(dict(arguments or {}))]
        if inventory is not None:
            command += ["--inventory", str(inventory)]
        if check:
            command += ["--check", "--diff"]
        if become:
            command += ["--become"]
        run = self.command("ansible", *command, *more_arguments, **more)
        return ModuleRun(**{field.name: getattr(run, field.name) for field in dataclasses.fields(run)})

    def inventory(self, source: str | os.PathLike[str], *arguments: str, **more: t.Any) -> dict[str, t.Any]:
        """What ``ansible-inventory --list`` says."""
        run = self.command("ansible-inventory", "--inventory", str(source), "--list", *arguments, **more).ok()
        return json.loads(run.stdout)


class ModuleRun(Run):
    @property
    def value(self) -> dict[str, t.Any]:
        assert len(self.results()) == 1, str(self)
        return self.results()[0]


class Process:
    """A run under way, in a process group of its own."""

    def __init__(
        self, command: list[str], environment: dict[str, str], events: pathlib.Path, cwd: str | os.PathLike[str]
    ) -> None:
        self.command = command
        self.events = events
        self.popen = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait(self, timeout: float = 900) -> Run:
        try:
            stdout, stderr = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            stdout, stderr = self.popen.communicate()
            raise AssertionError(f"{' '.join(self.command)} took longer than {timeout} s\n{stdout}\n{stderr}") from None
        events = [json.loads(line) for line in self.events.read_text().splitlines()] if self.events.exists() else []
        return Run(self.command, self.popen.returncode, stdout, stderr, events)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """The playbook and all that it started in its group."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, how)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *details: object) -> None:
        self.kill()


def processes_of(folder: str | os.PathLike[str]) -> dict[int, str]:
    """Processes in whose arguments a folder appears: pid -> command line."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(folder) in command and int(path.name) != os.getpid():
            found[int(path.name)] = command
    return found
