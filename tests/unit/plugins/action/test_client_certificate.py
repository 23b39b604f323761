# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
import stat
import sys
import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.dockyard.machine.plugins.action.client_certificate import ActionModule
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from tests.beds import pki

FILES = ["ca.pem", "cert.pem", "key.pem"]


@pytest.fixture
def store(tmp_path):
    store = FileStore(str(tmp_path / "store"))
    store.create()
    store.make_ca()
    return store


@pytest.fixture
def make(store, tmp_path):
    """Runs the action for jo."""

    def run(check=False, **args):
        task = Task.load({"action": "dockyard.machine.client_certificate"})
        task.args = {"name": "jo", "output": str(tmp_path / "jo"), "store": store.path, **args}
        task.check_mode = check
        loader = DataLoader()
        context = PlayContext()
        connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir="/"))
        return ActionModule(task, connection, context, loader, Templar(loader=loader), None).run(task_vars={})

    return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def pair_is_whole(folder, ca):
    certificate = (folder / "cert.pem").read_text()
    return _tls.belongs((folder / "key.pem").read_text(), certificate) and pki.issued_by(certificate, ca)


def test_no_key_of_a_ca_gets_into_the_folder(make, store, tmp_path):
    files = store.ca_files()
    certificate, key = files["server-ca.pem"], files["server-ca-key.pem"]
    with pytest.raises(AnsibleActionFail, match="server_ca_cert has no certificate in it"):
        make(server_ca_cert=key)
    assert not (tmp_path / "jo").exists()
    make(server_ca_cert=key + certificate)
    assert (tmp_path / "jo" / "ca.pem").read_text() == certificate


def test_a_folder_for_docker_clients(make, store, tmp_path):
    folder = tmp_path / "jo"
    planned = make(check=True, subject={"O": "Acme"}, life="30d")
    assert planned["changed"] and not folder.exists()
    assert planned["diff"]["before"] == {}
    assert planned["diff"]["after"]["subject"] == "CN=jo,O=Acme"
    assert planned["diff"]["after"]["files"] == [f"{name} 0600" for name in FILES]

    made = make(subject={"O": "Acme"}, life="30d")
    assert made["changed"] and made["reason"] == "there is none" and made["days_left"] in (29, 30)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert mode(folder) == 0o700 and {mode(folder / name) for name in FILES} == {0o600}
    assert (folder / "ca.pem").read_text() == store.ca_files()["server-ca.pem"]
    assert pair_is_whole(folder, store.ca_files()["client-ca.pem"])
    assert (made["subject"], made["certificate"]) == ("CN=jo,O=Acme", (folder / "cert.pem").read_text())
    assert _tls.inspect(made["certificate"])["usage"] == ["client"]
    assert "PRIVATE" not in json.dumps(made)
    for check in (True, False):
        again = make(check, subject={"O": "Acme"}, life="30d")
        assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"]


def test_it_is_renewed_when_it_has_to_be_and_the_key_stays(make, store, tmp_path, monkeypatch):
    folder = tmp_path / "jo"
    make()
    key = (folder / "key.pem").read_text()
    for more, said in (
        ({"subject": {"O": "Acme"}}, "it is for CN=jo"),
        ({"name": "ann"}, "it is for CN=jo,O=Acme"),
        ({"name": "ann", "life": "8h"}, "may be valid for 8:00:00 at most"),
    ):
        assert said in make(check=True, **more)["reason"]
        assert said in make(**more)["reason"]
        assert not make(**more)["changed"]
    assert (folder / "key.pem").read_text() == key
    real, late = _tls.needs_renewal, datetime.timedelta(hours=3)
    monkeypatch.setattr(_tls, "needs_renewal", lambda *args, **more: real(*args, now=pki.now() + late, **more))
    assert make(name="ann", life="8h")["reason"] == "", "of 12 hours, with what it is backdated, 5 are left"
    late = datetime.timedelta(hours=4, minutes=1)
    assert "less than a third" in make(name="ann", life="8h")["reason"]
    assert (folder / "key.pem").read_text() == key


