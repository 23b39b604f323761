# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _engine_host as host
from ansible_collections.dockyard.machine.plugins.module_utils._engine_look import _engine, _packages, _system, _units

POLICY = """\
docker.io:
  Installed: (none)
  Candidate: 20.10.24+dfsg1-1+deb12u1
  Version table:
     20.10.24+dfsg1-1+deb12u1 500
docker-ce:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_candidates():
    assert _packages.parse_policy(POLICY) == {"docker.io": "20.10.24+dfsg1-1+deb12u1"}
    assert _packages.parse_policy("") == {}


def test_states_of_packages():
    text = "docker.io\t20.10\tii \ncontainerd\t1.6\tiU \niptables\t1\thi \napparmor\t3\trc \ndocker-ce\t\tun \n"
    assert _packages.parse_status(text) == ({"docker.io": "20.10", "iptables": "1"}, ["containerd"])


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
    monkeypatch.setattr(cfg, "ENVIRONMENT_PATH", str(path))
    host.write(str(path), cfg.render_environment({"A": 1, "HTTPS_PROXY": "http://jo:pw@p"}), 0o600)
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
    monkeypatch.setattr(cfg, "STATE_PATH", str(path))
    assert _engine.about_memory() == {"config": {}, "clients": {}, "pending": None}
    path.write_text("{")
    assert _engine.about_memory() == {"config": {}, "clients": {}, "pending": None}
    path.write_text(json.dumps({"schema": 1, "config": {"debug": True}, "pending": "restart", "later": 1}))
    assert _engine.about_memory() == {"config": {"debug": True}, "clients": {}, "pending": "restart"}


def test_public_key_is_worked_out_from_the_key(tmp_path, monkeypatch):
    path = tmp_path / "key.pem"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", str(path)], check=True)
    os.unlink(f"{path}.pub")  # ssh-keygen would read that instead
    by_all = host.public_key(str(path))
    assert by_all and by_all.startswith("-----BEGIN PUBLIC KEY-----")
    which = host.which
    monkeypatch.setattr(host, "which", lambda name: None if name == "openssl" else which(name))
    assert host.public_key(str(path)) == by_all, "ssh-keygen says the same as openssl"
    path.write_text("no key")
    assert host.public_key(str(path)) is None


def test_lock_holder_is_read_without_locking(tmp_path):
    import fcntl

    path = tmp_path / "lock"
    assert host.lock_holder([str(path)]) is None
    with open(path, "w", encoding="ascii") as stream:
        assert host.lock_holder([str(path)]) is None
        fcntl.lockf(stream, fcntl.LOCK_EX)
        said = host.lock_holder([str(path)])
        assert said and f"{path} is held by process {os.getpid()}" in said


def test_files_are_whole_private_and_written_once(tmp_path):
    path = tmp_path / "new" / "file"
    assert host.write(str(path), "one", 0o600, 0o700) is True
    assert host.write(str(path), "one", 0o600) is False
    assert host.write(str(path), "one", 0o644) is True
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_command_that_fails_shows_its_last_words():
    with pytest.raises(host.HostError, match="ended with 3: why"):
        host.run("sh", "-c", "echo why >&2; exit 3")
    with pytest.raises(host.HostError, match="is not installed"):
        host.run("/nonexistent/program")
    with pytest.raises(host.HostError, match="did not end within"):
        host.run("sleep", "5", limit=0.1)


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
    monkeypatch.setattr(host, "SOCKETS", (str(tmp_path / "none"), path))
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
        assert host.ask("/version") == understood
        thread.join(10)
    assert asked[0].startswith(b"GET /version HTTP/1.0\r\n")
    assert host.ask("/version") is None, "nobody listens"


@pytest.mark.parametrize(
    ("ipv6", "found"),
    [
        ("2001:db8::7", ["192.0.2.7", "2001:db8::7"]),
        ("fec0::5054:ff:fe12:3456", ["192.0.2.7"]),  # comes some time after boot: a name too many, and a restart
        ("fe80::1", ["192.0.2.7"]),
        (None, ["192.0.2.7"]),
    ],
)
def test_only_lasting_addresses_are_names_of_the_host(monkeypatch, ipv6, found):
    class Socket:
        def __init__(self, family, kind):
            self.address = "192.0.2.7" if family == socket.AF_INET else ipv6

        def __enter__(self):
            return self

        def __exit__(self, *_error):
            pass

        def connect(self, where):
            if self.address is None:
                raise OSError("no route")

        def getsockname(self):
            return (self.address, 1)

    monkeypatch.setattr(_system.socket, "socket", Socket)
    assert _system.own_addresses() == found
