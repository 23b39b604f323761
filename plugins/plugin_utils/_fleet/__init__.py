# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as users see them, one or many: the plan of a fleet, its swarm, groups, rotation of certificates."""

from __future__ import annotations
