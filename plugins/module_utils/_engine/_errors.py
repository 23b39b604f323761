# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of everything that is done on a host. Runs on Python 3.8."""

from __future__ import annotations


class HostError(Exception):
    """Something on the host did not work; the message is for a person."""
