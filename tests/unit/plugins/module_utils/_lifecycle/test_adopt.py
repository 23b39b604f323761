# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopting: what the store knew before it was lost, rebuilt from what is there; nothing is made or changed by it."""

from __future__ import annotations

import math
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import gather
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._books import strangers
from tests import model
from tests.faults.orphanage import DAY, FULL, Orphanage, names, orphanage

__all__ = ["orphanage"]

SAME = ("id", "name", "driver", "account", "place", "options", "machine", "status", "expires")


def known(record: dict[str, t.Any]) -> dict[str, t.Any]:
    """What an adoption must bring back."""
    fields = ("key", "kind", "id", "status", "generation", "attempt", "existing")
    resources = [{field: one[field] for field in fields} for one in record["resources"]]
    return {**{field: record[field] for field in SAME}, "resources": resources}


def lost_and_adopted(orphanage: Orphanage, *ids: str, **more: t.Any) -> dict[str, t.Any]:
    return orphanage.adopt(*ids, from_store=orphanage.lose(), **more)


# What comes back


def test_a_record_is_rebuilt(orphanage: Orphanage) -> None:
    orphanage.present("web1", expires_in="8h", **FULL)
    orphanage.present("web1", recreate=True, image="image-2", **FULL)  # so that generations count,
    orphanage.provider.vanish(orphanage.one("machine").id)  # and attempts
    orphanage.clock.now += 60
    orphanage.present("web1", image="image-2", **FULL)
    before = orphanage.record()
    assert {one["generation"] for one in before["resources"]} == {2}
    former, ledger = orphanage.lose(), len(orphanage.provider.ledger)
    result = orphanage.adopt(from_store=former, image="image-2", **FULL)
    assert result["changed"] and [one["name"] for one in result["adopted"]] == ["web1"]
    assert result["adopted"][0]["missing"] == result["adopted"][0]["unexplained"] == []
    assert orphanage.changes(ledger) == []
    after = orphanage.record()
    assert known(after) == known(before)
    assert after["kept"]["store"] == former != orphanage.store().id
    assert {key: one["requests"] for key, one in by_key(after).items() if key != "Key"} == {
        key: one["requests"] for key, one in by_key(before).items() if key != "Key"
    }


