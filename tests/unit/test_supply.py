# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have made and our tests and builds run is named by its content."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
REQUIREMENTS = sorted((ROOT / "tests").glob("requirements*.txt"))
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", re.MULTILINE)
HASHED = re.compile(
    r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)[^\n\\]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\\n|\n|$))+", re.MULTILINE
)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_named_by_the_hash_of_a_commit(path: pathlib.Path) -> None:
    used = re.findall(r"uses:\s*(\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment), f"{action} without the version that it is"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_each_requirement_is_locked_with_hashes(path: pathlib.Path) -> None:
    lock = path.with_suffix(".lock").read_text()
    pins = {normal(name): version for name, version in PIN.findall(lock)}
    hashed = {normal(name) for name, _version in HASHED.findall(lock)}
    assert hashed == set(pins)
    for name, version in PIN.findall(path.read_text()):
        assert pins[normal(name)] == version, f"{name}: run make lock"


def test_the_locks_agree() -> None:
    """What runs machines is a part of what tests them."""
    run, everything = (
        {match.group() for match in PIN.finditer((ROOT / "tests" / name).read_text())}
        for name in ("requirements-run.lock", "requirements.lock")
    )
    assert run <= everything


def test_nothing_else_is_installed_from_an_index() -> None:
    """But the ansible-core that is asked for, the newest of its series, and what writes the lock files."""
    text = (ROOT / "tests" / "tools" / "venv").read_text()
    installs = [line for line in text.splitlines() if '"${install[@]}"' in line]
    assert installs == [
        '"${install[@]}" --require-hashes --requirement "${requirements%.txt}.lock"',
        '[ "$#" -eq 0 ] || "${install[@]}" "$@"',
    ]
