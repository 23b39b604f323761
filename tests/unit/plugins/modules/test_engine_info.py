# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _commands,
    _environment_file,
    _files,
    _owner,
    _paths,
    _processes,
    _server_key,
    _systemd,
    _unit_files,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _package_managers as families
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import (
    _engine,
    _firewalls,
    _network,
    _packages,
    _units,
)
from ansible_collections.dockyard.machine.plugins.modules import engine_info

POLICY = """\
docker.io:
  Installed: (none)
  Candidate: 20.10.24+dfsg1-1+deb12u1
  Version table:
     20.10.24+dfsg1-1+deb12u1 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
 *** 20.10.5+dfsg1-1 100
        100 /var/lib/dpkg/status
docker-ce:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_candidates():
    assert families.apt_policy(POLICY) == {"docker.io": ["20.10.24+dfsg1-1+deb12u1", "20.10.5+dfsg1-1"]}
    assert families.apt_policy("") == {}


def test_states_of_packages():
    text = "docker.io\t20.10\tii \ncontainerd\t1.6\tiU \niptables\t1\thi \napparmor\t3\trc \ndocker-ce\t\tun \n"
    assert families.dpkg_status(text) == ({"docker.io": "20.10", "iptables": "1"}, ["containerd"], ["iptables"])


@pytest.mark.parametrize(
    ("asked", "matters"),
    [
        ({}, False),
        ({"source": "docker_ce"}, False),
        ({"source": "distro"}, True),
        ({"source": "static"}, True),
        ({"holds": True}, True),
        ({"version": "29"}, True),
    ],
)
def test_what_is_held_is_asked_where_it_matters(monkeypatch, asked, matters):
    """dnf and zypper take their time for it; but rpm removes what they have locked."""
    answers = {"rpm": "docker-ce\t0:28.0.1-1\tii \n", "versionlock": "docker-ce-3:28.0.1-1.*\n"}

    def run(*command, **more):
        return 0, next((text for word, text in answers.items() if word in command), ""), ""

    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_commands, "which", lambda name: name if name == "dnf" else None)
    params = {"version": "", "upgrade": False, "holds": False, "source": "auto", "wait_timeout": 300, **asked}
    seen = _packages.about_packages(params, refresh=False)
    assert seen["installed"] == {"docker-ce": "0:28.0.1-1"}
    assert seen["held"] == (["docker-ce"] if matters else []) and not seen["held_error"]


def test_why_it_is_not_known_what_is_held(monkeypatch):
    """Of RHEL's dnf, what locks packages is a plugin."""
    said = "No such command: versionlock. Please use /usr/bin/dnf --help"
    monkeypatch.setattr(
        _commands, "run", lambda *command, **more: (1, "", said) if "versionlock" in command else (0, "", "")
    )
    monkeypatch.setattr(_commands, "which", lambda name: name if name == "dnf" else None)
    params = {"version": "", "upgrade": False, "holds": True, "source": "auto", "wait_timeout": 300}
    error = _packages.about_packages(params, refresh=False)["held_error"]
    assert "dnf install 'dnf-command(versionlock)'" in error and error.endswith(said)


@pytest.mark.parametrize("verb", ["refresh", "search"])
def test_why_package_lists_could_not_be_read(monkeypatch, verb):
    """An upgrade that is missed night after night has to be told."""
    limits = []

    def run(*command, limit, environment, **more):
        limits.append((limit, environment))
        if verb in command:
            return 4, "", "http://jo:canary@mirror.example.org: Could not resolve host: mirror.example.org"
        return 0, "docker\t0:27.3-1\tii \n" if "rpm" in command else "", ""

    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_commands, "which", lambda name: name if name == "zypper" else None)
    monkeypatch.setattr(_packages, "lists_age", lambda family: 7200)
    params = {"version": "", "upgrade": True, "holds": False, "source": "auto", "wait_timeout": 42}
    seen = _packages.about_packages(params, refresh=True)
    assert "can't resolve the name mirror.example.org" in seen["lists_error"] and "canary" not in seen["lists_error"]
    assert {said["ZYPP_LOCK_TIMEOUT"] for dummy, said in limits} == {"42"}
    assert min(limit for limit, dummy in limits) > 42


