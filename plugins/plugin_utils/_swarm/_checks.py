# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused before anything is touched: bad input, and hosts in a state in which nothing may be decided for them."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._look import (
    HOST,
    OWN_LABELS,
    Cluster,
    Local,
    Node,
    messages_of,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._plan import (
    AVAILABILITIES,
    ROLES,
    STATES,
    TOKENS,
    Plan,
    SwarmView,
    Wish,
)


def check_wishes(wishes: dict[str, Wish], rotate: t.Sequence[str]) -> None:
    for host, wish in wishes.items():
        for option, value, allowed in (
            ("docker_swarm_state", wish.state, STATES),
            ("docker_swarm_availability", wish.availability, AVAILABILITIES),
        ):
            if value not in allowed:
                raise BadOption(
                    f"{host}: {option}", f"{value!r} is not supported", f"It can be {', '.join(filter(None, allowed))}"
                )
        if wish.state == "present" and wish.role not in ROLES:
            raise BadOption(
                f"{host}: docker_swarm_role",
                f"{wish.role!r} is not a role of a node",
                "Add the host to the group of managers or of workers, or set docker_swarm_role to manager or worker",
            )
        for label in wish.labels:
            if label in OWN_LABELS:
                raise BadOption(
                    f"{host}: docker_swarm_labels", f"{label!r} is reserved for the role", "Use another name"
                )
    for kind in rotate:
        if kind not in TOKENS:
            raise BadOption("docker_swarm_rotate_tokens", f"{kind!r} is not a token", f"There are {', '.join(TOKENS)}")


def check_hosts(
    plan: Plan,
    wishes: dict[str, Wish],
    nodes: dict[str, Node | None],
    cluster: Cluster | None,
    seen: SwarmView,
    may_end: bool,
) -> None:
    """Hosts that are in a state in which nothing may be decided for them."""
    # What leaves a swarm that may end does so in whatever state it is.
    spared = ("kept", "absent") if may_end and cluster is None else ("kept",)
    ours = {host: look for host, look in seen.looks.items() if host in wishes and wishes[host].state not in spared}
    locked = [host for host, look in ours.items() if look.state == "locked"]
    for host, look in ours.items():
        wish = wishes[host]
        _refuse_copy(host, look, wishes, nodes[host])
        if not look.running and not seen.check_mode and wish.state == "present":
            raise MachineError(
                f"The Engine of {host} does not run", code="no_engine", remedy="Run the role docker_engine on it first"
            )
        # What was seen before a manager answered counts no longer.
        if look.leaderless and cluster is None:
            if locked:
                continue  # they may be those that it lacks
            raise MachineError(
                f"The swarm of {host} has lost its quorum: more than half of its managers are down "
                f"(its managers: {', '.join(look.managers)})",
                code="quorum",
                remedy="Start managers until more than half of them run. If they are permanently lost, create a new swarm from "
                f"{host}: docker swarm init --force-new-cluster on it, which keeps services and workers; then "
                "run this again",
            )
        if look.state == "locked":
            if not seen.key:
                raise MachineError(
                    f"{host} is locked, since its Engine was restarted and the swarm locks its managers",
                    code="locked",
                    remedy="Set docker_swarm_unlock_key",
                )
            plan.unlock.append(host)
            plan.changes.append(f"unlock {host}")
        elif look.state == "error":
            raise MachineError(
                f"The Engine of {host} is in a swarm, and reports: {look.error}",
                code="node_error",
                remedy="Fix that, or remove the host with docker swarm leave --force on it; then run this again",
            )
        elif look.state == "pending":
            raise MachineError(
                f"{host} has begun to join a swarm and has not finished: {look.error or 'it still tries'} "
                f"(managers: {', '.join(look.managers) or 'unknown'})",
                code="pending",
                remedy="See that it reaches the managers' port 2377, then run this again; docker swarm leave --force on it "
                "gives it up",
            )
        elif look.state == "active" and nodes[host] is None:
            _refuse_foreign(host, look, wish, cluster, seen)
    _refuse_to_adopt(wishes, nodes, cluster)


