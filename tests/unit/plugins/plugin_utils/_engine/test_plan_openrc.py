# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a host with OpenRC."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from tests.unit.plugins.plugin_utils._engine.test_plan import done, fresh, plan, unit

ALPINE = {"id": "alpine", "like": "", "version": "3.20.0", "codename": "", "name": "Alpine Linux v3.20"}


def with_openrc(info, block=None, arguments=()):
    """The same host with OpenRC, as engine_info tells of it."""
    info["host"].update(systemd=False, openrc=True, os=ALPINE)
    info["packages"].update(manager="apk", repository=None)
    there = info["units"]["docker.service"]["exists"]
    if there:
        info["packages"]["installed"] = {"docker": "26.1.5-r0"}
    service = {
        **unit(fragment=openrc.SCRIPT, drop_ins=[openrc.SETTINGS], exec_start=None, later_drop_ins=[]),
        "arguments": list(arguments), "places": dict.fromkeys(arguments, openrc.SETTINGS), "own_drop_in": block,
        **({"exists": True, "load": "loaded", "active": "active", "enabled": "enabled"} if there else {}),
    }  # fmt: skip
    info["units"] = {"docker.service": service, "docker.socket": {**service, "own_drop_in": None, "enabled": "enabled"}}
    return info


BLOCK = openrc.block(2376, [], [], ["192.0.2.1"])


def test_fresh_host():
    it = plan(with_openrc(fresh()), source="auto")
    assert it.source == "distro" and it.install["packages"]["follow"] == ["docker"]
    assert it.install["packages"]["family"] == "apk"
    assert it.apply["options"] == BLOCK and it.apply["socket"] is None and it.action == "start"
    assert it.apply["enable"], "apk leaves that to others"
    assert it.access["enforced_by"] == [] and "not there with OpenRC" in it.warnings[0]
    assert json.loads(json.dumps(it.apply)) == it.apply, "a plan is plain data"


def test_second_run_has_nothing_to_do():
    it = plan(with_openrc(done(), BLOCK), source="auto")
    assert (it.changes, it.diff, it.action, it.warnings) == ([], [], None, [])


def test_another_controller_is_remembered_without_a_restart():
    info = with_openrc(done(), openrc.block(2376, [], [], ["198.51.100.1"]))
    it = plan(info, source="auto")
    assert it.action is None and it.changes and openrc.effective(it.apply["options"]) == openrc.effective(BLOCK)
    assert "# Controllers: 192.0.2.1 198.51.100.1\n" in it.apply["options"]


@pytest.mark.parametrize("access", ["ssh", "local"])
def test_without_tls_nothing_listens(access):
    it = plan(with_openrc(done(), BLOCK), source="auto", access=access)
    assert it.apply["options"] is None and it.action == "restart" and it.apply["remove_tls"]
    assert plan(with_openrc(fresh()), access=access).apply["options"] is None


def test_an_engine_that_others_have_set_up_is_left_to_its_options():
    info = with_openrc(done(), None, ["--mtu=1400"])
    info["engine"]["containers_running"] = 3
    it = plan(info, source="auto", access="local")
    assert it.action is None and it.apply["options"] is None
    it = plan(with_openrc(done(), None, ["-H", "unix:///run/docker.sock", "-H", "tcp://10.0.0.1:2000"]), source="auto")
    assert "unix://" not in it.apply["options"]


def test_the_environment_is_read_from_its_private_file():
    info = with_openrc(done(), BLOCK)
    info["environment"] = {"names": [], "matches": False, "others": []}
    it = plan(info, source="auto", environment=["HTTP_PROXY"], proxies=["HTTP_PROXY"])
    assert "/etc/docker/dockyard.env" in it.apply["options"] and it.action == "restart"


def test_a_rotation_leaves_the_settings_as_they_are():
    block = openrc.block(2000, ["192.0.2.7"], [], ["198.51.100.1"], True)
    it = plan(with_openrc(done(), block), rotate="certificates", port=2376)
    assert it.action == "restart" and it.apply["options"] == block
    assert it.apply["service"] == {"tls": True, "environment": True}
    assert (it.apply["port"], it.apply["listen"]) == (2000, ["192.0.2.7"])
    assert plan(with_openrc(done(), None), rotate="certificates").changes == []


