# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for mutual TLS with Docker Engines: certificate authorities, signing and expiry.

Pure functions over PEM text. Of a CA's certificates the first one signs; those after it are trusted, too.

Servers and clients have certificate authorities of their own, so that a host's certificate is never
accepted as a client's. Of a signing request only the public key counts: subject, names, key usage and
basic constraints are decided here.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import re
import traceback
import typing as t

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    # What the library raises of a damaged certificate or signing request, much of it only when the part is asked for
    UNREADABLE: tuple[type[Exception], ...] = (
        ValueError,
        UnsupportedAlgorithm,
        InvalidSignature,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )
    CRYPTOGRAPHY_ERROR: str | None = None
    if not hasattr(x509.Certificate, "not_valid_after_utc"):
        CRYPTOGRAPHY_ERROR = "The installed version is older than 42"
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

if t.TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# A certificate that starts later than the other side's clock is refused, and fresh hosts' clocks are often behind.
BACKDATE = datetime.timedelta(hours=48)
BACKDATE_MOST = 1 / 2  # of its life, since a short one has to last for a while, too
CA_LIFE = datetime.timedelta(days=3650)
CERTIFICATE_LIFE = datetime.timedelta(days=365)
RENEW_BELOW = 1 / 3  # of the certificate's whole life
SLACK = datetime.timedelta(hours=1)  # for the clock of whoever signs

CA_FILES = ("server-ca.pem", "server-ca-key.pem", "client-ca.pem", "client-ca-key.pem")

# What a subject can have, by the short names that openssl and LDAP use, in the order in which they are written
SUBJECT = {
    "C": "COUNTRY_NAME",
    "ST": "STATE_OR_PROVINCE_NAME",
    "L": "LOCALITY_NAME",
    "O": "ORGANIZATION_NAME",
    "OU": "ORGANIZATIONAL_UNIT_NAME",
    "CN": "COMMON_NAME",
    "emailAddress": "EMAIL_ADDRESS",
}

_DNS_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_DNS_LABEL}(\.{_DNS_LABEL})*")


class TlsError(ValueError):
    """A key, certificate or name that can't be used; the message says which and why."""


def missing_library() -> str | None:
    """What to tell the user if the library that everything here needs is missing, else None."""
    if CRYPTOGRAPHY_ERROR is None:
        return None
    return (
        "The Python library cryptography, 42 or newer, is needed on the controller to make certificates. "
        "Install it for Ansible's Python, for example with: pip install 'cryptography>=42'"
    )


def _need_library() -> None:
    message = missing_library()
    if message:
        raise TlsError(message)


# -- keys


