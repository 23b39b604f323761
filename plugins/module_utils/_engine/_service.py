# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine as a service: its command, starting it, putting it back, and looking at what came of it.

Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
import typing as t

from . import (
    _api,
    _daemon_json,
    _files,
    _masking,
    _paths,
    _waiting,
)
from . import _service_manager as manager
from ._config_file import config_path, write_config
from ._errors import HostError
from ._file_changes import Files
from ._look import _network
from ._packages import hold, lift_hold
from ._state import remember, remembered

END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"


# What the Engine says when it does not take over a configuration. Other errors in its log are about other things.
# By a plug-in that is missing it even ends.
_REFUSALS = (
    *(
        "level=fatal",
        "Error reconfiguring the daemon",
        "Error reloading configuration",
        "Error validating authorization",
    ),
    *("configuration validation failed", "unable to configure the Docker daemon", "conflict labels"),
)


_TELLING = ("level=error", "level=fatal", "failed to", "unable to", "nvalid", "conflict", "already in use")
_RELOADS = "%7B%22type%22%3A%5B%22daemon%22%5D%2C%22event%22%3A%5B%22reload%22%5D%7D"


def reload_engine(live_restore: bool, limit: float) -> None:
    since, mark = time.time(), manager.here().mark()
    manager.here().reload(limit)
    if live_restore:
        if not _waiting.until(lambda: (_api.ask("/info") or {}).get("LiveRestoreEnabled"), 15):
            raise HostError("The Engine did not take over live-restore: " + " | ".join(log_lines(mark)))
        return

    def outcome() -> str | None:
        # It says so in an event; in its log only where the log's level allows it.
        if _api.ask(f"/events?since={since:.3f}&until={time.time():.3f}&filters={_RELOADS}"):
            return "done"
        return "failed" if any(words in journal(mark) for words in _REFUSALS) else None

    if _waiting.until(outcome, 30) != "done":
        raise HostError("The Engine did not take over its configuration: " + " | ".join(log_lines(mark)))


def live_restore(limit: float) -> None:
    """Let a running Engine know that its containers outlive it, before anything ends it."""
    config = _daemon_json.parse_config(_files.read(_paths.CONFIG_PATH) or "")
    if config.get("live-restore") is not True:
        write_config({**config, "live-restore": True})
        remember({**remembered(), "live-restore": True}, None)
    reload_engine(True, limit)


def act(action: str, limit: float, started_before: bool = True) -> None:
    """Start, reload or restart the Engine; ``cycle`` restarts it and the socket."""
    it = manager.here()
    if action == "reload":
        reload_engine(False, limit)
        return
    if action == "cycle":
        it.stop(limit)
    if started_before:
        it.forget()
    mark = it.mark()
    try:
        (it.restart if action == "restart" else it.start)(limit)
    except HostError as error:
        raise HostError(" | ".join(log_lines(mark)) or str(error)) from None


def stop_with_containers(limit: float) -> None:
    """Stop the Engine and its containers, as in a shutdown: those with a restart policy come with the next Engine.

    Until the hold is lifted, nobody starts it again by a question to its socket.
    """
    about = _api.ask("/info", limit=30) or {}
    if about.get("LiveRestoreEnabled") and about.get("ContainersRunning"):
        # They would outlive it. In the file it is for a moment only.
        text = _files.read(_paths.CONFIG_PATH)
        write_config({**_daemon_json.parse_config(text or ""), "live-restore": False})
        try:
            manager.here().reload(limit)
            if not _waiting.until(lambda: not (_api.ask("/info") or {}).get("LiveRestoreEnabled", True), 15):
                raise HostError("The Engine's containers would outlive it, since live-restore can't be switched off")
        finally:
            if text is None:
                _files.remove(config_path())
            else:
                _files.write(config_path(), text, _files.mode_of(_paths.CONFIG_PATH))
    hold()
    manager.here().reread(limit)
    manager.here().stop(limit)


