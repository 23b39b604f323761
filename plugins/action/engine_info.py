# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._action import HostAction, Result


class ActionModule(HostAction):
    """Runs the module, whose answer is data."""

    def perform(self, variables: dict[str, t.Any]) -> Result:
        return self.ask("dockyard.machine.engine_info", dict(self._task.args), variables)
