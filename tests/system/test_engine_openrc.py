# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role docker_engine where OpenRC is the init, by real runs; tests/beds/openrc.py says what only stands for Alpine."""

from __future__ import annotations

import threading

import pytest

from tests.beds import openrc
from tests.beds._base import until
from tests.beds.engine import container_pid, docker, start_container
from tests.system.test_docker_engine import config_of, ping, served_names, tls

pytestmark = pytest.mark.long

SETTINGS = "/etc/conf.d/docker"
WRITTEN = "find /etc /var/lib/dockyard /usr/bin -newer /run/before -type f 2> /dev/null || :"
REFUSED = ("SSLError", "SSLEOFError", "ConnectionResetError", "BrokenPipeError", "RemoteDisconnected")


@pytest.fixture(scope="module")
def engine_host(bed, play):
    """A host with OpenRC on which the role has run."""
    host = openrc.host(bed)
    play(host)
    yield host
    bed.remove(host)


@pytest.fixture
def container(engine_host, play, client, archive):
    play(engine_host)
    name = start_container(engine_host, client, archive)
    yield name
    docker(engine_host, client, "rm", "-f", name)


@pytest.fixture
def new_openrc_host(bed):
    host = openrc.host(bed)
    yield host
    bed.remove(host)


def engine_pid(host):
    return host.out("cat /run/docker.pid")


def test_from_nothing_to_an_engine_that_answers_by_tls(new_openrc_host, play, client, authority, archive):
    host = new_openrc_host
    assert host.out("cat /proc/1/comm") == "init" and host.out("rc-status -r") == "default"
    host.ssh("touch /run/before")
    planned = play(host, arguments=["--check", "--diff"])
    assert planned.changed == 1 and planned.result("and plan the changes")["engine"]["source"] == "distro"
    refused = play(host, ok=False, docker_engine_allow=["10.0.0.0/8"])
    assert "systemd's filter is not there with OpenRC" in refused.message
    assert not host.out(WRITTEN), "check mode, or what was refused, changed the host"

    first = play(host, arguments=["-vvv", "--diff"])
    assert "add -q docker" in host.out(f"cat {openrc.CALLS}"), "the packages came by apk"
    assert first.result("start the Engine")["diff"] == planned.result("and plan the changes")["diff"]
    assert "PRIVATE KEY" not in first.text and first.facts["enforced_by"] == []
    assert docker(host, client, "version", "-f", "{{.Server.Version}}").stdout.strip() == first.facts["version"]
    assert host.out("rc-update show default | grep -c docker") == "1"
    assert host.out("stat -c '%a %U' /etc/docker/tls /etc/docker/tls/key.pem").split("\n") == ["700 root", "400 root"]
    assert host.out("grep -c 'API listen on' /var/log/docker.log") == "2", "the Engine was started more than once"
    assert ping(host) == 400 or ping(host) in REFUSED, "plain HTTP"
    assert ping(host, tls(authority)) in REFUSED, "no certificate of a client"
    assert ping(host, tls(authority, client)) == 200
    start_container(host, client, archive)

    pid = engine_pid(host)
    second = play(host)
    assert (second.changed, second.facts["changed"]) == (0, False) and play(host, arguments=["--check"]).changed == 0
    assert second.facts["certificate_not_after"] == first.facts["certificate_not_after"] and engine_pid(host) == pid


def test_configuration_is_reloaded_or_put_back(engine_host, play, client, container):
    before, pid, alive = config_of(engine_host), engine_pid(engine_host), container_pid(engine_host, client, container)
    assert play(engine_host, docker_engine_labels={"tier": "front"}).facts["action"] == "reload"
    assert engine_host.out("docker info -f '{{.Labels}}'") == "[tier=front]" and engine_pid(engine_host) == pid
    assert play(engine_host).facts["action"] == "reload" and config_of(engine_host) == before

    failed = play(engine_host, ok=False, docker_engine_config={"storage-driver": "no-such-driver"})
    assert "no-such-driver" in failed.message, "the Engine's own words are missing"
    assert "former configuration is back" in failed.message
    assert config_of(engine_host) == before
    assert container_pid(engine_host, client, container) == alive, "the container did not outlive it"
    assert play(engine_host).changed == 0

    failed = play(engine_host, ok=False, docker_engine_config={"default-runtime": "no-such-runtime"})
    assert failed.result("and plan the changes")["apply"]["action"] == "reload", (
        "and that is refused by an Engine that goes on"
    )
    assert "no-such-runtime" in failed.message and config_of(engine_host) == before
    assert container_pid(engine_host, client, container) == alive and play(engine_host).changed == 0


def test_new_names_renew_the_certificate_by_a_short_restart(engine_host, play, authority, client, container):
    pid, alive = engine_pid(engine_host), container_pid(engine_host, client, container)
    over, answers = threading.Event(), []

    def knock():
        while not over.is_set():
            answers.append(ping(engine_host, tls(authority, client)))

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        played = play(engine_host, docker_engine_tls_san=["web.example.org"])
    finally:
        over.set()
        thread.join()
    assert played.facts["action"] == "restart" and engine_pid(engine_host) != pid
    assert "web.example.org" in served_names(engine_host, authority, client)["names"]
    assert container_pid(engine_host, client, container) == alive
    assert "ConnectionRefusedError" in answers, "if no call is refused any more, the documentation is to say so"
    rotated = play(engine_host, docker_engine_rotate="certificates")
    assert rotated.facts["action"] == "restart" and container_pid(engine_host, client, container) == alive
    assert play(engine_host).changed == 0


