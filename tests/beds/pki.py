# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PKI that is not ours: roots and intermediates of any make, and a signer that is run as a command.

Written with the library alone, so that what the collection does is judged by something else::

    python tests/beds/pki.py FOLDER [HOW]    # signs the request on stdin with FOLDER/ca.pem, as HOW says
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import ipaddress
import json
import os
import pathlib
import sys
import time
import typing as t

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def pem(thing: t.Any) -> str:
    return thing.public_bytes(serialization.Encoding.PEM).decode()


def issued_by(certificate: str, bundle: str) -> bool:
    """Whether one of a bundle's CAs has signed this certificate, the first of a chain."""
    own = x509.load_pem_x509_certificates(certificate.encode())[0]
    for issuer in x509.load_pem_x509_certificates(bundle.encode()):
        with contextlib.suppress(ValueError, TypeError, InvalidSignature):
            own.verify_directly_issued_by(issuer)
            return True
    return False


@dataclasses.dataclass
class CA:
    """A certificate authority, its chain to the root, and its key."""

    certificate: x509.Certificate
    key: t.Any
    above: list[x509.Certificate]

    @property
    def bundle(self) -> str:
        return "".join(map(pem, [self.certificate, *self.above]))

    @property
    def key_pem(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    def save(self, folder: pathlib.Path) -> CA:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.pem").write_text(self.bundle)
        (folder / "ca-key.pem").write_text(self.key_pem)
        return self

    @classmethod
    def read(cls, folder: pathlib.Path) -> CA:
        first, *above = x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
        return cls(first, serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None), above)


def make_ca(
    name: str,
    parent: CA | None = None,
    *,
    ca: bool | None = True,
    pathlen: int | None = None,
    sign: bool = True,
    usages: t.Sequence[str] = (),
    key: t.Any = None,
    start: datetime.timedelta = -DAY,
    end: datetime.timedelta = 1000 * DAY,
    more: t.Sequence[tuple[x509.ExtensionType, bool]] = (),
    algorithm: hashes.HashAlgorithm | None = None,
) -> CA:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = parent.certificate.subject if parent else subject
    builder = _builder(subject, issuer, key.public_key(), now() + start, now() + end)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, pathlen if ca else None), critical=True)
    builder = builder.add_extension(_key_usage(sign), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage([USAGES[one] for one in usages]), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(parent.key if parent else key, algorithm or hashes.SHA256())
    return CA(certificate, key, [parent.certificate, *parent.above] if parent else [])


# In DER what is replaced by what, so that a certificate can be loaded and that part of it can't be read
DAMAGE = {
    "extension": (bytes.fromhex("551d0f0101ff040403"), bytes.fromhex("551d0f0101ff040404")),  # a key usage's type
    "extension twice": (bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d13")),
    "name": (b"\x0c\x06broken", b"\x0c\x06br\xffken"),
    "key": (bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0277")),
    "curve": (bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030177")),
    "signature": (bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d040377")),
    "version": (bytes.fromhex("a003020102"), bytes.fromhex("a003020107")),
}


def damaged(part: str) -> str:
    """A CA's certificate, a part of which can't be read."""
    whole = make_ca("broken").certificate.public_bytes(serialization.Encoding.DER)
    der = whole.replace(*DAMAGE[part])
    assert der != whole
    return _armoured("CERTIFICATE", der)


def signed_request(info: bytes, key: ec.EllipticCurvePrivateKey) -> str:
    """A signing request of any content, with a signature that is right."""
    signature = b"\0" + key.sign(info, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    rest = info + algorithm + b"\x03" + bytes([len(signature)]) + signature
    der = b"\x30\x82" + len(rest).to_bytes(2, "big") + rest
    return _armoured("CERTIFICATE REQUEST", der)


def _armoured(what: str, der: bytes) -> str:
    return f"-----BEGIN {what}-----\n{base64.encodebytes(der).decode()}-----END {what}-----\n"


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: t.Any, start: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _key_usage(sign: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    off = dict.fromkeys([*others, "encipher_only", "decipher_only"], False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=sign, crl_sign=sign, **off)


# -- the signer


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def signed(ca: CA, question: dict[str, t.Any], how: str = "") -> str:
    """The certificate that the question asks for; or wrong, as ``how`` says."""
    public: t.Any = serialization.load_pem_public_key(question["public_key"].encode())
    if how == "other-key":
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, question["subject"]["CN"] + ("x" if how == "other-cn" else ""))]
    )
    life = datetime.timedelta(seconds=question["life"])
    start, end = now() - datetime.timedelta(minutes=1), now() + life
    if how == "expired":
        start, end = now() - 2 * DAY, now() - DAY
    elif how == "short":
        start, end = now(), now() + datetime.timedelta(seconds=30)
    elif how == "early":
        start = now() + DAY
    elif how == "long":
        end += 30 * DAY
    builder = _builder(subject, ca.certificate.subject, public, start, end)
    builder = builder.add_extension(x509.BasicConstraints(how == "ca", None), critical=True)
    builder = builder.add_extension(_key_usage(how == "signs"), critical=True)
    usages = {"both": ["server", "client"], "client": ["client"], "server": ["server"]}.get(how, [question["usage"]])
    builder = builder.add_extension(x509.ExtendedKeyUsage([USAGES[one] for one in usages]), critical=False)
    names = [general(name) for name in question["names"]]
    if how == "more-names":
        names.append(x509.DNSName("bank.example"))
    elif how == "less-names":
        names.pop()
    elif how == "mail":
        names.append(x509.RFC822Name("jo@example.org"))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    own = builder.sign(ca.key, hashes.SHA256())
    chain = [] if how == "no-chain" else [ca.certificate, *ca.above]
    return "".join(map(pem, reversed([own, *chain]) if how == "wrong-order" else [own, *chain]))


def main() -> None:
    folder, how = pathlib.Path(sys.argv[1]), (sys.argv[2:] or [""])[0]
    question = json.load(sys.stdin)
    with open(folder / "asked", "a", encoding="utf-8") as stream:
        stream.write(json.dumps(question) + "\n")
    if how == "fail":
        sys.exit("policy: no certificates for " + question["subject"]["CN"])
    if how == "hides":  # on a terminal, what was said before
        sys.exit("\x1b[2J\x1b[31m\npolicy")
    if how == "slow":
        child = os.fork()
        (folder / f"pid-{child or os.getpid()}").touch()
        time.sleep(300)
    if how == "talk":
        print("Signed, see https://ca.example.org")
        return
    if how == "much":
        print("x" * 300_000)
        return
    if question["rehearsal"] and how == "silent":
        return
    sys.stdout.write(signed(CA.read(folder), question, how))


if __name__ == "__main__":
    main()
