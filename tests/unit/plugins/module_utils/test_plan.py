# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: recipes on paper, and what leads from one plan to another."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._plan import (
    Recipe,
    Want,
    compare,
    covers,
    fill,
    refers_to,
)


class Disk(driver.Kind):
    pass


class Box(driver.Machine):
    pass


def plan(*wants: Want) -> list[Want]:
    return list(wants)


def difference(old: list[Want], new: list[Want], *adjustable: str):
    return compare(old, new, lambda kind: adjustable, lambda key: 0)


# Recipes


def test_wants_stand_in_the_order_in_which_they_were_said() -> None:
    m = Recipe("web1", {})
    disk = m.want(Disk, {"size": 1}, name="data")
    m.want(Box, [{"zone": "a", "disk": disk.id}, {"zone": "b", "disk": disk.id}])
    assert [want.key for want in m.wants] == ["Disk/data", "Box"]
    assert m.wants[1].requests[1] == {"zone": "b", "disk": {"$of": "Disk/data", "fact": "id"}}


def test_a_request_is_in_the_order_in_which_a_record_gives_it_back() -> None:
    m = Recipe("web1", {})
    m.want(Box, {"zone": "a", "tags": {"b": 1, "a": 2}})
    assert json.dumps(m.wants[0].requests) == '[{"tags": {"a": 2, "b": 1}, "zone": "a"}]'


def test_one_key_is_wanted_once() -> None:
    m = Recipe("web1", {})
    m.want(Disk, {})
    with pytest.raises(MachineError, match="Disk"):
        m.want(Disk, {})


def test_a_look_is_asked_once_for_each_set_of_arguments() -> None:
    asked = []

    def newest(family: str) -> tuple[str, int]:
        asked.append(family)
        return (family, len(asked))

    m = Recipe("web1", {})
    assert [m.look(newest, "a"), m.look(newest, "b"), m.look(newest, "a")] == [["a", 1], ["b", 2], ["a", 1]]
    assert Recipe("web1", {}, kept=m.kept).look(newest, "b") == ["b", 2]
    assert asked == ["a", "b"]


def test_a_look_that_fails_says_which() -> None:
    def newest() -> None:
        raise OSError("no route")

    with pytest.raises(MachineError, match="newest failed: no route"):
        Recipe("web1", {}).look(newest)


def test_a_pick_is_kept_and_avoids_those_of_others() -> None:
    def free(taken: set[int]) -> int:
        return next(port for port in range(100, 110) if port not in taken)

    m = Recipe("web1", {}, taken=lambda: {100})
    assert [m.once("ssh", free), m.once("docker", free), m.once("ssh", free)] == [101, 102, 101]


def test_a_choice_moves_on_and_ends_at_the_last() -> None:
    kept = {"looks": {}, "picks": {}, "choices": {"zone": 1}}
    assert Recipe("web1", {}, kept=kept).choose("zone", ["a", "b"]) == "b"
    kept["choices"]["zone"] = 7
    assert Recipe("web1", {}, kept=kept).choose("zone", ["a", "b"]) == "b"
    with pytest.raises(MachineError, match="zone"):
        Recipe("web1", {}).choose("zone", [])


def test_a_secret_is_a_placeholder() -> None:
    m = Recipe("web1", {"password": "x", "size": 1}, digests={"password": "d1"})
    assert m.options == {"password": {"$secret": "password", "digest": "d1"}, "size": 1}


# Requests


def test_fill_and_refers_to() -> None:
    request = {"key": {"$of": "Key", "fact": "id"}, "many": [{"$of": "Disk/a", "fact": "id"}, 1], "data": {"x": {}}}
    assert refers_to(request) == {"Key", "Disk/a"}
    filled = fill(request, lambda name, placeholder: f"<{placeholder['$of']}>")
    assert filled == {"key": "<Key>", "many": ["<Disk/a>", 1], "data": {"x": {}}}


@pytest.mark.parametrize(
    ("has", "request_", "covered"),
    [
        (1, 1, True),
        (1, 2, False),
        (None, 1, False),
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([{"port": 22, "id": "r1"}], [{"port": 22}], True),
        ([22, 80], [80, 22], True),
        ([22, 80], [22], False),
        ([22], [22, 80], False),
        ({"rules": [22, 80]}, {"rules": [22]}, False),
        ("ab", ["a", "b"], False),
    ],
)
def test_covers(has: object, request_: object, covered: bool) -> None:
    assert covers(has, request_) is covered


# Comparing


def test_equal_plans_differ_in_nothing() -> None:
    assert not difference(plan(Want("Box", "Box", [{"a": 1}])), plan(Want("Box", "Box", [{"a": 1}])))


def test_what_can_be_adjusted_and_what_is_drift() -> None:
    old, new = plan(Want("Box", "Box", [{"a": 1, "b": 1}])), plan(Want("Box", "Box", [{"a": 2, "b": 1}]))
    assert difference(old, new, "a").adjust == {"Box": {"a": 2}}
    assert difference(old, new).drift == {"Box": ["a"]}
    both = plan(Want("Box", "Box", [{"a": 2, "b": 2}]))
    changes = difference(old, both, "a")
    assert changes.drift == {"Box": ["b"]} and not changes.adjust, "all or nothing"


def test_a_part_that_goes_is_a_change() -> None:
    old, new = plan(Want("Box", "Box", [{"a": 1, "b": 1}])), plan(Want("Box", "Box", [{"b": 1}]))
    assert difference(old, new).drift == {"Box": ["a"]}


def test_new_and_surplus_and_the_users_own() -> None:
    old = plan(Want("Net", "Net", [{}], "n1"), Want("Disk", "Disk", [{}]), Want("Box", "Box", [{}]))
    new = plan(Want("Net", "Net", [{}], "n2"), Want("Key", "Key", [{}]), Want("Box", "Box", [{}]))
    changes = difference(old, new)
    assert [want.key for want in changes.new] == ["Key"]
    assert changes.surplus == ["Disk"]
    assert changes.existing["Net"].existing == "n2"
    assert changes.order == ["Net", "Key", "Box"]


def test_ours_does_not_become_the_users_in_place() -> None:
    old, new = plan(Want("Net", "Net", [{}])), plan(Want("Net", "Net", [{}], "n1"))
    assert difference(old, new).drift == {"Net": ["existing"]}


def test_the_choice_that_was_made_is_compared() -> None:
    old = plan(Want("Box", "Box", [{"zone": "a"}, {"zone": "b"}]))
    new = plan(Want("Box", "Box", [{"zone": "c"}, {"zone": "b"}]))
    assert not compare(old, new, lambda kind: (), lambda key: 1)
    assert compare(old, new, lambda kind: (), lambda key: 0).drift


def test_a_choice_that_is_still_wanted_is_no_change() -> None:
    old = plan(Want("Box", "Box", [{"size": "s"}, {"size": "m"}]))
    new = plan(Want("Box", "Box", [{"size": "m"}, {"size": "s"}]))
    assert not compare(old, new, lambda kind: (), lambda key: 1)
    assert compare(old, plan(Want("Box", "Box", [{"size": "l"}])), lambda kind: (), lambda key: 1).drift


def test_a_list_of_nothing_to_try_is_refused_before_anything_is_touched() -> None:
    with pytest.raises(MachineError, match="The options leave no choice for the Disk of web1") as caught:
        Recipe("web1", {}).want(type("Disk", (), {}), [])
    assert caught.value.code == "bad_option"
