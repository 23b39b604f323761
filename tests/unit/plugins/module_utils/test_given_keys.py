# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own key and a shared store: its path is one node's, and the next job runs on another one."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _pin, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._recorded import as_recorded
from tests.doubles.objects import Memory
from tests.faults.orphanage import DRIVER, FULL, Orphanage, orphanage

__all__ = ["orphanage"]


class Nodes:
    """Jobs on several nodes, with one store that is no folder of any."""

    def __init__(self, orphanage: Orphanage, tmp_path: pathlib.Path) -> None:
        self.orphanage, self.folder, self.here = orphanage, tmp_path, "one"
        self.memory = Memory(orphanage.clock)
        orphanage.store = self.store  # type: ignore[method-assign,assignment]

    def store(self, name: str = "") -> ObjectStore:
        return ObjectStore(self.memory, str(self.folder / self.here), self.orphanage.clock, background=False)

    def key(self, name: str, text: str) -> str:
        """A private key on this node."""
        path = self.folder / self.here / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("private")
        path.with_suffix(".pub").write_text(f"ssh-ed25519 {text} me@{self.here}\n")
        return str(path)

    def variables(self, **more: t.Any) -> dict[str, t.Any]:
        """Of a later run on this node."""
        store = self.store()
        record = store.read("web1")
        assert record
        return _machines.brought(store, record, **more)["host_vars"]


@pytest.fixture()
def nodes(orphanage: Orphanage, tmp_path: pathlib.Path) -> Nodes:
    return Nodes(orphanage, tmp_path)


def test_a_shared_store_knows_the_key_wherever_it_is(nodes: Nodes) -> None:
    first = nodes.key("id_ed25519", "AAAAmine")
    made = nodes.orphanage.present(ssh_key=first, **FULL)
    assert made.machine and made.machine["host_vars"]["ansible_ssh_private_key_file"] == first, "in this run"
    assert nodes.variables()["ansible_ssh_private_key_file"] == first, "and in later ones here"
    assert not nodes.orphanage.present(ssh_key=first, **FULL).changed

    nodes.here = "two"
    pathlib.Path(first).unlink()
    pathlib.Path(first).with_suffix(".pub").unlink()
    _ssh.public_half.cache_clear()
    assert "ansible_ssh_private_key_file" not in nodes.variables(), "which would be the other node's"
    record = nodes.store().read("web1")
    assert record and "IdentitiesOnly=yes" not in str(_pin.texts(record)), "the agent may have it"
    assert not nodes.orphanage.present(**FULL).changed
    again = nodes.key("mounted_key", "AAAAmine")
    outcome = nodes.orphanage.present(ssh_key=again, **FULL)
    assert not outcome.changed, "the same key at another place"
    assert outcome.machine and outcome.machine["host_vars"]["ansible_ssh_private_key_file"] == again
    assert nodes.variables(ssh_key=again)["ansible_ssh_private_key_file"] == again
    assert nodes.orphanage.present(labels={"a": "b"}, **FULL).changed
    assert not nodes.orphanage.present(ssh_key=again, **FULL).changed, "what is saved without the key still knows it"


def test_another_key_is_a_change(nodes: Nodes) -> None:
    nodes.orphanage.present(ssh_key=nodes.key("id_ed25519", "AAAAmine"), **FULL)
    nodes.here = "two"
    other = nodes.key("id_ed25519", "AAAAother")
    assert nodes.orphanage.present(ssh_key=other, **FULL).changed
    assert not nodes.orphanage.present(ssh_key=other, **FULL).changed
    assert nodes.variables()["ansible_ssh_private_key_file"] == other
    with pytest.raises(BadOption, match="ssh_key"):
        nodes.orphanage.present(ssh_key="/nowhere/id", **FULL)


def test_the_record_alone_tells_that_the_key_is_the_same(nodes: Nodes) -> None:
    nodes.orphanage.present(ssh_key=nodes.key("id_ed25519", "AAAAmine"))
    store = nodes.store()
    record = store.read("web1")
    assert record
    record.ssh["reached"] = True
    store.save_observed("web1", {"state": "running", "refreshed": time.time() + 60})
    asked = {"max_age": 600, "keep_options": True}
    nodes.here = "two"
    assert as_recorded({**asked, "ssh_key": nodes.key("mounted", "AAAAmine")}, store, record, {}, set())
    assert as_recorded(asked, store, record, {}, set())
    assert not as_recorded({**asked, "ssh_key": nodes.key("other", "AAAAother")}, store, record, {}, set())


def test_a_store_in_a_folder_keeps_the_path(orphanage: Orphanage, tmp_path: pathlib.Path) -> None:
    key = tmp_path / "id_ed25519"
    key.write_text("private")
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAAmine\n")
    orphanage.present(ssh_key=str(key))
    record = orphanage.store().read("web1")
    assert record and record.driver == DRIVER and _pin.private_key(record, "") == str(key)
