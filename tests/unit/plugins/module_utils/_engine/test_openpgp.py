# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openpgp

# Made for this test by gpg, which said the fingerprints; nobody has the private keys.
ED25519 = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawbCOxYJKwYBBAHaRw8BAQdAJ08dhH6xJDy9Mf2hsh9LiL4lWurfs8ZIywwh
jO0Meou0FXRlc3RzIDx0QGV4YW1wbGUub3JnPoiQBBMWCAA4FiEEpH49i5rjMzpg
KXaf7QEz/yzJ1WwFAmsGwjsCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
7QEz/yzJ1WzIiAD/aiy00jWaOmtOSzSqRTGHXYktu/uy0yU4N7wC89ZtX0kA/jv7
q7UI9OnofRDKFbUueXdcRT3FgcUwMMS2FzvWRZ8C
=vv3l
-----END PGP PUBLIC KEY BLOCK-----
"""
RSA = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mQENBGsGwjwBCADGRqQDONKCT8EHjDdAyhaj0t9oXhJZb9HvZxQFfy1fTzX51hgM
J3tQOzvQyY+bOfmLD82Hhu/8JfgvLfZ8uf5lCs/x/ewmiKVvyia7SmvMcMbi4g6L
xUATxFCC3Bg/llz5wqsT+9EX/MK2tyN1QUbcZ+4NblTN7BQlN5JuymD+W7zySxKR
72bXffYKF8NsdQn4fQLFXXy5b9s6ybLEgdv6UYURz5nL8O4EOKeK1n5ah2nxJtrH
gPZ3HZ2SOCCPmLHNGusljljs5pHebx+pA8i5Mcd026RaF3YlbtJtkC6vdvW9/2cJ
Lb2WWM9Z4RTcWJsmgGCk5S7UnmHK6otHaT3fABEBAAG0FW90aGVyIDxvQGV4YW1w
bGUub3JnPokBTgQTAQoAOBYhBHJXH+pNOOCTGyvDTkhHskbWBFpOBQJrBsI8AhsD
BQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEEhHskbWBFpOXvMIALLbRMEJOmhL
Y/nlUzV9ZgDgRbCG45GcoTXeVdGjLjmTaJTHEvJWPncL7ji9eowK/14BAFnfcLKK
WqU5Kblip1y9TFW0qVgtaXuoKHtNAAMM0ukqFS0L2TUDohDZSvOCMz0hr6wigLr+
MihvAV5YD02Wbal3JhAMp7HE849j2kJmeE2dmr42/XRJqu4Do/9lslqFSHUPOVIJ
4oqvVUooW4bZELMMKtCiDLMhaGMjQFx2IEeC4svQxFBHaYCRgyE9ESJUT9yE8kfQ
4wrxvxzfhugG0vGSY5PZTtrhPDCOyYuZp5Hw9lwPtjSTwJBXB3V45BQZhMEewIzH
Pt+x9HkbLWQ=
=MBKs
-----END PGP PUBLIC KEY BLOCK-----
"""
PINNED = "A47E3D8B9AE3333A6029769FED0133FF2CC9D56C"
OTHER = "72571FEA4D38E0931B2BC34E4847B246D6045A4E"


def test_fingerprints_are_what_gpg_says():
    assert _openpgp.fingerprints(ED25519) == [PINNED]
    assert _openpgp.fingerprints(RSA) == [OTHER]
    assert _openpgp.fingerprints("Some words\n" + ED25519.replace("\n", "\r\n") + RSA) == [PINNED, OTHER]


def test_a_fingerprint_is_written_in_many_ways():
    assert _openpgp.normal(_openpgp.spaced(PINNED).lower()) == PINNED
    assert _openpgp.normal("0x" + PINNED) == PINNED
    for wrong in ("", PINNED[:-1], PINNED[-16:], PINNED + "00", "G" * 40):
        with pytest.raises(_openpgp.PgpError, match="not a fingerprint"):
            _openpgp.normal(wrong)


def test_one_key_too_many_is_refused():
    _openpgp.only(ED25519, [PINNED])
    assert _openpgp.fingerprints(_openpgp.only(ED25519 + RSA, [PINNED, OTHER])) == [PINNED, OTHER]
    with pytest.raises(_openpgp.PgpError, match=_openpgp.spaced(OTHER)):
        _openpgp.only(ED25519 + RSA, [PINNED])


def test_what_is_written_is_as_gpg_writes_it():
    """Its checksum, too, which old versions of rpm look at."""
    for text, pinned in ((ED25519, PINNED), (RSA, OTHER)):
        assert _openpgp.only(text, [pinned]) == text


def test_nothing_of_a_file_is_written_but_the_pinned_key():
    """apt takes the first armour of any kind."""
    other = RSA.replace("PUBLIC KEY BLOCK", "ARMORED FILE")
    assert _openpgp.only(f"words\n{other}{ED25519}{ED25519}{other}", [PINNED]) == ED25519


@pytest.mark.parametrize(("text", "pinned"), [(ED25519, PINNED), (RSA, OTHER)])
def test_a_subkey_that_the_primary_key_has_not_signed_is_not_written(text, pinned):
    """Old versions of rpm trust any that stands beside it."""
    packets = dict(_openpgp._all_packets(RSA))
    own = _openpgp._all_packets(text)
    subkey = [(14, packets[6]), (2, packets[2])]
    for mixed in ([*own, *subkey], [*own[:1], *subkey, *own[1:]]):
        file = _openpgp._armoured(b"".join(_openpgp._packet(*one) for one in mixed))
        assert _openpgp.only(file, [pinned]) == text


def test_a_user_id_that_an_rsa_key_has_not_signed_is_not_written():
    own = _openpgp._all_packets(RSA)
    forged = [(13, b"root"), *own[2:]]
    file = _openpgp._armoured(b"".join(_openpgp._packet(*one) for one in [*own, *forged]))
    assert _openpgp.only(file, [OTHER]) == RSA


def armoured(data):
    return f"{_openpgp.BEGIN}\n\n{base64.b64encode(data).decode()}\n-----END PGP PUBLIC KEY BLOCK-----\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no armoured"),
        ("<html>404</html>", "no armoured"),
        (f"{_openpgp.BEGIN}\n\n????\n-----END PGP PUBLIC KEY BLOCK-----", "armour is broken"),
        (armoured(b"words"), "not made of OpenPGP packets"),
        (armoured(b"\x99\x01\x0d\x04"), "incomplete"),
        (armoured(b"\x99"), "incomplete"),
        (armoured(b"\xb4\x01x"), "no primary key"),
        (armoured(b"\x98\x01\x06"), "version 4"),
        (armoured(b"\x9b\x04"), "unknown length"),
        (armoured(b"\xc6\xe8\x04"), "unknown length"),
        (armoured(b"\x94\x01\x04"), "private key"),
    ],
)
def test_what_is_no_key_is_told(text, said):
    with pytest.raises(_openpgp.PgpError, match=said):
        _openpgp.fingerprints(text)


def test_packets_of_the_new_format():
    body = b"\x04" + bytes(300)
    old = armoured(b"\x99" + len(body).to_bytes(2, "big") + body)
    for size in ((len(body) - 192 >> 8) + 192, 255):
        rest = bytes([len(body) - 192 & 255]) if size != 255 else len(body).to_bytes(4, "big")
        assert _openpgp.fingerprints(armoured(b"\xc6" + bytes([size]) + rest + body)) == _openpgp.fingerprints(old)
