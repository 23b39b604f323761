# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with OpenRC: the settings of the Engine's service in place of drop-ins, and what can't be had there."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _arguments, _paths
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _access, _packages
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    with_openrc,
)


def check_host(wanted: Wanted, info: dict[str, t.Any]) -> None:
    """What only systemd can do."""
    if not with_openrc(info):
        return
    if wanted.rootless_user:
        raise PlanError(
            f"docker_engine_rootless_user is {wanted.rootless_user!r}, but such an Engine is run by its user's systemd, and "
            "this host has OpenRC. Leave it empty"
        )
    if not wanted.rotate:
        _check_source(_packages.source_of(wanted, info), info)
    if "native.cgroupdriver=systemd" in (wanted.config.get("exec-opts") or []):
        raise PlanError("docker_engine_cgroup_driver is 'systemd', but this host has OpenRC. Leave it empty")
    misread = [name for name in wanted.environment if openrc.misread(name)]
    if misread:
        raise PlanError(
            f"docker_engine_environment has {', '.join(misread)}, which OpenRC and the service of the Engine would take for a "
            "setting of their own on this host. Take it out"
        )
    _check_addresses(wanted, info)


def _check_source(source: str, info: dict[str, t.Any]) -> None:
    if source not in ("distro", "present"):
        raise PlanError(
            f"docker_engine_source {source!r} needs systemd, and this host has OpenRC. Use 'distro' where apk has the Engine "
            "(Alpine), or 'present'"
        )
    if source == "distro" and info["packages"]["manager"] != "apk":
        raise PlanError(
            f"This host has OpenRC, and packages of {info['packages']['manager']} bring no service for that. Install an Engine "
            f"and a service for it, {openrc.SCRIPT}, and use docker_engine_source 'present'"
        )
    service = info["units"]["docker.service"]
    if service["load"] == "error":
        raise PlanError(
            f"{openrc.SCRIPT} on this host is not a service as Alpine's: it begins with no 'openrc-run', or does not use "
            f"DOCKER_OPTS, so it would not read what the role writes into {openrc.SETTINGS}. Put another one in its place"
        )


def _check_addresses(wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Where the Engine listens already, by options and configuration of others."""
    configured = info["config"]["content"].get("hosts") or []
    if configured and wanted.access == "tls":
        raise PlanError(
            f"{_paths.CONFIG_PATH} has 'hosts', and with OpenRC docker_engine_access 'tls' puts the addresses into the options of "
            "the service: the Engine would not start with both. Take it out of the file"
        )
    hosts = [*_arguments.host_arguments(info["units"]["docker.service"]["arguments"]), *configured]
    if hosts and wanted.access != "tls" and not set(hosts) & set(openrc.OWN_SOCKETS):
        raise PlanError(
            f"The Engine of this host listens on {', '.join(hosts)} alone, and the role uses its own socket: make it "
            f"listen on {openrc.OWN_SOCKETS[0]} as well"
        )


def plan_settings(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Our block in the settings of the service."""
    tls, environment = wanted.access == "tls", bool(wanted.environment)
    service = info["units"]["docker.service"]
    ours = openrc.block(
        wanted.port if tls else None,
        wanted.listen,
        _arguments.host_arguments(service["arguments"]),
        _access.sources_of(wanted, info).controllers if tls else [],
        environment,
    )
    plan.apply.update(service={"tls": tls, "environment": environment}, options=ours)
    seen = service["own_drop_in"]
    if ours == seen:
        return
    plan.differ(openrc.SETTINGS, seen, ours)
    # Which controllers are remembered is nothing to the Engine.
    taken_over = openrc.effective(ours) == openrc.effective(seen)
    plan.act(
        None if taken_over else "restart", f"{'write' if ours else 'remove'} the role's block in {openrc.SETTINGS}"
    )


def check_plan(plan: Plan, info: dict[str, t.Any]) -> None:
    """What else would need more than OpenRC has; nothing was touched yet."""
    if not with_openrc(info):
        return
    if plan.apply.get("move"):
        raise PlanError(
            f"The Engine's data would be moved from {plan.apply['move']['from']} to {plan.apply['move']['to']}, and with "
            "OpenRC nothing keeps the Engine from a start in between. Stop it, move the data yourself, and set "
            "docker_engine_data_root"
        )
    users = info["remap"].get("user", {}), info["remap"].get("group", {})
    if plan.apply.get("ids") and not all(who.get("exists") for who in users):
        raise PlanError(
            f"docker_engine_userns_remap needs the user {users[0].get('name')} and a group of that name, which the role does "
            "not make on hosts with OpenRC: make them first (adduser)"
        )
