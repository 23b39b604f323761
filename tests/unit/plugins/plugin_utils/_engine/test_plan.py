# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import datetime

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _daemon_json, _paths, _unit_files
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space as places
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _keys
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import (
    Plan,
    PlanError,
    Wanted,
    make_plan,
)
from tests.beds import pki

NOW = datetime.datetime.now(datetime.timezone.utc)
NAMES = ["192.0.2.7", "web1"]
COMMAND = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"
SERVER_CA = _tls.new_ca("servers")
CLIENT_CA = _tls.new_ca("clients")


def unit(**more):
    return {
        "exists": False, "load": "not-found", "active": "inactive", "enabled": "", "pid": 0,
        "fragment": "", "drop_ins": [], "own_drop_in": None, **more,
    }  # fmt: skip


def fresh():
    """What engine_info sees on a host without an Engine."""
    return {
        "host": {
            "hostname": "web1", "addresses": ["192.0.2.7"], "controller": "192.0.2.1", "clock": NOW.timestamp(), "systemd": True,
            "cgroup": 2, "apparmor": False, "iptables": "/usr/sbin/iptables", "architecture": "x86_64",
            "os": {"id": "debian", "like": "", "version": "12", "codename": "bookworm", "name": "Debian 12"},
        },
        "packages": {
            "manager": "apt", "installed": {}, "unfinished": [], "candidates": {}, "versions": {}, "held": [], "held_error": "",
            "lists_age": None, "lists_error": "", "repository": {"source": None, "key": None, "fingerprints": [], "others": {}},
        },
        "engine": {"program": None, "running": False, "static": None, "static_units": False, "another": None},
        "config": {"exists": False, "content": {}, "error": None},
        "units": {
            "docker.service": unit(exec_start=None, arguments=[], later_drop_ins=[]),
            "docker.socket": unit(listen=[]),
        },
        "tls": {"ca": None, "certificate": None, "public_key": None, "key_mode": None},
        "environment": {"names": [], "matches": True, "others": []},
        "remembered": {"config": {}, "former": {}, "clients": {}, "pending": None, "tls": False, "after_restart": False},
        "clients": {}, "left_over": [], "listener": None, "firewalls": {"systemd": {"active": True}},
        "places": {
            path: {"folder": path, "device": 1, "free": 10**10, "files_left": 10**6, "read_only": False}
            for path in places.PLACES
        },
        "groups": {"missing": [], "outside": []},
        "data": {
            "root": "/var/lib/docker", "target": "/var/lib/docker", "default": "/var/lib/docker", "journal": None,
            "exists": False, "holds": False,
        },
        "remap": {"possible": True, "root": "/var/lib/docker", "hides": {}},
        "gpu": {"nvidia": None},
        "rootless": {"unit_user": None, "other": 0, "owned": True},
    }  # fmt: skip


def done(containers=0):
    """What it sees after the role has run."""
    info = fresh()
    key = _tls.new_key()
    info["packages"]["installed"] = {"docker.io": "20.10"}
    info["engine"] = {
        "program": "/usr/sbin/dockerd", "running": True, "version": "20.10", "api_version": "1.41",
        "containers_running": containers, "live_restore": True, "swarm": "inactive", "static": None, "static_units": False,
        "another": None,
    }  # fmt: skip
    info["config"] = {"exists": True, "content": {"live-restore": True}, "error": None}
    info["remembered"].update(config={"live-restore": True}, tls=True)
    up = {"exists": True, "load": "loaded", "active": "active", "enabled": "enabled", "fragment": "/lib/docker.service"}
    info["units"] = {
        "docker.service": unit(
            **up, exec_start=COMMAND, arguments=COMMAND.split(), later_drop_ins=[],
        ) | {"own_drop_in": _unit_files.service_drop_in(COMMAND, True, False)},
        "docker.socket": unit(**up, listen=["/run/docker.sock"])
        | {"own_drop_in": _unit_files.socket_drop_in(2376, [], ["192.0.2.1", "192.0.2.7"], ["192.0.2.1"])},
    }  # fmt: skip
    public = _public(key)
    info["tls"] = {
        "ca": CLIENT_CA[1], "public_key": public, "key_mode": "0400",
        "certificate": _tls.issue_server(SERVER_CA[1], SERVER_CA[0], public, NAMES),
    }  # fmt: skip
    return info


