# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine comes from, and which packages a host needs for it.

A source is a function in SOURCES. What a system calls its packages is in _systems, how a package manager is told in
module_utils/_engine/_package_managers.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _owner
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _versions as versions
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look._packages import LISTS_FRESH
from ansible_collections.dockyard.machine.plugins.module_utils._engine._package_managers import FAMILIES, Family
from ansible_collections.dockyard.machine.plugins.module_utils._engine._paths import HEADER
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _archive, _repository, _systems
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    package_step,
    with_openrc,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._systems import DOCKER_CE, Packages


def check(wanted: Wanted) -> None:
    """What can be said against the options without a host."""
    if wanted.version and not re.fullmatch(r"(\d+:)?\d[\w.+~-]*", wanted.version):
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}; it can be a version in full, the beginning of one such as 27.3, or "
            "empty. The newest is asked for with docker_engine_upgrade"
        )
    if wanted.archive:
        _archive.checksum_of(wanted)


def current(info: dict[str, t.Any]) -> str | None:
    """Of which source the Engine on the host is."""
    packages, own = info["packages"], _systems.distro(info["host"]["os"])
    there = {*packages["installed"], *packages["unfinished"]}
    if info["engine"].get("static"):
        return "static"
    if DOCKER_CE.engine in there:
        return "docker_ce"
    if own and own.engine in there:
        return "distro"
    return "present" if info["engine"]["program"] else None


def source_of(wanted: Wanted, info: dict[str, t.Any]) -> str:
    """The source to use: never another one for an Engine that is there, unless that is asked for by name."""
    if wanted.source != "auto":
        return wanted.source
    have = current(info)
    if have:
        return have
    family = FAMILIES.get(info["packages"]["manager"] or "")
    found, architecture = _systems.vendor(info["host"]["os"]), info["host"]["architecture"]
    vendors = found is not None and architecture in found[0].architectures
    if family and family.repository and (vendors or wanted.repository.get("url")):
        return "docker_ce"
    if wanted.archive:
        return "static"
    if family and _systems.distro(info["host"]["os"]):
        return "distro"
    raise PlanError(
        f"Neither the vendor nor the distribution has packages of the Engine for {_name(info)} ({architecture}). Use "
        "docker_engine_source 'static' with docker_engine_archive, 'docker_ce' with a docker_engine_repository of your own, or install an Engine "
        "and use 'present'"
    )