def test_lists_from_before_the_clock_was_set_back_are_old(tmp_path, monkeypatch):
    family = families.FAMILIES["apt"]._replace(lists=(str(tmp_path / "none"), str(tmp_path)))
    assert _packages.lists_age(family) is None
    for name in ("lock", ".gpgkeyschecked.yum"):
        (tmp_path / name).touch()
        assert _packages.lists_age(family) is None
    (tmp_path / "list").touch()
    now = time.time()
    for ahead in (3600, -3600):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: now + ahead)
        assert 3590 < _packages.lists_age(family) < 3610


def test_command_is_that_of_others_with_variables_filled_in(tmp_path):
    variables = tmp_path / "docker"
    variables.write_text("# comment\nDOCKER_OPTS='--debug --mtu=1400'\n")
    unit = f"[Service]\nEnvironmentFile=-{variables}\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n"
    found = _units.command_of([("docker.service", unit)])
    assert found["exec_start"] == "/usr/sbin/dockerd -H fd:// $DOCKER_OPTS"
    assert found["arguments"][-2:] == ["--debug", "--mtu=1400"]
    assert found["places"] == {
        **dict.fromkeys(("/usr/sbin/dockerd", "-H", "fd://"), "docker.service"),
        **dict.fromkeys(("--debug", "--mtu=1400"), str(variables)),
    }


def test_variables_in_braces_and_files_by_a_pattern_are_filled_in(tmp_path, monkeypatch):
    """The role's own file may match such a pattern, and is no file of others."""
    monkeypatch.setattr(_paths, "ENVIRONMENT_PATH", str(tmp_path / "dockyard.env"))
    for name, text in (("b.env", "OPTS=--mtu=1300"), ("a.env", "OPTS=no\nLEVEL=warn"), ("dockyard.env", "LEVEL=no")):
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "folder.env").mkdir()
    unit = f"[Service]\nEnvironmentFile=-{tmp_path}/*.env\nEnvironmentFile=-/none*\nExecStart=dockerd ${{OPTS}} --log-level=${{LEVEL}}\n"
    found = _units.command_of([("docker.service", unit)])
    assert found["arguments"] == ["dockerd", "--mtu=1300", "--log-level=warn"]
    places = {"dockerd": "docker.service", "--mtu=1300": f"{tmp_path}/b.env", "--log-level=warn": f"{tmp_path}/a.env"}
    assert found["places"] == places


@pytest.mark.parametrize("option", ["--https-proxy=http://", "--https-proxy=", "--https-proxy ", "--https-proxy  "])
def test_a_password_in_a_command_is_not_shown_but_seen_when_it_changes(tmp_path, monkeypatch, option):
    unit, own = tmp_path / "docker.service", tmp_path / "zz-dockyard.conf"
    monkeypatch.setattr(_paths, "SERVICE_DROP_IN", str(own))
    command = "/usr/sbin/dockerd -H fd:// " + option + "jo:canary{}@p:3128"
    own.write_text(_unit_files.service_drop_in(command.format(1), True, False))
    for number, outdated in ((1, False), (2, True)):
        unit.write_text(f"[Service]\nExecStart={command.format(number)}\n")
        shown = {"docker.service": {"FragmentPath": str(unit), "DropInPaths": str(own)}}
        found = _units.about_units(shown)["docker.service"]
        assert "canary" not in str(found) and found["outdated"] is outdated
        assert found["own_drop_in"] == _unit_files.service_drop_in(found["exec_start"], True, False)


def test_a_configuration_that_is_a_folder_is_told_as_others_that_are_not_valid(tmp_path, monkeypatch):
    """Docker makes one, where a container is to have a file that is not there."""
    monkeypatch.setattr(_paths, "CONFIG_PATH", str(tmp_path))
    assert _engine.about_config() == {"exists": True, "content": {}, "error": "it is a folder"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOTCONN, "Transport endpoint is not connected", "/srv/x"), "/srv/x: Transport endpoint"),
        (OSError("by itself"), "by itself"),
    ],
)
def test_what_can_not_be_read_is_told(monkeypatch, error, said):
    class Module:
        check_mode, params, exit_json = False, {}, None

        def __init__(self, **more):
            pass

        def fail_json(self, msg):
            raise HostError(msg)

    def look(*more):
        raise error

    monkeypatch.setattr(engine_info, "QuietModule", Module)
    monkeypatch.setattr(engine_info, "look", look)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(HostError, match=said):
        engine_info.main()


