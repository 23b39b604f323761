#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_benchmark
short_description: Checks a host against the items of the CIS Docker Benchmark about the daemon
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Checks the items of the sections 1 (host), 2 (daemon) and 3 (files of the daemon) of the CIS Docker Benchmark, and
    reports the status of each. The numbers are those of its versions 1.6 and 1.7. Titles and remedies are in this
    collection's own words.
  - Images, containers and swarm (sections 4 to 7) are not checked.
  - Items that fail with the defaults of the role P(dockyard.machine.docker_engine#role) have a reason.
  - Changes nothing, and requires root.
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
  accepted:
    description: Numbers of items whose failure is accepted.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Check the host
  dockyard.machine.engine_benchmark:
    accepted: ["1.1.1", "2.1", "2.9", "2.12"]
  register: benchmark
  failed_when: benchmark.failing | length > 0

- name: Show failed items and their remedies
  ansible.builtin.debug:
    msg: "{{ benchmark.checks | selectattr('status', 'eq', 'fail') }}"
"""

RETURN = r"""
checks:
  description: The items, in the benchmark's order.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Number in the benchmark.
      type: str
      sample: "2.15"
    title:
      description: The requirement.
      type: str
      sample: Containers outlive a restart of the Engine
    status:
      description: V(pass), V(fail), V(not_applicable), or V(manual) if a person must decide.
      type: str
    found:
      description: The state of the host.
      type: str
    remedy:
      description: The remedy.
      returned: if it fails
      type: str
    reason:
      description: Why the role's defaults do not change it.
      returned: if it fails, and the role's defaults do
      type: str
    accepted:
      description: Whether it is accepted.
      returned: if it fails
      type: bool
failing:
  description: Numbers of the items that fail and are not accepted.
  returned: success
  type: list
  elements: str
summary:
  description: Number of items by status.
  returned: success
  type: dict
  sample: {"pass": 30, "fail": 20, "manual": 3, "not_applicable": 14}
"""

import glob
import grp
import os
import pwd
import stat
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _arguments,
    _commands,
    _files,
    _owner,
    _paths,
    _systemd,
    _unit_files,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _benchmark as benchmark
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _engine, _units
from ansible_collections.dockyard.machine.plugins.module_utils._quiet import QuietModule

PROGRAMS = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2", "runc")
TLS_FILES = ("tlscacert", "tlscert", "tlskey")


def look() -> benchmark.HostReport:
    if openrc.runs():
        raise HostError("This host has OpenRC, and the benchmark's items are about files and units of systemd")
    _owner.belongs_to(_owner.owner_of(rootless.unit_user() or ""))  # a host has one Engine
    units = _systemd.show("docker.service", "docker.socket")
    files = {name: _unit_texts(unit) for name, unit in units.items()}
    arguments = _units.command_of(files.get("docker.service", []))["arguments"]
    configuration = _engine.about_config()
    if configuration["error"]:
        raise HostError(
            f"{_paths.CONFIG_PATH} is not a configuration that the Engine starts with ({configuration['error']}). Correct it, or "
            "remove it"
        )
    config = configuration["content"]
    settings = settings_of(config, arguments)
    listening = [value for value, dummy in _unit_files.placed(files.get("docker.socket", []), "Socket", "ListenStream")]
    hosts = [*_arguments.host_arguments(arguments), *(config.get("hosts") or [])]
    information = (
        _api.ask("/info", limit=30) if units.get("docker.service", {}).get("ActiveState") == "active" else None
    )
    places = {name: _commands.which(name) or name for name in PROGRAMS}
    places.update({name: unit.get("FragmentPath") or name for name, unit in units.items()})
    places.update({name: str(settings[name]) for name in TLS_FILES if name in settings})
    places["containerd.sock"] = "/run/containerd/containerd.sock"
    # With remapped users, the Engine itself names a folder of theirs that is below it.
    default = (information or {}).get("DockerRootDir") if _owner.OWNER else None
    places["data-root"] = isolation.data_root(config, arguments, default or isolation.DATA_ROOT)
    return benchmark.HostReport(
        settings=settings,
        info=information or {},
        listens=any(not one.startswith(("/", "@")) for one in listening)
        or any(not one.startswith(("unix:", "fd:", "npipe:")) for one in hosts if one),
        places=places,
        files=files_of([*places.values(), *FIXED, *glob.glob("/etc/docker/certs.d/**", recursive=True)]),
        audit=audit_rules(),
        members=members_of("docker"),
        own_file_system=os.path.ismount(os.path.realpath(places["data-root"])),
    )


FIXED = (
    *("/etc/docker", "/etc/docker/daemon.json", "/etc/default/docker", "/etc/sysconfig/docker", "/run/containerd"),
    *("/etc/containerd/config.toml", "/run/docker.sock"),
)


def _unit_texts(unit: dict[str, str]) -> list[tuple[str, str]]:
    paths = [unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split()]
    return [(path, _files.read(path) or "") for path in paths if path]


def settings_of(config: dict[str, t.Any], arguments: list[str]) -> dict[str, t.Any]:
    """daemon.json with what the command line sets beside it."""
    found = dict(config)
    for key, values in _arguments.values_of(arguments).items():
        last = {"": True, "true": True, "false": False}.get(values[-1], values[-1])
        found.setdefault(key, values if key in _arguments.LISTS else last)
    return found


def files_of(paths: t.Iterable[str]) -> dict[str, benchmark.File]:
    found = {}
    for path in paths:
        try:
            about = os.stat(path)
        except OSError:
            continue
        if path.startswith("/etc/docker/certs.d/") and not stat.S_ISREG(about.st_mode):
            continue
        found[path] = benchmark.File(f"{_user(about.st_uid)}:{_group(about.st_gid)}", stat.S_IMODE(about.st_mode))
    return found


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def members_of(group: str) -> list[str]:
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:
        return []


def audit_rules() -> list[str] | None:
    """The rules that the kernel has, or, where it does not say, those that are to be loaded."""
    if not _commands.which("auditctl"):
        return None
    status, out, dummy = _commands.run("auditctl", "-l", check=False)
    texts = (
        [out] if status == 0 else [_files.read(path) or "" for path in sorted(glob.glob("/etc/audit/rules.d/*.rules"))]
    )
    return [line.strip() for text in texts for line in text.splitlines() if line.strip().startswith("-")]


def main() -> None:
    module = QuietModule(
        argument_spec={"accepted": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The Engine's files are root's: set 'become: true', or log in as root")
    unknown = sorted(set(module.params["accepted"]) - {item.id for item in benchmark.ITEMS})
    if unknown:
        module.fail_json(msg=f"accepted has {', '.join(unknown)}, which is not the number of a checked item")
    try:
        lines = benchmark.report(look(), module.params["accepted"])
    except (HostError, OSError, ValueError) as error:
        module.fail_json(msg=f"The host could not be looked at: {error}")
    states = (benchmark.PASS, benchmark.FAIL, benchmark.MANUAL, benchmark.NOT_APPLICABLE)
    module.exit_json(
        changed=False,
        checks=lines,
        failing=[line["id"] for line in lines if line["status"] == benchmark.FAIL and not line["accepted"]],
        summary={state: sum(line["status"] == state for line in lines) for state in states},
    )


if __name__ == "__main__":
    main()