def plan_packages(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    if info["engine"]["another"]:
        raise PlanError(
            f"Another Engine than that of docker.service listens on {_owner.OWN_SOCKETS[0]} of this host: "
            f"{info['engine']['another']}. docker.service would replace that socket, and the other Engine's containers could not be "
            "reached any more. Stop it, and disable it (that of a snap: 'snap stop --disable docker')"
        )
    source = source_of(wanted, info)
    SOURCES[source](plan, wanted, info)
    plan.source = source
    _check_containers(plan, wanted, info)
    # Packages know of the system-wide Engine only; a user's is restarted by the plan.
    if plan.install and not wanted.rootless_user and info["units"]["docker.service"].get("active") == "active":
        plan.install["running"] = True


def _check_containers(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Between packages and an archive, containerd loses its containers: it looks for their shims' program, which is gone."""
    step, running = plan.install.get("packages") or {}, info["engine"].get("containers_running")
    moves = step.get("archive") or (step.get("remove") and plan.install.get("archive"))
    if moves and running and not wanted.interrupt:
        raise PlanError(
            f"Between packages and an archive the programs of the Engine are elsewhere, so the {running} containers that run "
            "would stop, live-restore or not. Allow it with docker_engine_interrupt; what is in /var/lib/docker stays"
        )
    if moves and running:
        # Those that are just left behind would not come with the next Engine, restart policy or not.
        plan.install["stop_containers"] = True


def _docker_ce(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    family = FAMILIES.get(info["packages"]["manager"] or "")
    if family is None or family.repository is None:
        raise PlanError(
            f"docker_engine_source is 'docker_ce', but the vendor has no packages for {_name(info)}. Use "
            f"{_repository._possible(info)}"
        )
    seen = info["packages"]["repository"]
    # By its usual name, a repository of others is where ours would be.
    foreign = not (seen["source"] or "").startswith(HEADER)
    adopted = wanted.source == "auto" and "docker-ce" in info["packages"]["installed"] and foreign
    step = None if adopted and not wanted.repository else _repository.plan_repository(plan, wanted, info)
    _packages(plan, wanted, info, "docker_ce", DOCKER_CE, step)


def _distro(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    packages = _systems.distro(info["host"]["os"])
    if packages is None or info["packages"]["manager"] is None:
        raise PlanError(
            f"docker_engine_source is 'distro', but no package of the Engine is known for {_name(info)}. Use 'docker_ce' "
            "where the vendor has packages, 'static' with docker_engine_archive, or 'present' once an Engine is installed"
        )
    there = packages.engine in info["packages"]["installed"]
    if not (packages.socket or there or wanted.rootless_user) and wanted.access == "tls":
        # What is there is looked at itself, with what others have changed about it.
        raise PlanError(
            f"docker_engine_access is 'tls', but the Engine of {_name(info)}'s own packages does not listen on fd://, so it could "
            "not be reached over docker.socket. Use docker_engine_source 'static' with docker_engine_archive, 'docker_ce' with a "
            "docker_engine_repository of your own, or docker_engine_access 'ssh' or 'local'"
        )
    _packages(plan, wanted, info, "distro", packages, None)


def _present(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """What is there; nothing is installed."""
    program, units = info["engine"]["program"], info["units"]
    if not program:
        raise PlanError(
            "docker_engine_source is 'present', but this host has no dockerd. Install it, or use another docker_engine_source"
        )
    if not units["docker.service"]["exists"] or not units["docker.socket"]["exists"]:
        lacking = openrc.SCRIPT if with_openrc(info) else "docker.service and docker.socket"
        raise PlanError(
            f"docker_engine_source is 'present', but to {program} there is no {lacking} on this host: the role needs "
            f"{'it' if with_openrc(info) else 'both'}"
        )
    version = info["engine"].get("version") or ""
    if wanted.version and version and not versions.asked_for(version, wanted.version):
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}, and the Engine here is {version}: it is not from a source that "
            "the role could change it by. Name a docker_engine_source, or leave docker_engine_version empty"
        )
    about_packages = {"hold": wanted.hold != "as_is", "plugins": wanted.plugins, "upgrade": wanted.upgrade}
    for option, given in about_packages.items():
        if given:
            raise PlanError(
                f"docker_engine_{option} is about packages, and the Engine here comes from none that the role knows: leave it "
                "out for this host, or name a docker_engine_source"
            )


SOURCES: dict[str, t.Callable[[Plan, Wanted, dict[str, t.Any]], None]] = {
    "docker_ce": _docker_ce,
    "distro": _distro,
    "static": lambda plan, wanted, info: _archive.plan_archive(
        plan, wanted, info, _former(wanted, info, "static", None)
    ),
    "present": _present,
}


def _name(info: dict[str, t.Any]) -> str:
    return info["host"]["os"]["name"] or "this system"


# -- packages


def _packages(
    plan: Plan,
    wanted: Wanted,
    info: dict[str, t.Any],
    source: str,
    packages: Packages,
    repository: dict[str, t.Any] | None,
) -> None:
    seen, family = info["packages"], FAMILIES[info["packages"]["manager"]]
    remove = _former(wanted, info, source, packages)
    installed = {name: version for name, version in seen["installed"].items() if name not in remove}
    step = _versions(plan, wanted, info, packages, installed, repository)
    wished = [*packages.beside, *_plugins(wanted, packages, _name(info))]
    names = [name for name in wished if name not in installed]
    if packages.engine not in installed:
        names += _needed(info, packages, installed)
    newer = [name for name in wished if wanted.upgrade and _is_newer(seen["candidates"].get(name), installed.get(name))]
    names += newer
    held = _hold(plan, wanted, info, family, packages, [*step["follow"], *names])
    if remove:
        step["brought"] = [name for name in packages.all if name not in seen["installed"]]
    step.update(names=names, remove=remove, repository=repository, **held)
    step["held"] = [*step["held"], *(name for name in remove if name in seen["held"])]
    if not any((step["names"], step["follow"], remove, repository, step["hold"], step["release"], step["archive"])):
        return
    age = seen["lists_age"]
    new = [*step["follow"], *names]
    # A repository that is set up is read in any case. The other lists may be out of reach and are read if need be.
    known = all(name in seen["candidates"] for name in new) and age is not None and age <= LISTS_FRESH
    step["update"] = bool(new) and not known and not repository
    plan.install["packages"] = step
    _tell(plan, info, step, new, remove)
    for name in newer:
        # Containerd is part of what runs; a plugin is not.
        action = "restart" if name in packages.beside else None
        plan.act(action, f"upgrade {name} from {installed[name]} to {seen['candidates'][name]}")


def _is_newer(candidate: str | None, there: str | None) -> bool:
    if candidate is None or there is None:
        return False
    # Some managers leave an epoch of 0 out.
    return versions.order(candidate) > versions.order(there)


def _versions(
    plan: Plan,
    wanted: Wanted,
    info: dict[str, t.Any],
    packages: Packages,
    installed: dict[str, str],
    repository: dict[str, t.Any] | None,
) -> dict[str, t.Any]:
    """Which of the packages that have the Engine's version are to be changed, and to which."""
    seen, family = info["packages"], FAMILIES[info["packages"]["manager"]]
    engine, have = packages.engine, installed.get(packages.engine)
    chain = [engine, *packages.follow]
    step = package_step(info["packages"]["manager"], archive=info["engine"].get("static"))
    if have is None:
        return {**step, "follow": chain, "version": wanted.version, "optional": list(packages.optional)}
    unread = "" if repository else seen["lists_error"]
    if wanted.upgrade and unread:
        plan.warnings.append(
            f"docker_engine_upgrade requires the newest version, which can't be read from the package lists of this host: {unread}"
        )
    known = seen["versions"].get(engine, [])
    goal = next((version for version in known if versions.asked_for(version, wanted.version)), None)
    fits = versions.asked_for(have, wanted.version)
    # A mirror may be behind what is there.
    if fits and not (wanted.upgrade and (repository or _is_newer(goal, have))):
        missing = [name for name in chain if name not in installed]
        return {**step, "follow": missing, "version": have} if missing else step
    if goal is None and unread:
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}, and {have} is installed. The available versions can't "
            f"be read from the package lists of this host: {unread}"
        )
    if goal is None and not repository:
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}, but the available versions of {engine} are {', '.join(known[:8]) or 'none'}"
            f", and {have} is installed"
        )
    if family.pin is None and not fits:
        raise PlanError(
            f"docker_engine_version is {wanted.version!r}, and {engine} is {have}: {_name(info)} has its newest version only"
        )
    older = goal is not None and versions.order(goal) < versions.order(have)
    what = "downgrade" if older else "upgrade"
    if older:
        plan.warnings.append(
            f"The Engine is downgraded from {have} to {goal}. Its data stay, but an older Engine may not understand what a "
            "newer one has written"
        )
    plan.act("restart", f"{what} {engine} from {have} to {goal or wanted.version or 'the newest'}")
    both = [*chain, *(name for name in packages.optional if name in installed)]
    # Where there is no hold, a version that is named is one: apk keeps to it ever after.
    named = goal and not repository and (wanted.version or family.hold)
    return {**step, "follow": both, "version": goal if named else wanted.version}


