# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates by CAs that are not ours, and certificates for people, on a container host with a real Engine."""

from __future__ import annotations

import json
import socket
import ssl
import sys

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from tests.beds import pki
from tests.beds._base import until
from tests.beds.engine import Authority, Player, container_pid, docker, engine_pid, start_container

SIGNER = [sys.executable, pki.__file__]


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """Acme's root, with an intermediate for servers and one for clients, in a folder."""
    folder = tmp_path_factory.mktemp("acme")
    root = pki.make_ca("Acme Root", pathlen=1).save(folder / "root")
    # That of clients ends soon
    for kind, lives in (("server", {}), ("client", {"start": -200 * pki.DAY, "end": 50 * pki.DAY})):
        pki.make_ca(f"Acme {kind}s", root, pathlen=0, usages=[kind], **lives).save(folder / kind)
    return folder


@pytest.fixture(scope="module")
def play(tmp_path_factory, collections, ca):
    """Runs the role, with what all of the tests give."""
    given = {
        "docker_engine_server_ca_cert": str(ca / "server" / "ca.pem"),
        "docker_engine_client_ca_cert": (ca / "client" / "ca.pem").read_text(),
    }
    return Player(tmp_path_factory.mktemp("play"), collections, given)


@pytest.fixture(scope="module")
def host(bed):
    host = bed.host()
    yield host
    bed.remove(host)


@pytest.fixture(scope="module")
def client(ca, tmp_path_factory):
    """A DOCKER_CERT_PATH whose certificate Acme's own tools have made, and which trusts Acme's root alone."""
    folder = tmp_path_factory.mktemp("jo")
    key = _tls.new_key()
    question = {
        "public_key": _tls.public_key(key),
        "subject": {"CN": "jo"},
        "life": 86400,
        "usage": "client",
        "names": [],
    }
    (folder / "key.pem").write_text(key)
    (folder / "cert.pem").write_text(pki.signed(pki.CA.read(ca / "client"), question))
    (folder / "ca.pem").write_text((ca / "root" / "ca.pem").read_text())
    return folder


def shown(host, client):
    """The certificate that the Engine shows to who trusts the root alone: by OpenSSL, as the command line does by Go."""
    context = ssl.create_default_context(cafile=str(client / "ca.pem"))
    context.load_cert_chain(client / "cert.pem", client / "key.pem")
    with (
        socket.create_connection((host.address, 2376), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname=host.address) as stream,
    ):
        return _tls.inspect(ssl.DER_cert_to_PEM_cert(stream.getpeercert(binary_form=True)))


def asked(folder):
    path = folder / "asked"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_certificates_by_an_intermediate_and_by_a_command(host, play, ca, client):
    # Refused before anything is touched: a CA that can't sign this, a key of another, a command that refuses
    signed_by = {"docker_engine_server_ca_key": str(ca / "server" / "ca-key.pem")}
    by_command = {"docker_engine_server_ca_cert": str(ca / "root" / "ca.pem")}
    for given, said in (
        (
            {"docker_engine_server_ca_cert": str(ca / "client" / "ca.pem")} | signed_by,
            "serverAuth is not in its extended",
        ),
        (
            {"docker_engine_server_ca_command": [*SIGNER, str(ca / "server"), "fail"]} | by_command,
            "policy: no certificates",
        ),
        ({"docker_engine_server_ca_command": [*SIGNER, str(ca / "server"), "both"]} | by_command, "serverAuth alone"),
    ):
        assert said in play(host, ok=False, **given).message
        assert host.ssh("test -e /etc/docker || command -v dockerd", check=False).returncode, "the host was touched"
    assert all(one["rehearsal"] for one in asked(ca / "server"))

    # The key as content, which must show nowhere
    key = (ca / "server" / "ca-key.pem").read_text()
    first = play(host, arguments=["-vvv", "--diff"], docker_engine_server_ca_key=key)
    assert "PRIVATE KEY" not in first.text and key.splitlines()[1] not in first.text
    assert "Acme servers" in shown(host, client)["issuer"]
    assert docker(host, client, "version", "-f", "{{.Server.Version}}").stdout.strip() == first.facts["version"]
    pid = engine_pid(host)
    # Nothing needs signing, so no key is needed
    assert play(host).changed == 0 and engine_pid(host) == pid

    # By a command, of which the root alone is known: the chain that it prints is sent along
    before = len(asked(ca / "server"))
    command = {"docker_engine_server_ca_command": [*SIGNER, str(ca / "server")], **by_command}
    assert play(host, **command).changed == 0, "what was signed below the root is as good"
    renewed = play(host, docker_engine_certificate_life="30d", **command)
    assert (
        "may be valid for 30 days" in renewed.result("Read the state of the host and plan the changes")["changes"][0]
        and renewed.facts["action"] == "restart"
    )
    question = asked(ca / "server")[before:]
    assert [one["rehearsal"] for one in question] == [False], (
        "a running host is not touched before, so nothing is rehearsed"
    )
    assert question[0]["csr"] and host.address in question[0]["names"]
    look = shown(host, client)
    assert look["not_after"] == renewed.facts["certificate_not_after"] and host.address in look["names"]
    assert docker(host, client, "version").returncode == 0
    assert play(host, docker_engine_certificate_life="30d", **command).changed == 0