@pytest.mark.parametrize("before, after", [("30d", "365d"), ("1h", "90d"), ("1h", "10m"), ("36500d", "61")])
def test_another_life_is_had_at_once(make, before, after):
    make(life=before)
    assert "valid for" in make(check=True, life=after)["reason"]
    ended = make(life=after)
    assert "valid for" in ended["reason"]
    assert not make(life=after)["changed"], "however long, one that its CA cuts short will do"


def test_another_ca_another_key_and_damage(make, store, tmp_path):
    folder = tmp_path / "jo"
    make()
    key = (folder / "key.pem").read_text()
    store.put_ca({**_tls.new_authorities(), "client-cert.pem": "x", "client-key.pem": "x"})
    made = make()
    assert made["reason"] == "it was not issued by this CA"
    assert (folder / "key.pem").read_text() == key and pair_is_whole(folder, store.ca_files()["client-ca.pem"])
    assert make(new_key=True)["reason"] == "a new key is asked for"
    assert (folder / "key.pem").read_text() != key and pair_is_whole(folder, store.ca_files()["client-ca.pem"])
    for name, text, said in (
        ("key.pem", "broken", "its key is not there"),
        ("key.pem", _tls.new_key(), "it is for another key"),
        ("cert.pem", "broken", "can't be read"),
        ("ca.pem", "other", ""),
    ):
        (folder / name).write_text(text)
        made = make()
        assert made["changed"] and said in made["reason"]
        assert pair_is_whole(folder, store.ca_files()["client-ca.pem"]) and not make()["changed"]


@pytest.mark.parametrize("text", ["broken", *map(pki.damaged, pki.DAMAGE)], ids=["all", *pki.DAMAGE])
def test_a_certificate_that_cant_be_read_is_replaced(make, store, tmp_path, text):
    make()
    (tmp_path / "jo" / "cert.pem").write_text(text)
    for check in (True, False):
        made = make(check)
        assert made["changed"] and "can't be read" in made["reason"]
    assert pair_is_whole(tmp_path / "jo", store.ca_files()["client-ca.pem"]) and not make()["changed"]


@pytest.mark.parametrize("part", pki.DAMAGE)
def test_a_given_ca_that_cant_be_read_is_named(make, tmp_path, part):
    key = {"client_ca_key": _tls.new_key()}
    for option, more in (("client_ca_cert", key), ("server_ca_cert", {})):
        result = make(**{option: pki.damaged(part)}, **more)
        assert result["failed"] and f"{option} is not a PEM certificate that can be read" in result["msg"]
    assert not (tmp_path / "jo").exists()


def test_what_a_link_leads_to_is_left_alone(make, store, tmp_path):
    make()
    link, system = tmp_path / "jo" / "ca.pem", tmp_path / "system.pem"
    for text in ("other", store.ca_files()["server-ca.pem"]):
        system.write_text(text)
        system.chmod(0o644)
        link.unlink()
        link.symlink_to(system)
        assert make()["changed"] is (text == "other")
        assert (mode(system), system.read_text()) == (0o644, text)
        assert not make()["changed"] and link.read_text() == store.ca_files()["server-ca.pem"]


@pytest.mark.parametrize("kind", ["Ed25519", "passphrase"])
def test_a_key_that_cant_be_used_is_not_written_over(make, tmp_path, kind):
    key = ed25519.Ed25519PrivateKey.generate() if kind == "Ed25519" else ec.generate_private_key(ec.SECP256R1())
    secret = serialization.NoEncryption() if kind == "Ed25519" else serialization.BestAvailableEncryption(b"secret")
    theirs = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    folder = tmp_path / "jo"
    folder.mkdir()
    (folder / "key.pem").write_bytes(theirs)
    for there in ("no certificate", "another certificate"):
        for check in (True, False):
            result = make(check)
            assert result["failed"] and "key.pem can't be used" in result["msg"] and "new_key" in result["msg"]
        assert (folder / "key.pem").read_bytes() == theirs and not (folder / "ca.pem").exists()
        (folder / "cert.pem").write_text(there)
    assert make(new_key=True)["changed"] and not make()["changed"]


