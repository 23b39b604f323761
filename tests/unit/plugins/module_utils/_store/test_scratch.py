# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private folders of runs: what killed ones have left of them goes, and nothing else."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._store._scratch import OWNER, Scratch

PROCESS = """
import sys
from ansible_collections.dockyard.machine.plugins.module_utils._store._scratch import Scratch
scratch = Scratch("s3://b/p", None)
scratch.write("web1", {"id_ed25519": "secret"})
print(scratch.root(), flush=True)
sys.stdin.read()
"""


@pytest.fixture()
def temporary(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_keys_of_a_process_that_was_killed_are_removed_by_the_next_one(temporary: pathlib.Path) -> None:
    other = temporary / "dockyard-not-ours"
    other.mkdir()
    (temporary / "dockyard-link").symlink_to(other)
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout
        folder = pathlib.Path(process.stdout.readline().strip())
        assert (folder / "web1" / "id_ed25519").exists()
        Scratch("s3://b/p", None).root()
        assert folder.exists(), "it lives"
        process.kill()
        process.wait()
    assert folder.exists()
    mine = Scratch("s3://b/p", None).root()
    assert not folder.exists() and other.exists() and pathlib.Path(mine, OWNER).exists()


@pytest.mark.parametrize(
    ("run", "age", "stays"),
    [
        ("ansible-local-1abcdefgh", 90000, True),  # it lives
        ("ansible-local-4194399abcdefgh", 60, True),  # on another computer, it may live
        ("ansible-local-4194399abcdefgh", 90000, False),
        ("something-else", 90000, True),
    ],
)
def test_keys_of_a_run_that_was_killed_are_removed_by_a_later_one(
    tmp_path: pathlib.Path, run: str, age: int, stays: bool
) -> None:
    left = tmp_path / run / "dockyard-0123456789ab"
    (left / "web1").mkdir(parents=True)
    now = left.stat().st_mtime
    os.utime(left, (now - age, now - age))
    mine = tmp_path / f"ansible-local-{os.getpid()}12345678"
    mine.mkdir()
    Scratch("s3://b/p", str(mine)).root()
    assert left.exists() is stays and left.parent.exists(), "the folder itself is Ansible's"
