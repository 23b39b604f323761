# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import os
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.modules import amazonec2
from tests.contract.cases import Case, drivers_of
from tests.contract.worlds import World
from tests.doubles import qemu
from tests.model import driver as model

HERE = pathlib.Path(__file__).resolve().parent
ACME = HERE.parent / "collections" / "ansible_collections" / "acme" / "cloud" / "plugins" / "modules"
COLLECTIONS = {"dockyard.machine": HERE.parents[1] / "plugins" / "modules", "acme.cloud": ACME}


def discover() -> list[Case]:
    found = [Case.of(model, "dockyard.machine.model")]
    for collection, folder in COLLECTIONS.items():
        for path in sorted(folder.glob("[!_]*.py")):
            module = importlib.import_module(f"ansible_collections.{collection}.plugins.modules.{path.stem}")
            if drivers_of(module):
                found.append(Case.of(module))
    return found


CASES = discover()
# A driver has a world by a module of its name in tests/contract/doubles: world(folder) -> World
WORLDS = sorted(path.stem for path in (HERE / "doubles").glob("[!_]*.py"))


def own_address(service: str) -> str:
    """Nobody on the net is asked."""
    return "192.0.2.9/32"


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each driver in turn."""
    return request.param


# Worlds of doubles that answer over HTTP as the real API does, which takes its time: make check leaves them out
SLOW = {"amazonec2"}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in WORLDS])
def world(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> World:
    """Each driver that has one, over its double."""
    module: t.Any = importlib.import_module(f"tests.contract.doubles.{request.param}")
    return module.world(tmp_path)


@pytest.fixture(autouse=True)
def controller(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A controller that has what drivers look for; on paper, what it does doesn't matter."""
    folder = tmp_path_factory.mktemp("controller")
    qemu.programs(folder, monkeypatch)
    monkeypatch.setattr(amazonec2, "own_address", own_address)
    machine = os.uname().machine
    qemu.baked_image(folder, {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine))
    return folder
