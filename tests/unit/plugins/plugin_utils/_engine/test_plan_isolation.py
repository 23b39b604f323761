# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remapped users, graphics cards and Engines without root, as a plan."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _rootless
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError

from . import test_plan as base

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
    ours = {"nvidia": RUNTIME}
    assert base.plan(card(there=kata)).apply["remember"]["runtimes"] == ours
    assert base.plan(card(there=both, ours=ours)).changes == []
    it = base.plan(card(there=both, ours=ours), gpu="none")
    assert it.apply["config_set"] == {"runtimes": kata} and not it.apply["config_unset"]
    assert "runtimes" not in it.apply["remember"]
    assert base.plan(card(there=both, ours=both)).apply["config_set"]["runtimes"] == ours, "one that was asked for"
    it = base.plan(card(there={"nvidia": RUNTIME}, ours={"nvidia": RUNTIME}), gpu="none")
    assert it.apply["config_unset"] == ["runtimes"]


def test_what_someone_has_set_up_is_theirs():
    theirs = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert base.plan(card(there=theirs), gpu="nvidia").changes == []
    assert base.plan(card(), config={"runtimes": theirs}).apply["config_set"]["runtimes"] == theirs


@pytest.mark.parametrize("more", [{}, {"program": None}, {"gpu": "none"}])
def test_what_someone_has_set_up_stays_beside_what_is_asked_for(more):
    theirs = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    crun = {"crun": {"path": "/usr/bin/crun"}}
    gpu = {name: value for name, value in more.items() if name == "gpu"}

    def see(there, ours=None):
        return card(there=there, ours=ours, program=more.get("program", NVIDIA))

    it = base.plan(see(theirs), config={"runtimes": crun}, **gpu)
    assert it.apply["config_set"]["runtimes"] == {**theirs, **crun} and it.apply["remember"]["runtimes"] == crun
    assert base.plan(see({**theirs, **crun}, crun), config={"runtimes": crun}, **gpu).changes == []
    it = base.plan(see({**theirs, **crun}, crun), **gpu)
    assert it.apply["config_set"]["runtimes"] == theirs and "runtimes" not in it.apply["remember"]
    assert base.plan(see(theirs), **gpu).changes == []


def with_features(there=None, ours=None, version="26.1.5"):
    info = card(program=None)
    info["engine"]["version"] = version
    for place, features in ((info["config"]["content"], there), (info["remembered"]["config"], ours)):
        if features is not None:
            place["features"] = features
    return info


def test_cdi_is_turned_on_where_it_is_asked_for():
    it = base.plan(with_features(), gpu="cdi")
    assert it.apply["config_set"] == {"features": {"cdi": True}}
    assert it.action == "restart", "the Engine looks for it at its start alone"
    assert base.plan(with_features(), gpu="auto").changes == []
    ours = {"cdi": True}
    assert base.plan(with_features(ours, ours), gpu="cdi").changes == []
    assert base.plan(with_features(ours, ours), gpu="auto").apply["config_unset"] == ["features"]
    assert base.plan(with_features(ours), gpu="none").changes == [], "somebody else's"
    others = {"containerd-snapshotter": False}
    assert base.plan(with_features(others), gpu="cdi").apply["config_set"] == {"features": {**others, **ours}}


@pytest.mark.parametrize("key", ["features", "runtimes"])
@pytest.mark.parametrize("more", [{}, {"gpu": "none"}])
def test_entries_of_others_stay_whatever_is_asked_for(key, more):
    """Without containerd-snapshotter an Engine would not see its images."""
    theirs, asked = {"containerd-snapshotter": True}, {"buildkit": True}

    def see(there, ours=None):
        info = card(program=None)
        info["config"]["content"][key] = there
        info["remembered"]["config"].update({key: ours} if ours else {})
        return info

    it = base.plan(see(theirs), config={key: asked}, **more)
    assert it.apply["config_set"] == {key: {**theirs, **asked}} and it.apply["remember"][key] == asked
    both = {**theirs, **asked}
    assert base.plan(see(both, asked), config={key: asked}, **more).changes == []
    it = base.plan(see(both, asked), **more)
    assert it.apply["config_set"] == {key: theirs} and key not in it.apply["remember"], "ours goes"
    changed = {**asked, "containerd-snapshotter": False}
    it = base.plan(see({**asked, **theirs}, changed), **more)
    assert it.apply["config_set"] == {key: theirs} and key not in it.apply["remember"], "someone has changed it since"
    assert base.plan(see(theirs), config={key: {"containerd-snapshotter": False}}, **more).apply["config_set"] == {
        key: {"containerd-snapshotter": False}
    }


