# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chains of certificates: whether a CA can sign what is wanted of it, and what has to be sent so that it is believed.

Pure functions. The rules are those that both Go (the Engine, the command line) and OpenSSL (Python) go by, so that
what would fail at some handshake later is told now.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._tls import TlsError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

    USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
    WEAK = (hashes.MD5, hashes.SHA1)
    # What Go knows name constraints on; of others, it refuses each certificate below them if they are critical
    CONSTRAINED = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
    # What both Go, of any version that is in use, and OpenSSL go on with if it is critical
    UNDERSTOOD = (
        *(
            x509.BasicConstraints,
            x509.KeyUsage,
            x509.ExtendedKeyUsage,
            x509.SubjectAlternativeName,
            x509.NameConstraints,
        ),
        *(x509.CertificatePolicies, x509.CRLDistributionPoints),
    )
except ImportError:
    pass  # _tls.missing_library() says so

PSS = bytes.fromhex("06092a864886f70d01010a")  # RSA-PSS as DER names it
CURVES = ("secp256r1", "secp384r1", "secp521r1")  # what Go's TLS knows


@dataclasses.dataclass(frozen=True)
class Use:
    """What a CA's certificate is to be good for."""

    usage: str
    names: tuple[str, ...]
    now: datetime.datetime
    below: int = 0  # how many CAs are between it and the certificate
    called: tuple[str, ...] = ()  # a server's CN, if it is known: who signs elsewhere may write another one


def load(pem: str, what: str) -> list[x509.Certificate]:
    """The certificates in a text, in order."""
    _tls.need_library()
    return _tls.load_certificates(pem, what)


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    return issued(certificate, certificate)