def test_a_command_that_comes_after_ours_is_named():
    other = "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd\n"
    files = [("/lib/docker.service", other), ("/etc/override.conf", other), ("/etc/zzz.conf", other)]
    found = _units.command_of(files)
    assert found["later_drop_ins"] == ["/etc/zzz.conf"]
    assert found["places"] == {"/usr/sbin/dockerd": "/etc/zzz.conf"}


def test_variables_of_others_and_where_they_stand(tmp_path):
    variables = tmp_path / "docker"
    variables.write_text("NO_PROXY=c\n")
    files = [
        ("/a.conf", f'[Service]\nEnvironment="HTTP_PROXY=http://jo:pw@p" A=1\nEnvironmentFile={variables}\n'),
        ("/b.conf", "[Service]\nEnvironment=NO_PROXY=d 'B=x y'\n"),
    ]
    found = _units.variables_of(files)
    assert found == {
        "HTTP_PROXY": ("http://jo:pw@p", "/a.conf"),
        "A": ("1", "/a.conf"),
        "NO_PROXY": ("c", str(variables)),
        "B": ("x y", "/b.conf"),
    }
    assert _units.variables_of([*files, ("/c.conf", "[Service]\nEnvironment=\nEnvironmentFile=\n")]) == {}


def test_environment_is_compared_by_value_and_never_told(tmp_path, monkeypatch):
    path = tmp_path / "dockyard.env"
    monkeypatch.setattr(_paths, "ENVIRONMENT_PATH", str(path))
    _files.write(str(path), _environment_file.render_environment({"A": 1, "HTTPS_PROXY": "http://jo:pw@p"}), 0o600)
    others = {"https_proxy": ("http://other:pw@p", "/x.conf"), "A": ("1", "/y.conf"), "Z": ("pw", "/z.conf")}
    found = _engine.about_environment({"HTTPS_PROXY": "http://jo:pw@p", "A": "1"}, others)
    assert found["matches"], "another order of the same variables needs no restart"
    assert found["others"] == [
        {"name": "A", "path": "/y.conf", "same": True},
        {"name": "https_proxy", "path": "/x.conf", "same": False},
    ]
    assert "pw" not in str(found)
    assert not _engine.about_environment({"A": "1"}, {})["matches"]
    path.chmod(0o644)
    assert not _engine.about_environment({"HTTPS_PROXY": "http://jo:pw@p", "A": "1"}, {})["matches"]


def test_no_unit_no_command():
    assert _units.command_of([])["exec_start"] is None


def test_damaged_memory_is_an_empty_one(tmp_path, monkeypatch):
    path = tmp_path / "engine.json"
    monkeypatch.setattr(_paths, "STATE_PATH", str(path))
    empty = {"config": {}, "former": {}, "clients": {}, "pending": None, "tls": False, "after_restart": False}
    assert _engine.about_memory() == empty
    path.write_text("{")
    assert _engine.about_memory() == empty
    path.write_text(json.dumps({"schema": 1, "config": {"debug": True}, "pending": "restart", "tls": True, "later": 1}))
    assert _engine.about_memory() == {**empty, "config": {"debug": True}, "pending": "restart", "tls": True}


def test_public_key_is_worked_out_from_the_key(tmp_path, monkeypatch):
    path = tmp_path / "key.pem"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", str(path)], check=True)
    os.unlink(f"{path}.pub")  # ssh-keygen would read that instead
    by_all = _server_key.public_key(str(path))
    assert by_all and by_all.startswith("-----BEGIN PUBLIC KEY-----")
    which = _commands.which
    monkeypatch.setattr(_commands, "which", lambda name: None if name == "openssl" else which(name))
    assert _server_key.public_key(str(path)) == by_all, "ssh-keygen says the same as openssl"
    path.write_text("no key")
    assert _server_key.public_key(str(path)) is None


