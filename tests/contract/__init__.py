# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One suite over all drivers, whoever wrote them: docs/driver_authors.md says how to run it over yours."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__name__}.on_paper", f"{__name__}.in_a_world")

from .cases import Case  # noqa: E402
from .in_a_world import InAWorld  # noqa: E402
from .on_paper import OnPaper  # noqa: E402
from .worlds import World, connected  # noqa: E402

__all__ = ["Case", "InAWorld", "OnPaper", "World", "connected"]
