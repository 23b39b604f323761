# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted bugs: each must be caught, else the net has a hole.

A mutant is data: which text of which file becomes which other text, and the test that has to notice. One joins by
standing in ``MUTANTS`` of a file of_*.py of this folder. ``make mutants`` runs them; tests/unit/test_mutants.py sees to it
that a refactoring loses none.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
CELLS = "cells "  # in ``caught_by``: cells of the fault matrix, "cells DRIVER OPERATION FAULT"


class Stale(Exception):
    """The code is another one than the mutant was made for."""


@dataclasses.dataclass(frozen=True)
class Edit:
    file: str  # below the root
    old: str  # exactly once in there
    new: str

    def apply(self, text: str) -> str:
        count = text.count(self.old)
        if count != 1:
            raise Stale(f"{self.file} has {count} times, and not once:\n{self.old}")
        changed = text.replace(self.old, self.new)
        if self.file.endswith(".py") and ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text)):
            raise Stale(f"{self.file} says the same with:\n{self.new}")
        return changed


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    why: str  # it matters, in a sentence
    caught_by: str  # a test (FILE::NAME, seen from tests/), or cells of the fault matrix
    edits: tuple[Edit, ...]

    def texts(self, root: pathlib.Path = ROOT) -> dict[str, str]:
        """File -> what it says with this bug in it."""
        found: dict[str, str] = {}
        for edit in self.edits:
            text = found.get(edit.file)
            found[edit.file] = edit.apply((root / edit.file).read_text(encoding="utf-8") if text is None else text)
        return found


def mutant(name: str, why: str, caught_by: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(name, why, caught_by, tuple(Edit(*one) for one in edits))


def groups() -> dict[str, list[Mutant]]:
    """What they are about, as the files of this folder say it -> the mutants in there."""
    files = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("of_*.py"))
    modules = [importlib.import_module(f"tests.mutants.{file}") for file in files]
    return {str(module.__doc__): module.MUTANTS for module in modules}


def mutants() -> list[Mutant]:
    return [one for group in groups().values() for one in group]
