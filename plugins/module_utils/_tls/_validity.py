# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says, and whether it has to be renewed."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ._issuing import BACKDATE, BACKDATE_MOST
from ._keys import fingerprint, load_certificate, need_library
from ._names import normal_names

with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RENEW_BELOW = 1 / 3  # of the certificate's whole life
SLACK = datetime.timedelta(hours=1)  # for the clock of whoever signs


def iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def names_in(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = [str(name) for name in found.get_values_for_type(x509.DNSName)]
    return names + [str(address) for address in found.get_values_for_type(x509.IPAddress)]


def inspect(cert_pem: str) -> dict[str, t.Any]:
    """What a certificate says, as plain data: validity, names, key, issuer and purposes."""
    need_library()
    certificate = load_certificate(cert_pem, "The certificate")
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
        "not_before": iso(certificate.not_valid_before_utc),
        "not_after": iso(certificate.not_valid_after_utc),
        "names": names_in(certificate),
        "usage": usage,
        "subject": certificate.subject.rfc4514_string(),
        "common_name": next(
            (str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), None
        ),
        "issuer": certificate.issuer.rfc4514_string(),
        "public_key_sha256": fingerprint(certificate.public_key()),
    }


def life_of(cert_pem: str) -> datetime.timedelta:
    """How long a certificate of ours was to live: without what it is backdated by."""
    certificate = load_certificate(cert_pem, "The certificate")
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return max(whole - BACKDATE, whole / (1 + BACKDATE_MOST))


def needs_renewal(
    cert_pem: str,
    names: t.Iterable[str] | None = None,
    now: datetime.datetime | None = None,
    life: datetime.timedelta | None = None,
) -> str | None:
    """Why this certificate has to be reissued, or None while it will do.

    It is renewed when a third of its life is left, when it is to live shorter, when one of these names is missing, or
    when it is not yet valid. A name too many is no reason: it goes with the next certificate, and a restart is not made
    for it.
    """
    need_library()
    certificate = load_certificate(cert_pem, "The certificate")
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment >= end:
        return f"it expired on {iso(end)}"
    if moment < start:
        return f"it is valid from {iso(start)} only"
    if (end - moment) / (end - start) < RENEW_BELOW:
        return f"it expires on {iso(end)}: less than a third of its validity is left"
    if life is not None and end > moment + life + SLACK:
        return f"it expires on {iso(end)}, and may be valid for {life} at most"
    if names is not None:
        missing = sorted(set(normal_names(names)) - set(names_in(certificate)))
        if missing:
            return "it lacks the names " + ", ".join(missing)
    return None
