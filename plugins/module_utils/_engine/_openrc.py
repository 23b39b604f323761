# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine as a service of OpenRC, as on Alpine: a script in /etc/init.d, and settings in /etc/conf.d that a shell reads.

There is no socket that listens in its place: the Engine listens by itself, where its options (DOCKER_OPTS) say. What the
role sets is a block at the end of the settings. Its text is made on the controller, for the plan; the rest runs on the
host. Runs on Python 3.8.
"""

from __future__ import annotations

import os
import re
import shlex
import typing as t

from . import (
    _api,
    _arguments,
    _commands,
    _files,
    _paths,
    _systemd,
    _unit_files,
    _waiting,
)
from ._errors import HostError

Put = t.Callable[..., bool]  # of Files: puts a file in place, and knows how it was
Close = t.Callable[[], None]  # stops the Engine, once the files have no port of ours any more

SERVICE = "docker"
SCRIPT = "/etc/init.d/docker"
SETTINGS = "/etc/conf.d/docker"
PROXIES = "/etc/profile.d/proxy.sh"  # which Alpine's script reads after the settings
LOG = "/var/log/docker.log"
RUNLEVEL = "default"

OWN_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
ALL = "0.0.0.0"  # for the Engine, all of IPv6 too
_BEGIN = "# BEGIN dockyard.machine.docker_engine: written by this Ansible role, which overwrites changes in here"
_END = "# END dockyard.machine.docker_engine"
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n?", re.M | re.S)
_OPTIONS = re.compile(r'^DOCKER_OPTS="\$\{DOCKER_OPTS:-\} (.*)"$', re.M)
# Only root may read it, and others may ask for the service's state.
_ENVIRONMENT = f"if [ -r {_paths.ENVIRONMENT_PATH} ]; then set -a; . {_paths.ENVIRONMENT_PATH}; set +a; fi"
# What a script of the Engine, or OpenRC, takes as its own setting
_MEANT_FOR_SCRIPTS = ("DOCKERD_BINARY", "IFS", *map("DOCKER_{}".format, ("OPTS", "LOGFILE", "ERRFILE", "OUTFILE")))
_MEANT_FOR_SCRIPTS += ("DOCKER_PIDFILE", "DOCKER_ULIMIT", "DOCKER_RETRY")


# -- the block


def block(
    port: int | None,
    addresses: t.Sequence[str] = (),
    others: t.Sequence[str] = (),
    controllers: t.Sequence[str] = (),
    environment: bool = False,
) -> str | None:
    """Our lines, given where the Engine listens already by options of others; None where there is nothing to say."""
    lines = []
    if port is not None:
        words = [] if any(one in OWN_SOCKETS for one in others) else ["-H", OWN_SOCKETS[0]]
        for address in [ALL] if not addresses or {ALL, "::"} & set(addresses) else addresses:
            words += ["-H", f"tcp://{f'[{address}]' if ':' in address else address}:{port}"]
        # The shell that starts the Engine reads them once more.
        lines.append(
            'DOCKER_OPTS="${DOCKER_OPTS:-} '
            + " ".join(shlex.quote(word) for word in (*words, *_arguments.TLS_ARGUMENTS))
            + '"'
        )
    if environment:
        lines.append(_ENVIRONMENT)
    return "\n".join([_BEGIN, *_unit_files.controllers_line(controllers), *lines, _END]) + "\n" if lines else None


def block_of(text: str) -> str | None:
    found = _BLOCK.search(text)
    return found.group() if found else None


def with_block(text: str, ours: str | None) -> str:
    """The settings with this block in place of the one there, at their end."""
    rest = _BLOCK.sub("", text)
    return rest + ("\n" if rest and not rest.endswith("\n") else "") + (ours or "")


def effective(ours: str | None) -> list[str]:
    """The part of our block that only a new start takes over."""
    return [line for line in (ours or "").splitlines() if not line.startswith("#")]


def listening(ours: str | None) -> list[str]:
    """Address and port of each place where our block lets the Engine listen for TLS."""
    hosts = _arguments.host_arguments(shlex.split(_options_of(ours)))
    return [one.partition("//")[2] for one in hosts if one.startswith("tcp://")]


def _options_of(ours: str | None) -> str:
    found = _OPTIONS.search(ours or "")
    return found.group(1) if found else ""


def misread(name: str) -> bool:
    """Whether a variable of the Engine's environment would be taken for a setting of its service."""
    lower = name == name.lower() and not name.endswith("_proxy")
    return lower or name.startswith(("RC_", "SSD_", "LOGPROXY_")) or name in _MEANT_FOR_SCRIPTS


# -- on the host


class Settings(t.NamedTuple):
    """What a shell makes of the settings: the options of others, the files that the Engine's output goes to, and our block."""

    options: str
    logs: tuple[str, ...]
    block: str | None


_ASK = (
    'if [ -e "$1" ]; then . "$1" >/dev/null; fi; printf "%s\\0" "${DOCKER_OPTS:-}" '
    '"${DOCKER_ERRFILE:-${DOCKER_LOGFILE:-$2}}" "${DOCKER_OUTFILE:-${DOCKER_LOGFILE:-$2}}"'
)