def test_the_environment_is_private(engine_host, play):
    secret = 'http://jo:s3cr$t\\"`x@proxy.example.org:3128'
    variables = {"docker_engine_environment": {"HTTPS_PROXY": secret, "NO_PROXY": "localhost,.example.org"}}
    played = play(engine_host, arguments=["-vvv", "--diff"], **variables)
    assert "s3cr" not in played.text
    assert engine_host.out("stat -c %a /etc/docker/dockyard.env") == "600"
    running = engine_host.out(f"tr '\\0' '\\n' < /proc/{engine_pid(engine_host)}/environ")
    assert f"HTTPS_PROXY={secret}" in running.splitlines()
    readable = "runuser -u debian -- sh -c 'grep -rls s3cr /etc /run/openrc /var/log 2> /dev/null' || :"
    assert engine_host.out(readable) == "", "who is not root can read a secret"
    assert engine_host.ssh("runuser -u debian -- rc-service docker status", check=False).returncode == 0
    assert play(engine_host, **variables).changed == 0
    refused = play(engine_host, ok=False, docker_engine_environment={"DOCKER_OPTS": "--debug"})
    assert "take for a setting" in refused.message
    play(engine_host)
    assert engine_host.ssh("test -e /etc/docker/dockyard.env", check=False).returncode


def test_access_changes_and_containers_stay(engine_host, play, client, authority, container):
    alive = container_pid(engine_host, client, container)
    for access in ("ssh", "local"):
        assert play(engine_host, docker_engine_access=access).facts["action"] == (
            "restart" if access == "ssh" else None
        )
        assert ping(engine_host, tls(authority, client)) == "ConnectionRefusedError"
        assert "dockyard" not in engine_host.out(f"cat {SETTINGS}")
        assert engine_host.ssh("test -e /etc/docker/tls/key.pem", check=False).returncode
    assert "docker" in engine_host.out("id -nG debian").split(), "ssh lets Ansible's user ask the Engine"
    play(engine_host, docker_engine_listen=[engine_host.address, "127.0.0.1"])
    assert container_pid(engine_host, client, container) == alive


def test_ufw_lets_in_whom_the_list_names(engine_host, play, authority, client):
    engine_host.ssh("ufw default allow incoming && ufw --force enable")
    try:
        played = play(engine_host, docker_engine_allow=["10.99.0.0/16", "controller"])
        assert played.facts["enforced_by"] == ["ufw"] and ping(engine_host, tls(authority, client)) == 200
        assert "2376/tcp" in engine_host.out("ufw status")
        assert play(engine_host, docker_engine_allow=["10.99.0.0/16", "controller"]).changed == 0
    finally:
        engine_host.ssh("ufw --force disable")


def test_the_engine_comes_with_a_boot(bed, engine_host, play, authority, client):
    play(engine_host)
    bed.engine.docker("kill", engine_host.container)
    bed.start(engine_host)
    until(
        lambda: ping(engine_host, tls(authority, client)) in (200, "SSLCertVerificationError"), "the Engine", limit=60
    )
    play(engine_host)  # with its new address, if it got one
    assert ping(engine_host, tls(authority, client)) == 200 and play(engine_host).changed == 0


@pytest.mark.parametrize("script", [openrc.SERVICE, openrc.UNSUPERVISED], ids=["supervised", "in the background"])
def test_an_engine_of_others_is_adopted(new_openrc_host, play, authority, client, script):
    host = new_openrc_host
    host.ssh(
        f"apk add docker && cat > /etc/init.d/docker <<'END'\n{script}END\n"
        f"echo 'DOCKER_OPTS=\"--mtu=1400\"' > {SETTINGS} && rc-update add docker default && rc-service docker start"
    )
    until(lambda: host.out("docker version -f '{{.Server.Version}}' 2> /dev/null || :"), "the Engine", limit=30)
    pid = engine_pid(host)
    play(host, docker_engine_source="auto", docker_engine_access="local")
    assert engine_pid(host) == pid, "an Engine that is as wanted is not restarted"
    refused = play(host, ok=False, docker_engine_source="auto", docker_engine_mtu=1300)
    assert "'mtu'" in refused.message and SETTINGS in refused.message
    play(host, docker_engine_source="auto")
    assert "--mtu=1400" in host.out(f"tr '\\0' ' ' < /proc/{engine_pid(host)}/cmdline")
    assert ping(host, tls(authority, client)) == 200 and play(host, docker_engine_source="auto").changed == 0
    wrong = {"docker_engine_config": {"storage-driver": "no-such-driver"}, "docker_engine_start_timeout": 30}
    failed = play(host, ok=False, docker_engine_source="auto", **wrong)
    assert "no-such-driver" in failed.message and "former configuration is back" in failed.message
    assert ping(host, tls(authority, client)) == 200
    host.ssh("sed -i s/DOCKER_OPTS/OTHER_OPTS/g /etc/init.d/docker")
    assert "is not a service as Alpine's" in play(host, ok=False, docker_engine_source="auto").message
