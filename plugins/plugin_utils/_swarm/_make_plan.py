# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a swarm: from what is wanted of each host and what was seen to what is to be done.

Pure: no host, no clock, no files. It is made up to three times in a run, with more seen each time: from a manager's
word alone, which is enough when nothing is to be done; with the word of the hosts that the managers don't vouch for;
and after the joins.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm import _checks, _leaving, _nodes, _settings
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._look import (
    HOST,
    KEY,
    Cluster,
    Local,
    Node,
    cluster_of,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._plan import Plan, SwarmView, Wish

Nodes = dict[str, t.Optional[Node]]


def make_plan(
    wishes: dict[str, Wish],
    seen: SwarmView,
    settings: dict[str, t.Any] | None = None,
    rotate: t.Sequence[str] = (),
    may_end: bool = False,
) -> Plan:
    """The plan; MachineError if it can't or must not be done."""
    _checks.check_wishes(wishes, rotate)
    settings = _settings.normal(settings or {})
    plan = Plan()
    cluster = cluster_of(seen.answers)
    nodes = {host: _node_of(host, wish, cluster, seen.looks) for host, wish in wishes.items()}
    plan.unsure = [
        host
        for host, wish in wishes.items()
        if host not in (*seen.looks, *seen.silent) and _is_unsure(wish, nodes[host], cluster)
    ]
    plan.cluster = cluster.id if cluster else ""
    plan.manager = _spokesman(wishes, nodes, cluster)
    if plan.unsure:
        plan.changes.append(f"look at {', '.join(plan.unsure)}")
        return plan
    wanted = {host: wish for host, wish in wishes.items() if wish.state == "present"}
    managers = sum(wish.role == "manager" for wish in wanted.values())
    if managers and managers % 2 == 0:
        plan.warnings.append(f"{managers} managers survive the loss of no more of them than {managers - 1} do")
    going = {host: nodes[host] for host, wish in wishes.items() if wish.state == "absent"}
    _checks.check_hosts(plan, wishes, nodes, cluster, seen, may_end)
    if cluster is None:
        _checks.refuse_without_kept(plan, wishes, seen)
        _plan_init(plan, wanted, seen, settings)
    _plan_joins(plan, wanted, seen)
    staying = {node.id for host, node in nodes.items() if node and host not in going}
    if plan.manager in going or plan.manager in wanted and wanted[plan.manager].role == "worker":
        plan.successor = _successor(wanted, nodes)
    taken = bool(plan.successor) or plan.manager in wanted or "manager" in plan.join.values()
    plan.leaving = _leaving.plan_leaving(cluster, going, staying, seen.looks, may_end, plan.join, taken)
    if cluster:
        stale = _stale(wishes, nodes, cluster)
        plan.leaving.remove += [node.id for node in stale]
        leaving = [] if plan.leaving.dissolve else [*filter(None, going.values()), *stale]
        last = _demotions(plan, wanted, leaving, nodes, cluster)
        # Those that leave are demoted after those that stay, except where they are lost: they would count against these.
        staying_to = max((at for at, id in enumerate(last) if id not in plan.leaving.remove), default=0)
        lost = [id for id in last[:staying_to] if id in plan.leaving.remove]
        plan.leaving.demote = [id for id in last[staying_to:] if id in plan.leaving.remove]
        locks = cluster.locks and settings.get("autolock_managers", True)
        _nodes.plan_nodes(plan, wanted, nodes, locks, last, lost)
        if wanted:
            _plan_settings(plan, cluster, settings, rotate)
            _plan_key(plan, nodes, cluster, seen)
        _warn(plan, wanted, nodes, stale, cluster)
        plan.changes += [f"remove the former node {node.id} of {node.name}" for node in stale]
    for host, node in going.items():
        if node:
            plan.before[host] = node.described()
            plan.changes.append(f"take {host} out of the swarm" + ("" if node.ready else ", where it is down"))
        elif host in plan.leaving.leave:
            plan.changes.append(f"remove {host} from its swarm")
        elif host in seen.silent and not (cluster and all(HOST in node.labels for node in cluster.nodes)):
            plan.warnings.append(
                f"{host} can't be reached, and no node is known to be it: if it is one, it stays in its swarm"
            )
    return plan


def _node_of(host: str, wish: Wish, cluster: Cluster | None, looks: dict[str, Local]) -> Node | None:
    """The node that a host is: by its own word, else by the label that the role gave its node."""
    if cluster is None:
        return None
    if host in looks:
        mine = [node for node in cluster.nodes if looks[host].id and node.id == looks[host].id]
        if mine or wish.state == "present":
            return mine[0] if mine else None
    mine = [node for node in cluster.nodes if node.labels.get(HOST) == wish.identity]
    return next((node for node in mine if node.ready), mine[0] if mine else None)


def _is_unsure(wish: Wish, node: Node | None, cluster: Cluster | None) -> bool:
    if wish.state == "kept":
        return cluster is None
    if wish.state == "absent" and node:
        return False
    return not (node and node.ready)


def _spokesman(wishes: dict[str, Wish], nodes: dict[str, Node | None], cluster: Cluster | None) -> str:
    """The manager that takes orders: one that stays a manager, if there is one."""
    if cluster is None:
        return ""
    staying = [
        host
        for host, node in nodes.items()
        if node
        and node.ready
        and node.role == "manager"
        and (wishes[host].role == "manager" or wishes[host].state == "kept")
        and wishes[host].state != "absent"
    ]
    return cluster.manager if cluster.manager in staying or not staying else staying[0]


def _successor(wanted: dict[str, Wish], nodes: Nodes) -> dict[str, str]:
    """A worker that is to be a manager: where none of the managers stays one, it comes before all else."""
    ready = ((host, node) for host in wanted if (node := nodes[host]) and node.ready)
    return next(({"host": host, "id": node.id} for host, node in ready if wanted[host].role == "manager"), {})


def _demotions(plan: Plan, wanted: dict[str, Wish], leaving: list[Node], nodes: Nodes, cluster: Cluster) -> list[str]:
    """The nodes that are to be managers no longer, in an order that never leaves too few, joins and promotions made."""
    promoted = {
        node.id for host, wish in wanted.items() if (node := nodes[host]) and node.ready and wish.role == "manager"
    }
    future = [
        dataclasses.replace(node, role="manager", reachable=True)
        if node.id in promoted and node.role == "worker"
        else node
        for node in cluster.nodes
    ]
    future += [
        Node(host, host, role, "active", {}, True, True) for host, role in plan.join.items() if role == "manager"
    ]
    demoted = [node for host, wish in wanted.items() if (node := nodes[host]) and wish.role == "worker"]
    return [node.id for node in _leaving.demotions(future, [*demoted, *leaving])]


def _stale(wishes: dict[str, Wish], nodes: Nodes, cluster: Cluster) -> list[Node]:
    """What a host was that has left by itself, and has another node now or none."""
    mine = {wish.identity: nodes[host] for host, wish in wishes.items() if wish.state != "kept"}
    return [
        node
        for node in cluster.nodes
        if not node.ready and node.labels.get(HOST) in mine and (now := mine[node.labels[HOST]]) and node.id != now.id
    ]


def _plan_init(plan: Plan, wanted: dict[str, Wish], seen: SwarmView, settings: dict[str, t.Any]) -> None:
    """A new swarm, made by one host only, and only if no other swarm can be there."""
    managers = [host for host, wish in wanted.items() if wish.role == "manager"]
    if not wanted or plan.unlock or any(not seen.looks[host].inactive for host in wanted if host in seen.looks):
        return
    if seen.missing:
        raise MachineError(
            f"No swarm was found, and of the hosts that may be its managers {', '.join(seen.missing)} could not be looked at: a "
            "new swarm might be a second one",
            code="missing_manager",
            remedy="Run this with all managers, once they can be reached. Hosts that are managers of another swarm need another "
            "docker_swarm_managers_group. One that failed before it came to this role may be one, unless its group or its "
            "variables say that it is a worker",
        )
    if not managers:
        raise BadOption(
            "docker_swarm_role",
            f"'worker' is the only role of {', '.join(wanted)}",
            "Add a manager, which a swarm requires",
        )
    plan.init, plan.settings = managers[0], settings
    plan.changes.append(f"begin the swarm on {plan.init}")
    plan.after[plan.init] = "manager"


def _plan_joins(plan: Plan, wanted: dict[str, Wish], seen: SwarmView) -> None:
    for host, wish in wanted.items():
        look = seen.looks.get(host)
        if look and look.inactive and host != plan.init:
            plan.join[host] = wish.role
            plan.changes.append(f"join {host} as {wish.role}")
            plan.after[host] = wish.role


def _plan_settings(plan: Plan, cluster: Cluster, settings: dict[str, t.Any], rotate: t.Sequence[str]) -> None:
    differ = _settings.changes(cluster.spec, settings)
    if not differ and not rotate:
        return
    plan.settings = {
        **_settings.whole(cluster.spec, settings),
        **{f"rotate_{kind}_token": True for kind in rotate},
    }
    for name, (before, after) in differ.items():
        plan.changes.append(f"set {name}")
        plan.before[f"settings {name}"], plan.after[f"settings {name}"] = str(before), str(after)
    plan.changes += [f"make a new token for {kind}s" for kind in rotate]


def _plan_key(plan: Plan, nodes: Nodes, cluster: Cluster, seen: SwarmView) -> None:
    """Hand on the key of a swarm that locks its managers, until somebody has it: a run can be cut short before."""
    locks = plan.settings.get("autolock_managers", cluster.locks)
    noted = cluster.locks and any(KEY in node.labels for node in cluster.nodes)
    if seen.keeper and locks and not noted:
        teller = nodes.get(plan.manager)
        plan.hand_on = (teller or cluster.managers[0]).id
        plan.changes.append("hand on the key that unlocks managers")


def _warn(plan: Plan, wanted: dict[str, Wish], nodes: Nodes, stale: list[Node], cluster: Cluster) -> None:
    known = {node.id: host for host, node in nodes.items() if node}
    for node in cluster.nodes:
        if node.ready or node in stale:
            continue
        if known.get(node.id) in wanted:
            plan.warnings.append(
                f"The managers don't hear of {known[node.id]}, whose Engine is in the swarm: see that it reaches port 2377 of "
                "the managers, and port 7946 of all nodes"
            )
        elif node.id not in known:
            plan.warnings.append(
                f"The node {node.name} ({node.role}, {node.id}) is down and is not one of these hosts; if it is permanently lost, "
                "docker node rm removes it"
            )
    managers = cluster.managers
    lost = [node.name for node in managers if not node.reachable]
    if lost:
        plan.warnings.append(
            f"The managers {', '.join(lost)} can't be reached: {len(managers) - len(lost)} of {len(managers)} are there, and "
            f"the swarm needs {_leaving.majority(len(managers))}"
        )


__all__ = ["Local", "Plan", "SwarmView", "Wish", "make_plan"]
