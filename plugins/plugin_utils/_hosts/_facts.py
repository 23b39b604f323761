# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's facts are no instructions: Ansible lets them outrank inventories and a role's defaults, so those are refused."""

from __future__ import annotations

import typing as t

PREFIXES = ("docker_engine_", "docker_swarm_", "machine_")
NAMES = ("docker_host",)


def facts_of(variables: t.Mapping[str, t.Any], host: str) -> t.Mapping[str, t.Any]:
    """A host's facts by the names that they have as variables, gathered in this run or kept in a fact cache.

    In ``ansible_facts`` their names have lost a prefix: there, the variable machine_id and the fact ansible_machine_id of
    any Linux are one.
    """
    manager = getattr(variables.get("hostvars"), "_variable_manager", None)
    if manager is None:
        return dict(variables.get("ansible_facts") or {})
    try:
        found = manager._fact_cache.get(host)
    except KeyError:
        found = None
    return found if found else {}


def instructing(variables: t.Mapping[str, t.Any], host: str, also: t.Container[str] = ()) -> list[str]:
    """The facts of a host that would be variables of ours, or of those that are named besides."""
    facts = facts_of(variables, host)
    return sorted(str(name) for name in facts if str(name).startswith(PREFIXES) or name in NAMES or name in also)


def refusal(variables: t.Mapping[str, t.Any], hosts: t.Iterable[str], also: t.Container[str] = ()) -> str:
    """Why a task can't go on; empty if no fact of these hosts stands in the way."""
    for host in hosts:
        names = instructing(variables, host, also)
        if names:
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            return (
                f"{host}: its facts set {', '.join(name[:80] for name in names[:10])}{more}. What a host reports is data, "
                "and can't be an instruction; nothing was done. Set the variable in the inventory or the play, or by set_fact "
                "without cacheable. Remove the fact (meta: clear_facts, or --flush-cache). If you have not set it yourself, "
                "the host may be compromised"
            )
    return ""
