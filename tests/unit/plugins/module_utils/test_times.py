# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _times
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption


@pytest.mark.parametrize(
    ("life", "seconds"), [("90m", 5400), ("3600", 3600), ("36500d", 36500 * 86400), ("never", None)]
)
def test_lengths_of_time(life: str, seconds: int | None) -> None:
    assert _times.seconds_of("expires_in", life) == seconds


@pytest.mark.parametrize("life", ["", "0", "8 h", "-1d", "36501d", "99999999999999999999w"])
def test_lengths_of_time_that_are_none(life: str) -> None:
    with pytest.raises(BadOption, match="expires_in"):
        _times.seconds_of("expires_in", life)
