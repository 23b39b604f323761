# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All operations crash at all of their boundaries. The unit tests run the same over a few operations."""

from __future__ import annotations

import pytest

from tests.faults.matrix import OPERATIONS, crash_everywhere
from tests.faults.model import Worlds


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_anywhere_loses_nothing_and_makes_nothing_twice(name: str, worlds: Worlds) -> None:
    crash_everywhere(OPERATIONS[name], worlds)
