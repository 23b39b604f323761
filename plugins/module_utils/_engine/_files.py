# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's files: its key, what is put in place and put back, and what the role remembers.

Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import ipaddress
import json
import os
import stat
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _host as host
from ansible_collections.dockyard.machine.plugins.module_utils._engine._host import HostError


def make_key() -> None:
    """The Engine's private key, made here, and root's alone from its first moment. One that is there and works stays."""
    host.check_links(cfg.KEY_PATH)
    os.makedirs(cfg.TLS_FOLDER, mode=0o700, exist_ok=True)
    # An Engine without root comes to its files by the folder's group.
    os.chmod(cfg.TLS_FOLDER, host.mode_of(cfg.TLS_FOLDER) & 0o750)
    if os.path.exists(cfg.KEY_PATH):
        os.chmod(cfg.KEY_PATH, cfg.KEY_MODE)
        if host.public_key(cfg.KEY_PATH):
            return
    partial = cfg.KEY_PATH + ".new"
    host.remove(partial)
    before = os.umask(0o077)
    try:
        if host.which("openssl"):
            host.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", partial)
        elif host.which("ssh-keygen"):
            host.run("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", partial)
            host.remove(partial + ".pub")
        else:
            raise HostError("Neither openssl nor ssh-keygen is on the host: one of them is needed to make the key")
        os.chmod(partial, cfg.KEY_MODE)
        os.rename(partial, cfg.KEY_PATH)
    finally:
        os.umask(before)
        host.remove(partial)


def make_request(names: list[str]) -> str | None:
    """A signing request by the Engine's key, for who signs elsewhere; None where there is no openssl."""
    if not host.which("openssl"):
        return None
    general = ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)
    settings = f"[req]\ndistinguished_name=dn\nreq_extensions=own\nprompt=no\n[dn]\nCN={names[0][:64]}\n"
    settings += f"[own]\nsubjectAltName={general}\n"
    path = os.path.join(cfg.TLS_FOLDER, ".request")
    host.write(path, settings, 0o600, 0o700)
    try:
        return host.run("openssl", "req", "-new", "-sha256", "-key", cfg.KEY_PATH, "-config", path)[1]
    finally:
        host.remove(path)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Files:
    """Writes files, and knows how they were."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[str | None, int, int, int]] = {}
        self.changed: list[str] = []

    def put(self, path: str, content: str | None, mode: int = 0o644, folder_mode: int = 0o755) -> bool:
        """Write a file, or remove it if the content is None. True if that changed anything."""
        if path not in self.before:
            old = host.read(path)
            status = os.stat(path) if old is not None else None
            self.before[path] = (
                (old, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) if status else (None, 0, 0, 0)
            )
        done = host.remove(path) if content is None else host.write(path, content, mode, folder_mode)
        if done:
            self.changed.append(path)
        return done

    def undo(self) -> None:
        for path in reversed(self.changed):
            content, mode, uid, gid = self.before[path]
            if content is None:
                host.remove(path)
            else:
                host.write(path, content, mode)
                if uid or gid:
                    os.chown(path, uid, gid)


def open_and_close(firewall: dict[str, t.Any] | None, limit: float) -> bool:
    """The firewalls as planned. That stays if the Engine fails: the next look finds it. True if a unit's file changed."""
    if not firewall:
        return False
    for path, content in firewall["files"].items():
        if content is None:
            host.remove(path)
        else:
            host.write(path, content, 0o644)
    for command in firewall["commands"]:
        host.run(*command, limit=limit)
    for path, content in firewall["done"].items():
        host.write(path, content, 0o644)
    return any(path.endswith(".conf") for path in firewall["files"])


def remember(config: dict[str, t.Any], pending: str | None, **more: t.Any) -> bool:
    """What we set in daemon.json, what an interrupted run still owes, and more by name; what isn't named stays."""
    content = {**_memory(), "schema": 1, "config": config, "pending": pending, **more}
    return host.write(cfg.STATE_PATH, json.dumps(content, indent=1) + "\n", 0o600, 0o700)


def remembered() -> dict[str, t.Any]:
    return _memory().get("config") or {}


def owed() -> str | None:
    """What an interrupted run has left for the Engine to do."""
    return _memory().get("pending")


def client_users() -> list[str]:
    """Users in whose config.json the role has put something."""
    return list(_memory().get("clients") or {})


def _memory() -> dict[str, t.Any]:
    try:
        content = json.loads(host.read(cfg.STATE_PATH) or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def config_path() -> str:
    """Where daemon.json is to be written: a link there stays one, and what it leads to is changed; but no device."""
    host.check_links(cfg.CONFIG_PATH)
    place = os.path.realpath(cfg.CONFIG_PATH)
    return place if os.path.isfile(place) or not os.path.lexists(place) else cfg.CONFIG_PATH


def write_config(config: dict[str, t.Any]) -> bool:
    """daemon.json with this content; who could read it still can, and nobody else."""
    return host.write(config_path(), cfg.render_config(config), host.mode_of(cfg.CONFIG_PATH))


def validate(text: str) -> None:
    """Let the Engine's program judge a configuration, where it can (version 23 and later)."""
    if not host.which("dockerd") or set(json.loads(text)) <= {"live-restore"}:
        return
    path = cfg.CONFIG_PATH + ".dockyard-check"
    host.write(path, text, 0o600)
    try:
        status, out, err = host.run("dockerd", "--validate", "--config-file", path, check=False)
    finally:
        host.remove(path)
    if status and "unknown flag" not in err:
        raise HostError(f"The configuration is not valid: {(err or out).strip().replace(path, cfg.CONFIG_PATH)}")