def _needed(info: dict[str, t.Any], packages: Packages, installed: dict[str, str]) -> list[str]:
    names = [name for name in packages.needed if name not in installed]
    if info["packages"]["manager"] == "apt" and info["host"]["apparmor"] and "apparmor" not in installed:
        # Where the kernel has AppArmor and its parser is missing, no container starts.
        names.append("apparmor")
    return names


def _plugins(wanted: Wanted, packages: Packages, system: str) -> list[str]:
    for plugin in wanted.plugins:
        if plugin not in packages.plugins:
            raise PlanError(
                f"docker_engine_plugins has {plugin!r}, but among the packages of {packages.engine} for {system} there is "
                "none. Use docker_engine_source 'docker_ce', or take it out"
            )
    return [packages.plugins[plugin] for plugin in wanted.plugins]


def _former(wanted: Wanted, info: dict[str, t.Any], source: str, packages: Packages | None) -> list[str]:
    """Packages of the Engine that another source has put there, and of what is in the way."""
    have, installed = current(info), info["packages"]["installed"]
    own = _systems.distro(info["host"]["os"])
    remove: list[str] = []
    if have not in (None, source):
        if have == "present" and source != "static":
            raise PlanError(
                f"docker_engine_source is {source!r}, but {info['engine']['program']} on this host comes from elsewhere, and "
                "the role does not know how to remove it. Remove it first, or use docker_engine_source 'present' or 'auto'"
            )
        former = {"docker_ce": DOCKER_CE, "distro": own}.get(have or "")
        remove = [name for name in former.all if name in installed] if former else []
    if packages is not None and packages.engine not in installed:
        remove += _conflicts(wanted, source, packages, [name for name in installed if name not in remove])
    held = [name for name in remove if name in info["packages"]["held"]]
    if held and wanted.hold == "as_is":
        # An archive knows no hold.
        helps = "Release it there first" if packages is None else "Set docker_engine_hold to 'held' or 'released'"
        raise PlanError(
            f"{', '.join(held)} is held on this host, and has to be removed for docker_engine_source {source!r}. {helps}"
        )
    return remove


