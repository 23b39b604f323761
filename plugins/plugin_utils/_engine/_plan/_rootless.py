# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Engine without root: a host has one Engine, and this is it. It is a user's, run by that user's own manager."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _access, _plan, _remap
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError, Wanted

OPTION = "docker_engine_rootless_user"
# What it takes beside the Engine, by the source that this comes from
EXTRAS = {
    "distro": ("rootlesskit", "slirp4netns", "uidmap", "dbus-user-session"),
    "docker_ce": ("docker-ce-rootless-extras", "slirp4netns", "uidmap", "dbus-user-session"),
}
EXCLUDING, EXCLUDED = "docker-ce-rootless-extras", "rootlesskit"
_OVERLAY = (5, 11)  # the first kernel that lets users mount overlay file systems


def check_wanted(wanted: Wanted) -> None:
    """What an Engine without root can't have."""
    if not wanted.rootless_user:
        return
    if wanted.rootless_user == "root":
        raise PlanError(f"{OPTION} is 'root'; leave it empty for an Engine that is root's")
    for what, given, why in (
        (
            "docker_engine_users",
            wanted.users,
            "but it has no group: only that user reaches it, or who has a client's certificate",
        ),
        (
            "docker_engine_userns_remap",
            wanted.config.get("userns-remap"),
            "but its containers have ids of their own anyway",
        ),
        (
            "live-restore in docker_engine_config",
            wanted.config.get("live-restore"),
            "but containers end with their user's Engine",
        ),
        ("docker_engine_move_data", wanted.move_data, "and the data of a user's Engine is not moved"),
        ("docker_engine_port below 1024", wanted.access == "tls" and wanted.port < 1024, "and such a port is root's"),
    ):
        if given:
            raise PlanError(f"{what} is set together with {OPTION}, {why}. Take one of them out")


def check_host(wanted: Wanted, info: dict[str, t.Any]) -> None:
    if not wanted.rootless_user:
        return
    seen, user = info["rootless"], wanted.rootless_user
    if seen["namespaces"]:
        raise PlanError(
            f"{OPTION} is {user!r}, but users may have no namespaces on this host: {seen['namespaces']} is 0"
        )
    if not seen["tun"]:
        raise PlanError(
            f"{OPTION} is {user!r}, but this host has no /dev/net/tun, which the network needs: load the module tun"
        )
    if seen["own_unit"]:
        raise PlanError(
            f"{OPTION} is {user!r}, but that user has already set up a rootless Engine ({seen['home']}/.config/systemd/user/"
            "docker.service). Remove it as that user with 'dockerd-rootless-setuptool.sh uninstall'; the data stays"
        )
    if not seen["script"] and wanted.source not in (*EXTRAS, "auto"):
        raise PlanError(
            f"{OPTION} is {user!r}, but dockerd-rootless.sh is not on this host, and docker_engine_source {wanted.source!r} does "
            "not bring it. Install what belongs to it first"
        )


def plan_packages(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Beside those of the Engine."""
    if not wanted.rootless_user:
        return
    needed = list(EXTRAS.get(plan.source, ()))
    if needed and tuple(info["rootless"]["kernel"]) < _OVERLAY:
        needed.append("fuse-overlayfs")
    lacking = [name for name in needed if name not in info["packages"]["installed"]]
    if lacking:
        _plan.add_packages(plan, info, lacking)
    if EXCLUDING in lacking and EXCLUDED in info["packages"]["installed"]:
        step = plan.install["packages"]
        step["remove"] = [*step["remove"], EXCLUDED]
        plan.act("start", f"remove {EXCLUDED}: {EXCLUDING} brings its own")


def plan_owner(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """Whose Engine it is, and who has to make way."""
    seen, user = info["rootless"], wanted.rootless_user
    if seen["unit_user"] and seen["unit_user"] != user:
        _make_way(wanted, seen["other"], f"the Engine of the user {seen['unit_user']}")
        plan.apply["rootless_off"] = seen["unit_user"]
        plan.act("start", f"stop the Engine of the user {seen['unit_user']}; its data stays")
    # Without these, what is in the folder is others': a client's, or a proxy's.
    ours = wanted.access == "tls" or info["remembered"]["tls"] or bool(user or seen["unit_user"])
    plan.apply["own_files"] = ours
    if ours and not seen["owned"]:
        plan.act("restart", f"give the Engine's private files to {user or 'root'}")
    if not user:
        return
    system = seen["system"]
    installing = bool(plan.install.get("packages"))
    if system["active"] or (system["enabled"] and not installing):
        _make_way(wanted, system["running"], "the system-wide Engine")
        plan.act("start", "stop and disable the system-wide Engine; its data stays in " + isolation.DATA_ROOT)
    _remap.plan_ranges(plan, seen["user"], seen["group"])
    plan.apply.pop("ids", None)  # with the user itself, which comes first
    delegate = info["host"]["cgroup"] == 2
    if delegate and not seen["delegated"]:
        plan.act("start", f"allow the manager of {user} to limit CPU, memory, I/O and processes")
    if not seen["lingers"]:
        plan.act("start", f"run the manager of {user} without a login")
    if info["units"]["docker.service"]["enabled"] != "enabled":
        plan.apply["enable"] = ["docker.service"]
        plan.act("start", "enable docker.service of " + user)
    if seen["context"] is False and not installing:
        plan.changes.append(f"configure the client of {user} for this Engine")
    plan.apply["rootless"] = {
        "user": user,
        "port": wanted.port if wanted.access == "tls" else None,
        "listen": wanted.listen,
        "delegate": delegate,
        "system_off": system["active"] or system["enabled"] or installing,
        "system_ran": system["active"],
        "context": seen["context"] is not True,
    }


def _make_way(wanted: Wanted, containers: int | None, whose: str) -> None:
    if containers != 0 and not wanted.interrupt:
        runs = "does not answer when it is asked for its" if containers is None else f"runs {containers}"
        raise PlanError(
            f"{whose[0].upper()}{whose[1:]} has to stop for {OPTION} {wanted.rootless_user!r}, and it {runs} containers. "
            "Allow it with docker_engine_interrupt"
        )


def plan_unit(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """In place of the drop-ins."""
    tls, environment = wanted.access == "tls", bool(wanted.environment)
    controllers = _access.sources_of(wanted, info).controllers if tls else []
    plan.apply["service"] = {"tls": tls, "environment": environment, "controllers": controllers}
    seen = info["rootless"]
    script = seen["script"] or "(the program that the packages bring)"
    port = wanted.port if tls else None
    after = rootless.unit(wanted.rootless_user, port, wanted.listen, environment, controllers, script)
    if after != seen["unit"]:
        plan.differ(isolation.ROOTLESS_UNIT, seen["unit"], after)
        # Which controllers are remembered is nothing to the Engine.
        same = _settings(after) == _settings(seen["unit"])
        plan.act(None if same else "restart", f"write {isolation.ROOTLESS_UNIT}")


def _settings(unit: str | None) -> list[str]:
    return [line for line in (unit or "").splitlines() if not line.startswith("#")]
