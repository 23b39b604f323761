# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen: the swarm as one of its managers tells it, and each host as it tells itself."""

from __future__ import annotations

import dataclasses
import typing as t

# Node labels of the role's own. They say which host a node is, which labels are ours to take away again, how available a
# node was before the role drained it, and that the key which unlocks managers was handed on.
HOST, OURS, DRAINED, KEY = "dockyard.host", "dockyard.labels", "dockyard.drained", "dockyard.key"
OWN_LABELS = (HOST, OURS, DRAINED, KEY)


@dataclasses.dataclass
class Node:
    """A node as the managers know it."""

    id: str
    hostname: str
    role: str
    availability: str
    labels: dict[str, str]
    ready: bool
    reachable: bool  # of a manager: whether the others reach it

    @classmethod
    def of(cls, said: dict[str, t.Any]) -> Node:
        spec, status = said["Spec"], said.get("Status") or {}
        return cls(
            id=said["ID"],
            hostname=(said.get("Description") or {}).get("Hostname") or said["ID"],
            role=spec["Role"],
            availability=spec["Availability"],
            labels=spec.get("Labels") or {},
            ready=status.get("State") == "ready",
            reachable=(said.get("ManagerStatus") or {}).get("Reachability") == "reachable",
        )

    @property
    def name(self) -> str:
        return self.labels.get(HOST) or self.hostname

    @property
    def own_labels(self) -> dict[str, str]:
        """Those that the role has set, of its user's."""
        names = [name for name in self.labels.get(OURS, "").split(",") if name]
        return {name: self.labels[name] for name in names if name in self.labels}

    def described(self) -> str:
        labels = "".join(f" {name}={value}" for name, value in sorted(self.labels.items()) if name not in OWN_LABELS)
        return f"{self.role} {self.availability}{labels}"


@dataclasses.dataclass
class Cluster:
    """A swarm, told by the host ``manager``."""

    manager: str
    id: str
    spec: dict[str, t.Any]
    nodes: list[Node]

    @property
    def managers(self) -> list[Node]:
        return [node for node in self.nodes if node.role == "manager"]

    @property
    def locks(self) -> bool:
        """Whether managers come up locked."""
        return bool((self.spec.get("EncryptionConfig") or {}).get("AutoLockManagers"))


@dataclasses.dataclass
class Local:
    """A host's own word on its Engine; ``state`` is one of inactive, pending, active, locked, error."""

    running: bool
    state: str
    id: str
    manager: bool
    managers: list[str]
    error: str

    @classmethod
    def of(cls, engine: dict[str, t.Any]) -> Local:
        node, running = engine.get("swarm_node") or {}, bool(engine.get("running"))
        return cls(
            running=running,
            # Of one that does not answer, what lies on its disk is no word of its own.
            state=(running and engine.get("swarm")) or "inactive",
            id=node.get("id") or "",
            manager=bool(node.get("manager")),
            managers=[str(address) for address in node.get("managers") or []],
            error=node.get("error") or "",
        )

    @property
    def inactive(self) -> bool:
        return self.state in ("inactive", "")

    @property
    def leaderless(self) -> bool:
        """A manager of a swarm that has lost its quorum."""
        return self.state == "active" and self.manager and "leader" in self.error


def cluster_of(answers: list[dict[str, t.Any]]) -> Cluster | None:
    """The swarm, from what community.docker.docker_swarm_info answered on each host that was asked."""
    for answer in answers:
        if answer.get("docker_swarm_manager") and answer.get("swarm_facts"):
            facts = answer["swarm_facts"]
            nodes = [Node.of(one) for one in answer.get("nodes") or []]
            return Cluster(str(answer["item"]), facts["ID"], facts.get("Spec") or {}, nodes)
    return None


def messages_of(answers: list[dict[str, t.Any]]) -> dict[str, str]:
    """Why hosts did not answer as managers."""
    return {str(answer["item"]): str(answer["msg"]) for answer in answers if answer.get("msg")}
