# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a shared store: templates that only bring files, and a lookup that brings each once."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shlex
import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.lookup import key_file
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils import _unsafe
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._store import _keys
from tests.doubles.objects import Memory
from tests.unit.hostile import Hostile

WHERE = "s3://memory/store"
SSH = {"user": "admin", "key": None, "args": "", "host_keys": ["ssh-ed25519 AAAA"], "public_key": "ssh-ed25519 BBBB"}
OBSERVED = {"state": "running", "address": "192.0.2.10"}


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lookup as Ansible's loader hands it out; the system tests have the real one."""

    def get(name: str, loader: t.Any = None, templar: t.Any = None, **more: t.Any) -> key_file.LookupModule:
        assert name == "dockyard.machine.key_file"
        return key_file.LookupModule(loader=loader, templar=templar)

    monkeypatch.setattr(lookup_loader, "get", get)
    said = dict[str, t.Any]()
    plugin = key_file.LookupModule
    monkeypatch.setattr(plugin, "set_options", lambda self, var_options, direct: (said.clear(), said.update(direct)))
    monkeypatch.setattr(plugin, "get_option", lambda self, name: said.get(name))


@pytest.fixture()
def memory() -> Memory:
    return Memory()


@pytest.fixture()
def run(memory: Memory, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store as the plugins of one run open it, with a machine."""

    def open_store(given: str | None = None) -> Store:
        return ObjectStore(memory, str(tmp_path / "run"), background=False)

    monkeypatch.setattr(key_file, "open_store", open_store)
    maker = ObjectStore(memory, str(tmp_path / "maker"), background=False)
    maker.create()
    maker.make_ca()
    with maker.lock("web1") as lock:
        folder = pathlib.Path(maker.folder("web1"))
        folder.mkdir()
        (folder / "id_ed25519").write_text("private")
        maker.save(Record("0" * 12, "web1", "acme.cloud.thing", status="made", ssh=dict(SSH)), lock)
    maker.save_observed("web1", OBSERVED)
    memory.calls.clear()
    return t.cast(ObjectStore, open_store())


def evaluated(variables: dict[str, t.Any]) -> dict[str, t.Any]:
    """As Ansible does it with a host's variables."""
    return Templar(loader=DataLoader(), variables=variables).template(variables)


def lookup(*terms: str, **options: str) -> list[str]:
    return lookup_loader.get("dockyard.machine.key_file").run(list(terms), {}, **options)


def test_a_hosts_variables_bring_its_files(run: ObjectStore, memory: Memory) -> None:
    [machine] = _machines.read(run)
    variables = _keys.lookups(machine.host_vars(), "web1", WHERE)
    assert not [call for call in memory.calls if call.key.startswith(("keys/", "ca.json"))], "not when they are read"
    key = evaluated(variables)["ansible_ssh_private_key_file"]
    assert pathlib.Path(key).read_text() == "private" and pathlib.Path(key).parent == pathlib.Path(run.folder("web1"))
    folder = os.path.dirname(key)
    expected = dataclasses.replace(machine, folder=folder).host_vars()
    assert evaluated(variables) == expected
    for file in ("known_hosts", "ssh", "sftp", "scp", "ca.pem", "cert.pem", "key.pem"):
        assert os.path.exists(os.path.join(folder, file))
    for asked in ("keys/", "ca.json"):
        assert len([call for call in memory.calls if call.key.startswith(asked)]) == 1, "each once"
    count = len(memory.calls)
    assert evaluated(variables) == expected and len(memory.calls) == count, "and no more in this run"


def test_no_text_of_a_record_is_evaluated(run: ObjectStore) -> None:
    [machine] = _machines.read(run)
    record = t.cast(Record, machine.record)
    evil = "{{ 1 + 1 }}{% if 1 %}{# #}"
    record.ssh["args"] = shlex.join(["-o", f"ProxyCommand={evil}", f"{_keys.PLACE}/id_ed25519{evil}"])
    record.labels = {evil: evil, "place": f"{_keys.PLACE}/{evil}", "#jinja2: variable_start_string:'['": "x"}
    values = evaluated(_keys.lookups(machine.host_vars(), "web1", WHERE))
    assert values["ansible_ssh_executable"] == f"{run.folder('web1')}/ssh"
    assert evil not in str(values["ansible_ssh_executable"])
    assert values["machine_labels"][evil] == evil
    assert values["machine_labels"]["place"].endswith(evil)


LOOKUP = (
    r"lookup\('dockyard\.machine\.key_file', '[a-z0-9_.]+', machine='web1', store='s3://memory/store'\)( \| dirname)?"
)


def test_a_template_holds_nothing_of_a_record(run: ObjectStore) -> None:
    draw = Hostile(1)
    [machine] = _machines.read(run)
    record = t.cast(Record, machine.record)
    for _draw in range(50):
        record.ssh.update(args=shlex.join([draw.text(), draw.text()]), user=draw.text())
        record.labels = {draw.text(): draw.text()}
        values = _keys.lookups({**machine.host_vars(), "folder": _keys.PLACE}, "web1", WHERE)
        templates = [values.pop(f"ansible_{program}_executable") for program in ("ssh", "sftp", "scp")]
        templates += [values.pop("ansible_ssh_private_key_file"), values.pop("ca_path"), values.pop("folder")]
        templates += [values.pop("machine_docker")["client_key"]]
        for template in templates:
            assert re.fullmatch(rf"\{{\{{ {LOOKUP} \}}\}}", template), template
        assert values["machine_labels"] == record.labels


@pytest.mark.parametrize("text", ["/@dockyard.machine@/id_ed25519", "/@{}@/id_ed25519".format("0" * 32)])
def test_what_looks_like_a_path_of_ours_is_text(run: ObjectStore, text: str) -> None:
    [machine] = _machines.read(run)
    record = t.cast(Record, machine.record)
    record.ssh.update(key=text, user=text)
    record.labels = {text: text}
    values = evaluated(_keys.lookups(machine.host_vars(), "web1", WHERE))
    assert values["ansible_ssh_private_key_file"] == values["ansible_user"] == text
    assert values["machine_labels"] == {text: text}
    assert machine.public()["labels"] == {text: text}, "nor is it left out"


def test_each_string_is_marked_where_the_core_evaluates_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Marked(str):
        pass

    monkeypatch.setattr(_unsafe, "trust_as_template", None)
    monkeypatch.setattr(_unsafe, "AnsibleUnsafeText", Marked, raising=False)
    value = _unsafe.unsafe({"a": ["front", ("{{ b }}", 1)], "e3sgYSB9fQ": {"c": "", "d": None}})
    assert value == {"a": ["front", ["{{ b }}", 1]], "e3sgYSB9fQ": {"c": "", "d": None}}
    inner = value["e3sgYSB9fQ"]
    texts = [*value, *inner, value["a"][0], value["a"][1][0], inner["c"]]
    assert {type(text) for text in texts} == {Marked}, "also one that a user's filter would have to decode"


def test_a_folder_with_a_blank_is_one_word(
    run: ObjectStore, memory: Memory, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = ObjectStore(memory, str(tmp_path / "a folder"), background=False)
    monkeypatch.setattr(key_file, "open_store", lambda given=None: blank)
    [machine] = _machines.read(run)
    values = evaluated(_keys.lookups(machine.host_vars(), "web1", WHERE))
    assert values["ansible_ssh_private_key_file"] == os.path.join(blank.folder("web1"), "id_ed25519")
    assert values["ansible_ssh_executable"] == os.path.join(blank.folder("web1"), "ssh")


def test_a_folder_of_a_machine_is_a_cert_path(run: ObjectStore) -> None:
    assert evaluated(_keys.lookups({"path": _keys.PLACE}, "web1", WHERE)) == {"path": run.folder("web1")}


def test_only_machines_have_lookups() -> None:
    with pytest.raises(MachineError):
        _keys.lookups({"key": f"{_keys.PLACE}/id_ed25519"}, "web1') | 'x", WHERE)


@pytest.mark.parametrize("where", ["s3://a/b') | 'x", "s3://a/{{ b }}", "s3://a/b c", "/srv/store", "s3://a\n"])
def test_only_stores_have_lookups(where: str) -> None:
    with pytest.raises(ValueError, match="no address of a shared store"):
        _keys.lookups({"key": f"{_keys.PLACE}/id_ed25519"}, "web1", where)


def test_what_results_say_of_files_that_are_not_here(run: ObjectStore) -> None:
    [machine] = _machines.read(run)
    public = machine.public()
    assert public["folder"] is None and _keys.PLACE not in str(public)
    assert public["host_vars"]["ansible_host"] == "192.0.2.10"
    assert public["host_vars"]["machine_docker"] == {"docker_host": "tcp://192.0.2.10:2376", "validate_certs": True}
    _machines.bring(run, [machine])
    variables = machine.public()["host_vars"]
    assert pathlib.Path(variables["ansible_ssh_private_key_file"]).read_text() == "private"
    assert os.path.exists(variables["client_key"])
    # Those that say when certificates end are for who lists machines
    brought = _machines.brought(run, t.cast(Record, machine.record))["host_vars"]
    assert {**variables, **brought} == variables and "docker_host" in brought


# The lookup


def test_the_files_of_a_machine_and_of_the_store(run: ObjectStore) -> None:
    pair = lookup("ca.pem", "cert.pem", "key.pem", machine="web1", store=WHERE)
    ca = lookup("server-ca.pem", "client-cert.pem", "client-key.pem", store=WHERE)
    for one, other in zip(pair, ca, strict=True):
        assert pathlib.Path(one).read_text() == pathlib.Path(other).read_text()
        assert os.stat(one).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("file", "machine", "said"),
    [
        ("machine.json", "web1", "is not a file of a machine"),
        ("../web1/id_ed25519", "web1", "is not a file of a machine"),
        ("id_ed25519", "", "is not a file of the store"),
        ("id_ed25519", "../web1", "is not a valid machine name"),
        ("id_ed25519", "web2", "has no id_ed25519 of web2"),
        ("id_ed25519.pub", "web1", "has no id_ed25519.pub of web1"),
    ],
)
def test_a_file_that_there_is_not(run: ObjectStore, file: str, machine: str, said: str) -> None:
    with pytest.raises(AnsibleError, match=said):
        lookup(file, machine=machine, store=WHERE)


def test_of_a_store_in_a_folder_it_is_the_path_there(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "machines" / "web1"
    folder.mkdir(parents=True)
    (folder / "id_ed25519").write_text("private")
    assert lookup("id_ed25519", machine="web1", store=str(tmp_path)) == [f"{folder}/id_ed25519"]
