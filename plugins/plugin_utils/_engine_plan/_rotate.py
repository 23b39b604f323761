# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's certificate and the CA of clients alone: of all else, nothing is touched, whatever the variables say."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_openrc as openrc
from ansible_collections.dockyard.machine.plugins.plugin_utils import _authority
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import _certificate, _service
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan._plan import (
    Plan,
    PlanError,
    Wanted,
    with_openrc,
)

ROTATE = ("", "ca", "certificates")


def plan_rotation(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> None:
    user = wanted.rootless_user or info["rootless"]["unit_user"]
    if user:
        raise PlanError(
            f"The Engine of this host is that of the user {user}, whose certificates can't be rotated alone. Run create_hosts, "
            "or the role, with the variables that it was set up with: that gives it what holds now, and counts as done where "
            "the CA is rotated"
        )
    service, sock = info["units"]["docker.service"], info["units"]["docker.socket"]
    listening = cfg.assigned([sock["own_drop_in"] or ""], "Socket", "ListenStream")
    listening = openrc.listening(service["own_drop_in"]) if with_openrc(info) else listening
    if not listening or not info["tls"]["certificate"]:
        return  # it does not listen for TLS: there is nothing to rotate
    # A run without the variables of the one that has set the host up must not take names out of its certificate.
    there = _authority.names_vouched_for(info["tls"]["certificate"], wanted.server_ca)
    names = [*wanted.names, *(name for name in there if name not in wanted.names)]
    _certificate.plan_tls(plan, dataclasses.replace(wanted, names=names), info, now)
    if plan.changes or info["remembered"]["pending"]:
        _service.plan_action(plan, wanted, info)
    places = [one.rpartition(":") for one in listening]
    plan.apply.update(
        service={"tls": True, "environment": cfg.ENVIRONMENT_PATH in (service["own_drop_in"] or "")},
        socket=sock["own_drop_in"],
        port=int(places[-1][2]),
        listen=[address.strip("[]") for address, _colon, _port in places if address],
    )
    if with_openrc(info):
        plan.apply["options"] = service["own_drop_in"]
