# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role docker_engine on container hosts, by real runs of ansible-playbook."""

from __future__ import annotations

import http.client
import json
import ssl
import threading

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from tests.beds._base import run
from tests.beds.engine import container_pid, docker, engine_pid, start_container
from tests.beds.hosts import ENGINE

DAEMON_JSON = "/etc/docker/daemon.json"


@pytest.fixture(scope="module")
def engine_host(bed, play):
    """A host on which the role has run."""
    host = bed.host(packages=ENGINE)
    play(host)
    yield host
    bed.remove(host)


@pytest.fixture
def container(engine_host, play, client, archive):
    """A container on the engine host, over TLS, that goes at the test's end."""
    play(engine_host)
    name = start_container(engine_host, client, archive)
    yield name
    docker(engine_host, client, "rm", "-f", name)


def config_of(host):
    return json.loads(host.out(f"cat {DAEMON_JSON}"))


def ping(host, context=None):
    """What the port answers to /_ping: a status, or the error's name."""
    try:
        if context is None:
            connection = http.client.HTTPConnection(host.address, 2376, timeout=20)
        else:
            connection = http.client.HTTPSConnection(host.address, 2376, timeout=20, context=context)
        connection.request("GET", "/_ping")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def tls(authority, client=None):
    context = ssl.create_default_context(cafile=str(authority.folder / "server-ca.pem"))
    if client:
        context.load_cert_chain(client / "cert.pem", client / "key.pem")
    return context


def served_names(host, authority, client):
    """The names in the certificate that the Engine really shows."""
    import socket

    with (
        socket.create_connection((host.address, 2376), timeout=20) as raw,
        tls(authority, client).wrap_socket(raw, server_hostname=host.address) as stream,
    ):
        return _tls.inspect(ssl.DER_cert_to_PEM_cert(stream.getpeercert(binary_form=True)))


# -- the first run and the second


def test_first_run_second_run_and_check_mode(new_host, play, client, authority):
    host = new_host()
    planned = play(host, arguments=["--check", "--diff"])
    assert planned.changed == 1
    headers = [
        part["after_header"] for part in planned.result("Read the state of the host and plan the changes")["diff"]
    ]
    assert "packages" in headers and DAEMON_JSON in headers
    assert host.ssh("test -e /etc/docker || command -v dockerd", check=False).returncode, "check mode changed the host"

    first = play(host, arguments=["-vvv", "--diff"])
    assert first.facts["changed"] and first.facts["version"] and first.facts["certificate_not_after"]
    assert "PRIVATE KEY" not in first.text
    assert (
        first.result("start the Engine")["diff"]
        == planned.result("Read the state of the host and plan the changes")["diff"]
    )
    assert docker(host, client, "version", "-f", "{{.Server.Version}}").stdout.strip() == first.facts["version"]
    started = host.out("journalctl -u docker.service -o cat | grep -c '^Started docker.service'")
    assert started == "1", "the Engine was started more than once"
    assert host.out("stat -c '%a %U' /etc/docker/tls /etc/docker/tls/key.pem").split("\n") == ["700 root", "400 root"]
    assert not host.out("dpkg -l git needrestart 2>/dev/null | grep ^ii || true"), "a recommended package was installed"
    assert host.address in served_names(host, authority, client)["names"]

    pid = engine_pid(host)
    second = play(host)
    assert (second.changed, second.facts["changed"]) == (0, False)
    assert second.facts["certificate_not_after"] == first.facts["certificate_not_after"]
    assert play(host, arguments=["--check"]).changed == 0
    assert engine_pid(host) == pid


# -- configuration


