# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils import _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority, _expiry
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._client_folder import CA, CERT, ClientFolder
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import read_certificates, read_pem
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

CLIENT_CA, SERVER_CA = "client_ca", "server_ca_cert"


class ActionModule(ControllerAction):
    """A certificate of a person or a job, in a folder that Docker clients take as DOCKER_CERT_PATH."""

    variables: t.ClassVar[_from_variables.Names] = {
        **{option: f"machine_client_{option}" for option in ("life", "subject", "csr", "new_key")},
        "client_ca_timeout": "machine_ca_timeout",
        "name": None,
        "output": None,
    }
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "name": {"type": "str", "required": True},
        "output": {"type": "path", "required": True},
        "life": {"type": "str", "default": "365d"},
        "subject": {"type": "dict", "default": {}},
        "csr": {"type": "str"},
        "new_key": {"type": "bool", "default": False, "no_log": False},
        "store": {"type": "path"},
        "server_ca_cert": {"type": "str"},
        "client_ca_cert": {"type": "str"},
        "client_ca_key": {"type": "str", "no_log": True},
        "client_ca_command": {"type": "list", "elements": "str", "default": []},
        "client_ca_timeout": {"type": "int", "default": 60},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        try:
            return t.cast(Result, unsafe(self._perform(args)))
        except _tls.TlsError as error:
            raise MachineError(f"{args['name']} gets no certificate: {error}", code="certificate") from error

    def _perform(self, args: dict[str, t.Any]) -> Result:
        self._check(args)
        authority, server_ca = self._authorities(args)
        csr = read_pem(self._loader, "csr", args["csr"])
        folder = ClientFolder(os.path.abspath(args["output"]))
        request = _authority.Request(
            "client", csr, {"CN": args["name"], **args["subject"]}, _authority.life_of("life", args["life"])
        )
        reason = "a new key is asked for" if args["new_key"] else folder.why_renew(request, authority)
        before = folder.told()
        texts = {CA: server_ca}
        if reason and self._task.check_mode:
            authority.check(request)
        elif reason:
            texts |= folder.issue(request, authority, bool(args["new_key"]))
        changed = bool(reason) or folder.differs(texts)
        if changed and not self._task.check_mode:
            folder.write(texts)
        after = folder.told()
        if self._task.check_mode and changed:
            after = {**before, "trusts": _tls.inspect(server_ca)["subject"], "files": folder.modes(with_key=not csr)}
            if reason:
                wanted = _tls.distinguished_name(request.subject).rfc4514_string()
                after |= {"subject": wanted, "not_after": "(to be issued)"}
        return {
            "changed": changed,
            "reason": reason or "",
            "folder": folder.path,
            "diff": {"before": before, "after": after},
            **self._about(folder.read(CERT)),
        }

    @staticmethod
    def _check(args: dict[str, t.Any]) -> None:
        if not 1 <= len(args["name"]) <= 64 or not args["name"].isprintable():
            raise BadOption("name", f"{args['name']!r} is not a valid common name", "Give 1 to 64 printable characters")
        if "CN" in args["subject"]:
            raise BadOption("subject", f"{args['subject']!r} contains a CN", "Use the option name for it")
        args["subject"] = {str(key): str(value) for key, value in args["subject"].items()}
        _tls.distinguished_name(args["subject"])
        if args["csr"] and args["new_key"]:
            raise BadOption(
                "new_key",
                "a new key can't be created with a csr",
                "Leave it out: the key belongs to the owner of the request",
            )

    def _authorities(self, args: dict[str, t.Any]) -> tuple[_authority.Authority, str]:
        """Who signs, and whom the client is to trust: what is given, else the store's."""
        given, server_ca = args["client_ca_cert"], read_certificates(self._loader, SERVER_CA, args[SERVER_CA])
        if server_ca:
            _tls.check_certificates(server_ca, SERVER_CA)
        if not given:
            for option in ("client_ca_key", "client_ca_command"):
                if args[option]:
                    raise BadOption(
                        option, "client_ca_cert is required with it", "Give the certificate of that CA as well"
                    )
        store = open_store(args["store"])
        kept = store.ca_files() if not (given and server_ca) and store.exists else {}
        if not kept and not (given and server_ca):
            raise MachineError(
                f"The store {store.where} has no CA",
                code="no_ca",
                remedy="Name the store; or give client_ca_cert, client_ca_key or client_ca_command, and server_ca_cert",
            )
        if given:
            authority = _authority.open_authority(self._loader, CLIENT_CA, args)
        else:
            key = kept.get("client-ca-key.pem", "")
            authority = _authority.Authority(CLIENT_CA, kept["client-ca.pem"], key)
        return authority, server_ca or kept["server-ca.pem"]

    @staticmethod
    def _about(certificate: str) -> Result:
        try:
            look = _tls.inspect(certificate)
        except _tls.TlsError:  # there is none, or in check mode one that is to be replaced
            return {}
        said = {name: look[name] for name in ("subject", "issuer", "not_before", "not_after")}
        return {**said, "days_left": _expiry.days_left(look["not_after"]), "certificate": certificate}
