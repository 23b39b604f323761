# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users give for a machine, checked."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _input
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption


@pytest.mark.parametrize("name", ["a", "web1", "a-b", "a" * 40, "a0"])
def test_good_names(name: str) -> None:
    _input.check_name(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "A", "a_b", "a.b", "a" * 41, "a b", "a\n", "../a", "ä", ".ca"])
def test_bad_names_are_named_with_what_is_allowed(name: str) -> None:
    with pytest.raises(BadOption) as caught:
        _input.check_name(name)
    assert repr(name) in caught.value.message and "a-z" in caught.value.remedy
    assert caught.value.option == "name"


def test_labels_are_texts_whatever_yaml_takes_them_for() -> None:
    said = {8080: "x", "when": datetime.date(2026, 11, 24), "n": 2, "on": True, "e": None}
    texts = {"8080": "x", "when": "2026-11-24", "n": "2", "on": "True", "e": ""}
    assert _input.as_labels("labels", said) == texts == _input.as_labels("labels", texts)
    assert _input.as_labels("labels", {}) == {} and _input.as_labels("labels", None) is None
    with pytest.raises(BadOption, match=r"labels\.a: \['b'\] is not a valid value of a label"):
        _input.as_labels("labels", {"a": ["b"]})


@pytest.mark.parametrize("name", ["all", "ungrouped", "localhost", "dockyard"])
def test_a_name_that_means_something_else_in_an_inventory_is_refused(name: str) -> None:
    with pytest.raises(BadOption, match=f"name: '{name}' is "):
        _input.check_name(name)


def test_arguments_for_ssh_that_can_not_be_read_are_refused() -> None:
    _input.check_ssh_args("ssh_args", None)
    _input.check_ssh_args("ssh_args", "-o 'ProxyCommand=a b'")
    with pytest.raises(BadOption, match=r"ssh_args: .* can't be split into words \(No closing quotation\)"):
        _input.check_ssh_args("ssh_args", "-o 'x")
