# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signers that docs/certificates.md shows for step-ca and Vault, as they stand there, on stand-ins for these two."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import re
import subprocess
import sys

import pytest
from cryptography import x509

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority
from tests.beds import pki

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "certificates.md").read_text()
YEAR = datetime.timedelta(days=365)
# The first is the common name, too
NAMES = ("2001:db8::5", "192.0.2.7", "web1.example.org", "web_1", "localhost")


def shown(beginning, number=0):
    """What the page shows after this."""
    return re.findall(rf"```(?:bash)?\n({re.escape(beginning)}.*?)```\n", PAGE, re.DOTALL)[number]


SIGN = {"step": shown("#!/bin/bash\n# sign PROVISIONER"), "vault": shown("#!/bin/bash\n# sign ROLE")}
SET_UP = {"step": shown("step ca provisioner add"), "vault": shown("vault write pki/roles/")}
TEMPLATE = shown('{"subject"')
# The same for clients
CLIENTS = {
    "step": (("docker-servers", "docker-clients"), ("servers.tpl", "clients.tpl")),
    "vault": (
        ("docker-servers", "docker-clients"),
        ("server_flag=true", "server_flag=false"),
        ("client_flag=false", "client_flag=true"),
    ),
}


class Signer:
    """One of the two, set up and asked as the page says."""

    def __init__(self, folder, monkeypatch, kind):
        self.folder, self.kind = folder, kind
        root = pki.make_ca("Acme Root")
        self.root = pki.pem(root.certificate)
        pki.make_ca("Acme Intermediate", root, pathlen=0).save(folder)
        self.program(kind, f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/doubles/signers.py {kind} "$@"\n')
        (folder / "password").write_text("secret\n")
        (folder / "servers.tpl").write_text(TEMPLATE)
        (folder / "clients.tpl").write_text(TEMPLATE.replace("serverAuth", "clientAuth"))
        for name, value in (("SIGNERS", folder), ("STEP_PASSWORD_FILE", folder / "password"), ("VAULT_TOKEN", "token")):
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def program(self, name, text):
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def set_up(self, changes=()):
        text = SET_UP[self.kind]
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        subprocess.run(["bash", "-euc", text], cwd=self.folder, check=True, capture_output=True)

    def authority(self, name="docker-servers", changes=()):
        text = SIGN[self.kind]
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.program("sign", text)
        return _authority.Authority("server_ca", self.root, command=[str(self.folder / "sign"), name])


@pytest.fixture(params=["step", "vault"])
def signer(request, tmp_path, monkeypatch):
    return Signer(tmp_path, monkeypatch, request.param)


def server(names=NAMES):
    return _authority.server_request(_tls.new_request({"CN": names[0]}, names), names, YEAR)


def client():
    key = _tls.new_request({"CN": "jo"})
    return _authority.Request("client", key, {"CN": "jo"}, YEAR)


def test_servers_and_clients_get_what_they_ask_for(signer):
    signer.set_up()
    servers = signer.authority()
    text = servers.issue(server())  # what came is compared with what was asked for, and its chain followed
    look = _tls.inspect(text)
    assert (sorted(look["names"]), look["usage"]) == (sorted(NAMES), ["server"])
    own, intermediate = x509.load_pem_x509_certificates(text.encode())
    assert "Intermediate" in intermediate.subject.rfc4514_string(), "it is sent along"
    sans = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(list(sans)) == len(NAMES), "the common name is not there twice"
    servers.rehearse(server())

    signer.set_up(CLIENTS[signer.kind])
    look = _tls.inspect(signer.authority("docker-clients").issue(client()))
    assert (look["common_name"], look["usage"]) == ("jo", ["client"])

    # A host that could make no request; somebody whom the CA does not know
    with pytest.raises(_tls.TlsError, match="install openssl on the host"):
        servers.issue(_authority.server_request(_tls.public_key(_tls.new_key()), NAMES, YEAR))
    with pytest.raises(_tls.TlsError, match="no provisioners match nobody|unknown role: nobody"):
        signer.authority("nobody").issue(server())


def test_an_hour_is_had_with_less_backdating(tmp_path, monkeypatch):
    vault = Signer(tmp_path, monkeypatch, "vault")
    wanted = dataclasses.replace(server(), life=datetime.timedelta(hours=1))
    vault.set_up()
    with pytest.raises(_tls.TlsError, match="would have to be renewed at once"):
        vault.authority().issue(wanted)
    vault.set_up([("not_before_duration=48h", "not_before_duration=30m")])
    assert _tls.needs_renewal(vault.authority().issue(wanted)) is None


# What the page says in the set-up or the command, and what comes of it if that is left out
NEEDED = {
    "step": (
        (" --x509-template servers.tpl", "extended key usage is serverAuth, clientAuth"),
        (" --x509-max-dur 8760h", "more than the authorized maximum"),
        (' "${names[@]}"', "valid names"),
    ),
    "vault": (
        (" key_type=any", "requires keys of type rsa"),
        (" client_flag=false", "extended key usage is serverAuth, clientAuth"),
        (" allow_any_name=true", "not allowed by this role"),
        (" enforce_hostnames=false", "not allowed by this role"),
        (" max_ttl=8760h", "greater than the role's max_ttl"),
    ),
}


def test_nothing_of_it_can_be_left_out(signer):
    for part, said in NEEDED[signer.kind]:
        change = [(part, "")]
        in_the_command = part in SIGN[signer.kind]
        signer.set_up(() if in_the_command else change)
        with pytest.raises(_tls.TlsError, match=said):
            signer.authority(changes=change if in_the_command else ()).issue(server())