def test_cdi_that_can_not_be_is_an_error():
    with pytest.raises(PlanError, match="came with Engine 25.0, and the Engine of this host is 20.10"):
        base.plan(with_features(version="20.10.24"), gpu="cdi")
    for info, more in (
        (with_features({"cdi": False}), {}),
        (with_features(), {"config": {"features": {"cdi": False}}}),
    ):
        with pytest.raises(PlanError, match="'cdi' in 'features' of the Engine's configuration is off"):
            base.plan(info, gpu="cdi", **more)


# -- an Engine without root


def fresh_user(**more):
    """A host without an Engine, and without the user."""
    info = base.fresh()
    who = {"name": "jo", "exists": False, "ranges": False}
    info["rootless"].update(
        user=who, group=who, home="/home/jo", data_root="/home/jo/.local/share/docker", lingers=False,
        delegated=False, script=None, unit=None, own_unit=False, context=None, tun=True, namespaces=None, kernel=[6, 1],
        system={"active": False, "enabled": False, "running": 0},
    )  # fmt: skip
    info["rootless"].update(more)
    info["data"].update(root="/home/jo/.local/share/docker", target="/home/jo/.local/share/docker")
    info["data"]["default"] = info["data"]["root"]
    info["units"]["docker.service"]["exists"] = info["units"]["docker.socket"]["exists"] = True
    return info


def user_runs(containers=0, **more):
    """A host on which the role has run."""
    script = "/usr/share/docker.io/contrib/dockerd-rootless.sh"
    info = fresh_user(unit_user="jo", lingers=True, delegated=True, script=script, context=True)
    who = {"name": "jo", "exists": True, "ranges": True}
    info["rootless"].update(
        user=who, group=who, unit=rootless.unit("jo", 2376, [], False, ["192.0.2.1"], script), **more
    )
    whole = base.done(containers)
    info["packages"]["installed"] = dict.fromkeys(("docker.io", *_rootless.EXTRAS["distro"]), "1")
    info.update(engine=whole["engine"], tls=whole["tls"])
    info["config"] = {"exists": True, "content": {}, "error": None}
    for unit in info["units"].values():
        unit.update(active="active", enabled="enabled", load="loaded")
    return info


JO = {"rootless_user": "jo"}


def test_a_users_engine_on_a_fresh_host():
    it = base.plan(fresh_user(), **JO)
    assert it.install["packages"]["follow"] == ["docker.io"] and set(it.install["packages"]["names"]) >= {
        "rootlesskit",
        "slirp4netns",
        "uidmap",
        "dbus-user-session",
    }
    assert it.apply["rootless"] == {
        "user": "jo", "port": 2376, "listen": [], "delegate": True, "system_off": True, "system_ran": False, "context": True,
    }  # fmt: skip
    assert it.action == "start" and it.apply["enable"] == ["docker.service"] and "ids" not in it.apply
    assert "config_set" not in it.apply, "no live-restore without root"
    for said in (
        "make the user jo",
        "/etc/subuid and /etc/subgid",
        "without a login",
        "limit CPU",
        "/etc/systemd/user",
    ):
        assert any(said in change for change in it.changes), said
    assert "fuse-overlayfs" in base.plan(fresh_user(kernel=[5, 10]), **JO).install["packages"]["names"]


def test_a_users_engine_needs_nothing_twice():
    assert base.plan(user_runs(), **JO).changes == []


def test_two_controllers_of_a_users_engine_do_not_take_each_others_place():
    info = user_runs()
    info["host"]["controller"] = "192.0.2.50"
    it = base.plan(info, **JO)
    assert it.access["allow"] == ["192.0.2.1", "192.0.2.50"]
    assert it.action is None and it.apply["service"]["controllers"] == ["192.0.2.50", "192.0.2.1"]


def test_the_vendors_way_without_root_takes_the_place_of_the_distributions():
    info = user_runs()
    it = base.plan(info, source="docker_ce", **JO)
    assert "docker-ce-rootless-extras" in it.install["packages"]["names"]
    assert it.install["packages"]["remove"] == ["docker.io", "rootlesskit"]
    assert any("remove rootlesskit" in change for change in it.changes)
    info["packages"]["installed"] = dict.fromkeys(("docker-ce", "docker-ce-cli", "containerd.io", "rootlesskit"), "1")
    assert base.plan(info, source="docker_ce", **JO).install["packages"]["remove"] == ["rootlesskit"]


def test_a_restart_ends_a_users_containers():
    with pytest.raises(PlanError, match="not possible without root.*docker_engine_interrupt"):
        base.plan(user_runs(containers=2), config={"log-driver": "local"}, **JO)
    assert base.plan(user_runs(containers=2), config={"debug": True}, **JO).action == "reload"
    assert base.plan(user_runs(containers=2), config={"log-driver": "local"}, interrupt=True, **JO).action == "restart"


