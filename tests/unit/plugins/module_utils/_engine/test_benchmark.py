# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _api, _owner, _paths, _systemd
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _benchmark as benchmark
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.modules import engine_benchmark

DOCS = pathlib.Path(benchmark.__file__).parents[3] / "docs" / "engine_access.md"
NUMBERS = (
    [f"1.1.{n}" for n in range(1, 19)]
    + ["1.2.1", "1.2.2"]
    + [f"2.{n}" for n in range(1, 19)]
    + [f"3.{n}" for n in range(1, 25)]
)


def seen(**more):
    return benchmark.HostReport(
        **{
            "settings": {}, "info": {}, "listens": False, "places": {}, "files": {}, "audit": None, "members": [],
            "own_file_system": False, **more,
        }
    )  # fmt: skip


def outcome(number, **more):
    (item,) = [item for item in benchmark.ITEMS if item.id == number]
    return item.check(seen(**more))[0]


def test_each_item_of_the_sections_is_there_once_and_in_order():
    assert [item.id for item in benchmark.ITEMS] == NUMBERS


def test_what_the_role_leaves_has_its_reason_in_the_docs():
    text = DOCS.read_text()
    for item in benchmark.ITEMS:
        if item.reason and not item.id.startswith("1.1."):
            assert f"| {item.id} |" in text, f"docs/engine_access.md does not tell why {item.id} fails by default"


@pytest.mark.parametrize(
    ("number", "settings", "status"),
    [
        ("2.2", {}, "fail"), ("2.2", {"icc": False}, "pass"),
        ("2.3", {}, "pass"), ("2.3", {"log-level": "debug"}, "fail"),
        ("2.3", {"debug": True}, "fail"), ("2.3", {"debug": True, "log-level": "info"}, "fail"), ("2.3", {"debug": False}, "pass"),
        ("2.4", {}, "pass"), ("2.4", {"iptables": False}, "fail"),
        ("2.5", {"insecure-registries": ["r:5000"]}, "fail"), ("2.5", {"insecure-registries": []}, "pass"),
        ("2.8", {"default-ulimits": {"nofile": {}}}, "pass"),
        ("2.10", {"cgroup-parent": "/other"}, "fail"),
        ("2.11", {"storage-opts": ["dm.basesize=50G"]}, "fail"), ("2.11", {}, "pass"),
        ("2.12", {"authorization-plugins": ["opa"]}, "pass"),
        ("2.13", {"log-driver": "local"}, "fail"), ("2.13", {"log-driver": "journald"}, "pass"),
        ("2.14", {"no-new-privileges": True}, "pass"), ("2.16", {"userland-proxy": False}, "pass"),
    ],
)  # fmt: skip
def test_settings(number, settings, status):
    assert outcome(number, settings=settings) == status


@pytest.mark.parametrize(
    ("number", "info", "status"),
    [
        ("2.1", {"SecurityOptions": ["name=rootless"]}, "pass"), ("2.1", {}, "fail"),
        ("2.6", {"Driver": "aufs"}, "fail"), ("2.6", {"Driver": "overlay2"}, "pass"),
        ("2.9", {"SecurityOptions": ["name=seccomp,profile=default", "name=userns"]}, "pass"),
        ("2.15", {"LiveRestoreEnabled": True}, "pass"), ("2.15", {}, "fail"),
        ("2.15", {"Swarm": {"LocalNodeState": "active"}}, "not_applicable"),
        ("2.17", {"SecurityOptions": ["name=seccomp,profile=default"]}, "pass"),
        ("2.17", {"SecurityOptions": ["name=seccomp,profile=unconfined"]}, "fail"), ("2.17", {}, "fail"),
        ("2.6", {}, "manual"), ("2.18", {}, "manual"), ("2.18", {"ExperimentalBuild": False}, "pass"),
        ("2.18", {"ExperimentalBuild": True}, "fail"), ("1.2.2", {"ServerVersion": "27.3"}, "manual"),
    ],
)  # fmt: skip
def test_what_the_engine_says(number, info, status):
    assert outcome(number, info=info) == status


def test_tls():
    assert outcome("2.7") == "not_applicable"
    assert outcome("2.7", listens=True) == "fail"
    assert outcome("2.7", listens=True, settings={"tlsverify": True}) == "pass"


def test_files():
    key = {"places": {"tlskey": "/k"}}
    assert outcome("3.14", **key) == "not_applicable"
    for mode, status in ((0o400, "pass"), (0o000, "pass"), (0o600, "fail"), (0o440, "fail")):
        assert outcome("3.14", files={"/k": benchmark.File("root:root", mode)}, **key) == status
    assert outcome("3.13", files={"/k": benchmark.File("jo:root", 0o400)}, **key) == "fail"
    certs = {"/etc/docker/certs.d/r/ca.crt": benchmark.File("root:root", 0o644)}
    assert (outcome("3.7", files=certs), outcome("3.8", files=certs)) == ("pass", "fail")


def test_audit():
    there = {"files": {"/etc/docker": benchmark.File("root:root", 0o755)}}
    assert outcome("1.1.6") == "not_applicable"
    assert outcome("1.1.6", **there) == "fail"
    assert outcome("1.1.6", audit=["-w /etc/docker/daemon.json -p rwxa"], **there) == "fail"
    for rule in ("-w /etc/docker -p rwxa -k docker", "-a always,exit -F dir=/etc/docker -F perm=rwxa"):
        assert outcome("1.1.6", audit=[rule], **there) == "pass"


