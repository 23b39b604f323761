# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores as plugins open them: the files of a shared one go into the folder that Ansible removes when the run ends."""

from __future__ import annotations

from ansible import constants as C

from ansible_collections.dockyard.machine.plugins.module_utils import _store
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store


def open_store(given: str | None) -> Store:
    return _store.open_store(given, scratch=str(C.DEFAULT_LOCAL_TMP))
