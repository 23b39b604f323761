# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dockyard.machine asks of each driver, asked of ours."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.acme.cloud.plugins.modules import thing
from ansible_collections.acme.cloud.tests.unit import double
from ansible_collections.dockyard.machine.tests.contract import Case, InAWorld, OnPaper, World


class TestThing(OnPaper, InAWorld):
    """All that there is."""


@pytest.fixture()
def case() -> Case:
    return Case.of(thing)


@pytest.fixture()
def world(tmp_path: pathlib.Path) -> World:
    return double.world(tmp_path)
