# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's private key and signing request, made on the host. Runs on Python 3.8."""

from __future__ import annotations

import ipaddress
import os

from .. import _durable
from . import (
    _commands,
    _files,
    _paths,
)
from ._errors import HostError


def make_key() -> None:
    """The Engine's private key, made here, and root's alone from its first moment. One that is there and works stays."""
    _files.check_links(_paths.KEY_PATH)
    os.makedirs(_paths.TLS_FOLDER, mode=0o700, exist_ok=True)
    # An Engine without root comes to its files by the folder's group.
    os.chmod(_paths.TLS_FOLDER, _files.mode_of(_paths.TLS_FOLDER) & 0o750)
    if os.path.exists(_paths.KEY_PATH):
        os.chmod(_paths.KEY_PATH, _paths.KEY_MODE)
        if public_key(_paths.KEY_PATH):
            return
    partial = _paths.KEY_PATH + ".new"
    _files.remove(partial)
    before = os.umask(0o077)
    try:
        if _commands.which("openssl"):
            _commands.run(
                "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", partial
            )
        elif _commands.which("ssh-keygen"):
            _commands.run("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", partial)
            _files.remove(partial + ".pub")
        else:
            raise HostError("Neither openssl nor ssh-keygen is on the host: one of them is needed to make the key")
        os.chmod(partial, _paths.KEY_MODE)
        _durable.place(partial, _paths.KEY_PATH, lenient=True)
    finally:
        os.umask(before)
        _files.remove(partial)


def make_request(names: list[str]) -> str | None:
    """A signing request by the Engine's key, for who signs elsewhere; None where there is no openssl."""
    if not _commands.which("openssl"):
        return None
    general = ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)
    settings = f"[req]\ndistinguished_name=dn\nreq_extensions=own\nprompt=no\n[dn]\nCN={names[0][:64]}\n"
    settings += f"[own]\nsubjectAltName={general}\n"
    path = os.path.join(_paths.TLS_FOLDER, ".request")
    _files.write(path, settings, 0o600, 0o700)
    try:
        return _commands.run("openssl", "req", "-new", "-sha256", "-key", _paths.KEY_PATH, "-config", path)[1]
    finally:
        _files.remove(path)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def public_key(path: str) -> str | None:
    """The public half of a private key, worked out from the key itself; None if that key can't be used."""
    for command in (
        ("openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:"),
        ("ssh-keygen", "-e", "-m", "PKCS8", "-P", "", "-f", path),
    ):
        if _commands.which(command[0]):
            status, out, dummy = _commands.run(*command, check=False)
            if status == 0 and "BEGIN PUBLIC KEY" in out:
                return out
    return None
