# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What apt, gpgv, sqv and rpm trust by the key file that the role writes, whatever was in the file that it got."""

from __future__ import annotations

import base64
import dataclasses
import email.utils
import hashlib
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openpgp
from tests.beds._base import run

BLOCK = "PUBLIC KEY BLOCK"
SPEC = "Name: hello\nVersion: 1\nRelease: 1\nSummary: hello\nLicense: none\nBuildArch: noarch\n%description\nhello\n%files\n"


@dataclasses.dataclass
class Signer:
    """A key of RSA whose subkey signs, as the vendor's for Debian has."""

    home: pathlib.Path
    packets: list[bytes]
    fingerprints: list[str]  # the primary key's first

    @classmethod
    def make(cls, home: pathlib.Path, kind: str = "rsa2048", subkey: str = "rsa2048") -> Signer:
        home.mkdir(mode=0o700)
        it = cls(home, [], [])
        it.gpg("--quick-generate-key", f"{home.name} <{home.name}@example.org>", kind, "sign,cert", "never")
        listed = it.fingerprints_in("")
        if subkey:
            it.gpg("--quick-add-key", listed[0], subkey, "sign", "never")
        it.fingerprints = it.fingerprints_in("")
        data = base64.b64decode(run("base64", str(it.export()), check=True).stdout)
        it.packets = [_openpgp._packet(tag, body) for tag, body in _openpgp._packets(data)]
        return it

    def gpg(self, *arguments: str, **more: t.Any) -> str:
        command = ("gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes", "--passphrase", "")
        return str(run(*command, *arguments, **more).stdout)

    def fingerprints_in(self, path: str) -> list[str]:
        listed = self.gpg("--with-colons", "--with-subkey-fingerprint", *(["--show-keys", path] if path else ["-k"]))
        return [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]

    def export(self) -> pathlib.Path:
        path = self.home / "public.gpg"
        self.gpg("--output", str(path), "--export")
        return path

    def secret(self) -> list[bytes]:
        path = self.home / "secret.gpg"
        self.gpg("--output", str(path), "--export-secret-keys")
        return [_openpgp._packet(tag, body) for tag, body in _openpgp._packets(path.read_bytes())]


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("k")
    found = {
        name: Signer.make(folder / name, *more)
        for name, more in {"pinned": (), "next": (), "attacker": (), "curve": ("ed25519", "")}.items()
    }
    yield found
    for one in found.values():
        run("gpgconf", "--homedir", str(one.home), "--kill", "gpg-agent", check=False)


def armoured(packets: t.Iterable[bytes], kind: str = BLOCK, headers: str = "") -> str:
    text = base64.encodebytes(b"".join(packets)).decode()
    return f"-----BEGIN PGP {kind}-----\n{headers}\n{text}-----END PGP {kind}-----\n"


def new_format(packet: bytes) -> bytes:
    ((tag, body),) = _openpgp._packets(packet)
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


