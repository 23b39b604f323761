# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.dockyard.machine.plugins.action import engine_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _keys
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._options import OPTIONS, config_of
from tests.unit.plugins.plugin_utils._engine.test_plan import changed, done, fresh, plan
from tests.unit.plugins.plugin_utils._engine.test_plan_sources import ARCHIVE, on

ROLE = pathlib.Path(engine_plan.__file__).parents[2] / "roles" / "docker_engine"

# Each option: a value, what daemon.json gets, and what a running Engine has to do for it
EACH = {
    "registry_mirrors": (["https://mirror.example.org"], ["https://mirror.example.org"], "reload"),
    "insecure_registries": (["10.0.0.0/8", "reg:5000", "[::1]:5000"], ["10.0.0.0/8", "reg:5000", "[::1]:5000"], "reload"),
    "storage_driver": ("overlay2", "overlay2", "restart"),
    "log_driver": ("local", "local", "restart"),
    "log_opts": ({"max-size": "10m", "max-file": 3, "compress": True},
                 {"max-size": "10m", "max-file": "3", "compress": "true"}, "restart"),
    "labels": ({"tier": "front", "a": 1}, ["a=1", "tier=front"], "reload"),
    "dns": (["192.0.2.53", "2001:DB8::53"], ["192.0.2.53", "2001:db8::53"], "restart"),
    "dns_opts": (["ndots:2"], ["ndots:2"], "restart"),
    "dns_search": (["example.org"], ["example.org"], "restart"),
    "default_address_pools": ([{"base": "10.200.0.0/16", "size": 24}], [{"base": "10.200.0.0/16", "size": 24}], "restart"),
    "default_ulimits": ({"nofile": "1024:2048", "nproc": 5, "core": {"soft": 0, "hard": -1}}, {
        "nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048},
        "nproc": {"Name": "nproc", "Soft": 5, "Hard": 5},
        "core": {"Name": "core", "Soft": 0, "Hard": -1},
    }, "restart"),
    "cgroup_driver": ("systemd", ["native.cgroupdriver=systemd"], "restart"),
    "bip": ("172.26.0.1/16", "172.26.0.1/16", "restart"),
    "mtu": (1400, 1400, "restart"),
    "ipv6": (True, True, "restart"),
    "fixed_cidr_v6": ("2001:db8:1::/64", "2001:db8:1::/64", "restart"),
    "metrics_addr": ("127.0.0.1:9323", "127.0.0.1:9323", "restart"),
    "data_root": ("/srv/docker", "/srv/docker", "restart"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(OPTIONS) & set(EACH)))
def test_each_option_is_a_key_and_has_its_effect(name):
    value, expected, effect = EACH[name]
    key = OPTIONS[name].key
    assert config_of({name: value}, {"debug": True}) == {"debug": True, key: expected}
    info = done()
    info["engine"]["version"] = "28.0.0"
    planned = plan(info, options={name: value})
    assert planned.apply["config_set"] == {key: expected} and planned.action == effect
    with pytest.raises(PlanError, match=f"'{key}' is asked for twice, by docker_engine_{name}"):
        plan(done(), options={name: value}, config={key: expected})


def test_the_role_has_each_option_and_an_empty_one_sets_nothing():
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    empty = {name: spec[f"docker_engine_{name}"]["default"] for name in OPTIONS}
    assert config_of(empty, {}) == {}
    assert plan(done(), options=empty).changes == []


