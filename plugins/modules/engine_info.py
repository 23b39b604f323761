#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_info
short_description: Reads all that matters about the Docker Engine of a host in one look
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Reads packages and their candidates, configuration, units and drop-ins, certificate and public key, the running Engine,
    the clock, and what the role P(dockyard.machine.docker_engine#role) remembers.
  - Waits before that until cloud-init has ended and, where the Engine is still to be installed, until no package manager holds a lock.
  - Changes nothing. Private keys and the values of environment files are not part of the result, passwords in URLs are masked.
  - The role P(dockyard.machine.docker_engine#role) uses this as its one look at the host.
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Reads only.
    support: full
  platform:
    description: Where the module runs.
    platforms: posix
    support: full
options:
  environment:
    description:
      - Wanted environment variables of the Engine as a JSON object.
      - The result says whether the host has just these, never their values.
    type: str
    default: "{}"
  wait_timeout:
    description: How many seconds to wait for cloud-init and package locks.
    type: int
    default: 300
  users:
    description: Users of whom the result says whether they exist and are in the group C(docker).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the Engine
  dockyard.machine.engine_info:
  register: look

- name: Show its version
  ansible.builtin.debug:
    msg: "{{ look.engine.version }}"
"""

RETURN = r"""
host:
  description: Host name, operating system, addresses of the default routes, clock and kernel features.
  returned: success
  type: dict
packages:
  description: Installed version and candidate of each package that matters.
  returned: success
  type: dict
engine:
  description: The Engine's program, whether it runs, its version, and what it runs.
  returned: success
  type: dict
  contains:
    version:
      description: Version of the running Engine.
      returned: when it runs
      type: str
      sample: 20.10.24+dfsg1
    containers_running:
      description: How many containers run.
      returned: when it runs
      type: int
      sample: 3
config:
  description: Content of the file C(daemon.json), or what is wrong with it.
  returned: success
  type: dict
units:
  description: State, commands and drop-ins of the units C(docker.service) and C(docker.socket).
  returned: success
  type: dict
tls:
  description: Certificate, CA and public key, as PEM.
  returned: success
  type: dict
environment:
  description: Whether the environment file is as wanted.
  returned: success
  type: dict
remembered:
  description: What earlier runs of the role have set.
  returned: success
  type: dict
groups:
  description: Users that are missing, and that are not in the group C(docker).
  returned: success
  type: dict
waited:
  description: What was waited for.
  returned: success
  type: list
  elements: str
"""

import json
import os
import re
import socket
import stat
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host

PACKAGES = (
    *("docker.io", "docker-cli", "docker-ce", "docker-ce-cli", "containerd", "containerd.io", "docker-engine"),
    *("podman-docker", "iptables", "apparmor", "ca-certificates"),
)
START_LIMIT = 60  # seconds; an Engine that takes longer is looked at as it is
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")


def operating_system() -> dict[str, str]:
    found = cfg.parse_environment(host.read("/etc/os-release") or host.read("/usr/lib/os-release") or "")
    return {
        "id": found.get("ID", ""),
        "like": found.get("ID_LIKE", ""),
        "version": found.get("VERSION_ID", ""),
        "codename": found.get("VERSION_CODENAME", ""),
        "name": found.get("PRETTY_NAME", ""),
    }


# Loopback, link-local, and IPv6's abandoned site-local range, which QEMU's router still hands out, some time after boot
NO_NAMES = ("127.", "::1", "fe8", "fe9", "fea", "feb", "fec", "fed", "fee", "fef")


def own_addresses() -> list[str]:
    """The addresses that the default routes go out from. Nothing is sent for this."""
    found = []
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((anywhere, 9))
                address = asking.getsockname()[0]
        except OSError:
            continue
        if not address.startswith(NO_NAMES):
            found.append(address)
    return found


def about_host() -> dict[str, t.Any]:
    return {
        "hostname": socket.gethostname(),
        "os": operating_system(),
        "architecture": os.uname().machine,
        "addresses": own_addresses(),
        "clock": time.time(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "cgroup": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        "apparmor": (host.read("/sys/module/apparmor/parameters/enabled") or "").startswith("Y"),
    }


def parse_policy(text: str) -> dict[str, str]:
    """Candidates from what ``apt-cache policy`` prints."""
    found, package = {}, ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            package = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            candidate = line.split(":", 1)[1].strip()
            if candidate != "(none)":
                found[package] = candidate
    return found


def parse_status(text: str) -> tuple[dict[str, str], list[str]]:
    """Versions of what is installed, and what an installation that was cut off has left half done."""
    installed, unfinished = {}, []
    for line in text.splitlines():
        name, version, status = (*line.split("\t"), "", "")[:3]
        if status[1:2] == "i":
            installed[name] = version
        elif status[1:2] in ("U", "F", "H", "W", "t"):
            unfinished.append(name)
    return installed, unfinished


def about_packages(candidates: bool) -> dict[str, t.Any]:
    if not host.which("dpkg-query"):
        return {"manager": None, "installed": {}, "unfinished": [], "candidates": {}, "lists_age": None}
    listed = host.run("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Abbrev}\n", *PACKAGES, check=False)
    installed, unfinished = parse_status(listed[1])
    ages = []
    try:
        with os.scandir("/var/lib/apt/lists") as entries:
            # Their modification times are the server's; the change times are this host's.
            ages = [entry.stat().st_ctime for entry in entries if entry.is_file() and "_" in entry.name]
    except OSError:
        pass
    age = int(time.time() - max(ages)) if ages else None
    known = parse_policy(host.run("apt-cache", "policy", *PACKAGES)[1]) if candidates and ages else {}
    found = {"manager": "apt", "installed": installed, "unfinished": unfinished}
    return {**found, "candidates": known, "lists_age": age}


def about_units(shown: dict[str, dict[str, str]]) -> dict[str, t.Any]:
    found = {}
    for name, properties in shown.items():
        ours = {"docker.service": cfg.SERVICE_DROP_IN, "docker.socket": cfg.SOCKET_DROP_IN}.get(name)
        drop_ins = [path for path in properties.get("DropInPaths", "").split() if path != ours]
        fragment = properties.get("FragmentPath", "")
        texts = [host.read(path) or "" for path in [fragment, *drop_ins] if path]
        about = {
            "exists": properties.get("LoadState") == "loaded",
            "load": properties.get("LoadState"),
            "active": properties.get("ActiveState"),
            "enabled": properties.get("UnitFileState"),
            "stale": properties.get("NeedDaemonReload") == "yes",
            "pid": int(properties.get("MainPID") or 0),
            "fragment": fragment,
            "drop_ins": drop_ins,
            "own_drop_in": host.read(ours) if ours else None,
        }
        if name == "docker.service":
            about.update(command_of(texts, drop_ins))
        elif name == "docker.socket":
            about["listen"] = cfg.assigned(texts, "Socket", "ListenStream")
        found[name] = about
    return found


def command_of(texts: list[str], drop_ins: list[str]) -> dict[str, t.Any]:
    """The service's own command (without our drop-in), with its variables filled in."""
    commands = cfg.assigned(texts, "Service", "ExecStart")
    variables: dict[str, str] = {}
    for line in cfg.assigned(texts, "Service", "Environment"):
        variables.update(cfg.parse_environment("\n".join(re.findall(r'(?:[^\s"]|"[^"]*")+', line))))
    for path in cfg.assigned(texts, "Service", "EnvironmentFile"):
        variables.update(cfg.parse_environment(host.read(path.lstrip("-")) or ""))
    name = os.path.basename(cfg.SERVICE_DROP_IN)
    return {
        "exec_start": commands[-1] if commands else None,
        "arguments": cfg.masked(cfg.arguments_of(commands[-1], variables)) if commands else [],
        "later_drop_ins": [
            path
            for path in drop_ins
            if os.path.basename(path) > name
            and any(what == "ExecStart" for where, what, value in cfg.directives(host.read(path) or ""))
        ],
    }


def about_engine(active: bool) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"program": host.which("dockerd"), "running": False}
    version = host.ask("/version") if active else None
    if version:
        information = host.ask("/info", limit=30) or {}
        found.update(
            running=True,
            version=version.get("Version"),
            api_version=version.get("ApiVersion"),
            containers_running=information.get("ContainersRunning", 0),
            live_restore=bool(information.get("LiveRestoreEnabled")),
            swarm=(information.get("Swarm") or {}).get("LocalNodeState", "inactive"),
            storage_driver=information.get("Driver"),
        )
    return found


def about_config() -> dict[str, t.Any]:
    text = host.read(cfg.CONFIG_PATH)
    try:
        return {"exists": text is not None, "content": cfg.masked(cfg.parse_config(text or "")), "error": None}
    except ValueError as error:
        return {"exists": True, "content": {}, "error": str(error)}


def about_tls() -> dict[str, t.Any]:
    public, mode = None, None
    if os.path.exists(cfg.KEY_PATH):
        mode = f"{stat.S_IMODE(os.stat(cfg.KEY_PATH).st_mode):04o}"
        public = host.public_key(cfg.KEY_PATH)
    return {
        "ca": host.read(cfg.CA_PATH),
        "certificate": host.read(cfg.CERTIFICATE_PATH),
        "public_key": public,
        "key_mode": mode,
        "key_tool": host.which("openssl") or host.which("ssh-keygen"),
    }


def about_environment(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    text = host.read(cfg.ENVIRONMENT_PATH)
    private = text is None or stat.S_IMODE(os.stat(cfg.ENVIRONMENT_PATH).st_mode) == 0o600
    return {
        "exists": text is not None,
        "names": sorted(cfg.parse_environment(text or "")),
        "matches": private and (text or "") == cfg.render_environment(wanted),
    }


def about_users(users: list[str]) -> dict[str, t.Any]:
    import grp
    import pwd

    missing = []
    primary = {}
    for user in users:
        try:
            primary[user] = pwd.getpwnam(user).pw_gid
        except KeyError:
            missing.append(user)
    try:
        group = grp.getgrnam("docker")
        outside = [user for user in primary if user not in group.gr_mem and primary[user] != group.gr_gid]
    except KeyError:
        outside = list(primary)
    return {"missing": missing, "outside": outside}


def about_memory() -> dict[str, t.Any]:
    try:
        content = json.loads(host.read(cfg.STATE_PATH) or "{}")
    except ValueError:
        content = {}
    return {"config": content.get("config") or {}, "pending": content.get("pending")}


def settled(waited: list[str]) -> dict[str, dict[str, str]]:
    """The units' properties, once no start or stop of the Engine is under way.

    On a host that has just booted, an Engine that comes up by itself needs nothing.
    """

    def look() -> dict[str, dict[str, str]]:
        return host.show("docker.service", "docker.socket", "containerd.service")

    shown = look()
    if host.on_its_way(shown.get("docker.service", {})):
        waited.append("The Engine is being started or stopped")
        host.until(lambda: not host.on_its_way(look().get("docker.service", {})), START_LIMIT)
        shown = look()
    return shown


def wait(module: AnsibleModule, question: t.Callable[[], t.Optional[str]], waited: list[str], end: float) -> None:
    pending = question()
    if pending:
        waited.append(pending)
        host.until(lambda: not question(), max(0.0, end - time.monotonic()))
        pending = question()
    if pending:
        limit = module.params["wait_timeout"]
        module.fail_json(
            msg=f"{pending}, and that did not end within {limit} s. "
            "Look at what it does, or set a longer docker_engine_wait_timeout"
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "default": "{}", "no_log": True},
            "wait_timeout": {"type": "int", "default": 300},
            "users": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The Engine's files are root's: set 'become: true', or log in as root")
    try:
        environment = json.loads(module.params["environment"])
        waited: list[str] = []
        end = time.monotonic() + module.params["wait_timeout"]
        wait(module, host.cloud_init_pending, waited, end)
        installed = host.which("dockerd") is not None
        if not installed:
            wait(module, lambda: host.lock_holder(LOCKS), waited, end)
        here = about_host()
        units = about_units(settled(waited)) if here["systemd"] else {}
        active = units.get("docker.service", {}).get("active") == "active"
        module.exit_json(
            changed=False,
            host=here,
            packages=about_packages(candidates=not installed),
            engine=about_engine(active),
            config=about_config(),
            units=units,
            tls=about_tls(),
            environment=about_environment(environment),
            remembered=about_memory(),
            groups=about_users(module.params["users"]),
            waited=waited,
        )
    except (host.HostError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
