# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.utils.unsafe_proxy import AnsibleUnsafeText

from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._answer import MalformedAnswer, either


def test_a_choice_is_taken_as_ansible_gives_texts_and_not_by_what_equals_it() -> None:
    """Before ansible-core 2.19, a text of an answer is of a class of Ansible's own."""
    check = either("apt", 1)
    assert not isinstance(check(AnsibleUnsafeText("apt"), "manager"), AnsibleUnsafeText)
    assert check(1, "manager") == 1
    for wrong in t.cast(t.Any, (True, 1.0, "1", None, ["apt"], "yum")):
        with pytest.raises(MalformedAnswer):
            check(wrong, "manager")
