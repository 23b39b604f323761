# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planted bug that no longer applies would be a hole that nobody sees: so all are applied here, and none is run."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from tests.mutants import CELLS, ROOT, Edit, Mutant, Stale, mutants

MUTANTS = mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_it_applies_once_and_can_be_read(mutant: Mutant) -> None:
    for file, text in mutant.texts().items():
        if file.endswith(".yml"):
            yaml.safe_load(text)
        else:
            compile(text, file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_what_has_to_notice_is_there(mutant: Mutant) -> None:
    if mutant.caught_by.startswith(CELLS):
        driver = mutant.caught_by[len(CELLS) :].split()[0]
        assert (ROOT / "tests" / "faults" / "worlds" / f"{driver}.py").exists()
    else:
        file, *_class, name = mutant.caught_by.split("::")
        path = ROOT / "tests" / file
        assert path.exists()
        texts = [one.read_text(encoding="utf-8") for one in path.parent.glob("*.py")]  # a class may inherit it
        assert any(f"def {name.partition('[')[0]}(" in text for text in texts)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= 25
    assert len({one.name for one in MUTANTS}) == len(MUTANTS)


def test_one_that_is_stale_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ny = 1\n", encoding="utf-8")
    for old, new, said in (("z", "y", "0 times"), (" = 1", " = 2", "2 times"), ("x = 1", "x = (1)", "the same")):
        with pytest.raises(Stale, match=said):
            Mutant("m", "", "", (Edit("a.py", old, new),)).texts(tmp_path)
