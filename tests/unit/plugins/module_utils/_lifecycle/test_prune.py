# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning: what is to be gone goes; what is others', or what nobody knows, is never touched."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import gather
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._books import copies, strangers
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._things import recognise
from ansible_collections.dockyard.machine.plugins.module_utils._store._file import FileLock
from tests import model
from tests.faults.orphanage import DAY, FULL, Orphanage, names, orphanage

__all__ = ["orphanage"]

TAGS = {"store": "s", "id": "0123456789ab", "machine": "web1", "kind": "Server", "generation": "1", "attempt": "2"}


# What is of our form


def test_tags_of_our_form_are_recognised() -> None:
    thing = recognise(model.driver.Server, driver.Seen("i-1", tags=TAGS))
    assert thing and (thing.store, thing.id, thing.machine, thing.turn) == ("s", "0123456789ab", "web1", (1, 2))
    volume = recognise(model.driver.Volume, driver.Seen("v-1", tags={**TAGS, "kind": "Volume/data"}))
    assert volume and volume.key == "Volume/data"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        *((tag, "") for tag in TAGS),
        *(("id", wrong) for wrong in ("0123456789a", "0123456789AB", "0123456789abc", "x")),
        *(("machine", wrong) for wrong in ("Web1", "web1-", "web_1", "w" * 41)),
        *(("kind", wrong) for wrong in ("Volume", "Servers", "server", "/Server")),
        *((number, wrong) for number in ("generation", "attempt") for wrong in ("0", "-1", "1.0", "one", "01")),
    ],
)
def test_a_look_alike_is_nothing_of_ours(tag: str, value: str) -> None:
    assert recognise(model.driver.Server, driver.Seen("i-1", tags={**TAGS, tag: value})) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web1-0123ab-1", ("web1", "0123ab", "Key", 1)),
        ("web-1-0123ab-12-data", ("web-1", "0123ab", "Key/data", 12)),
        ("web1-0123ab", None),
        ("web1-0123ab-0", None),
        ("web1-0123ab-01", None),
        ("web1-0123ab-1x", None),
        ("web1-0123AB-1", None),
        ("web1-0123abc-1", None),
        ("Web1-0123ab-1", None),
        ("-0123ab-1", None),
        ("my web1-0123ab-1", None),
    ],
)
def test_names_are_parsed_strictly(name: str, said: t.Any) -> None:
    thing = recognise(model.driver.Key, driver.Seen("k-1", name=name))
    assert (thing and (thing.machine, thing.id, thing.key, thing.generation)) == said


def test_what_has_ended_is_not_there() -> None:
    assert recognise(model.driver.Server, driver.Seen("i-1", state=driver.ABSENT, tags=TAGS)) is None


# Machines with an end


def test_an_expired_machine_goes_the_normal_way(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="8h", **FULL)
    orphanage.present("web2", expires_in="9h")
    orphanage.present("web3")
    stay = orphanage.ids_of("web2") + orphanage.ids_of("web3")
    assert not orphanage.prune()["changed"]
    orphanage.clock.now += 8 * 3600
    ledger = len(orphanage.provider.ledger)
    result = orphanage.prune()
    assert names(result["removed"]) == ["web1"] and "expired" in result["removed"][0]["why"]
    deletes = [call for call in orphanage.changes(ledger) if not call.startswith("disassociate")]
    assert deletes[0] == "terminate_machine" and deletes[-1] == "delete_key", "the dependent first"
    assert orphanage.alive() == sorted(stay) and orphanage.records() == ["web2", "web3"]
    assert [one["name"] for one in orphanage.tombstones()] == ["web1"]
    assert not orphanage.prune()["changed"], "once"


