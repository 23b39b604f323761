# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of plugins/ import one another in one direction: no file needs, by whatever way, itself."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.dockyard.machine."


def files(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """Dotted name -> file; a package's name means its __init__."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: pathlib.Path) -> t.Iterator[str]:
    """What a file's import statements name, wherever they are: in functions and under TYPE_CHECKING, too."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def arrows(root: pathlib.Path) -> dict[str, set[str]]:
    """File -> the files that its imports load.

    As in Python, an import of a.b.c loads the packages a and a.b first. Packages that the importing file is in itself
    are loaded already: they count only if a name is taken from them.
    """
    known = files(root)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for full in imported(name, path):
            parts = full.removeprefix(COLLECTION).split(".")
            prefixes = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            loaded = [one for one in prefixes if one in known]
            found[name] |= {one for one in loaded if one == loaded[-1] or not f"{name}.".startswith(f"{one}.")}
        found[name] -= {name} if path.name == "__init__.py" else set()
    return found


def circle(found: dict[str, set[str]]) -> list[str]:
    """One circle, as a way from a file to itself; nothing, if there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for one in sorted(found[name]):
            there = walk(one, [*way, name])
            if there:
                return there
        done.add(name)
        return []

    return next((way for name in found if (way := walk(name, []))), [])


def test_no_file_imports_itself_by_way_of_others() -> None:
    found = arrows(ROOT / "plugins")
    assert sum(map(len, found.values())) > 300, "the arrows are drawn"
    way = circle(found)
    assert not way, f"a circle of imports: {' -> '.join(way)}"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("from .package import part", ["a", "package", "a"]),
        ("from .package.part import x", ["a", "package", "a"]),
        ("from . import package", ["a", "package", "a"]),
        (f"import {COLLECTION}plugins.package.part", ["a", "package", "a"]),
        ("def f():\n    from .package import x", ["a", "package", "a"]),
        ("if t.TYPE_CHECKING:\n    from .package import x", ["a", "package", "a"]),
        ("from .a import x", ["a", "a"]),
        ("from .c import x", ["a", "c", "package", "a"]),
        ("import ast", []),
    ],
)
def test_a_circle_is_found_and_named(tmp_path: pathlib.Path, text: str, way: list[str]) -> None:
    top = tmp_path / "plugins"
    (top / "package").mkdir(parents=True)
    (top / "a.py").write_text(text)
    (top / "c.py").write_text("from .package import _down")
    (top / "package" / "__init__.py").write_text("from ._part import x\nfrom ..a import y")
    (top / "package" / "_part.py").write_text("from ._down import z")
    (top / "package" / "_down.py").write_text("import re")
    if "part" in text:
        (top / "package" / "part.py").write_text("")
    assert circle(arrows(top)) == [f"plugins.{one}" for one in way]


def test_a_package_and_its_part_are_a_circle_if_each_takes_from_the_other(tmp_path: pathlib.Path) -> None:
    top = tmp_path / "plugins"
    (top / "package").mkdir(parents=True)
    (top / "package" / "__init__.py").write_text("from ._part import x")
    (top / "package" / "_part.py").write_text("from . import y")
    assert circle(arrows(top)) == ["plugins.package", "plugins.package._part", "plugins.package"]