def _public(key):
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(key.encode(), None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return loaded.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def wanted(**more):
    return Wanted(**{"source": "distro", "names": NAMES, "server_ca": SERVER_CA[1], "client_ca": CLIENT_CA[1], **more})


def plan(info, **more):
    return make_plan(wanted(**more), info, NOW)


def test_fresh_host():
    it = plan(fresh())
    assert it.prepare["key"] is True
    step = it.install["packages"]
    assert (step["follow"], step["names"]) == (["docker.io"], ["iptables", "ca-certificates"])
    assert (step["optional"], step["update"], step["remove"], step["repository"]) == (["docker-cli"], True, [], None)
    assert it.certificate["names"] == NAMES and it.certificate["reason"] == "there is none"
    assert plan(fresh(), life=datetime.timedelta(days=30)).certificate["life"] == "2592000s"
    assert it.apply["config_set"] == {"live-restore": True}
    assert it.apply["action"] == it.action == "start", "an Engine that does not run yet is started, once"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "localhost.localdomain"])
def test_a_certificate_for_localhost_is_replaced_unless_it_was_asked_for(name):
    info = done()
    info["tls"]["certificate"] = _tls.issue_server(
        SERVER_CA[1], SERVER_CA[0], info["tls"]["public_key"], [*NAMES, name]
    )
    it = plan(info)
    assert it.certificate["names"] == NAMES and it.certificate["reason"] == f"it names {name}, which was not asked for"
    assert plan(info, names=[*NAMES, name]).certificate == {}
    rotated = plan(info, rotate="ca")
    assert not rotated.certificate, "a rotation has not all variables"


def test_second_run_has_nothing_to_do():
    it = plan(done())
    assert (it.changes, it.diff, it.action, it.prepare, it.certificate) == ([], [], None, {}, {})


def test_planning_changes_no_input():
    info = done()
    before = copy.deepcopy(info)
    plan(info, config={"debug": True}, users=[])
    assert info == before


@pytest.mark.parametrize("access", ["ssh", "local"])
def test_without_tls_nothing_listens(access):
    it = plan(fresh(), access=access)
    assert "key" not in it.prepare and not it.certificate and it.apply["socket"] is None
    assert plan(done(), access=access).action == "cycle"
    assert plan(done(), access=access).apply["remove_tls"]


@pytest.mark.parametrize("access", ["ssh", "local"])
@pytest.mark.parametrize("told", ["configuration", "arguments"])
def test_tls_files_of_others_stay(access, told):
    """An Engine that others let listen with TLS would not start without them."""
    info = done()
    for name in ("docker.service", "docker.socket"):
        info["units"][name]["own_drop_in"] = None
    if told == "configuration":
        info["config"]["content"].update(tlsverify=True, tlscacert=_paths.CA_PATH, tlskey=_paths.KEY_PATH)
    else:
        info["units"]["docker.service"]["arguments"] += ["--tlsverify", "--tlscacert", _paths.CA_PATH]
    it = plan(info, access=access)
    assert it.changes == [] and not it.apply["remove_tls"]


def test_tls_files_that_the_role_has_not_put_there_stay():
    """A client of another Engine has its own by these names."""
    info = done()
    info["remembered"]["tls"] = False
    for name in ("docker.service", "docker.socket"):
        info["units"][name]["own_drop_in"] = None
    it = plan(info, access="ssh")
    assert it.changes == [] and not it.apply["remove_tls"]
    assert plan(info, access="local", config={"debug": True}).apply["remember_then"]["tls"] is False
    assert plan(info).apply["remember_then"]["tls"] is True


def test_package_lists_that_are_fresh_are_not_read_again():
    info = fresh()
    info["packages"].update(lists_age=60, candidates=dict.fromkeys(["docker.io", "iptables", "ca-certificates"], "1"))
    assert plan(info).install["packages"]["update"] is False
    info["packages"]["lists_age"] = 90000
    assert plan(info).install["packages"]["update"] is True


