# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import ipaddress
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ansible.parsing.dataloader import DataLoader
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority, _chain
from tests.beds import pki

DAY = datetime.timedelta(days=1)
YEAR = 365 * DAY
NAMES = ("web1.example.org", "192.0.2.7", "web1")
SIGNER = [sys.executable, pki.__file__]


@pytest.fixture(scope="module")
def root():
    return pki.make_ca("Acme Root", pathlen=1)


@pytest.fixture(scope="module")
def intermediate(root):
    return pki.make_ca("Acme Servers", root, pathlen=0)


@pytest.fixture(scope="module")
def key():
    return _tls.new_key()


def server(key, names=NAMES, life=90 * DAY):
    return _authority.server_request(key, names, life)


def client(key, life=90 * DAY):
    return _authority.Request("client", key, {"CN": "jo", "O": "Acme"}, life)


def of(ca, **more):
    return _authority.Authority("server_ca", ca.bundle, **({"key": ca.key_pem} | more))


# -- a key that is given


def test_an_intermediate_is_sent_along_and_the_root_is_not(root, intermediate, key):
    text = of(intermediate).issue(server(key))
    own, sent = _chain.load(text, "it")
    assert sent == intermediate.certificate
    assert set(_tls.inspect(text)["names"]) == set(NAMES)
    assert _authority.why_not_ours(text, intermediate.bundle) is None
    assert _authority.why_not_ours(text, pki.pem(root.certificate), directly=False) is None
    assert _authority.why_not_ours(pki.pem(own), intermediate.bundle) == "an intermediate certificate is missing in it"
    assert _authority.why_not_ours(text, pki.make_ca("other").bundle) == "it was not issued by this CA"
    assert _authority.why_not_ours(text, pki.pem(root.certificate)) == "it was not issued by this CA", "but below it"


def test_an_intermediate_whose_root_is_not_given_is_sent_along(intermediate, key):
    alone = dataclasses.replace(of(intermediate), bundle=pki.pem(intermediate.certificate))
    text = alone.issue(server(key))
    assert len(_chain.load(text, "it")) == 2
    assert _authority.why_not_ours(text, alone.bundle) is None
    assert _authority.why_not_ours(text[: text.index("-----END") + 30], alone.bundle)


def test_names_that_a_host_has_made_up_count_for_nothing(intermediate, key):
    """With the key of its certificate a host could sign another one for itself."""
    text = of(intermediate).issue(server(key))
    assert set(_authority.names_vouched_for(text, intermediate.bundle)) == set(NAMES)
    own, *sent = _chain.load(text, "it")
    host = pki.CA(own, _tls.load_signing_key(key, "it"), sent)
    names = x509.SubjectAlternativeName([x509.DNSName("bank.example")])
    for above in (host, None):
        made_up = pki.make_ca("bank.example", above, ca=False, sign=False, more=[(names, False)])
        assert _tls.inspect(made_up.bundle)["names"] == ["bank.example"]
        assert _authority.names_vouched_for(made_up.bundle, intermediate.bundle) == []


def test_the_life_that_a_certificate_was_given(intermediate, root, key):
    """Two days more lie before its beginning, or half of it."""
    for bundle, life in itertools.product((intermediate.bundle, root.bundle), (DAY, 30 * DAY, 90 * DAY)):
        made = of(intermediate).issue(server(key, life=life))
        assert _authority.life_vouched_for(made, bundle) == life
    ca, old = _tls.new_ca("servers"), _tls.new_ca("old")
    of_old = _tls.issue_server(old[1], old[0], key, ["web1"], DAY)
    assert _authority.life_vouched_for(of_old, ca[1] + old[1]) == DAY, "while it is rotated"
    assert [_authority.life_vouched_for(one, ca[1]) for one in (of_old, "garbage", "", None)] == [None] * 4
    to_the_end = _tls.issue_server(ca[1], ca[0], key, ["web1"], 2 * _tls.CA_LIFE)
    assert _authority.life_vouched_for(to_the_end, ca[1]) is None, "of the next CA it would live as short"


