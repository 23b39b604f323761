# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities, and what they sign."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import typing as t

from ._keys import (
    TlsError,
    fingerprint,
    key_pem,
    load_certificate,
    load_certificates,
    load_public_key,
    load_signing_key,
    need_library,
    new_key,
    pem_of,
)
from ._names import distinguished_name, general_name, normal_names

with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if t.TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# A certificate that starts later than the other side's clock is refused, and fresh hosts' clocks are often behind.
BACKDATE = datetime.timedelta(hours=48)
BACKDATE_MOST = 1 / 2  # of its life, since a short one has to last for a while, too
CA_LIFE = datetime.timedelta(days=3650)
CERTIFICATE_LIFE = datetime.timedelta(days=365)
CA_FILES = ("server-ca.pem", "server-ca-key.pem", "client-ca.pem", "client-ca-key.pem")


def new_ca(common_name: str) -> tuple[str, str]:
    """A certificate authority of ten years: its private key and its certificate, both PEM.

    The subject carries a random serial number, since Go picks an issuer by subject: two authorities of
    the same name would shadow each other in a bundle.
    """
    need_library()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, os.urandom(8).hex()),
        ]
    )
    public = key.public_key()
    builder = (
        _builder(subject, subject, public, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return key_pem(key), pem_of(builder.sign(key, hashes.SHA256()))


def new_authorities() -> dict[str, str]:
    """A server CA and a client CA: name of file -> text."""
    server_key, server_cert = new_ca("dockyard server CA")
    client_key, client_cert = new_ca("dockyard client CA")
    return dict(zip(CA_FILES, (server_cert, server_key, client_cert, client_key), strict=True))


def trust_id(server_ca_pem: str, client_ca_pem: str) -> str:
    """Names what a host works with: who signs its certificate (the first one), and whose clients it accepts (all)."""
    need_library()
    signs = load_certificate(server_ca_pem, "The CA certificate").fingerprint(hashes.SHA256()).hex()
    accepted = sorted(fingerprints_of(client_ca_pem))
    return hashlib.sha256(" ".join([signs, *accepted]).encode()).hexdigest()[:32]


def same_certificates(one_pem: str, other_pem: str) -> bool:
    """Whether two bundles hold the same certificates, in whatever order."""
    need_library()
    try:
        return fingerprints_of(one_pem) == fingerprints_of(other_pem)
    except TlsError:
        return False


def share_certificates(one_pem: str, other_pem: str) -> bool:
    """Whether two bundles have a certificate in common."""
    need_library()
    try:
        return bool(fingerprints_of(one_pem) & fingerprints_of(other_pem))
    except TlsError:
        return False


def fingerprints_of(bundle_pem: str) -> set[str]:
    return {one.fingerprint(hashes.SHA256()).hex() for one in load_certificates(bundle_pem, "The CA certificate")}


def new_request(subject: t.Mapping[str, str], names: t.Iterable[str] = (), key_pem: str = "") -> str:
    """A signing request, of a key that is thrown away if none is given."""
    need_library()
    key = load_signing_key(key_pem or new_key(), "The key")
    builder = x509.CertificateSigningRequestBuilder().subject_name(distinguished_name(subject))
    general = [general_name(name) for name in names]
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def issue_client(
    ca_cert_pem: str,
    ca_key_pem: str,
    common_name: str,
    public_key_pem: str,
    life: datetime.timedelta | None = None,
    subject: t.Mapping[str, str] | None = None,
) -> str:
    """A client's certificate, of one year. The key is given as public key, signing request or private key."""
    wanted = distinguished_name({"CN": common_name[:64], **(subject or {})})
    return _issue(ca_cert_pem, ca_key_pem, wanted, public_key_pem, None, life)


def issue_server(
    ca_cert_pem: str,
    ca_key_pem: str,
    csr_or_public_key_pem: str,
    names: t.Iterable[str],
    life: datetime.timedelta | None = None,
) -> str:
    """A server's certificate, of one year, for these names; what is an IP address becomes one in the certificate."""
    wanted = normal_names(names)
    if not wanted:
        raise TlsError("A server's certificate needs at least one name or address")
    subject = distinguished_name({"CN": wanted[0][:64]})
    return _issue(ca_cert_pem, ca_key_pem, subject, csr_or_public_key_pem, wanted, life)


def _issue(
    ca_cert_pem: str,
    ca_key_pem: str,
    subject: x509.Name,
    key_pem: str,
    names: list[str] | None,
    life: datetime.timedelta | None,
) -> str:
    need_library()
    ca_cert = load_certificate(ca_cert_pem, "The CA certificate")
    ca_key = load_signing_key(ca_key_pem, "The CA key")
    if fingerprint(ca_cert.public_key()) != fingerprint(ca_key.public_key()):
        raise TlsError(f"The CA key does not belong to the CA certificate {ca_cert.subject.rfc4514_string()}")
    public = load_public_key(key_pem)
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if names is None else ExtendedKeyUsageOID.SERVER_AUTH
    # A certificate must not outlive its issuer, else the chain breaks before anything renews it.
    builder = (
        _builder(subject, ca_cert.subject, public, life or CERTIFICATE_LIFE, ca_cert.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_authority_key_id(ca_cert), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
    return pem_of(builder.sign(ca_key, hashes.SHA256()))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: CertificatePublicKeyTypes,
    life: datetime.timedelta,
    limit: datetime.datetime | None = None,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    end = min(now + life, limit) if limit else now + life
    # By what it really lives: one that its CA cuts short would be due for the next from its first moment on
    backdate = min(BACKDATE, (end - now) * BACKDATE_MOST) if end > now else BACKDATE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - backdate)
        .not_valid_after(end)
    )


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_id(ca_cert: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = ca_cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(t.cast("t.Any", ca_cert.public_key()))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
