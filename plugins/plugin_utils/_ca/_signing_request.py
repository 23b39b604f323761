# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of somebody else who signs, and whether the answer is just that."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._tls import TlsError
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _chain

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509.oid import ExtensionOID
except ImportError:
    pass  # _tls.missing_library() says so


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
    sent = _chain.load(pem, what)
    own = sent[0]
    for check in ANSWER:
        said = check(own, request, now)
        if said:
            raise TlsError(f"{what} is not what was asked for: {said}")
    # While CAs are rotated, what is not above the first one is another CA, and what that signs is refused before long.
    trusted = _chain.path(bundle[0], bundle)
    said = _chain.why_not_followed(sent, trusted)
    if said:
        raise TlsError(
            f"{what} does not lead to the CA certificate that comes first in what was given, "
            f"{bundle[0].subject.rfc4514_string()}: {said} (its issuer is {own.issuer.rfc4514_string()}). The command has to sign "
            "by that CA or one below it, and to print the intermediates as well"
        )
    pool = [*sent[1:], *trusted]
    called = _called(own) if request.usage == "server" else ()
    use = _chain.Use(request.usage, request.names, now, called=called)
    _chain.check_ca(_chain.path(own, pool)[1], pool, use, what)
    return "".join(_tls.pem_of(one) for one in _chain.path(own, sent[1:]) if one is own or not _chain.self_signed(one))


def _is_for_the_key(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    if _tls.fingerprint(own.public_key()) != _tls.public_key_sha256(request.public_key):
        return "it is for another public key. The certificate that was signed has to come first, its chain after it"
    return None


def _is_no_ca(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    constraints, key_usage = _chain.extension(own, x509.BasicConstraints), _chain.extension(own, x509.KeyUsage)
    if (constraints is not None and constraints.ca) or (key_usage is not None and key_usage.key_cert_sign):
        return "it is a CA's certificate (CA:TRUE or keyCertSign)"
    if key_usage is not None and not key_usage.digital_signature:
        return "its key usage lacks digitalSignature"
    return None


def _is_for_the_usage(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    purposes = _chain.extension(own, x509.ExtendedKeyUsage)
    if purposes is None or list(purposes) != [_chain.USAGES[request.usage]]:
        found = ", ".join(getattr(one, "_name", one.dotted_string) for one in purposes or []) or "nothing"
        return f"its extended key usage is {found}, and has to be {request.usage}Auth alone"
    return None


def _has_the_names(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    if request.usage == "client":
        # Engines and their authorisation plug-ins know a client by it
        called, wanted_cn = _called(own), request.subject["CN"]
        return (
            None if called == (wanted_cn,) else f"its CN is {', '.join(called) or 'missing'}, and has to be {wanted_cn}"
        )
    found, wanted = set(_tls.names_in(own)), set(request.names)
    others = _chain.extension(own, x509.SubjectAlternativeName)
    if others is not None and len(list(others)) != len(_tls.names_in(own)):
        return "it has names that are neither host names nor addresses"
    said = [f"it lacks {', '.join(sorted(wanted - found))}"] if wanted - found else []
    said += [f"nobody asked for {', '.join(sorted(found - wanted))}"] if found - wanted else []
    return "its names are others: " + "; ".join(said) if said else None


def _called(own: x509.Certificate) -> tuple[str, ...]:
    return tuple(str(one.value) for one in own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME))


def _has_the_life(own: x509.Certificate, request: Request, now: datetime.datetime) -> str | None:
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    if start > now:
        return f"it is valid from {_tls.iso(start)} only"
    if end > now + request.life + _tls.SLACK:
        return f"it ends on {_tls.iso(end)}, later than was asked for ({_tls.iso(now + request.life)})"
    if end <= now or (end - now) / (end - start) < _tls.RENEW_BELOW:
        return f"it ends on {_tls.iso(end)}, and would have to be renewed at once"
    return None


ANSWER = (_is_for_the_key, _is_no_ca, _is_for_the_usage, _has_the_names, _has_the_life)
# What a signing request may ask for: nothing but names
IN_REQUEST = ("SUBJECT_ALTERNATIVE_NAME", "SUBJECT_KEY_IDENTIFIER")


def checked_csr(pem: str, request: Request) -> str:
    """The signing request, to be passed on: without what else the text has, such as its key.

    TlsError if it asks for anything but what is wanted.
    """
    _tls.public_key_sha256(pem)  # the signature, and the kind of key
    csr = x509.load_pem_x509_csr(pem.encode())
    try:
        extensions, subject = list(csr.extensions), csr.subject
    except _tls.UNREADABLE as error:
        raise TlsError(f"The signing request can't be read: {error}") from error
    known = {getattr(ExtensionOID, name) for name in IN_REQUEST}
    others = [one.oid.dotted_string for one in extensions if one.oid not in known]
    named = [t.cast("t.Any", one.value) for one in extensions if one.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME]
    names = {name for value in named for name in value}
    wanted = {_tls.general_name(name) for name in request.names}
    if others or names != wanted or subject != _tls.distinguished_name(request.subject):
        raise TlsError(
            "The signing request differs from what is wanted: "
            f"subject {subject.rfc4514_string()}, names {', '.join(sorted(str(one.value) for one in names)) or 'none'}"
            + (f", extensions {', '.join(others)}" if others else "")
            + ". It was not passed on"
        )
    return csr.public_bytes(serialization.Encoding.PEM).decode()
