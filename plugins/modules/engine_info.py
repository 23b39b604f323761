#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_info
short_description: Reads the state of a host's Docker Engine in one call
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Reads packages and their candidates, configuration, units and drop-ins, certificate and public key, the running
    Engine, the clock, and what the role P(dockyard.machine.docker_engine#role) has recorded.
  - Waits first until cloud-init has finished and, if the Engine is not installed yet, until no package manager holds a
    lock.
  - Changes nothing, except that package lists are refreshed if O(upgrade) requires it.
  - The result does not contain private keys or values of environment files. Passwords in URLs are masked.
  - The role P(dockyard.machine.docker_engine#role) calls this once for each host.
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode. Package lists are not refreshed then.
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
  secrets:
    description:
      - The Engine's environment and proxies and those of Docker's clients, as a JSON object of the role's variables
        C(environment), C(proxies) and C(client_proxies).
      - The result reports whether the host has exactly these, never their values.
    type: str
    default: "{}"
  version:
    description: The wanted version of the Engine, in full or as a prefix. It determines whether other versions are
      read.
    type: str
    default: ""
  upgrade:
    description:
      - Whether to read the newest version even if the Engine is installed.
      - Package lists older than an hour are refreshed for it, but not in check mode.
    type: bool
    default: false
  holds:
    description: Whether to read which packages are held, even if that takes another query.
    type: bool
    default: false
  source:
    description: The wanted source of the Engine. If it removes packages, held packages are read.
    type: str
    choices: [auto, docker_ce, distro, static, present]
    default: auto
  wait_timeout:
    description: Maximum seconds to wait for cloud-init and package locks.
    type: int
    default: 300
  data_root:
    description:
      - The wanted folder of the Engine's data. If it is another one, the result contains the size of the data and the
        free space of the new folder.
      - Empty means the current folder, or the one before the role set another.
    type: str
    default: ""
  userns_remap:
    description: The wanted value of C(userns-remap). The result contains its users and ids.
    type: str
    default: ""
  rootless_user:
    description: The user of the rootless Engine. Empty means the system's Engine.
    type: str
    default: ""
  as_it_is:
    description: Read the Engine that an earlier run has set up, regardless of its user and of O(rootless_user).
    type: bool
    default: false
  users:
    description: Users whose existence and membership in the group C(docker) the result reports.
    type: list
    elements: str
    default: []
  port:
    description: The wanted port of the Engine. The result reports another program that listens on it. V(0) skips the
      check.
    type: int
    default: 0
  listen:
    description: The wanted addresses of that port. An empty list means all.
    type: list
    elements: str
    default: []
  filters:
    description:
      - Whether to check if systemd can filter the traffic of a socket. If the host's socket has no such filter yet,
        this is tried with a transient unit that may not send anything.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the state of the Engine
  dockyard.machine.engine_info:
  register: look

- name: Show its version
  ansible.builtin.debug:
    msg: "{{ look.engine.version }}"
"""

RETURN = r"""
host:
  description: Host name, operating system, permanent addresses of the interfaces with default routes, the address that
    this SSH session comes from (V(controller)), clock and kernel features.
  returned: success
  type: dict
packages:
  description: Installed version, candidate and versions of each relevant package, held packages, errors in reading
    these or the lists, and the vendor's repository.
  returned: success
  type: dict
engine:
  description: The Engine's program, whether it runs, its version, and its containers.
  returned: success
  type: dict
  contains:
    version:
      description: Version of the running Engine.
      returned: when it runs
      type: str
      sample: 20.10.24+dfsg1
    containers_running:
      description: Number of running containers.
      returned: when it runs
      type: int
      sample: 3
config:
  description: Content of the file C(daemon.json), or its error.
  returned: success
  type: dict
units:
  description:
    - State, commands and drop-ins of the units C(docker.service) and C(docker.socket).
    - With OpenRC, the service C(docker) and its settings under the same names.
  returned: success
  type: dict
tls:
  description: Certificate, CA and public key, as PEM.
  returned: success
  type: dict
environment:
  description: Whether the environment file has the wanted content.
  returned: success
  type: dict
remembered:
  description: Settings of earlier runs of the role.
  returned: success
  type: dict
places:
  description: For each folder that is written to, its file system, the free space, and whether it is read-only.
  returned: success
  type: dict
clients:
  description: By user, the changes that O(secrets) requires in the C(config.json) of Docker's client.
  returned: success
  type: dict
firewalls:
  description: For each installed one of ufw, firewalld, nftables and iptables, whether it is active, and which of its
    rules the role has added. Also whether systemd can filter.
  returned: success
  type: dict
listener:
  description: The program that listens on O(port), unless it is root's Engine or systemd, or there is a rootless
    Engine.
  returned: success
  type: str
groups:
  description: Users that do not exist, and users that are not in the group C(docker).
  returned: success
  type: dict
data:
  description: The folder of the Engine's data, and what would prevent a move.
  returned: success
  type: dict
  contains:
    root:
      description: The folder of the data.
      returned: success
      type: str
      sample: /var/lib/docker
remap:
  description: Whether users can be remapped, the users and ids for it, and what another mapping would hide.
  returned: success
  type: dict
rootless:
  description: What a rootless Engine requires, and the user of the current one.
  returned: success
  type: dict
gpu:
  description: The runtime of NVIDIA's toolkit, if it is installed.
  returned: success
  type: dict
left_over:
  description: Temporary files of an interrupted run of the role.
  returned: success
  type: list
  elements: str
waited:
  description: What the module has waited for.
  returned: success
  type: list
  elements: str
"""

import os
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _client_proxies as clients
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands, _processes, _systemd, _waiting
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space as places
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _leftovers as leftovers
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import (
    _data,
    _engine,
    _firewalls,
    _network,
    _openrc,
    _packages,
    _remap,
    _rootless,
    _system,
    _units,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine._rootless import unit_user
from ansible_collections.dockyard.machine.plugins.module_utils._quiet import QuietModule


def wait(question: t.Callable[[], t.Optional[str]], waited: list[str], end: float, limit: int) -> None:
    pending = question()
    if pending:
        waited.append(pending)
        _waiting.until(lambda: not question(), max(0.0, end - time.monotonic()))
        pending = question()
    if pending:
        raise HostError(
            f"{pending}, and that did not end within {limit} s. "
            "Look at what it does, or set a longer docker_engine_wait_timeout"
        )


def look(params: dict[str, t.Any], refresh: bool) -> dict[str, t.Any]:
    """All that the result has."""
    environment, client_proxies = secrets.secrets_of(params["secrets"])
    waited: list[str] = []
    limit = params["wait_timeout"]
    end = time.monotonic() + limit
    wait(_waiting.cloud_init_pending, waited, end, limit)
    if _commands.which("dockerd") is None:
        wait(lambda: _processes.lock_holder(_processes.LOCKS), waited, end, limit)
    here = _system.about_host()
    user = (unit_user() or "") if params["as_it_is"] else params["rootless_user"]
    rootless = _rootless.about_rootless(user if here["systemd"] else "")
    shown = _units.settled(waited) if here["systemd"] and rootless["lingers"] else {}
    firewalls = _firewalls.about_firewalls(rootless.pop("firewalls", shown), params["filters"])
    units, others = _units.about_units(shown), _units.others_variables(shown)
    if here["openrc"]:
        units, others = _openrc.units(waited), _openrc.others_variables()
    elif user:
        units = _rootless.units(units)
    config, memory = _engine.about_config(), _engine.about_memory()
    arguments = units.get("docker.service", {}).get("arguments", [])
    about_data = _data.about_data(
        params["data_root"], config["content"], memory["config"], arguments, rootless["data_root"]
    )
    socket = units.get("docker.socket", {})
    has_port = socket.get("active") == "active" and str(params["port"]) in (socket.get("own_drop_in") or "")
    # For an Engine without root, programs of many names listen.
    asks = params["port"] and not (has_port or user or rootless["unit_user"])
    states = {units.get(name, {}).get("active") for name in _systemd.UNITS}
    return {
        "host": here,
        "packages": _packages.about_packages(params, refresh),
        "engine": {
            **_engine.about_engine(units.get("docker.service", {}).get("active") == "active", about_data["root"]),
            "another": _engine.another(here["systemd"]) if states <= _units.DOWN and not user else None,
        },
        "config": config,
        "units": units,
        "tls": _engine.about_tls(),
        "environment": _engine.about_environment(environment, others),
        "remembered": memory,
        "clients": clients.about_clients(
            ["root", *params["users"]] if client_proxies else [], client_proxies, memory["clients"]
        ),
        "places": {path: places.place(path) for path in places.PLACES},
        "data": about_data,
        "remap": _remap.about_remap(params["userns_remap"], config["content"], about_data["root"]),
        "firewalls": firewalls,
        "listener": _network.listener(params["port"], params["listen"]) if asks else None,
        "rootless": rootless,
        "gpu": {"nvidia": _commands.which("nvidia-container-runtime")},
        "groups": _system.about_users(params["users"]),
        "left_over": leftovers.find(memory["clients"]),
        "waited": waited,
    }


def main() -> None:
    module = QuietModule(
        argument_spec={
            "secrets": {"type": "str", "default": "{}", "no_log": True},
            "version": {"type": "str", "default": ""},
            "upgrade": {"type": "bool", "default": False},
            "holds": {"type": "bool", "default": False},
            "source": {
                "type": "str",
                "choices": ["auto", "docker_ce", "distro", "static", "present"],
                "default": "auto",
            },
            "wait_timeout": {"type": "int", "default": 300},
            "data_root": {"type": "str", "default": ""},
            "rootless_user": {"type": "str", "default": ""},
            "as_it_is": {"type": "bool", "default": False},
            "userns_remap": {"type": "str", "default": ""},
            "users": {"type": "list", "elements": "str", "default": []},
            "port": {"type": "int", "default": 0},
            "listen": {"type": "list", "elements": "str", "default": []},
            "filters": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The Engine's files are root's: set 'become: true', or log in as root")
    try:
        module.exit_json(changed=False, **look(module.params, not module.check_mode))
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        module.fail_json(msg=f"This host can't be looked at: {what}. Put that right and run again; nothing was changed")
    except (HostError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