def refuse_without_kept(plan: Plan, wishes: dict[str, Wish], seen: SwarmView) -> None:
    """Hosts that are there to tell of the swarm, and don't: a new one would be a second one."""
    kept = [host for host, wish in wishes.items() if wish.state == "kept"]
    new = [
        host
        for host, look in seen.looks.items()
        if look.inactive and host in wishes and wishes[host].state == "present"
    ]
    if kept and new and not plan.unlock:  # those that are unlocked may tell
        said = messages_of(seen.answers)
        states = "; ".join(f"{host}: {_silence(seen.looks.get(host), said.get(host))}" for host in kept)
        raise MachineError(
            f"{', '.join(new)} can't join a swarm: none of the hosts with docker_swarm_state 'kept' reports it "
            f"({states}). A new swarm might be a second one, and none was initialised",
            code="no_answer",
            remedy="Fix a manager among them: start its Engine, unlock it (docker swarm unlock), start the other managers, "
            "or install the Docker SDK for Python on it; then run this again. If they are not in a swarm any longer, leave them out, or "
            "set them to 'present'",
        )


def _silence(look: Local | None, message: str | None) -> str:
    """Why a host does not tell of its swarm."""
    if look is None:
        return "it can't be reached"
    if not look.running:
        return "its Engine does not answer"
    if look.state == "active" and look.manager:
        return look.error or message or "it does not answer as a manager"
    return f"its Engine says {look.state}" + (f", {look.error}" if look.error else "")


def _refuse_copy(host: str, look: Local, wishes: dict[str, Wish], node: Node | None) -> None:
    """A host that says that it is the node of another one: a copy of its disk, or a lie."""
    whose = [
        name for name, wish in wishes.items() if node and node.id == look.id and node.labels.get(HOST) == wish.identity
    ]
    if node and whose and host not in whose:
        raise MachineError(
            f"{host} reports that it is the node {node.id}, which is {whose[0]}",
            code="copy",
            remedy=f"If it was created from a copy of {whose[0]}, delete its swarm data: stop its Engine, remove /var/lib/docker/swarm "
            f"on it, and start it; then run this again. If it is {whose[0]} under another name, name it once",
        )


def _refuse_to_adopt(wishes: dict[str, Wish], nodes: dict[str, Node | None], cluster: Cluster | None) -> None:
    """A swarm that none of the wanted managers told of, but a host that is to be a worker, and that the role has not made."""
    host = cluster.manager if cluster else ""
    wish, node = wishes.get(host), nodes.get(host)
    if wish and wish.state == "present" and wish.role == "worker" and node and HOST not in node.labels:
        raise MachineError(
            f"{host} is the manager of a swarm, but should be a worker here: none of the wanted managers is in that swarm",
            code="foreign",
            remedy="If the others should join that swarm, make it a manager first. If not, remove it from "
            "the swarm on the host, with docker swarm leave --force: the role never does that",
        )


def _refuse_foreign(host: str, look: Local, wish: Wish, cluster: Cluster | None, seen: SwarmView) -> None:
    """A host that is in a swarm which isn't the one that is talked to."""
    managers = ", ".join(look.managers) or "itself alone"
    if cluster:
        raise MachineError(
            f"{host} is a node of another swarm (managers: {managers}) than {cluster.manager}",
            code="foreign",
            remedy="It is never taken out of it by itself: do that on the host, with docker swarm leave, if it is meant",
        )
    if seen.check_mode:
        return  # what is needed to ask a manager may not be installed yet
    if look.manager and wish.state == "present":
        said = messages_of(seen.answers).get(host, "it does not answer as one")
        raise MachineError(
            f"{host} is a manager, but its swarm could not be read: {said}",
            code="no_answer",
            remedy="The modules require the Docker SDK for Python on the host (docker_swarm_packages); fix the error, and run "
            "this again",
        )
    if wish.state == "present" and not any(one.manager or one.state == "locked" for one in seen.looks.values()):
        raise MachineError(
            f"{host} is a node of a swarm (managers: {managers}), and none of its managers is among the hosts of this play",
            code="foreign",
            remedy="Put its managers into the play, or take it out of that swarm, with docker swarm leave on the host",
        )