def test_what_others_can_read_is_made_private(make, tmp_path):
    folder = tmp_path / "jo"
    make()
    (folder / "key.pem").chmod(0o644)
    folder.chmod(0o755)
    planned = make(check=True)
    assert planned["changed"] and "key.pem 0644" in planned["diff"]["before"]["files"]
    assert make()["changed"] and (mode(folder), mode(folder / "key.pem")) == (0o700, 0o600)
    (folder / "key.pem").chmod(0o640)
    assert make()["changed"] and mode(folder / "key.pem") == 0o600, "its group is others, too"
    # A folder with other things in it stays as its owner has it
    (folder / "config.json").write_text("{}")
    folder.chmod(0o755)
    assert not make()["changed"] and mode(folder) == 0o755


def test_a_key_that_never_leaves_its_owner(make, store, tmp_path):
    key = _tls.new_key()
    request = tmp_path / "jo.csr"
    request.write_text(_tls.new_request({"CN": "whoever"}, ["bank.example"], key))
    made = make(csr=str(request))
    assert sorted(path.name for path in (tmp_path / "jo").iterdir()) == ["ca.pem", "cert.pem"]
    assert made["subject"] == "CN=jo" and _tls.inspect(made["certificate"])["names"] == []
    assert _tls.public_key_sha256(made["certificate"]) == _tls.public_key_sha256(key)
    assert not make(csr=request.read_text())["changed"]
    assert "another key" in make(csr=_tls.new_request({"CN": "jo"}, (), _tls.new_key()))["reason"]


def test_given_authorities_need_no_store(make, tmp_path):
    root = pki.make_ca("Acme Root")
    ca = pki.make_ca("Acme clients", root).save(tmp_path / "ca")
    given = {"store": str(tmp_path / "none"), "server_ca_cert": root.bundle, "client_ca_cert": ca.bundle}
    made = make(**given, client_ca_key=str(tmp_path / "ca" / "ca-key.pem"))
    assert made["issuer"] == "CN=Acme clients"
    assert (tmp_path / "jo" / "cert.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert not (tmp_path / "none").exists()
    assert not make(**given)["changed"], "nothing is to be signed, so no key is needed"
    command = {"client_ca_command": [sys.executable, pki.__file__, str(tmp_path / "ca")]}
    assert not make(**given, **command)["changed"]
    assert make(check=True, name="ann", **given, **command)["changed"]
    assert not (tmp_path / "ca" / "asked").exists(), "a check asks nobody"
    assert make(name="ann", **given, **command)["subject"] == "CN=ann"
    asked = json.loads((tmp_path / "ca" / "asked").read_text())
    assert asked["usage"] == "client" and asked["csr"] and asked["names"] == []
    assert not make(name="ann", **given)["changed"], "how long a life others give is theirs to say"
    key = _tls.new_key()
    # As some tools write them, with the key beside the request
    assert make(csr=key + _tls.new_request({"CN": "bob"}, (), key), name="bob", **given, **command)
    told = (tmp_path / "ca" / "asked").read_text().splitlines()[-1]
    assert "BEGIN CERTIFICATE REQUEST" in json.loads(told)["csr"] and "PRIVATE KEY" not in told


@pytest.mark.parametrize(
    "args, said",
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"subject": {"CN": "ann"}}, "Use the option name for it"),
        ({"subject": {"X": "y"}}, "can't have X; it can have C, ST"),
        ({"subject": {"C": "Germany"}}, "can't be in a certificate"),
        ({"life": "1y"}, "life: '1y'"),
        ({"csr": "/none"}, "csr is '/none'"),
        ({"csr": _tls.new_request({"CN": "jo"}), "new_key": True}, "the key belongs to the owner of the request"),
        ({"client_ca_key": "x"}, "client_ca_key: client_ca_cert is required with it"),
        ({"store": "/none"}, "has no CA"),
        ({"client_ca_cert": pki.make_ca("x").bundle}, "client_ca_key is needed"),
    ],
)
def test_what_cant_be_had_is_named_and_nothing_is_written(make, tmp_path, args, said):
    try:
        result = make(**args)
    except Exception as error:
        result = {"failed": True, "msg": str(error)}
    assert result["failed"] and said in result["msg"]
    assert not (tmp_path / "jo").exists()


def test_a_folder_that_cant_be_used_is_named(make, tmp_path):
    (tmp_path / "file").touch()
    result = make(output=str(tmp_path / "file" / "jo"))
    assert result["failed"] and "can't be used" in result["msg"] and result["error"]["code"] == "folder"
