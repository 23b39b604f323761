# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of the tests, the artifact has what a driver's author needs, and that needs nothing else of them."""

from __future__ import annotations

import ast
import fnmatch
import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
IGNORED = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]


def shipped(folder: pathlib.Path) -> list[str]:
    """As ansible-galaxy packs it."""
    found = []
    for path in sorted(folder.iterdir()):
        name = str(path.relative_to(ROOT))
        if not any(fnmatch.fnmatch(name, one) or fnmatch.fnmatch(path.name, one) for one in IGNORED):
            found += shipped(path) if path.is_dir() else [name]
    return found


def test_the_artifact_has_the_suite_and_the_model() -> None:
    assert {name.split("/")[1] for name in shipped(ROOT / "tests")} == {"__init__.py", "contract", "model"}


def test_what_is_shipped_needs_no_other_test() -> None:
    for name in shipped(ROOT / "tests"):
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert not (node.module or "").startswith("tests"), f"{name}: {node.module}"
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                assert (node.module or "").split(".")[0] in ("contract", "model"), f"{name}: {node.module}"