def test_the_role_says_of_each_option_which_key_it_is():
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for name, option in OPTIONS.items():
        assert f"Key C({option.key})" in str(spec[f"docker_engine_{name}"]["description"]), name
        assert option.key in _keys.KEYS


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("registry_mirrors", ["mirror.example.org"], "http://"),
        ("registry_mirrors", ["https://jo:pw@mirror.example.org"], "without user"),
        ("registry_mirrors", ["https://mirror.example.org?x=1"], "query"),
        ("registry_mirrors", ["https://mirror:port"], "perhaps a port"),
        ("insecure_registries", ["http://reg:5000"], "network"),
        ("insecure_registries", ["10.0.0.0/33"], "network"),
        ("insecure_registries", ["reg:99999"], "HOST:PORT"),
        ("log_opts", {"labels": ["a"]}, "text or a number"),
        ("labels", {"com.docker.x": "1"}, "com.docker."),
        ("labels", {"a=b": "1"}, "'a=b'"),
        ("dns", ["one.example.org"], "IPv4 or IPv6"),
        ("default_address_pools", [{"base": "10.200.0.0", "size": 24}], "10.200.0.0/16"),
        ("default_address_pools", [{"base": "10.200.0.0/16", "size": 8}], "16 to 32"),
        ("default_ulimits", {"files": 1}, "nofile"),
        ("default_ulimits", {"nofile": "20:10"}, "SOFT:HARD"),
        ("default_ulimits", {"nofile": {"hard": 1}}, "SOFT:HARD"),
        ("bip", "172.26.0.0/16", "own IPv4 address"),
        ("bip", "172.26.0.1", "own IPv4 address"),
        ("mtu", 20, "68 to 65535"),
        ("fixed_cidr_v6", "10.0.0.0/8", "IPv6 network"),
        ("metrics_addr", "9323", "ADDRESS:PORT"),
        *(
            ("data_root", value, "an absolute path below /, without '..'")
            for value in ("srv", "/", "//", "/./", "/srv/../x/")
        ),
    ],
)
def test_a_value_that_can_not_be_is_named_with_what_can(name, value, allowed):
    with pytest.raises(PlanError) as caught:
        plan(fresh(), options={name: value})
    assert f"docker_engine_{name} is " in str(caught.value) and allowed in str(caught.value)
    assert "pw" not in str(caught.value)


# -- what a running Engine does with a key


@pytest.mark.parametrize(
    ("current", "put", "out", "effect"),
    [
        ({}, {}, [], (None, {})),
        ({}, {"debug": True, "live-restore": True}, [], ("reload", {})),
        ({}, {"debug": True, "log-driver": "local"}, [], ("restart", {})),
        ({"debug": True}, {}, ["debug"], ("reload", {"debug": False})),
        ({"labels": ["a=b"]}, {"debug": True}, ["labels"], ("reload", {"labels": []})),
        ({"max-concurrent-uploads": 2}, {}, ["max-concurrent-uploads"], ("reload", {})),
        ({"log-driver": "local"}, {}, ["log-driver"], ("restart", {})),
        ({"default-cgroupns-mode": "host"}, {}, ["default-cgroupns-mode"], ("restart", {})),
        ({}, {"x-of-tomorrow": 1}, [], ("restart", {})),
        ({}, {"features": {"buildkit": True}}, [], ("reload", {})),
        ({"features": {"buildkit": True}}, {}, ["features"], ("reload", {})),
        ({}, {"features": {"buildkit": True, "containerd-snapshotter": True}}, [], ("restart", {})),
        ({"features": {"cdi": True}}, {}, ["features"], ("restart", {})),
        ({"features": {"cdi": True}}, {"features": {"cdi": True, "buildkit": False}}, [], ("reload", {})),
    ],
)
def test_effect(current, put, out, effect):
    assert _keys.effect_of(current, put, out) == effect


def test_a_key_that_goes_by_a_reload_is_said_to_the_host():
    info = done()
    for place in (info["config"]["content"], info["remembered"]["config"]):
        place["labels"] = ["a=b"]
    planned = plan(info)
    assert planned.action == "reload"
    assert planned.apply["config_unset"] == ["labels"] and planned.apply["config_without"] == {"labels": []}


# -- which Engine knows which key


@pytest.mark.parametrize(
    ("text", "version"),
    [("20.10.24+dfsg1", (20, 10)), ("5:27.3.1-1~debian.12~bookworm", (27, 3)), ("dev", None), (None, None)],
)
def test_versions(text, version):
    assert _keys.version_of(text) == version