def test_apparmor_is_needed_where_the_kernel_has_it():
    info = fresh()
    info["host"]["apparmor"] = True
    assert "apparmor" in plan(info).install["packages"]["names"]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"certificate": None}, "there is none"),
        ({"certificate": "garbage"}, "can't be read"),
        ({"public_key": _public(_tls.new_key())}, "does not belong"),
        ({"certificate": "other CA"}, "not issued by this CA"),
    ],
)
def test_reasons_for_a_certificate(seen, reason):
    info = done()
    if seen.get("certificate") == "other CA":
        ca = _tls.new_ca("other")
        seen = {"certificate": _tls.issue_server(ca[1], ca[0], info["tls"]["public_key"], NAMES)}
    info["tls"].update(seen)
    it = plan(info)
    assert reason in it.certificate["reason"] and it.action == "restart"
    assert "key" not in it.prepare, "the key stays when the certificate is renewed"


def test_a_client_s_certificate_of_the_same_ca_is_no_server_s():
    info = done()
    info["tls"]["certificate"] = _tls.issue_client(SERVER_CA[1], SERVER_CA[0], "web1", info["tls"]["public_key"])
    assert plan(info).certificate["reason"] == "it is not a server certificate"


def test_new_names_and_age_renew():
    assert "192.0.2.8" in plan(done(), names=["web1", "192.0.2.8"]).certificate["reason"]
    assert not plan(done(), names=["web1"]).certificate, "fewer names need no restart"
    info = done()
    later = NOW + datetime.timedelta(days=250)
    info["host"]["clock"] = later.timestamp()
    assert "third" in make_plan(wanted(), info, later).certificate["reason"]


def test_a_key_that_others_can_read_is_made_private_and_stays():
    info = done()
    info["tls"]["key_mode"] = "0644"
    it = plan(info)
    assert it.prepare == {"key": True} and not it.certificate and it.action is None and it.changes


def test_another_client_ca_needs_a_restart():
    it = plan(done(), client_ca=_tls.new_ca("next")[1])
    assert it.action == "restart" and "ca" in it.apply


def test_reload_or_restart():
    assert plan(done(), config={"debug": True}).action == "reload"
    assert plan(done(), config={"log-driver": "local"}).action == "restart"
    assert plan(done(), port=2377).action == "cycle"


def test_containers_are_kept_by_live_restore():
    info = done(containers=2)
    info["config"]["content"], info["remembered"]["config"] = {}, {}
    info["engine"]["live_restore"] = False
    it = plan(info, config={"log-driver": "local"})
    assert it.action == "restart" and it.apply["live_restore_first"] is True
    assert plan(done(containers=2), config={"log-driver": "local"}).apply["live_restore_first"] is False


def test_a_restart_that_would_stop_containers_is_refused():
    with pytest.raises(PlanError, match="docker_engine_interrupt"):
        plan(done(containers=2), live_restore=False, config={"log-driver": "local"})
    it = plan(done(containers=2), live_restore=False, config={"log-driver": "local"}, interrupt=True)
    assert it.action == "restart" and it.apply["config_set"]["live-restore"] is False
    assert plan(done(containers=2), live_restore=False).action == "reload"


@pytest.mark.parametrize("more", [{"config": {"log-driver": "local"}}, {"upgrade": True}, {"rotate": "certificates"}])
def test_an_engine_that_hangs_is_not_restarted(more):
    """Who does not answer does not say either that it runs containers which would end."""
    info = done()
    info["engine"] = fresh()["engine"] | {"program": "/usr/sbin/dockerd"}
    info["packages"].update(versions={"docker.io": ["26.1"]}, candidates={"docker.io": "26.1"}, lists_age=60)
    assert plan(info).changes == []
    with pytest.raises(PlanError, match="does not answer on its own socket.*docker_engine_interrupt"):
        plan(info, **more)
    assert plan(info, **more, interrupt=True).action == "restart"
    info["units"]["docker.service"]["active"] = "failed"
    assert plan(info, **more).action == "start"


