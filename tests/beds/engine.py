# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the role docker_engine on hosts by ansible-playbook, and looks at what came of it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from tests.beds import image
from tests.beds._base import BedError, run
from tests.beds.hosts import Host

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAYBOOK = ROOT / "tests" / "system" / "playbooks" / "engine.yml"


@dataclasses.dataclass
class Authority:
    """Two CAs in a folder, and a client's key pair."""

    folder: pathlib.Path

    def make(self) -> Authority:
        self.folder.mkdir()
        for name, text in _tls.new_authorities().items():
            (self.folder / name).write_text(text)
        self.client("client", self.pem("client-ca.pem"), self.pem("client-ca-key.pem"))
        return self

    def pem(self, name: str) -> str:
        return (self.folder / name).read_text()

    def client(self, name: str, ca: str, key: str) -> pathlib.Path:
        """A folder for DOCKER_CERT_PATH with a client's certificate from this CA."""
        folder = self.folder / name
        folder.mkdir()
        own = _tls.new_key()
        (folder / "ca.pem").write_text(self.pem("server-ca.pem"))
        (folder / "key.pem").write_text(own)
        (folder / "cert.pem").write_text(_tls.issue_client(ca, key, name, own))
        return folder

    def variables(self) -> dict[str, str]:
        return {
            "docker_engine_server_ca_cert": str(self.folder / "server-ca.pem"),
            "docker_engine_server_ca_key": str(self.folder / "server-ca-key.pem"),
            "docker_engine_client_ca_cert": str(self.folder / "client-ca.pem"),
        }


@dataclasses.dataclass
class Played:
    """What a run of ansible-playbook said."""

    rc: int
    text: str
    data: dict[str, t.Any]

    @property
    def changed(self) -> int:
        return sum(stats["changed"] for stats in self.data["stats"].values())

    def tasks(self) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
        for played in self.data["plays"]:
            for task in played["tasks"]:
                for result in task["hosts"].values():
                    yield task["task"]["name"], result

    def of(self, host: Host) -> Played:
        """What it said of one host."""
        plays = [
            {
                "tasks": [
                    {**task, "hosts": {host.name: task["hosts"][host.name]}}
                    for task in tasks
                    if host.name in task["hosts"]
                ]
            }
            for tasks in (played["tasks"] for played in self.data["plays"])
        ]
        stats = self.data["stats"][host.name]
        return Played(
            int(bool(stats["failures"] or stats["unreachable"])), "", {"plays": plays, "stats": {host.name: stats}}
        )

    def result(self, name: str) -> dict[str, t.Any]:
        """The last result of the task whose name ends so."""
        return [result for task, result in self.tasks() if task.endswith(name)][-1]

    @property
    def message(self) -> str:
        """Why it failed."""
        return " ".join(
            str(result.get("msg")) for task, result in self.tasks() if result.get("failed") or result.get("unreachable")
        )

    @property
    def facts(self) -> dict[str, t.Any]:
        return self.result("Set the result")["ansible_facts"]["docker_engine_result"]


class Player:
    """Runs the playbook against hosts."""

    def __init__(self, folder: pathlib.Path, collections: pathlib.Path, variables: t.Mapping[str, t.Any]) -> None:
        self.folder = folder
        self.collections = collections
        (folder / "ansible.cfg").touch()
        # The vendor's repository can't be reached from here: hosts get what their distribution has.
        self.common = {"docker_engine_source": "distro", **variables}

    def environment(self) -> dict[str, str]:
        # ANSIBLE_* of the caller's shell must not decide a test.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return kept | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }

    def command(
        self,
        hosts: t.Sequence[Host],
        variables: t.Mapping[str, t.Any],
        *arguments: str,
        each: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
    ) -> list[str]:
        inventory = self.folder / f"{hosts[0].name}-{len(hosts)}.json"
        listed = {host.name: {**host.variables(), **(each or {}).get(host.name, {})} for host in hosts}
        inventory.write_text(json.dumps({"all": {"vars": self.common, "hosts": listed}}))
        extra = self.folder / "extra.json"
        extra.write_text(json.dumps(dict(variables)))
        playbook = pathlib.Path(sys.executable).with_name("ansible-playbook")
        return [str(playbook), "-i", str(inventory), str(PLAYBOOK), "-e", f"@{extra}", *arguments]

    # ``ok`` is whether the run must end well; None leaves that to the test.
    def __call__(
        self,
        *hosts: Host,
        ok: bool | None = True,
        arguments: t.Sequence[str] = (),
        each: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
        **variables: t.Any,
    ) -> Played:
        """Variables are for all hosts; in ``each`` are those of one, by its name."""
        done = subprocess.run(
            self.command(hosts, variables, *arguments, each=each),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        text = done.stdout + done.stderr
        start = done.stdout.find("{\n")
        try:
            # With -v and more, other lines come before and after.
            data = json.JSONDecoder().raw_decode(done.stdout[start:])[0]
        except ValueError:
            raise BedError(f"ansible-playbook ended with {done.returncode}:\n{text}") from None
        played = Played(done.returncode, text, data)
        if ok is not None and ok == bool(done.returncode):
            raise BedError(f"ansible-playbook ended with {done.returncode}: {played.message}\n{text}")
        return played


def docker(host: Host, client: pathlib.Path, *arguments: str, check: bool = True, **more: t.Any) -> t.Any:
    """A docker command over mutual TLS, from here."""
    tls = ("--tlsverify", *(f"--tls{name}={client / file}" for name, file in _FILES))
    return run("docker", *tls, "-H", f"tcp://{host.address}:2376", *arguments, check=check, **more)


_FILES = (("cacert", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem"))


def start_container(host: Host, client: pathlib.Path, archive: pathlib.Path, *options: str) -> str:
    """A container that runs until it is removed; its id."""
    if not archive.exists():
        image.build(archive)
    docker(host, client, "load", "-i", str(archive))
    return docker(host, client, "run", "-d", *options, image.NAME, "sleep", "100000").stdout.strip()


def container_pid(host: Host, client: pathlib.Path, container: str) -> str:
    return docker(host, client, "inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", container).stdout.strip()


def engine_pid(host: Host) -> str:
    return host.out("systemctl show -P MainPID docker.service")
