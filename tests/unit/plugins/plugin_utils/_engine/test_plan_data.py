# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving the Engine's data, as a plan."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError

from . import test_plan as base

GIB = 1 << 30
NEW = {"config": {"data-root": "/srv/docker"}}
ASKED = {**NEW, "move_data": True, "interrupt": True}


def seen(containers=0, **more):
    """A host with data, of which another place was looked at."""
    info = base.done(containers)
    info["engine"]["storage_driver"] = "overlay2"
    info["data"] = {
        "root": "/var/lib/docker", "target": "/srv/docker", "default": "/var/lib/docker", "journal": None, "exists": True, "holds": True,
        "rename": False, "occupied": False, "mounts": [], "drivers": [],
        "size": 10 * GIB, "entries": 1000, "done": 0, "done_entries": 0, "free": 20 * GIB, "free_entries": 5000, **more,
    }  # fmt: skip
    return info


def test_a_move_is_planned_with_the_engine_stopped():
    it = base.plan(seen(containers=2), **ASKED)
    assert it.apply["move"] == {
        "from": "/var/lib/docker", "to": "/srv/docker", "keep": False, "switched": False, "abandon": False,
    }  # fmt: skip
    assert it.action == "restart" and it.apply["stop_containers"] is True
    assert "live_restore_first" not in it.apply, "with live-restore the containers would keep the data in use"
    assert any("copy 10240 MiB" in change for change in it.changes)


@pytest.mark.parametrize("journal", [None, {"from": "/var/lib/docker", "to": "/srv/docker", "stage": "copying"}])
def test_containers_that_run_are_not_stopped_unasked(journal):
    with pytest.raises(PlanError, match=r"2 containers that run have to stop.*docker_engine_interrupt"):
        base.plan(seen(containers=2, journal=journal), **{**ASKED, "interrupt": False})


@pytest.mark.parametrize(
    ("more", "asked", "said"),
    [
        ({}, NEW, "docker_engine_move_data"),
        ({"occupied": True}, ASKED, "not an empty folder"),
        ({"mounts": ["/var/lib/docker/volumes"]}, ASKED, "/var/lib/docker/volumes is a mount point"),
        ({"drivers": ["btrfs"]}, ASKED, "btrfs"),
        ({"free": 10 * GIB}, ASKED, "it needs 10304 MiB, and 10240 MiB are free"),
        ({"free_entries": 999}, ASKED, "it needs in files and folders 1000, and 999 are free"),
        ({"target": "/srv/other"}, ASKED, "docker_engine_data_root"),
        ({"target": "/srv/../docker"}, {**ASKED, "config": {"data-root": "/srv/../docker"}}, "/srv/../docker"),
        ({"target": "/var/lib"}, {**ASKED, "config": {"data-root": "/var/lib"}}, "one lies in the other"),
        ({"target": "/var/lib/docker/in"}, {**ASKED, "config": {"data-root": "/var/lib/docker/in"}}, "one lies in the other"),
        ({"journal": {"from": "/var/lib/docker", "to": "/srv/b", "stage": "copying"}}, ASKED, "docker_engine_data_root /srv/b"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_said_before(more, asked, said):
    with pytest.raises(PlanError) as caught:
        base.plan(seen(**more), **asked)
    assert said in str(caught.value)


def test_what_was_copied_already_needs_no_room():
    assert base.plan(seen(free=3 * GIB, done=8 * GIB), **ASKED).apply["move"]
    assert base.plan(seen(free_entries=0), **ASKED).apply["move"], "a file system without a limit"


def test_without_data_another_root_is_only_a_key():
    it = base.plan(seen(holds=False), **NEW)
    assert "move" not in it.apply and it.action == "restart" and not it.stops


def test_a_move_that_was_cut_off_goes_on_or_back():
    journal = {"from": "/var/lib/docker", "to": "/srv/docker", "stage": "placing"}
    it = base.plan(seen(journal=journal), **NEW)
    assert it.apply["move"]["switched"] is False and it.action == "restart", "what was begun was asked for"
    it = base.plan(seen(journal=journal, target="/var/lib/docker"))
    assert it.apply["move"]["abandon"] is True and it.apply["move"]["to"] == "/srv/docker"


def test_a_move_that_lacks_its_end_stops_nothing():
    journal = {"from": "/var/lib/docker", "to": "/srv/docker", "stage": "removing"}
    info = seen(containers=2, journal=journal, root="/srv/docker")
    info["config"]["content"]["data-root"] = info["remembered"]["config"]["data-root"] = "/srv/docker"
    it = base.plan(info, **NEW)
    assert it.action is None and not it.stops and it.apply["move"]["switched"] is True and it.changes
    # Going back would now be a move of its own, from where the Engine has written since
    with pytest.raises(PlanError, match=r"Finish the move.*docker_engine_data_root /srv/docker$"):
        base.plan(info, config={"data-root": "/var/lib/docker"})
    # Nor is there anything whole to go back to, where someone has put the Engine there
    with pytest.raises(PlanError, match=r"Finish the move.*docker_engine_data_root /srv/docker$"):
        base.plan(seen(journal=journal, target="/var/lib/docker"))
