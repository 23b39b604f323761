# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's key, its certificate, and the CA of clients."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _paths
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, Wanted


def plan_tls(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> None:
    seen = info["tls"]
    # Files of the same names can be others': a client's for another Engine, or a proxy's.
    plan.apply.setdefault("remember_then", {})["tls"] = wanted.access == "tls"
    if wanted.access != "tls":
        there = any((seen["ca"], seen["certificate"], seen["key_mode"]))
        plan.apply["remove_tls"] = there and info["remembered"]["tls"] and not _used_by_others(info)
        if plan.apply["remove_tls"]:
            plan.changes.append(f"remove {_paths.TLS_FOLDER}")
        return
    if seen["key_mode"] is None or seen["public_key"] is None:
        plan.prepare["key"] = True
        plan.changes.append(f"make a private key, {_paths.KEY_PATH}")
    elif seen["key_mode"] != f"{_paths.KEY_MODE:04o}":
        plan.prepare["key"] = True
        plan.changes.append(f"make {_paths.KEY_PATH} private: its mode is {seen['key_mode']}")
    if not _tls.same_certificates(seen["ca"] or "", wanted.client_ca):
        plan.apply["ca"] = wanted.client_ca
        plan.differ(_paths.CA_PATH, seen["ca"], wanted.client_ca)
        plan.act("restart", f"write {_paths.CA_PATH}, the client CA")
    plan.trust_id = _tls.trust_id(wanted.server_ca, wanted.client_ca)
    reason = _certificate_reason(wanted, seen, now)
    if not reason and wanted.rotate == "certificates":
        reason = "a new one is asked for"
    if reason:
        plan.certificate = {
            "names": wanted.names,
            "life": f"{int(wanted.life.total_seconds())}s",
            "reason": reason,
            "public_key": seen["public_key"],
        }
        if wanted.server_ca_command:
            # Who signs elsewhere mostly wants a request, and only the host has the key for one.
            plan.prepare["request"] = wanted.names
        plan.differ("certificate", _described(seen["certificate"]), {"names": wanted.names})
        plan.act("restart", f"issue a certificate for {', '.join(wanted.names)}: {reason}")


def _used_by_others(info: dict[str, t.Any]) -> bool:
    """Whether the Engine is told by others than the role to use files of this folder, which it would not start without."""
    texts = [*map(str, info["config"]["content"].values()), *info["units"]["docker.service"]["arguments"]]
    return any(_paths.TLS_FOLDER + "/" in text for text in texts)


def _described(certificate: str | None) -> dict[str, t.Any] | None:
    if not certificate:
        return None
    try:
        look = _tls.inspect(certificate)
    except _tls.TlsError as error:
        return {"error": str(error)}
    return {"names": look["names"], "not_after": look["not_after"]}


def _certificate_reason(wanted: Wanted, seen: dict[str, t.Any], now: datetime.datetime) -> str | None:
    """Why the host needs a new certificate, or None."""
    if not seen["certificate"]:
        return "there is none"
    if not seen["public_key"]:
        return "its key is new"
    try:
        if _tls.public_key_sha256(seen["certificate"]) != _tls.public_key_sha256(seen["public_key"]):
            return "it does not belong to the host's key"
        return (
            _authority.why_not_ours(seen["certificate"], wanted.server_ca, wanted.signed_here)
            or (None if "server" in _tls.inspect(seen["certificate"])["usage"] else "it is not a server certificate")
            or _unasked(seen["certificate"], wanted)
            or _tls.needs_renewal(seen["certificate"], wanted.names, now, wanted.life)
        )
    except _tls.TlsError as error:
        return f"the one there can't be read ({error})"


def _unasked(certificate: str, wanted: Wanted) -> str | None:
    """A name that each host answers to is for those alone who ask for it. A rotation has not all variables to tell."""
    names = [name for name in _tls.inspect(certificate)["names"] if of_any_host(name) and name not in wanted.names]
    return f"it names {', '.join(names)}, which was not asked for" if names and not wanted.rotate else None


def of_any_host(name: str) -> bool:
    """An Engine can listen on all addresses that its host has, or on its loopback's; many hosts have no name but localhost."""
    address = _tls.address_of(name)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return name.partition(".")[0] == "localhost" or name.endswith(".localhost")