@pytest.mark.parametrize("source", ["auto", "docker_ce", "distro", "present"])
def test_an_engine_that_is_none_of_the_units_keeps_its_socket(source):
    info = fresh()
    info["engine"]["another"] = "process 812 (dockerd, snap.docker.dockerd.service)"
    with pytest.raises(PlanError, match=r"/run/docker.sock.*812 \(dockerd, snap.docker.dockerd.service\)"):
        plan(info, source=source)


def by_argument(argument, running=True, containers=2):
    """An Engine of which live-restore is an argument, in its unit."""
    info = done(containers)
    info["config"]["content"], info["remembered"]["config"] = {}, {}
    command = f"{COMMAND} {argument}"
    info["units"]["docker.service"].update(exec_start=command, arguments=command.split())
    info["units"]["docker.service"]["own_drop_in"] = _unit_files.service_drop_in(command, True, False)
    info["engine"]["live_restore"] = running
    return info


@pytest.mark.parametrize("live_restore", [True, False])
def test_live_restore_that_is_an_argument_is_left_there(live_restore):
    assert plan(by_argument("--live-restore"), live_restore=live_restore).changes == []
    it = plan(by_argument("--live-restore"), live_restore=live_restore, config={"log-driver": "local"})
    assert it.action == "restart" and it.apply["config_set"] == {"log-driver": "local"}
    assert not it.apply.get("live_restore_first")
    for argument, running in (("--live-restore=false", True), ("--live-restore", False)):
        with pytest.raises(PlanError, match=f"off in the Engine that runs, and its arguments have {argument}"):
            plan(by_argument(argument, running), live_restore=live_restore, config={"log-driver": "local"})
    ours = by_argument("--live-restore")
    ours["config"]["content"] = ours["remembered"]["config"] = {"live-restore": True}
    assert plan(ours).apply["config_unset"] == ["live-restore"], "else the Engine would not start"


def test_what_others_wrote_is_theirs_though_it_is_asked_for():
    info = done(containers=2)
    info["config"]["content"], info["remembered"]["config"] = {"live-restore": True, "debug": True}, {}
    it = plan(info, config={"debug": True})
    assert it.changes == [] and it.apply["remember"] == {}
    it = plan(info, config={"debug": True, "log-driver": "local"})
    assert it.apply["remember"] == {"log-driver": "local"} and it.action == "restart"
    assert it.apply["live_restore_first"] is False, "whoever wrote it, containers outlive a restart"
    info["remembered"]["config"] = {"debug": True}
    assert plan(info, config={"debug": True}).apply["remember"] == {"debug": True}
    assert plan(info).apply["config_unset"] == ["debug"]


def after(it, info):
    """What the next look sees where that plan was done."""
    before = info["config"]["content"]
    if "config_set" in it.apply:
        info["config"]["content"] = _daemon_json.apply_changes(before, it.apply["config_set"], it.apply["config_unset"])
    info["remembered"].update(config=it.apply["remember"], **it.apply["remember_then"])
    return info


def test_what_the_role_has_replaced_comes_back_when_it_leaves_the_variables():
    info = done()
    info["config"]["content"].update({"log-level": "info", "dns": ["192.0.2.1"]})
    keys = {"log-level": "warn", "dns": ["192.0.2.2"], "debug": True}
    it = plan(info, config=keys)
    former = {"log-level": "info", "dns": ["192.0.2.1"]}
    assert it.apply["remember_first"] == {"former": former}
    info = after(it, info)
    assert info["remembered"]["former"] == former
    assert plan(info, config=keys).changes == []
    info = after(plan(info, config={**keys, "log-level": "error"}), info)
    assert info["remembered"]["former"] == former, "what was ours is not what others had"
    it = plan(info, config={"dns": ["192.0.2.2"]})
    assert it.apply["config_set"] == {"log-level": "info"} and it.apply["config_unset"] == ["debug"]
    assert any("put back log-level, take out debug" in change for change in it.changes)
    assert it.apply["remember_first"] == {"former": former}, "a run that is cut off here still has to know"
    info = after(it, info)
    assert info["remembered"]["former"] == {"dns": ["192.0.2.1"]}
    info["config"]["content"]["dns"] = ["192.0.2.3"]
    it = plan(info)
    assert "config_set" not in it.apply, "what someone has changed since is theirs"
    info = after(it, info)
    assert info["remembered"]["former"] == {} and plan(info).changes == []
    info = after(plan(info, config={"dns": ["192.0.2.2"]}), info)
    assert info["remembered"]["former"] == {"dns": ["192.0.2.3"]}


