# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pinned OpenPGP keys, without gpg: what of a file belongs to them. Pure; runs on the controller and, on Python 3.8, on hosts.

Package managers differ in what they read from a file: apt takes the first armoured block of any kind, and old versions of
rpm any subkey beside the right primary key. So a file is never installed as it is. Written are the packets of the pinned
keys alone: the primary key, whose fingerprint proves it, and what it has signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import typing as t

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_BLOCK = re.compile(re.escape(BEGIN) + r"\s*?\n(.*?)\n" + re.escape(END), re.DOTALL)
_SIGNATURE, _SECRET_KEY, _PUBLIC_KEY, _SECRET_SUBKEY, _USER_ID, _PUBLIC_SUBKEY = 2, 5, 6, 7, 13, 14  # tags of packets
_RSA = (b"\x01", b"\x02", b"\x03")
# Signatures by which a primary key speaks of itself, of a user ID and of a subkey
_ABOUT = {None: (0x1F, 0x20), _USER_ID: (0x10, 0x11, 0x12, 0x13, 0x30), _PUBLIC_SUBKEY: (0x18, 0x28)}
# By the number of a hash in OpenPGP: its name, and what stands before it in a signature of RSA (RFC 8017, 9.2)
_HASHES = {
    2: ("sha1", "3021300906052b0e03021a05000414"),
    8: ("sha256", "3031300d060960864801650304020105000420"),
    9: ("sha384", "3041300d060960864801650304020205000430"),
    10: ("sha512", "3051300d060960864801650304020305000440"),
    11: ("sha224", "302d300d06096086480165030402040500041c"),
}


class PgpError(ValueError):
    """The text is no OpenPGP key that can be read; the message says why."""


def fingerprints(text: str) -> list[str]:
    """The fingerprints of all primary keys in an armoured file, in order."""
    return [_fingerprint(body) for tag, body in _all_packets(text) if tag == _PUBLIC_KEY]


def _all_packets(text: str) -> list[tuple[int, bytes]]:
    blocks = _BLOCK.findall(text.replace("\r\n", "\n"))
    if not blocks:
        raise PgpError("there is no armoured OpenPGP public key in it")
    packets = [packet for block in blocks for packet in _packets(_unarmoured(block))]
    tags = [tag for tag, dummy in packets]
    if _SECRET_KEY in tags or _SECRET_SUBKEY in tags:
        raise PgpError("there is a private key in it")
    if _PUBLIC_KEY not in tags:
        raise PgpError("there is no primary key in it")
    return packets


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


def only(text: str, pinned: t.Iterable[str]) -> str:
    """The pinned keys of a file, written by us; PgpError if there are others: they would be trusted as much."""
    allowed = set(pinned)
    packets = _all_packets(text)
    wrong = [key for key in fingerprints(text) if key not in allowed]
    if wrong:
        raise PgpError(
            f"it has the fingerprint {', '.join(map(spaced, wrong))}, and pinned is {', '.join(map(spaced, sorted(allowed)))}"
        )
    certificates: list[list[tuple[int, bytes]]] = []
    for packet in packets:
        if packet[0] == _PUBLIC_KEY:
            certificates.append([])
        if certificates:
            certificates[-1].append(packet)
    keys: dict[bytes, bytes] = {}
    for (tag, primary), *rest in certificates:
        keys.setdefault(primary, _packet(tag, primary) + _signed(primary, rest))
    return _armoured(b"".join(keys.values()))


def _signed(primary: bytes, packets: t.Iterable[tuple[int, bytes]]) -> bytes:
    """What a primary key has signed of the packets behind it, with these signatures.

    Of RSA alone, since Python has no other public keys. Of another primary key the user IDs stay, which nobody trusts
    without their signatures, and subkeys go.
    """
    rsa = _rsa(primary)
    found = pending = b""
    about: tuple[int | None, bytes] = (None, b"")
    for tag, body in packets:
        if tag in (_USER_ID, _PUBLIC_SUBKEY):
            about, pending = (tag, body), _packet(tag, body)
        elif tag != _SIGNATURE:
            about, pending = (tag, body), b""  # of no use for a repository, as a photo
        elif _is_signed(primary, about, body, rsa) if rsa else about[0] in (None, _USER_ID):
            found, pending = found + pending + _packet(tag, body), b""
    return found


def _rsa(primary: bytes) -> tuple[int, int] | None:
    """Modulus and exponent of a key of version 4, if it is one of RSA."""
    modulus, rest = _number(primary[6:])
    return (modulus, _number(rest)[0]) if primary[5:6] in _RSA and modulus.bit_length() >= 1024 else None


def _number(data: bytes) -> tuple[int, bytes]:
    """A multiprecision integer, and what comes after it."""
    end = 2 + (int.from_bytes(data[:2], "big") + 7) // 8
    return int.from_bytes(data[2:end], "big"), data[end:]


def _is_signed(primary: bytes, about: tuple[int | None, bytes], body: bytes, rsa: tuple[int, int]) -> bool:
    """Whether the primary key has made this signature (RFC 9580, 5.2.4, version 4)."""
    tag, what = about
    if len(body) < 8 or body[0] != 4 or body[1] not in _ABOUT.get(tag, ()) or body[2:3] not in _RSA:
        return False
    hashed = 6 + int.from_bytes(body[4:6], "big")
    unhashed = hashed + 2 + int.from_bytes(body[hashed : hashed + 2], "big")
    name, prefix = _HASHES.get(body[3], ("", ""))
    if not name:
        return False
    data = _key_data(primary)
    if tag == _USER_ID:
        data += b"\xb4" + len(what).to_bytes(4, "big") + what
    elif tag == _PUBLIC_SUBKEY:
        data += _key_data(what)
    digest = hashlib.new(name, data + body[:hashed] + b"\x04\xff" + hashed.to_bytes(4, "big")).digest()
    modulus, exponent = rsa
    size = (modulus.bit_length() + 7) // 8
    encoded = bytes.fromhex(prefix) + digest
    expected = b"\x00\x01" + b"\xff" * (size - len(encoded) - 3) + b"\x00" + encoded
    return pow(_number(body[unhashed + 2 :])[0], exponent, modulus) == int.from_bytes(expected, "big")


def _key_data(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big") + body


# -- the form


def _packet(tag: int, body: bytes) -> bytes:
    """In the old format, which all programs read."""
    size = len(body)
    kind, octets = (0, 1) if size < 1 << 8 else (1, 2) if size < 1 << 16 else (2, 4)
    return bytes([0x80 | tag << 2 | kind]) + size.to_bytes(octets, "big") + body


def _armoured(data: bytes) -> str:
    checksum = 0xB704CE
    for octet in data:
        checksum ^= octet << 16
        for _bit in range(8):
            checksum = checksum << 1 ^ (0x1864CFB if checksum & 0x800000 else 0)
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    lines.append("=" + base64.b64encode((checksum & 0xFFFFFF).to_bytes(3, "big")).decode())
    return "\n".join([BEGIN, "", *lines, END]) + "\n"


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
                raise PgpError("it is incomplete")
            yield tag, data[at : at + size]
            at += size
    except IndexError:
        raise PgpError("it is incomplete") from None


def _fingerprint(body: bytes) -> str:
    if body[:1] != b"\x04":
        raise PgpError("only keys of version 4 are known here")
    return hashlib.sha1(_key_data(body)).hexdigest().upper()