@pytest.mark.parametrize(
    ("version", "config", "said"),
    [
        ("20.10.24+dfsg1", {"proxies": {}}, "'proxies' is a key that the Engine has from 23.0 on, and the Engine of this host is 20.10"),
        ("24.0.7", {"cluster-store": "x"}, "'cluster-store' is a key that the Engine has no more since 23.0"),
        ("27.1.0", {"registry-mirors": []}, "Is 'registry-mirrors' meant?"),
        ("27.1.0", {"ipv6": True}, "'ipv6' needs 'fixed-cidr-v6' too before Engine 28.0"),
        ("19.03.15", {"metrics-addr": "x:1"}, "'metrics-addr' needs 'experimental' too before Engine 20.10"),
    ],
)  # fmt: skip
def test_a_key_that_this_engine_refuses_is_named_before_anything_is_touched(version, config, said):
    with pytest.raises(PlanError) as caught:
        plan(changed(("engine", "version"), version), config=config)
    assert said in str(caught.value)


@pytest.mark.parametrize("version", ["unknown", "31.0.0"])
def test_of_an_engine_that_is_not_known_no_key_is_refused(version):
    info = changed(("engine", "version"), version)
    info["packages"]["installed"] = {"docker.io": version}
    assert plan(info, config={"x-of-tomorrow": 1}).action == "restart"


@pytest.mark.parametrize(
    "source", [{"source": "auto"}, {"source": "distro"}, ARCHIVE], ids=["vendor", "distro", "archive"]
)
def test_a_key_that_no_engine_has_is_refused_though_the_version_to_come_is_not_known(source):
    mistyped = {"registy-mirrors": []}
    with pytest.raises(
        PlanError, match="no Engine up to 29.7 knows.*docker_engine_version. Is 'registry-mirrors' meant"
    ):
        plan(fresh(), **source, config=mistyped)
    with pytest.raises(PlanError, match="'registy-mirrors', which no Engine up to 29.7"):
        plan(fresh(), **source, config=mistyped, version="29")
    for newer in ("30", "5:30", "29.8"):
        assert plan(fresh(), **source, config={"x-of-tomorrow": 1}, version=newer).action == "start"


def test_the_version_is_that_of_the_package_to_come():
    info = fresh()
    info["packages"]["candidates"] = {"docker.io": "20.10.24+dfsg1-1"}
    with pytest.raises(PlanError, match="from 25.0 on"):
        plan(info, config={"log-format": "json"})
    info["packages"]["candidates"] = {"docker.io": "28.5.2+dfsg1-1"}
    assert plan(info, config={"log-format": "json"}).action == "start"
    info["packages"]["candidates"] = {}
    assert plan(info, config={"log-format": "json"}).action == "start"


@pytest.mark.parametrize(
    ("system", "package"), [("amzn", "docker"), ("leap", "docker"), ("arch", "docker"), ("fedora", "moby-engine")]
)
def test_the_version_is_known_by_whatever_name_a_distribution_gives_the_package(system, package):
    info = on(system)
    info["packages"]["candidates"] = {package: "20.10.24-1"}
    with pytest.raises(PlanError, match="from 25.0 on"):
        plan(info, source="distro", access="local", config={"log-format": "json"})


def test_a_foreign_key_is_no_error_and_helps_ours():
    info = changed(("config", "content"), {"live-restore": True, "x-of-others": 1, "fixed-cidr-v6": "2001:db8::/64"})
    assert plan(info, options={"ipv6": True}).action == "restart"


# -- the page for users


def page():
    return (ROLE.parents[1] / "docs" / "engine_configuration.md").read_text()


@pytest.mark.parametrize("name", sorted(set(OPTIONS) & set(EACH)))
def test_the_page_has_each_option_with_its_key_and_effect(name):
    assert f"| `docker_engine_{name}` | `{OPTIONS[name].key}` | {EACH[name][2]}ed |" in page()


def test_the_page_has_each_key_that_is_reloaded_or_not_in_every_engine():
    reload = page().split("## Reload or restart")[1].split("## ")[0]
    versions = page().split("## Which Engine knows which key")[1].split("## ")[0]
    of_proxies = {"http-proxy", "https-proxy", "no-proxy"}  # said there as "proxies"
    for name, key in _keys.KEYS.items():
        assert (f"`{name}`" in reload) == key.reload, name
        if name not in of_proxies and (key.since > (19, 3) or key.until < (99, 0)):
            assert f"`{name}`" in versions, name
