# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands


def test_programs_speak_english_whatever_the_host_speaks(monkeypatch):
    """What package managers print is read, and what is wrong is known by its words."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    assert _commands.run("sh", "-c", "echo $LC_ALL $LANGUAGE")[1].split() == ["C", "C"]
