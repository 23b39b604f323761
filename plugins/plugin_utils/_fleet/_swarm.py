# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machines of a fleet are the nodes of its swarm, and which are to leave one. Pure: reads and changes nothing."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError

KEYS = ("managers",)
# What the role docker_engine is told for nodes of a swarm: no live-restore, and a node is drained while its Engine restarts
_TASKS = pathlib.Path(__file__).parents[3] / "roles" / "docker_swarm" / "tasks"
FOR_NODES = {
    "docker_engine_live_restore": False,
    "docker_engine_interrupt": True,  # what is not drained by then is refused by the first of these
    "docker_engine_before_restart": str(_TASKS / "before_restart.yml"),
    "docker_engine_after_restart": str(_TASKS / "after_restart.yml"),
    "docker_engine_one_at_a_time": True,
}
PARTS = ("manager", "worker", "none")  # what a role of the fleet may be in the swarm


@dataclasses.dataclass
class Members:
    """The swarm, as far as a run has to do with it."""

    nodes: dict[str, str] = dataclasses.field(default_factory=dict)  # machine -> manager or worker
    leaving: list[str] = dataclasses.field(default_factory=list)
    others: list[str] = dataclasses.field(default_factory=list)  # managers that stay, which this run does not set up
    may_end: bool = False  # nobody else is recorded in the swarm of those who leave

    @property
    def managers(self) -> list[str]:
        return [name for name, part in self.nodes.items() if part == "manager"]


def nodes_of_fleet(fleet: dict[str, t.Any], names: dict[str, list[str]]) -> dict[str, str]:
    """The nodes of a checked fleet, from the machines of each role."""
    swarm, parts = fleet.get("swarm"), _parts(fleet)
    if swarm is None:
        return {}
    if not isinstance(swarm, dict):
        raise BadOption("machine_fleet.swarm", f"{swarm!r} is not a dictionary", "Give it like {managers: 1}")
    for key in swarm:
        if key not in KEYS:
            raise BadOption(f"machine_fleet.swarm.{key}", "not a supported key", f"There are {', '.join(KEYS)}")
    dedicated = "manager" in parts.values()
    able = [name for role, part in parts.items() for name in names[role] if part == ("manager" if dedicated else None)]
    wanted = swarm.get("managers", len(able) if dedicated else None)
    try:
        count = int(str(wanted))
    except ValueError:
        count = 0
    if count < 1:
        raise BadOption(
            "machine_fleet.swarm.managers", f"{wanted!r} is not a valid number of managers", "Give 1, 3 or 5"
        )
    if count > len(able):
        raise BadOption(
            "machine_fleet.swarm.managers",
            f"{wanted!r} is more than the number of machines that can be managers ({len(able)})",
            "Give fewer, or increase the count of roles",
        )
    managers = set(able[:count])
    return {
        name: "manager" if name in managers else "worker"
        for role, part in parts.items()
        if part != "none"
        for name in names[role]
    }


def _parts(fleet: dict[str, t.Any]) -> dict[str, str | None]:
    parts = {role: one.get("swarm") for role, one in fleet["roles"].items()}
    for role, part in parts.items():
        where = f"machine_fleet.roles.{role}.swarm"
        if part is not None and part not in PARTS:
            raise BadOption(where, f"{part!r} is not supported", f"There are {', '.join(PARTS)}")
        if part is not None and fleet.get("swarm") is None:
            raise BadOption(where, f"{part!r} requires a swarm", "Set machine_fleet.swarm, as in {managers: 1}")
    return parts


def for_node(part: str, managers: str) -> dict[str, t.Any]:
    """What the roles are told for a node. ``managers``: the group that its managers are in."""
    # The state, since an earlier part of the same playbook may have let the host of that name leave.
    return {
        "docker_swarm_role": part,
        "docker_swarm_state": "present",
        "docker_swarm_managers_group": managers,
        **FOR_NODES,
    }


def even_managers(nodes: dict[str, str]) -> str | None:
    """What is worth saying of the number of managers."""
    count = sum(part == "manager" for part in nodes.values())
    if count % 2 or not count:
        return None
    return f"machine_fleet.swarm.managers: {count} managers survive the loss of no more of them than {count - 1} do"


def members(
    nodes: dict[str, str],
    recorded: dict[str, dict[str, t.Any]],
    going: t.Iterable[str],
    set_up: t.Container[str] | None = None,
) -> Members:
    """The swarm of a run. ``recorded``: for each machine that is a node by its record, cluster and role.

    ``set_up``: the machines that the run is about, where those are not all of ``nodes`` (machine_limit).
    """
    set_up = nodes if set_up is None else set_up
    leaving = [name for name in going if name in recorded]
    clusters = {recorded[name]["cluster"] for name in (leaving or [name for name in nodes if name in recorded])}
    if len(clusters) > 1:
        raise MachineError(
            f"{', '.join(leaving or nodes)} are nodes of {len(clusters)} swarms",
            code="swarms",
            remedy="Do this for the machines of one swarm at a time (machine_names, machine_limit)",
        )
    staying = [name for name, one in recorded.items() if one["cluster"] in clusters and name not in leaving]
    others = [name for name in staying if recorded[name]["role"] == "manager" and name not in set_up]
    return Members(nodes, leaving, others, may_end=bool(leaving) and not staying)
