# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored backup whose records are older than their machines: nothing is made a second time, and docs/orphans.md's
way on leads on."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from tests import model
from tests.faults.orphanage import FULL, Orphanage, orphanage

__all__ = ["orphanage"]

NEW: dict[str, t.Any] = {**FULL, "disk": 20, "image": "image-2"}


@pytest.fixture(params=["recreated", "made again"])
def restored(request: pytest.FixtureRequest, orphanage: Orphanage) -> Orphanage:
    """The machine was replaced after the backup."""
    orphanage.present(**FULL, labels={"tier": "front"})
    orphanage.copy("store", "backup")
    orphanage.clock.sleep(600)
    if request.param == "recreated":
        orphanage.present(recreate=True, **NEW)
    else:
        for kind in ("machine", "volume", "address"):
            orphanage.provider.vanish(orphanage.one(kind).id)
        orphanage.present(**FULL)
    orphanage.copy("backup", "store")
    orphanage.clock.sleep(600)
    return orphanage


@pytest.fixture()
def asked(request: pytest.FixtureRequest) -> dict[str, t.Any]:
    """The options that the machine has now."""
    return NEW if request.node.callspec.params["restored"] == "recreated" else FULL


def living(orphanage: Orphanage) -> list[str]:
    return orphanage.alive("machine", "volume", "address", "firewall", "key")


@pytest.mark.parametrize("wanted", [FULL, NEW, {**FULL, "disk": 30, "recreate": True}])
def test_nothing_is_made_beside_what_came_after_the_backup(restored: Orphanage, wanted: dict[str, t.Any]) -> None:
    """Nor is a disk of another size taken over by a recreate."""
    before, ledger, former = living(restored), len(restored.provider.ledger), restored.record()
    machine = restored.one("machine")
    for _again in range(2):
        with pytest.raises(MachineError) as caught:
            restored.present(**wanted)
        assert caught.value.code == ("drift" if wanted is NEW else "outdated")
    if wanted is not NEW:
        recorded = next(one["id"] for one in former["resources"] if one["kind"] == "Server")
        assert recorded in caught.value.message and machine.id in caught.value.message
        assert "adopt" in caught.value.remedy and machine.id in caught.value.remedy
    assert living(restored) == before and not restored.changes(ledger)
    assert restored.ids_of() == sorted(one["id"] for one in former["resources"]), "what is gone is still named"


def test_adopt_takes_over_what_came_after_the_backup(restored: Orphanage, asked: dict[str, t.Any]) -> None:
    before, ledger, former = living(restored), len(restored.provider.ledger), restored.record()
    checked = restored.adopt(check=True, **asked)
    assert checked["changed"] and restored.record() == former
    result = restored.adopt(**asked)
    assert [one["name"] for one in result["adopted"]] == ["web1"] and not result.get("failed")
    assert result["adopted"][0]["missing"] == result["adopted"][0]["unexplained"] == []
    assert not restored.changes(ledger)
    after = restored.record()
    assert restored.ids_of() == before and after["id"] == former["id"] and after["revision"] > former["revision"]
    assert (after["labels"], after["created"]) == (former["labels"], former["created"])
    assert not restored.adopt(**asked)["changed"], "once"
    ledger = len(restored.provider.ledger)
    restored.present(**asked)
    assert not restored.changes(ledger) and living(restored) == before
    assert not restored.present(**asked).changed
    pruned = restored.prune()
    assert not pruned["changed"] and pruned["unrecorded"] == []
    restored.absent()
    assert not living(restored) and not restored.records()


def test_the_former_host_key_is_not_expected_of_what_came_after_the_backup(
    restored: Orphanage, asked: dict[str, t.Any]
) -> None:
    restored.adopt(**asked)
    restored.present(**asked)
    assert restored.record()["ssh"]["host_keys"] == ["ssh-ed25519 AAAAshow"]


def test_an_older_record_is_not_removed_as_if_it_were_the_machine(restored: Orphanage) -> None:
    """What came after the backup would stay, and cost, and nobody would know."""
    before, former = living(restored), restored.record()
    with pytest.raises(MachineError) as caught:
        restored.absent()
    assert caught.value.code == "outdated" and restored.one("machine").id in caught.value.message
    assert living(restored) == before and restored.record() == former
    restored.edit(expires="2020-01-01T00:00:00Z")
    pruned = restored.prune()
    assert not pruned["removed"] and "adopt" in pruned["failed_to_remove"][0]["error"]
    assert living(restored) == before


def test_what_came_after_the_backup_can_be_removed_instead(restored: Orphanage) -> None:
    ids = [one["id"] for one in restored.prune()["unrecorded"]]
    assert restored.one("machine").id in ids and restored.one("volume").id in ids
    result = restored.prune(*ids)
    assert sorted(one["id"] for one in result["removed"]) == sorted(ids) and not result.get("failed")
    restored.clock.sleep(600)
    assert restored.absent().changed and not living(restored)
    assert restored.present(**FULL).changed and restored.one("machine")


def test_a_tombstone_of_a_former_machine_keeps_nobody_from_taking_over_the_later_one(orphanage: Orphanage) -> None:
    """A release before this one removed a record that was older than its machine."""
    orphanage.present(**FULL)
    orphanage.copy("store", "backup")
    orphanage.clock.sleep(600)
    orphanage.present(recreate=True, **NEW)
    before = living(orphanage)
    orphanage.copy("store", "later")
    orphanage.copy("backup", "store")
    record = orphanage.store().read("web1")
    assert record
    names = ("kind", "key", "id", "generation", "attempt")
    record.kept["gone"] = [
        {**{name: getattr(one, name) for name in names}, "name": "", "token": ""} for one in record.resources
    ]
    record.resources = []
    with orphanage.store().lock("web1") as lock:
        orphanage.store().remove(record, lock)
    assert [one["name"] for one in orphanage.adopt(**NEW)["adopted"]] == ["web1"]
    assert orphanage.ids_of() == before


def test_what_lives_as_it_is_recorded_is_not_outdated(orphanage: Orphanage) -> None:
    """Though something with a later turn stands beside it: a copy whose tags somebody has edited."""
    orphanage.driver = model.driver_for(orphanage.provider, Server={"proof": None})
    orphanage.present(**FULL)
    machine = orphanage.one("machine")
    copy = orphanage.provider.add("machine", "acme", "north", tags={**machine.tags, "dockyard-generation": "7"})
    before = orphanage.record()
    for ids in ((), (copy.id,), orphanage.alive()):
        assert not orphanage.adopt(*ids, **FULL)["changed"] and orphanage.record() == before
    assert not orphanage.present(**FULL).changed