def new_key() -> str:
    """A new private key (EC P-256) as unencrypted PKCS#8 PEM."""
    _need_library()
    return _key_pem(ec.generate_private_key(ec.SECP256R1()))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _load_signing_key(pem: str, what: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's own message may quote the input, and that is a private key.
        raise TlsError(f"{what} is not an unencrypted PEM private key ({type(error).__name__})") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise TlsError(f"{what} is neither an EC nor an RSA key")
    return key


def _load_certificate(pem: str, what: str) -> x509.Certificate:
    return _whole(lambda: [x509.load_pem_x509_certificate(pem.encode())], what)[0]


def _load_certificates(pem: str, what: str) -> list[x509.Certificate]:
    return _whole(lambda: x509.load_pem_x509_certificates(pem.encode()), what)


def _whole(load: t.Callable[[], list[x509.Certificate]], what: str) -> list[x509.Certificate]:
    """Certificates of which every part that is used here can be read."""
    try:
        found = load()
        for one in found:
            _parts = (one.subject, one.issuer, one.extensions, one.public_key(), one.signature_hash_algorithm)
    except UNREADABLE as error:
        raise TlsError(f"{what} is not a PEM certificate that can be read: {error}") from error
    return found


def _load_public_key(pem: str) -> CertificatePublicKeyTypes:
    """The public key of a signing request (whose signature must be right), a public key, or a private key."""
    try:
        if "CERTIFICATE REQUEST-----" in pem:
            request = x509.load_pem_x509_csr(pem.encode())
            if not request.is_signature_valid:
                raise TlsError("The signing request's signature does not match its own public key")
            key: t.Any = request.public_key()
        elif "PRIVATE KEY-----" in pem:
            key = _load_signing_key(pem, "The key").public_key()
        else:
            key = serialization.load_pem_public_key(pem.encode())
    except TlsError:
        raise
    except UNREADABLE as error:
        raise TlsError(f"Neither a PEM signing request nor a PEM public key ({type(error).__name__})") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise TlsError(f"An RSA key of {key.key_size} bits is too short: 2048 at least")
    if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
        raise TlsError("The public key is neither EC nor RSA")
    return key


def public_key_sha256(pem: str) -> str:
    """Fingerprint of the public key in a signing request, public key, private key or certificate."""
    _need_library()
    if "-----BEGIN CERTIFICATE-----" in pem:
        key = _load_certificate(pem, "The certificate").public_key()
    else:
        key = _load_public_key(pem)
    return _fingerprint(key)


def belongs(key_pem: str, cert_pem: str, what: str = "The key") -> bool:
    """Whether a private key is that of a certificate, the first if there are several."""
    _need_library()
    key = _load_signing_key(key_pem, what).public_key()
    return _fingerprint(key) == _fingerprint(_load_certificate(cert_pem, "The certificate").public_key())


def first(bundle_pem: str) -> str:
    """The first of a bundle's certificates."""
    _need_library()
    return _pem(_load_certificate(bundle_pem, "The CA certificate"))


def check_certificates(bundle_pem: str, what: str) -> None:
    """TlsError if one of a bundle's certificates can't be read."""
    _need_library()
    _load_certificates(bundle_pem, what)


def _fingerprint(key: CertificatePublicKeyTypes) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def public_key(pem: str) -> str:
    """The public key alone, of a signing request, public key or private key."""
    _need_library()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _load_public_key(pem).public_bytes(serialization.Encoding.PEM, form).decode()


def new_request(subject: t.Mapping[str, str], names: t.Iterable[str] = (), key_pem: str = "") -> str:
    """A signing request, of a key that is thrown away if none is given."""
    _need_library()
    key = _load_signing_key(key_pem or new_key(), "The key")
    builder = x509.CertificateSigningRequestBuilder().subject_name(distinguished_name(subject))
    general = [_general(name) for name in names]
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


# -- certificate authorities


def new_ca(common_name: str) -> tuple[str, str]:
    """A certificate authority of ten years: its private key and its certificate, both PEM.

    The subject carries a random serial number, since Go picks an issuer by subject: two authorities of
    the same name would shadow each other in a bundle.
    """
    _need_library()
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
    return _key_pem(key), _pem(builder.sign(key, hashes.SHA256()))


def new_authorities() -> dict[str, str]:
    """A server CA and a client CA: name of file -> text."""
    server_key, server_cert = new_ca("dockyard server CA")
    client_key, client_cert = new_ca("dockyard client CA")
    return dict(zip(CA_FILES, (server_cert, server_key, client_cert, client_key), strict=True))


def trust_id(server_ca_pem: str, client_ca_pem: str) -> str:
    """Names what a host works with: who signs its certificate (the first one), and whose clients it accepts (all)."""
    _need_library()
    signs = _load_certificate(server_ca_pem, "The CA certificate").fingerprint(hashes.SHA256()).hex()
    accepted = sorted(_fingerprints(client_ca_pem))
    return hashlib.sha256(" ".join([signs, *accepted]).encode()).hexdigest()[:32]


def same_certificates(one_pem: str, other_pem: str) -> bool:
    """Whether two bundles hold the same certificates, in whatever order."""
    _need_library()
    try:
        return _fingerprints(one_pem) == _fingerprints(other_pem)
    except TlsError:
        return False


def _fingerprints(bundle_pem: str) -> set[str]:
    return {one.fingerprint(hashes.SHA256()).hex() for one in _load_certificates(bundle_pem, "The CA certificate")}


# -- certificates


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


def distinguished_name(subject: t.Mapping[str, str]) -> x509.Name:
    """A subject of :data:`SUBJECT`'s attributes, as a certificate has it."""
    _need_library()
    unknown = sorted(set(subject) - set(SUBJECT))
    if unknown:
        raise TlsError(f"A subject can't have {', '.join(unknown)}; it can have {', '.join(SUBJECT)}")
    try:
        return x509.Name(
            [x509.NameAttribute(getattr(NameOID, SUBJECT[key]), subject[key]) for key in SUBJECT if subject.get(key)]
        )
    except ValueError as error:
        raise TlsError(f"The subject {dict(subject)} can't be in a certificate: {error}") from error


def _issue(
    ca_cert_pem: str,
    ca_key_pem: str,
    subject: x509.Name,
    key_pem: str,
    names: list[str] | None,
    life: datetime.timedelta | None,
) -> str:
    _need_library()
    ca_cert = _load_certificate(ca_cert_pem, "The CA certificate")
    ca_key = _load_signing_key(ca_key_pem, "The CA key")
    if _fingerprint(ca_cert.public_key()) != _fingerprint(ca_key.public_key()):
        raise TlsError(f"The CA key does not belong to the CA certificate {ca_cert.subject.rfc4514_string()}")
    public = _load_public_key(key_pem)
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
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
    return _pem(builder.sign(ca_key, hashes.SHA256()))


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


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


# -- names


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """As clients compare it: without a zone, and an IPv4 address in the form of IPv6 is one of IPv4."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


def normal_names(names: t.Iterable[str]) -> list[str]:
    """Names and addresses in the spelling a certificate has them, in order and without repetitions."""
    seen: dict[str, None] = {}
    for name in names:
        address = _address(name)
        if address is not None:
            seen.setdefault(str(address))
        elif len(name) <= 253 and _DNS_NAME.fullmatch(name):
            seen.setdefault(name.lower())
        else:
            raise TlsError(f"{name!r} is neither a host name nor an IP address: it can't be in a certificate")
    return list(seen)


def _general(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


# -- looking


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = [str(name) for name in found.get_values_for_type(x509.DNSName)]
    return names + [str(address) for address in found.get_values_for_type(x509.IPAddress)]


def inspect(cert_pem: str) -> dict[str, t.Any]:
    """What a certificate says, as plain data: validity, names, key, issuer and purposes."""
    _need_library()
    certificate = _load_certificate(cert_pem, "The certificate")
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = [
            name
            for name, oid in (("server", ExtendedKeyUsageOID.SERVER_AUTH), ("client", ExtendedKeyUsageOID.CLIENT_AUTH))
            if oid in purposes
        ]
    except x509.ExtensionNotFound:
        usage = []
    return {
        "not_before": _iso(certificate.not_valid_before_utc),
        "not_after": _iso(certificate.not_valid_after_utc),
        "names": _names(certificate),
        "usage": usage,
        "subject": certificate.subject.rfc4514_string(),
        "common_name": next(
            (str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), None
        ),
        "issuer": certificate.issuer.rfc4514_string(),
        "public_key_sha256": _fingerprint(certificate.public_key()),
    }


def life_of(cert_pem: str) -> datetime.timedelta:
    """How long a certificate of ours was to live: without what it is backdated by."""
    certificate = _load_certificate(cert_pem, "The certificate")
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return max(whole - BACKDATE, whole / (1 + BACKDATE_MOST))


def needs_renewal(
    cert_pem: str,
    names: t.Iterable[str] | None = None,
    now: datetime.datetime | None = None,
    life: datetime.timedelta | None = None,
) -> str | None:
    """Why this certificate has to be issued anew, or None while it will do.

    It is renewed when a third of its life is left, when it is to live shorter, when one of these names is missing, or
    when it is not yet valid. A name too many is no reason: it goes with the next certificate, and a restart is not made
    for it.
    """
    _need_library()
    certificate = _load_certificate(cert_pem, "The certificate")
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment >= end:
        return f"it expired on {_iso(end)}"
    if moment < start:
        return f"it is valid from {_iso(start)} only"
    if (end - moment) / (end - start) < RENEW_BELOW:
        return f"it expires on {_iso(end)}: less than a third of its life is left"
    if life is not None and end > moment + life + SLACK:
        return f"it ends on {_iso(end)}, and is to live {life} at most"
    if names is not None:
        missing = sorted(set(normal_names(names)) - set(_names(certificate)))
        if missing:
            return "it lacks the names " + ", ".join(missing)
    return None
