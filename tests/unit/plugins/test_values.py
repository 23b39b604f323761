# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a record holds, it comes out as it is: by the inventory, in templates of ours and of users, from both stores.

What is drawn is another each time. A failure names its seed: VALUES_SEED=... draws the same again, VALUES_ROUNDS=... more.
"""

from __future__ import annotations

import base64
import json
import os
import pathlib
import random
import shlex
import typing as t

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.dockyard.machine.plugins.inventory import machines as plugin
from ansible_collections.dockyard.machine.plugins.lookup import key_file
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, open_store
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted
from tests.doubles.objects import Memory
from tests.unit.hostile import SECRET, Hostile

ROUNDS = int(os.environ.get("VALUES_ROUNDS") or 12)  # machines of a store
SEED = int(os.environ.get("VALUES_SEED") or random.SystemRandom().randrange(2**32))
OPTIONS = {
    "group_by": ["driver", "state", "role", "fleet", "label_l0"],
    "filter": None,
    "live": False,
    "docker_machine_variables": True,
    "strict": False,
    "use_extra_vars": False,
    "leading_separator": True,
    "compose": {
        "composed": "machine_labels",
        "joined": "machine_labels.values() | map('string') | join('{')",
        "decoded": "machine_labels.hidden | b64decode",
    },
    "groups": {"some": "machine_labels"},
    "keyed_groups": [{"key": "machine_labels", "prefix": "k"}, {"key": "machine_role", "prefix": "r"}],
}
DECODED = "{{ lookup('ansible.builtin.pipe', 'id') }}"  # what the label "hidden" of each machine comes to


def of_user(value: t.Any) -> t.Any:
    """As the core marks what stands in a file of the user."""
    if isinstance(value, dict):
        return {key: of_user(one) for key, one in value.items()}
    if isinstance(value, list):
        return [of_user(one) for one in value]
    return trusted(value) if isinstance(value, str) else value


class Run:
    """One run of Ansible over a store, in this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.loader = DataLoader()
        self.inventory = InventoryManager(loader=self.loader, sources=[])
        self.manager = VariableManager(loader=self.loader, inventory=self.inventory)
        HostVars(inventory=self.inventory, variable_manager=self.manager, loader=self.loader)  # joins the manager

    def parse(self) -> None:
        module = plugin.InventoryModule()
        module.loader, module.inventory, module._vars = self.loader, self.inventory._inventory, {}
        if not hasattr(plugin.InventoryModule, "templar"):  # core < 2.19
            module.templar = Templar(loader=self.loader)
        module.get_option = of_user(OPTIONS).__getitem__
        module._list("machines.yml", self.store, True).write(self.inventory._inventory)
        self.inventory._inventory.reconcile_inventory()

    def templar(self, name: str) -> tuple[Templar, dict[str, t.Any]]:
        host = self.inventory.get_host(name)
        assert host
        variables = self.manager.get_vars(host=host)
        variables["secret"] = SECRET
        return Templar(loader=self.loader, variables=variables), dict(host.vars)


@pytest.fixture(autouse=True)
def lookups_used(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, t.Any]]:
    """Each lookup that is run. Only those that bring keys, and those of the user's own templates, are."""
    used: list[tuple[str, t.Any]] = []

    class Noted:
        def __init__(self, name: str, plugin: t.Any) -> None:
            self.name, self.plugin = name, plugin

        def __getattr__(self, name: str) -> t.Any:
            return getattr(self.plugin, name)

        def run(self, terms: t.Any, variables: t.Any = None, **options: t.Any) -> t.Any:
            used.append((self.name, (list(terms), options)))
            return self.plugin.run(terms, variables=variables, **options)

    def get(name: str, loader: t.Any = None, templar: t.Any = None, **more: t.Any) -> t.Any:
        if name == "dockyard.machine.key_file":
            return Noted(name, key_file.LookupModule(loader=loader, templar=templar))
        used.append((name, None))
        raise AssertionError(f"{name} was looked up")

    monkeypatch.setattr(lookup_loader, "get", get)
    said = dict[str, t.Any]()
    monkeypatch.setattr(
        key_file.LookupModule, "set_options", lambda self, var_options, direct: (said.clear(), said.update(direct))
    )
    monkeypatch.setattr(key_file.LookupModule, "get_option", lambda self, name: said.get(name))
    return used


def hostile_record(draw: Hostile, name: str) -> tuple[Record, dict[str, t.Any]]:
    text, value = draw.text, draw.value
    labels = {"l0": "front"}
    if draw.random.random() < 0.7:  # else nothing in there is a template as it is
        labels.update({text(): text(), "l0": text()})
    labels["hidden"] = base64.b64encode(DECODED.encode()).decode()
    ssh = {
        "user": text(),
        "key": draw.random.choice([None, "", text()]),
        "args": shlex.join([text() for _one in range(draw.random.randrange(3))]),
        "host_keys": ["ssh-ed25519 AAAA"],
        "public_key": text(),
    }
    record = Record("0" * 12, name, "acme.cloud.thing", status="made", ssh=ssh)
    record.role, record.fleet, record.labels = text(), text(), labels
    record.account, record.tls_san = text(), [text()]
    record.options, record.place = {text(): value()}, {text(): text()}
    observed = {
        "state": text(),
        "address": text(),
        "docker_host": draw.random.choice([None, text()]),
        "python_interpreter": text(),
        "error": text(),
        "engine": {"version": text()},
    }
    return record, observed


