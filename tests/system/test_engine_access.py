# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches an Engine, and who does not: certificates, versions of TLS, firewalls; and what passes over the wire.

One host for all: its first run and a renewal are recorded, and the tests after that find TLS as it is by default, but for those of firewalls.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import ssl
import sys
import threading
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _benchmark as benchmark
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _firewalls
from tests.beds import pki
from tests.beds._base import run, until
from tests.beds._engine import BRIDGE
from tests.beds.engine import engine_pid

KEY = "/etc/docker/tls/key.pem"
# With TLS 1.3 the client learns of it after its own handshake: by an alert, or by the end of the connection.
REFUSED = ("SSLError", "SSLEOFError", "ConnectionResetError", "BrokenPipeError", "RemoteDisconnected")
# A firewall says nothing: whoever is not let in waits. Those who are let in answer in milliseconds.
SILENCE = 2
RECORDER = """#!{python}
import os, subprocess, sys, threading

process = subprocess.Popen([{real!r}, *sys.argv[1:]], stdin=-1, stdout=-1, stderr=-1)


def copy(source, target, name):
    with open(os.path.join({folder!r}, f"{{os.getpid()}}-{{name}}"), "wb", buffering=0) as record:
        while data := os.read(source, 65536):
            record.write(data)
            while data:
                data = data[os.write(target, data) :]
    os.close(target)


streams = ((0, process.stdin.fileno(), "in"), (process.stdout.fileno(), 1, "out"), (process.stderr.fileno(), 2, "err"))
threads = [threading.Thread(target=copy, args=stream, daemon=True) for stream in streams]
for thread in threads:
    thread.start()
status = process.wait()
for thread in threads[1:]:
    thread.join(60)
os._exit(status)
"""


class Recorded(t.NamedTuple):
    host: t.Any
    first: t.Any
    renewed: t.Any
    everything: bytes


@pytest.fixture(scope="module")
def recorded(bed, play, authority, tmp_path_factory):
    """A host with its three firewalls installed and none active, and all that passed when the role ran there first, and when it renewed."""
    host = bed.host()
    host.ssh(
        "systemctl mask -q firewalld && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install"
        " --no-install-recommends ufw firewalld nftables >/dev/null",
        limit=900,
    )
    folder = tmp_path_factory.mktemp("recorded")
    variables = {"ansible_ssh_args": "-o ControlMaster=no"}
    for name in ("ssh", "scp", "sftp"):
        script = folder / f"recording-{name}"
        real = shutil.which(name)
        script.write_text(RECORDER.format(python=sys.executable, real=real, folder=str(folder)))
        script.chmod(0o755)
        variables[f"ansible_{name}_executable"] = str(script)
    first = play(host, **variables)
    # The same CA, by a command, for which the host makes a signing request of its key
    for name in ("ca.pem", "ca-key.pem"):
        (folder / name).write_text(authority.pem(f"server-{name}"))
    signer = [sys.executable, pki.__file__, str(folder)]
    by_command = {"docker_engine_server_ca_key": "", "docker_engine_server_ca_command": signer}
    renewed = play(host, docker_engine_certificate_life="30d", **by_command, **variables)
    everything = b"".join(path.read_bytes() for path in sorted(folder.glob("*-in")) + sorted(folder.glob("*-out")))
    everything += b"".join(path.read_bytes() for path in folder.glob("*-err"))
    yield Recorded(host, first, renewed, everything)
    bed.remove(host)


@pytest.fixture(scope="module")
def engine_host(recorded):
    return recorded.host


@pytest.fixture(scope="module")
def elsewhere():
    """Another address to come from, which is not the controller's."""
    address = f"198.51.100.{os.getpid() % 250 + 2}"
    run("ip", "address", "replace", f"{address}/32", "dev", BRIDGE)
    yield address
    run("ip", "address", "delete", f"{address}/32", "dev", BRIDGE, check=False)


class Six(t.NamedTuple):
    """The host's address, one of the network that is let in, and one that is not."""

    address: str
    given: str
    other: str