def changed(path, value, block=BLOCK, there=True, arguments=()):
    info = with_openrc(done() if there else fresh(), block if there else None, arguments)
    *parents, last = path
    place = info
    for name in parents:
        place = place[name]
    place[last] = value
    return info


@pytest.mark.parametrize(
    ("info", "more", "said"),
    [
        (changed(("host", "openrc"), False), {}, "nor does OpenRC"),
        (changed(("gpu", "nvidia"), None), {"rootless_user": "jo"}, "run by its user's systemd"),
        (changed(("gpu", "nvidia"), None), {"source": "static"}, "'static' needs systemd"),
        (changed(("gpu", "nvidia"), None), {"source": "docker_ce"}, "'docker_ce' needs systemd"),
        (
            changed(("gpu", "nvidia"), None, there=False),
            {"source": "auto", "archive": {"source": "/a.tgz", "checksum": "0" * 64}},
            "'static' needs systemd",
        ),
        (changed(("packages", "manager"), "apt"), {}, "packages of apt bring no service"),
        (changed(("units", "docker.service", "load"), "error"), {}, "is not a service as Alpine's"),
        (changed(("config", "content", "hosts"), ["unix:///run/docker.sock"]), {}, "would not start with both"),
        (changed(("config", "content", "hosts"), ["tcp://a:1"]), {"access": "local"}, "on tcp://a:1 alone"),
        (changed(("gpu", "nvidia"), None, arguments=["-Htcp://0.0.0.0:2376"]), {}, "listens on tcp://0.0.0.0:2376 itself"),
        (changed(("gpu", "nvidia"), None, arguments=["--tlsverify"]), {}, f"'tlsverify' is set in {openrc.SCRIPT}"),
        (changed(("gpu", "nvidia"), None, arguments=["--mtu=1"]), {"config": {"mtu": 2}}, f"from {openrc.SETTINGS}"),
        (changed(("gpu", "nvidia"), None), {"allow": ["10.0.0.0/8"]}, "systemd's filter is not there with OpenRC"),
        (changed(("gpu", "nvidia"), None), {"environment": ["DOCKER_OPTS"]}, "take for a setting of their own"),
        (changed(("gpu", "nvidia"), None), {"options": {"cgroup_driver": "systemd"}}, "docker_engine_cgroup_driver"),
        (changed(("gpu", "nvidia"), None), {"hold": "held"}, "knows no hold"),
        (
            changed(
                ("data",),
                {
                    **done()["data"], "target": "/srv/d", "exists": True, "holds": True, "rename": True, "occupied": False,
                    "mounts": [], "drivers": [],
                },
            ),
            {"config": {"data-root": "/srv/d"}, "move_data": True},
            "nothing keeps the Engine from a start",
        ),
        (
            changed(
                ("remap",),
                {
                    "possible": True, "root": "/var/lib/docker", "hides": {},
                    "user": {"name": "dockremap", "exists": False, "ranges": False},
                    "group": {"name": "dockremap", "exists": False, "ranges": False},
                },
            ),
            {"config": {"userns-remap": "default"}},
            "needs the user dockremap",
        ),
    ],
)  # fmt: skip
def test_what_openrc_can_t_do_is_refused_before_anything_is_touched(info, more, said):
    with pytest.raises(PlanError) as caught:
        plan(info, **more)
    assert said in str(caught.value)


def test_ufw_lets_in_whom_the_list_names():
    info = with_openrc(done(), BLOCK)
    info["firewalls"] = {"ufw": {"active": True, "ipv6": False, "rules": []}}
    it = plan(info, source="auto", allow=["10.0.0.0/8"])
    assert it.access["enforced_by"] == ["ufw"]
    assert it.apply["firewall"]["commands"][0][:4] == ["ufw", "allow", "proto", "tcp"]
