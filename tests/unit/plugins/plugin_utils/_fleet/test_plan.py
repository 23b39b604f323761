# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a fleet, on paper."""

from __future__ import annotations

import datetime
import os

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan

NONE = "dockyard.machine.none"


def fleet(**roles):
    return {"id": "shop", "roles": roles}


def record(name, **fields):
    return Record(**{"id": "0" * 12, "name": name, "driver": NONE, "fleet": "shop", "status": "made", **fields})


def recorded(*records):
    return {one.name: one for one in records}


def plan(wanted, surplus, records, limit=()):
    wanted = [{"driver": NONE, **one} for one in wanted]
    return fleet_plan.make(wanted, surplus, records, list(limit), lambda one, options: one.options == options)


def test_names_come_as_list_or_string():
    assert fleet_plan.as_names("web1, web2,") == ["web1", "web2"]
    assert fleet_plan.as_names(["web1", "web2"]) == ["web1", "web2"]
    assert fleet_plan.as_names(None) == []


@pytest.mark.parametrize(
    ("names", "part"),
    [
        ({"a": 1}, "neither a list"),
        ("Web1", "not a valid machine name"),
        ("a,a", "named twice"),
        ("a_b", "not a valid machine name"),
    ],
)
def test_bad_names_are_named(names, part):
    with pytest.raises(MachineError, match=part):
        fleet_plan.as_names(names)


def test_machines_are_named_after_fleet_role_and_index():
    checked = fleet_plan.check_fleet(fleet(web={"driver": "none", "count": 2, "labels": {"tier": "front"}}), {})
    assert fleet_plan.wanted_of_fleet(checked) == [
        {"name": f"shop-web-{index}", "fleet": "shop", "role": "web", "driver": "none", "labels": {"tier": "front"}}
        for index in range(2)
    ]


def test_labels_are_as_a_record_has_them():
    labels = {8080: "x", "when": datetime.date(2026, 11, 24)}
    (one,) = fleet_plan.wanted_of_fleet(fleet_plan.check_fleet(fleet(web={"driver": "none", "labels": labels}), {}))
    assert one["labels"] == {"8080": "x", "when": "2026-11-24"}


@pytest.mark.parametrize(
    "text", ['{"id": "shop", "roles": {"web": {"driver": "none"}}}', "id: shop\nroles: {web: {driver: none}}"]
)
def test_a_survey_gives_a_fleet_as_a_text(text):
    assert fleet_plan.check_fleet(text, {}) == fleet_plan.check_fleet(fleet(web={"driver": "none"}), {})
    assert fleet_plan.id_of_fleet(text) == "shop"


@pytest.mark.parametrize("value", ["shop", {"id": "shop"}, fleet(web=None)])
def test_of_a_fleet_that_is_listed_the_id_matters_alone(value):
    assert fleet_plan.id_of_fleet(value) == "shop"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"roles": {}}, "the id is required"),
        ("{}", "the id is required"),
        ("Shop", "not a valid machine name"),
        (["shop"], "not a valid machine name"),
    ],
)
def test_a_fleet_without_a_good_id_is_not_every_fleet(value, part):
    with pytest.raises(MachineError, match=part):
        fleet_plan.id_of_fleet(value)


def test_counts_win_over_the_fleet():
    checked = fleet_plan.check_fleet(fleet(web={"driver": "none", "count": 2}), {"web": "3"})
    assert len(fleet_plan.wanted_of_fleet(checked)) == 3


@pytest.mark.parametrize(
    ("value", "counts", "part"),
    [
        ("shop", {}, "machine_fleet: not a dictionary"),
        ({"roles": {}}, {}, "machine_fleet.id: the id is required"),
        ("roles: {web: [", {}, "machine_fleet: not valid YAML: expected the node content"),
        ({"id": "shop", "role": {}}, {}, "machine_fleet.role"),
        (fleet(web={"driver": "none", "cuont": 1}), {}, "machine_fleet.roles.web.cuont"),
        (fleet(web={"driver": "none", "count": "many"}), {}, "count of role web: 'many'"),
        (fleet(web={"driver": "none", "count": -1}), {}, "count of role web: -1"),
        (fleet(web={"count": 1}), {}, "machine_fleet.roles.web.driver: a driver is required"),
        (fleet(web={"driver": "none"}), {"db": 2}, "machine_counts.db: 2"),
        (fleet(Web={"driver": "none"}), {}, "'Web' is not a valid machine name"),
        (fleet(web={"driver": "none", "expires_in": "9999999d"}), {}, "roles.web.expires_in: '9999999d' is more than"),
        (fleet(web={"driver": "none", "labels": ["a"]}), {}, "machine_fleet.roles.web: argument 'labels'"),
        (
            fleet(web={"driver": "none", "labels": {"a": {}}}),
            {},
            "machine_fleet.roles.web.labels.a: {} is not a valid value of a label",
        ),
        (fleet(web={"driver": "none", "options": "url"}), {}, "machine_fleet.roles.web: argument 'options'"),
    ],
)
def test_mistakes_in_a_fleet_are_named(value, counts, part):
    """Without what may be a secret."""
    with pytest.raises(MachineError) as failure:
        fleet_plan.check_fleet(value, counts)
    assert part in failure.value.text()


