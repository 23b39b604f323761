# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graphics cards: the runtime of NVIDIA's toolkit, where that is on the host. Drivers are never installed."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan._plan import PlanError, Wanted

NAME = "nvidia"


def config_of(wanted: Wanted, info: dict[str, t.Any]) -> dict[str, t.Any]:
    """The wanted configuration with the runtime in it, beside those that are there."""
    program = info["gpu"]["nvidia"]
    if wanted.gpu == NAME and not program:
        raise PlanError(
            "docker_engine_gpu is 'nvidia', but nvidia-container-runtime is not on this host: install NVIDIA's driver and its "
            "container toolkit first, or use 'auto', which takes it when it is there"
        )
    asked = wanted.config.get("runtimes", {})
    there = info["config"]["content"].get("runtimes", {})
    ours = info["remembered"]["config"].get("runtimes", {})
    if NAME in asked or (NAME in there and NAME not in ours):
        return wanted.config  # someone has set it up already
    if program and wanted.gpu != "none":
        added = {NAME: {"path": program, "runtimeArgs": []}}
    elif NAME in ours and there == ours:
        added = {}
    else:
        return wanted.config
    runtimes = {**{name: about for name, about in there.items() if name != NAME}, **asked, **added}
    return {**wanted.config, "runtimes": runtimes} if runtimes else wanted.config