# What the role gets, made of the packets of the pinned key, of the next one and of the attacker's
ACCEPTED: dict[str, t.Callable[..., str]] = {
    "as it is": lambda a, b, c: armoured(a),
    "another armour first": lambda a, b, c: armoured(c, "ARMORED FILE") + armoured(a),
    "a message first": lambda a, b, c: armoured(c, "MESSAGE") + armoured(a),
    "a signature first": lambda a, b, c: armoured(c, "SIGNATURE") + armoured(a),
    "a private key first": lambda a, b, c: armoured(c, "PRIVATE KEY BLOCK") + armoured(a),
    "another's subkey": lambda a, b, c: armoured([*a, *c[3:]]),
    "another's user ID and signatures": lambda a, b, c: armoured([a[0], *c[1:], *a[1:]]),
    "a trust packet, and a marker": lambda a, b, c: armoured([*a, b"\xb0\x01\x3c", b"\xa8\x03PGP"]),
    "new format": lambda a, b, c: armoured(map(new_format, a)),
    "text around it": lambda a, b, c: "text\n" + armoured(a) + "more\n" + armoured(c, "X") + "-----BEGIN PGP\n",
    "other line ends, and headers": lambda a, b, c: armoured(a, headers="Comment: x\n").replace("\n", "\r\n"),
    "twice": lambda a, b, c: armoured(a) + armoured(a),
}
REFUSED: dict[str, tuple[t.Callable[..., t.Any], str]] = {
    "another block": (lambda a, c, secret: armoured(c) + armoured(a), "and pinned is"),
    "another key in the block": (lambda a, c, secret: armoured([*a, *c]), "and pinned is"),
    "binary": (lambda a, c, secret: b"".join(a).decode("utf-8", "replace"), "no armoured"),
    "another armour alone": (lambda a, c, secret: armoured(a, "ARMORED FILE"), "no armoured"),
    "a private key": (lambda a, c, secret: armoured(secret, "PRIVATE KEY BLOCK"), "no armoured"),
    "a private key as a public one": (lambda a, c, secret: armoured(secret), "private key"),
    "a private key behind it": (lambda a, c, secret: armoured([*a, *secret]), "private key"),
    "partial lengths": (lambda a, c, secret: armoured([b"\xc6\xe8" + a[0][3:259] + b"\x10" + a[0][259:275]]), "length"),
    "garbage behind it": (lambda a, c, secret: armoured([*a, b"garbage"]), "not made of"),
    "cut off": (lambda a, c, secret: armoured([b"".join(a)[:-9]]), "incomplete"),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package of RPM, to be signed."""
    folder = tmp_path_factory.mktemp("rpm")
    (folder / "hello.spec").write_text(SPEC)
    run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}", str(folder / "hello.spec"))
    return next(folder.rglob("*.rpm"))


class Signed(t.NamedTuple):
    """What a key has signed: a package of RPM, a repository of Debian, a file."""

    package: pathlib.Path
    repository: pathlib.Path
    data: pathlib.Path

    @classmethod
    def make(cls, signer: Signer, number: int, package: pathlib.Path, folder: pathlib.Path) -> Signed:
        folder.mkdir(mode=0o755)
        it = cls(folder / "hello.rpm", folder / "repository", folder / "data")
        it.package.write_bytes(package.read_bytes())
        key = signer.fingerprints[number] + "!"
        macros = {"_gpg_name": key, "_gpg_path": signer.home, "__gpg": "/usr/bin/gpg"}
        words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        run("rpmsign", *words, "--addsign", str(it.package))
        it.repository.mkdir(mode=0o755)
        (it.repository / "Packages").write_text("")
        text = f"Date: {email.utils.formatdate(usegmt=True)}\nSuite: x\nSHA256:\n {hashlib.sha256(b'').hexdigest()} 0 Packages\n"
        (it.repository / "InRelease").write_text(signer.gpg("--local-user", key, "--clearsign", input=text))
        it.data.write_text("data")
        signer.gpg("--local-user", key, "--output", f"{it.data}.sig", "--detach-sign", str(it.data))
        return it


@pytest.fixture(scope="module")
def signed(signers, package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    folder.chmod(0o755)
    return {
        (name, number): Signed.make(signer, number, package, folder / f"{name}-{number}")
        for name, signer in signers.items()
        for number in range(len(signer.fingerprints))
    }


def rpm_trusts(key: pathlib.Path, package: pathlib.Path, folder: pathlib.Path) -> bool:
    database = ("--dbpath", str(folder / "rpmdb"))
    run("rpmkeys", *database, "--import", str(key))
    return "signatures OK" in run("rpmkeys", *database, "--checksig", str(package), check=False).stdout


def apt_trusts(key: pathlib.Path, repository: pathlib.Path, folder: pathlib.Path) -> bool:
    root = folder / "apt"
    for path in (root / "lists" / "partial", root / "cache" / "archives" / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    (root / "sources.list").write_text(f"deb [signed-by={key}] file:{repository} ./\n")
    options = {
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": root / "lists",
        "Dir::Cache": root / "cache",
        "APT::Update::Error-Mode": "any",
        "APT::Sandbox::User": "root",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return not run("apt-get", "-q", *words, "update", check=False).returncode


@pytest.mark.parametrize("name", ACCEPTED)
def test_of_any_file_each_program_trusts_the_pinned_key_alone(signers, signed, tmp_path, name):
    pinned, other, attacker = (signers[which] for which in ("pinned", "next", "attacker"))
    got = ACCEPTED[name](pinned.packets, other.packets, attacker.packets)
    key = tmp_path / "key.asc"
    key.write_text(_openpgp.only(got, pinned.fingerprints[:1]))
    assert pinned.fingerprints_in(str(key)) == pinned.fingerprints and len(pinned.fingerprints) == 2
    binary = tmp_path / "key.gpg"
    pinned.gpg("--output", str(binary), "--dearmor", str(key))
    assert [_openpgp._packet(*packet) for packet in _openpgp._packets(binary.read_bytes())] == pinned.packets
    for (signer, number), by in signed.items():
        file = (f"{by.data}.sig", str(by.data))
        trusted = {
            "gpgv": not run("gpgv", "--keyring", str(binary), *file, check=False).returncode,
            "sqv": not run("sqv", "--keyring", str(key), *file, check=False).returncode,
            "rpm": rpm_trusts(key, by.package, tmp_path),
            "apt": apt_trusts(key, by.repository, tmp_path),
        }
        assert trusted == dict.fromkeys(trusted, signer == "pinned"), (signer, number)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_pinned_key_alone_is_refused(signers, name):
    pinned, attacker = signers["pinned"], signers["attacker"]
    make, said = REFUSED[name]
    with pytest.raises(_openpgp.PgpError, match=said):
        _openpgp.only(make(pinned.packets, attacker.packets, pinned.secret()), pinned.fingerprints[:1])


def test_two_pinned_keys_are_trusted_both(signers, signed, tmp_path):
    """While the vendor changes from one to the next."""
    both = [signers["pinned"], signers["next"]]
    key = tmp_path / "key.asc"
    text = "".join(armoured(one.packets) for one in both)
    key.write_text(_openpgp.only(text, [one.fingerprints[0] for one in both]))
    for (signer, _number), by in signed.items():
        ours = signer in ("pinned", "next")
        assert apt_trusts(key, by.repository, tmp_path) == rpm_trusts(key, by.package, tmp_path) == ours


def test_a_key_of_a_curve_signs_by_its_primary_key(signers, signed, tmp_path):
    """Which its fingerprint proves; that a subkey belongs to it can't be seen with what Python has."""
    curve, attacker = signers["curve"], signers["attacker"]
    key = tmp_path / "key.asc"
    key.write_text(_openpgp.only(armoured([*curve.packets, *attacker.packets[3:]]), curve.fingerprints))
    assert curve.fingerprints_in(str(key)) == curve.fingerprints
    for (signer, _number), by in signed.items():
        assert apt_trusts(key, by.repository, tmp_path) == (signer == "curve")