def test_what_helps_against_a_missing_rule_names_the_path():
    """auditctl refuses any other."""
    there = {"dockerd": "/usr/bin/dockerd", "data-root": "/srv/docker"}
    files = dict.fromkeys(["/etc/docker", *there.values()], benchmark.File("root:root", 0o755))
    lines = {line["id"]: line for line in benchmark.report(seen(places=there, files=files))}
    for number, path in (("1.1.3", "/usr/bin/dockerd"), ("1.1.5", "/srv/docker"), ("1.1.6", "/etc/docker")):
        assert f"'-w {path} -p rwxa -k docker'" in lines[number]["remedy"]


def test_a_failure_says_what_helps_why_and_whether_it_is_accepted():
    lines = {line["id"]: line for line in benchmark.report(seen(), ["2.2"])}
    assert lines["2.2"]["accepted"] is True and lines["2.14"]["accepted"] is False
    assert "icc" in lines["2.2"]["remedy"] and lines["2.2"]["reason"]
    assert "remedy" not in lines["2.3"]


def test_settings_of_the_command_line_count_as_well():
    found = engine_benchmark.settings_of(
        {"debug": True}, ["dockerd", "--icc=false", "--tlsverify", "--log-level=warn", "-H", "fd://"]
    )
    assert found == {"debug": True, "icc": False, "tlsverify": True, "log-level": "warn", "hosts": ["fd://"]}


def test_values_that_are_words_of_their_own_count_as_well():
    words = "dockerd --log-level info --log-driver json-file --storage-opt dm.basesize=20G --storage-opt x=y --cgroup-parent /docker"
    found = engine_benchmark.settings_of({}, [*words.split(), "--tlscacert", "/x", "-D", "--live-restore"])
    assert found == {
        "log-level": "info",
        "log-driver": "json-file",
        "storage-opts": ["dm.basesize=20G", "x=y"],
        "cgroup-parent": "/docker",
        "tlscacert": "/x",
        "debug": True,
        "live-restore": True,
    }


@pytest.fixture
def units(tmp_path, monkeypatch):
    """An Engine whose units are files of the test."""
    unit = tmp_path / "docker.service"
    monkeypatch.setattr(_owner, "OWNER", None)
    monkeypatch.setattr(_owner, "SOCKETS", _owner.OWN_SOCKETS)
    monkeypatch.setattr(openrc, "runs", lambda: False)
    monkeypatch.setattr(_api, "ask", lambda question, limit=10: None)
    monkeypatch.setattr(_systemd, "show", lambda *names: {"docker.service": {"FragmentPath": str(unit)}})
    monkeypatch.setattr(isolation, "ROOTLESS_UNIT", str(tmp_path / "none"))
    return unit


def test_options_from_a_file_of_the_unit_count_as_well(units, tmp_path):
    """Debian's unit reads /etc/default/docker."""
    (tmp_path / "default").write_text('DOCKER_OPTS="-H tcp://0.0.0.0:2375 --insecure-registry=r:5000"\n')
    units.write_text(
        f"[Service]\nEnvironmentFile=-{tmp_path}/default\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n"
    )
    found = engine_benchmark.look()
    status = {line["id"]: line["status"] for line in benchmark.report(found)}
    assert found.listens and (status["2.7"], status["2.5"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("address", "listens"),
    [("0.0.0.0:2375", True), (":2375", True), ("tcp://[::]:2375", True), ("[::]:2375", True), ("unix:///run/x.sock", False),
     ("fd://", False), ("npipe:////./pipe/x", False)],
)  # fmt: skip
def test_an_address_without_a_scheme_is_one_of_tcp(units, address, listens):
    units.write_text(f"[Service]\nExecStart=/usr/bin/dockerd -H {address}\n")
    assert engine_benchmark.look().listens is listens


def test_with_remapped_users_the_data_are_where_they_were_configured(units, tmp_path, monkeypatch):
    root, mounted = tmp_path / "root", tmp_path / "mounted"
    mounted.mkdir()
    root.symlink_to(mounted)
    units.write_text(f"[Service]\nExecStart=/usr/bin/dockerd -H fd:// --data-root {root}\n")
    about = {"FragmentPath": str(units), "ActiveState": "active"}
    monkeypatch.setattr(_systemd, "show", lambda *names: {"docker.service": about})
    information = {"DockerRootDir": f"{mounted}/100000.100000", "SecurityOptions": ["name=userns"]}
    monkeypatch.setattr(_api, "ask", lambda question, limit=10: information)
    monkeypatch.setattr(engine_benchmark, "audit_rules", lambda: [f"-w {root} -p rwxa -k docker"])
    monkeypatch.setattr(engine_benchmark.os.path, "ismount", lambda path: path == str(mounted))
    status = {line["id"]: line["status"] for line in benchmark.report(engine_benchmark.look())}
    assert (status["1.1.1"], status["1.1.5"]) == ("pass", "pass")


@pytest.mark.parametrize("content, said", [(None, "a folder"), ("{", "line 1")])
def test_a_configuration_that_cant_be_read_is_told(units, tmp_path, monkeypatch, content, said):
    path = tmp_path / "daemon.json"
    path.write_text(content) if content else path.mkdir()
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(path))
    units.write_text("[Service]\nExecStart=/usr/bin/dockerd -H fd://\n")
    with pytest.raises(HostError, match=f"{path} .*{said}.* remove it"):
        engine_benchmark.look()


def test_an_engine_without_root_is_the_one_that_is_looked_at(units, monkeypatch):
    jo = _owner.Owner("jo", 1001, 1001, "/home/jo")
    monkeypatch.setattr(_owner, "owner_of", lambda name: jo if name == "jo" else None)
    units.write_text(rootless.unit("jo", 2376, [], False, program="/x/dockerd-rootless.sh"))
    monkeypatch.setattr(isolation, "ROOTLESS_UNIT", str(units))
    found = engine_benchmark.look()
    assert jo == _owner.OWNER and found.listens and found.settings["tlsverify"] is True
