# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._store_ca import server_ca_of
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import plain

SPEC: dict[str, t.Any] = {
    "public_key": {"type": "str", "required": True, "no_log": False},
    "csr": {"type": "str"},
    "names": {"type": "list", "elements": "str", "required": True},
    "life": {"type": "str", "default": "365d"},
    "server_ca_cert": {"type": "str"},
    "server_ca_key": {"type": "str", "no_log": True},
    "server_ca_command": {"type": "list", "elements": "str", "default": []},
    "server_ca_timeout": {"type": "int", "default": 60},
    "server_ca_store": {"type": "path"},
}
# Where its options are variables, by which messages name them
_ROLE = "dockyard.machine.docker_engine"
_PREFIX = "docker_engine_"


class ActionModule(ActionBase):
    """Issues a host's certificate, on the controller."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(SPEC)
        arguments = plain(arguments)
        told = task_vars or {}
        refused = _facts.refusal(told, [told["inventory_hostname"]] if "inventory_hostname" in told else [])
        if refused:
            raise AnsibleActionFail(refused)
        in_role = told.get("ansible_role_name") == _ROLE
        try:
            life = _authority.life_of("life", arguments["life"])
            request = _authority.server_request(arguments["public_key"], arguments["names"], life)
            if arguments["csr"]:
                if _tls.public_key_sha256(arguments["csr"]) != _tls.public_key_sha256(arguments["public_key"]):
                    raise _tls.TlsError("The signing request is for another key than the host has")
                request = dataclasses.replace(request, public_key=arguments["csr"])
            if not arguments["server_ca_cert"]:
                arguments.update(server_ca_of(arguments["server_ca_store"], arguments["server_ca_key"]))
            options = {_PREFIX + name: value for name, value in arguments.items()} if in_role else arguments
            option = _PREFIX + "server_ca" if in_role else "server_ca"
            authority = _authority.open_authority(self._loader, option, options)
            if self._task.check_mode:
                _tls.public_key_sha256(request.public_key)
                authority.check(request)
                wanted = ", ".join(request.names)
                return {
                    "changed": False,
                    "names": list(request.names),
                    "msg": f"Would issue a certificate for {wanted}",
                }
            certificate = authority.issue(request)
            look = _tls.inspect(certificate)
        except (_tls.TlsError, AnsibleActionFail, MachineError) as error:
            host = told.get("inventory_hostname") or ", ".join(arguments["names"][:1]) or "The host"
            said = (error.text() if isinstance(error, MachineError) else str(error)).rstrip(".")
            left = ". Its key stays on it, and its Engine is unchanged: fix that and run again" if in_role else ""
            raise AnsibleActionFail(f"{host} got no certificate: {said}{left}") from None  # else it is told twice
        # Nothing changes by issuing it: it is not in place yet.
        return {
            "changed": False,
            "certificate": certificate,
            "not_before": look["not_before"],
            "not_after": look["not_after"],
            "names": look["names"],
        }