@pytest.mark.parametrize("lacking", ["delegation", "enabled", "package", "context"])
def test_what_a_user_lacks_is_no_reason_to_end_containers(lacking):
    info = user_runs(containers=2)
    info["engine"]["live_restore"] = False
    if lacking == "delegation":
        info["rootless"]["delegated"] = False
    elif lacking == "enabled":
        info["units"]["docker.service"]["enabled"] = "disabled"
    elif lacking == "package":
        del info["packages"]["installed"]["slirp4netns"]
    else:
        info["rootless"]["context"] = False
    it = base.plan(info, **JO)
    assert it.changes and it.action is None and it.apply["action"] is None


@pytest.mark.parametrize("listen", [[], ["192.0.2.7", "fd00::7"]])
def test_a_users_engine_is_rotated_as_its_unit_has_it(listen):
    """Whatever the variables of that run say, since they are not those of the one that has set it up."""
    info = user_runs()
    script = info["rootless"]["script"]
    unit = info["rootless"]["unit"] = rootless.unit("jo", 2378, listen, True, ["192.0.2.9"], script)
    assert base.rotated(info, "ca").changes == []
    for more in ({}, JO, {"rootless_user": "ann"}):
        it = base.rotated(info, "certificates", names=base.NAMES, **more)
        assert it.action == "restart" and it.certificate["names"] == base.NAMES
        of, service = it.apply["rootless"], it.apply["service"]
        assert (it.apply["port"], it.apply["listen"]) == (2378, listen) and "socket" not in it.apply
        assert it.apply["own_files"] is True, "a key that is made anew is root's at first"
        assert not any(of[one] for one in ("delegate", "system_off", "system_ran", "context"))
        kept = (of["user"], of["port"], of["listen"], service["environment"], service["controllers"])
        assert rootless.unit(*kept, script) == unit


def test_a_users_engine_without_tls_has_nothing_to_rotate():
    info = user_runs()
    info["rootless"]["unit"] = rootless.unit("jo", None, [], False, program=info["rootless"]["script"])
    assert base.rotated(info, "certificates").changes == []


def test_a_rotation_ends_a_users_containers_when_that_is_allowed_alone():
    info = user_runs(containers=2)
    info["engine"]["live_restore"] = False
    with pytest.raises(PlanError, match="not possible without root.*docker_engine_interrupt"):
        base.rotated(info, "certificates")
    assert base.rotated(info, "certificates", interrupt=True).action == "restart"


def test_a_host_has_one_engine():
    system = {"active": True, "enabled": True, "running": 3}
    with pytest.raises(PlanError, match=r"The system-wide Engine.*3 containers.*docker_engine_interrupt"):
        base.plan(fresh_user(system=system), **JO)
    with pytest.raises(PlanError, match=r"The system-wide Engine.*does not answer.*docker_engine_interrupt"):
        base.plan(fresh_user(system={**system, "running": None}), **JO)
    it = base.plan(fresh_user(system=system), interrupt=True, **JO)
    assert it.apply["rootless"]["system_off"] and it.apply["rootless"]["system_ran"]
    info = base.done()
    info["rootless"].update(unit_user="jo", other=2)
    with pytest.raises(PlanError, match="The Engine of the user jo"):
        base.plan(info)
    info["rootless"].update(other=0, owned=False)
    it = base.plan(info)
    assert it.apply["rootless_off"] == "jo" and "rootless" not in it.apply
    assert any("private files to root" in change for change in it.changes)
    assert base.plan(user_runs(unit_user="ann"), **JO).apply["rootless_off"] == "ann"


@pytest.mark.parametrize(
    ("access", "before", "ours"), [("tls", False, True), ("local", True, True), ("local", False, False)]
)
def test_files_of_others_in_the_folder_stay_theirs(access, before, ours):
    info = base.done()
    info["rootless"]["owned"] = False
    info["remembered"]["tls"] = before
    it = base.plan(info, access=access)
    assert it.apply["own_files"] is ours
    assert any("private files to root" in change for change in it.changes) is ours


@pytest.mark.parametrize(
    ("seen", "more", "said"),
    [
        ({"tun": False}, {}, "/dev/net/tun"),
        ({"namespaces": "/proc/sys/user/max_user_namespaces"}, {}, "max_user_namespaces is 0"),
        ({"own_unit": True}, {}, "uninstall"),
        ({}, {"allow": ["192.0.2.0/24"]}, "is for root's units only"),
        ({}, {"users": ["ann"]}, "docker_engine_users"),
        ({}, {"config": {"live-restore": True}}, "live-restore"),
        ({}, {"options": {"userns_remap": "default"}}, "docker_engine_userns_remap"),
        ({}, {"move_data": True}, "docker_engine_move_data"),
        ({}, {"port": 376}, "below 1024"),
        ({}, {"rootless_user": "root"}, "'root'"),
    ],
)
def test_what_an_engine_without_root_can_not_have(seen, more, said):
    with pytest.raises(PlanError) as caught:
        base.plan(fresh_user(**seen), **{**JO, **more})
    assert said in str(caught.value)