def put_back(files: Files, acted: str | None, was_active: bool, keep_live_restore: bool, limit: float) -> str:
    """Undo, and let the Engine run as before; what came of it as a sentence."""
    it = manager.here()
    if acted in ("start", "cycle"):
        # With its socket: an Engine that starts with the former files must not take over a port that they do not have.
        with contextlib.suppress(HostError):
            it.stop(limit, check=False)
    files.undo()
    if keep_live_restore:
        # The containers outlived the old Engine by it: a start without it would end them.
        config = _daemon_json.parse_config(_files.read(_paths.CONFIG_PATH) or "")
        write_config({**config, "live-restore": True})
    if lift_hold() or files.changed:
        it.reread(check=False)
    if not acted:
        return "The files are as they were before, and the Engine was left alone."
    it.forget()
    if not was_active:
        it.stop(limit, check=False)
        return "The files are as they were before, and the Engine is not started."
    runs_on = False
    try:
        runs_on = acted == "reload" and _runs()
        if runs_on:
            it.reload(limit)
        elif acted in ("reload", "restart"):
            it.restart(limit)
        else:
            it.start(limit)
    except HostError as error:
        outcome = (
            "and the Engine runs on, but has not read them"
            if runs_on
            else "but with them the Engine does not run either"
        )
        return f"The files are as they were before, {outcome}: {error}"
    return "The former configuration is back, and the Engine runs with it."


def _runs() -> bool:
    """Whether the Engine runs on, if too slow to answer: one that took a reload amiss may have ended, and start again."""
    _waiting.until(lambda: _api.ask("/version"), 2)
    return manager.here().state().get("SubState", "").startswith(("running", "reload"))


def journal(since: t.Any) -> str:
    return manager.here().log(since)


def log_lines(since: t.Any) -> list[str]:
    """The daemon's own last words."""
    lines = [line.strip() for line in journal(since).splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if any(word in line for word in _TELLING) and not line.startswith(("docker.service:", "Failed to start"))
    ]
    return [_masking.masked(line) for line in (telling or lines)[-4:]]


def version(limit: float) -> dict[str, t.Any]:
    answer = _waiting.until(lambda: _api.ask("/version"), limit)
    if not answer:
        raise HostError("The Engine runs but does not answer on its own socket")
    return answer


def check_refusal(addresses: list[str], port: int, certificate: str | None) -> None:
    """The port must not answer plain HTTP, and has to show the certificate that was just put in place."""
    for address in [address for address in addresses if _is_here(address)] if addresses else ["localhost"]:
        _check_refusal(address, port, certificate)


def _is_here(address: str) -> bool:
    """Whether the host has this address by now: docker.socket listens on one that may come later.

    That it can be bound to would not say so: where keepalived runs, a host may do that with each other's.
    """
    asked = ipaddress.ip_address(address)
    own = [*_network.ipv4_addresses(), *_network.ipv6_addresses(_files.read("/proc/net/if_inet6") or "")]
    return asked.is_unspecified or asked.is_loopback or asked in {ipaddress.ip_address(one) for _name, one in own}


def _check_refusal(address: str, port: int, certificate: str | None) -> None:
    try:
        with socket.create_connection((address, port), timeout=10) as stream:
            stream.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = stream.recv(64)
    except OSError as error:
        raise HostError(f"Nothing answers on port {port} of {address}, asked on the host itself: {error}") from None
    if b" 200" in answer.split(b"\r\n")[0]:
        raise HostError(f"Port {port} answers plain HTTP, which gives anyone root on this host")
    if not certificate:
        return
    import ssl  # only here: it takes as long as a question to the Engine

    shown = _shown_certificate(address, port)
    own, mark, _chain = certificate.partition(END_OF_CERTIFICATE)
    if shown and shown != ssl.PEM_cert_to_DER_cert(own + mark):
        raise HostError(f"The Engine shows another certificate on port {port} than the one that was put in place")


def _shown_certificate(address: str, port: int) -> bytes | None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), timeout=10) as raw, context.wrap_socket(raw) as stream:
            return stream.getpeercert(binary_form=True)
    except OSError:
        return None