def _conflicts(wanted: Wanted, source: str, packages: Packages, installed: t.Sequence[str]) -> list[str]:
    """What is in the way of these packages, if it may be removed."""
    conflicts = [
        name
        for name in _systems.CONFLICTS[source]
        if name in installed
        and name not in packages.all
        and _systems.OF_PLUGINS.get(name, "engine") in ("engine", *wanted.plugins)
    ]
    if conflicts and not wanted.remove_conflicting:
        raise PlanError(
            f"{', '.join(conflicts)} on this host is in the way of the Engine's packages ({source}). Set "
            "docker_engine_remove_conflicting to have it removed, or remove it yourself"
        )
    return conflicts


def _hold(
    plan: Plan, wanted: Wanted, info: dict[str, t.Any], family: Family, packages: Packages, change: list[str]
) -> dict[str, t.Any]:
    """What is to be held and released, where these packages are to be changed; PlanError if someone else holds one."""
    held = info["packages"]["held"]
    names = [packages.engine, *packages.follow, *packages.beside]
    if wanted.hold == "as_is":
        blocked = [name for name in change if name in held]
        if blocked:
            raise PlanError(
                f"{', '.join(blocked)} is held on this host, and docker_engine_version or docker_engine_upgrade would change "
                "it. Set docker_engine_hold to 'held' or 'released'"
            )
        return {}
    if not family.hold:
        raise PlanError(f"docker_engine_hold is {wanted.hold!r}, but the role knows no hold for {_name(info)}")
    if wanted.hold == "held" and info["packages"]["held_error"]:
        raise PlanError(
            f"docker_engine_hold is 'held', and what is held on this host can't be read: {info['packages']['held_error']}"
        )
    hold = [name for name in names if change or name not in held] if wanted.hold == "held" else []
    there = [name for name in names if name in held]
    release = there if wanted.hold == "released" else []
    for what, which in (("hold", [name for name in hold if name not in held]), ("release", release)):
        if which:
            plan.changes.append(f"{what} {', '.join(which)}")
    return {"hold": hold, "release": release, "held": there, "held_too": True}


def _tell(plan: Plan, info: dict[str, t.Any], step: dict[str, t.Any], new: list[str], remove: list[str]) -> None:
    seen = info["packages"]
    asked = {name: step["version"] for name in step["follow"] if step["version"]}
    after = {name: asked.get(name) or seen["candidates"].get(name, "newest") for name in new}
    before = {name: version for name, version in seen["installed"].items() if name in after or name in remove}
    plan.differ("packages", before or None, after or None)
    if remove:
        plan.act("cycle", f"remove {', '.join(remove)}; /var/lib/docker stays")
    if step["archive"]:
        plan.act("cycle", "take away the Engine from an archive; /var/lib/docker stays")
    missing = [name for name in new if name not in seen["installed"]]
    if missing:
        # A plugin, say, is no reason to touch an Engine that runs.
        plan.act(None if info["engine"]["program"] else "start", "install " + ", ".join(missing))
