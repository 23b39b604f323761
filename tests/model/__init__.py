# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider in memory, as bad as the worst of the real ones: see provider.py, and docs/driver_authors.md."""

from __future__ import annotations

from .clock import Clock
from .driver import Model, driver_for
from .provider import ApiError, Provider, Thing
from .traits import Fault, Traits

__all__ = ["ApiError", "Clock", "Fault", "Model", "Provider", "Thing", "Traits", "driver_for"]