def fill(store: Store, seed: int) -> None:
    store.create()
    store.make_ca()
    for number in range(ROUNDS):
        record, observed = hostile_record(Hostile(seed + number), f"m{number}")
        with store.lock(record.name) as lock:
            folder = pathlib.Path(store.folder(record.name))
            folder.mkdir(parents=True)
            (folder / "id_ed25519").write_text("private")
            store.save(record, lock)
        store.save_observed(record.name, observed)


def new_store(kind: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if kind == "folder":
        store = open_store(str(tmp_path / "store"))
        fill(store, SEED)
        return store
    memory = Memory()
    fill(ObjectStore(memory, str(tmp_path / "maker"), background=False), SEED)
    store = ObjectStore(memory, str(tmp_path / "run"), background=False)
    monkeypatch.setattr(key_file, "open_store", lambda given: store)
    return store


def users_templates(names: t.Iterable[str]) -> dict[str, str]:
    """What users write, of these variables of a host: all of them in one, since each template costs a millisecond."""

    def each(form: str) -> str:
        return "{" + ", ".join(f"'{name}': {form.format(name)}" for name in names) + "}"

    return {
        "plain": f"{{{{ {each('{0}')} }}}}",
        "hostvars": f"{{{{ {each('hostvars[inventory_hostname].{0}')} }}}}",
        "combined": f"{{{{ {{'machine_name': 'x'}} | combine({each('{0}')}) }}}}",
        "filtered": f"{{{{ {each('[{0}, 1] | first')} }}}}",
        "own delimiters": f"#jinja2:variable_start_string:'<<',variable_end_string:'>>'\n<< {each('{0}')} >>",
        "chosen": f"{{% if true %}}{{{{ {each('{0}')} }}}}{{% endif %}}",
    }


@pytest.mark.parametrize("kind", ["folder", "objects"])
def test_values_come_out_as_they_are(
    kind: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    lookups_used: list[tuple[str, t.Any]],
) -> None:
    print(f"VALUES_SEED={SEED}")
    store = new_store(kind, tmp_path, monkeypatch)
    run = Run(store)
    run.parse()
    assert not lookups_used, "the inventory evaluates nothing, and fetches no keys"
    assert len(run.inventory.get_hosts()) == ROUNDS
    for machine in _machines.read(store):
        machine.folder = store.folder(machine.name)
        templar, own = run.templar(machine.name)
        expected = {**machine.host_vars(), **plugin._docker_machine(machine, machine.host_vars())}
        assert {*expected} == {*own} - {"composed", "joined", "decoded", "inventory_file", "inventory_dir"}
        said = f"VALUES_SEED={SEED} {machine.name}"
        templates = {title: trusted(text) for title, text in users_templates(expected).items()}
        for title, template in {"variables": {name: own[name] for name in expected}, **templates}.items():
            found = templar.template(template)
            for name, value in expected.items():
                assert found[name] == value, f"{said}, {title}: {name}"
        again(templar, expected, own, said)
    for name, call in lookups_used:
        assert name == "dockyard.machine.key_file" and kind == "objects"
        [file], options = call
        assert file in ("id_ed25519", "ssh", "sftp", "scp", "ca.pem", "cert.pem", "key.pem")
        assert options.keys() == {"machine", "store"} and options["machine"] in store.names()


def again(templar: Templar, expected: dict[str, t.Any], own: dict[str, t.Any], said: str) -> None:
    """What templates have made of values is a variable itself, as after set_fact, and is evaluated no more."""
    labels = expected["machine_labels"]
    made = {
        "whole": trusted("{{ machine_labels }}"),
        "text": trusted("x {{ machine_labels['l0'] }} {{ machine_role }}"),
        "json": trusted("{{ machine_labels | to_json }}"),
        "decoded": trusted("{{ machine_labels.hidden | b64decode }}"),
        "unquoted": trusted("{{ (machine_labels.hidden | to_json) | from_json | b64decode }}"),
        "items": trusted("{{ machine_labels | dict2items }}"),
        "composed": own["composed"],
        "joined": own["joined"],
        "decoded2": own["decoded"],
    }
    facts = {name: templar.template(template) for name, template in made.items()}
    assert facts["whole"] == facts["composed"] == labels, said
    assert facts["decoded"] == facts["decoded2"] == facts["unquoted"] == DECODED, said
    assert json.loads(facts["json"]) == labels if isinstance(facts["json"], str) else facts["json"] == labels, said
    later = Templar(loader=DataLoader(), variables={"secret": SECRET, **facts})
    for name, value in facts.items():
        assert later.template(value) == value, f"{said}, {name}"
        assert later.template(trusted(f"{{{{ {name} }}}}")) == value, f"{said}, {name}"
