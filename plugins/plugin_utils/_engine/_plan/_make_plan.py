# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a host's Engine: from what is wanted and what was seen to what is to be done.

Pure: no host, no clock, no files. The plan is data; check mode shows it, the module engine_apply does it.
A chapter each: _packages, _options, _keys, _gpu, _config, _environment, _data, _remap, _rootless, _openrc, _units, _access (with
_firewall), _certificate, _service, _guest; _rotate for some of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _daemon_json, _masking, _paths
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import (
    _access,
    _certificate,
    _config,
    _data,
    _environment,
    _gpu,
    _guest,
    _openrc,
    _options,
    _packages,
    _remap,
    _repository,
    _rootless,
    _rotate,
    _service,
    _units,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    with_openrc,
)


def make_plan(wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> Plan:
    """The plan for one host; PlanError if it can't or must not be done."""
    wanted = dataclasses.replace(wanted, config=_options.config_of(wanted.options, wanted.config))
    _check_wanted(wanted)
    _check_host(info)
    _openrc.check_host(wanted, info)
    plan = Plan()
    if wanted.rotate:
        _rotate.plan_rotation(plan, wanted, info, now)
        return _finished(plan, wanted, info, now)
    _access.check_port(wanted, info)
    _rootless.check_wanted(wanted)
    _rootless.check_host(wanted, info)
    wanted = dataclasses.replace(wanted, config=_gpu.config_of(wanted, info))
    _packages.plan_packages(plan, wanted, info)
    _rootless.plan_packages(plan, wanted, info)
    _guest.plan_iptables(plan, wanted, info)
    _config.plan_config(plan, wanted, info)
    _data.plan_data(plan, wanted, info)
    _remap.plan_remap(plan, wanted, info)
    _settings_of(wanted, info)(plan, wanted, info)
    _access.plan_access(plan, wanted, info)
    _environment.plan_environment(plan, wanted, info)
    _environment.plan_clients(plan, info)
    _certificate.plan_tls(plan, wanted, info, now)
    _rootless.plan_owner(plan, wanted, info)
    _service.plan_users(plan, wanted, info)
    _service.plan_service(plan, wanted, info)
    _openrc.check_plan(plan, info)
    return _finished(plan, wanted, info, now)


def _settings_of(wanted: Wanted, info: dict[str, t.Any]) -> t.Callable[[Plan, Wanted, dict[str, t.Any]], None]:
    """The chapter on what the Engine is started with, by who starts it."""
    if with_openrc(info):
        return _openrc.plan_settings
    return _rootless.plan_unit if wanted.rootless_user else _units.plan_units


def _finished(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> Plan:
    _guest.check_clock(plan, wanted, info, now)
    if info["left_over"]:
        plan.changes.append(f"remove temporary files that a killed run has left: {', '.join(info['left_over'])}")
    _guest.check_places(plan, info)
    _service.plan_hooks(plan, wanted, info)
    if plan.changes:
        # Outside check mode the difference is shown by the task that makes it.
        plan.apply.update(action=plan.action, diff=plan.diff)
    return plan


def _check_wanted(wanted: Wanted) -> None:
    _packages.check(wanted)
    _repository.check(wanted)
    if not 1 <= wanted.port <= 65535:
        raise PlanError(f"docker_engine_port is {wanted.port}; it can be 1 to 65535")
    for key in wanted.config:
        if key in _daemon_json.OWN_KEYS:
            raise PlanError(
                f"docker_engine_config has the key '{key}', but how the Engine listens is set by docker_engine_access, "
                "docker_engine_listen, docker_engine_port and docker_engine_allow"
            )
    if _masking.masked(wanted.config) != wanted.config:
        raise PlanError(
            "docker_engine_config has a URL or a proxy with a password. daemon.json is readable and shown in differences: "
            "proxies with passwords belong in docker_engine_proxies"
        )
    _access.check_access(wanted)
    if wanted.access == "tls":
        missing = _tls.missing_library()
        if missing:
            raise PlanError(missing)
        for option, value in (("server_ca_cert", wanted.server_ca), ("client_ca_cert", wanted.client_ca)):
            if not value:
                raise PlanError(
                    f"docker_engine_access is 'tls', which needs docker_engine_{option}: the path or the content of a "
                    "CA certificate on the controller. Give both CAs, or neither: then those of the store are used"
                )


def _check_host(info: dict[str, t.Any]) -> None:
    if not info["host"]["systemd"] and not with_openrc(info):
        raise PlanError(
            f"systemd does not run on this host ({info['host']['os']['name']}), nor does OpenRC, and the role needs one of them"
        )
    if info["config"]["error"]:
        raise PlanError(
            f"{_paths.CONFIG_PATH} on the host is not valid: {info['config']['error']}. Correct or remove it first; "
            "it is not overwritten"
        )