def test_a_machine_that_is_worked_on_is_left_alone(orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch) -> None:
    orphanage.present(expires_in="1h")
    orphanage.clock.now += DAY
    before, acquire = orphanage.alive(), FileLock.acquire

    def at_once(lock: FileLock, timeout: float) -> None:
        assert timeout == 0, "the others wait for this one"
        acquire(lock, timeout)

    with orphanage.store().lock("web1"):
        monkeypatch.setattr(FileLock, "acquire", at_once)
        result = orphanage.prune()
    assert not result["changed"] and not result.get("failed")
    assert names(result["busy"]) == ["web1"] and "worked on" in result["busy"][0]["error"]
    assert orphanage.alive() == before


def test_whether_it_is_due_is_judged_under_its_lock(orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch) -> None:
    orphanage.present(expires_in="1h")
    orphanage.clock.now += DAY
    before = orphanage.alive()
    survey = orphanage._survey("store")
    books = survey.books()
    monkeypatch.setattr(survey, "books", lambda: books)  # read now, and then somebody is quicker:
    orphanage.present(expires_in="never")
    from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._prune import Pruner

    assert not Pruner(survey).run()["changed"]
    assert orphanage.alive() == before and orphanage.records() == ["web1"]


def test_a_removal_that_was_begun_is_finished(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    orphanage.provider.faults = [model.Fault("quota", "delete_volume")]
    with pytest.raises(MachineError):
        orphanage.absent()
    assert orphanage.record()["status"] == "removing"
    result = orphanage.prune()
    assert names(result["removed"]) == ["web1"]
    assert orphanage.alive() == [] and orphanage.records() == []


def test_a_machine_that_is_being_made_anew_is_wanted(orphanage: Orphanage) -> None:
    orphanage.present()
    orphanage.provider.faults = [model.Fault("quota", "delete_firewall")]
    with pytest.raises(MachineError):
        orphanage.present(recreate=True, image="image-2")
    assert orphanage.record()["status"] == "removing"
    assert not orphanage.prune()["changed"]
    orphanage.present()
    assert len(orphanage.alive("machine")) == 1


def test_a_tag_alone_removes_nothing(orphanage: Orphanage) -> None:
    orphanage.present(expires_in="1h")
    orphanage.lose_record("web1")
    orphanage.clock.now += DAY
    before = orphanage.alive()
    result = orphanage.prune()
    assert not result["changed"] and orphanage.alive() == before
    assert len(result["unrecorded"]) == 3


# What comes late


def late(orphanage: Orphanage, call: str, kind: str, **more: t.Any) -> None:
    """A create whose answer is lost and whose effect does not show, until after the machine was removed."""
    orphanage.provider.set(list_lag={kind: 3600.0}, read_lag={kind: 3600.0}, in_use=False)
    orphanage.provider.faults = [model.Fault("timeout", call, after=True, times=float("inf"))]
    with pytest.raises(MachineError):
        orphanage.present(timeout=30, **more)
    orphanage.provider.faults = []
    orphanage.absent()
    assert orphanage.tombstones()
    orphanage.clock.now += 3601
    assert orphanage.alive(kind), "the case is real"


@pytest.mark.parametrize(
    ("call", "kind", "options"),
    [
        ("run_machine", "machine", {}),
        ("create_firewall", "firewall", {}),
        ("import_key", "key", {}),
    ],
)
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "asked for"])
def test_what_shows_up_after_the_end_goes(
    orphanage: Orphanage, call: str, kind: str, options: dict[str, t.Any], listed: bool
) -> None:
    name = "Server" if kind == "machine" else kind.capitalize()
    orphanage.driver = model.driver_for(orphanage.provider, **{name: {"lists_account": listed}})
    late(orphanage, call, kind, **options)
    result = orphanage.prune()
    assert result["changed"] and orphanage.alive() == []
    assert {one["why"] for one in result["removed"]} == {"web1 was removed"}
    assert not orphanage.prune()["changed"]


