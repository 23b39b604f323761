# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the chapters of the plan share: what is wanted, and the plan that grows."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls

ACTIONS = (None, "start", "reload", "restart", "cycle")  # the later includes the earlier


class PlanError(Exception):
    """The plan can't be made; nothing was touched. The message names the option, the value and the remedy."""


@dataclasses.dataclass
class Wanted:
    """What the role's variables ask for."""

    source: str = "auto"
    version: str = ""
    upgrade: bool = False
    hold: str = "as_is"
    plugins: list[str] = dataclasses.field(default_factory=list)
    repository: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    archive: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    remove_conflicting: bool = False
    access: str = "tls"
    port: int = 2376
    listen: list[str] = dataclasses.field(default_factory=list)
    allow: list[str] = dataclasses.field(default_factory=lambda: ["controller"])
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # named ones that are a key of daemon.json
    environment: list[str] = dataclasses.field(default_factory=list)  # the names of its variables
    proxies: list[str] = dataclasses.field(default_factory=list)  # those of them that docker_engine_proxies gives
    live_restore: bool = True
    interrupt: bool = False
    move_data: bool = False
    keep_data: bool = False
    gpu: str = "auto"
    rootless_user: str = ""
    users: list[str] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)
    server_ca: str = ""
    signed_here: bool = True  # whether the CA's key is given
    server_ca_command: list[str] = dataclasses.field(default_factory=list)
    life: datetime.timedelta = _tls.CERTIFICATE_LIFE
    client_ca: str = ""
    rotate: str = ""
    after_restart: str = ""  # a file of tasks


@dataclasses.dataclass
class Plan:
    """What is to be done, in words, as steps, and as a difference."""

    changes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    prepare: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    install: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    certificate: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    apply: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    access: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # who may reach the port, and what sees to that
    action: str | None = None
    trust_id: str = ""  # of what the host works with afterwards, where it has TLS
    live_restore: bool = False  # whether the configuration lets containers outlive the Engine
    stops: str = ""  # why no container can outlive it, live-restore or not
    source: str = ""  # where the Engine comes from, once that is settled
    hooks: list[str] = dataclasses.field(default_factory=list)  # of "before" and "after" a restart, what is to be done
    diff: list[dict[str, str]] = dataclasses.field(default_factory=list)

    @property
    def restarts(self) -> bool:
        """Whether an Engine that runs will be away for a while."""
        return self.action in ("restart", "cycle")

    def act(self, action: str | None, why: str = "") -> None:
        if why:
            self.changes.append(why)
        if ACTIONS.index(action) > ACTIONS.index(self.action):
            self.action = action

    def differ(self, header: str, before: t.Any, after: t.Any) -> None:
        texts = [
            value if isinstance(value, str) else "" if value is None else json.dumps(value, indent=4) + "\n"
            for value in (before, after)
        ]
        if texts[0] != texts[1]:
            self.diff.append({"before_header": header, "after_header": header, "before": texts[0], "after": texts[1]})


def with_openrc(info: dict[str, t.Any]) -> bool:
    """Whether the host has OpenRC, where the Engine listens by itself, and its settings are those of a service."""
    return bool(info["host"].get("openrc"))


def package_step(family: str, **more: t.Any) -> dict[str, t.Any]:
    """What is to be done about packages, as a step of the plan's install part."""
    return {
        "family": family,
        "follow": [],  # packages that have the Engine's version
        "version": "",  # which is this one
        "names": [],  # others to install
        "optional": [],  # and those only where they exist
        "remove": [],
        "brought": [],  # what may come with them, and is in the way of those that were removed
        "hold": [],
        "release": [],
        "held": [],  # by whomever, before
        "held_too": False,  # whether packages that are held may be changed
        "update": False,  # whether package lists have to be read
        "repository": None,
        "archive": None,  # the checksum of one that has to go
        **more,
    }


def add_packages(plan: Plan, info: dict[str, t.Any], names: list[str]) -> None:
    """Packages that the Engine needs besides."""
    candidates = info["packages"]["candidates"]
    step = plan.install.setdefault("packages", package_step(info["packages"]["manager"]))
    step["names"] += names
    step["update"] = step["update"] or not all(name in candidates for name in names)
    plan.differ("packages", None, {name: candidates.get(name, "newest") for name in names})
    plan.act("start", "install " + ", ".join(names))
