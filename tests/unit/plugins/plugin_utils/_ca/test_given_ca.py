# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with CAs that are given: what it keeps of them, and how it comes to another one."""

from __future__ import annotations

import datetime
import json
import sys

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.action.store_ca import ActionModule
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, _ca
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _given_ca
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._expiry import days_left
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._given_ca import GivenCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._rotation import Run
from tests.beds import pki

DEFAULTS = {name: about.get("default") for name, about in _given_ca.SPEC.items()}


@pytest.fixture(scope="module")
def acme():
    root = pki.make_ca("Acme Root", pathlen=1)
    return {side: pki.make_ca(f"Acme {side}s", root, pathlen=0, usages=[side]) for side in _ca.SIDES}


@pytest.fixture
def options(acme):
    """Of both CAs, by key."""
    return {
        f"{side}_ca_{part}": getattr(ca, name)
        for side, ca in acme.items()
        for part, name in (("cert", "bundle"), ("key", "key_pem"))
    }


@pytest.fixture
def store(tmp_path):
    return FileStore(str(tmp_path / "store"))


@pytest.fixture
def take(store):
    """Runs the action on the store."""

    def run(check=False, **args):
        action = ActionModule.__new__(ActionModule)
        action._task = type("Task", (), {"check_mode": check})
        action._loader = DataLoader()
        return action.perform({"store": store.path, "lock_timeout": 5, **DEFAULTS, **args}, {})

    return run


def add_machine(store):
    with store.lock("web1") as lock:
        ssh = {"user": "root", "host_keys": []}
        store.save(Record(id="0" * 12, name="web1", driver="x", status="made", ssh=ssh), lock)


def text_of(store):
    return "\n".join(path.read_text() for path in (store_path(store)).rglob("*") if path.is_file())


def store_path(store):
    import pathlib

    return pathlib.Path(store.path)


def test_a_store_of_given_authorities_has_no_key_of_theirs(store, take, options, acme):
    assert take(check=True, **options)["changed"] and not store.exists, "a check leaves no store"
    made = take(**options)
    assert made == {"changed": True, "server_ca": "CN=Acme servers", "client_ca": "CN=Acme clients"}
    files = store.ca_files()
    assert sorted(files) == ["client-ca.pem", "client-cert.pem", "client-key.pem", "server-ca.pem"]
    assert files["server-ca.pem"] == acme["server"].bundle, "clients trust the root"
    assert files["client-ca.pem"] == pki.pem(acme["client"].certificate), "Engines trust this CA and none beside it"
    assert files["client-cert.pem"].count("BEGIN CERTIFICATE") == 2
    assert _tls.inspect(files["client-cert.pem"])["subject"] == "CN=dockyard"
    for ca in acme.values():
        assert ca.key_pem.splitlines()[1] not in text_of(store)
    assert not take(**options)["changed"] and not take(check=True, **options)["changed"]
    add_machine(store)
    assert take(**options)["changed"], "the machine gets its pair"
    assert not store.make_ca(), "what it can't sign, the store leaves"
    assert store.ca_files() == files


def test_keys_are_kept_when_it_is_asked_for(store, take, options, acme):
    take(**options)
    assert take(check=True, **options, keep_ca_keys=True)["changed"]
    assert take(**options, keep_ca_keys=True)["changed"]
    assert {store.ca_files()[f"{side}-ca-key.pem"] for side in _ca.SIDES} == {ca.key_pem for ca in acme.values()}
    assert not take(**options, keep_ca_keys=True)["changed"]


def test_one_side_alone(store, take, options, acme):
    take(server_ca_cert=options["server_ca_cert"], server_ca_key=options["server_ca_key"], certificate_life="30d")
    files = store.ca_files()
    assert days_left(_tls.inspect(files["client-cert.pem"])["not_after"]) in (29, 30)
    assert "server-ca-key.pem" not in files and "client-ca-key.pem" in files
    assert pki.issued_by(files["client-cert.pem"], files["client-ca.pem"])


