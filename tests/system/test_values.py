# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that want to run commands on the controller, met by Ansible as users run it. Nothing of them is run.

tests/unit/plugins/test_values.py draws many more of such values, without a run of Ansible.
"""

from __future__ import annotations

import base64
import collections.abc
import json
import os
import pathlib
import re
import shlex
import subprocess
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, open_store
from tests.doubles import s3
from tests.system._harness import BIN, ROOT, Ansible

# Ansible's own settings for a template's first line, and delimiters that users choose for theirs
HEADER = "#jinja2:variable_start_string:'<<',variable_end_string:'>>'\n"


@pytest.fixture(scope="module")
def double() -> collections.abc.Iterator[s3.S3Double]:
    with s3.serve() as it:
        yield it


@pytest.fixture(scope="module")
def oldest() -> pathlib.Path:
    script = ". tests/tools/lib.sh && core_bin 2.17"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


class Planted:
    """Values, each of which makes a file of its own if it is evaluated."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.texts: list[str] = []

    def expression(self) -> str:
        return f"lookup('ansible.builtin.pipe', 'touch {self.folder}/{len(self.texts)}')"

    def text(self, form: str) -> str:
        self.texts.append(form.replace("RUN", self.expression()))
        return self.texts[-1]

    def decoded(self) -> str:
        text = f"{{{{ {self.expression()} }}}}"
        self.texts.append(text)
        return base64.b64encode(text.encode()).decode()

    @property
    def ran(self) -> list[str]:
        return [self.texts[int(name)] for name in os.listdir(self.folder)]


FORMS = (
    "{{ RUN }}",
    "{% if RUN %}{% endif %}",
    "<< RUN >>",
    f"{HEADER}<< RUN >>",
    f"{HEADER}<< RUN >>/@dockyard.machine@/id_ed25519",
    "/@dockyard.machine@/id_ed25519{{ RUN }}",
    "'}} {{ RUN }} {{ '",
    "' ~ RUN ~ '",
    '{"__ansible_unsafe": "{{ RUN }}"}',
    "!unsafe '{{ RUN }}'",
)


def fill(store: Store, planted: Planted) -> tuple[dict[str, dict[str, str]], list[str]]:
    """A machine for each form; returns their labels, and for each a word of ssh's arguments."""
    store.create()
    store.make_ca()
    labels, sent = {}, []
    for number, form in enumerate(FORMS):
        name = f"m{number}"
        ssh: dict[str, t.Any] = {
            "user": planted.text(form),
            "key": None,
            "host_keys": ["ssh-ed25519 AAAA"],
            "public_key": "x",
        }
        sent.append(f"SendEnv={planted.text(form)}")
        ssh["args"] = shlex.join(["-o", sent[-1]])
        record = Record("0" * 12, name, "dockyard.machine.generic", status="made", ssh=ssh)
        labels[name] = record.labels = {"note": planted.text(form), planted.text(form): "x"}
        record.role, record.fleet, record.tls_san = planted.text(form), planted.text(form), [planted.text(form)]
        with store.lock(name) as lock:
            folder = pathlib.Path(store.folder(name))
            folder.mkdir(parents=True)
            (folder / "id_ed25519").write_text("private")
            store.save(record, lock)
        store.save_observed(name, {"state": "running", "address": "127.0.0.1", "error": planted.text(form)})
    record = Record("0" * 12, "hidden", "dockyard.machine.none", status="made", labels={"note": planted.decoded()})
    with store.lock("hidden") as lock:
        store.save(record, lock)
    labels["hidden"] = record.labels
    return labels, sent


TEMPLATE = (
    f"{HEADER}<< machine_labels >> << machine_labels.note >> << machine_role >> << hostvars[inventory_hostname] >>\n"
)
COMPOSE = {"composed": "machine_labels.note", "put_together": "'{' ~ machine_labels.note"}
ADDED = "{{ {'name': item.name, 'groups': 'added'} | combine(item.host_vars) }}"


