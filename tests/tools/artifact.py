# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the collection's artifact and installs it offline, as a user would, into .build/installed/HASH.

What it installs into is named after the sources, so that what runs from there never changes under it.
As a script it says what it runs, and prints the folder, which is an ANSIBLE_COLLECTIONS_PATH, last.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALLED = ROOT / ".build" / "installed"
GALAXY = ROOT / ".venv" / "bin" / "ansible-galaxy"
SHIPPED = ("tests/__init__.py", "tests/contract/", "tests/model/")  # of tests/, for drivers' authors
KEPT = 2 * 3600  # seconds since the last use: a test that runs may still need it


def sources() -> list[str]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
    return sorted(path for path in set(listed.split("\0")) if path and (ROOT / path).is_file())


def fingerprint(paths: list[str]) -> str:
    """What is packed; most of the tests are not."""
    digest = hashlib.sha256()
    for path in paths:
        if not path.startswith("tests/") or path.startswith(SHIPPED):
            digest.update(path.encode() + b"\0" + (ROOT / path).read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def run(command: list[str], collections: pathlib.Path, verbose: bool) -> None:
    """One command, shown if asked for; a failure shows what it said."""
    if verbose:
        print("$ " + " ".join(command).replace(f"{ROOT}/", ""), file=sys.stderr)
    # Only this folder counts, so that nothing installed elsewhere can stand in
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(collections), ANSIBLE_NOCOWS="1")
    environment.pop("PYTHONPATH", None)  # collections are looked for there, too
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if verbose or done.returncode:
        print(done.stdout, end="", file=sys.stderr)
    if done.returncode:
        raise SystemExit(f"error: {command[0]} ended with {done.returncode}")


def install(verbose: bool = False) -> pathlib.Path:
    """The folder with the installed artifact of the sources as they are now."""
    paths = sources()
    return _installed(fingerprint(paths), lambda tree: _copy(paths, tree), verbose)


def install_of(revision: str) -> pathlib.Path:
    """The folder with the installed artifact of a commit, to compare with."""
    command = ["git", "rev-parse", "--verify", f"{revision}^{{commit}}"]
    commit = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def extract(tree: pathlib.Path) -> None:
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)

    return _installed(commit[:12], extract, verbose=False)


def _installed(name: str, fill: t.Callable[[pathlib.Path], None], verbose: bool) -> pathlib.Path:
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with open(INSTALLED / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = INSTALLED / name
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="new-", dir=INSTALLED) as scratch:
                fill(pathlib.Path(scratch) / "source")
                _build(pathlib.Path(scratch), verbose)
                os.rename(pathlib.Path(scratch) / "installed", target)
        os.utime(target)
        for old in INSTALLED.glob("[0-9a-f]*"):
            if old.stat().st_mtime < time.time() - KEPT:
                shutil.rmtree(old)
    return target


def _copy(paths: list[str], tree: pathlib.Path) -> None:
    for path in paths:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, tree / path, follow_symlinks=False)


def _build(scratch: pathlib.Path, verbose: bool) -> None:
    tree = scratch / "source"
    installed = scratch / "installed"
    run([str(GALAXY), "collection", "build", str(tree), "--output-path", str(scratch / "artifact")], installed, verbose)
    artifact = str(next((scratch / "artifact").glob("*.tar.gz")))
    run([str(GALAXY), "collection", "install", artifact, "--offline", "-p", str(installed)], installed, verbose)


if __name__ == "__main__":
    print(install(verbose=True))
