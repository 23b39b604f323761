# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that bring a host's Engine to its plan, and their undoing. Runs on the host, on Python 3.8."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host
from ansible_collections.dockyard.machine.plugins.module_utils._engine_host import HostError

UNITS = ("docker.socket", "docker.service")
# While these are there, a start of the units does nothing: so the Engine starts once, when all is in place,
# and not in the middle of the package's installation. They are in /run, so a reboot ends it in any case.
HOLDS = tuple(f"/run/systemd/system/{unit}.d/zz-dockyard-hold.conf" for unit in UNITS)
_HOLD = "[Unit]\nConditionPathExists=/run/dockyard-engine-may-start\n"
_APT = (
    *("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"),
    *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
)
_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}
_LOCK_TROUBLE = ("Could not get lock", "Unable to lock", "Unable to acquire")


# -- packages


def install(names: list[str], optional: list[str], update: bool, limit: float) -> None:
    """Install packages without what they only recommend, and without starting the Engine."""
    trouble = ""
    if update:
        trouble = _apt_update(limit)
    wanted = names + [name for name in optional if _has_candidate(name)]
    for path in HOLDS:
        host.write(path, _HOLD, 0o644)
    command = ("-o", f"DPkg::Lock::Timeout={limit:.0f}", "install", "--no-install-recommends", *wanted)
    try:
        _apt(*command, limit=limit)
    except HostError as error:
        if "dpkg --configure -a" in str(error):
            # An installation was cut off here before, by a reboot for example.
            host.run("dpkg", "--configure", "-a", limit=limit + 600, environment=_APT_ENVIRONMENT)
        elif update or any(word in str(error) for word in _LOCK_TROUBLE):
            raise HostError(f"{error}\n{trouble}".strip()) from None
        else:
            # The lists that were there may name versions that the mirror no longer has.
            _apt_update(limit)
        _apt(*command, limit=limit)


def _apt(*arguments: str, limit: float) -> None:
    host.run(*_APT, *arguments, limit=limit + 1800, environment=_APT_ENVIRONMENT)


def _apt_update(limit: float) -> str:
    """Read the package lists. What failed is returned, for some of the lists may do.

    Descriptions in other languages are a third of the work and serve nobody here; those that are there stay.
    """
    end = time.monotonic() + limit
    while True:
        try:
            _apt("-o", "Acquire::Languages=none", "-o", "APT::Get::List-Cleanup=false", "update", limit=limit)
        except HostError as error:
            if any(word in str(error) for word in _LOCK_TROUBLE) and time.monotonic() < end:
                host.until(lambda: not host.lock_holder(["/var/lib/apt/lists/lock"]), end - time.monotonic())
                continue
            return str(error)
        return ""


def _has_candidate(name: str) -> bool:
    return bool(host.run("apt-cache", "-q", "show", "--no-all-versions", name, check=False)[1].strip())


def lift_hold() -> bool:
    """Let the units start again; True if they were held."""
    lifted = False
    for path in HOLDS:
        lifted = host.remove(path) or lifted
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))
    return lifted


# -- the private key


def make_key() -> None:
    """The Engine's private key, made here, 0600 from its first moment. One that is there and works stays."""
    os.makedirs(cfg.TLS_FOLDER, exist_ok=True)
    os.chmod(cfg.TLS_FOLDER, 0o700)
    if os.path.exists(cfg.KEY_PATH):
        os.chmod(cfg.KEY_PATH, 0o600)
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
        os.chmod(partial, 0o600)
        os.rename(partial, cfg.KEY_PATH)
    finally:
        os.umask(before)
        host.remove(partial)


# -- files, and putting them back


