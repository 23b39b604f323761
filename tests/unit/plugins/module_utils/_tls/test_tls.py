# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from tests.beds import pki

NAMES = ["web1", "10.0.0.7", "fd00::1", "web1.example.org"]


@pytest.fixture(scope="module")
def server_ca():
    return _tls.new_ca("server CA")


@pytest.fixture(scope="module")
def client_ca():
    return _tls.new_ca("client CA")


def moment(iso):
    return datetime.datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)


def key_ids(certificate):
    """Its own, and its issuer's."""
    own, issuers = (
        certificate.extensions.get_extension_for_class(kind).value
        for kind in (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    )
    return [own.digest, issuers.key_identifier]


def request_for(key, names, ca):
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil")])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_ca_is_a_ca_of_ten_years_with_its_own_subject(server_ca):
    certificate = x509.load_pem_x509_certificate(server_ca[1].encode())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    look = _tls.inspect(server_ca[1])
    assert len(set(key_ids(certificate))) == 1
    assert (moment(look["not_after"]) - moment(look["not_before"])).days == 3652
    assert _tls.inspect(_tls.new_ca("server CA")[1])["subject"] != look["subject"]


def test_server_certificate_has_names_and_addresses_and_one_purpose(server_ca):
    key, ca = server_ca
    pem = _tls.issue_server(ca, key, _tls.new_key(), NAMES)
    look = _tls.inspect(pem)
    assert sorted(look["names"]) == sorted(NAMES)
    assert look["usage"] == ["server"]
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert key_ids(certificate)[1] == key_ids(x509.load_pem_x509_certificate(ca.encode()))[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(names.get_values_for_type(x509.IPAddress)) == 2
    assert pki.issued_by(pem, ca)


def test_certificates_start_48_hours_ago(server_ca):
    look = _tls.inspect(_tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), ["a"]))
    age = datetime.datetime.now(datetime.timezone.utc) - moment(look["not_before"])
    assert datetime.timedelta(hours=47) < age < datetime.timedelta(hours=49)


def test_of_a_request_only_the_public_key_counts(server_ca):
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key, ["bank.example"], ca=True)
    pem = _tls.issue_server(server_ca[1], server_ca[0], request, ["web1"])
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert _tls.inspect(pem)["names"] == ["web1"]
    assert "evil" not in _tls.inspect(pem)["subject"]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert _tls.public_key_sha256(request) == _tls.inspect(pem)["public_key_sha256"]


def test_a_request_that_its_key_did_not_sign_is_refused(server_ca):
    lines = request_for(ec.generate_private_key(ec.SECP256R1()), ["web1"], ca=False)
    other = request_for(ec.generate_private_key(ec.SECP256R1()), ["web1"], ca=False)
    der = serialization.Encoding.DER
    one = x509.load_pem_x509_csr(lines.encode())
    forged = one.public_bytes(der).replace(
        one.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo),
        x509.load_pem_x509_csr(other.encode())
        .public_key()
        .public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    pem = x509.load_der_x509_csr(forged).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(_tls.TlsError, match="signature"):
        _tls.issue_server(server_ca[1], server_ca[0], pem, ["web1"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "Neither"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "Neither"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "not an unencrypted PEM private key"),
    ],
)
def test_what_is_no_key_is_refused_without_quoting_it(server_ca, value, said):
    with pytest.raises(_tls.TlsError, match=said) as caught:
        _tls.issue_server(server_ca[1], server_ca[0], value, ["web1"])
    assert "c2VjcmV0" not in str(caught.value)


def test_a_short_rsa_key_is_refused(server_ca):
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(_tls.TlsError, match="1024 bits"):
        _tls.issue_server(server_ca[1], server_ca[0], pem.decode(), ["web1"])


def test_a_key_of_another_ca_is_refused(server_ca, client_ca):
    with pytest.raises(_tls.TlsError, match="does not belong"):
        _tls.issue_server(server_ca[1], client_ca[0], _tls.new_key(), ["web1"])


@pytest.mark.parametrize("name", ["a b", "", "-x", "x..y", "a/b", "{{ 1 }}", "x" * 64, "10.0.0.256/8"])
def test_bad_names_are_refused(server_ca, name):
    with pytest.raises(_tls.TlsError):
        _tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), [name])


def test_no_names_is_refused(server_ca):
    with pytest.raises(_tls.TlsError, match="at least one"):
        _tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), [])


def test_names_are_spelt_one_way():
    assert _tls.normal_names(["Web1", "web1", "[FD00::0:1]", "fd00::1", "*.x.org"]) == ["web1", "fd00::1", "*.x.org"]


def test_an_address_is_what_clients_compare(server_ca):
    """With its zone it would lack in each certificate, which would be issued anew by each run."""
    names = ["fe80::1%eth0", "::ffff:192.0.2.7"]
    assert _tls.normal_names([*names, "192.0.2.7"]) == ["fe80::1", "192.0.2.7"]
    pem = _tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), names)
    assert _tls.needs_renewal(pem, names) is None


def test_client_certificate_is_for_clients_only(client_ca, server_ca):
    key = _tls.new_key()
    pem = _tls.issue_client(client_ca[1], client_ca[0], "alice", key)
    assert _tls.inspect(pem)["usage"] == ["client"]
    assert pki.issued_by(pem, client_ca[1]) and not pki.issued_by(pem, server_ca[1])
    assert _tls.public_key_sha256(key) == _tls.inspect(pem)["public_key_sha256"]


def test_a_certificate_ends_no_later_than_its_ca(monkeypatch):
    monkeypatch.setattr(_tls._issuing, "CA_LIFE", datetime.timedelta(days=30))
    key, ca = _tls.new_ca("short")
    pem = _tls.issue_server(ca, key, _tls.new_key(), ["web1"])
    assert _tls.inspect(pem)["not_after"] == _tls.inspect(ca)["not_after"]


