# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who leaves, who is no manager any longer, and whether the managers that stay are enough."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._look import DRAINED, Cluster, Local, Node
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._plan import LeavingSteps


def majority(managers: int) -> int:
    return managers // 2 + 1


def _was(node: Node) -> str:
    """How available a node was before the role drained it, which an earlier run may have done."""
    return node.labels.get(DRAINED) or node.availability


def demotions(all_nodes: list[Node], nodes: list[Node]) -> list[Node]:
    """The order in which managers are to become workers: each step must leave a majority of those that stay."""
    managers = [node for node in all_nodes if node.role == "manager"]
    ordered = sorted((node for node in nodes if node.role == "manager"), key=lambda node: node.reachable)
    total, reachable = len(managers), sum(1 for node in managers if node.reachable)
    for node in ordered:
        total, reachable = total - 1, reachable - node.reachable
        if total == 0:
            raise MachineError(
                f"{node.name} is the last manager of the swarm, and its other nodes would be left without one",
                code="last_manager",
                remedy="Let another host be a manager first, or take the whole swarm down",
            )
        if reachable < majority(total):
            raise MachineError(
                f"Without the manager {node.name}, {reachable} of {total} managers could be reached, and the swarm needs "
                f"{majority(total)} of them",
                code="quorum",
                remedy="Bring back the managers that can't be reached, or let other hosts be managers first",
            )
    return ordered


def plan_leaving(
    cluster: Cluster | None,
    going: dict[str, Node | None],
    staying: set[str],
    looks: dict[str, Local],
    may_end: bool,
    joining: t.Collection[str],
    taken: bool,
) -> LeavingSteps:
    """Steps for the hosts that are to be out of the swarm.

    ``staying``: ids of other hosts' nodes. ``may_end``: also if no manager answers, or only dead nodes of no host are left.
    ``joining``: hosts that become nodes before. ``taken``: whether a host that is wanted takes the orders by then.
    """
    members = {host: node for host, node in going.items() if node}
    if cluster is None:
        stuck = [host for host in going if host in looks and not looks[host].inactive]
        if stuck and not may_end:
            raise MachineError(
                f"{', '.join(stuck)} can't be taken out of the swarm: no manager of it answers",
                code="no_manager",
                remedy="Put a manager that stays into the play, with docker_swarm_state 'kept'. If the whole swarm is to end, set "
                "docker_swarm_may_end",
            )
        # All that is there goes: a swarm ends with its last node.
        return LeavingSteps(leave=stuck, dissolve=True)
    ready = [host for host, node in members.items() if node.ready]
    ids = {node.id for node in members.values()}
    left = [node for node in cluster.nodes if node.id not in ids]
    if members and not joining and (not left or may_end and not any(node.ready or node.id in staying for node in left)):
        return LeavingSteps(leave=ready, dissolve=True)
    if cluster.manager in members and not taken:
        raise MachineError(
            f"No manager that stays could be asked, only {cluster.manager}, which is to leave",
            code="no_manager",
            remedy="Put a manager that stays into the play, with docker_swarm_state 'kept', or let another host be one. If the "
            "whole swarm is to end, also for nodes that are down, let their hosts leave, too, or set docker_swarm_may_end",
        )
    return LeavingSteps(
        drain=[{"host": host, "id": members[host].id, "was": _was(members[host])} for host in ready],
        leave=ready,
        remove=[node.id for node in members.values()],
    )