@pytest.mark.parametrize(
    ("call", "kind", "options"), [("create_volume", "volume", {"disk": 10}), ("allocate_address", "address", FULL)]
)
def test_what_shows_up_and_nothing_proves_goes_by_its_id(
    orphanage: Orphanage, call: str, kind: str, options: dict[str, t.Any]
) -> None:
    late(orphanage, call, kind, **options)
    there = orphanage.alive(kind)
    id = there[-1]
    for ids in ((), (orphanage.tombstones()[0]["id"],)):
        assert not orphanage.prune(*ids)["changed"] and orphanage.alive() == there
    assert names(orphanage.prune()["unrecorded"]) == [f"{kind.capitalize()} {one}" for one in there]
    assert names(orphanage.prune(id)["removed"]) == [f"{kind.capitalize()} {id}"] and orphanage.alive() == there[:-1]


def test_what_can_not_be_asked_for_by_its_name_alone(orphanage: Orphanage) -> None:
    """A tie of two things has no tags, and is listed by what it ties."""
    real = model.driver.Volume.list

    def needs_its_request(self: t.Any, it: driver.It) -> list[t.Any]:
        assert it.request["size"]
        return real(self, it)

    body = {"lists_account": False, "list": needs_its_request}
    orphanage.driver = model.driver_for(orphanage.provider, Volume=body)
    orphanage.present(**FULL)
    server = orphanage.one("machine")
    orphanage.absent()
    late = orphanage.again(server)
    began = orphanage.clock.now
    assert names(orphanage.prune()["removed"]) == [f"Server {late.id}"]
    assert orphanage.clock.now - began < 1, "it is not asked again and again"


def test_what_shows_up_after_on_failure_removed_it_goes(orphanage: Orphanage) -> None:
    orphanage.provider.set(list_lag=3600.0, in_use=False)
    orphanage.provider.faults = [model.Fault("timeout", "run_machine", after=True, times=float("inf"))]
    with pytest.raises(MachineError) as caught:
        orphanage.present(timeout=30, on_failure="remove")
    assert "Nothing is left" in caught.value.remedy and orphanage.records() == []
    orphanage.provider.faults = []
    orphanage.clock.now += 3601
    assert orphanage.alive("machine"), "the provider did what it had not answered"
    orphanage.prune()
    assert orphanage.alive() == []


def test_an_earlier_attempt_goes_with_the_machine_alone(orphanage: Orphanage) -> None:
    """While the machine lives it is listed: no tombstone says that it is to go."""
    orphanage.provider.set(in_use=False)
    orphanage.present()
    server = orphanage.one("machine")
    orphanage.provider.vanish(server.id)
    orphanage.clock.now += 60
    orphanage.present()
    earlier = orphanage.again(server)
    result = orphanage.prune()
    assert names(result["unrecorded"]) == [f"Server {earlier.id}"] and not result["changed"]
    orphanage.absent()
    assert names(orphanage.prune()["removed"]) == [f"Server {earlier.id}"]


def test_what_a_machine_gave_up_goes_while_it_lives(orphanage: Orphanage) -> None:
    """By its id, or by what proves it; not what only bears its tags."""
    orphanage.present(**FULL)
    address = orphanage.one("address")
    orphanage.present(disk=10, public_address=False)
    stay = orphanage.ids_of()
    address.gone = address.deleted = float("inf")  # it was not, after all
    copy = orphanage.provider.copy(address.id)
    result = orphanage.prune()
    assert names(result["removed"]) == [f"Address {address.id}"]
    assert result["removed"][0]["why"] == "it was removed from web1"
    assert names(result["unrecorded"]) == [f"Address {copy.id}"]
    assert orphanage.alive() == sorted([*stay, copy.id])


def test_what_is_awaited_is_not_late(orphanage: Orphanage) -> None:
    """A create without an answer, whose record lives: a later run finds its effect, so prune leaves it."""
    orphanage.provider.faults = [model.Fault("timeout", "run_machine", after=True, times=float("inf"))]
    with pytest.raises(MachineError):
        orphanage.present(timeout=30)
    orphanage.provider.faults = []
    server = orphanage.one("machine")
    result = orphanage.prune()
    assert not result["changed"] and result["unrecorded"] == []
    orphanage.present()
    assert orphanage.one("machine").id == server.id


