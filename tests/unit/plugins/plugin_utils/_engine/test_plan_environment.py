# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from tests.unit.plugins.plugin_utils._engine.test_plan import SERVICE, changed, done, plan

PROXY = ["HTTPS_PROXY"]


def client(**more):
    return {"jo": {"path": "/home/jo/.docker/config.json", "error": None, "set": [], "unset": [], "ours": [], **more}}


def test_a_changed_environment_is_a_restart():
    info = changed(("environment", "matches"), False)
    planned = plan(info, environment=PROXY, proxies=PROXY)
    assert planned.action == "restart" and planned.apply["environment"]


def test_what_others_set_to_another_value_is_named():
    other = {"name": "https_proxy", "path": "/etc/systemd/system/docker.service.d/http-proxy.conf", "same": False}
    with pytest.raises(PlanError, match="http-proxy.conf on the host sets https_proxy"):
        plan(changed(("environment", "others"), [other]), environment=PROXY, proxies=PROXY)
    assert not plan(changed(("environment", "others"), [other | {"same": True}])).changes


@pytest.mark.parametrize(
    ("info", "more", "said"),
    [
        (changed(("config", "content"), {"live-restore": True, "proxies": {"https-proxy": "x"}}), {}, "daemon.json"),
        (changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "--https-proxy=x"]), {}, "--https-proxy=x"),
        (done(), {"config": {"proxies": {"https-proxy": "http://p"}}}, "docker_engine_config"),
    ],
)
def test_proxies_that_an_engine_would_prefer_are_named(info, more, said):
    info["engine"]["version"] = "26.1.5"
    with pytest.raises(PlanError) as caught:
        plan(info, environment=PROXY, proxies=PROXY, **more)
    assert said in str(caught.value) and "'https-proxy' is in" in str(caught.value)


def test_an_argument_of_a_nested_key_is_a_conflict_and_a_runtime_is_none():
    info = changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "--http-proxy=x", "--add-runtime=a=b"])
    info["engine"]["version"] = "26.1.5"
    with pytest.raises(PlanError, match="'http-proxy' is in the Engine's configuration"):
        plan(info, config={"proxies": {"http-proxy": "http://p"}})
    assert plan(info, config={"runtimes": {"crun": {"path": "/usr/bin/crun"}}}).action == "reload"


def test_a_conflict_names_the_file_of_the_argument():
    info = changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "--log-driver=none"])
    info["units"]["docker.service"]["places"] = {"--log-driver=none": "/etc/default/docker"}
    with pytest.raises(PlanError, match="from /etc/default/docker"):
        plan(info, options={"log_driver": "local"})


@pytest.mark.parametrize("words", [["--config-file=/srv/d.json"], ["--config-file", "/srv/d.json"]])
def test_a_configuration_in_another_file_than_the_roles_is_named(words):
    """What the role would write nobody would read."""
    info = changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", *words])
    info["units"]["docker.service"]["places"] = {words[0]: "/etc/default/docker"}
    with pytest.raises(PlanError, match="--config-file /srv/d.json, from /etc/default/docker"):
        plan(info)
    same = [word.replace("/srv/d.json", "/etc/docker//daemon.json") for word in words]
    assert plan(changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", *same])).changes == []


def test_clients_get_their_proxies_without_the_engine():
    info = changed(("clients",), client(set=["httpProxy"], ours=["httpProxy"]))
    info["remembered"]["clients"] = {"al": ["noProxy"]}
    planned = plan(info)
    assert planned.action is None and planned.apply["clients"] == {"jo": {"set": ["httpProxy"], "unset": []}}
    assert planned.apply["remember_first"] == {"clients": {"al": ["noProxy"], "jo": ["httpProxy"]}}
    assert planned.apply["remember_then"] == {"clients": {"jo": ["httpProxy"]}, "tls": True, "after_restart": False}
    assert planned.changes == ["/home/jo/.docker/config.json: set httpProxy"]
    info["remembered"]["clients"] = {"jo": ["httpProxy"]}
    info["clients"] = client(ours=["httpProxy"])
    assert plan(info).changes == []


def test_a_client_configuration_that_is_no_json_is_named():
    info = changed(("clients",), client(set=["httpProxy"], ours=["httpProxy"], error="it is not valid JSON"))
    said = r"config.json of the user jo: it is not valid JSON. Put that right.*or take jo out of docker_engine_users"
    with pytest.raises(PlanError, match=said):
        plan(info)
