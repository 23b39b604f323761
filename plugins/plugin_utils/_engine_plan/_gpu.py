# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graphics cards: the runtime of NVIDIA's toolkit, where that is on the host, and devices by CDI. Drivers are never
installed."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan._plan import PlanError, Wanted

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
    features = {**info["config"]["content"].get("features", {}), **config.get("features", {})}
    if wanted.gpu == "cdi" and not features["cdi"]:
        raise PlanError(
            "docker_engine_gpu is 'cdi', but 'cdi' in 'features' of the Engine's configuration is off: take it out"
        )
    return config


def _with(config: dict[str, t.Any], info: dict[str, t.Any], key: str, name: str, value: t.Any) -> dict[str, t.Any]:
    """The configuration with an entry in an object of it, beside entries of others; None takes ours out."""
    asked = config.get(key, {})
    there = info["config"]["content"].get(key, {})
    ours = info["remembered"]["config"].get(key, {})
    if name in asked or (name in there and name not in ours):
        return config  # someone has set it up already
    if value is None and not (name in ours and there == ours):
        return config
    added = {} if value is None else {name: value}
    entries = {**{other: about for other, about in there.items() if other != name}, **asked, **added}
    return {**config, key: entries} if entries else config