@pytest.mark.parametrize("hours", [1, 20, 60, 2000])
def test_what_a_ca_signs_near_its_end_is_not_due_at_once(monkeypatch, hours):
    monkeypatch.setattr(_tls._issuing, "CA_LIFE", datetime.timedelta(hours=hours))
    key, ca = _tls.new_ca("short")
    pem = _tls.issue_server(ca, key, _tls.new_key(), ["web1"])
    assert _tls.inspect(pem)["not_after"] == _tls.inspect(ca)["not_after"]
    assert _tls.needs_renewal(pem, ["web1"]) is None


def test_renewal_by_time_and_names(server_ca):
    pem = _tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), ["web1", "10.0.0.7"])
    now = datetime.datetime.now(datetime.timezone.utc)
    assert _tls.needs_renewal(pem, ["10.0.0.7", "WEB1"], now) is None
    assert _tls.needs_renewal(pem, None, now + datetime.timedelta(days=240)) is None
    assert "third" in _tls.needs_renewal(pem, None, now + datetime.timedelta(days=250))
    assert "expired" in _tls.needs_renewal(pem, None, now + datetime.timedelta(days=366))
    assert "valid from" in _tls.needs_renewal(pem, None, now - datetime.timedelta(days=3))
    said = _tls.needs_renewal(pem, ["web1", "10.0.0.8"], now)
    assert said == "it lacks the names 10.0.0.8"
    assert _tls.needs_renewal(pem, ["web1"], now) is None, "a name too many is no reason for a restart"


def test_a_naive_time_is_utc(server_ca):
    pem = _tls.issue_server(server_ca[1], server_ca[0], _tls.new_key(), ["web1"])
    naive = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert _tls.needs_renewal(pem, None, naive) is None


def test_each_authority_has_its_own_key():
    files = _tls.new_authorities()
    assert sorted(files) == sorted(_tls.CA_FILES)
    keys = [_tls.public_key_sha256(files[f"{kind}-ca-key.pem"]) for kind in ("server", "client")]
    assert keys == [_tls.public_key_sha256(files[f"{kind}-ca.pem"]) for kind in ("server", "client")]
    assert len(set(keys)) == 2


def test_of_a_bundle_the_first_one_signs_and_the_order_of_the_rest_is_no_difference(server_ca, client_ca):
    both, turned = server_ca[1] + client_ca[1], client_ca[1] + server_ca[1]
    pem = _tls.issue_server(both, server_ca[0], _tls.new_key(), ["web1"])
    assert pki.issued_by(pem, server_ca[1]) and not pki.issued_by(pem, client_ca[1])
    assert _tls.same_certificates(both, turned) and not _tls.same_certificates(both, server_ca[1])
    assert not _tls.same_certificates(both, "no certificate")
    assert _tls.trust_id(both, both) == _tls.trust_id(server_ca[1], turned)
    assert len({_tls.trust_id(*one) for one in ((both, both), (turned, both), (both, server_ca[1]))}) == 3


@pytest.mark.parametrize("part", pki.DAMAGE)
def test_a_certificate_is_read_as_a_whole_or_not_at_all(part, client_ca):
    """The library reads most parts only when they are asked for."""
    text = pki.damaged(part)
    for read in (_tls.inspect, _tls.needs_renewal, _tls.public_key_sha256, _tls.first):
        with pytest.raises(_tls.TlsError, match="not a PEM certificate that can be read"):
            read(text)
    with pytest.raises(_tls.TlsError, match="not a PEM certificate that can be read"):
        _tls.trust_id(client_ca[1], client_ca[1] + text)
    assert not _tls.same_certificates(text, client_ca[1])


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(_tls._keys, "CRYPTOGRAPHY_ERROR", "Traceback ...")
    with pytest.raises(_tls.TlsError, match="pip install .cryptography"):
        _tls.new_key()


def handshake(tmp_path, server_ca, client_ca, client):
    """One TLS connection as between Engine and client; what the server read, or the error."""
    key = _tls.new_key()
    files = {
        "key": key,
        "cert": _tls.issue_server(server_ca[1], server_ca[0], key, ["localhost", "127.0.0.1"]),
        "server-ca": server_ca[1],
        "client-ca": client_ca[1],
        "client-key": client[0],
        "client-cert": client[1],
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    accept = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accept.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    accept.verify_mode = ssl.CERT_REQUIRED
    accept.load_verify_locations(tmp_path / "client-ca")
    connect = ssl.create_default_context(cafile=str(tmp_path / "server-ca"))
    connect.load_cert_chain(tmp_path / "client-cert", tmp_path / "client-key")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    result = []

    def serve():
        try:
            with accept.wrap_socket(listener.accept()[0], server_side=True) as stream:
                result.append(stream.recv(10))
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname(), timeout=10) as raw,
            connect.wrap_socket(raw, server_hostname="127.0.0.1") as stream,
        ):
            stream.send(b"ping")
    except OSError:
        pass
    finally:
        thread.join(20)
        listener.close()
    return result[0]


def test_mutual_tls_works(tmp_path, server_ca, client_ca):
    key = _tls.new_key()
    pem = _tls.issue_client(client_ca[1], client_ca[0], "alice", key)
    assert handshake(tmp_path, server_ca, client_ca, (key, pem)) == b"ping"


def test_a_servers_certificate_is_no_clients(tmp_path, server_ca, client_ca):
    key = _tls.new_key()
    pem = _tls.issue_server(server_ca[1], server_ca[0], key, ["web2"])
    assert isinstance(handshake(tmp_path, server_ca, client_ca, (key, pem)), ssl.SSLError)
