# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remapped users and graphics cards, as a plan."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_plan import PlanError

from . import test_engine_plan as base

NVIDIA = "/usr/bin/nvidia-container-runtime"
RUNTIME = {"path": NVIDIA, "runtimeArgs": []}


# -- remapped users


def remapped(containers=0, current=None, exists=True, ranges=True, **more):
    info = base.done(containers)
    who = {"name": "dockremap", "exists": exists, "ranges": ranges}
    info["remap"].update(user=who, group=who, **more)
    if current:
        info["config"]["content"]["userns-remap"] = info["remembered"]["config"]["userns-remap"] = current
    return info


ASKED = {"options": {"userns_remap": "default"}}


def test_users_are_remapped_with_ids_of_their_own():
    it = base.plan(remapped(exists=False, ranges=False), **ASKED)
    assert it.apply["config_set"]["userns-remap"] == "default" and it.action == "restart"
    assert it.apply["ids"] == [{"user": "dockremap", "group": "dockremap"}]
    assert it.apply["stop_containers"] is True
    assert "ids" not in base.plan(remapped(), **ASKED).apply
    assert base.plan(remapped(current="default"), **ASKED).changes == []
    again = base.plan(remapped(current="default", ranges=False), **ASKED)
    assert again.apply["ids"] and again.action is None, "ids that someone took away"


def test_what_another_map_hides_is_said_before():
    hides = {"images": 3, "containers": 0, "volumes": 1}
    with pytest.raises(PlanError, match=r"3 images, 1 volumes.*docker_engine_interrupt"):
        base.plan(remapped(hides=hides), **ASKED)
    it = base.plan(remapped(hides=hides, containers=1), interrupt=True, **ASKED)
    assert it.apply["stop_containers"] is True and any("hide the 3 images" in change for change in it.changes)
    with pytest.raises(PlanError, match="userns-remap off"):
        base.plan(remapped(current="default", hides=hides))


@pytest.mark.parametrize(
    ("info", "more", "said"),
    [
        (remapped(possible=False), ASKED, "no user namespaces"),
        (remapped(), {**ASKED, "config": {"features": {"containerd-snapshotter": True}}}, "containerd-snapshotter"),
        (remapped(exists=False), {"options": {"userns_remap": "dockremap"}}, "names the user dockremap"),
        (remapped(), {"options": {"userns_remap": "1000"}}, "USER:GROUP"),
    ],
)
def test_what_makes_remapping_impossible(info, more, said):
    with pytest.raises(PlanError) as caught:
        base.plan(info, **more)
    assert said in str(caught.value)


def test_a_swarms_state_is_not_hidden():
    info = remapped()
    info["engine"]["swarm"] = "active"
    with pytest.raises(PlanError, match="leave the swarm"):
        base.plan(info, interrupt=True, **ASKED)


# -- graphics cards


def card(there=None, ours=None, program=NVIDIA):
    info = base.done()
    info["gpu"]["nvidia"] = program
    if there is not None:
        info["config"]["content"]["runtimes"] = there
    if ours is not None:
        info["remembered"]["config"]["runtimes"] = ours
    return info


def test_the_toolkits_runtime_is_set_up_where_it_is():
    it = base.plan(card())
    assert it.apply["config_set"] == {"runtimes": {"nvidia": RUNTIME}} and it.action == "reload"
    assert base.plan(card(there={"nvidia": RUNTIME}, ours={"nvidia": RUNTIME})).changes == []
    assert base.plan(card(), gpu="none").changes == []
    assert base.plan(card(program=None)).changes == []
    with pytest.raises(PlanError, match="container toolkit first"):
        base.plan(card(program=None), gpu="nvidia")


def test_other_runtimes_stay():
    kata = {"kata": {"path": "/usr/bin/kata"}}
    assert base.plan(card(there=kata)).apply["config_set"]["runtimes"] == {**kata, "nvidia": RUNTIME}
    both = {**kata, "nvidia": RUNTIME}
    assert base.plan(card(there=both, ours=both)).changes == []
    it = base.plan(card(there=both, ours=both), gpu="none")
    assert it.apply["config_set"] == {"runtimes": kata} and not it.apply["config_unset"]
    it = base.plan(card(there={"nvidia": RUNTIME}, ours={"nvidia": RUNTIME}), gpu="none")
    assert it.apply["config_unset"] == ["runtimes"]


def test_what_someone_has_set_up_is_theirs():
    theirs = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert base.plan(card(there=theirs), gpu="nvidia").changes == []
    assert base.plan(card(), config={"runtimes": theirs}).apply["config_set"]["runtimes"] == theirs
