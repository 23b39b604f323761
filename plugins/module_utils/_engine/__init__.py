# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine on a host: what engine_* modules read and change there. Runs on Python 3.8.

Imports nothing by itself: a module that runs on a host is sent with all that it imports.
"""

from __future__ import annotations