def test_lock_holder_is_read_without_locking(tmp_path):
    import fcntl

    path = tmp_path / "lock"
    assert _processes.lock_holder([str(path)]) is None
    with open(path, "w", encoding="ascii") as stream:
        assert _processes.lock_holder([str(path)]) is None
        fcntl.lockf(stream, fcntl.LOCK_EX)
        said = _processes.lock_holder([str(path)])
        assert said and f"{path} is held by process {os.getpid()}" in said


@pytest.mark.parametrize(
    ("unit", "pending"),
    [
        ({"ActiveState": "inactive", "Job": "55"}, True),
        ({"ActiveState": "activating", "Job": "60"}, True),
        ({"ActiveState": "inactive", "LoadState": "masked", "Job": ""}, False),
        ({"ActiveState": "failed", "Job": "0"}, False),
    ],
)
def test_cloud_init_is_waited_for_only_if_something_comes_of_it(monkeypatch, unit, pending):
    """Who masks or disables its units leaves all else of it as if it had still to begin."""
    monkeypatch.setattr(_waiting.os.path, "isdir", lambda path: True)
    monkeypatch.setattr(_waiting.os.path, "exists", lambda path: False)
    monkeypatch.setattr(_commands, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(_files, "read", lambda path: None)
    monkeypatch.setattr(_systemd, "show", lambda name: {name: unit})
    assert (_waiting.cloud_init_pending() == "cloud-init is in its stage (not started)") is pending


def test_files_are_whole_private_and_written_once(tmp_path):
    path = tmp_path / "new" / "file"
    assert _files.write(str(path), "one", 0o600, 0o700) is True
    assert _files.write(str(path), "one", 0o600) is False
    assert _files.write(str(path), "one", 0o644) is True
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_command_that_fails_shows_its_last_words():
    with pytest.raises(HostError, match="ended with 3: why"):
        _commands.run("sh", "-c", "echo why >&2; exit 3")
    with pytest.raises(HostError, match="is not installed"):
        _commands.run("/nonexistent/program")
    with pytest.raises(HostError, match="did not end within"):
        _commands.run("sleep", "5", limit=0.1)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"Version": "20.10"}\n', {"Version": "20.10"}),
        (b'HTTP/1.0 404 Not Found\r\n\r\n{"message": "200 no"}', None),
        (b"HTTP/1.0 200 OK\r\n\r\nno JSON", None),
        (b"", None),
    ],
)
def test_the_engine_is_asked_on_its_own_socket(tmp_path, monkeypatch, said, understood):
    path = str(tmp_path / "docker.sock")
    monkeypatch.setattr(_owner, "SOCKETS", (str(tmp_path / "none"), path))
    asked = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()

        def answer():
            stream = server.accept()[0]
            with stream:
                asked.append(stream.recv(1000))
                stream.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        assert _api.ask("/version") == understood
        thread.join(10)
    assert asked[0].startswith(b"GET /version HTTP/1.0\r\n")
    assert _api.ask("/version") is None, "nobody listens"


def test_an_engine_that_hangs_is_none_that_runs(tmp_path, monkeypatch):
    """It may still say its version, and not what it runs."""
    monkeypatch.setattr(_api, "ask", lambda question, limit=10: {"Version": "27.3"} if question == "/version" else None)
    found = _engine.about_engine(True, str(tmp_path))
    assert not found["running"] and "containers_running" not in found


@pytest.mark.parametrize("root", [".", "165536.165536"])
def test_a_node_of_a_swarm_is_known_as_such_while_its_engine_does_not_answer(tmp_path, root):
    state = tmp_path / root / "swarm" / "docker-state.json"
    state.parent.mkdir(parents=True)
    assert "swarm" not in _engine.about_engine(False, str(tmp_path))
    assert "swarm" not in _engine.about_engine(False, str(tmp_path / "not yet"))
    state.touch()
    assert _engine.about_engine(False, str(tmp_path))["swarm"] == "unknown"


