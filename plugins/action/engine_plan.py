# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_action import plain, read_pem
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import Plan, Wanted, make_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_sources import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

SPEC: dict[str, t.Any] = {
    "info": {"type": "dict", "required": True},
    "source": {"type": "str", "default": "distro"},
    "access": {"type": "str", "default": "tls"},
    "port": {"type": "int", "default": 2376},
    "allow": {"type": "list", "elements": "str", "default": []},
    "config": {"type": "dict", "default": {}},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "live_restore": {"type": "bool", "default": True},
    "interrupt": {"type": "bool", "default": False},
    "users": {"type": "list", "elements": "str", "default": []},
    "names": {"type": "list", "elements": "str", "default": []},
    "tls_san": {"type": "list", "elements": "str", "default": []},
    "server_ca_cert": {"type": "str"},
    "server_ca_key": {"type": "str", "no_log": True},
    "client_ca_cert": {"type": "str"},
}


class ActionModule(ActionBase):
    """Makes the plan for one host's Engine, on the controller."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(SPEC)
        arguments = plain(arguments)
        try:
            wanted = self._wanted(arguments)
            plan = make_plan(wanted, arguments["info"], datetime.datetime.now(datetime.timezone.utc))
            if plan.certificate:
                self._rehearse(wanted, arguments)
        except (PlanError, _tls.TlsError) as error:
            raise AnsibleActionFail(str(error)) from error
        # What the host said is in it, and a host must not make the controller evaluate anything.
        return unsafe(self._result(wanted, plan, arguments["info"]))

    def _wanted(self, arguments: dict[str, t.Any]) -> Wanted:
        tls = arguments["access"] == "tls"
        same = ("source", "access", "port", "allow", "config", "live_restore", "interrupt", "users")
        return Wanted(
            **{name: arguments[name] for name in same},
            environment=sorted(arguments["environment"]),
            names=_names(arguments["names"], arguments["tls_san"]) if tls else [],
            server_ca=self._pem("server_ca_cert", arguments) if tls else "",
            client_ca=self._pem("client_ca_cert", arguments) if tls else "",
        )

    def _pem(self, option: str, arguments: dict[str, t.Any]) -> str:
        return read_pem(self._loader, f"docker_engine_{option}", arguments[option])

    def _rehearse(self, wanted: Wanted, arguments: dict[str, t.Any]) -> None:
        """Find out that a certificate can't be issued before the host is touched, not after."""
        key = self._pem("server_ca_key", arguments)
        if not key:
            raise PlanError(
                "The host needs a certificate, so docker_engine_server_ca_key is needed: the path or the content of the "
                "CA's key on the controller"
            )
        _tls.issue_server(wanted.server_ca, key, _tls.new_key(), wanted.names)

    def _result(self, wanted: Wanted, plan: Plan, info: dict[str, t.Any]) -> dict[str, t.Any]:
        needed = bool(plan.changes)
        certificate = info["tls"]["certificate"]
        result: dict[str, t.Any] = {
            # Outside check mode the task that does it says that it changed something.
            "changed": needed and self._task.check_mode,
            "needed": needed,
            "changes": plan.changes,
            "action": plan.action,
            "prepare": plan.prepare if needed else {},
            "certificate": plan.certificate,
            "apply": plan.apply if needed else {},
            "engine": {
                "version": info["engine"].get("version"),
                "api_version": info["engine"].get("api_version"),
                "access": wanted.access,
                "certificate_not_after": _tls.inspect(certificate)["not_after"]
                if wanted.access == "tls" and certificate and not plan.certificate
                else None,
            },
        }
        if plan.warnings:
            result["warnings"] = plan.warnings
        if plan.diff:
            result["diff"] = plan.diff
        return result


def _names(found: list[str], asked: list[str]) -> list[str]:
    """Names in a certificate's spelling. Of those found, what is no host name is left out; asked for, it is an error."""
    names: list[str] = []
    for name in found:
        try:
            names += _tls.normal_names([name])
        except _tls.TlsError:
            continue
    try:
        return _tls.normal_names(names + asked)
    except _tls.TlsError as error:
        raise PlanError(f"docker_engine_tls_san: {error}") from error