def test_of_another_generation_than_the_tombstone_is_unrecorded(orphanage: Orphanage) -> None:
    orphanage.present()
    server = orphanage.one("machine")
    orphanage.absent()
    tags = {**server.tags, "dockyard-generation": "2"}
    newer = orphanage.provider.add("machine", "acme", "north", tags=tags, **server.body)
    result = orphanage.prune()
    assert names(result["unrecorded"]) == [f"Server {newer.id}"] and orphanage.alive() == [newer.id]


# What nobody knows


def test_unrecorded_things_are_listed_and_stay(orphanage: Orphanage) -> None:
    orphanage.present("web1", **FULL)
    orphanage.present("web2")
    before = orphanage.alive()
    orphanage.lose_record("web1")
    result = orphanage.prune()
    assert not result["changed"] and orphanage.alive() == before
    kinds = sorted(one["kind"] for one in result["unrecorded"])
    assert kinds == ["Address", "Firewall", "Key", "Server", "Volume"]
    assert {one["machine"] for one in result["unrecorded"]} == {"web1"}
    assert len({one["machine_id"] for one in result["unrecorded"]}) == 1, "the key's name tells whose it is, too"


def test_an_id_removes_one_thing(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    orphanage.lose_record("web1")
    server = orphanage.one("machine").id
    before = orphanage.alive()
    assert names(orphanage.prune(server, check=True)["removed"]) == [f"Server {server}"]
    assert orphanage.alive() == before
    result = orphanage.prune(server)
    assert names(result["removed"]) == [f"Server {server}"] and result["found"] == [server]
    assert orphanage.alive() == sorted(set(before) - {server})


def test_a_machines_id_removes_all_of_it_the_dependent_first(orphanage: Orphanage) -> None:
    orphanage.present("web1", **FULL)
    orphanage.present("web2")
    id = orphanage.record("web1")["id"]
    stay = orphanage.ids_of("web2")
    orphanage.lose_record("web1", keys=False)
    ledger = len(orphanage.provider.ledger)
    unproved = orphanage.alive("volume", "address")
    result = orphanage.prune(id)
    assert result["failed"] and len(result["removed"]) == 3 and orphanage.alive() == sorted([*stay, *unproved])
    assert all(f"give its id {one}" in result["msg"] for one in unproved)
    result = orphanage.prune(id, *unproved)
    assert len(result["removed"]) == 2 and orphanage.alive() == stay
    assert orphanage.changes(ledger)[0] == "terminate_machine"
    assert orphanage.clock.now - orphanage.provider.ledger[ledger]["at"] < 60, "no waiting for what is in use"


def test_an_id_removes_nothing_that_is_recorded(orphanage: Orphanage) -> None:
    orphanage.present()
    before = orphanage.alive()
    result = orphanage.prune(orphanage.one("machine").id)
    assert result["failed"] and not result["changed"] and orphanage.alive() == before
    assert "state absent" in result["msg"]


def test_an_id_that_nothing_has(orphanage: Orphanage) -> None:
    result = orphanage.prune("machine-99")
    assert result["found"] == [] and not result["changed"] and not result.get("failed")


def test_what_was_adopted_meanwhile_is_not_removed(orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch) -> None:
    orphanage.present()
    server = orphanage.one("machine").id
    path = pathlib.Path(orphanage.store().folder("web1")) / "machine.json"
    text = path.read_text()
    path.unlink()
    real = orphanage.driver.account

    def then(self: t.Any) -> str:
        return real(self)

    monkeypatch.setattr(orphanage.driver, "account", then)
    survey = orphanage._survey("store")
    books = survey.books()
    monkeypatch.setattr(survey, "books", lambda: books)
    path.write_text(text)  # an adopt that was quicker
    from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._prune import Pruner

    assert not Pruner(survey, [server]).run()["changed"]
    assert server in orphanage.alive()


# What is others'


def test_two_stores_in_one_account(orphanage: Orphanage) -> None:
    orphanage.present("web1", store="one", expires_in="1h", **FULL)
    orphanage.present("web1", store="two", expires_in="1h", **FULL)
    orphanage.present("web2", store="two")
    orphanage.absent("web2", store="two")
    theirs, ours = orphanage.ids_of("web1", "two"), orphanage.ids_of("web1", "one")
    two = orphanage.store("two").id
    result = orphanage.prune(store="one")
    assert not result["changed"] and result["unrecorded"] == []
    assert sorted(one["id"] for one in result["others"]) == theirs and {one["store"] for one in result["others"]} == {
        two
    }
    result = orphanage.prune(*theirs, store="one")
    assert result["failed"] and two in result["msg"], "it says which store they belong to"
    assert orphanage.alive() == sorted(ours + theirs)
    orphanage.clock.now += DAY
    orphanage.prune(store="one")
    assert orphanage.alive() == theirs, "its own end, and nobody else's"


def test_things_of_a_store_that_is_gone_go_by_id_and_store(orphanage: Orphanage) -> None:
    orphanage.present("web1", store="one", **FULL)
    orphanage.present("web1", store="two")
    stay = orphanage.ids_of("web1", "two")
    id = orphanage.record("web1", "one")["id"]
    one = orphanage.lose("one")
    assert orphanage.prune(id, from_store="another", store="two")["failed"]
    assert not orphanage.prune(store="two", from_store=one)["changed"], "no id, no removal"
    result = orphanage.prune(id, *orphanage.alive("volume", "address"), from_store=one, store="two")
    assert len(result["removed"]) == 5 and orphanage.alive() == stay


def test_a_copied_store_touches_nothing_of_the_original(orphanage: Orphanage) -> None:
    orphanage.present("web1", **FULL)
    orphanage.copy("store", "copy")
    orphanage.present("web2")
    orphanage.present("web1", recreate=True, image="image-2", **FULL)
    before = orphanage.alive()
    result = orphanage.prune(store="copy")
    assert not result["changed"] and orphanage.alive() == before
    assert {one["machine"] for one in result["unrecorded"]} == {"web1", "web2"}
    assert not orphanage.prune(store="store")["unrecorded"]


def test_a_restored_backup_removes_nothing_by_itself(orphanage: Orphanage) -> None:
    orphanage.present("web1")
    orphanage.present("web2")
    orphanage.present("web3")
    orphanage.copy("store", "backup")
    orphanage.absent("web1")  # since the backup: one removed,
    orphanage.present("web2", recreate=True, image="image-2")  # one replaced,
    orphanage.provider.vanish(orphanage.one("machine", "web3").id)  # one healed,
    orphanage.clock.now += 60
    orphanage.present("web3")
    orphanage.present("web4", **FULL)  # and one made
    before = orphanage.alive()
    orphanage.copy("backup", "store")
    result = orphanage.prune()
    assert not result["changed"] and orphanage.alive() == before
    assert {one["machine"] for one in result["unrecorded"]} == {"web2", "web3", "web4"}


def test_another_account_is_not_touched(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="1h", **FULL)
    orphanage.present("web2")
    orphanage.absent("web2")
    orphanage.clock.now += DAY
    before = orphanage.alive()
    result = orphanage.prune(account="other")
    assert result["account"] == "other" and not result["changed"] and not result.get("failed")
    assert result["unrecorded"] == result["others"] == []
    assert orphanage.alive() == before and orphanage.records() == ["web1"]


def test_a_tombstone_counts_in_its_account_alone(orphanage: Orphanage) -> None:
    orphanage.present()
    tags = orphanage.one("machine").tags
    orphanage.absent()
    copy = orphanage.provider.add("machine", "other", "north", tags=tags, zone="a", size="small")
    result = orphanage.prune(account="other")
    assert not result["changed"] and names(result["unrecorded"]) == [f"Server {copy.id}"]


def test_another_region_is_not_touched(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="1h")
    orphanage.clock.now += DAY
    assert not orphanage.prune(region="south")["changed"]
    assert names(orphanage.prune()["removed"]) == ["web1"]


def test_foreign_look_alikes_are_not_touched(orphanage: Orphanage) -> None:
    """Beside a tombstone, which would have each of them if it were ours."""
    orphanage.present(**FULL)
    tags = dict(orphanage.one("machine").tags)
    id = orphanage.record()["id"]
    orphanage.absent()
    add = orphanage.provider.add
    bad = {"store": "other", "id": "other", "machine": "Other", "generation": "0", "attempt": "x", "kind": "volume"}
    for name, value in bad.items():
        add("machine", "acme", "north", tags={**tags, f"dockyard-{name}": value}, zone="a", size="small")
        add("machine", "acme", "north", tags={k: v for k, v in tags.items() if k != f"dockyard-{name}"}, size="small")
    add("machine", "acme", "north", name=f"web1-{id[:6]}-1", tags={"store": tags["dockyard-store"]}, size="small")
    add("machine", "other", "north", tags=tags, size="small")
    add("machine", "acme", "south", tags=tags, size="small")
    for name in (f"web1-{id[:6]}-2", f"web1-{id[:6]}-1-x", f"web1-{id[:5]}-1", f"my-web1-{id[:6]}-1", f"web1-{id[:6]}"):
        add("key", "acme", "north", name=name)
    before, ledger = orphanage.alive(), len(orphanage.provider.ledger)
    result = orphanage.prune()
    assert not result["changed"] and orphanage.alive() == before
    assert orphanage.changes(ledger) == []


def test_a_second_thing_with_the_tags_of_a_live_one_is_listed(orphanage: Orphanage) -> None:
    """Somebody's copy of our machine, with all its tags, or a twin: nothing says which."""
    orphanage.present()
    server = orphanage.one("machine")
    twin = orphanage.provider.add("machine", "acme", "north", tags=server.tags, **server.body)
    result = orphanage.prune()
    assert not result["changed"] and names(result["unrecorded"]) == [f"Server {twin.id}"]
    orphanage.prune(twin.id)
    assert orphanage.one("machine").id == server.id


# How it goes on


def test_a_check_says_all_and_does_nothing(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="1h", **FULL)
    late_one = orphanage.present("web2") and orphanage.one("machine", "web2")
    orphanage.absent("web2")
    again = orphanage.again(late_one)
    orphanage.clock.now += DAY
    before, ledger = orphanage.alive(), len(orphanage.provider.ledger)
    result = orphanage.prune(check=True)
    assert orphanage.alive() == before and orphanage.records() == ["web1"] and orphanage.changes(ledger) == []
    assert result["changed"] and names(result["removed"]) == [f"Server {again.id}", "web1"]
    assert "web1 (it expired" in result["diff"]["before"] and result["diff"]["after"] == ""
    assert names(orphanage.prune()["removed"]) == names(result["removed"])


def test_a_store_that_does_not_exist_is_not_made(orphanage: Orphanage) -> None:
    orphanage.present(store="one")
    result = orphanage.prune(store="none")
    assert not result["changed"] and len(result["others"]) == 3
    assert not (orphanage.folder / "none").exists()


def test_one_that_can_not_be_removed_does_not_stop_the_others(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="1h")
    orphanage.present("web2", expires_in="1h")
    orphanage.clock.now += DAY
    orphanage.provider.faults = [model.Fault("quota", "terminate_machine")]
    result = orphanage.prune()
    assert result["failed"] and names(result["removed"]) == ["web2"] and names(result["failed_to_remove"]) == ["web1"]
    assert "Server machine-3" in result["error"]["left_behind"] and "LimitExceeded" in result["msg"]
    orphanage.provider.faults = []
    assert names(orphanage.prune()["removed"]) == ["web1"] and orphanage.alive() == []


def test_a_damaged_record_makes_nothing_an_orphan(orphanage: Orphanage) -> None:
    orphanage.present("web1")
    before = orphanage.alive()
    (orphanage.folder / "store" / "machines" / "web1" / "machine.json").write_text("{")
    result = orphanage.prune()
    assert not result["changed"] and orphanage.alive() == before and len(result["unrecorded"]) == 3


def test_one_list_a_kind(orphanage: Orphanage) -> None:
    for number in range(5):
        orphanage.present(f"web{number}", **FULL)
    ledger = len(orphanage.provider.ledger)
    orphanage.prune()
    assert sorted(orphanage.provider.calls(ledger)) == [
        *("list_addresses", "list_firewalls", "list_keys", "list_machines", "list_volumes", "whoami")
    ]


# Tombstones


def test_old_tombstones_go(orphanage: Orphanage) -> None:
    orphanage.present()
    orphanage.absent()
    orphanage.clock.now += 29 * DAY
    orphanage.prune()
    assert orphanage.tombstones()
    orphanage.clock.now += 2 * DAY
    orphanage.prune(check=True)
    orphanage.prune(region="south")
    orphanage.prune(account="other")
    assert orphanage.tombstones()
    orphanage.prune()
    assert orphanage.tombstones() == []


@pytest.mark.parametrize("kind", ["machine", "key"])
def test_a_tombstone_stays_while_something_bears_its_id(orphanage: Orphanage, kind: str) -> None:
    orphanage.present()
    thing = orphanage.one(kind)
    orphanage.absent()
    add = orphanage.provider.add
    # Of a later generation, which it does not speak of
    tags = {**thing.tags, "dockyard-generation": "2"} if thing.tags else {}
    again = add(kind, "acme", "north", name=f"{thing.name[:-1]}2", tags=tags, **thing.body)
    orphanage.clock.now += 40 * DAY
    result = orphanage.prune()
    assert len(result["unrecorded"]) == 1 and orphanage.tombstones()
    orphanage.provider.vanish(again.id)
    orphanage.prune()
    assert orphanage.tombstones() == []


def test_a_damaged_record_keeps_no_other_machine_from_being_made(orphanage: Orphanage) -> None:
    for name in ("web1", "web2"):
        orphanage.present(name)
        orphanage.edit(name, kept={"looks": {}, "picks": {"port": f"of {name}"}, "choices": {}})
    orphanage.edit("web2", driver=None)
    task = orphanage.lifecycle("web3").task
    with task.store.lock("web3") as task.lock, task._picks:
        assert task.taken() == {"of web1"}


def test_a_refresh_reports_copies_and_takes_them_for_nobody(orphanage: Orphanage) -> None:
    orphanage.present("web1")
    copy = orphanage.provider.copy(orphanage.one("machine").id)
    others: list[driver.Seen] = []
    gather([orphanage.lifecycle("web1", keep_options=True)], others)
    kind = orphanage.driver.kinds[-1]
    said = f"Server {copy.id} has the tags of web1, but is a copy"
    assert copies(orphanage.store(), kind, others) == [said]
    assert strangers(orphanage.store(), kind, others) == []


def test_whatever_is_copied_as_soon_as_it_is_made(orphanage: Orphanage) -> None:
    orphanage.provider.set(copied=("machine", "firewall", "volume", "address"))
    orphanage.present("web1", **FULL)
    recorded = {one["id"] for one in orphanage.record("web1")["resources"]}
    copies = {thing.id: repr(thing) for thing in orphanage.provider.alive() if thing.id not in recorded}
    assert len(copies) == 4
    assert not orphanage.present("web1", **FULL).changed
    orphanage.prune()
    orphanage.absent("web1")
    orphanage.prune()
    assert {thing.id: repr(thing) for thing in orphanage.provider.alive()} == copies