def test_the_clients_certificate_is_renewed_by_who_can(store, take, options, monkeypatch):
    take(**options)
    before = store.ca_files()
    real, late = _tls.needs_renewal, datetime.timedelta(days=300)
    monkeypatch.setattr(_tls, "needs_renewal", lambda *args, **more: real(*args, **{**more, "now": pki.now() + late}))
    assert not store.make_ca() and store.ca_files() == before
    assert take(check=True, **options)["changed"]
    assert take(**options)["changed"]
    after = store.ca_files()
    assert [name for name in after if after[name] != before[name]] == ["client-cert.pem"]


@pytest.mark.parametrize("side", _ca.SIDES)
def test_what_cant_sign_is_refused_and_no_store_is_made(store, take, options, acme, side):
    other = "client" if side == "server" else "server"
    for changed, said in (
        ({f"{side}_ca_cert": acme[other].bundle, f"{side}_ca_key": acme[other].key_pem}, f"{side}Auth is not in"),
        ({f"{side}_ca_key": acme[other].key_pem}, f"{side}_ca_key does not belong"),
        ({f"{side}_ca_key": None}, f"{side}_ca_key is needed"),
        ({f"{side}_ca_cert": None}, side + "_ca_cert is required with it"),
        ({"certificate_life": "x"}, "certificate_life"),
    ):
        for check in (True, False):
            if check and said.endswith("is needed"):
                continue  # a check can't tell whether it will be
            with pytest.raises(MachineError, match=said):
                take(check=check, **{**options, **changed})
            assert not store_path(store).joinpath("ca").exists()


def test_another_ca_comes_by_a_rotation_and_not_otherwise(store, take, options, acme):
    store.create()
    store.make_ca()
    add_machine(store)
    store.give_client_pair("web1")
    for check in (True, False):
        with pytest.raises(MachineError, match="use another CA than the given one") as caught:
            take(check=check, **options)
        assert "machine_rotate=ca" in caught.value.remedy
    given = GivenCA.of(DataLoader(), {**DEFAULTS, **options})
    for run in (Run.look, Run.go_on):
        with pytest.raises(MachineError, match="is another one"):
            run(Run(store, "certificates", given=given))

    def set_up():
        engine = {"authority": _ca.trust_id(store.ca_files())}
        store.save_observed("web1", {"state": "running", "engine": engine})

    first = Run(store, "ca", given=given).go_on()
    assert (first["step"], first["hosts"]) == ("hosts", ["web1"])
    files = store.ca_files()
    assert "server-ca-key.pem" not in files, "from now on the given CA signs for hosts"
    assert files["server-ca.pem"].startswith(acme["server"].bundle) and "client-ca-key.pem" in files
    assert not take(**options)["changed"], "it is on its way"
    set_up()
    assert Run(store, "ca", begin=False).go_on()["step"] == "drop"
    set_up()
    assert Run(store, "ca", begin=False).go_on()["done"]
    files = store.ca_files()
    assert sorted(files) == ["client-ca.pem", "client-cert.pem", "client-key.pem", "server-ca.pem"]
    assert (files["server-ca.pem"], files["client-ca.pem"]) == (
        given.new()["server-ca.pem"],
        given.new()["client-ca.pem"],
    )
    assert not take(**options)["changed"]

    # What isn't the store's own can't be rotated by it alone
    for kind in ("ca", "certificates"):
        with pytest.raises(MachineError, match="is not its own") as caught:
            Run(store, kind).go_on()
        assert "machine_server_ca_cert" in caught.value.remedy
    with pytest.raises(MachineError, match="is already in use"):
        Run(store, "ca", given=given).go_on()
    before = store.ca_files()["client-cert.pem"]
    assert Run(store, "certificates", given=given).go_on()["hosts"] == ["web1"]
    assert store.ca_files()["client-cert.pem"] != before


def by_command(ca, folder):
    ca.save(folder)
    return [sys.executable, pki.__file__, str(folder)]