def tasks(where: str, folder: pathlib.Path) -> list[dict[str, t.Any]]:
    """What users do with the variables of hosts and with results."""
    here = {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    info = "{{ seen.machines | selectattr('name', 'equalto', inventory_hostname) | first }}"
    return [
        {"ansible.builtin.ping": {}, "ignore_unreachable": True, "when": "ansible_host is defined"},
        {"ansible.builtin.debug": {"var": "machine_labels"}},
        {"ansible.builtin.debug": {"var": "hostvars[inventory_hostname]"}},
        {"ansible.builtin.debug": {"msg": "of {{ machine_labels.note }} {{ composed }} {{ put_together }}"}},
        {"ansible.builtin.debug": {"msg": "{{ lookup('ansible.builtin.vars', 'machine_labels') }}"}},
        {
            "ansible.builtin.set_fact": {
                "copied": "{{ machine_labels }}",
                "joined": "of {{ machine_labels.note }}, {{ hostvars[inventory_hostname].machine_labels.note }}",
            }
        },
        {"ansible.builtin.debug": {"msg": "{{ [copied, joined] }}"}},
        {
            "ansible.builtin.set_fact": {"decoded": "{{ machine_labels.note | b64decode }}"},
            "when": "inventory_hostname == 'hidden'",
        },
        {"ansible.builtin.debug": {"var": "decoded"}},
        {"dockyard.machine.machine_info": {"store": where}, "register": "seen"},
        {"ansible.builtin.set_fact": {"result": info}},
        {"ansible.builtin.debug": {"msg": "{{ result }} {{ result.labels.note }} {{ result.host_vars }}"}},
        {
            "ansible.builtin.template": {
                "src": f"{folder}/own.j2",
                "dest": f"{folder}/{{{{ inventory_hostname }}}}.txt",
            },
            **here,
        },
        {
            "ansible.builtin.copy": {
                "content": "{{ [machine_labels, copied, result.labels, hostvars[inventory_hostname].machine_labels] | to_json }}",
                "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
            },
            **here,
        },
        {"ansible.builtin.add_host": ADDED, "loop": "{{ seen.machines }}", "run_once": True},
    ]


# The oldest core evaluates most, and a store on S3 has templates in variables: the others are for make long.
@pytest.mark.parametrize(
    ("core", "shared"),
    [
        pytest.param("oldest", True, id="oldest-s3"),
        *(
            pytest.param(core, shared, id=f"{core}-{'s3' if shared else 'folder'}", marks=pytest.mark.long)
            for core, shared in (("oldest", False), ("usual", True), ("usual", False))
        ),
    ],
)
def test_nothing_in_a_record_is_run(
    core: str,
    shared: bool,
    request: pytest.FixtureRequest,
    collections: pathlib.Path,
    double: s3.S3Double,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ansible = Ansible(collections, tmp_path, BIN if core == "usual" else request.getfixturevalue("oldest"))
    for name, value in double.environment.items():
        monkeypatch.setenv(name, value)
    ansible.environment.update(double.environment)
    where = f"s3://{double.bucket()}/prod" if shared else str(tmp_path / "store")
    planted = Planted(tmp_path / "ran")
    labels, sent = fill(open_store(where), planted)
    source = tmp_path / "machines.yml"
    config = {"plugin": "dockyard.machine.machines", "store": where, "compose": COMPOSE}
    config["keyed_groups"] = [{"key": "machine_labels", "prefix": "label"}]
    source.write_text(json.dumps(config))
    (tmp_path / "own.j2").write_text(TEMPLATE)
    # Nothing is connected to: this notes how ssh would be called
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done >"$0.$$.words"\nexit 255\n')
    ssh.chmod(0o755)

    listed = ansible.inventory(source)["_meta"]["hostvars"]
    assert set(listed) == set(labels) and not planted.ran
    plays = [
        {"hosts": "dockyard", "gather_facts": False, "tasks": tasks(where, tmp_path)},
        {
            "hosts": "added",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.debug": {"var": "hostvars[inventory_hostname]"}},
                {"ansible.builtin.debug": {"msg": "{{ machine_labels }} of {{ machine_labels.note }}"}},
                {"ansible.builtin.ping": {}, "ignore_unreachable": True, "when": "ansible_host is defined"},
            ],
        },
    ]
    path = tmp_path / "play.yml"
    path.write_text(json.dumps(plays))
    ansible.environment["ANSIBLE_SSH_EXECUTABLE"] = str(ssh)  # which the machine's own program runs
    run = ansible.playbook(str(path), inventory=source).ok()
    ansible.playbook("list_hosts", {"machine_store": where}, inventory=source).ok()
    assert not planted.ran, f"{planted.ran}\n{run}"
    # Each host is unreachable, and a record that is no driver's own can't be removed: what counts is what was evaluated.
    for playbook in ("rotate_certs", "remove_hosts"):
        extra = {"machine_store": where, "machine_names": list(labels)}
        run = ansible.playbook(playbook, extra, inventory=source)
        assert "m0" in run.stdout and "m9" in run.stdout, f"the records were not used\n{run}"
        assert not planted.ran, f"{planted.ran}\n{run}"

    for name, wanted in labels.items():
        assert json.loads((tmp_path / f"{name}.json").read_text()) == [wanted] * 4, name
        assert wanted["note"] in (tmp_path / f"{name}.txt").read_text(), name
    calls = [path.read_text().split("\0") for path in tmp_path.glob("ssh.*.words")]
    for word in sent:
        [words] = {tuple(words) for words in calls if word in words}
        assert any(re.fullmatch(r'UserKnownHostsFile="/.*/m\d/known_hosts"', one) for one in words)
