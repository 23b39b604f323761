# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of a swarm as a whole."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_int

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError

# Option of community.docker.docker_swarm -> where the Engine's API has it
PLACES = {
    "name": ("Name",),
    "labels": ("Labels",),
    "task_history_retention_limit": ("Orchestration", "TaskHistoryRetentionLimit"),
    "snapshot_interval": ("Raft", "SnapshotInterval"),
    "keep_old_snapshots": ("Raft", "KeepOldSnapshots"),
    "log_entries_for_slow_followers": ("Raft", "LogEntriesForSlowFollowers"),
    "heartbeat_tick": ("Raft", "HeartbeatTick"),
    "election_tick": ("Raft", "ElectionTick"),
    "dispatcher_heartbeat_period": ("Dispatcher", "HeartbeatPeriod"),
    "node_cert_expiry": ("CAConfig", "NodeCertExpiry"),
    "ca_force_rotate": ("CAConfig", "ForceRotate"),
    "autolock_managers": ("EncryptionConfig", "AutoLockManagers"),
}
EMPTY: dict[str, t.Any] = {"labels": {}, "autolock_managers": False, "ca_force_rotate": 0, "keep_old_snapshots": 0}
# What the module can't say, and so takes away whenever it changes anything else
LOST = {"external CAs": ("CAConfig", "ExternalCAs"), "a log driver for all tasks": ("TaskDefaults", "LogDriver")}


def normal(settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """The settings as the Engine has them. Those without a value are not named."""
    for name, value in settings.items():
        if name not in PLACES:
            raise BadOption(
                f"docker_swarm_settings.{name}", f"{value!r} is not supported", f"There are {', '.join(PLACES)}"
            )
    return {name: _normal(name, value) for name, value in settings.items() if value is not None}


def _normal(name: str, value: t.Any) -> t.Any:
    where = f"docker_swarm_settings.{name}"
    if name == "name":
        return str(value)
    if name == "labels":
        return labels(where, value)
    as_wanted, kind = (
        (check_type_bool, "true or false") if name == "autolock_managers" else (check_type_int, "a whole number")
    )
    try:
        return as_wanted(value)
    except TypeError:
        raise BadOption(where, f"{value!r} is not {kind}", f"Give {kind}") from None


def labels(where: str, value: t.Any) -> dict[str, str]:
    """Labels, which are texts, also where they are given as numbers, or all as one text."""
    try:
        return {str(name): str(one) for name, one in check_type_dict(value).items()}
    except (TypeError, ValueError):
        raise BadOption(where, f"{value!r} is not a dictionary", "Give it like {tier: front}") from None


def changes(spec: dict[str, t.Any], settings: dict[str, t.Any]) -> dict[str, tuple[t.Any, t.Any]]:
    """The settings that differ: name -> (before, after)."""
    return {name: (_get(spec, name), value) for name, value in settings.items() if _get(spec, name) != value}


def whole(spec: dict[str, t.Any], settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """All settings as they are to be. An update is a replacement: what it does not say falls back to a default."""
    for what, place in LOST.items():
        if _at(spec, place):
            raise MachineError(
                f"The swarm has {what}, which community.docker.docker_swarm would take away by any change of its settings",
                code="lost_setting",
                remedy="Make the change with docker swarm update, or take that out first",
            )
    there = {name: _get(spec, name) for name in PLACES if _get(spec, name) is not None}
    return {**there, **settings}


def _get(spec: dict[str, t.Any], name: str) -> t.Any:
    value = _at(spec, PLACES[name])
    return EMPTY.get(name) if value is None else value


def _at(spec: dict[str, t.Any], place: tuple[str, ...]) -> t.Any:
    value: t.Any = spec
    for key in place:
        value = (value or {}).get(key)
    return value
