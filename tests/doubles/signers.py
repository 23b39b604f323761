# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the programs ``step`` and ``vault``, which the signers shown in docs/certificates.md call.

Neither program can be had where the tests run. These are written from what is published of them: the command lines, what
step-ca checks of a JWK provisioner's token, and the parameters, defaults and rules of the endpoints ``roles`` and ``sign``
of Vault's PKI engine. What isn't there is refused. There is no network, no login and no storage but a folder, SIGNERS::

    SIGNERS=FOLDER python tests/doubles/signers.py step ca token …     # FOLDER/ca.pem signs, with FOLDER/ca-key.pem
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import sys
import time
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from tests.beds import pki

FOLDER = pathlib.Path(os.environ["SIGNERS"])
UNITS = {"h": 3600, "m": 60, "s": 1}


class Refused(Exception):
    """What the server answers."""


def seconds(text: str) -> float:
    """A duration as Go writes it, such as 2h45m."""
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
        raise Refused(f"{text!r} is no duration")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


class Kept:
    """Provisioners, roles and used tokens, by their names."""

    def __init__(self, kind: str) -> None:
        self.path = FOLDER / f"{kind}.json"

    def all(self) -> dict[str, t.Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def keep(self, name: str, value: t.Any) -> None:
        self.path.write_text(json.dumps({**self.all(), name: value}))


def asked(pem: str) -> tuple[x509.CertificateSigningRequest, str, dict[str, list[str]]]:
    """A signing request, its common name, and its names by their kinds."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
    except ValueError:
        raise Refused("the certificate request could not be read") from None
    if not csr.is_signature_valid:
        raise Refused("the signature of the certificate request is wrong")
    names: dict[str, list[str]] = {"dns": [], "ip": []}
    for extension in csr.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names["dns"] = extension.value.get_values_for_type(x509.DNSName)
            names["ip"] = [str(one) for one in extension.value.get_values_for_type(x509.IPAddress)]
    common = [str(one.value) for one in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return csr, (common or [""])[0], names


def issued(key: t.Any, common: str, names: list[x509.GeneralName], usages: list[str], back: float, life: float) -> str:
    """The certificate, as PEM."""
    ca, now = pki.CA.read(FOLDER), pki.now()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    start, end = now - datetime.timedelta(seconds=back), now + datetime.timedelta(seconds=life)
    builder = pki._builder(subject, ca.certificate.subject, key, start, end)
    builder = builder.add_extension(pki._key_usage(False), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage([pki.USAGES[one] for one in usages]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return pki.pem(builder.sign(ca.key, hashes.SHA256()))


# -- step

TEMPLATE = '{"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}, "extKeyUsage": ["serverAuth", "clientAuth"]}'
FORBIDDEN = "The request was forbidden by the certificate authority: "


def step(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("step", allow_abbrev=False)
    group = parser.add_subparsers(required=True).add_parser("ca").add_subparsers(required=True)
    add = group.add_parser("provisioner").add_subparsers(required=True).add_parser("add", allow_abbrev=False)
    add.set_defaults(run=_step_add)
    add.add_argument("name")
    add.add_argument("--type", choices=["JWK"], required=True)
    add.add_argument("--create", action="store_true", required=True)
    for option in ("--password-file", "--x509-template", "--x509-max-dur"):
        add.add_argument(option)
    token = group.add_parser("token", allow_abbrev=False)
    token.set_defaults(run=_step_token)
    token.add_argument("subject")
    token.add_argument("--san", action="append", default=[])
    token.add_argument("--provisioner", "--issuer", required=True)
    token.add_argument("--provisioner-password-file", required=True)
    sign = group.add_parser("sign", allow_abbrev=False)
    sign.set_defaults(run=_step_sign)
    sign.add_argument("csr")
    sign.add_argument("crt")
    sign.add_argument("--token", required=True)
    sign.add_argument("--not-after", default="24h")
    found = parser.parse_args(arguments)
    found.run(found)


def _step_add(asked_for: argparse.Namespace) -> None:
    template = pathlib.Path(asked_for.x509_template).read_text() if asked_for.x509_template else TEMPLATE
    longest = seconds(asked_for.x509_max_dur or "24h")
    password = pathlib.Path(asked_for.password_file).read_text().strip()
    Kept("provisioners").keep(asked_for.name, {"password": password, "template": template, "longest": longest})
    print("✔ CA Configuration: ca.json", file=sys.stderr)


def _signature(content: str, password: str) -> str:
    return hmac.new(password.encode(), content.encode(), hashlib.sha256).hexdigest()


def _step_token(asked_for: argparse.Namespace) -> None:
    provisioner = Kept("provisioners").all().get(asked_for.provisioner)
    if provisioner is None:
        raise Refused(f"no provisioners match {asked_for.provisioner}")
    password = pathlib.Path(asked_for.provisioner_password_file).read_text().strip()
    if password != provisioner["password"]:
        raise Refused("failed to decrypt the provisioner's key with the provided password")
    # Without names, the subject is the only one
    claims = {"iss": asked_for.provisioner, "sub": asked_for.subject, "sans": asked_for.san or [asked_for.subject]}
    claims.update(exp=time.time() + 300, jti=os.urandom(8).hex())
    content = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    print(f"✔ Provisioner: {asked_for.provisioner} (JWK)", file=sys.stderr)
    print(f"{content}.{_signature(content, password)}")


def _step_sign(asked_for: argparse.Namespace) -> None:
    content, _dot, signature = asked_for.token.partition(".")
    claims = json.loads(base64.urlsafe_b64decode(content))
    provisioner = Kept("provisioners").all()[claims["iss"]]
    if signature != _signature(content, provisioner["password"]) or claims["exp"] < time.time():
        raise Refused("The request lacked necessary authorization to be completed: the token is wrong, or too old")
    used = Kept("tokens")
    if claims["jti"] in used.all():
        raise Refused("The request lacked necessary authorization to be completed: token already used")
    used.keep(claims["jti"], True)
    csr, common, names = asked(pathlib.Path(asked_for.csr).read_text())
    if common != claims["sub"]:
        raise Refused(f"{FORBIDDEN}it does not contain the valid common name - got {common}, want {claims['sub']}")
    sans = [pki.general(name) for name in claims["sans"]]
    for kind, one in (("dns", x509.DNSName), ("ip", x509.IPAddress)):
        want = {str(name.value) for name in sans if isinstance(name, one)}
        if names[kind] and set(names[kind]) != want:
            raise Refused(f"{FORBIDDEN}it does not contain the valid names - got {names[kind]}, want {sorted(want)}")
    life = seconds(asked_for.not_after)
    if life > provisioner["longest"]:
        raise Refused(f"{FORBIDDEN}requested duration is more than the authorized maximum certificate duration")
    text = provisioner["template"].replace("{{ toJson .Subject }}", json.dumps({"commonName": common}))
    template = json.loads(text.replace("{{ toJson .SANs }}", json.dumps(claims["sans"])))
    usages = [one.removesuffix("Auth") for one in template["extKeyUsage"]]
    own = issued(csr.public_key(), common, sans, usages, 60, life)
    with open(asked_for.crt, "x", encoding="ascii") as stream:
        stream.write(own + pki.pem(pki.CA.read(FOLDER).certificate))
    print(f"✔ CA: https://ca.example.org\n✔ Certificate: {asked_for.crt}", file=sys.stderr)


# -- vault

SYSTEM_TTL = "768h"
# Of a role, what is looked at here, and its defaults
ROLE = {
    "allow_any_name": "false",
    "allow_ip_sans": "true",
    "allow_localhost": "true",
    "client_flag": "true",
    "enforce_hostnames": "true",
    "key_type": "rsa",
    "max_ttl": SYSTEM_TTL,
    "not_before_duration": "30s",
    "server_flag": "true",
    "ttl": SYSTEM_TTL,
    "use_csr_common_name": "true",
    "use_csr_sans": "true",
}
SIGN = ("alt_names", "common_name", "csr", "exclude_cn_from_sans", "ip_sans", "ttl")
HOST_NAME = re.compile(r"(\*\.)?(([a-z\d]|[a-z\d][a-z\d-]*[a-z\d])\.)*([a-z\d]|[a-z\d][a-z\d-]*[a-z\d])\.?", re.I)


def vault(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("vault", allow_abbrev=False)
    write = parser.add_subparsers(required=True).add_parser("write", allow_abbrev=False)
    write.add_argument("-format", choices=["table", "json"], default="table")
    write.add_argument("path")
    write.add_argument("data", nargs="+")
    found = parser.parse_args(arguments)
    data = dict(_value(item) for item in found.data)
    mount, _slash, rest = found.path.partition("/")
    kind, _slash, name = rest.partition("/")
    try:
        if not os.environ.get("VAULT_TOKEN"):
            raise Refused("permission denied")
        unknown = set(data) - set(ROLE if kind == "roles" else SIGN)
        if mount != "pki" or kind not in ("roles", "sign") or unknown:
            raise Refused(f"unsupported path {found.path}, or parameters {sorted(unknown)}")
        answer = {} if kind == "roles" else _vault_sign(name, data)
    except Refused as refused:
        raise Refused(
            f"Error writing data to {found.path}: Error making API request.\n\nErrors:\n\n* {refused}"
        ) from None
    if kind == "roles":
        Kept("roles").keep(name, {**ROLE, **data})
    elif found.format == "json":
        print(json.dumps({"request_id": "", "lease_id": "", "lease_duration": 0, "renewable": False, "data": answer}))
    else:
        print("\n".join(f"{key}  {value}" for key, value in answer.items()))


def _value(item: str) -> tuple[str, str]:
    key, equal, value = item.partition("=")
    if not equal or value == "-" or value.startswith("@"):
        raise Refused(f"Failed to parse K=V data: {item!r}, or a way to give it that this stand-in does not know")
    return key, value


def _vault_sign(name: str, data: dict[str, str]) -> dict[str, t.Any]:
    role = Kept("roles").all().get(name)
    if role is None:
        raise Refused(f"unknown role: {name}")
    csr, common, names = asked(data["csr"])
    kind = "ec" if isinstance(csr.public_key(), ec.EllipticCurvePublicKey) else "rsa"
    if role["key_type"] not in (kind, "any"):
        raise Refused(f"role requires keys of type {role['key_type']}")
    if role["use_csr_common_name"] != "true":
        common = data.get("common_name", "")
    if role["use_csr_sans"] != "true":
        names = {"dns": _list(data.get("alt_names")), "ip": _list(data.get("ip_sans"))}
    if not common:
        raise Refused("the common_name field is required")
    if data.get("exclude_cn_from_sans") != "true" and common not in names["dns"]:
        names["dns"] = [common, *names["dns"]]
    for one in {common, *names["dns"]}:
        allowed = role["allow_any_name"] == "true" or (role["allow_localhost"] == "true" and one == "localhost")
        if not allowed or (role["enforce_hostnames"] == "true" and not HOST_NAME.fullmatch(one)):
            raise Refused(f"subject alternate name {one} not allowed by this role")
    if names["ip"] and role["allow_ip_sans"] != "true":
        raise Refused("IP Subject Alternative Names are not allowed in this role")
    life = seconds(data.get("ttl") or role["ttl"])
    if life > seconds(role["max_ttl"]):
        raise Refused("the requested TTL is greater than the role's max_ttl")
    usages = [one for one in ("server", "client") if role[f"{one}_flag"] == "true"]
    sans = [*map(x509.DNSName, names["dns"]), *map(pki.general, names["ip"])]
    own = issued(csr.public_key(), common, sans, usages, seconds(role["not_before_duration"]), life)
    ca = pki.CA.read(FOLDER)
    chain = [pki.pem(one).strip() for one in (ca.certificate, *ca.above)]
    return {"certificate": own.strip(), "issuing_ca": chain[0], "ca_chain": chain}


def _list(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]


if __name__ == "__main__":
    try:
        {"step": step, "vault": vault}[sys.argv[1]](sys.argv[2:])
    except (Refused, OSError) as error:
        sys.exit(str(error))
