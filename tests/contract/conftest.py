# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib

import pytest

from tests.contract._drivers import CASES, Case
from tests.doubles import qemu


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each driver in turn."""
    return request.param


@pytest.fixture(autouse=True)
def controller(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A controller that has what drivers look for; on paper, what it does doesn't matter."""
    folder = tmp_path_factory.mktemp("controller")
    qemu.programs(folder, monkeypatch)
    machine = os.uname().machine
    qemu.baked_image(folder, {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine))
    return folder
