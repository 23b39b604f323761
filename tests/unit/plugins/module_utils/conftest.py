# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError


@pytest.fixture
def ran(monkeypatch):
    """Commands that would run, and what they answer: (part of the command) → error or None."""
    commands, answers = [], {}

    def run(*command, **more):
        line = " ".join(command)
        commands.append(line)
        for part, answer in answers.items():
            if part in line and answer:
                said = answer.pop(0)
                if said:
                    raise HostError(said)
        return 0, "", ""

    monkeypatch.setattr(_commands, "run", run)
    return commands, answers
