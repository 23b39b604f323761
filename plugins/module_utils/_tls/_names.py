# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a certificate is for, and its subject."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from ._keys import TlsError, need_library

with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

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
DNS_NAME = re.compile(rf"(\*\.)?{_DNS_LABEL}(\.{_DNS_LABEL})*")


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
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
        address = address_of(name)
        if address is not None:
            seen.setdefault(str(address))
        elif len(name) <= 253 and DNS_NAME.fullmatch(name):
            seen.setdefault(name.lower())
        else:
            raise TlsError(f"{name!r} is neither a host name nor an IP address: it can't be in a certificate")
    return list(seen)


def general_name(name: str) -> x509.GeneralName:
    address = address_of(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def distinguished_name(subject: t.Mapping[str, str]) -> x509.Name:
    """A subject of :data:`SUBJECT`'s attributes, as a certificate has it."""
    need_library()
    unknown = sorted(set(subject) - set(SUBJECT))
    if unknown:
        raise TlsError(f"A subject can't have {', '.join(unknown)}; it can have {', '.join(SUBJECT)}")
    try:
        return x509.Name(
            [x509.NameAttribute(getattr(NameOID, SUBJECT[key]), subject[key]) for key in SUBJECT if subject.get(key)]
        )
    except ValueError as error:
        raise TlsError(f"The subject {dict(subject)} can't be in a certificate: {error}") from error