def test_what_is_there_again_already_is_not_put_back():
    info = done()
    info["config"]["content"]["log-level"] = "info"
    for level in ("warn", "info"):
        info = after(plan(info, config={"log-level": level}), info)
    it = plan(info)
    assert it.action is None and it.changes == ["record the managed keys of /etc/docker/daemon.json"]
    info = after(it, info)
    assert info["config"]["content"]["log-level"] == "info" and plan(info).changes == []


@pytest.mark.parametrize("cut", ["before the file", "after it"])
@pytest.mark.parametrize("back", [False, True])
def test_what_the_role_has_replaced_is_known_after_a_run_that_was_cut_off(cut, back):
    info = done()
    info["config"]["content"].update({"log-level": "info"})
    wish = {"config": {"log-level": "warn"}}
    if back:
        info, wish = after(plan(info, **wish), info), {}
    it = plan(info, **wish)
    if cut == "after it":
        info["config"]["content"] = _daemon_json.apply_changes(
            info["config"]["content"], it.apply["config_set"], it.apply["config_unset"]
        )
    info["remembered"]["config"] = {**info["remembered"]["config"], **it.apply["remember"]}
    info["remembered"].update(it.apply["remember_first"])
    info = after(plan(info, **wish), info)
    assert info["remembered"]["former"] == ({} if back else {"log-level": "info"})
    info = after(plan(info), info)
    assert info["config"]["content"]["log-level"] == "info" and info["remembered"]["former"] == {}


@pytest.mark.parametrize(
    ("key", "there", "asked"),
    [
        ("proxies", {"http-proxy": "http://********@p:1"}, {"http-proxy": "http://p:2"}),
        ("features", {"cdi": True}, {"cdi": False}),
        ("data-root", "/srv/a", "/srv/b"),
    ],
)
def test_what_is_secret_or_has_rules_of_its_own_does_not_come_back(key, there, asked):
    info = done()
    info["engine"]["version"] = "28.0"
    info["config"]["content"][key] = there
    it = plan(info, config={key: asked})
    assert it.apply["config_set"] == {key: asked} and "former" not in it.apply["remember_then"]


def test_that_only_what_is_ours_has_changed_is_remembered():
    """An administrator has changed a key of ours since: it is theirs, and no later run may take it out."""
    info = done()
    info["config"]["content"]["debug"], info["remembered"]["config"]["debug"] = False, True
    it = plan(info)
    assert it.changes == ["record the managed keys of /etc/docker/daemon.json"] and it.action is None
    assert it.apply["remember"] == {"live-restore": True}
    info["remembered"]["config"] = it.apply["remember"]
    assert plan(info).changes == []


@pytest.mark.parametrize("gpu", ["auto", "cdi"])
def test_null_is_as_good_as_nothing(gpu):
    for key in {*_keys.KEYS} - {*_daemon_json.OWN_KEYS, "containerd"}:
        info = done()
        info["engine"]["version"] = "29.7"
        info["gpu"]["nvidia"] = "/usr/bin/nvidia-container-runtime"
        info["config"]["content"][key] = info["remembered"]["config"][key] = None
        assert isinstance(plan(info, gpu=gpu), Plan), key
        if _keys.KEYS[key].until > (29, 7):
            assert isinstance(plan(info, gpu=gpu, config={key: None}), Plan), key


def test_swarm_nodes_have_no_live_restore():
    info = done(containers=1)
    info["engine"]["swarm"] = "active"
    assert plan(info).apply["config_set"] == {"live-restore": False}
    with pytest.raises(PlanError, match="drain"):
        plan(info, config={"log-driver": "local"})