def test_configuration_is_merged_and_remembered(engine_host, play):
    play(engine_host)
    content = config_of(engine_host)
    content["max-concurrent-uploads"] = 3
    engine_host.ssh(f"cat > {DAEMON_JSON} <<'END'\n{json.dumps(content)}\nEND")
    pid = engine_pid(engine_host)

    played = play(engine_host, docker_engine_config={"labels": ["tier=front"], "max-download-attempts": 4})
    assert played.facts["action"] == "reload"
    assert engine_pid(engine_host) == pid, "what can be reloaded needs no restart"
    assert engine_host.out("docker info -f '{{.Labels}}'") == "[tier=front]"
    assert config_of(engine_host)["max-concurrent-uploads"] == 3

    played = play(engine_host, docker_engine_config={"max-download-attempts": 4})
    assert played.facts["action"] == "reload" and engine_pid(engine_host) == pid, "a label goes without a restart"
    assert "labels" not in config_of(engine_host)
    assert engine_host.out("docker info -f '{{.Labels}}'") == "[]"
    assert config_of(engine_host)["max-concurrent-uploads"] == 3, "someone else's key stays"
    assert play(engine_host, docker_engine_config={"max-download-attempts": 4}).changed == 0


def test_what_someone_else_changed_since_is_theirs(engine_host, play):
    play(engine_host, docker_engine_config={"max-download-attempts": 4})
    content = config_of(engine_host) | {"max-download-attempts": 9}
    engine_host.ssh(f"cat > {DAEMON_JSON} <<'END'\n{json.dumps(content)}\nEND")
    play(engine_host)
    assert config_of(engine_host)["max-download-attempts"] == 9


def test_conflict_with_arguments_is_named_and_nothing_touched(engine_host, play):
    play(engine_host)
    drop_in = "/etc/systemd/system/docker.service.d/10-own.conf"
    engine_host.ssh(
        f"printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --log-level=info\\n' > {drop_in}"
        " && systemctl daemon-reload"
    )
    before = engine_host.out("find /etc/docker /etc/systemd -type f -printf '%p %T@\\n' | sort")
    try:
        failed = play(engine_host, ok=False, docker_engine_config={"log-level": "warn"})
        assert "'log-level'" in failed.message and drop_in in failed.message and "--log-level=info" in failed.message
        assert engine_host.out("find /etc/docker /etc/systemd -type f -printf '%p %T@\\n' | sort") == before
        # Another's arguments stay, and ours are added to them.
        play(engine_host)
        assert "--log-level=info --tlsverify" in engine_host.out("systemctl show -P ExecStart docker.service")
    finally:
        engine_host.ssh(f"rm {drop_in} && systemctl daemon-reload")
    play(engine_host)
    assert "--containerd=" in engine_host.out("systemctl show -P ExecStart docker.service")


def test_a_port_that_another_program_has_is_named_and_nothing_touched(engine_host, play):
    play(engine_host)
    pid = engine_pid(engine_host)
    engine_host.ssh("systemd-run --quiet --collect --unit squatter python3 -m http.server 3376")
    try:
        engine_host.ssh("for try in $(seq 50); do ss -Hltn | grep -q :3376 && exit; sleep 0.1; done; exit 1")
        failed = play(engine_host, ok=False, docker_engine_port=3376)
        assert "Port 3376 of this host is taken: process" in failed.message and "squatter.service" in failed.message
        assert engine_pid(engine_host) == pid and not play(engine_host).changed
    finally:
        engine_host.ssh("systemctl stop squatter")


def test_what_a_host_says_is_never_evaluated(engine_host, play, tmp_path):
    play(engine_host)
    trap = tmp_path / "evaluated"
    label = "x={{ lookup('pipe', 'touch " + str(trap) + "') }}"
    kept = config_of(engine_host)
    text = json.dumps(kept | {"labels": [label]}).replace("'", "'\\''")
    engine_host.ssh(f"printf %s '{text}' > {DAEMON_JSON}")
    try:
        play(engine_host, docker_engine_config={"debug": True}, arguments=["--diff"])
        assert config_of(engine_host)["labels"] == [label]
        assert not trap.exists()
    finally:
        engine_host.ssh(f"printf %s '{json.dumps(kept)}' > {DAEMON_JSON}")