def may_issue(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def path(first: x509.Certificate, pool: t.Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """The certificate and its issuers, as far up as the pool has them.

    What is no CA's can't be an issuer: else a host could vouch for what it likes with the certificate that it has.
    """
    found, pool = [first], [one for one in pool if may_issue(one)]
    while not self_signed(found[-1]):
        above = next((one for one in pool if one not in found and issued(found[-1], one)), None)
        if above is None:
            break
        found.append(above)
    return found


def sent_along(bundle: list[x509.Certificate]) -> list[x509.Certificate]:
    """What the holder of a certificate by the bundle's first must send with it: who checks it may have the root alone."""
    return [one for one in path(bundle[0], bundle) if not self_signed(one)]


def why_not_followed(sent: list[x509.Certificate], bundle: list[x509.Certificate]) -> str | None:
    """Why nobody who trusts the bundle's roots can follow what is sent, or None.

    Where the bundle has no root, its own certificates have to be sent as well: whoever looks has the root elsewhere.
    """
    roots = [one for one in bundle if self_signed(one)]
    for one in path(sent[0], sent[1:]):
        if any(issued(one, root) for root in roots) or (not roots and one in bundle):
            return None
    if path(sent[0], [*sent[1:], *bundle])[-1] in bundle:
        return "an intermediate certificate is missing in it"
    return "it was not issued by this CA"


# -- what a CA can sign


def check_ca(first: x509.Certificate, pool: list[x509.Certificate], use: Use, what: str) -> None:
    """TlsError if one of the CAs, from this one up, can't be an issuer of what is wanted."""
    for one in path(first, pool):
        for rule in RULES:
            said = rule(one, use)
            if said:
                raise TlsError(f"{what}: {one.subject.rfc4514_string() or 'a certificate without subject'} {said}")
        if one.subject != one.issuer:
            use = dataclasses.replace(use, below=use.below + 1)


def extension(certificate: x509.Certificate, kind: t.Any) -> t.Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_ca(one: x509.Certificate, use: Use) -> str | None:
    constraints = extension(one, x509.BasicConstraints)
    if not may_issue(one):
        return "is not a CA's certificate: CA:TRUE is not in its basic constraints"
    if constraints.path_length is not None and use.below > constraints.path_length:
        return f"may have {constraints.path_length} CAs below it (pathlen), and {use.below} are given"
    return None


def _may_sign(one: x509.Certificate, use: Use) -> str | None:
    key_usage = extension(one, x509.KeyUsage)
    if key_usage is not None and not key_usage.key_cert_sign:
        return "may not sign certificates: keyCertSign is not in its key usage"
    return None


def _has_purpose(one: x509.Certificate, use: Use) -> str | None:
    purposes = extension(one, x509.ExtendedKeyUsage)
    if purposes is None or USAGES[use.usage] in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        return None
    return f"may not sign certificates for {use.usage}s: {use.usage}Auth is not in its extended key usage"


def _is_valid(one: x509.Certificate, use: Use) -> str | None:
    if use.now >= one.not_valid_after_utc:
        return f"expired on {_tls.iso(one.not_valid_after_utc)}"
    if use.now < one.not_valid_before_utc:
        return f"is valid from {_tls.iso(one.not_valid_before_utc)} only: look at this computer's clock"
    return None


def _has_good_key(one: x509.Certificate, use: Use) -> str | None:
    key: t.Any = one.public_key()
    # The library takes a key of RSA-PSS for any other RSA key; where a signature is of RSA-PSS, that is named once as well
    if one.tbs_certificate_bytes.count(PSS) > (one.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS):
        return "has an RSA key that is for RSA-PSS alone, which Docker does not know"
    if isinstance(key, rsa.RSAPublicKey):
        return f"has an RSA key of {key.key_size} bits: 2048 at least are needed" if key.key_size < 2048 else None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return "has a key that is neither EC nor RSA"
    if key.curve.name not in CURVES:
        return f"has a key on the curve {key.curve.name}: P-256, P-384 or P-521 is needed"
    return None


def _is_well_signed(one: x509.Certificate, use: Use) -> str | None:
    # Of a root the signature is not looked at
    if isinstance(one.signature_hash_algorithm, WEAK) and not self_signed(one):
        return f"was signed with {one.signature_hash_algorithm.name}, which TLS libraries refuse"
    return None


def _is_understood(one: x509.Certificate, use: Use) -> str | None:
    for extension in one.extensions:
        if extension.critical and not isinstance(extension.value, UNDERSTOOD):
            oid = extension.oid
            return f"has a critical extension that not all TLS libraries know, {oid.dotted_string} ({oid._name})"
        if extension.critical and isinstance(extension.value, x509.NameConstraints):
            both = (extension.value.permitted_subtrees, extension.value.excluded_subtrees)
            if any(not isinstance(base, CONSTRAINED) for bases in both for base in bases or []):
                return "has name constraints, critical ones, of a kind that Docker refuses: on directory names, for example"
    return None


def _may_name(one: x509.Certificate, use: Use) -> str | None:
    refused = [name for name in use.names if not _is_within(one, _tls.general_name(name))]
    if refused:
        return f"may not sign certificates for {', '.join(refused)} (its name constraints)"
    hosts = [name for name in use.called if "." in name and _tls.DNS_NAME.fullmatch(name)]
    if all(map(_tls.address_of, use.names)) and not all(_is_within(one, x509.DNSName(name)) for name in hosts):
        return (
            f"may not sign certificates for the CN {', '.join(hosts)} (its name constraints on host names: OpenSSL takes a CN for one where "
            "addresses alone are named). Name the host as well"
        )
    return None


RULES = (_is_ca, _may_sign, _has_purpose, _is_valid, _has_good_key, _is_well_signed, _is_understood, _may_name)


def _is_within(one: x509.Certificate, general: x509.GeneralName) -> bool:
    constraints = extension(one, x509.NameConstraints)
    if constraints is None:
        return True
    permitted, excluded = (
        [base for base in bases or [] if isinstance(base, type(general))]
        for bases in (constraints.permitted_subtrees, constraints.excluded_subtrees)
    )
    return not any(_below(general, base) for base in excluded) and (
        not permitted or any(_below(general, base) for base in permitted)
    )


def _below(general: x509.GeneralName, base: x509.GeneralName) -> bool:
    if isinstance(general, x509.IPAddress):
        address, network = general.value, t.cast("t.Any", base.value)
        return (
            isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address))
            and address.version == network.version
            and address in network
        )
    # With a dot before it, a constraint is one on what is below the name alone
    name, suffix = str(general.value).lower(), str(base.value).lower()
    return not suffix or name == suffix or name.endswith("." + suffix.removeprefix("."))


def may_name(chain: list[x509.Certificate], name: str) -> bool:
    """Whether the constraints of all the CAs allow this name."""
    return all(_is_within(one, _tls.general_name(name)) for one in chain)
