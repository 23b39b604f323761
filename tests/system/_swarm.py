# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the role docker_swarm on container hosts, and looks at what came of it."""

from __future__ import annotations

import json
import pathlib
import typing as t

from tests.beds.hosts import Host
from tests.system._harness import Ansible, Run

PLAYBOOKS = pathlib.Path(__file__).parent / "playbooks"
TOKEN, KEY = "SWMTKN-", "SWMKEY-"
# So that a node that has left is seen as down after 3 s, not after 15
SETTINGS = {"dispatcher_heartbeat_period": 1_000_000_000}


def swarm_of(host: Host) -> dict[str, t.Any]:
    return json.loads(host.out("docker info -f '{{json .Swarm}}'"))


def nodes(manager: Host) -> dict[str, str]:
    """Nodes as a manager tells them: host name -> state, availability, and what it is among the managers."""
    listed = manager.out("docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'")
    return {line.split()[0]: " ".join(line.split()[1:]) for line in listed.splitlines()}


class Role:
    """The playbook with the role on hosts, and managers that are locked."""

    def __init__(self, ansible: Ansible, hosts: list[Host], folder: pathlib.Path) -> None:
        self.ansible, self.hosts, self.folder = ansible, hosts, folder
        self.key = folder / "swarm.key"

    def __call__(self, parts: str, *arguments: str, each: t.Any = None, **more: t.Any) -> Run:
        """``parts``: what each host is to be, manager, worker or absent; ``each``: variables of one, by its name."""
        groups: dict[str, t.Any] = {f"docker_swarm_{part}s": {"hosts": {}} for part in ("manager", "worker", "absent")}
        for host, part in zip(self.hosts, parts.split(), strict=True):
            said = {"docker_swarm_state": "absent"} if part == "absent" else {}
            groups[f"docker_swarm_{part}s"]["hosts"][host.name] = {
                **host.variables(),
                **said,
                **(each or {}).get(host.name, {}),
            }
        source = self.folder / "hosts.json"
        source.write_text(json.dumps({"all": {"children": groups}}))
        extra = {
            "docker_swarm_unlock_key_tasks": str(PLAYBOOKS.parent / "tasks" / "keep_key.yml"),
            "key_file": str(self.key),
            "swarm_hooks": str(_role(self.ansible) / "tasks"),
            "docker_swarm_settings": {"autolock_managers": True},
        }
        return self.ansible.playbook(str(PLAYBOOKS / "swarm.yml"), {**extra, **more}, *arguments, inventory=source)


def _role(ansible: Ansible) -> pathlib.Path:
    collections = pathlib.Path(ansible.environment["ANSIBLE_COLLECTIONS_PATH"])
    return collections / "ansible_collections" / "dockyard" / "machine" / "roles" / "docker_swarm"
