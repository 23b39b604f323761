# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tests over a tree with a bug in it, and tells what came of it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing as t

from tests.mutants import CELLS, Mutant, Stale

CAUGHT, LATE, SURVIVED, BROKEN = "caught", "caught late", "SURVIVED", "BROKEN"
LIMIT = 600  # seconds for one run of tests
FAST = ("unit", "contract")  # all tests that cost little, below tests/
PASSED, FAILED = 0, 1  # pytest's exit status, and that of the fault matrix
PYTEST = ("-m", "pytest", "-q", "-rf", "--tb=line", "--no-header", "-p", "no:cacheprovider", "-p", "pytest_mock")
SOME_CELLS = ("-m", "tests.faults", "--drivers", "thing,model", "--share", "0.02", "--at-once", "1")
NOTICED = re.compile(r"^(?:FAILED tests/|NOTICED |  make faults CELL=)(.+?)(?: - (.*))?$", re.MULTILINE)


@dataclasses.dataclass
class Result:
    mutant: Mutant
    came: str
    seconds: float
    by: list[str]
    said: str = ""

    def __str__(self) -> str:
        by = "\n             ".join(self.by)
        text = f"{self.came:11}  {self.mutant.name:44} {self.seconds:5.1f} s  {by}"
        return text + (f"\n{self.said}" if self.came != CAUGHT else "")


def told(caught_by: str) -> str:
    """As people are told of it."""
    if caught_by.startswith(CELLS):
        driver, operation, fault = caught_by[len(CELLS) :].split()
        return f"fault matrix: {operation} with driver {driver}, {fault}"
    file, *_class, name = caught_by.split("::")
    return f"`{file}`: {name}"


class Bed:
    """A copy of the tree, of which each mutant gets another: nobody's edits meanwhile get into it."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        subprocess.run([str(root / "tests" / "tools" / "copy"), str(self.tree)], check=True)
        (self.tree / "tests" / "unit" / "test_mutants.py").unlink()  # would notice each, since it no longer applies
        # What the tests of real processes need: they build the collection, from what git knows
        (self.tree / ".venv").symlink_to(sys.prefix)
        subprocess.run(["git", "init", "--quiet", str(self.tree)], check=True)
        (self.tree / ".git" / "info" / "exclude").write_text("/.venv\n", encoding="utf-8")
        link = self.tree / ".build" / "src" / "ansible_collections" / "dockyard" / "machine"
        link.parent.mkdir(parents=True)
        link.symlink_to("../../../..")

    def sound(self, chosen: list[Mutant]) -> None:
        """What is to notice must pass without a bug, else it proves nothing."""
        targets = {one.caught_by for one in chosen}
        tests = sorted(f"tests/{one}" for one in targets if not one.startswith(CELLS))
        commands = [(*PYTEST, "-p", "xdist", "-n", "2", *tests)] if tests else []
        commands += [_command(one) for one in sorted(targets) if one.startswith(CELLS)]
        for command in commands:
            status, said = self._run(self.tree, command)
            if status != PASSED:
                raise SystemExit(f"{said}\nThese tests fail without a planted bug, too")

    def strike(self, mutant: Mutant, all_tests: bool) -> Result:
        began = time.monotonic()
        tree = self.folder / mutant.name
        try:
            texts = mutant.texts(self.tree)
        except Stale as stale:
            return Result(mutant, BROKEN, 0.0, [], str(stale))
        shutil.copytree(self.tree, tree, symlinks=True)
        for file, text in texts.items():
            (tree / file).write_text(text, encoding="utf-8")
            for compiled in (tree / file).parent.glob(f"__pycache__/{pathlib.Path(file).stem}.*"):
                compiled.unlink()
        try:
            came, by, said = self._caught(tree, mutant, all_tests)
        finally:
            shutil.rmtree(tree)
        return Result(mutant, came, time.monotonic() - began, by, said)

    def _caught(self, tree: pathlib.Path, mutant: Mutant, all_tests: bool) -> tuple[str, list[str], str]:
        if not all_tests:
            status, said = self._run(tree, _command(mutant.caught_by))
            by = [" - ".join(filter(None, one)) for one in NOTICED.findall(said)]
            if status == FAILED and by and not any("NameError: " in one for one in by):  # no bug, but nonsense
                return CAUGHT, by, said
            if status != PASSED:
                return BROKEN, by, said
        by = []
        fast = (*PYTEST, *([] if all_tests else ["--maxfail=3"]), *(f"tests/{one}" for one in FAST))
        for command in (fast, SOME_CELLS):
            status, said = self._run(tree, command)
            by += [name for name, _why in NOTICED.findall(said)]
            if by and not all_tests:
                return LATE, by, f"{mutant.caught_by} did not notice: let it, or name who does"
            if status not in (PASSED, FAILED):
                return BROKEN, by, said
        if not by:
            return SURVIVED, by, "No fast test notices: write one, or show that this is no bug"
        return CAUGHT, by, said

    def _run(self, tree: pathlib.Path, command: t.Sequence[str]) -> tuple[int, str]:
        paths = os.pathsep.join(str(tree / one) for one in (".build/src", "tests/collections", "."))
        environment = {
            **os.environ,
            "PYTHONPATH": paths,
            "ANSIBLE_COLLECTIONS_PATH": str(tree / ".build" / "src"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "NO_COLOR": "1",
            "TMPDIR": str(self.folder),
            "COLUMNS": "200",
        }
        with subprocess.Popen(
            [sys.executable, *command],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as popen:
            try:
                said = popen.communicate(timeout=LIMIT)[0]
            except subprocess.TimeoutExpired:
                os.killpg(popen.pid, 9)
                return -1, f"no end within {LIMIT} s:\n{popen.communicate()[0]}"
        return popen.returncode, said


def all_of(bed: Bed, chosen: list[Mutant], all_tests: bool) -> t.Iterator[Result]:
    """As many at once as there are processors; each result is printed when it is known."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in concurrent.futures.as_completed([pool.submit(bed.strike, one, all_tests) for one in chosen]):
            print(done.result(), flush=True)
            yield done.result()


def _command(caught_by: str) -> tuple[str, ...]:
    if caught_by.startswith(CELLS):
        return ("-m", "tests.mutants.cells", *caught_by[len(CELLS) :].split())
    return (*PYTEST, "-x", f"tests/{caught_by}")
