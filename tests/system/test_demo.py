# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README's first command, without its set-up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.system._harness import ROOT, Ansible


@pytest.mark.always
def test_the_demo_ends_with_nothing_left(ansible: Ansible) -> None:
    command = [sys.executable, "-m", "tests.tools.demo"]
    done = subprocess.run(
        command, cwd=ROOT, env=ansible.environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0 and done.stdout.rstrip().endswith("demo: ok"), f"{done.stdout}\n{done.stderr}"
    assert not (ansible.home / ".dockyard-demo").exists()