def test_a_node_of_a_swarm_whose_engine_is_down_gets_no_live_restore():
    """With that it would not start."""
    info = done()
    info["engine"].update(running=False, swarm="unknown")
    info["units"]["docker.service"]["active"] = "failed"
    assert plan(info).apply["config_set"] == {"live-restore": False}
    info["config"]["content"] = info["remembered"]["config"] = {}
    it = plan(info)
    assert it.action == "start" and not it.apply.get("config_set")


def test_an_engine_that_comes_up_by_itself_has_nothing_to_take_over():
    info = done()
    info["units"]["docker.service"]["active"] = "activating"
    it = plan(info)
    assert it.changes == ["start the Engine"] and it.apply["nothing_new"]
    assert "nothing_new" not in plan(info, config={"debug": True}).apply
    info["remembered"]["pending"] = "restart"
    it = plan(info)
    assert it.action == "start" and "nothing_new" not in it.apply


def test_what_an_interrupted_run_owes():
    info = done()
    info["remembered"]["pending"] = "restart"
    assert plan(info).action == "restart"


def test_a_port_that_another_program_has_is_refused():
    info = fresh()
    info["listener"] = "process 812 (nginx, nginx.service)"
    with pytest.raises(
        PlanError, match=r"Port 2376 of this host is taken: process 812 \(nginx, nginx.service\) listens there"
    ):
        plan(info)


def test_what_comes_after_a_restart_is_owed_until_it_is_done():
    def owes(it):
        return it.apply["remember_then"]["after_restart"]

    info, restart = done(), {"config": {"log-driver": "local"}}
    assert plan(info).hooks == [] and not owes(plan(info, **restart)), "there is no such file"
    it = plan(info, after_restart="back.yml", **restart)
    assert it.hooks == ["before", "after"] and owes(it)
    it = plan(info, after_restart="back.yml", config={"debug": True})
    assert (it.action, it.hooks) == ("reload", []) and not owes(it)
    info["remembered"]["after_restart"] = True
    assert plan(info).changes == [], "nobody asks for it any more"
    it = plan(info, after_restart="back.yml")
    assert (it.action, it.hooks) == (None, ["after"]) and owes(it)
    assert it.changes == ["do what comes after a restart: an earlier run did not"]
    assert plan(info, after_restart="back.yml", **restart).hooks == ["before", "after"]


@pytest.mark.parametrize("owed", [{"pending": "start"}, {"socket": "failed"}])
def test_a_start_beside_an_engine_that_runs_is_a_restart(owed):
    """engine_apply stops it for that, so its containers have to be safe."""
    info = done(containers=2)
    info["remembered"]["pending"] = owed.get("pending")
    info["units"]["docker.socket"]["active"] = owed.get("socket", "active")
    it = plan(info)
    assert it.action == "cycle" and it.restarts and it.apply["live_restore_first"] is False
    for place in (info["config"]["content"], info["remembered"]["config"], info["engine"]):
        place.update({"live-restore": False} if "swarm" not in place else {"live_restore": False})
    with pytest.raises(PlanError, match=r"which would stop the 2 containers.*docker_engine_interrupt"):
        plan(info, live_restore=False)
    assert plan(info, live_restore=False, interrupt=True).action == "cycle"


def test_an_engine_that_does_not_run_is_started():
    info = done()
    info["units"]["docker.service"]["active"] = "inactive"
    assert plan(info).action == "start"
    assert plan(info, config={"debug": True}).action == "start"
    info["units"]["docker.service"]["enabled"] = info["units"]["docker.socket"]["enabled"] = "disabled"
    assert plan(info).apply["enable"] == ["docker.service", "docker.socket"]


def changed(path, value):
    info = done()
    at = info
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return info


SERVICE = ("units", "docker.service")


