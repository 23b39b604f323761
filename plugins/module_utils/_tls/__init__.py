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

from ._issuing import (
    BACKDATE,
    CA_FILES,
    CA_LIFE,
    CERTIFICATE_LIFE,
    issue_client,
    issue_server,
    new_authorities,
    new_ca,
    new_request,
    same_certificates,
    share_certificates,
    trust_id,
)
from ._keys import (
    UNREADABLE,
    TlsError,
    belongs,
    check_certificates,
    fingerprint,
    first,
    key_pem,
    load_certificates,
    load_signing_key,
    missing_library,
    need_library,
    new_key,
    pem_of,
    public_key,
    public_key_sha256,
)
from ._names import DNS_NAME, address_of, distinguished_name, general_name, normal_names
from ._validity import RENEW_BELOW, SLACK, inspect, iso, life_of, names_in, needs_renewal

__all__ = [
    "BACKDATE",
    "CA_FILES",
    "CA_LIFE",
    "CERTIFICATE_LIFE",
    "DNS_NAME",
    "RENEW_BELOW",
    "SLACK",
    "UNREADABLE",
    "TlsError",
    "address_of",
    "belongs",
    "check_certificates",
    "distinguished_name",
    "fingerprint",
    "first",
    "general_name",
    "inspect",
    "iso",
    "issue_client",
    "issue_server",
    "key_pem",
    "life_of",
    "load_certificates",
    "load_signing_key",
    "missing_library",
    "names_in",
    "need_library",
    "needs_renewal",
    "new_authorities",
    "new_ca",
    "new_key",
    "new_request",
    "normal_names",
    "pem_of",
    "public_key",
    "public_key_sha256",
    "same_certificates",
    "share_certificates",
    "trust_id",
]
