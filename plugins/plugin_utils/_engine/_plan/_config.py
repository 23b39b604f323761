# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json: what is set, what goes, and what would clash."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _arguments, _daemon_json, _masking, _paths
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look._packages import ENGINES
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _keys
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    with_openrc,
)


def plan_config(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    current, remembered, former = info["config"]["content"], info["remembered"]["config"], info["remembered"]["former"]
    config = dict(wanted.config)
    # Where an argument says it, that is left to whoever has put it there.
    if "live-restore" not in {**config, **_arguments.keys_of(info["units"]["docker.service"]["arguments"])}:
        if wanted.live_restore and not wanted.rootless_user and info["engine"].get("swarm", "inactive") == "inactive":
            config["live-restore"] = True
        elif "live-restore" in current:
            # Off explicitly: to take the key out would need a restart.
            config["live-restore"] = False
    put, gone = _daemon_json.config_changes(current, config, remembered)
    back = {key: former[key] for key in gone if key in former}
    put.update((key, value) for key, value in back.items() if value != current[key])
    out = [key for key in gone if key not in back]
    merged = _daemon_json.apply_changes(current, put, out)
    plan.live_restore = merged.get("live-restore") is True
    _check_keys(plan, wanted, merged, info)
    _check_conflicts(wanted, merged, info)
    if put or out:
        plan.apply.update(config_set=put, config_unset=out)
        plan.differ(
            _paths.CONFIG_PATH, info["config"]["content"] if info["config"]["exists"] else None, _masking.masked(merged)
        )
        said = [f"{'put back' if key in back else 'set'} {key}" for key in put] + [f"take out {key}" for key in out]
        effect, without = _keys.effect_of(current, put, out)
        if without:
            plan.apply["config_without"] = without
        plan.act(effect, f"{_paths.CONFIG_PATH}: {', '.join(said)}")
    ours = _daemon_json.ours(current, config, remembered)
    plan.apply["remember"] = ours
    replaced = _daemon_json.overwritten(current, ours, remembered, former)
    if replaced != former:
        plan.apply.update(remember_first={"former": {**former, **replaced}}, remember_then={"former": replaced})
    if ours != remembered and not (put or out):
        plan.changes.append("record the managed keys of " + _paths.CONFIG_PATH)


def _check_keys(plan: Plan, wanted: Wanted, merged: dict[str, t.Any], info: dict[str, t.Any]) -> None:
    version = _version(plan, info)
    _keys.check_keys(wanted.config, merged, version)
    comes = plan.install.get("archive") or plan.install.get("packages", {}).get("follow")
    if version is None and comes:
        # The Engine's own check would come after it is installed.
        _keys.check_names(wanted.config, wanted.version)


def _version(plan: Plan, info: dict[str, t.Any]) -> _keys.Version | None:
    """The Engine that will read the file: the one that is to be installed, else the one there."""
    packages = info["packages"]
    step, archive = plan.install.get("packages") or {"follow": []}, plan.install.get("archive")
    if archive or step["follow"]:
        candidates = [packages["candidates"].get(name) for name in ENGINES if name in step["follow"]]
        found = [archive["version"]] if archive else [step["version"], *candidates]
    else:
        found = [info["engine"].get("version"), *(packages["installed"].get(name) for name in ENGINES)]
    return next((version for version in map(_keys.version_of, found) if version), None)


def _check_conflicts(wanted: Wanted, merged: dict[str, t.Any], info: dict[str, t.Any]) -> None:
    """The Engine does not start if a key is in its file and in its arguments, so this is said before."""
    service = info["units"]["docker.service"]
    arguments = _arguments.keys_of(service["arguments"])
    places = ", ".join([service["fragment"], *service["drop_ins"]])
    place_of = {key: service.get("places", {}).get(word) or places for key, word in arguments.items()}
    file = _arguments.values_of(service["arguments"]).get("config-file", [""])[-1]
    if posixpath.normpath(file or _paths.CONFIG_PATH) != _paths.CONFIG_PATH:
        raise PlanError(
            f"The Engine's arguments have --config-file {file}, from {place_of['config-file']}, and the role writes and reads "
            f"{_paths.CONFIG_PATH}: the Engine would not see it. Move what is in {file} there, and take the argument out"
        )
    for key in _keys.names_in(merged):
        if key in arguments:
            asked = (
                "the role's variables ask for" if key in _keys.names_in(wanted.config) else f"{_paths.CONFIG_PATH} has"
            )
            raise PlanError(
                f"'{key}' is in the Engine's configuration ({asked} it) and in its arguments ({arguments[key]}, from "
                f"{place_of[key]}): the Engine would not start. Take it out of one of them"
            )
    if wanted.access != "tls":
        return
    for key in _daemon_json.OWN_KEYS[1:]:
        if key in merged or key in arguments:
            place = _paths.CONFIG_PATH if key in merged else places
            raise PlanError(f"'{key}' is set in {place}, but docker_engine_access 'tls' sets it: take it out there")
    if wanted.rootless_user:
        return  # all of its unit is the role's
    if service["later_drop_ins"]:
        raise PlanError(
            f"{', '.join(service['later_drop_ins'])} replaces the Engine's command and comes after the role's "
            f"{_paths.SERVICE_DROP_IN}: TLS would be lost. Give it a name that comes before"
        )
    hosts = _arguments.host_arguments(service["arguments"])
    if service["exists"] and not with_openrc(info) and not any(host.startswith("fd://") for host in hosts):
        raise PlanError(
            f"The Engine's command ({places}) does not listen on fd://, so it can't be reached over docker.socket. "
            f"It listens on {', '.join(hosts) or 'its own socket'}"
        )
    for host in hosts:
        if host.endswith(f":{wanted.port}"):
            raise PlanError(
                f"The Engine's command ({places}) listens on {host} itself: take that out, or set another port"
            )
