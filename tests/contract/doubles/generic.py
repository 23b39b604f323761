# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

from ansible_collections.dockyard.machine.plugins.modules import generic
from tests.contract import World


def world(folder: pathlib.Path) -> World:
    return World(
        "dockyard.machine.generic",
        generic.Generic,
        {"address": "192.0.2.1"},
        calls=list,
        alive=list,
        folder=folder,
    )