def settings() -> Settings:
    status, out, err = _commands.run(
        "sh", "-c", _ASK, "sh", SETTINGS, LOG, environment={"RC_SVCNAME": SERVICE, "DOCKER_OPTS": ""}, check=False
    )
    found = out.split("\0")
    if status or len(found) < 3:
        raise HostError(f"{SETTINGS} can't be read by a shell: {_commands.tail(err) or f'it ended with {status}'}")
    there = block_of(_files.read(SETTINGS) or "")
    ours = _options_of(there)
    if there and ours not in found[0]:
        # A line behind it sets other options in their place: of the block, nothing but its comments has an effect.
        there = "".join(line for line in there.splitlines(True) if line.startswith("#"))
    options = found[0].replace(ours, "", 1) if ours else found[0]
    return Settings(options.strip(), tuple(dict.fromkeys(found[1:3])), there)


def usable() -> bool:
    """Whether the service is one that takes our options: Alpine's, or one like it."""
    script = _files.read(SCRIPT) or ""
    return "openrc-run" in script.partition("\n")[0] and "DOCKER_OPTS" in script


def runs() -> bool:
    return os.path.exists("/run/openrc/softlevel") and not os.path.isdir("/run/systemd/system")


def enabled() -> bool:
    """Whether a runlevel has the service."""
    levels = "/etc/runlevels"
    return os.path.isdir(levels) and any(
        os.path.lexists(os.path.join(levels, level, SERVICE)) for level in os.listdir(levels)
    )


def process() -> tuple[int, str]:
    """The Engine's process and when it began, or zeros."""
    pid = (_files.read("/run/docker.pid") or _files.read("/var/run/docker.pid") or "").strip()
    words = (_files.read(f"/proc/{pid}/stat") or "").rpartition(")")[2].split() if pid.isdigit() else []
    return (int(pid), words[19]) if len(words) > 19 else (0, "0")


# As the exit codes of a service's status say it
_STATES = {0: "active", 4: "deactivating", 8: "activating", 32: "failed", 64: "failed"}


class OpenRC:
    """See Systemd in _service_manager, which has the same to offer."""

    holds = False  # no package of Alpine starts what it installs

    def state(self) -> dict[str, str]:
        """By systemd's names. A service is started before its Engine is up, so that counts as on its way."""
        if not os.path.exists(SCRIPT):
            return {"LoadState": "not-found", "ActiveState": "inactive", _systemd.STARTED: "0"}
        active = _STATES.get(_commands.run("rc-service", SERVICE, "status", check=False)[0], "inactive")
        if active == "active" and not _api.ask("/version"):
            active = "activating"
        pid, began = process()
        return {
            "LoadState": "loaded" if usable() else "error",
            "ActiveState": active,
            "SubState": "running" if pid else "dead",
            "MainPID": str(pid),
            _systemd.STARTED: began,
        }

    def start(self, limit: float) -> None:
        self._up("start", limit)

    def restart(self, limit: float) -> None:
        self._up("restart", limit)

    def stop(self, limit: float, check: bool = True) -> None:
        self._tell("stop", limit, check)

    def reload(self, limit: float, check: bool = True) -> None:
        self._tell("reload", limit, check)

    def forget(self) -> None:
        """Nothing is counted."""

    def reread(self, limit: float = 60, check: bool = True) -> None:
        """The settings are read with each call."""

    def enable(self, dummy_units: t.Sequence[str], limit: float) -> None:
        _commands.run("rc-update", "add", SERVICE, RUNLEVEL, limit=limit)

    def place(
        self, put: Put, plan: t.Mapping[str, t.Any], dummy_state: t.Mapping[str, str], dummy_close: Close
    ) -> bool:
        """The port and its TLS are in one file, so that neither exists without the other."""
        if not os.path.exists(SCRIPT):
            raise HostError(f"There is no {SCRIPT} on this host, though what it comes with is installed")
        old = _files.read(SETTINGS)
        text = with_block(old or "", plan["options"])
        mode = os.stat(SETTINGS).st_mode & 0o7777 if old is not None else 0o644
        return put(SETTINGS, text if text or old is not None else None, mode)

    def mark(self) -> dict[str, int]:
        """How long each log is now."""
        return {path: _length(path) for path in settings().logs}

    def log(self, mark: t.Any) -> str:
        """What the Engine has said since. One that is started again and again says the same each time."""
        lines: list[str] = []
        for path in mark or ():
            try:
                with open(path, "rb") as stream:
                    # A shorter file is another one, after a rotation.
                    stream.seek(mark[path] if _length(path) >= mark[path] else 0)
                    lines += stream.read(1 << 20).decode(errors="replace").splitlines()
            except OSError:
                continue
        return "\n".join(dict.fromkeys(lines))

    def _up(self, verb: str, limit: float) -> None:
        """Start it, and wait for what came of it: that the service is started doesn't say that its Engine is."""
        ended = self.state()["ActiveState"] == "failed"
        if not ended:
            try:
                self._tell(verb, limit)
            except HostError:
                if process()[0]:
                    raise
                ended = True
        if ended:
            # It counts as started, and there is nothing to stop: let OpenRC forget that.
            self._tell("zap", limit, False)
            self._tell("start", limit)

        def settled() -> str:
            state = self.state()["ActiveState"]
            return "" if state == "activating" else state

        state = _waiting.until(settled, limit)
        if state != "active":
            what = f"and its service is {state} now" if state else f"and it did not answer within {limit:.0f} s"
            raise HostError(f"The Engine was started by 'rc-service {SERVICE} {verb}', {what}")

    def _tell(self, verb: str, limit: float, check: bool = True) -> None:
        _commands.run("rc-service", "--nocolor", SERVICE, verb, limit=limit, check=check)


def _length(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
