# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan says of a host that is not as it should be."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._guest import FOR_FILES, MEBIBYTE
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from tests.unit.plugins.plugin_utils._engine.test_plan import NOW, done, fresh, plan


def placed(info, path, **more):
    info["places"][path] = {**info["places"][path], "folder": path, "device": 2, **more}
    return info


def late(hours, info=None):
    info = info or fresh()
    info["host"]["clock"] = NOW.timestamp() - hours * 3600
    return info


# -- room


def test_a_place_that_is_read_only_is_named_before_anything_is_touched():
    with pytest.raises(PlanError, match="/etc/docker is mounted read-only"):
        plan(placed(fresh(), "/etc/docker", read_only=True))


def test_room_that_is_missing_is_named_with_its_bytes():
    with pytest.raises(
        PlanError, match=r"/usr on this host has 100 MiB \(104857600 bytes\) free, and at least 250 MiB"
    ):
        plan(placed(fresh(), "/usr", free=100 * MEBIBYTE))
    with pytest.raises(PlanError, match="/etc/docker on this host has 0 bytes"):
        plan(placed(fresh(), "/etc/docker", free=0))


def test_needs_on_one_file_system_add_up():
    info = fresh()
    for place in info["places"].values():
        place["free"] = 300 * MEBIBYTE
    with pytest.raises(PlanError, match="has 300 MiB"):
        plan(info)


def test_inodes_count_where_the_file_system_has_a_number_of_them():
    with pytest.raises(PlanError, match="no inode left"):
        plan(placed(fresh(), "/etc/docker", files_left=0))
    assert plan(placed(fresh(), "/etc/docker", files_left=None)).changes


def test_packages_room_is_needed_only_for_packages():
    info = done()
    for path, place in info["places"].items():
        place.update(device=1 if path in FOR_FILES else 2, free=MEBIBYTE)
    assert plan(info, config={"debug": True}).changes


def test_a_host_to_which_nothing_is_to_be_done_needs_nothing():
    assert not plan(placed(done(), "/etc/docker", read_only=True, free=0)).changes


# -- the clock


def test_a_clock_that_is_off_is_a_warning_while_certificates_allow_for_it():
    assert plan(late(24)).warnings[0].startswith("The host's clock is 24 hours behind the controller's.")
    assert plan(late(-0.5)).warnings[0].startswith("The host's clock is 0.5 hours ahead of the controller's.")
    assert plan(late(0.05)).warnings == []


def test_a_clock_that_is_further_off_is_an_error_where_there_are_certificates():
    for hours, said in ((49, "49 hours behind"), (-49, "49 hours ahead of")):
        with pytest.raises(PlanError, match=said):
            plan(late(hours))
        assert said in plan(late(hours), access="local").warnings[0]


# -- iptables


def without_iptables(**more):
    info = done()
    info["host"]["iptables"] = None
    info["engine"]["running"] = False
    info["units"]["docker.service"]["active"] = "failed"
    info["packages"]["installed"] = {"docker.io": "20.10"}
    return info


def test_iptables_is_installed_where_an_engine_needs_it():
    made = plan(without_iptables())
    assert (
        made.install["packages"]["names"] == ["iptables"]
        and made.action == "start"
        and "install iptables" in made.changes
    )


def test_iptables_is_asked_for_where_nothing_may_be_installed():
    with pytest.raises(PlanError, match="iptables is missing .* Install it"):
        plan(without_iptables(), source="present")


def test_iptables_is_not_needed_by_an_engine_that_must_not_use_it_or_runs():
    assert not plan(without_iptables(), config={"iptables": False}).install
    info = without_iptables()
    info["engine"]["running"] = True
    assert not plan(info).install