@pytest.fixture(scope="module")
def over_ipv6(engine_host):
    number = f"{os.getpid() % 65000 + 1:x}"
    six = Six(f"2001:db8::{number}:1", f"2001:db8::{number}:2", f"2001:db8:1::{number}:2")
    ours = [("address", f"{six.given}/128"), ("address", f"{six.other}/128"), ("route", f"{six.address}/128")]
    off = "sysctl -q -w net.ipv6.conf.all.disable_ipv6={0} net.ipv6.conf.eth0.disable_ipv6={0}"
    engine_host.ssh(
        f"mount -o remount,rw /proc/sys; {off.format(0)}; ip -6 address add {six.address}/128 dev eth0 nodad;"
        " ip -6 route replace 2001:db8::/31 dev eth0"
    )
    run("sysctl", "-q", "-w", f"net.ipv6.conf.{BRIDGE}.disable_ipv6=0")
    for what, value in ours:
        run("ip", "-6", what, "replace", value, "dev", BRIDGE, *(["nodad"] if what == "address" else []))
    yield six
    for what, value in reversed(ours):
        run("ip", "-6", what, "delete", value, "dev", BRIDGE, check=False)
    engine_host.ssh(off.format(1))


def tls(authority, client=None, **attributes):
    context = ssl.create_default_context(cafile=str(authority.folder / "server-ca.pem"))
    if client:
        context.load_cert_chain(client / "cert.pem", client / "key.pem")
    for name, value in attributes.items():
        setattr(context, name, value)
    return context


def ping(host, context=None, source="", limit=20.0, address="", port=2376):
    """What the port answers to /_ping: a status, or the error."""
    where: dict[str, t.Any] = {"timeout": limit, "source_address": (source, 0) if source else None}
    try:
        if context is None:
            connection = http.client.HTTPConnection(address or host.address, port, **where)
        else:
            connection = http.client.HTTPSConnection(address or host.address, port, context=context, **where)
        with contextlib.closing(connection):
            connection.request("GET", "/_ping")
            return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return error


def name_of(answer):
    return answer if isinstance(answer, int) else type(answer).__name__


def issue(authority, which, folder, usage, names=(), start=-1, end=1):
    """A certificate as no one of ours would issue it: days from now, any usage, from one of our CAs."""
    key = ec.generate_private_key(ec.SECP256R1())
    ca = x509.load_pem_x509_certificate(authority.pem(f"{which}-ca.pem").encode())
    now = datetime.datetime.now(datetime.timezone.utc)
    alternatives = [_tls.general_name(name) for name in names] or [x509.DNSName("nobody")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=start))
        .not_valid_after(now + datetime.timedelta(days=end))
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(_tls.load_signing_key(authority.pem(f"{which}-ca-key.pem"), "key"), hashes.SHA256())
    )
    folder.mkdir()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_text(_tls.key_pem(key))
    (folder / "ca.pem").write_text(authority.pem("server-ca.pem"))
    return folder


# -- the wire