def test_a_text_that_is_no_yaml_is_not_shown_but_told_where():
    with pytest.raises(MachineError, match="not valid YAML: .* in line 4") as failure:
        fleet_plan.check_fleet("id: shop\nroles:\n  web: {user_data: 'password: hunter2'\n other: 1", {})
    assert "hunter2" not in failure.value.text()


@pytest.mark.parametrize(
    "where", [{"secret_access_key": "hunter2"}, {"roles": {"web": {"secret_access_key": "hunter2"}}}]
)
def test_what_is_not_known_may_be_a_secret_and_is_not_shown(where):
    with pytest.raises(MachineError, match="secret_access_key: not a") as failure:
        fleet_plan.check_fleet({"id": "shop", **where}, {})
    assert "hunter2" not in str(vars(failure.value))


def test_nor_is_an_option_that_the_driver_does_not_know():
    with pytest.raises(MachineError, match="web1: secret_access_key: not a") as failure:
        _drivers.check_options(NONE, {"secret_access_key": "hunter2"}, "web1")
    assert "hunter2" not in str(vars(failure.value))


def test_what_a_role_says_is_as_a_record_has_it():
    role = {"driver": NONE, "expires_in": 3600, "tls_san": "a.example,b.example", "ssh_key": "~/key"}
    [one] = fleet_plan.wanted_of_fleet(fleet_plan.check_fleet(fleet(web=role), {}))
    assert (one["expires_in"], one["tls_san"]) == ("3600", ["a.example", "b.example"])
    assert one["ssh_key"] == os.path.expanduser("~/key")
    there = record("shop-web-0", role="web", tls_san=["a.example", "b.example"], kept={"expires_in": "3600"})
    assert plan([one], [], recorded(there)).keep == ["shop-web-0"], "and so is no change for ever"


def test_surplus_is_what_has_an_index_beyond_the_count():
    checked = fleet_plan.check_fleet(fleet(web={"driver": "none", "count": 1}), {})
    records = recorded(
        *(record(f"shop-web-{index}", role="web") for index in (0, 2, 10)),
        record("other-web-7", role="web", fleet="other"),
        record("byhand", role="web"),
    )
    assert fleet_plan.surplus_of_fleet(checked, records) == ["shop-web-2", "shop-web-10"]


def test_a_vanished_role_is_an_error_unless_its_count_is_0():
    records = recorded(record("shop-db-0", role="db"))
    with pytest.raises(MachineError) as failure:
        fleet_plan.surplus_of_fleet(fleet_plan.check_fleet(fleet(), {}), records)
    assert failure.value.code == "role_vanished"
    assert "machine_counts: {db: 0}" in failure.value.remedy
    assert fleet_plan.surplus_of_fleet(fleet_plan.check_fleet(fleet(), {"db": 0}), records) == ["shop-db-0"]


def test_the_plan_tells_new_changed_and_kept_machines():
    wanted = [
        {"name": "a", "options": {"url": "1"}, "fleet": "shop"},
        {"name": "b", "options": {"url": "2"}, "fleet": "shop"},
        {"name": "c", "fleet": "shop", "labels": {"x": "y"}},
        {"name": "d", "fleet": "shop"},
        {"name": "e", "fleet": "shop"},
        {"name": "g", "fleet": "shop"},
    ]
    records = recorded(record("b", options={"url": "1"}), record("c"), record("d"), record("e", status="creating"))
    records["g"] = record("g", kept={"untagged": True})
    made = plan(wanted, ["f"], records)
    assert (made.create, made.change, made.keep, made.surplus) == (["a"], ["b", "c", "e", "g"], ["d"], ["f"])


def test_a_limit_leaves_the_others_out():
    made = plan([{"name": "shop-web-0"}, {"name": "shop-db-0"}], ["shop-web-1", "shop-db-1"], {}, ["shop-web-*"])
    assert (made.create, made.surplus) == (["shop-web-0"], ["shop-web-1"])


def test_a_name_of_another_fleet_is_refused():
    with pytest.raises(MachineError) as failure:
        plan([{"name": "a", "fleet": "shop"}], [], recorded(record("a", fleet="other")))
    assert failure.value.code == "foreign"


@pytest.mark.parametrize(
    ("surplus", "of_fleet", "limit", "fine"),
    [(5, 8, None, True), (6, 8, None, False), (20, 100, None, True), (21, 100, "", False)]
    + [(3, 4, "50%", False), (2, 4, "50%", True), (1, 4, "0", False), (1, 4, "1", True)],
)
def test_the_brake_on_removals(surplus, of_fleet, limit, fine):
    names = [str(one) for one in range(surplus)]
    if fine:
        fleet_plan.check_surplus(names, of_fleet, limit)
    else:
        with pytest.raises(MachineError, match="machine_remove_max"):
            try:
                fleet_plan.check_surplus(names, of_fleet, limit)
            except MachineError as error:
                raise MachineError(error.text()) from error


def test_a_wrong_brake_is_named():
    with pytest.raises(MachineError, match="machine_remove_max: 'half'"):
        fleet_plan.check_surplus([], 1, "half")
