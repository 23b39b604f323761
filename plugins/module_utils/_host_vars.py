# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see of a machine: its host variables, and the result of modules. Made from its record."""

from __future__ import annotations

import typing as t

from . import _pin
from ._record import BEING_CREATED, BEING_REMOVED, Record

DOCKER_PORT = 2376


def state(record: Record, observed: dict[str, t.Any]) -> str:
    """The state that everybody shows: a half-made machine is "creating", whatever runs already."""
    if record.status == BEING_CREATED:
        return "creating"
    if record.status == BEING_REMOVED:
        return "stopping"
    return str(observed.get("state") or "unknown")


def docker_host(record: Record, observed: dict[str, t.Any]) -> str | None:
    if observed.get("docker_host"):
        return str(observed["docker_host"])
    if not observed.get("address"):
        return None
    address = observed["address"]
    host = f"[{address}]" if ":" in address else address
    return f"tcp://{host}:{observed.get('docker_port') or DOCKER_PORT}"


def host_vars(record: Record, observed: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """All that plays and Docker clients need to reach the machine. Values are plain; callers mark them unsafe."""
    engine = observed.get("engine") or {}
    values: dict[str, t.Any] = {
        "machine_name": record.name,
        "machine_id": record.id,
        "machine_state": state(record, observed),
        "machine_driver": record.driver,
        "machine_fleet": record.fleet,
        "machine_role": record.role,
        "machine_labels": record.labels,
        "machine_tls_san": record.tls_san,
        "machine_expires": record.expires,
        "machine_engine_version": engine.get("version"),
        "machine_certificate_not_after": engine.get("certificate_not_after"),
    }
    if observed.get("error"):
        values["machine_error"] = observed["error"]
    if record.ssh and observed.get("address"):
        values["ansible_host"] = observed["address"]
        values["ansible_port"] = observed.get("ssh_port") or 22
        values["ansible_user"] = record.ssh.get("user") or "root"
        values["ansible_become"] = values["ansible_user"] != "root"
        if values["ansible_become"]:
            values["ansible_become_method"] = "sudo"
        if observed.get("python_interpreter"):
            values["ansible_python_interpreter"] = observed["python_interpreter"]
        key = _pin.private_key(record, folder)
        if key:
            values["ansible_ssh_private_key_file"] = key
        for program in _pin.PROGRAMS:
            values[f"ansible_{program}_executable"] = f"{folder}/{program}"
        values["ansible_control_path"] = _pin.control_path(record)
        values["ansible_host_key_checking"] = True  # for what connects without OpenSSH
    url = docker_host(record, observed)
    if url:
        values["docker_host"] = url
        client: dict[str, t.Any] = {"docker_host": url, "tls_verify": False}
        if record.ssh:
            client.update(
                tls_verify=True,
                ca_path=f"{folder}/ca.pem",
                client_cert=f"{folder}/cert.pem",
                client_key=f"{folder}/key.pem",
            )
        values.update(client)
        values["machine_docker"] = {
            "validate_certs" if name == "tls_verify" else name: value for name, value in client.items()
        }
        values["ansible_docker_docker_host"] = url
        if record.ssh:
            values["ansible_docker_validate_certs"] = True
            values["ansible_docker_ca_cert"] = client["ca_path"]
            values["ansible_docker_client_cert"] = client["client_cert"]
            values["ansible_docker_client_key"] = client["client_key"]
    return values


def without_files(values: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """The same without whatever names a file in that folder: for a folder that won't be there."""
    kept = {name: without_files(one, folder) if isinstance(one, dict) else one for name, one in values.items()}
    return {name: one for name, one in kept.items() if not (isinstance(one, str) and folder in one)}


def public(record: Record, observed: dict[str, t.Any], folder: str) -> dict[str, t.Any]:
    """A machine as modules return it."""
    engine = observed.get("engine") or {}
    return {
        "id": record.id,
        "name": record.name,
        "driver": record.driver,
        "fleet": record.fleet,
        "role": record.role,
        "state": state(record, observed),
        "address": observed.get("address"),
        "addresses": observed.get("addresses") or [],
        "docker_host": docker_host(record, observed),
        "engine_version": engine.get("version"),
        "certificate_not_after": engine.get("certificate_not_after"),
        "labels": record.labels,
        "options": record.options,
        "account": record.account,
        "place": record.place,
        "resources": [
            {"kind": one.kind, "id": one.id, "status": one.status} for one in record.resources if not one.existing
        ],
        "expires": record.expires,
        "created": record.created,
        "updated": record.updated,
        "refreshed": observed.get("refreshed"),
        "error": observed.get("error"),
        "folder": folder,
        "host_vars": host_vars(record, observed, folder),
    }
