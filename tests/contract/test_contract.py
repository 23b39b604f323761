# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite over the drivers that there are, ours and a third party's. A driver joins by existing."""

from __future__ import annotations

import yaml

from ansible_collections.dockyard.machine.plugins.doc_fragments.driver import ModuleDocFragment
from ansible_collections.dockyard.machine.plugins.module_utils import _module
from tests.contract.conftest import CASES, WORLDS
from tests.contract.in_a_world import InAWorld
from tests.contract.on_paper import FIELDS, OnPaper


class TestDrivers(OnPaper):
    """Each, as conftest.py finds it."""


class TestWorlds(InAWorld):
    """Each that has a double."""


def test_all_drivers_are_found() -> None:
    names = {case.name for case in CASES}
    assert {"dockyard.machine.none", "dockyard.machine.generic", "acme.cloud.thing", "dockyard.machine.model"} <= names
    assert len(names) == len(CASES), "one driver a module"


def test_worlds_are_those_of_drivers() -> None:
    assert {"none", "generic", "thing", "model"} <= set(WORLDS) <= {case.name.rpartition(".")[2] for case in CASES}


def test_the_shared_fragment_agrees_with_the_shared_options() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert documented.keys() == _module.SHARED.keys()
    for name, one in _module.SHARED.items():
        for field in FIELDS:
            assert documented[name].get(field) == one.get(field), f"{name}: {field}"
