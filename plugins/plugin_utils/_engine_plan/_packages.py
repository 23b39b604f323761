# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine comes from: each source says which packages a host needs.

A source is a function of what was seen on the host. Another source is another function in SOURCES.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan._plan import Plan, PlanError, Wanted

LISTS_FRESH = 3600  # seconds for which the package lists need no update


class Packages(t.NamedTuple):
    """What to install, and what only where the distribution has it."""

    names: list[str]
    optional: list[str]


NOTHING = Packages([], [])


# Dependencies that packages only recommend, but without which the Engine does not do its work.
_NEEDED = ("iptables", "ca-certificates")


def distro(info: dict[str, t.Any]) -> Packages:
    """The distribution's own packages. What is installed stays as it is; there is no upgrade without being asked."""
    system, packages = info["host"]["os"], info["packages"]
    installed = packages["installed"]
    if "docker.io" in installed:
        return NOTHING
    if info["engine"]["program"] and "docker.io" not in packages["unfinished"]:
        raise PlanError(
            f"docker_engine_source is 'distro', but {info['engine']['program']} on this host comes from elsewhere "
            f"({', '.join(n for n in ('docker-ce', 'docker-engine') if n in installed) or 'not from a package'}). "
            "Use docker_engine_source 'present' for it, or remove it first"
        )
    family = {system["id"], *system["like"].split()}
    if packages["manager"] != "apt" or not family & {"debian", "ubuntu"}:
        raise PlanError(
            f"docker_engine_source is 'distro', which knows Debian, Ubuntu and what is like them, not "
            f"{system['name'] or 'this system'}. Install the Engine there and use docker_engine_source 'present'"
        )
    if "podman-docker" in installed:
        raise PlanError("The package podman-docker is in the way of the Engine's own: remove it first")
    wanted = ["docker.io", *(name for name in _NEEDED if name not in installed)]
    if info["host"]["apparmor"] and "apparmor" not in installed:
        # Where the kernel has AppArmor and its parser is missing, no container starts.
        wanted.append("apparmor")
    return Packages(wanted, ["docker-cli"])


def present(info: dict[str, t.Any]) -> Packages:
    """What is there; nothing is installed."""
    if not info["engine"]["program"]:
        raise PlanError(
            "docker_engine_source is 'present', but this host has no dockerd. Install it, or use docker_engine_source 'distro'"
        )
    if not info["units"]["docker.service"]["exists"] or not info["units"]["docker.socket"]["exists"]:
        raise PlanError(
            f"docker_engine_source is 'present', but to {info['engine']['program']} there is no docker.service and "
            "docker.socket on this host: the role needs both"
        )
    return NOTHING


SOURCES: dict[str, t.Callable[[dict[str, t.Any]], Packages]] = {"distro": distro, "present": present}


def plan_packages(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    packages = SOURCES[wanted.source](info)
    if packages == NOTHING:
        return
    seen = info["packages"]
    age = seen["lists_age"]
    update = age is None or age > LISTS_FRESH or not all(name in seen["candidates"] for name in packages.names)
    plan.prepare.update(packages=packages.names, optional=packages.optional, update=update)
    plan.apply.update(packages=packages.names, optional=packages.optional)
    versions = {name: seen["candidates"].get(name, "newest") for name in packages.names}
    plan.differ("packages", None, versions)
    plan.act("start", "install " + ", ".join(packages.names))