def test_own_authorities_send_nothing_along(key):
    own = _tls.new_ca("own")
    text = _authority.Authority("server_ca", own[1], own[0]).issue(server(key))
    assert len(_chain.load(text, "it")) == 1 and _authority.why_not_ours(text, own[1]) is None


def test_life_subject_and_usage(intermediate, key):
    text = of(intermediate).issue(client(key, 10 * DAY))
    look = _tls.inspect(text)
    assert (look["usage"], look["subject"]) == (["client"], "CN=jo,O=Acme")
    end = datetime.datetime.fromisoformat(look["not_after"].replace("Z", "+00:00"))
    assert abs(end - pki.now() - 10 * DAY) < datetime.timedelta(minutes=1)


def below_pathlen():
    return pki.make_ca("Too deep", pki.make_ca("Shallow", pathlen=0))


CONSTRAINED = x509.NameConstraints(
    [x509.DNSName("example.org"), x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))],
    [x509.DNSName("secret.example.org")],
)
UNFIT = {
    "no CA": (lambda: pki.make_ca("x", ca=False), "is not a CA's certificate"),
    "version 1": (lambda: pki.make_ca("x", ca=None), "is not a CA's certificate"),
    "no keyCertSign": (lambda: pki.make_ca("x", sign=False), "keyCertSign is not in"),
    "for clients": (lambda: pki.make_ca("x", usages=["client"]), "serverAuth is not in"),
    "for clients, above": (lambda: pki.make_ca("x", pki.make_ca("top", usages=["client"])), "CN=top .*serverAuth"),
    "pathlen": (below_pathlen, r"CN=Shallow may have 0 CAs below it \(pathlen\), and 1 are given"),
    "expired": (lambda: pki.make_ca("x", start=-9 * DAY, end=-DAY), "expired on"),
    "expired above": (lambda: pki.make_ca("x", pki.make_ca("top", start=-9 * DAY, end=-DAY)), "CN=top expired on"),
    "not yet": (lambda: pki.make_ca("x", start=DAY), "is valid from"),
    "short RSA": (lambda: pki.make_ca("x", key=pki.rsa_key(1024)), "RSA key of 1024 bits"),
    "curve": (lambda: pki.make_ca("x", key=ec.generate_private_key(ec.SECP256K1())), "curve secp256k1"),
    "names": (lambda: pki.make_ca("x", more=[(CONSTRAINED, True)]), r"may not sign certificates for web1 \("),
    "unknown": (
        lambda: pki.make_ca("x", more=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True)]),
        "critical extension that not all TLS libraries know, 1.2.3",
    ),
    "policy constraints": (lambda: pki.make_ca("x", more=[(x509.PolicyConstraints(0, None), True)]), "libraries know, 2.5.29.36 \\(policyC"),
    "any policy": (lambda: pki.make_ca("x", more=[(x509.InhibitAnyPolicy(0), True)]), "libraries know, 2.5.29.54 \\(inhibitA"),
    "critical above": (
        lambda: pki.make_ca("x", pki.make_ca("top", more=[(x509.InhibitAnyPolicy(0), True)])), "CN=top has a critical"
    ),
}  # fmt: skip


@pytest.mark.parametrize("make, said", UNFIT.values(), ids=UNFIT)
def test_a_ca_that_cant_sign_it_is_refused_with_the_reason(make, said, key):
    with pytest.raises(_tls.TlsError, match=said) as caught:
        of(make()).issue(server(key))
    assert str(caught.value).startswith("server_ca_cert: ")


def test_critical_extensions_that_all_know_are_fine(key):
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)])
    points = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://acme.example/crl")], None, None, None)]
    )
    for extension in (policies, points, x509.ExtendedKeyUsage([_chain.USAGES["server"]])):
        of(pki.make_ca("x", more=[(extension, True)])).check(server(key))
    of(pki.make_ca("x", more=[(x509.InhibitAnyPolicy(0), False)])).check(server(key))


