# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates as PEM text: made, read, and written."""

from __future__ import annotations

import hashlib
import traceback
import typing as t

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

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
    UNREADABLE = (ValueError,)
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

if t.TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


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


def need_library() -> None:
    message = missing_library()
    if message:
        raise TlsError(message)


def new_key() -> str:
    """A new private key (EC P-256) as unencrypted PKCS#8 PEM."""
    need_library()
    return key_pem(ec.generate_private_key(ec.SECP256R1()))


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def load_signing_key(pem: str, what: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's own message may quote the input, and that is a private key.
        raise TlsError(f"{what} is not an unencrypted PEM private key ({type(error).__name__})") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise TlsError(f"{what} is neither an EC nor an RSA key")
    return key


def load_certificate(pem: str, what: str) -> x509.Certificate:
    return _whole(lambda: [x509.load_pem_x509_certificate(pem.encode())], what)[0]


def load_certificates(pem: str, what: str) -> list[x509.Certificate]:
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


def load_public_key(pem: str) -> CertificatePublicKeyTypes:
    """The public key of a signing request (whose signature must be right), a public key, or a private key."""
    try:
        if "CERTIFICATE REQUEST-----" in pem:
            request = x509.load_pem_x509_csr(pem.encode())
            if not request.is_signature_valid:
                raise TlsError("The signing request's signature does not match its own public key")
            key: t.Any = request.public_key()
        elif "PRIVATE KEY-----" in pem:
            key = load_signing_key(pem, "The key").public_key()
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
    need_library()
    if "-----BEGIN CERTIFICATE-----" in pem:
        key = load_certificate(pem, "The certificate").public_key()
    else:
        key = load_public_key(pem)
    return fingerprint(key)


def belongs(key_pem: str, cert_pem: str, what: str = "The key") -> bool:
    """Whether a private key is that of a certificate, the first if there are several."""
    need_library()
    key = load_signing_key(key_pem, what).public_key()
    return fingerprint(key) == fingerprint(load_certificate(cert_pem, "The certificate").public_key())


def first(bundle_pem: str) -> str:
    """The first of a bundle's certificates."""
    need_library()
    return pem_of(load_certificate(bundle_pem, "The CA certificate"))


def check_certificates(bundle_pem: str, what: str) -> None:
    """TlsError if one of a bundle's certificates can't be read."""
    need_library()
    load_certificates(bundle_pem, what)


def fingerprint(key: CertificatePublicKeyTypes) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def public_key(pem: str) -> str:
    """The public key alone, of a signing request, public key or private key."""
    need_library()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return load_public_key(pem).public_bytes(serialization.Encoding.PEM, form).decode()


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
