# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to change of nodes that are in the swarm: their role, availability and labels."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._look import (
    DRAINED,
    HOST,
    KEY,
    OURS,
    OWN_LABELS,
    Node,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._plan import Plan, Wish


def plan_nodes(
    plan: Plan, wanted: dict[str, Wish], nodes: dict[str, Node | None], locks: bool, last: list[str], lost: list[str]
) -> None:
    """The steps, in the order in which they are safe: those whose ids are in ``last`` are demoted, in that order, last.

    ``lost``: ids of such as leave, and are to be demoted before others are.
    """
    steps: list[dict[str, t.Any]] = [{"hostname": id, "role": "worker"} for id in lost]
    for host, wish in wanted.items():
        node = nodes[host]
        if node is None:
            continue
        step, said, after = _step(wish, node, locks)
        plan.before[host], plan.after[host] = node.described(), after.described()
        if step:
            steps.append({"hostname": node.id, **step})
            plan.changes.append(f"{host}: {', '.join(said)}")
    plan.nodes = sorted(steps, key=lambda step: last.index(step["hostname"]) + 1 if step["hostname"] in last else 0)


def _step(wish: Wish, node: Node, locks: bool) -> tuple[dict[str, t.Any], list[str], Node]:
    """What docker_node is told for a node, the same in words, and the node afterwards."""
    step: dict[str, t.Any] = {}
    said: list[str] = []
    # A node that the role has drained, and that a run which was cut short left so, gets back what it had.
    availability = wish.availability or node.labels.get(DRAINED) or node.availability
    if wish.role != node.role:
        step["role"] = wish.role
        said.append("promote it" if wish.role == "manager" else "demote it")
    if availability != node.availability:
        step["availability"] = availability
        said.append(f"make it {availability}")
    labels = wish.labels
    own = {HOST: wish.identity, **({OURS: ",".join(sorted(labels))} if labels else {})}
    put = {name: value for name, value in {**labels, **own}.items() if node.labels.get(name) != value}
    out = [name for name in node.own_labels if name not in labels]
    out += [name for name in (DRAINED, OURS) if name in node.labels and name not in own]
    if KEY in node.labels and not locks:
        out.append(KEY)  # the next key is another one
    kept = {name: value for name, value in node.labels.items() if name not in out}
    if any(not node.labels[name] for name in out):  # docker_node removes no label without a value
        step.update(labels={**kept, **labels, **own}, labels_state="replace")
    elif put or out:
        step.update(labels=put, labels_to_remove=out)
    if put or out:
        users = sorted({*put, *out} - set(OWN_LABELS))
        said.append(
            f"labels {', '.join(users)}" if users else "note which host it is" if put else "delete obsolete records"
        )
    return (
        step,
        said,
        dataclasses.replace(node, role=wish.role, availability=availability, labels={**kept, **labels, **own}),
    )