@pytest.fixture(scope="module")
def pss(tmp_path_factory):
    """A root whose RSA key is for RSA-PSS alone, which the library can't make."""
    folder = tmp_path_factory.mktemp("pss")
    for command in (
        "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out ca-key.pem",
        "req -x509 -key ca-key.pem -subj /CN=PSS -days 9 -out ca.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)
    return pki.CA.read(folder)


def test_a_key_for_rsa_pss_alone_is_refused(pss, signer, key):
    below = pki.make_ca("x", pss)
    for one in (of(pss), of(below), dataclasses.replace(signer(), bundle=pss.bundle)):
        with pytest.raises(_tls.TlsError, match="CN=PSS has an RSA key that is for RSA-PSS alone"):
            one.check(server(key))


def test_a_signature_by_rsa_pss_is_fine(key):
    """Any RSA key can sign so, and Go verifies it."""
    own, algorithm = pki.rsa_key(2048), hashes.SHA256()
    subject = _tls.distinguished_name({"CN": "x"})
    builder = pki._builder(subject, subject, own.public_key(), pki.now() - DAY, pki.now() + DAY)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    certificate = builder.sign(own, algorithm, rsa_padding=padding.PSS(padding.MGF1(algorithm), 32))
    of(pki.CA(certificate, own, [])).check(server(key))


def test_a_weak_signature_is_refused_below_the_root_only():
    class Weak:
        subject = issuer = x509.Name([])
        signature_hash_algorithm = hashes.SHA1()

        def verify_directly_issued_by(self, issuer):
            raise ValueError

    use = _chain.Use("server", (), pki.now())
    assert "sha1" in _chain._is_well_signed(Weak(), use)
    Weak.verify_directly_issued_by = lambda self, issuer: None
    assert _chain._is_well_signed(Weak(), use) is None


@pytest.mark.parametrize("bits", [2048])
def test_rsa_signs_too(bits, key):
    ca = pki.make_ca("x", key=pki.rsa_key(bits))
    assert _authority.why_not_ours(of(ca).issue(server(key)), ca.bundle) is None


def test_key_and_certificate_must_belong_together_and_stand_in_order(root, intermediate, key):
    for bundle in (pki.make_ca("other").bundle, pki.pem(root.certificate) + pki.pem(intermediate.certificate)):
        with pytest.raises(_tls.TlsError, match="server_ca_key does not belong to the first certificate"):
            dataclasses.replace(of(intermediate), bundle=bundle).issue(server(key))


def test_what_is_no_key_is_named_and_not_quoted(intermediate, key):
    for value in ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", intermediate.bundle):
        with pytest.raises(_tls.TlsError, match="server_ca_key is not an unencrypted PEM private key") as caught:
            of(intermediate, key=value).check(server(key))
        assert "c2VjcmV0" not in str(caught.value)


def test_what_is_missing_is_named(intermediate, key):
    with pytest.raises(_tls.TlsError, match="server_ca_key is needed"):
        of(intermediate, key="").check(server(key))
    with pytest.raises(_tls.TlsError, match="server_ca_cert is needed"):
        _authority.Authority("server_ca", "").check(server(key))


def test_name_constraints():
    text = pki.make_ca("x", more=[(CONSTRAINED, True)]).bundle
    allowed = {
        **dict.fromkeys(("example.org", "a.example.org", "*.example.org", "192.0.2.9"), True),
        **dict.fromkeys(
            ("localhost", "notexample.org", "secret.example.org", "a.secret.example.org", "192.0.3.1"), False
        ),
        "fd00::1": False,
    }
    assert {name: _authority.may_name(text, name) for name in allowed} == allowed
    assert _authority.may_name(pki.make_ca("x").bundle, "localhost")


DIRECTORY = x509.DirectoryName(_tls.distinguished_name({"O": "Acme"}))
HOSTS = ["example.org", "a.example.org", "*.example.org", "b.a.example.org", "notexample.org", "192.0.2.7", "fd00::1"]
BOTH = [["192.0.2.7", "a.example.org"], ["a.example.org", "192.0.2.7"], ["192.0.2.7", "192.0.2.8"]]


@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize(
    "base",
    [x509.DNSName("example.org"), x509.DNSName(".example.org"), x509.DNSName("a.example.org"), x509.DNSName(""),
     x509.IPAddress(ipaddress.ip_network("192.0.2.0/24")), x509.RFC822Name("example.org")],
    ids=lambda base: f"{type(base).__name__} {base.value}",
)  # fmt: skip
def test_what_name_constraints_allow_is_what_openssl_verifies(tmp_path, key, base, excluded):
    constraints = x509.NameConstraints(None, [base]) if excluded else x509.NameConstraints([base], None)
    ca = pki.make_ca("x", more=[(constraints, True)]).save(tmp_path)
    for names in [*([host] for host in HOSTS), *BOTH]:
        (tmp_path / "cert.pem").write_text(_tls.issue_server(ca.bundle, ca.key_pem, key, names))
        command = ["openssl", "verify", "-purpose", "sslserver", "-CAfile", "ca.pem", "cert.pem"]
        verified = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        try:
            of(ca).check(server(key, names))
            said = ""
        except _tls.TlsError as error:
            said = str(error)
        assert (not said) == (verified.returncode == 0), (names, said, verified.stderr)
        assert not said or "name constraints" in said


def test_of_an_address_alone_it_is_the_cn_that_counts(signer, key, tmp_path):
    hosts = x509.NameConstraints([x509.DNSName("example.org")], None)
    ca = pki.make_ca("x", more=[(hosts, True)]).save(tmp_path)
    signing = dataclasses.replace(signer(), bundle=ca.bundle)
    signing.check(server(key, ["192.0.2.7"]))  # the command may give it another CN
    for one in (of(ca), signing):
        with pytest.raises(_tls.TlsError, match=r"the CN 192.0.2.7 .*Name the host as well"):
            one.issue(server(key, ["192.0.2.7"]))
    assert signing.issue(server(key, ["192.0.2.7", "a.example.org"]))
    assert of(ca).issue(client(key)), "no name of a host's"


@pytest.mark.parametrize("which", [0, 1])
def test_critical_name_constraints_that_go_does_not_know_are_refused(key, which):
    constraints = x509.NameConstraints(*([DIRECTORY] if one == which else None for one in (0, 1)))
    for critical in (True, False):
        ca = pki.make_ca("x", more=[(constraints, critical)])
        with pytest.raises(_tls.TlsError, match="on directory names") if critical else contextlib.nullcontext():
            of(ca).check(client(key))


@pytest.mark.parametrize("value, seconds", [("365d", 365 * 86400), ("8h", 8 * 3600), ("60", 60)])
def test_a_life(value, seconds):
    assert _authority.life_of("life", value).total_seconds() == seconds


@pytest.mark.parametrize("value", ["never", "59", "1y", ""])
def test_what_is_no_life(value):
    with pytest.raises(_tls.TlsError, match="life"):
        _authority.life_of("life", value)


def test_a_key_never_shows(intermediate):
    assert "PRIVATE" not in repr(of(intermediate))


# -- a command


@pytest.fixture
def signer(tmp_path, intermediate):
    """An authority whose command signs with the intermediate, of which only the root is given."""
    intermediate.save(tmp_path)

    def make(how="", **more):
        bundle = pki.pem(intermediate.above[-1])
        command = [*SIGNER, str(tmp_path), how]
        return _authority.Authority("server_ca", bundle, command=command, **more)

    make.asked = lambda: [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    make.folder = tmp_path
    return make


def csr_of(request, key):
    return dataclasses.replace(request, public_key=_tls.new_request(request.subject, request.names, key))


def test_what_the_command_is_asked_and_what_is_made_of_its_answer(signer, key, root, intermediate):
    request = csr_of(server(key), key)
    text = signer().issue(request)
    assert [one.subject for one in _chain.load(text, "it")][1:] == [intermediate.certificate.subject], "no root"
    assert _tls.public_key_sha256(text) == _tls.public_key_sha256(key)
    asked = signer.asked()[0]
    end = datetime.datetime.fromisoformat(asked.pop("not_after").replace("Z", "+00:00"))
    assert abs(end - pki.now() - 90 * DAY) < datetime.timedelta(minutes=1)
    assert asked == {
        "version": 1,
        "rehearsal": False,
        "usage": "server",
        "names": list(NAMES),
        "subject": {"CN": NAMES[0]},
        "life": 90 * 86400,
        "public_key": _tls.public_key(key),
        "csr": request.public_key,
    }
    text = signer().issue(client(key))
    assert _tls.inspect(text)["usage"] == ["client"]
    assert (signer.asked()[1]["usage"], signer.asked()[1]["csr"]) == ("client", None)
    assert "PRIVATE KEY" not in (signer.folder / "asked").read_text()


def test_a_rehearsal_uses_a_key_that_is_thrown_away(signer, key):
    signer().rehearse(server(key))
    signer("silent").rehearse(server(key))
    with pytest.raises(_tls.TlsError, match="bank.example"):
        signer("more-names").rehearse(server(key))
    for asked in signer.asked():
        assert asked["rehearsal"] and _tls.public_key_sha256(asked["csr"]) != _tls.public_key_sha256(key)


WRONG = {
    "other-key": "it is for another public key",
    "wrong-order": "it is for another public key.*has to come first",
    "ca": "it is a CA's certificate",
    "both": "its extended key usage is serverAuth, clientAuth, and has to be serverAuth alone",
    "client": "has to be serverAuth alone",
    "more-names": "nobody asked for bank.example",
    "less-names": "it lacks web1",
    "mail": "names that are neither host names nor addresses",
    "expired": "would have to be renewed at once",
    "early": "it is valid from",
    "long": "later than was asked for",
    "no-chain": r"does not lead to the CA certificate.*its issuer is CN=Acme Servers\).*print the intermediates",
    "talk": "is not a PEM certificate",
    "signs": "it is a CA's certificate",
    "much": "bytes, which is not a certificate",
    "fail": r"exited with 1 and printed: policy: no certificates for web1.example.org",
    "hides": r"exited with 1 and printed: \[2J \[31m policy$",
}


@pytest.mark.parametrize("how, said", WRONG.items(), ids=WRONG)
def test_what_a_command_prints_is_judged(signer, key, how, said):
    with pytest.raises(_tls.TlsError, match=said) as caught:
        signer(how).issue(server(key))
    assert "server_ca_command" in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("how, said", [("other-cn", "its CN is jox, and has to be jo"), ("server", "clientAuth alone")])
def test_a_clients_certificate_is_judged_as_well(signer, key, how, said):
    with pytest.raises(_tls.TlsError, match=said):
        signer(how).issue(client(key))


def test_the_chain_is_held_to_the_same_rules(signer, key, tmp_path):
    shallow = pki.make_ca("Shallow", pathlen=0)
    pki.make_ca("Too deep", shallow).save(tmp_path)
    with pytest.raises(_tls.TlsError, match=r"CN=Shallow may have 0 CAs below it"):
        dataclasses.replace(signer(), bundle=shallow.bundle).issue(server(key))


@pytest.mark.parametrize("below", [False, True])
def test_while_it_is_rotated_a_command_has_to_sign_by_the_new_ca(signer, key, tmp_path, below):
    """Clients trust both by then, and refuse what the old one has signed as soon as it is dropped."""
    old, new = (pki.make_ca(name) for name in ("Old", "New"))
    rotating = dataclasses.replace(signer(), bundle=new.bundle + old.bundle)
    (pki.make_ca("Below old", old) if below else old).save(tmp_path)
    with pytest.raises(
        _tls.TlsError, match=r"the CA certificate that comes first .*CN=New.* issuer is CN=(Below o|O)ld"
    ):
        rotating.issue(server(key))
    (pki.make_ca("Below new", new) if below else new).save(tmp_path)
    assert rotating.why_not_ours(rotating.issue(server(key))) is None


def test_a_command_that_hangs_is_ended_with_all_that_it_started(signer, key):
    with pytest.raises(_tls.TlsError, match="has not answered within 2 s"):
        signer("slow", limit=2).issue(server(key))
    started = [int(path.name.removeprefix("pid-")) for path in signer.folder.glob("pid-*")]
    assert started
    until = time.monotonic() + 10  # who was killed ends when it is scheduled next
    while any(map(lives, started)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(lives, started))


@pytest.mark.parametrize(
    "then, said",
    [
        ('exec "$@"', None),
        ("echo policy >&2; exit 3", "exited with 3 and printed: policy$"),
        ("sleep 99", "within 2 s"),
    ],
)
def test_who_goes_on_in_the_background_is_not_waited_for(signer, key, then, said):
    script, pid = signer.folder / "sign", signer.folder / "pid"
    script.write_text(f"#!/bin/sh\nsetsid sleep 30 &\necho $! > {pid}\n{then}\n")
    script.chmod(0o755)
    signing = signer(limit=2 if said == "within 2 s" else 60)
    signing.command = [str(script), *signing.command]
    with pytest.raises(_tls.TlsError, match=said) if said else contextlib.nullcontext():
        assert signing.issue(server(key))
    assert lives(int(pid.read_text()))
    os.kill(int(pid.read_text()), signal.SIGKILL)


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("command", [["no-such-program"], ["./no-such"], [".."], ["step sign"]])
def test_a_command_that_cant_be_run_is_found_out_before(signer, key, command):
    with pytest.raises(_tls.TlsError, match="there is no program"):
        dataclasses.replace(signer(), command=command).check(server(key))


def test_a_command_beside_the_playbook_or_where_ansible_was_started(signer, key, tmp_path, monkeypatch):
    script = tmp_path / "sign"
    script.write_text(f'#!/bin/sh\nexec {" ".join(SIGNER)} {tmp_path} "$@"\n')
    script.chmod(0o755)
    loader = DataLoader()
    for place, folder in ((loader.set_basedir, tmp_path), (monkeypatch.chdir, tmp_path)):
        loader.set_basedir("/")
        place(str(folder))
        options = {"x_ca_cert": signer().bundle, "x_ca_command": ["./sign"]}
        assert _authority.open_authority(loader, "x_ca", options).issue(server(key))


def test_a_given_certificate_that_is_no_ca_is_refused_for_commands_too(signer, key):
    with pytest.raises(_tls.TlsError, match="is not a CA's certificate"):
        dataclasses.replace(signer(), bundle=pki.make_ca("x", ca=False).bundle).check(server(key))


def test_of_a_ca_that_is_left_nothing_is_asked_any_more(signer, key):
    """A rotation away from it goes on, though it has expired or may not name the host."""
    new = pki.make_ca("New")
    for old in (
        pki.make_ca("Old", start=-9 * DAY, end=-DAY),
        pki.make_ca("Old", more=[(CONSTRAINED, True)]),
        pki.make_ca("Old", key=pki.rsa_key(1024)),
    ):
        dataclasses.replace(signer(), bundle=new.bundle + old.bundle).check(server(key))
        with pytest.raises(_tls.TlsError, match="CN=Old"):
            dataclasses.replace(signer(), bundle=old.bundle + new.bundle).check(server(key))
    constrained = pki.make_ca("Old", more=[(CONSTRAINED, True)]).bundle
    assert _authority.may_name(new.bundle + constrained, "localhost")
    assert not _authority.may_name(constrained + new.bundle, "localhost")


def test_of_a_chain_each_ca_is_held_to_the_rules_for_commands_too(signer, key):
    top = pki.make_ca("Top", start=-9 * DAY, end=-DAY)
    with pytest.raises(_tls.TlsError, match="CN=Top expired"):
        dataclasses.replace(signer(), bundle=pki.make_ca("x", top).bundle).check(server(key))


@pytest.mark.parametrize("part", pki.DAMAGE)
def test_an_answer_that_cant_be_read_is_refused(signer, key, part):
    script, answer = signer.folder / "sign", signer.folder / "answer"
    script.write_text(f"#!/bin/sh\ncat {answer}\n")
    script.chmod(0o755)
    signing = signer()
    good = signing.issue(server(key))
    signing.command = [str(script)]
    for text in (pki.damaged(part), good + pki.damaged(part)):
        answer.write_text(text)
        with pytest.raises(
            _tls.TlsError, match="server_ca_command has printed is not a PEM certificate that can be read"
        ):
            signing.issue(server(key))
    assert _authority.names_vouched_for(good + pki.damaged(part), signing.bundle) == []


@pytest.mark.parametrize("before, after", [(b"jojojo", b"jo\xffojo"), (b"\x55\x1d\x0e", b"\x55\x1d\x11")])
def test_a_signing_request_that_cant_be_read_is_not_passed_on(signer, monkeypatch, before, after):
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateSigningRequestBuilder().subject_name(_tls.distinguished_name({"CN": "jojojo"}))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("jo")]), critical=False)
    whole = builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())
    info = whole.tbs_certrequest_bytes
    assert before in info
    der = pki.signed_request(info.replace(before, after), key)
    wanted = dataclasses.replace(client(""), public_key=der)
    with pytest.raises(_tls.TlsError, match="The signing request can't be read"):
        signer().issue(wanted)
    assert not (signer.folder / "asked").exists()


