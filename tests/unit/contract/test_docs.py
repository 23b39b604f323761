# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/driver_authors.md says is so."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re
import types

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from tests.contract import World
from tests.contract.cases import Case
from tests.model import Traits
from tests.model.traits import KINDS_OF_FAULT

TEXT = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "driver_authors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
VERDICTS = ("MISSING", "TAKEN", "FULL", "BUSY", "REFUSED", "MISMATCH", "UNSURE")


def test_the_driver_makes_a_plan() -> None:
    module = types.ModuleType("ansible_collections.acme.cloud.plugins.modules.example")
    exec(compile(EXAMPLES[0], "docs/driver_authors.md", "exec"), module.__dict__)
    case = Case.of(module)
    options = case.validated({"region": "north", "token": "secret"})
    (want,) = case.on_paper(options).wants
    assert want.requests[0]["size"] == "small"
    assert isinstance(case.driver(options), driver.Driver)


def test_the_examples_are_python_and_use_what_there_is() -> None:
    fields = {field.name for field in dataclasses.fields(World)}
    for example in EXAMPLES:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "World":
                assert {keyword.arg for keyword in node.keywords} <= fields


def test_all_that_can_be_chosen_is_told() -> None:
    names = {field.name for kind in (Traits, World) for field in dataclasses.fields(kind)}
    names |= {name for name, value in vars(driver.Kind).items() if not name.startswith("_") and not callable(value)}
    missing = [name for name in sorted({*names, *KINDS_OF_FAULT, *VERDICTS}) if f"`{name}`" not in TEXT]
    assert not missing