def test_a_corrected_bundle_of_clients_takes_the_place_of_the_one_before(store, take, acme, tmp_path):
    """Of a CA that is given with its root, each client of that root is let in."""
    given = {"client_ca_cert": acme["client"].bundle, "client_ca_command": by_command(acme["client"], tmp_path / "it")}
    take(**given)
    add_machine(store)
    store.give_client_pair("web1")
    before = store.ca_files()
    assert before["client-ca.pem"] == acme["client"].bundle
    corrected = {**given, "client_ca_cert": pki.pem(acme["client"].certificate)}
    asked = tmp_path / "it" / "asked"
    count = len(asked.read_text().splitlines())
    assert take(check=True, **corrected)["changed"] and store.ca_files() == before
    assert take(**corrected)["changed"]
    after = store.ca_files()
    assert [name for name in after if after[name] != before[name]] == ["client-ca.pem"]
    assert after["client-ca.pem"] == corrected["client_ca_cert"]
    assert _ca.trust_id(after) != _ca.trust_id(before), "hosts take it over"
    assert len(asked.read_text().splitlines()) == count, "the client's certificate will do"
    for check in (True, False):
        assert not take(check=check, **corrected)["changed"]


def test_a_pair_that_the_corrected_bundle_does_not_let_in_is_signed_anew_or_all_stays(store, take, tmp_path):
    root = pki.make_ca("Root", pathlen=1)
    one, other = (pki.make_ca(name, root, pathlen=0) for name in ("One", "Other"))
    given = {"client_ca_cert": one.bundle, "client_ca_command": by_command(other, tmp_path / "it")}
    take(**given)
    before = store.ca_files()
    alone = {"client_ca_cert": pki.pem(one.certificate)}
    for corrected, said in ((alone, "client_ca_key is needed"), ({**given, **alone}, "issuer is CN=Other")):
        with pytest.raises(MachineError, match=said):
            take(**corrected)
        assert store.ca_files() == before
    one.save(tmp_path / "it")
    assert take(**{**given, **alone})["changed"]
    after = store.ca_files()
    assert after["client-ca.pem"] == alone["client_ca_cert"]
    assert pki.issued_by(after["client-cert.pem"], after["client-ca.pem"])


def test_a_root_that_is_added_later_reaches_the_clients(store, take, options, acme):
    alone = {**options, "server_ca_cert": pki.pem(acme["server"].certificate)}
    take(**alone)
    assert take(check=True, **options)["changed"] and take(**options)["changed"]
    assert store.ca_files()["server-ca.pem"] == acme["server"].bundle
    assert not take(**options)["changed"]


def test_engines_trust_no_root_of_clients_because_a_run_had_no_key(store, take, options, acme):
    take(**options)
    before = store.ca_files()
    without_key = {name: value for name, value in options.items() if not name.endswith("_key")}
    for check in (True, False):
        assert not take(check=check, **without_key)["changed"]
    assert store.ca_files() == before


@pytest.mark.parametrize("side", _ca.SIDES)
def test_in_a_rotation_the_ca_that_is_left_stays_trusted(store, take, options, side):
    take(**options)
    add_machine(store)
    store.give_client_pair("web1")
    new = pki.make_ca("New")
    coming = {f"{side}_ca_cert": new.bundle, f"{side}_ca_key": new.key_pem}
    Run(store, "ca", given=GivenCA.of(DataLoader(), {**DEFAULTS, **options, **coming})).go_on()
    before = store.ca_files()
    assert _ca.rotation(before).step.name == "hosts"
    for check in (True, False):
        assert not take(check=check, **coming)["changed"]
    assert store.ca_files() == before


def test_a_command_is_asked_once_and_not_in_a_check(store, take, acme, tmp_path):
    for side, ca in acme.items():
        ca.save(tmp_path / side)
    signer = [sys.executable, pki.__file__]
    given = {
        f"{side}_ca_{part}": value
        for side, ca in acme.items()
        for part, value in (("cert", pki.pem(ca.above[-1])), ("command", [*signer, str(tmp_path / side)]))
    }
    assert take(check=True, **given)["changed"]
    assert take(**given)["changed"] and not take(**given)["changed"] and not take(check=True, **given)["changed"]
    assert not (tmp_path / "server" / "asked").exists()
    asked = (tmp_path / "client" / "asked").read_text().splitlines()
    assert [json.loads(one)["subject"] for one in asked] == [{"CN": "dockyard"}]