@pytest.mark.parametrize(
    ("address", "asked"), [("127.0.0.1", []), ("127.0.0.1", ["192.0.2.7", "127.0.0.1"]), ("::1", ["::1"])]
)
def test_who_has_the_port_is_told(address, asked, monkeypatch):
    name = (_files.read(f"/proc/{os.getpid()}/comm") or "").strip()
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        port = server.getsockname()[1]
        assert (_network.listener(port, asked) or "").startswith(f"process {os.getpid()} ({name}")
        assert _network.listener(port, ["127.0.0.2"]) is None
        monkeypatch.setattr(_processes, "program", lambda pid: "dockerd")
        assert _network.listener(port, asked) is None, "what the Engine itself listens on is found elsewhere"
    monkeypatch.undo()
    assert _network.listener(port, asked) is None


def test_who_listens_in_the_engines_place_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path has at most 107 characters
    monkeypatch.setattr(_owner, "OWN_SOCKETS", ("docker.sock", "docker.sock"))
    assert _engine.another(False) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("docker.sock")
        assert _engine.another(False) is None, "a socket that is left over"
        server.listen()
        groups = f"/proc/{os.getpid()}/cgroup"
        read = _files.read
        monkeypatch.setattr(
            _files, "read", lambda name: "0::/system.slice/snap.x.service\n" if name == groups else read(name)
        )
        name = (read(f"/proc/{os.getpid()}/comm") or "").strip()
        assert _engine.another(False) == f"process {os.getpid()} ({name}, snap.x.service)"
        units = {"docker.socket": {"ActiveState": "inactive"}, "docker.service": {"ActiveState": "failed"}}
        monkeypatch.setattr(_systemd, "show", lambda *names: {name: units[name] for name in names})
        assert _engine.another(True)
        for state in ("active", "activating"):
            units["docker.socket"]["ActiveState"] = state
            assert _engine.another(True) is None, "it is the Engine itself, which came up during this look"
        os.symlink("docker.sock", "link")
        monkeypatch.setattr(_owner, "OWN_SOCKETS", ("link", "link"))
        assert _engine.another(False) is None, "podman's"


# What /proc shows of a host with a bridge of containers, an address for the day, and one that is on its way out
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
down0\t00000000\t0100000A\t0002\t0\t0\t0\t00000000\t0\t0\t0
br-1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
NONE = "0" * 32
ROUTES6 = f"""\
20010db8000000000000000000000000 40 {NONE} 00 {NONE} 00000100 00000001 00000000 00000001     eth1
{NONE} 00 {NONE} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1
{NONE} 00 {NONE} 00 {NONE} ffffffff 00000001 00000000 00200200       lo
"""
ADDRESSES6 = """\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 03 40 00 80     eth1
20010db8000000000000000000000d01 03 40 00 01     eth1
20010db8000000000000000000000d02 03 40 00 a0     eth1
20010db8000000000000000000000d03 03 40 00 c0     eth1
fec0000000000000505400fffe123456 03 40 40 00     eth1
fe80000000000000505400fffe123456 03 40 20 80     eth1
20010db8000000000000000000000a01 04 40 00 80     br-1
"""


def test_only_lasting_addresses_are_names_of_the_host(monkeypatch):
    files = {"/proc/net/route": ROUTES, "/proc/net/ipv6_route": ROUTES6, "/proc/net/if_inet6": ADDRESSES6}
    monkeypatch.setattr(_files, "read", files.get)
    here = [("lo", "127.0.0.1"), ("eth0", "192.0.2.7"), ("eth0", "192.0.2.8"), ("eth0", "169.254.1.1")]
    monkeypatch.setattr(_network, "ipv4_addresses", lambda: [*here, ("br-1", "172.17.0.1"), ("down0", "192.0.2.9")])
    assert _network.own_addresses() == ["192.0.2.7", "192.0.2.8", "2001:db8::7"]
    files.clear()
    assert _network.own_addresses() == [], "a host without any route"


def test_the_kernel_is_asked_for_its_addresses():
    assert ("lo", "127.0.0.1") in _network.ipv4_addresses()


