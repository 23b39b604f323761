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
  - Changes nothing, except that package lists are read anew where O(upgrade) asks for the newest.
  - Private keys and the values of environment files are not part of the result, passwords in URLs are masked.
  - The role P(dockyard.machine.docker_engine#role) uses this as its one look at the host.
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode. Package lists are not read anew then.
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
      - The result says whether the host has just these, never their values.
    type: str
    default: "{}"
  version:
    description: The Engine's version that is asked for, in full or as a prefix. It says whether other versions are worth looking at.
    type: str
    default: ""
  upgrade:
    description:
      - Whether the newest version matters, also where the Engine is installed.
      - Package lists older than an hour are read anew for it, but not in check mode.
    type: bool
    default: false
  holds:
    description: Whether it matters which packages are held, also where that takes a question of its own.
    type: bool
    default: false
  source:
    description: Where the Engine is to come from. Where that removes packages, it matters which are held.
    type: str
    choices: [auto, docker_ce, distro, static, present]
    default: auto
  wait_timeout:
    description: How many seconds to wait for cloud-init and package locks.
    type: int
    default: 300
  data_root:
    description:
      - Where the Engine's data is to be. If it is elsewhere, its size and the room at the new place are part of the result.
      - Empty means where it is, or where it was before the role set another place.
    type: str
    default: ""
  userns_remap:
    description: The wanted value of C(userns-remap), of whose users and ids the result tells.
    type: str
    default: ""
  rootless_user:
    description: The user whose Engine without root it is to be. Empty means the system's Engine.
    type: str
    default: ""
  as_it_is:
    description: Look at the Engine that an earlier run has set up, whoever's that is, and not at O(rootless_user)'s.
    type: bool
    default: false
  users:
    description: Users of whom the result says whether they exist and are in the group C(docker).
    type: list
    elements: str
    default: []
  port:
    description: The port at which the Engine is to listen. If somebody else does, the result says who. V(0) asks for nothing.
    type: int
    default: 0
  listen:
    description: The addresses at which it is to listen. None means all.
    type: list
    elements: str
    default: []
  filters:
    description:
      - Whether it matters if systemd can filter what comes to a socket. Unless the host's socket has such a filter already, it is
        tried with a unit that may not send anything and is gone again at once.
    type: bool
    default: false
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
  description: Host name, operating system, lasting addresses of the interfaces with default routes, the address that this run comes from
    by SSH (V(controller)), clock and kernel features.
  returned: success
  type: dict
packages:
  description: Installed version, candidate and versions of each package that matters, what is held, why that or the lists could not be
    read, and the vendor's repository.
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
  description:
    - State, commands and drop-ins of the units C(docker.service) and C(docker.socket).
    - With OpenRC, the service C(docker) and its settings by the same names.
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
places:
  description: For each folder that is written to, its file system, what is free there, and whether it is read-only.
  returned: success
  type: dict
clients:
  description: By user what is to be changed for O(secrets) in the C(config.json) of Docker's client.
  returned: success
  type: dict
firewalls:
  description: Of ufw, firewalld, nftables and iptables, where they are installed, whether they are active, and which of their rules
    are the role's; and whether systemd can filter.
  returned: success
  type: dict
listener:
  description: Who listens at O(port), unless that is root's Engine or systemd, or there is an Engine without root.
  returned: success
  type: str
groups:
  description: Users that are missing, and that are not in the group C(docker).
  returned: success
  type: dict
data:
  description: Where the Engine's data is, and what its move to another place would meet.
  returned: success
  type: dict
  contains:
    root:
      description: The folder of the data.
      returned: success
      type: str
      sample: /var/lib/docker
remap:
  description: Whether users can be remapped, the users and ids for it, and what another map would hide.
  returned: success
  type: dict
rootless:
  description: What an Engine without root needs, and whose Engine it is now.
  returned: success
  type: dict
gpu:
  description: The runtime of NVIDIA's toolkit, if it is there.
  returned: success
  type: dict
left_over:
  description: Temporary files that a killed run of the role has left.
  returned: success
  type: list
  elements: str
waited:
  description: What was waited for.
  returned: success
  type: list
  elements: str
"""

import os
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_clients as clients
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_leftovers as leftovers
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_places as places
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_secrets as secrets
from ansible_collections.dockyard.machine.plugins.module_utils._engine_look import (
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
from ansible_collections.dockyard.machine.plugins.module_utils._engine_rootless import unit_user
from ansible_collections.dockyard.machine.plugins.module_utils._quiet import QuietModule


def wait(question: t.Callable[[], t.Optional[str]], waited: list[str], end: float, limit: int) -> None:
    pending = question()
    if pending:
        waited.append(pending)
        host.until(lambda: not question(), max(0.0, end - time.monotonic()))
        pending = question()
    if pending:
        raise host.HostError(
            f"{pending}, and that did not end within {limit} s. "
            "Look at what it does, or set a longer docker_engine_wait_timeout"
        )


def look(params: dict[str, t.Any], refresh: bool) -> dict[str, t.Any]:
    """All that the result has."""
    environment, client_proxies = secrets.secrets_of(params["secrets"])
    waited: list[str] = []
    limit = params["wait_timeout"]
    end = time.monotonic() + limit
    wait(host.cloud_init_pending, waited, end, limit)
    if host.which("dockerd") is None:
        wait(lambda: host.lock_holder(host.LOCKS), waited, end, limit)
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
    states = {units.get(name, {}).get("active") for name in host.UNITS}
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
        "gpu": {"nvidia": host.which("nvidia-container-runtime")},
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
    except (host.HostError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