def by_key(record: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {one["key"]: one for one in record["resources"]}


def test_it_is_then_a_machine_as_any_other(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    before = orphanage.alive()
    former = orphanage.lose()
    orphanage.adopt(from_store=former, **FULL)
    ledger = len(orphanage.provider.ledger)
    assert not orphanage.present(**FULL).changed and orphanage.changes(ledger) == [] and orphanage.alive() == before
    result = orphanage.prune()
    assert not result["changed"] and result["unrecorded"] == result["others"] == []
    orphanage.lifecycle().power("stopped")
    orphanage.present(rules=[22, 80], **FULL)
    orphanage.present(rules=[22, 80], recreate=True, image="image-2", **FULL)
    tags = {one.tags["dockyard-store"] for one in orphanage.provider.alive() if one.tags}
    assert tags == {former}, "whose it is does not change under way"
    orphanage.absent()
    assert orphanage.alive() == []


def test_twice_is_once(orphanage: Orphanage) -> None:
    orphanage.present()
    former = orphanage.lose()
    orphanage.adopt(from_store=former)
    record = orphanage.record()
    result = orphanage.adopt(from_store=former)
    assert not result["changed"] and result["adopted"] == [] and not result.get("failed")
    assert orphanage.record() == record


def test_what_comes_late_is_known_by_the_former_store(orphanage: Orphanage) -> None:
    orphanage.present()
    server = orphanage.one("machine")
    lost_and_adopted(orphanage)
    orphanage.absent()
    late = orphanage.again(server)
    assert names(orphanage.prune()["removed"]) == [f"Server {late.id}"]


def test_a_record_alone_is_rebuilt_without_a_word(orphanage: Orphanage) -> None:
    """A backup from before the machine was made, say: its things bear this store's own id."""
    orphanage.present("web1")
    orphanage.copy("store", "backup")
    orphanage.present("web2", **FULL)
    before = orphanage.record("web2")
    orphanage.copy("backup", "store")
    ledger = len(orphanage.provider.ledger)
    result = orphanage.adopt(**FULL)
    assert [one["name"] for one in result["adopted"]] == ["web2"] and not result.get("failed")
    assert known(orphanage.record("web2")) == known(before) and "store" not in orphanage.record("web2")["kept"]
    assert orphanage.changes(ledger) == [] and not orphanage.prune()["unrecorded"]
    assert not orphanage.present("web2", **FULL).changed, "and nothing is made twice"


def test_an_end_comes_back_and_counts(orphanage: Orphanage) -> None:
    orphanage.present(expires_in="1h")
    lost_and_adopted(orphanage)
    orphanage.clock.now += DAY
    assert names(orphanage.prune()["removed"]) == ["web1"]


def test_an_end_that_was_put_off_does_not_come_back(orphanage: Orphanage) -> None:
    orphanage.present(expires_in="1h", **FULL)
    orphanage.present(expires_in="never", **FULL)
    orphanage.clock.now += DAY
    alive, result = orphanage.alive(), lost_and_adopted(orphanage, **FULL)
    assert orphanage.record()["expires"] is None and result["adopted"][0]["doubtful_end"] is None
    assert not orphanage.prune()["changed"] and orphanage.alive() == alive


def test_an_end_that_is_over_is_asked_about(orphanage: Orphanage) -> None:
    """Of a former release, say, or cut off: the machine may be in use."""
    orphanage.present(expires_in="1h")
    end = orphanage.record()["expires"]
    orphanage.clock.now += DAY
    former, ledger = orphanage.lose(), len(orphanage.provider.ledger)
    result = orphanage.adopt(from_store=former)
    assert result["adopted"][0]["doubtful_end"] == end and orphanage.record()["expires"] is None
    assert not orphanage.prune()["changed"] and orphanage.changes(ledger) == []
    assert not orphanage.present().changed, "nobody has said an end"
    assert orphanage.present(expires_in="8h").changed
    assert {orphanage.one(kind).tags["dockyard-expires"] for kind in ("machine", "firewall")} == {
        str(int(orphanage.clock.now + 8 * 3600))
    }


def test_an_end_that_is_given_is_told_by_the_next_run(orphanage: Orphanage) -> None:
    orphanage.present(expires_in="1h")
    orphanage.clock.now += DAY
    result = lost_and_adopted(orphanage, expires_in="8h")
    end = str(int(orphanage.clock.now + 8 * 3600))
    assert result["adopted"][0]["doubtful_end"] is None and orphanage.record()["kept"]["untagged"]
    assert orphanage.present(expires_in="8h").changed and orphanage.one("machine").tags["dockyard-expires"] == end


def test_of_two_ends_the_later_one_counts(orphanage: Orphanage) -> None:
    orphanage.present(expires_in="1h")
    orphanage.present(expires_in="8h")
    end = orphanage.record()["expires"]
    orphanage.one("machine").tags["dockyard-expires"] = str(int(orphanage.clock.now + 3600))  # cut off in between
    lost_and_adopted(orphanage)
    assert orphanage.record()["expires"] == end


@pytest.mark.parametrize("said", ["never", "soon", "9" * 20])
def test_what_is_no_end_ends_nothing(orphanage: Orphanage, said: str) -> None:
    orphanage.present(expires_in="1h")
    orphanage.one("machine").tags["dockyard-expires"] = said
    result = lost_and_adopted(orphanage)
    assert result["adopted"][0]["doubtful_end"] is None and orphanage.record()["expires"] is None


def test_an_end_in_tags_that_are_never_written_anew_is_asked_about(
    orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in model.driver.Model.kinds:
        monkeypatch.delattr(kind, "tag", raising=False)
    orphanage.present(expires_in="8h")
    end = orphanage.record()["expires"]
    orphanage.present(expires_in="9h")
    result = lost_and_adopted(orphanage)
    assert result["adopted"][0]["doubtful_end"] == end and orphanage.record()["expires"] is None


def test_of_a_user_s_own_nothing_is_taken(orphanage: Orphanage) -> None:
    network = orphanage.provider.add("network", "acme", "north").id
    orphanage.present(network=network)
    lost_and_adopted(orphanage, network=network)
    assert by_key(orphanage.record())["Network"]["existing"]
    orphanage.absent()
    assert orphanage.alive() == [network]


def test_a_user_s_own_that_is_not_there(orphanage: Orphanage) -> None:
    orphanage.present()
    result = lost_and_adopted(orphanage, network="network-99")
    assert result["failed"] and "network-99" in result["msg"] and orphanage.records() == []


# What is there and what is wanted


def test_what_is_missing_stays_planned_and_is_made_by_the_next_run(orphanage: Orphanage) -> None:
    orphanage.present()
    result = lost_and_adopted(orphanage, **FULL)
    assert result["adopted"][0]["missing"] == ["Volume/data", "Address"]
    server = orphanage.one("machine").id
    assert orphanage.present(**FULL).changed
    assert orphanage.one("machine").id == server and len(orphanage.alive()) == 5
    assert not orphanage.present(**FULL).changed


@pytest.mark.parametrize("fault", ["empty", "no_page"])
@pytest.mark.parametrize("call", ["list_volumes", "list_keys", "list_machines"])
def test_one_list_that_lacks_something_is_not_believed(orphanage: Orphanage, call: str, fault: str) -> None:
    orphanage.present("web1", **FULL)
    orphanage.present("web2", **FULL)
    before, former = orphanage.alive(), orphanage.lose()
    orphanage.provider.faults = [model.Fault(fault, call)]
    result = orphanage.adopt(from_store=former, **FULL)
    assert [one["missing"] for one in result["adopted"]] == [[], []]
    for name in ("web1", "web2"):
        orphanage.present(name, **FULL)
    assert orphanage.alive() == before


@pytest.mark.parametrize(("shortage", "code"), [({"full": ["a"]}, "full"), ({"quota": {"machine": 0}}, "refused")])
def test_data_outlive_a_machine_that_can_not_be_made_anew(
    orphanage: Orphanage, shortage: dict[str, t.Any], code: str
) -> None:
    orphanage.present(**FULL)
    orphanage.provider.vanish(orphanage.one("machine").id)
    orphanage.clock.now += 60
    there = orphanage.alive("volume", "address")
    former = orphanage.lose()
    result = orphanage.adopt(from_store=former, **FULL)
    assert result["failed"] and "can be copied" in result["msg"], "nothing proves them, now that the machine is gone"
    assert orphanage.adopt("web1", *there, from_store=former, **FULL)["adopted"][0]["missing"] == ["Server"]
    orphanage.provider.set(**shortage)
    with pytest.raises(MachineError) as caught:
        orphanage.present(on_failure="remove", **FULL)
    assert caught.value.code == code
    assert orphanage.alive("volume", "address") == there and orphanage.records() == ["web1"]
    orphanage.provider.set(full=[], quota=math.inf)
    orphanage.present(**FULL)
    assert orphanage.alive("volume", "address") == there and "adopted" not in orphanage.record()["kept"]


def test_a_missing_thing_is_made_and_not_taken_for_a_dead_one(orphanage: Orphanage) -> None:
    """The token of a machine that is terminated still answers with it."""
    orphanage.provider.set(ghost=DAY)
    orphanage.present()
    old = orphanage.one("machine").id
    orphanage.provider.vanish(old)
    key = orphanage.one("key").id
    one = lost_and_adopted(orphanage)["adopted"][0]
    assert one["missing"] == ["Server"] and one["login"] == "new"
    assert orphanage.record()["status"] == "creating"
    orphanage.present()
    assert orphanage.one("machine").id != old and orphanage.record()["status"] == "made"
    assert orphanage.one("key").id != key, "that one let in the key that was lost"
    assert orphanage.record()["ssh"]["host_keys"], "it shows a host key of ours"


def test_what_nothing_wants_goes_with_the_machine(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    result = lost_and_adopted(orphanage)
    assert sorted(result["adopted"][0]["unexplained"]) == ["Address", "Volume/data"]
    orphanage.present()
    assert len(orphanage.alive()) == 5, "taken out of use, and not removed"
    ledger = len(orphanage.provider.ledger)
    orphanage.absent()
    assert orphanage.alive() == []
    assert orphanage.changes(ledger)[0] == "terminate_machine", "in its turn"


def test_options_that_it_has_not(orphanage: Orphanage) -> None:
    orphanage.present("web1", sizes=["large"])
    orphanage.present("web2")
    former, before = orphanage.lose(), orphanage.alive()
    result = orphanage.adopt(from_store=former)
    assert result["failed"] and [one["name"] for one in result["adopted"]] == ["web2"], "the others are adopted"
    assert "web1 is not as the options say: Server has size 'large', not 'small'" in result["msg"]
    assert not (orphanage.folder / "store" / "machines" / "web1").exists() and orphanage.alive() == before
    assert not orphanage.adopt("web1", from_store=former, sizes=["large"]).get("failed")


def test_what_changes_without_a_stop_is_changed_by_the_next_run(orphanage: Orphanage) -> None:
    orphanage.present(rules=[22])
    lost_and_adopted(orphanage, rules=[22, 80])
    assert orphanage.one("firewall").body["rules"] == [22]
    assert orphanage.present(rules=[22, 80]).changed
    assert orphanage.one("firewall").body["rules"] == [22, 80]


def test_the_choice_that_was_made_is_found_again(orphanage: Orphanage) -> None:
    orphanage.provider.set(full=["a", "b/small"])
    options = {"zones": ["a", "b"], "sizes": ["small", "medium"]}
    seen = orphanage.driver.kinds[-1].seen

    def with_zone(self: t.Any, raw: t.Any) -> driver.Seen:
        one = seen(self, raw)
        one.has["zone"] = raw["zone"]
        return one

    orphanage.driver = model.driver_for(orphanage.provider, Server={"seen": with_zone})
    orphanage.present(disk=10, **options)
    before = orphanage.record()
    lost_and_adopted(orphanage, disk=10, **options)
    after = orphanage.record()
    assert after["kept"]["choices"] == before["kept"]["choices"] == {"zone": 1}
    assert by_key(after)["Server"]["choice"] == by_key(before)["Server"]["choice"] == 1
    assert by_key(after)["Volume/data"]["requests"][0]["zone"] == "b"


@pytest.mark.parametrize(("generation", "attempt", "counts"), [(1, 3, "other"), (2, 1, "other"), (1, 1, "ours")])
def test_the_latest_of_a_key_counts(orphanage: Orphanage, generation: int, attempt: int, counts: str) -> None:
    orphanage.present()
    server = orphanage.one("machine")
    orphanage.retag(server, attempt=2)
    other = orphanage.retag(orphanage.again(server), generation=generation, attempt=attempt)
    ids = {"ours": server.id, "other": other.id}
    lost_and_adopted(orphanage)
    assert by_key(orphanage.record())["Server"]["id"] == ids.pop(counts)
    assert names(orphanage.prune()["unrecorded"]) == [f"Server {id}" for id in ids.values()], "and is not forgotten"


@pytest.mark.parametrize("left", ["both", "copy"])
def test_a_copy_is_reported_and_not_adopted(orphanage: Orphanage, left: str) -> None:
    orphanage.present(**FULL)
    server = orphanage.one("machine")
    copies = [orphanage.provider.copy(thing.id) for thing in orphanage.provider.alive() if thing.tags]
    as_they_were = repr(copies)
    if left == "copy":
        orphanage.provider.vanish(server.id)
        orphanage.clock.now += 60
    former = orphanage.lose()
    result = orphanage.adopt(from_store=former, **FULL)
    said = [one["why"] for one in result["others"]]
    assert sorted(said) == sorted(
        f"{kind} {one.id} has the tags of web1, but is a copy"
        for kind, one in (("Server", copies[-1]), ("Firewall", copies[0]))
    )
    assert result["failed"] and result["adopted"] == [], "of the volume and the address nothing tells"
    ours = [thing.id for thing in orphanage.provider.alive() if thing.kind in ("volume", "address")][:2]
    result = orphanage.adopt("web1", *ours, from_store=former, **FULL)
    assert by_key(orphanage.record())["Server"]["id"] == (server.id if left == "both" else None)
    orphanage.present(**FULL)
    orphanage.absent()
    orphanage.prune()
    assert orphanage.alive() == sorted(one.id for one in copies) and repr(copies) == as_they_were


def test_of_two_that_nothing_tells_apart_the_named_one_is_adopted(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    volume = orphanage.one("volume")
    copy = orphanage.provider.copy(volume.id)
    former = orphanage.lose()
    result = orphanage.adopt(from_store=former, **FULL)
    assert result["failed"] and volume.id in result["msg"] and copy.id in result["msg"]
    assert not orphanage.adopt(volume.id, from_store=former, **FULL).get("failed")
    assert by_key(orphanage.record())["Volume/data"]["id"] == volume.id


# Whose it is


def test_things_of_another_store_are_taken_with_its_id_alone(orphanage: Orphanage) -> None:
    orphanage.present("web1", store="one")
    orphanage.present("web2", store="two")
    one = orphanage.store("one").id
    for former in (None, "another"):
        result = orphanage.adopt(store="two", from_store=former)
        assert not result["changed"] and not result.get("failed")
        assert [(other["name"], other["store"]) for other in result["others"]] == [("web1", one)]
        assert one in result["others"][0]["why"]
    assert orphanage.records("two") == ["web2"]


def test_another_account_has_nothing_to_adopt(orphanage: Orphanage) -> None:
    orphanage.present()
    former = orphanage.lose()
    result = orphanage.adopt("web1", from_store=former, account="other")
    assert result["adopted"] == [] and result["found"] == []
    assert not orphanage.folder.joinpath("store").exists()


def test_what_has_a_tombstone_is_not_adopted(orphanage: Orphanage) -> None:
    orphanage.present()
    server = orphanage.one("machine")
    orphanage.absent()
    orphanage.again(server)
    result = orphanage.adopt()
    assert result["adopted"] == [] and "prune" in result["others"][0]["why"]


def test_a_name_that_is_taken(orphanage: Orphanage) -> None:
    orphanage.present("web1")
    orphanage.present("web2")
    orphanage.lose_record("web1", keys=False)
    orphanage.present("web1")  # the name is free again, and what bore it still exists
    before = orphanage.record("web1")
    result = orphanage.adopt()
    assert result["failed"] and before["id"] in result["msg"] and orphanage.record("web1") == before


def test_one_of_two_with_one_name_is_chosen_by_its_id(orphanage: Orphanage) -> None:
    ids = []
    for _time in range(2):
        orphanage.present("web1")
        ids.append(orphanage.record()["id"])
        orphanage.lose_record("web1", keys=False)
    result = orphanage.adopt()
    assert result["adopted"] == [] and all(id in result["msg"] for id in ids)
    result = orphanage.adopt(ids[0])
    assert [one["id"] for one in result["adopted"]] == ids[:1] == [orphanage.record()["id"]]
    assert {one["machine_id"] for one in orphanage.prune()["unrecorded"]} == {ids[1]}


def test_a_name_alone_says_too_little(orphanage: Orphanage) -> None:
    orphanage.provider.add("key", "acme", "north", name="web1-0123ab-1")
    assert orphanage.adopt()["adopted"] == []
    assert orphanage.prune()["unrecorded"][0]["store"] is None


def test_only_those_that_are_named(orphanage: Orphanage) -> None:
    for name in ("web1", "web2", "web3"):
        orphanage.present(name)
    id = orphanage.record("web3")["id"]
    result = orphanage.adopt("web1", id, "web9", from_store=orphanage.lose())
    assert orphanage.records() == ["web1", "web3"] and result["found"] == sorted(["web1", id])


def test_a_check_shows_it_and_makes_nothing(orphanage: Orphanage) -> None:
    orphanage.present(**FULL)
    former = orphanage.lose()
    result = orphanage.adopt(from_store=former, check=True, **FULL)
    assert result["changed"] and [one["name"] for one in result["adopted"]] == ["web1"]
    assert result["diff"]["before"]["web1"] == {"state": "absent"}
    assert result["diff"]["after"]["web1"]["resources"].keys() == {
        "Key",
        "Firewall",
        "Volume/data",
        "Address",
        "Server",
    }
    assert not orphanage.folder.joinpath("store").exists()


def test_a_required_option(orphanage: Orphanage, monkeypatch: pytest.MonkeyPatch) -> None:
    orphanage.present()
    monkeypatch.setattr(orphanage.driver, "required", ("region", "image"))
    assert "image" in lost_and_adopted(orphanage)["msg"]


# How it is logged in to


def test_a_key_that_is_lost_is_said(orphanage: Orphanage) -> None:
    orphanage.present()
    one = lost_and_adopted(orphanage)["adopted"][0]
    assert one["login"] == "lost" and "ssh_key" in one["reached"] and "recreate" in one["reached"]
    assert orphanage.record()["ssh"]["host_keys"] == []


def test_a_key_of_the_user_s(orphanage: Orphanage, tmp_path: pathlib.Path) -> None:
    key = tmp_path / "mine"
    key.write_text("private")
    key.with_name("mine.pub").write_text("ssh-ed25519 AAAAmine me")
    orphanage.present()
    host_key = "ssh-ed25519 AAAAhost"
    one = lost_and_adopted(orphanage, ssh_key=str(key), host_key=f"{host_key} comment")["adopted"][0]
    assert one["login"] == "given"
    ssh = orphanage.record()["ssh"]
    assert (ssh["key"], ssh["policy"], ssh["host_keys"]) == (str(key), "given", [host_key])


@pytest.mark.parametrize("when", ["adopted", "afterwards"])
def test_the_host_key_that_is_shown_first_is_pinned(orphanage: Orphanage, tmp_path: pathlib.Path, when: str) -> None:
    key = tmp_path / "mine"
    key.write_text("private")
    key.with_name("mine.pub").write_text("ssh-ed25519 AAAAmine me")
    orphanage.present()
    one = lost_and_adopted(orphanage, ssh_key=str(key) if when == "adopted" else None)["adopted"][0]
    assert one["login"] == ("given" if when == "adopted" else "lost")
    again = {"ssh_key": str(key)} if when == "afterwards" else {}
    assert orphanage.present(check=True, **again).changed and orphanage.present(**again).changed
    known_hosts = pathlib.Path(orphanage.store().folder("web1")) / "known_hosts"
    assert orphanage.record()["ssh"]["policy"] == "first_contact"
    assert known_hosts.read_text() == f"{orphanage.record()['id']} ssh-ed25519 AAAAshow\n"
    assert not orphanage.present(**again).changed


def test_a_machine_that_is_made_anew_is_pinned_anew(orphanage: Orphanage) -> None:
    class Plain(orphanage.driver):  # type: ignore[misc,name-defined]
        def recipe(self, m: t.Any) -> None:
            super().recipe(m)
            m.injects_host_key = m.by_user_data = False

    orphanage.driver = Plain
    orphanage.present()
    assert orphanage.record()["ssh"]["host_keys"] == ["ssh-ed25519 AAAAshow"]
    orphanage.provider.vanish(orphanage.one("machine").id)
    orphanage.clock.now += 60
    orphanage.present()
    assert orphanage.record()["ssh"]["host_keys"] == ["ssh-ed25519 AAAAshow"]


def test_a_key_that_the_store_still_has(orphanage: Orphanage) -> None:
    orphanage.present()
    before = orphanage.record()["ssh"]
    orphanage.lose_record("web1")
    one = orphanage.adopt()["adopted"][0]
    after = orphanage.record()["ssh"]
    assert one["login"] == "kept"
    assert (after["public_key"], after["host_keys"]) == (before["public_key"], before["host_keys"])


def test_a_pinned_host_key_of_another_machine_is_not_taken(orphanage: Orphanage) -> None:
    orphanage.present()
    known_hosts = pathlib.Path(orphanage.store().folder("web1")) / "known_hosts"
    known_hosts.write_text("0123456789ab ssh-ed25519 AAAAother\nbroken\n")
    assert (known_hosts.parent / "first-boot").is_dir()
    orphanage.lose_record("web1")
    one = orphanage.adopt()["adopted"][0]
    assert one["login"] == "lost" and orphanage.record()["ssh"]["host_keys"] == []
    assert not (known_hosts.parent / "first-boot").exists(), "the private host key of whatever it was"
    assert not orphanage.present().changed


def test_a_host_key_that_was_not_pinned_yet(orphanage: Orphanage) -> None:
    """As it was made for the first boot: the run was killed before its end."""
    orphanage.present()
    before = orphanage.record()["ssh"]
    (pathlib.Path(orphanage.store().folder("web1")) / "known_hosts").unlink()
    orphanage.lose_record("web1")
    assert orphanage.adopt()["adopted"][0]["login"] == "kept"
    assert orphanage.record()["ssh"]["host_keys"] == before["host_keys"]


def test_a_key_is_replaced_where_the_provider_has_the_means(orphanage: Orphanage) -> None:
    keys: dict[str, str] = {}  # which the provider lets in, by machine
    base = orphanage.driver
    server = base.kinds[-1]

    class Server(server):  # type: ignore[misc,valid-type]
        adjustable = {**server.adjustable, "authorized": "any"}

        def seen(self, raw: t.Any) -> driver.Seen:
            one = super().seen(raw)
            one.has["authorized"] = keys.get(raw["id"])
            return one

        def create(self, it: driver.It) -> str:
            authorized = it.request.pop("authorized")
            id = super().create(it)
            keys[id] = authorized
            return id

        def adjust(self, it: driver.It) -> None:
            if it.seen and it.seen.has["authorized"] != it.request["authorized"]:
                keys[it.seen.id] = it.request["authorized"]
            else:
                super().adjust(it)

    class Means(base):  # type: ignore[misc,valid-type]
        kinds = (*base.kinds[:-1], Server)

        def recipe(self, m: t.Any) -> None:
            super().recipe(m)
            for request in m.wants[-1].requests:
                request["authorized"] = m.public_key

    orphanage.driver = Means
    orphanage.present()
    machine = orphanage.one("machine").id
    old = keys[machine]
    one = lost_and_adopted(orphanage)["adopted"][0]
    assert one["login"] == "replaced" and keys[machine] == old, "an adoption changes nothing"
    orphanage.present()
    assert keys[machine] == orphanage.record()["ssh"]["public_key"] != old


# Nothing twice


@pytest.mark.parametrize("kind", ["machine", "volume", "firewall", "key"])
def test_a_backup_from_the_midst_of_a_create_makes_nothing_twice(orphanage: Orphanage, kind: str) -> None:
    """Frozen and not made, says the record of the backup: but it was made since."""
    call = {"machine": "run_machine", "key": "import_key"}.get(kind, f"create_{kind}")
    orphanage.provider.faults = [model.Fault("quota", call)]
    with pytest.raises(MachineError):
        orphanage.present(disk=10)
    orphanage.provider.faults = []
    orphanage.copy("store", "backup")
    orphanage.present(disk=10)
    before = orphanage.alive()
    orphanage.copy("backup", "store")
    orphanage.present(disk=10)
    assert orphanage.alive() == before


def test_what_a_backup_does_not_know_and_nothing_proves_is_asked_about(orphanage: Orphanage) -> None:
    orphanage.provider.faults = [model.Fault("quota", "allocate_address")]
    with pytest.raises(MachineError):
        orphanage.present(**FULL)
    orphanage.provider.faults = []
    orphanage.copy("store", "backup")
    orphanage.present(**FULL)
    before = orphanage.alive()
    orphanage.copy("backup", "store")
    for verb in (orphanage.present, orphanage.present):
        with pytest.raises(MachineError, match=f"Address {orphanage.one('address').id} has the tags"):
            verb(**FULL)
    assert orphanage.alive() == before


def test_a_list_tells_which_machines_the_store_does_not_know(orphanage: Orphanage) -> None:
    """So that create_hosts does not make them again after a backup was restored."""
    for name in ("web1", "web2", "web3", "web4"):
        orphanage.present(name)
    orphanage.present("web5", store="another")
    lost, server = orphanage.record("web3")["id"], orphanage.one("machine", "web4")
    orphanage.absent("web4")
    orphanage.again(server)  # late, and for prune
    others: list[driver.Seen] = []
    orphanage.lose_record("web3")
    gather([orphanage.lifecycle("web1", keep_options=True)], others)
    assert len(others) == 3, "web2 is recorded, and was not asked for"
    found = strangers(orphanage.store(), orphanage.driver.kinds[-1], others)
    assert found == [{"name": "web3", "id": lost}]


def test_what_no_list_shows_is_asked_for_by_what_it_was_made_of(orphanage: Orphanage) -> None:
    orphanage.driver = model.driver_for(orphanage.provider, Address={"lists_account": False})
    orphanage.present(**FULL)
    before = orphanage.record()
    result = lost_and_adopted(orphanage, **FULL)
    assert result["adopted"][0]["missing"] == []
    assert known(orphanage.record()) == known(before)
    orphanage.absent()
    assert orphanage.alive() == []


def test_a_driver_that_lists_no_machines_adopts_none(orphanage: Orphanage) -> None:
    """It would make each of them a second time."""
    orphanage.driver = model.driver_for(orphanage.provider, Server={"lists_account": False})
    orphanage.present()
    with pytest.raises(MachineError, match="can't list"):
        lost_and_adopted(orphanage)
