# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints of OpenPGP keys, without gpg. Pure; runs on the controller and, on Python 3.8, on hosts.

Only what a pinned key needs: which primary keys a file has. That a signature is right is the package manager's business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import typing as t

BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_BLOCK = re.compile(re.escape(BEGIN) + r"\s*?\n(.*?)\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_PUBLIC_KEY = 6  # the tag of a primary key's packet


class PgpError(ValueError):
    """The text is no OpenPGP key that can be read; the message says why."""


def fingerprints(text: str) -> list[str]:
    """The fingerprints of all primary keys in an armoured file, in order."""
    blocks = _BLOCK.findall(text.replace("\r\n", "\n"))
    if not blocks:
        raise PgpError("there is no armoured OpenPGP public key in it")
    found = [_fingerprint(body) for block in blocks for tag, body in _packets(_unarmoured(block)) if tag == _PUBLIC_KEY]
    if not found:
        raise PgpError("there is no primary key in it")
    return found


def normal(fingerprint: str) -> str:
    """A fingerprint as 40 capital digits, from any way of writing it."""
    digits = re.sub(r"[\s:]", "", fingerprint).upper()
    if digits.startswith("0X"):
        digits = digits[2:]
    if not re.fullmatch(r"[0-9A-F]{40}", digits):
        raise PgpError(f"{fingerprint!r} is not a fingerprint of 40 hexadecimal digits")
    return digits


def spaced(fingerprint: str) -> str:
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def check(text: str, pinned: t.Iterable[str]) -> None:
    """Raise unless each key in the file is a pinned one: one more would be trusted as much as the right one."""
    allowed = set(pinned)
    wrong = [key for key in fingerprints(text) if key not in allowed]
    if wrong:
        raise PgpError(
            f"it has the fingerprint {', '.join(map(spaced, wrong))}, and pinned is {', '.join(map(spaced, sorted(allowed)))}"
        )


def _unarmoured(block: str) -> bytes:
    """The bytes of an armoured block: after its headers, without its checksum."""
    lines = [line.strip() for line in block.split("\n")]
    if "" in lines:
        lines = lines[lines.index("") + 1 :]
    try:
        return base64.b64decode("".join(line for line in lines if line and not line.startswith("=")), validate=True)
    except binascii.Error as error:
        raise PgpError(f"its armour is broken ({error})") from None


def _packets(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """Tag and body of each packet (RFC 9580, 4.2), old format and new."""
    at = 0
    try:
        while at < len(data):
            first = data[at]
            at += 1
            if not first & 0x80:
                raise PgpError("it is not made of OpenPGP packets")
            if first & 0x40:
                tag, size = first & 0x3F, data[at]
                if size < 192:
                    at += 1
                elif size < 224:
                    size = ((size - 192) << 8) + data[at + 1] + 192
                    at += 2
                elif size == 255:
                    size = int.from_bytes(data[at + 1 : at + 5], "big")
                    at += 5
                else:
                    raise PgpError("it has a packet of unknown length")
            else:
                tag, octets = (first & 0x3C) >> 2, (1, 2, 4, 0)[first & 3]
                if not octets:
                    raise PgpError("it has a packet of unknown length")
                size = int.from_bytes(data[at : at + octets], "big")
                at += octets
            if at + size > len(data):
                raise PgpError("it is cut off")
            yield tag, data[at : at + size]
            at += size
    except IndexError:
        raise PgpError("it is cut off") from None


def _fingerprint(body: bytes) -> str:
    if body[:1] != b"\x04":
        raise PgpError("only keys of version 4 are known here")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()