@pytest.mark.parametrize(
    ("info", "more", "said"),
    [
        (done(), {"port": 0}, "docker_engine_port is 0"),
        *((fresh(), {"config": {key: []}, "access": "local"}, f"the key '{key}'") for key in _daemon_json.OWN_KEYS),
        (done(), {"config": {"proxies": {"https-proxy": "http://a:b@c"}}}, "docker_engine_proxies"),
        (done(), {"config": {"proxies": {"https-proxy": "a:b@c:3128"}}}, "docker_engine_proxies"),
        (done(), {"config": {"https-proxy": "a:b@c:3128"}}, "docker_engine_proxies"),
        (done(), {"server_ca": ""}, "docker_engine_server_ca_cert"),
        (done(), {"client_ca": ""}, "docker_engine_client_ca_cert"),
        (done(), {"allow": ["10.0.0.0/33"]}, "10.0.0.0/33"),
        (changed(("firewalls", "systemd", "active"), False), {"allow": ["10.0.0.0/8"]}, "needs BPF"),
        (changed(("host", "systemd"), False), {}, "systemd does not run"),
        (changed(("host", "clock"), NOW.timestamp() - 49 * 3600), {}, "49 hours behind"),
        (changed(("config", "error"), "Expecting value"), {}, "Expecting value"),
        (changed(("config", "content"), {"tlsverify": True}), {}, "'tlsverify' is set in /etc/docker/daemon.json"),
        (changed(("groups", "missing"), ["jo"]), {}, "jo"),
        (changed((*SERVICE, "load"), "masked"), {}, "masked"),
        (changed((*SERVICE, "later_drop_ins"), ["/etc/zzz.conf"]), {}, "/etc/zzz.conf"),
        (changed((*SERVICE, "arguments"), ["dockerd"]), {}, "does not listen on fd://"),
        (changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "-H", "tcp://:2376"]), {}, "listens on tcp://:2376"),
        (changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "--tlsverify"]), {}, "'tlsverify'"),
        (changed((*SERVICE, "arguments"), ["dockerd", "-H", "fd://", "-D"]), {"config": {"debug": True}}, "'debug'"),
        (fresh(), {"source": "present"}, "no dockerd"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_is_touched(info, more, said):
    with pytest.raises(PlanError) as caught:
        plan(info, **more)
    assert said in str(caught.value)


def test_an_installation_that_was_cut_off_is_finished():
    info = done()
    info["packages"].update(installed={}, unfinished=["docker.io"])
    assert "docker.io" in plan(info).install["packages"]["follow"]


def test_distro_knows_its_family():
    info = fresh()
    info["host"]["os"].update(id="fedora", name="Fedora Linux 42")
    info["packages"]["manager"] = None
    with pytest.raises(PlanError, match="Fedora Linux 42"):
        plan(info)
    info["host"]["os"].update(id="linuxmint", like="ubuntu debian")
    info["packages"]["manager"] = "apt"
    assert plan(info).install["packages"]


def test_values_of_the_environment_are_in_no_difference():
    info = done()
    info["environment"].update(names=["A"], matches=False)
    it = plan(info, environment=["A", "HTTPS_PROXY"])
    assert it.action == "restart"
    assert any(part["after_header"] == _paths.ENVIRONMENT_PATH for part in it.diff)


def test_a_command_that_has_another_password_now_is_taken_over():
    assert plan(changed((*SERVICE, "outdated"), True)).action == "restart"
    assert plan(changed((*SERVICE, "outdated"), False)).changes == []


def test_actions_are_ordered():
    it = Plan()
    for action in ("reload", "cycle", "restart", None):
        it.act(action)
    assert it.action == "cycle"


def test_who_signs_elsewhere_gets_a_request_of_the_host():
    command = ["sign"]
    assert plan(fresh(), server_ca_command=command).prepare["request"] == NAMES
    assert "request" not in plan(fresh()).prepare
    assert plan(done(), server_ca_command=command).prepare == {}


def test_a_certificate_that_lives_too_long_or_lacks_its_chain_is_issued_anew():
    assert "may be valid for" in plan(done(), life=datetime.timedelta(days=30)).certificate["reason"]
    root = pki.make_ca("root")
    ca, info = pki.make_ca("intermediate", root), done()
    info["tls"]["certificate"] = _tls.issue_server(ca.bundle, ca.key_pem, info["tls"]["public_key"], NAMES)
    assert "intermediate" in plan(info, server_ca=ca.bundle).certificate["reason"]
    info["tls"]["certificate"] += pki.pem(ca.certificate)
    assert plan(info, server_ca=ca.bundle).changes == []
    assert plan(info, server_ca=root.bundle).certificate["reason"] == "it was not issued by this CA"
    elsewhere = {"signed_here": False, "server_ca_command": ["sign"]}
    assert plan(info, server_ca=root.bundle, **elsewhere).changes == []
    assert plan(info, server_ca=SERVER_CA[1] + root.bundle, **elsewhere).certificate, "that is the former CA"


# Rotation: certificates alone


def rotated(info, kind, **more):
    """As by somebody who knows nothing of how the host was set up."""
    other = {"port": 9999, "config": {"debug": True}, "users": ["nobody"], "environment": ["HTTP_PROXY"], "allow": []}
    return plan(info, rotate=kind, **{"names": ["192.0.2.7"], **other, **more})


def test_of_certificates_that_are_as_they_should_be_nothing_is_rotated():
    it = rotated(done(), "ca")
    assert it.changes == [] and it.certificate == {}
    assert it.trust_id == _tls.trust_id(SERVER_CA[1], CLIENT_CA[1]) == plan(done()).trust_id


def test_a_certificate_that_would_do_is_issued_anew_where_that_is_asked_for():
    it = rotated(done(), "certificates", names=NAMES)
    assert it.action == "restart" and it.certificate["reason"] == "a new one is asked for"
    assert it.certificate["names"] == NAMES
    assert it.prepare == {} and "config_set" not in it.apply and "users" not in it.apply


def test_a_restart_that_is_owed_is_made_in_a_rotation():
    """The files are in place, and the run that put them there was killed before the Engine heard of them."""
    info = done()
    info["remembered"]["pending"] = "restart"
    it = rotated(info, "ca")
    assert it.action == "restart" and it.certificate == {} and it.apply["action"] == "restart"


def test_both_cas_and_the_certificate_are_rotated_and_nothing_else():
    info = done(containers=2)
    new_server, new_client = _tls.new_ca("servers"), _tls.new_ca("clients")
    it = rotated(info, "ca", server_ca=new_server[1] + SERVER_CA[1], client_ca=CLIENT_CA[1] + new_client[1])
    assert it.action == "restart" and len(it.changes) == 2 and "live_restore_first" not in it.apply
    assert it.apply["ca"] == CLIENT_CA[1] + new_client[1] and "not issued by this CA" in it.certificate["reason"]
    units = info["units"]
    assert it.apply["socket"] == units["docker.socket"]["own_drop_in"] and it.apply["port"] == 2376
    service = it.apply["service"]
    assert (
        _unit_files.service_drop_in(COMMAND, service["tls"], service["environment"])
        == units["docker.service"]["own_drop_in"]
    )
    info["engine"]["live_restore"] = False
    with pytest.raises(PlanError, match="docker_engine_interrupt"):
        rotated(info, "certificates")


def test_the_order_in_a_bundle_of_client_cas_is_no_reason_for_a_restart():
    info, other = done(), _tls.new_ca("clients")
    info["tls"]["ca"] = CLIENT_CA[1] + other[1]
    assert plan(info, client_ca=other[1] + CLIENT_CA[1]).changes == []
    assert plan(info, client_ca=other[1]).action == "restart"


def test_a_host_that_has_lost_its_certificate_gets_a_new_one_in_a_rotation():
    """If it counted as a host without TLS, the rotation would end without it, and clients would refuse it from then on."""
    info = done()
    info["tls"]["certificate"] = None
    it = rotated(info, "ca", names=NAMES)
    assert it.certificate["reason"] == "there is none" and it.action == "restart" and it.trust_id


def test_a_host_without_tls_has_nothing_to_rotate():
    for info in (fresh(), done()):
        info["units"]["docker.socket"]["own_drop_in"] = None
        it = rotated(info, "certificates")
        assert it.changes == [] and it.trust_id == ""