@pytest.mark.parametrize("hostile", ["names", "subject", "extension"])
def test_a_hostile_signing_request_is_not_passed_on(signer, key, hostile):
    wanted = server(key)
    named = {"names": ("bank.example",)}.get(hostile, wanted.names)
    subject = {"subject": {"CN": "bank.example"}}.get(hostile, wanted.subject)
    text = _tls.new_request(subject, named, key)
    if hostile == "extension":
        private = _tls.load_signing_key(key, "it")
        builder = x509.CertificateSigningRequestBuilder().subject_name(_tls.distinguished_name(wanted.subject))
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_tls.general_name(n) for n in named]), critical=False
        )
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        text = pki.pem(builder.sign(private, hashes.SHA256()))
    with pytest.raises(_tls.TlsError, match="was not passed on"):
        signer().issue(dataclasses.replace(wanted, public_key=text))
    assert not (signer.folder / "asked").exists()


def test_options_are_read_from_files_and_only_one_of_them_signs(tmp_path, intermediate):
    intermediate.save(tmp_path)
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
    options = {"x_ca_cert": "ca.pem", "x_ca_key": intermediate.key_pem, "x_ca_timeout": 5}
    it = _authority.open_authority(loader, "x_ca", options)
    assert (it.bundle, it.key, it.limit) == (intermediate.bundle, intermediate.key_pem, 5)
    # One file for all: what goes elsewhere with the certificates is not the key
    combined = options | {"x_ca_cert": intermediate.key_pem + intermediate.bundle}
    assert _authority.open_authority(loader, "x_ca", combined).bundle == intermediate.bundle
    with pytest.raises(_tls.TlsError, match="x_ca_key and x_ca_command are given"):
        _authority.open_authority(loader, "x_ca", options | {"x_ca_command": ["sign"]})