def test_the_controller_is_found_though_sudo_hides_it(monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 40720 192.0.2.7 22")
    assert _network.controller() == "192.0.2.1"
    monkeypatch.delenv("SSH_CONNECTION")
    files = {
        f"/proc/{os.getppid()}/environ": "SUDO_USER=jo\0",
        f"/proc/{os.getppid()}/stat": f"{os.getppid()} (sudo (x) y) S 70 1 1",
        "/proc/70/environ": "HOME=/home/jo\0SSH_CONNECTION=2001:db8::1 40720 2001:db8::7 22\0",
    }
    monkeypatch.setattr(_files, "read", files.get)
    assert _network.controller() == "2001:db8::1"
    del files["/proc/70/environ"]
    files["/proc/70/stat"] = "70 (sshd) S 1 1 1"
    assert _network.controller() is None, "it is not looked for beyond the first process"


def test_firewalls_that_are_not_there_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(_files, "read", lambda path: None)
    monkeypatch.setattr(_commands, "run", lambda *command: pytest.fail(str(command)))
    monkeypatch.setattr(_commands, "which", lambda name: None)
    assert _firewalls.about_firewalls({}, False) == {"systemd": {"active": False}}
    masked = {"nftables.service": {"LoadState": "masked"}, "firewalld.service": {"LoadState": "not-found"}}
    assert _firewalls.about_firewalls(masked, False) == {"systemd": {"active": False}}


SAID = """\
-P INPUT DROP
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT
"""


def look_at(monkeypatch, units, files=None, said=SAID):
    """The look at firewalls, and the programs that it asked."""
    asked = []

    def run(*command, check=True):
        asked.append(" ".join(command))
        return (0, said, "")

    monkeypatch.setattr(_files, "read", (files or {}).get)
    monkeypatch.setattr(_commands, "run", run)
    monkeypatch.setattr(_commands, "which", lambda name: f"/sbin/{name}" if "tables" in name else None)
    return _firewalls.about_firewalls(units, False), asked


def test_iptables_is_asked_where_a_service_keeps_its_rules_and_else_only_once(monkeypatch):
    monkeypatch.setattr(_firewalls.os.path, "exists", lambda path: path == "/proc/net/if_inet6")
    kept = {"netfilter-persistent.service": {"LoadState": "loaded", "ActiveState": "active"}}
    found, asked = look_at(monkeypatch, kept)
    assert asked == ["/sbin/iptables -w -S", "/sbin/ip6tables -w -S"]
    assert found["iptables"]["active"] and found["iptables"]["drop_ins"] == {"netfilter-persistent.service": None}

    found, asked = look_at(monkeypatch, {})
    assert asked == ["/sbin/iptables -w -S INPUT"] and found["iptables"]["closed_but_for"] == ["22", "80"]
    found, asked = look_at(monkeypatch, {}, said="-P INPUT ACCEPT\n")
    assert "iptables" not in found
    # ufw's are ufw's, and once the port is open nobody has to be told
    for path, text in (("/etc/ufw/ufw.conf", "ENABLED=yes"), (_paths.SOCKET_DROP_IN, "[Socket]")):
        found, asked = look_at(monkeypatch, {}, {path: text})
        assert asked == [] and "iptables" not in found, path


@pytest.mark.parametrize(
    ("cgroup", "drop_in", "ask", "status", "filters", "tried"),
    [
        (2, "", True, _firewalls.REFUSED, True, True),
        (2, "", True, 0, False, True),
        (2, "", True, 1, False, True),
        (2, "", False, None, False, False),
        (2, "IPAddressDeny=any", True, None, True, False),
        (1, "IPAddressDeny=any", True, None, False, False),
    ],
)
def test_systemd_s_filter_is_tried_once_where_it_matters(monkeypatch, cgroup, drop_in, ask, status, filters, tried):
    asked = []
    monkeypatch.setattr(_firewalls.os.path, "exists", lambda path: cgroup == 2)
    monkeypatch.setattr(_commands, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(_commands, "run", lambda *command, check: asked.append(command) or (status, "", ""))
    assert _firewalls._systemd_filters(drop_in, ask) is filters
    assert bool(asked) is tried
