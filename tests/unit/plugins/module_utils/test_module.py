# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver's module: one way in, one way out. Run as a process, as Ansible runs it."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.acme.cloud.plugins.modules import thing
from ansible_collections.dockyard.machine.plugins.module_utils import _module
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from tests.faults.processes import Controller

NONE = "dockyard.machine.none"
URL = "tcp://build.example.com:2376"


@pytest.fixture()
def controller(tmp_path: pathlib.Path) -> Controller:
    return Controller(tmp_path)


def test_a_driver_is_named_by_its_module() -> None:
    assert _module.fqcn(thing.Acme) == "acme.cloud.thing"


def test_secrets_are_what_says_so_and_user_data() -> None:
    assert _module.secret_options(thing.Acme) == {"token", "user_data"}


def test_a_machines_life(controller: Controller) -> None:
    made = controller.run(NONE, url=URL, labels={"tier": "front"})
    assert made["changed"] and made["machine"]["driver"] == NONE, "also as a process, where the module is __main__"
    assert made["machine"]["docker_host"] == URL and made["machine"]["state"] == "running"
    assert made["diff"]["before"] == {"state": "absent"} and made["diff"]["after"]["state"] == "running"
    again = controller.run(NONE, url=URL)
    assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"]
    assert again["machine"]["labels"] == {"tier": "front"}
    moved = controller.run(NONE, url="tcp://other:2376")
    assert moved["changed"] and moved["machine"]["docker_host"] == "tcp://other:2376"
    gone = controller.run(NONE, state="absent")
    assert gone["changed"] and gone["machine"] is None and gone["diff"]["after"] == {"state": "absent"}


def test_labels_are_texts(controller: Controller) -> None:
    made = controller.run(NONE, url=URL, labels={"n": 2, "e": None})
    assert made["machine"]["labels"] == {"n": "2", "e": ""}
    assert not controller.run(NONE, url=URL, labels={"n": "2", "e": ""})["changed"]


def test_all_machines_of_a_driver_are_gathered_in_one_go(controller: Controller) -> None:
    for name in ("web1", "web2"):
        controller.run(NONE, name=name, url=URL)
    controller.run(name="thing1")
    result = controller.run(NONE, name=None, state="gathered", scope="account")
    assert not result["changed"]
    assert [one["name"] for one in result["machines"]] == ["web1", "web2"]
    things = controller.run(name=None, state="gathered", scope="account", endpoint="/elsewhere")
    assert things["machines"] == [], "not in that place"
    failure = controller.fail(NONE, name=None, scope="account")
    assert failure["msg"].startswith("scope: 'account'")


def test_a_failure_has_a_message_for_people_and_details_for_programs(controller: Controller) -> None:
    failure = controller.fail(NONE, state="started")
    assert failure["error"].keys() == {"code", "left_behind", "remedy"}
    assert failure["error"]["remedy"] in failure["msg"]


def test_an_empty_text_in_a_list_of_options_is_refused() -> None:
    spec = {"zones": {"type": "list", "elements": "str"}, "volumes": {"type": "list", "elements": "dict"}}
    _module.check_lists(spec, {"zones": [], "volumes": [{}]})
    with pytest.raises(BadOption, match=r"web1: zones: \['a', ' '\] contains an empty string"):
        _module.check_lists(spec, {"zones": ["a", " "]}, "web1: ")