def test_broken_daemon_json_is_not_overwritten(engine_host, play):
    play(engine_host)
    engine_host.ssh(f"cp {DAEMON_JSON} /root/kept && echo '{{,}}' > {DAEMON_JSON}")
    try:
        assert f"{DAEMON_JSON} on the host is not valid" in play(engine_host, ok=False).message
        assert engine_host.out(f"cat {DAEMON_JSON}") == "{,}"
    finally:
        engine_host.ssh(f"mv /root/kept {DAEMON_JSON}")


# -- containers outlive what the role does


def test_rollback_keeps_engine_and_containers(engine_host, play, client, container):
    before, alive = config_of(engine_host), container_pid(engine_host, client, container)
    failed = play(engine_host, ok=False, docker_engine_config={"storage-driver": "no-such-driver"})
    assert "no-such-driver" in failed.message, "the daemon's own words are missing"
    assert "former configuration is back" in failed.message
    assert config_of(engine_host) == before
    assert container_pid(engine_host, client, container) == alive
    assert play(engine_host).changed == 0


def test_new_names_renew_the_certificate_and_nothing_is_refused(engine_host, play, authority, client, container):
    pid, alive = engine_pid(engine_host), container_pid(engine_host, client, container)
    over, answers = threading.Event(), []

    def knock():
        while not over.is_set():
            answers.append(ping(engine_host, tls(authority, client)))

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        played = play(engine_host, docker_engine_tls_san=["web.example.org", "192.0.2.99"])
    finally:
        over.set()
        thread.join()
    assert played.facts["action"] == "restart"
    assert {"web.example.org", "192.0.2.99"} <= set(served_names(engine_host, authority, client)["names"])
    assert engine_pid(engine_host) != pid
    assert container_pid(engine_host, client, container) == alive, "the container did not outlive the restart"
    # systemd listens all the time. Only the one call that the old Engine had just accepted can be cut off.
    lost = [answer for answer in answers if answer != 200]
    assert len(answers) > 3 and len(lost) <= 1 and "ConnectionRefusedError" not in lost, lost
    assert play(engine_host, docker_engine_tls_san=["web.example.org"]).changed == 0, "fewer names need no restart"


def test_a_certificate_near_its_end_is_renewed(engine_host, play, authority, client, container, monkeypatch):
    alive = container_pid(engine_host, client, container)
    import datetime

    monkeypatch.setattr(_tls._issuing, "CERTIFICATE_LIFE", datetime.timedelta(hours=20))
    monkeypatch.setattr(_tls._issuing, "BACKDATE_MOST", 10)  # so these are the last of 68 hours
    old = _tls.issue_server(
        authority.pem("server-ca.pem"),
        authority.pem("server-ca-key.pem"),
        engine_host.out("openssl pkey -in /etc/docker/tls/key.pem -pubout"),
        served_names(engine_host, authority, client)["names"],
    )
    engine_host.ssh(f"cat > /etc/docker/tls/cert.pem <<'END'\n{old}END")
    played = play(engine_host)
    assert "less than a third" in " ".join(played.result("Read the state of the host and plan the changes")["changes"])
    assert served_names(engine_host, authority, client)["not_after"] == played.facts["certificate_not_after"]
    assert container_pid(engine_host, client, container) == alive


def test_live_restore_is_on_before_the_first_restart(engine_host, play, client, container):
    """On an Engine that did not have it: written and restarted at once, the container would die."""
    play(engine_host, docker_engine_live_restore=False)
    assert engine_host.out("docker info -f '{{.LiveRestoreEnabled}}'") == "false"
    alive = container_pid(engine_host, client, container)
    refused = play(engine_host, ok=False, docker_engine_live_restore=False, docker_engine_config={"log-level": "warn"})
    assert "docker_engine_interrupt" in refused.message and "live-restore is off" in refused.message
    assert "log-level" not in config_of(engine_host)
    played = play(engine_host, docker_engine_config={"log-level": "warn"})
    assert played.facts["action"] == "restart"
    assert container_pid(engine_host, client, container) == alive


