# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the chapters of the plan share: what is wanted, what was seen, and the plan that grows."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._look import Local

ROLES, STATES, AVAILABILITIES = ("manager", "worker"), ("present", "absent", "kept"), ("", "active", "pause", "drain")
TOKENS = ROLES


@dataclasses.dataclass
class Wish:
    """What is wanted of a host. ``kept``: as it is; it only tells of the swarm, and takes orders for it."""

    state: str = "present"
    role: str = ""
    availability: str = ""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    identity: str = ""


@dataclasses.dataclass
class LeavingSteps:
    """Steps by which hosts get out of the swarm, in this order."""

    drain: list[dict[str, str]] = dataclasses.field(default_factory=list)  # host, id, and how available it was
    demote: list[str] = dataclasses.field(default_factory=list)  # ids
    leave: list[str] = dataclasses.field(default_factory=list)  # hosts
    remove: list[str] = dataclasses.field(default_factory=list)  # ids
    dissolve: bool = False  # the swarm ends with these hosts


@dataclasses.dataclass
class Plan:
    """What is to be done, in words, as steps, and as a difference."""

    changes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    unsure: list[str] = dataclasses.field(default_factory=list)  # hosts whose own word is needed
    cluster: str = ""  # the swarm's id
    manager: str = ""  # the host that takes the orders
    successor: dict[str, str] = dataclasses.field(default_factory=dict)  # host and id, of who is to take them before it
    unlock: list[str] = dataclasses.field(default_factory=list)
    init: str = ""
    join: dict[str, str] = dataclasses.field(default_factory=dict)  # host -> role
    nodes: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)  # arguments of docker_node
    settings: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # arguments of docker_swarm
    hand_on: str = ""  # the node that notes that the key which unlocks managers was handed on
    leaving: LeavingSteps = dataclasses.field(default_factory=LeavingSteps)
    before: dict[str, str] = dataclasses.field(default_factory=dict)
    after: dict[str, str] = dataclasses.field(default_factory=dict)

    def diff(self) -> dict[str, str]:
        texts = [
            "".join(f"{name}: {said}\n" for name, said in sorted(side.items())) for side in (self.before, self.after)
        ]
        return {"before_header": "swarm", "after_header": "swarm", "before": texts[0], "after": texts[1]}


@dataclasses.dataclass
class SwarmView:
    """All that a plan is made from, beside the wishes."""

    answers: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    looks: dict[str, Local] = dataclasses.field(default_factory=dict)
    silent: list[str] = dataclasses.field(default_factory=list)  # hosts that were to be looked at, and can't be reached
    missing: list[str] = dataclasses.field(default_factory=list)  # wanted managers that the play does not reach
    key: bool = False  # whether there is a key to unlock with
    keeper: bool = False  # whether there is somebody to hand the swarm's own key on to
    check_mode: bool = False
