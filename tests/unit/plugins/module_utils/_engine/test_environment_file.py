# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's environment file."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _environment_file,
)


@pytest.mark.parametrize("value", ["plain", "a b", 'q"u', "back\\slash", "$HOME `x`", "#no comment", "it's"])
def test_environment_file_is_read_back(value):
    text = _environment_file.render_environment({"X": value})
    assert _environment_file.parse_environment(text) == {"X": value}
    # A shell reads double quotes by the same rules as systemd does.
    shell = subprocess.run(["sh", "-c", f'{text}\nprintf %s "$X"'], capture_output=True, text=True, check=True)
    assert shell.stdout == value


@pytest.mark.parametrize("variables", [{"A B": "x"}, {"1A": "x"}, {"A": "x\ny"}])
def test_bad_environment_is_refused(variables):
    with pytest.raises(ValueError):
        _environment_file.render_environment(variables)


def test_no_environment_is_no_file():
    assert _environment_file.render_environment({}) == ""