def test_an_interrupted_run_is_finished(engine_host, play):
    play(engine_host)
    pid = engine_pid(engine_host)
    engine_host.ssh('sed -i \'s/"pending": null/"pending": "restart"/\' /var/lib/dockyard/engine.json')
    assert play(engine_host).facts["action"] == "restart"
    assert engine_pid(engine_host) != pid
    assert play(engine_host).changed == 0


# -- secrets and access


def test_environment_is_private(engine_host, play):
    secret = 'http://jo:s3cr$t\\"`x@proxy.example.org:3128'
    variables = {"docker_engine_environment": {"HTTPS_PROXY": secret, "NO_PROXY": "localhost,.example.org"}}
    played = play(engine_host, arguments=["-vvv", "--diff"], **variables)
    assert "s3cr" not in played.text
    assert engine_host.out("stat -c %a /etc/docker/dockyard.env") == "600"
    running = engine_host.out(f"tr '\\0' '\\n' < /proc/{engine_pid(engine_host)}/environ")
    assert f"HTTPS_PROXY={secret}" in running.splitlines()
    assert "s3cr" not in engine_host.out("systemctl show docker.service")
    assert play(engine_host, **variables).changed == 0
    play(engine_host)
    assert engine_host.ssh("test -e /etc/docker/dockyard.env", check=False).returncode


def test_access_can_change_under_a_running_container(engine_host, play, client, container):
    alive = container_pid(engine_host, client, container)
    # Whose login it is may be said by SSH's configuration alone.
    play(
        engine_host,
        docker_engine_access="ssh",
        ansible_user="",
        ansible_ssh_common_args=f"-o User={engine_host.user}",
    )
    assert ping(engine_host) == "ConnectionRefusedError"
    assert engine_host.ssh("test -e /etc/docker/tls/key.pem", check=False).returncode
    # The group counts from the next login on.
    listed = run(*engine_host.ssh_command("-o", "ControlPath=none"), "docker ps -q --no-trunc").stdout
    assert container in listed
    assert play(engine_host, docker_engine_access="ssh").changed == 0
    assert play(engine_host, docker_engine_access="local").changed == 0
    play(engine_host)
    assert container_pid(engine_host, client, container) == alive


def test_swarm_node_has_no_live_restore(engine_host, play):
    play(engine_host, docker_engine_live_restore=False)
    engine_host.ssh(f"docker swarm init --advertise-addr {engine_host.address}")
    try:
        assert play(engine_host).changed == 0
        assert config_of(engine_host)["live-restore"] is False
    finally:
        engine_host.ssh("docker swarm leave --force")
    assert play(engine_host).facts["action"] == "reload"


# -- what is refused, and what is left


def test_present_without_an_engine_touches_nothing(new_host, play):
    host = new_host()
    failed = play(host, ok=False, docker_engine_source="present")
    assert "docker_engine_source is 'present'" in failed.message
    wrong = play(host, ok=False, docker_engine_server_ca_key="/nonexistent/key.pem")
    assert "/nonexistent/key.pem" in wrong.message
    assert host.ssh("test -e /etc/docker", check=False).returncode


def test_one_private_file_tells_no_story(engine_host, play):
    """What is left on the host: nothing temporary, and nothing that others can read but should not."""
    play(engine_host)
    left = engine_host.out("find /etc/docker /var/lib/dockyard /run/systemd/system -name '*dockyard*' -o -name '*.new'")
    assert set(left.split()) <= {"/var/lib/dockyard"}
    assert engine_host.out("stat -c %a /var/lib/dockyard /var/lib/dockyard/engine.json").split() == ["700", "600"]
