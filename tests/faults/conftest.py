# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.beds.hosts import bed, new_host
from tests.faults.report import TOLD
from tests.system._fixtures import ansible, baked_image, collections, playbook, run_module, session_ansible, store

__all__ = [
    "ansible",
    "baked_image",
    "bed",
    "collections",
    "new_host",
    "playbook",
    "run_module",
    "session_ansible",
    "store",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which cells were drawn, also where all went well: by another seed they are others."""
    reports = (one for those in terminalreporter.stats.values() for one in those)
    told = {value for one in reports for name, value in getattr(one, "user_properties", ()) if name == TOLD}
    if told:
        terminalreporter.section(TOLD)
        for line in sorted(told):
            terminalreporter.line(line)