def forms_of(pem: str) -> dict[str, bytes]:
    """A private key as it could pass: whole, as its number alone, and each of that in the usual spellings."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    whole = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    number = key.private_numbers().private_value.to_bytes(32, "big")
    forms = {"a line of the file": pem.splitlines()[1].encode()}
    for name, data in (("whole", whole[: -len(whole) // 3]), ("number", number)):
        forms[name] = data
        forms[f"{name} in hex"] = data.hex().encode()
        for shift in range(3):
            # Where it begins within base64's groups of three is not known, so what depends on that is left off.
            forms[f"{name} in base64 +{shift}"] = base64.b64encode(bytes(shift) + data)[4:-4]
    return forms


def found_in(data: bytes, pem: str) -> list[str]:
    return [name for name, form in forms_of(pem).items() if form in data or form in data.lower()]


def test_the_server_s_key_never_crosses_the_wire(recorded):
    host = recorded.host
    pem = host.bed.engine.docker("exec", host.container, "cat", KEY)  # not over the wire that is watched
    public = host.bed.engine.docker("exec", host.container, "openssl", "pkey", "-in", KEY, "-pubout")
    assert public.splitlines()[1].encode() in recorded.everything, "the recording lacks what did pass"
    issued = [run.result("Issue the certificate")["certificate"] for run in (recorded.first, recorded.renewed)]
    requested = recorded.renewed.result("Create the private key")["csr"]
    assert issued[0] != issued[1] and _tls.public_key_sha256(requested) == _tls.public_key_sha256(pem)
    for passed in (*issued, requested):
        assert passed.splitlines()[1].encode() in recorded.everything
    assert found_in(recorded.everything, pem) == []
    # And would it be seen?
    whole = base64.b64decode("".join(pem.splitlines()[1:-1]))
    for leak in (pem.encode(), whole, whole.hex().encode(), base64.b64encode(b"x" + whole)):
        assert found_in(recorded.everything[:100000] + leak + b"...", pem)
    assert "PRIVATE KEY" not in recorded.first.text + recorded.renewed.text
    assert b"PRIVATE KEY" not in recorded.everything
    modes = host.out(f"stat -c '%a %U %n' /etc/docker/tls {KEY} /etc/docker/tls/cert.pem /etc/docker/tls/ca.pem")
    assert [line.split()[:2] for line in modes.splitlines()] == [
        ["700", "root"],
        ["400", "root"],
        ["444", "root"],
        ["444", "root"],
    ]


# -- certificates


def test_who_has_no_certificate_of_the_ca_is_refused(engine_host, authority, client, tmp_path):
    own = ExtendedKeyUsageOID.CLIENT_AUTH
    contexts = {
        "plain HTTP": None,
        "no certificate": tls(authority),
        "another CA": tls(authority, authority.client("stranger", *reversed(_tls.new_ca("elsewhere")))),
        "the CA of servers": tls(authority, issue(authority, "server", tmp_path / "server", own)),
        "expired": tls(authority, issue(authority, "client", tmp_path / "old", own, start=-9, end=-1)),
        "not yet valid": tls(authority, issue(authority, "client", tmp_path / "new", own, start=1, end=9)),
        "a server's": tls(authority, issue(authority, "client", tmp_path / "usage", ExtendedKeyUsageOID.SERVER_AUTH)),
    }
    for state in ("running", "only the socket is up"):
        for name, context in contexts.items():
            if state != "running":
                if name not in ("plain HTTP", "no certificate", "another CA"):
                    continue
                # Each knock starts the Engine, so the next one has to find it stopped again.
                engine_host.ssh("systemctl stop docker.service && systemctl reset-failed docker.service")
                assert engine_host.out("systemctl is-active docker.socket") == "active"
            answer = ping(engine_host, context)
            assert answer == 400 if context is None else name_of(answer) in REFUSED, (state, name, answer)
        assert ping(engine_host, tls(authority, client)) == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("newest", "answer"), [("TLSv1", None), ("TLSv1_1", None), ("TLSv1_2", 200), ("TLSv1_3", 200)])
def test_tls_1_2_is_the_least(engine_host, authority, client, newest, answer):
    context = tls(authority, client)
    # OpenSSL itself has the old versions off, unless it is asked to be careless.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, newest)
    said = ping(engine_host, context)
    if answer:
        assert said == answer
    else:
        assert "ALERT_PROTOCOL_VERSION" in str(said), "the Engine has to refuse it, not this side"


def test_a_client_refuses_who_is_not_that_engine(engine_host, authority, client, tmp_path):
    """Wrong host, an expired certificate, and a client's certificate on the server's side."""
    with (
        socket.create_connection((engine_host.address, 2376), timeout=20) as raw,
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch|Hostname mismatch"),
    ):
        tls(authority, client).wrap_socket(raw, server_hostname="192.0.2.250")

    server, own = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    pretenders = (
        (issue(authority, "server", tmp_path / "good", server, ["127.0.0.1"]), None, ""),
        (issue(authority, "server", tmp_path / "usage", own, ["127.0.0.1"]), "purpose", "incompatible key usage"),
        (issue(authority, "client", tmp_path / "client", server, ["127.0.0.1"]), "verify failed", "unknown authority"),
        (issue(authority, "server", tmp_path / "old", server, ["127.0.0.1"], -9, -1), "expired", "expired"),
        (issue(authority, "server", tmp_path / "name", server, ["192.0.2.250"]), "mismatch", "192.0.2.250"),
    )
    for folder, by_python, by_docker in pretenders:
        with pretending(folder) as port:
            answer = ping(None, tls(authority, client), address="127.0.0.1", port=port)
            asked = run(
                *("docker", "--tlsverify", f"--tlscacert={client / 'ca.pem'}", f"--tlscert={client / 'cert.pem'}"),
                *(f"--tlskey={client / 'key.pem'}", "-H", f"tcp://127.0.0.1:{port}", "version"),
                check=False,
            )
        assert answer == 200 if by_python is None else by_python in str(answer), (folder.name, answer)
        assert by_docker in asked.stderr, (folder.name, asked.stderr)


@contextlib.contextmanager
def pretending(folder: pathlib.Path) -> t.Iterator[int]:
    """A server on this machine that shows a certificate and answers 200 to all who take it; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    raw = listener.accept()[0]
                except OSError:
                    return
                with contextlib.suppress(OSError), raw, context.wrap_socket(raw, server_side=True) as stream:
                    stream.recv(4096)
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)


