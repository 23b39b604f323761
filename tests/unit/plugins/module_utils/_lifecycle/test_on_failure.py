# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A create that fails, and what becomes of what it made: kept for the next run, or taken down at once."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import _file
from tests import model
from tests.faults.orphanage import FULL, Orphanage, orphanage

__all__ = ["orphanage"]

CALLS = ("import_key", "create_firewall", "set_rules", "create_volume", "allocate_address", "run_machine")
FAULTS = [("quota", False), ("timeout", False), ("timeout", True), ("internal", True)]
FOR_EVER = float("inf")


@pytest.mark.parametrize(("what", "after"), FAULTS, ids=["refused", "no answer", "done unanswered", "done and 500"])
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_left(orphanage: Orphanage, call: str, what: str, after: bool) -> None:
    orphanage.provider.set(list_lag=2.0, read_lag=2.0)
    orphanage.driver = model.driver_for(orphanage.provider)
    orphanage.provider.faults = [model.Fault(what, call, after=after, times=FOR_EVER)]
    try:
        orphanage.present(on_failure="remove", timeout=60, **FULL)
    except MachineError as error:
        assert error.left_behind == [] and "Nothing is left" in error.remedy, error.text()
        assert orphanage.records() == [] and len(orphanage.tombstones()) == 1
        assert orphanage.alive() == []
    else:
        assert after, "what is found to be done is no failure"
    orphanage.clock.now += 60
    orphanage.provider.faults = []
    orphanage.present(**FULL)
    assert len(orphanage.alive()) == 5


@pytest.mark.parametrize("call", CALLS)
def test_by_default_it_is_kept_and_finished(orphanage: Orphanage, call: str) -> None:
    orphanage.provider.faults = [model.Fault("quota", call)]
    with pytest.raises(MachineError) as caught:
        orphanage.present(**FULL)
    left = orphanage.alive()
    assert sorted(name.rpartition(" ")[2] for name in caught.value.left_behind) == left
    orphanage.present(**FULL)
    assert set(left) <= set(orphanage.alive()) and len(orphanage.alive()) == 5


def test_without_capacity(orphanage: Orphanage) -> None:
    orphanage.provider.set(full=("a", "b"))
    with pytest.raises(MachineError, match="NoCapacity"):
        orphanage.present(on_failure="remove", **FULL)
    assert orphanage.alive() == [] and orphanage.records() == []


def test_what_can_not_be_taken_down_is_named_and_pruned_later(orphanage: Orphanage) -> None:
    orphanage.provider.faults = [model.Fault("quota", "run_machine"), model.Fault("quota", "delete_volume")]
    with pytest.raises(MachineError, match="run_machine") as caught:
        orphanage.present(on_failure="remove", **FULL)
    assert any("volume" in one.lower() for one in caught.value.left_behind)
    assert orphanage.record()["status"] == "removing"
    assert orphanage.prune()["changed"] and orphanage.alive() == []


def test_a_machine_that_was_made_once_is_not_taken_down(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    before = orphanage.alive()
    orphanage.provider.faults = [model.Fault("quota", "set_rules")]
    with pytest.raises(MachineError):
        orphanage.present(on_failure="remove", rules=[22, 80], **FULL)
    assert orphanage.alive() == before and orphanage.records() == ["web1"]


@pytest.mark.parametrize("when", ["run_machine", "delete_volume"])
def test_what_another_run_works_on_is_not_to_be_removed(
    orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Its lease was lost: whoever followed the advice to remove it would take down what the other run makes."""
    lost = MachineError("Another run works on web1 now", code="lease_lost", remedy="Run again when that run is over")

    def check(lock: _file.FileLock, seconds: float) -> None:
        if when in [entry["call"] for entry in orphanage.provider.ledger]:
            raise lost

    monkeypatch.setattr(_file.FileLock, "check", check)
    orphanage.provider.faults = [model.Fault("quota", "run_machine", times=FOR_EVER)]
    with pytest.raises(MachineError) as caught:
        orphanage.present(on_failure="remove", **FULL)
    assert "absent" not in caught.value.remedy and "Run again when that run is over" in caught.value.remedy
    assert orphanage.alive() and caught.value.left_behind


@pytest.mark.parametrize("made", [False, True])
def test_what_may_be_on_its_way_is_asked_for_as_before(
    orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """The options say otherwise by now, but it isn't known what became of the call: first that, then the change."""
    firewall = next(kind for kind in orphanage.driver.kinds if kind.__name__ == "Firewall")
    create, asked = firewall.create, []
    monkeypatch.setattr(
        firewall, "create", lambda kind, it: asked.append((it.token, it.request["rules"])) or create(kind, it)
    )
    if made:
        orphanage.present()
        orphanage.provider.vanish(orphanage.one("firewall").id)
        orphanage.clock.now += 60
    orphanage.provider.faults = [model.Fault("timeout", "create_firewall", times=FOR_EVER)]
    with pytest.raises(MachineError, match="create_firewall"):
        orphanage.present(timeout=60)
    orphanage.provider.faults = []
    wanted: t.Any = {"rules": [22, 80], "sizes": ["medium"], "allow_stop": True}
    orphanage.present(**wanted)
    assert orphanage.one("firewall").body["rules"] == [22, 80]
    assert all(rules == [22] for _token, rules in asked), asked
    assert not orphanage.present(**wanted).changed