class Files:
    """Writes files, and knows how they were."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[str | None, int]] = {}
        self.changed: list[str] = []

    def put(self, path: str, content: str | None, mode: int = 0o644, folder_mode: int = 0o755) -> bool:
        """Write a file, or remove it if the content is None. True if that changed anything."""
        if path not in self.before:
            old = host.read(path)
            self.before[path] = (old, stat.S_IMODE(os.stat(path).st_mode) if old is not None else 0)
        done = host.remove(path) if content is None else host.write(path, content, mode, folder_mode)
        if done:
            self.changed.append(path)
        return done

    def undo(self) -> None:
        for path in reversed(self.changed):
            content, mode = self.before[path]
            if content is None:
                host.remove(path)
            else:
                host.write(path, content, mode)


def remember(config: dict[str, t.Any], pending: str | None) -> bool:
    """What we set in daemon.json, and what an interrupted run still owes."""
    content = json.dumps({"schema": 1, "config": config, "pending": pending}, indent=1) + "\n"
    return host.write(cfg.STATE_PATH, content, 0o600, 0o700)


def remembered() -> dict[str, t.Any]:
    try:
        content = json.loads(host.read(cfg.STATE_PATH) or "{}")
    except ValueError:
        content = {}
    return content.get("config") or {}


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


def own_command(properties: t.Mapping[str, str]) -> str | None:
    """The command of docker.service, of which the properties are, without our drop-in."""
    paths = [properties.get("FragmentPath", ""), *properties.get("DropInPaths", "").split()]
    ours = (cfg.SERVICE_DROP_IN, *HOLDS)
    commands = cfg.assigned(
        [host.read(path) or "" for path in paths if path and path not in ours], "Service", "ExecStart"
    )
    return commands[-1] if commands else None


# -- the service


def reload_engine(live_restore: bool, limit: float) -> None:
    since = time.time()
    host.run("systemctl", "reload", "docker.service", limit=limit)
    if live_restore:
        if not host.until(lambda: (host.ask("/info") or {}).get("LiveRestoreEnabled"), 15):
            raise HostError("The Engine did not take over live-restore: " + " | ".join(log_lines(since)))
        return

    def outcome() -> str | None:
        text = journal(since)
        return "failed" if "level=error" in text else "done" if "Reloaded configuration" in text else None

    if host.until(outcome, 10) == "failed":
        raise HostError("The Engine did not take over its configuration: " + " | ".join(log_lines(since)))


def act(action: str, live_restore_first: bool, limit: float, started_before: bool = True) -> None:
    """Start, reload or restart the Engine; ``cycle`` restarts it and the socket."""
    if live_restore_first:
        reload_engine(True, limit)
    if action == "reload":
        reload_engine(False, limit)
        return
    if action == "cycle":
        host.run("systemctl", "stop", "docker.service", "docker.socket", limit=limit)
    if started_before:
        # Also forgets former starts, which count towards the unit's limit.
        host.run("systemctl", "reset-failed", *UNITS, check=False)
    since = time.time()
    command = ("restart", "docker.service") if action == "restart" else ("start", *UNITS)
    try:
        host.run("systemctl", *command, limit=limit)
    except HostError as error:
        raise HostError(" | ".join(log_lines(since)) or str(error)) from None


def put_back(files: Files, acted: str | None, was_active: bool, keep_live_restore: bool, limit: float) -> str:
    """Undo, and let the Engine run as before; what came of it as a sentence."""
    files.undo()
    if keep_live_restore:
        # The containers outlived the old Engine by it: a start without it would end them.
        config = cfg.parse_config(host.read(cfg.CONFIG_PATH) or "")
        host.write(cfg.CONFIG_PATH, cfg.render_config({**config, "live-restore": True}), 0o644)
    if lift_hold() or files.changed:
        host.run("systemctl", "daemon-reload", check=False)
    if not acted:
        return "The files are as they were before, and the Engine was left alone."
    host.run("systemctl", "reset-failed", *UNITS, check=False)
    if not was_active:
        host.run("systemctl", "stop", *UNITS, limit=limit, check=False)
        return "The files are as they were before, and the Engine is not started."
    try:
        if acted == "reload":
            host.run("systemctl", "reload", "docker.service", limit=limit)
        elif acted == "restart":
            host.run("systemctl", "restart", "docker.service", limit=limit)
        else:
            host.run("systemctl", "stop", *UNITS, limit=limit, check=False)
            host.run("systemctl", "start", *UNITS, limit=limit)
    except HostError as error:
        return f"The files are as they were before, but with them the Engine does not run either: {error}"
    return "The former configuration is back, and the Engine runs with it."


# -- looking at what came of it


def journal(since: float) -> str:
    with contextlib.suppress(HostError):
        return host.run(
            *("journalctl", "-u", "docker.service", "--since", f"@{since:.3f}", "-o", "cat", "--no-pager", "-n", "200"),
            check=False,
        )[1]
    return ""


def log_lines(since: float) -> list[str]:
    """The daemon's own last words."""
    lines = [line.strip() for line in journal(since).splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if any(word in line for word in ("level=error", "level=fatal", "failed to", "unable to", "nvalid", "conflict"))
        and not line.startswith(("docker.service:", "Failed to start"))
    ]
    return [cfg.masked(line) for line in (telling or lines)[-4:]]


def version(limit: float) -> dict[str, t.Any]:
    answer = host.until(lambda: host.ask("/version"), limit)
    if not answer:
        raise HostError("The Engine runs but does not answer on its own socket")
    return answer


def check_refusal(port: int, certificate: str | None) -> None:
    """The port must not answer plain HTTP, and has to show the certificate that was just put in place."""
    try:
        with socket.create_connection(("localhost", port), timeout=10) as stream:
            stream.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = stream.recv(64)
    except OSError as error:
        raise HostError(f"Nothing answers on port {port} of the host itself: {error}") from None
    if b" 200" in answer.split(b"\r\n")[0]:
        raise HostError(f"Port {port} answers plain HTTP, which gives anyone root on this host")
    if not certificate:
        return
    import ssl  # only here: it takes as long as a question to the Engine

    shown = _shown_certificate(port)
    if shown and shown != ssl.PEM_cert_to_DER_cert(certificate):
        raise HostError(f"The Engine shows another certificate on port {port} than the one that was put in place")


def _shown_certificate(port: int) -> bytes | None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("localhost", port), timeout=10) as raw, context.wrap_socket(raw) as stream:
            return stream.getpeercert(binary_form=True)
    except OSError:
        return None
