# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graphics cards: the runtime of NVIDIA's toolkit, where that is on the host, and devices by CDI. Drivers are never
installed."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _daemon_json
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import PlanError, Wanted

NAME = "nvidia"


def config_of(wanted: Wanted, info: dict[str, t.Any]) -> dict[str, t.Any]:
    """The wanted configuration with what lets containers have cards, beside what is there."""
    program = info["gpu"]["nvidia"]
    if wanted.gpu == NAME and not program:
        raise PlanError(
            "docker_engine_gpu is 'nvidia', but nvidia-container-runtime is not on this host: install NVIDIA's driver and its "
            "container toolkit first, or use 'auto', which takes it when it is there"
        )
    runtime = {"path": program, "runtimeArgs": []} if program and wanted.gpu != "none" else None
    config = _with(wanted.config, info, "runtimes", NAME, runtime)
    config = _with(config, info, "features", "cdi", True if wanted.gpu == "cdi" else None)
    features = {
        **_daemon_json.entries(info["config"]["content"], "features"),
        **_daemon_json.entries(config, "features"),
    }
    if wanted.gpu == "cdi" and not features.get("cdi"):
        raise PlanError(
            "docker_engine_gpu is 'cdi', but 'cdi' in 'features' of the Engine's configuration is off: take it out"
        )
    return config


def _with(config: dict[str, t.Any], info: dict[str, t.Any], key: str, name: str, value: t.Any) -> dict[str, t.Any]:
    """The configuration with an entry in an object of it, beside entries of others; None takes ours out."""
    asked = _daemon_json.entries(config, key)
    there = _daemon_json.entries(info["config"]["content"], key)
    ours = _daemon_json.entries(info["remembered"]["config"], key)
    others = {entry: about for entry, about in there.items() if ours.get(entry, ...) != about}
    if not asked and others == there and (value is None or name in others):
        return config  # nothing is asked for, and nothing of ours has to go
    entries = {**others, **asked, **({} if value is None or name in {*others, *asked} else {name: value})}
    return {**config, key: entries} if entries else config