def refused(host, folder):
    """What the Engine says to who is not let in; nothing, if he is."""
    done = docker(host, folder, "version", check=False)
    return done.stderr if done.returncode else ""


def holding(body, *folders):
    """Files in which a part of a key stands."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if body in path.read_text(errors="replace")]


def test_a_fleet_whose_certificates_others_sign(host, ansible, store, ca, tmp_path):
    """Servers' by a command, clients' by an intermediate whose key comes as a credential of AWX would bring it."""
    machine = {
        "driver": "generic",
        "options": {"address": host.address},
        "ssh_user": host.user,
        "ssh_key": str(host.key),
    }
    fleet = {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": {"web": machine}}}
    given = {
        "machine_server_ca_cert": str(ca / "root" / "ca.pem"),
        "machine_server_ca_command": [*SIGNER, str(ca / "server")],
        "machine_client_ca_cert": str(ca / "client" / "ca.pem"),
        "machine_client_ca_key": "{{ lookup('env', 'CLIENT_CA_KEY') }}",
        "machine_certificate_life": "90d",
    }
    secret = (ca / "client" / "ca-key.pem").read_text()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {"CLIENT_CA_KEY": secret, "TMPDIR": str(scratch)}

    def create(*arguments, **more):
        return ansible.playbook("create_hosts", {**fleet, **more}, *arguments, env=environment)

    wrong = create(**given | {"machine_client_ca_cert": str(ca / "server" / "ca.pem")}).failed()
    assert "clientAuth is not in its extended key usage" in wrong.messages and not (store / "machines").exists()

    made = create("-vvv", "--diff", **given).ok()
    body, pair = secret.splitlines()[1], store / "machines" / "shop-web-0"
    assert body not in made.stdout + made.stderr
    assert holding(body, store, ansible.folder, scratch) == []
    assert [path.name for path in (store / "ca").glob("*key*")] == ["client-key.pem"]
    assert docker(host, pair, "version").returncode == 0
    assert (shown(host, pair)["issuer"], _tls.inspect((pair / "cert.pem").read_text())["issuer"]) == (
        "CN=Acme servers",
        "CN=Acme clients",
    )
    listed = ansible.playbook("list_hosts", {"machine_store": str(store)}, env=environment).ok()
    info = listed.result(action="machine_info")
    ends = {one["kind"]: (one["machine"], one["days_left"], one["due"]) for one in info["certificates"]}
    assert ends == {
        "engine": ("shop-web-0", 89, False),
        "client": (None, 49, False),
        "server_ca": (None, 999, False),
        "client_ca": (None, 49, True),
    }
    assert "the client CA expires on" in info["warnings"][0] and "machine_rotate=ca" in info["warnings"][0]
    assert [one["kind"] for one in listed.custom_stats["machine_certificates_due"]] == ["client_ca"]
    assert info["machines"][0]["host_vars"]["machine_certificate_days_left"] == 89
    # Nothing is to be signed, so nothing of the CAs is needed
    assert create(machine_certificate_life="90d").ok().changed == 0


def test_a_certificate_for_a_person_and_one_that_ends(host, play, ansible, ca, tmp_path):
    play(host, docker_engine_server_ca_key=str(ca / "server" / "ca-key.pem"))
    given = {
        "machine_store": str(tmp_path / "none"),
        "machine_server_ca_cert": str(ca / "root" / "ca.pem"),
        "machine_client_ca_cert": str(ca / "client" / "ca.pem"),
    }
    # The key by the environment, as a credential of AWX has it; and by a command
    secret = (ca / "client" / "ca-key.pem").read_text()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    by_key = {**given, "machine_client_ca_key": "{{ lookup('env', 'CLIENT_CA_KEY') }}"}
    environment = {"CLIENT_CA_KEY": secret, "TMPDIR": str(scratch)}

    def certify(name, folder, more=None, **options):
        variables = {**(more or by_key), "machine_client_name": name, "machine_client_folder": folder}
        variables.update({f"machine_client_{key}": value for key, value in options.items()})
        return ansible.playbook("client_certificate", variables, "-vvv", "--diff", cwd=tmp_path, env=environment).ok()

    command = {**given, "machine_client_ca_command": [*SIGNER, str(ca / "client")]}
    ending = {**given, "machine_client_ca_command": [*SIGNER, str(ca / "client"), "short"]}
    short = certify("job", "job", ending, life="1h")
    assert refused(host, tmp_path / "job") == "", short
    made = certify("jo", "jo", subject={"O": "Acme"})
    assert made.result(action="client_certificate")["subject"] == "CN=jo,O=Acme" and made.changed == 1
    assert refused(host, tmp_path / "jo") == ""
    assert certify("jo", "jo", subject={"O": "Acme"}).changed == 0
    assert oct((tmp_path / "jo" / "key.pem").stat().st_mode)[-3:] == "600"

    key = _tls.new_key()
    (tmp_path / "ann.csr").write_text(_tls.new_request({"CN": "ann"}, (), key))
    certify("ann", "ann", command, csr="ann.csr")
    assert not (tmp_path / "ann" / "key.pem").exists()
    (tmp_path / "ann" / "key.pem").write_text(key)
    assert refused(host, tmp_path / "ann") == ""

    # Nothing of the key is left anywhere, nor was it said
    body = secret.splitlines()[1]
    assert body not in made.stdout + made.stderr and "PRIVATE KEY" not in made.stdout
    assert holding(body, ansible.folder, scratch) == []
    assert not (tmp_path / "none").exists()

    # One that has ended is refused, by the Engine's own clock; the others are not
    assert "bad certificate" in until(lambda: refused(host, tmp_path / "job"), "the certificate ends", 60, pause=0.5)
    assert "certificate has expired" in host.out("journalctl -u docker.service -o cat -n 50")
    assert refused(host, tmp_path / "jo") == ""


@pytest.mark.long
def test_the_cas_are_rotated_with_the_role_alone(bed, collections, tmp_path):
    """As docs/certificates.md tells it for hosts without the store."""
    old, new = (Authority(tmp_path / name).make() for name in ("old", "new"))
    play = Player(tmp_path, collections, old.variables())
    host = bed.host()
    before, after = old.folder / "client", new.folder / "client"
    try:
        play(host)
        container = start_container(host, before, tmp_path / "busybox.tar")
        running = container_pid(host, before, container)

        def step(servers, clients, key):
            """One run over the hosts, with what its two bundles are made of."""
            for name, cas in (("server-ca.pem", servers), ("client-ca.pem", clients)):
                (tmp_path / name).write_text("".join(ca.pem(name) for ca in cas))
            given = {
                "docker_engine_server_ca_cert": str(tmp_path / "server-ca.pem"),
                "docker_engine_server_ca_key": str(key.folder / "server-ca-key.pem"),
                "docker_engine_client_ca_cert": str(tmp_path / "client-ca.pem"),
                "docker_engine_rotate": "ca",
            }
            done = play(host, **given)
            assert play(host, **given).changed == 0
            assert container_pid(host, before if old in clients else after, container) == running
            return done

        # Engines trust both first, with the certificate that they have
        both = step([old], [old, new], old)
        assert both.facts["action"] == "restart" and not refused(host, before)
        # Then clients do, and get their new certificate; Engines get theirs by the new CA
        trusting = old.pem("server-ca.pem") + new.pem("server-ca.pem")
        for folder in (before, after):
            (folder / "ca.pem").write_text(trusting)
        assert not refused(host, after), "each certificate is good while both are trusted"
        issued = step([new, old], [old, new], new)
        assert "issue a certificate" in " ".join(
            issued.result("Read the state of the host and plan the changes")["changes"]
        )
        assert not refused(host, before) and not refused(host, after)
        # At last the old ones are refused, on both sides
        (after / "ca.pem").write_text(new.pem("server-ca.pem"))
        step([new], [new], new)
        assert not refused(host, after) and refused(host, before)
        (before / "ca.pem").write_text(old.pem("server-ca.pem"))
        assert "certificate signed by unknown authority" in refused(host, before)
        # A run of the whole role goes on from there
        assert play(host, **new.variables()).changed == 0
    finally:
        bed.remove(host)
