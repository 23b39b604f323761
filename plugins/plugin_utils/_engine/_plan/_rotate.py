# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's certificate and the CA of clients alone: of all else, nothing is touched, whatever the variables say."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _paths, _unit_files
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _certificate, _service
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, Wanted, with_openrc


def plan_rotation(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> None:
    wanted = dataclasses.replace(wanted, rootless_user=info["rootless"]["unit_user"] or "")
    kept = _of_user(wanted.rootless_user, info) if wanted.rootless_user else _of_root(info)
    if not kept["port"]:
        return  # it does not listen for TLS: there is nothing to rotate
    _certificate.plan_tls(plan, wanted, info, now)
    if plan.changes or info["remembered"]["pending"]:
        _service.plan_action(plan, wanted, info)
    plan.apply.update(kept)


# What of a host's units stays as it is


def _of_root(info: dict[str, t.Any]) -> dict[str, t.Any]:
    service, sock = info["units"]["docker.service"]["own_drop_in"], info["units"]["docker.socket"]["own_drop_in"]
    listening = _unit_files.assigned([sock or ""], "Socket", "ListenStream")
    listening = openrc.listening(service) if with_openrc(info) else listening
    places = [one.rpartition(":") for one in listening]
    return {
        "service": {"tls": True, "environment": _paths.ENVIRONMENT_PATH in (service or "")},
        "socket": sock,
        "port": int(places[-1][2]) if places else None,
        "listen": [address.strip("[]") for address, _colon, _port in places if address],
        **({"options": service} if with_openrc(info) else {}),
    }


def _of_user(user: str, info: dict[str, t.Any]) -> dict[str, t.Any]:
    unit = info["rootless"].get("unit") or ""
    port, listen = isolation.rootless_places(unit)
    off = dict.fromkeys(("delegate", "system_off", "system_ran", "context"), False)
    return {
        "service": {
            "tls": True,
            "environment": _paths.ENVIRONMENT_PATH in unit,
            "controllers": _unit_files.controllers_of(unit),
        },
        "rootless": {"user": user, "port": port, "listen": listen, **off},
        "own_files": True,
        "port": port,
        "listen": listen,
    }