HOSTILE = """#!/usr/bin/python3
import json, subprocess, sys
done = subprocess.run(["/usr/bin/python3", *sys.argv[1:]], stdin=sys.stdin, stdout=subprocess.PIPE)
try:
    said = json.loads(done.stdout)
    request = open("/root/request.pem").read()
    if said.get("tls"):
        said["tls"]["public_key"] = request
        said["host"]["hostname"] = "victim"
        said["host"]["addresses"] += ["192.0.2.66"]
    if "public_key" in said:
        said["public_key"] = request
    print(json.dumps(said))
except ValueError:
    sys.stdout.buffer.write(done.stdout)
sys.exit(done.returncode)
"""


def test_a_hostile_host_gets_the_controller_s_own_contents(engine_host, play, authority, client, tmp_path):
    """It answers with a signing request for a CA, a client and another host, and says that it is that host."""
    engine_host.ssh(f"cat > /usr/local/bin/hostile <<'END'\n{HOSTILE}END\nchmod 755 /usr/local/bin/hostile")
    engine_host.ssh(
        f"openssl req -new -key {KEY} -subj '/CN=victim/O=system:masters' -out /root/request.pem"
        " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign"
        " -addext extendedKeyUsage=clientAuth -addext subjectAltName=DNS:victim,DNS:evil.example.org,IP:192.0.2.66"
    )
    engine_host.ssh("rm /etc/docker/tls/cert.pem")
    inventory = tmp_path / "victim.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"victim": {"ansible_host": "192.0.2.66"}}}}))
    played = play(
        engine_host,
        arguments=["-i", str(inventory), "--limit", engine_host.name],
        ansible_python_interpreter="/usr/local/bin/hostile",
    )
    assert "This host says that it is 192.0.2.66, which is victim" in played.text
    issued = x509.load_pem_x509_certificate(played.result("Issue the certificate")["certificate"].encode())
    extension = issued.extensions.get_extension_for_class
    assert extension(x509.BasicConstraints).value.ca is False
    assert list(extension(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extension(x509.KeyUsage).value.key_cert_sign is False
    assert issued.subject.rfc4514_string() == f"CN={engine_host.address}"
    names = _tls.names_in(issued)
    assert engine_host.address in names and not {"victim", "evil.example.org", "192.0.2.66"} & set(names)
    assert issued.not_valid_after_utc - issued.not_valid_before_utc == _tls.CERTIFICATE_LIFE + _tls.BACKDATE
    assert ping(engine_host, tls(authority, client)) == 200


# -- addresses


def names_of(host, authority, client):
    with (
        socket.create_connection((host.address, 2376), timeout=20) as raw,
        tls(authority, client).wrap_socket(raw, server_hostname=host.address) as stream,
    ):
        return _tls.inspect(ssl.DER_cert_to_PEM_cert(stream.getpeercert(binary_form=True)))["names"]


def test_names_follow_the_host_s_addresses(engine_host, play, authority, client):
    """A new address on the host renews the certificate; one for the day and one on its way out don't."""
    add = (
        "mount -o remount,rw /proc/sys; sysctl -q -w net.ipv6.conf.all.disable_ipv6=0"
        " net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.use_tempaddr=2;"
        " ip -6 route replace default via fe80::1 dev eth0; ip address add 192.0.2.77/32 dev eth0;"
        " ip -6 address add 2001:db8::5054:ff:fe12:3456/64 dev eth0 mngtmpaddr nodad valid_lft 3600 preferred_lft 1800;"
        " ip -6 address add 2001:db8::d/64 dev eth0 nodad preferred_lft 0"
    )
    gone = (
        "ip address delete 192.0.2.77/32 dev eth0; ip -6 address flush dev eth0 scope global;"
        " sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.eth0.disable_ipv6=1"
    )
    engine_host.ssh(add)
    try:
        assert "temporary" in engine_host.out("ip -6 address show dev eth0 temporary"), "the host has no such address"
        played = play(engine_host)
        assert played.facts["action"] == "restart"
        names = names_of(engine_host, authority, client)
        assert {"192.0.2.77", "2001:db8::5054:ff:fe12:3456"} <= set(names)
        assert sum(":" in name for name in names) == 1, names
        assert play(engine_host).changed == 0
    finally:
        engine_host.ssh(gone)


def test_it_listens_on_the_given_addresses_only(engine_host, play, authority, client):
    play(engine_host, docker_engine_listen=[engine_host.address, "192.0.2.78"])
    asked = "curl -s -o /dev/null -w '%{{http_code}}' --max-time 10 http://{}:2376/_ping || true"
    assert ping(engine_host, tls(authority, client)) == 200
    assert engine_host.out(asked.format("127.0.0.1")) == "000", "it listens elsewhere as well"
    engine_host.ssh("ip address add 192.0.2.78/32 dev lo")
    try:
        assert engine_host.out(asked.format("192.0.2.78")) == "400", "an address that comes later is listened on"
        assert "192.0.2.78" in names_of(engine_host, authority, client)
        assert play(engine_host, docker_engine_listen=[engine_host.address, "192.0.2.78"]).changed == 0
    finally:
        engine_host.ssh("ip address delete 192.0.2.78/32 dev lo")
    assert play(engine_host).facts["action"] == "cycle"
    assert engine_host.out(asked.format("127.0.0.1")) == "400"


# -- the CIS Docker Benchmark


def ask(host, play, folder, module, **arguments):
    """What a module says on the host."""
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {host.name: host.variables()}}}))
    said = run(
        *(str(pathlib.Path(sys.executable).with_name("ansible")), "-i", str(inventory)),
        *("all", "-m", f"dockyard.machine.{module}", "-a", json.dumps(arguments)),
        env=play.environment() | {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"},
    ).stdout
    (result,) = json.loads(said)["plays"][0]["tasks"][0]["hosts"].values()
    return result


def test_the_benchmark_passes_but_for_what_has_a_reason(engine_host, play, tmp_path):
    result = ask(engine_host, play, tmp_path, "engine_benchmark", accepted=["2.2"])
    failing = {item["id"] for item in result["checks"] if item["status"] == "fail"}
    assert failing <= {item.id for item in benchmark.ITEMS if item.reason}, result["checks"]
    # What any host of this kind lacks; the rest depends on the distribution's programs.
    assert failing > {"1.1.3", "2.1", "2.2", "2.8", "2.9", "2.12", "2.13", "2.14", "2.16"}
    assert set(result["failing"]) == failing - {"2.2"}
    passing = {item["id"] for item in result["checks"] if item["status"] == "pass"}
    assert passing >= {"2.3", "2.4", "2.5", "2.6", "2.7", "2.15", "2.17", "2.18"}
    assert passing >= {f"3.{number}" for number in (*range(1, 7), *range(9, 19), 23, 24)}, result["checks"]


# -- firewalls


def test_a_list_that_nothing_can_enforce_is_an_error(engine_host, play, elsewhere):
    if engine_host.out("test -e /sys/fs/cgroup/cgroup.controllers && echo 2 || echo 1") == "2":
        assert play(engine_host, docker_engine_allow=[elsewhere]).facts["enforced_by"] == ["systemd"]
        return
    before = engine_host.out("find /etc/docker /etc/systemd -type f -printf '%p %T@\\n' | sort")
    failed = play(engine_host, ok=False, docker_engine_allow=[elsewhere])
    assert f"docker_engine_allow is {elsewhere}" in failed.message and "cgroup v1" in failed.message
    assert engine_host.out("find /etc/docker /etc/systemd -type f -printf '%p %T@\\n' | sort") == before


def test_a_trial_tells_whether_systemd_filters(engine_host):
    """systemd 252 does, also in the tree of cgroup v2 that it has beside those of v1; the role relies on v2 alone."""
    trial = ["/usr/bin/python3" if word == sys.executable else word for word in _firewalls.TRIAL]
    assert engine_host.ssh(shlex.join(trial), check=False).returncode == _firewalls.REFUSED
    without = [word for word in trial if "IPAddressDeny" not in word]
    assert engine_host.ssh(shlex.join(without), check=False).returncode == 0


RULESET = """\
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto ipv6-icmp accept
        tcp dport 22 accept
    }
}
"""
RULES = """\
*filter
:INPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
COMMIT
"""
# How each is switched on and off, and what shows its rules
FIREWALLS = {
    "ufw": ("ufw allow 22/tcp && ufw --force enable", "ufw --force disable", "ufw status"),
    "firewalld": (
        "systemctl unmask -q firewalld && systemctl start firewalld",
        "systemctl stop firewalld",
        "firewall-cmd --permanent --list-all-policies; firewall-cmd --zone=public --list-all;"
        " firewall-cmd --policy=dockyard-engine --list-rich-rules | grep 2376",
    ),
    "nftables": (
        f"printf '{RULESET}' > /etc/nftables.conf && systemctl restart nftables",
        "systemctl stop nftables",
        "nft list table inet filter; nft list tables | grep dockyard",
    ),
    "iptables": (
        "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install iptables-persistent >/dev/null &&"  # in the place of ufw
        f" printf '{RULES}' | tee /etc/iptables/rules.v4 >/etc/iptables/rules.v6 && systemctl restart netfilter-persistent",
        "systemctl stop netfilter-persistent; iptables -P INPUT ACCEPT; ip6tables -P INPUT ACCEPT",
        "for it in iptables ip6tables; do $it -S INPUT; $it -S | grep DOCKYARD; done; ls /etc/docker/dockyard.*tables"
        " /etc/systemd/system/netfilter-persistent.service.d/*",
    ),
}

# Whatever lets somebody to port 2376 who is not in the list
RULES_OF_OTHERS = r"""
printf '[An Engine]\ntitle=An Engine\ndescription=Of others\nports=2375,2376/tcp|2376/udp\n' > /etc/ufw/applications.d/engine
ufw allow 2376/tcp && ufw allow log 2376 && ufw limit 2375:2377/tcp && ufw allow from 198.51.100.0/24 &&
ufw allow in on eth9 log-all from any to any port 2376 && ufw allow 'An Engine' && ufw allow from any app 'An Engine' to any &&
ufw allow proto tcp from 2001:db8:1::/48 port 53 to 2001:db8::/64 port 22,2376 && ufw allow in on eth9
"""

RESTORED = {
    "nftables": "systemctl daemon-reload; systemctl reload nftables",
    "iptables": "netfilter-persistent save; systemctl daemon-reload; systemctl restart netfilter-persistent",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "iptables" else []) for name in FIREWALLS]
)
def test_the_port_is_open_to_given_sources_only(
    engine_host, play, authority, client, elsewhere, over_ipv6, name, tmp_path
):
    on, off, show = FIREWALLS[name]
    us = host_side(engine_host)
    nameless = tls(authority, client, check_hostname=False)
    engine_host.ssh(on)
    try:
        before = engine_host.ssh(show, check=False).stdout
        if name == "ufw":
            engine_host.ssh(RULES_OF_OTHERS)
            refused = play(engine_host, ok=False)
            engine_host.ssh(re.search(r"\((ufw delete .+?)\)", refused.message)[1])
            assert engine_host.ssh(show, check=False).stdout == before
        played = play(engine_host)
        assert played.facts["enforced_by"][-1] == name and played.facts["allow"] == [us]
        assert ping(engine_host, tls(authority, client)) == 200
        assert name_of(ping(engine_host, tls(authority, client), elsewhere, SILENCE)) == "TimeoutError"
        assert name_of(ping(engine_host, nameless, over_ipv6.given, SILENCE, over_ipv6.address)) == "TimeoutError"
        if name in RESTORED:
            # Ours comes again with the rules of others, once also if it has been saved with them.
            engine_host.ssh(RESTORED[name])
            if name == "iptables":
                assert play(engine_host).changed == 0
                # The manager of a user knows nothing of the system's services
                seen = ask(engine_host, play, tmp_path, "engine_info", rootless_user=engine_host.user)["firewalls"]
                assert seen["iptables"]["active"] and seen["iptables"]["families"]["iptables"]["jumps"]
            assert ping(engine_host, tls(authority, client)) == 200
            assert name_of(ping(engine_host, tls(authority, client), elsewhere, SILENCE)) == "TimeoutError"

        pid = engine_pid(engine_host)
        play(engine_host, docker_engine_allow=[elsewhere, "2001:db8::/64"])
        assert engine_pid(engine_host) == pid, "who is let in is no reason for a restart"
        assert name_of(ping(engine_host, tls(authority, client), us, SILENCE)) == "TimeoutError"
        assert ping(engine_host, tls(authority, client), elsewhere) == 200
        assert ping(engine_host, nameless, over_ipv6.given, address=over_ipv6.address) == 200
        assert name_of(ping(engine_host, nameless, over_ipv6.other, SILENCE, over_ipv6.address)) == "TimeoutError"
        with socket.create_connection((over_ipv6.address, 22), timeout=20, source_address=(over_ipv6.other, 0)):
            pass  # it gets to what is open to all
        assert play(engine_host, docker_engine_allow=[elsewhere, "2001:db8::/64"]).changed == 0

        play(engine_host, docker_engine_access="local")
        assert "2376" not in before
        # What firewalld calls permanent is what it has noticed so far of its files
        until(lambda: engine_host.ssh(show, check=False).stdout == before, "Others' rules are as they were")
    finally:
        engine_host.ssh(off)


def host_side(host):
    """The address that the host sees us come from."""
    with socket.create_connection((host.address, 22), timeout=20) as stream:
        return stream.getsockname()[0]


@pytest.mark.long
def test_iptables_rules_that_nothing_brings_back_are_named(engine_host, play):
    """A firewall by hand, whose service is not active: the port stays closed, and who runs the role is told why."""
    play(engine_host, docker_engine_access="local")
    try:
        engine_host.ssh("iptables -A INPUT -p tcp --dport 22 -j ACCEPT && iptables -A INPUT -j REJECT")
        told = play(engine_host, arguments=["--check"])
        assert "accept only what they name, and not port 2376" in told.text
        assert "netfilter-persistent" in told.text
    finally:
        engine_host.ssh("iptables -D INPUT -j REJECT; iptables -D INPUT -p tcp --dport 22 -j ACCEPT")
        play(engine_host)
