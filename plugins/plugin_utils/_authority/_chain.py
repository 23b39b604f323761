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
    from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

    USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
    WEAK = (hashes.MD5, hashes.SHA1)
except ImportError:
    pass  # _tls.missing_library() says so

CURVES = ("secp256r1", "secp384r1", "secp521r1")  # what Go's TLS knows


@dataclasses.dataclass(frozen=True)
class Use:
    """What a CA's certificate is to be good for."""

    usage: str
    names: tuple[str, ...]
    now: datetime.datetime
    below: int = 0  # how many CAs are between it and the certificate


def load(pem: str, what: str) -> list[x509.Certificate]:
    """The certificates in a text, in order."""
    _tls._need_library()
    found = _tls._load_certificates(pem, what)
    for certificate in found:
        try:
            _ = certificate.extensions
        except ValueError as error:
            raise TlsError(f"{what} has a certificate with extensions that can't be read: {error}") from error
    return found


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    return issued(certificate, certificate)


def path(first: x509.Certificate, pool: t.Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """The certificate and its issuers, as far up as the pool has them."""
    found, pool = [first], list(pool)
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


def _extension(certificate: x509.Certificate, kind: t.Any) -> t.Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_ca(one: x509.Certificate, use: Use) -> str | None:
    constraints = _extension(one, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return "is no CA's certificate: CA:TRUE is not in its basic constraints"
    if constraints.path_length is not None and use.below > constraints.path_length:
        return f"may have {constraints.path_length} CAs below it (pathlen), and {use.below} are given"
    return None


def _may_sign(one: x509.Certificate, use: Use) -> str | None:
    key_usage = _extension(one, x509.KeyUsage)
    if key_usage is not None and not key_usage.key_cert_sign:
        return "may not sign certificates: keyCertSign is not in its key usage"
    return None


def _has_purpose(one: x509.Certificate, use: Use) -> str | None:
    purposes = _extension(one, x509.ExtendedKeyUsage)
    if purposes is None or USAGES[use.usage] in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        return None
    return f"may not vouch for {use.usage}s: {use.usage}Auth is not in its extended key usage"


def _is_valid(one: x509.Certificate, use: Use) -> str | None:
    if use.now >= one.not_valid_after_utc:
        return f"expired on {_tls._iso(one.not_valid_after_utc)}"
    if use.now < one.not_valid_before_utc:
        return f"is valid from {_tls._iso(one.not_valid_before_utc)} only: look at this computer's clock"
    return None


def _has_good_key(one: x509.Certificate, use: Use) -> str | None:
    key: t.Any = one.public_key()
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
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            return f"has a critical extension that nobody knows, {extension.oid.dotted_string}"
    return None


def _may_name(one: x509.Certificate, use: Use) -> str | None:
    refused = [name for name in use.names if not _is_within(one, name)]
    return f"may not vouch for {', '.join(refused)} (its name constraints)" if refused else None


RULES = (_is_ca, _may_sign, _has_purpose, _is_valid, _has_good_key, _is_well_signed, _is_understood, _may_name)


def _is_within(one: x509.Certificate, name: str) -> bool:
    constraints = _extension(one, x509.NameConstraints)
    if constraints is None:
        return True
    general = _tls._general(name)
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
    name, suffix = str(general.value).lower().removeprefix("*."), str(base.value).lower().lstrip(".")
    return not suffix or name == suffix or name.endswith("." + suffix)


def may_name(bundle: list[x509.Certificate], name: str) -> bool:
    """Whether the constraints of all the CAs allow this name."""
    return all(_is_within(one, name) for one in bundle)


# -- what was signed


@dataclasses.dataclass(frozen=True)
class Request:
    """A certificate that is wanted."""

    usage: str  # server, client
    public_key: str  # as PEM, or a signing request
    subject: dict[str, str]
    life: datetime.timedelta
    names: tuple[str, ...] = ()


def check_issued(pem: str, bundle: list[x509.Certificate], request: Request, now: datetime.datetime, what: str) -> str:
    """What somebody else has signed, as PEM, the certificate first; TlsError if it is anything but what was wanted."""
    sent = load(pem, what)
    own = sent[0]
    for check in ANSWER:
        said = check(own, request, now)
        if said:
            raise TlsError(f"{what} is not what was asked for: {said}")
    said = why_not_followed(sent, bundle)
    if said:
        raise TlsError(
            f"{what} does not lead to the CA certificate that was given: {said} (its issuer is {own.issuer.rfc4514_string()})"
        )
    pool = [*sent[1:], *bundle]
    check_ca(path(own, pool)[1], pool, Use(request.usage, request.names, now), what)
    return "".join(_tls._pem(one) for one in path(own, sent[1:]) if one is own or not self_signed(one))


def _is_for_the_key(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    if _tls._fingerprint(own.public_key()) != _tls.public_key_sha256(request.public_key):
        return "it is for another public key. The certificate that was signed has to come first, its chain after it"
    return None


def _is_no_ca(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    constraints, key_usage = _extension(own, x509.BasicConstraints), _extension(own, x509.KeyUsage)
    if (constraints is not None and constraints.ca) or (key_usage is not None and key_usage.key_cert_sign):
        return "it is a CA's certificate (CA:TRUE or keyCertSign)"
    if key_usage is not None and not key_usage.digital_signature:
        return "its key usage lacks digitalSignature"
    return None


def _is_for_the_usage(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    purposes = _extension(own, x509.ExtendedKeyUsage)
    if purposes is None or list(purposes) != [USAGES[request.usage]]:
        found = ", ".join(getattr(one, "_name", one.dotted_string) for one in purposes or []) or "nothing"
        return f"its extended key usage is {found}, and has to be {request.usage}Auth alone"
    return None


def _has_the_names(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    if request.usage == "client":
        # Engines and their authorisation plug-ins know a client by it
        called = [str(one.value) for one in own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        wanted_cn = request.subject["CN"]
        return (
            None if called == [wanted_cn] else f"its CN is {', '.join(called) or 'missing'}, and has to be {wanted_cn}"
        )
    found, wanted = set(_tls._names(own)), set(request.names)
    others = _extension(own, x509.SubjectAlternativeName)
    if others is not None and len(list(others)) != len(_tls._names(own)):
        return "it has names that are neither host names nor addresses"
    said = [f"it lacks {', '.join(sorted(wanted - found))}"] if wanted - found else []
    said += [f"nobody asked for {', '.join(sorted(found - wanted))}"] if found - wanted else []
    return "its names are others: " + "; ".join(said) if said else None


def _has_the_life(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    if start > now:
        return f"it is valid from {_tls._iso(start)} only"
    if end > now + request.life + _tls.SLACK:
        return f"it ends on {_tls._iso(end)}, later than was asked for ({_tls._iso(now + request.life)})"
    if end <= now or (end - now) / (end - start) < _tls.RENEW_BELOW:
        return f"it ends on {_tls._iso(end)}, and would have to be renewed at once"
    return None


ANSWER = (_is_for_the_key, _is_no_ca, _is_for_the_usage, _has_the_names, _has_the_life)
# What a signing request may ask for: nothing but names
IN_REQUEST = ("SUBJECT_ALTERNATIVE_NAME", "SUBJECT_KEY_IDENTIFIER")


def check_csr(pem: str, request: Request) -> None:
    """TlsError if a signing request, which is passed on, asks for anything but what is wanted."""
    _tls.public_key_sha256(pem)  # the signature, and the kind of key
    csr = x509.load_pem_x509_csr(pem.encode())
    try:
        extensions = list(csr.extensions)
    except ValueError as error:
        raise TlsError(f"The signing request can't be read: {error}") from error
    known = {getattr(ExtensionOID, name) for name in IN_REQUEST}
    others = [one.oid.dotted_string for one in extensions if one.oid not in known]
    named = [t.cast("t.Any", one.value) for one in extensions if one.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME]
    names = {name for value in named for name in value}
    wanted = {_tls._general(name) for name in request.names}
    if others or names != wanted or csr.subject != _tls.distinguished_name(request.subject):
        raise TlsError(
            "The signing request asks for other things than it was to: "
            f"subject {csr.subject.rfc4514_string()}, names {', '.join(sorted(str(one.value) for one in names)) or 'none'}"
            + (f", extensions {', '.join(others)}" if others else "")
            + ". It was not passed on"
        )
