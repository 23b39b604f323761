# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model provider: each trait shows, each fault fires, and the ledger and ``alive`` tell the truth."""

from __future__ import annotations

import cProfile
import dataclasses
import math
import pathlib
import typing as t

import pytest

from tests.model import ApiError, Fault, Provider, Thing, Traits
from tests.model.client import Client
from tests.model.clock import DAY
from tests.model.traits import AFTER, BENT, ERRORS, KINDS_OF_FAULT


def provider(**traits: t.Any) -> tuple[Provider, Client]:
    made = Provider(**traits)
    return made, made.client("acme", "north")


def run(client: Client, token: str = "t1", zone: str = "a", size: str = "small", **more: t.Any) -> str:
    more = {"name": "web", "image": "image-1", "tags": {"k": "v"}, **more}
    return client.run_machine(token, zone=zone, size=size, **more)


def refused(code: str, call: t.Callable[..., t.Any], *args: t.Any, **more: t.Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call(*args, **more)
    assert caught.value.code == code
    return caught.value


def ids(raws: list[dict[str, t.Any]]) -> list[str]:
    return [raw["id"] for raw in raws]


# Without traits


def test_the_life_of_a_machine() -> None:
    cloud, client = provider()
    key, wall = client.import_key("k", "ssh-ed25519 AAAA"), client.create_firewall("w", {})
    client.set_rules(wall, [22])
    machine = run(client, key=key, firewalls=[wall])
    volume, address = client.create_volume("t2", "a", 10, {}), client.allocate_address({})
    client.attach_volume(volume, machine)
    client.associate_address(address, machine)
    seen = client.get_machine(machine)
    assert (seen["state"], seen["volumes"], seen["address"]) == ("running", [volume], address)
    assert seen["ip"] == client.get_address(address)["ip"]
    client.stop_machine(machine)
    client.resize_machine(machine, "large")
    client.start_machine(machine)
    assert client.get_machine(machine)["size"] == "large"
    client.terminate_machine(machine)
    assert client.get_volume(volume)["machine"] is None, "it lets go of what it used"
    for delete, id in (
        (client.delete_volume, volume),
        (client.release_address, address),
        (client.delete_firewall, wall),
        (client.delete_key, key),
    ):
        delete(id)
        refused("NotFound", delete, id)
    assert not cloud.alive()


def test_what_is_shown_is_a_copy() -> None:
    cloud, client = provider()
    machine = run(client)
    client.get_machine(machine)["tags"]["k"] = "changed"
    assert client.get_machine(machine)["tags"] == {"k": "v"}


def test_it_is_deterministic() -> None:
    def told() -> list[dict[str, t.Any]]:
        cloud, client = provider(creating=2, list_lag=1, latency=0.1)
        run(client)
        client.paged(client.list_machines)
        return cloud.ledger

    assert told() == told()


def test_power_has_states() -> None:
    _cloud, client = provider()
    machine = run(client)
    for action in ("start", "unpause"):
        refused("IncorrectState", getattr(client, f"{action}_machine"), machine)
    refused("IncorrectState", client.resize_machine, machine, "large")
    for action, state in (("pause", "paused"), ("unpause", "running"), ("reboot", "running"), ("kill", "stopped")):
        getattr(client, f"{action}_machine")(machine)
        assert client.get_machine(machine)["state"] == state
    refused("InvalidSize", client.resize_machine, machine, "huge")


# The ledger, and what exists


def test_the_ledger_has_each_call() -> None:
    cloud, client = provider()
    machine = run(client)
    cloud.clock.sleep(5)
    refused("NotFound", client.get_volume, machine)
    client.list_machines()
    first, second, third = cloud.ledger
    assert (first["call"], first["account"], first["region"], first["error"]) == ("run_machine", "acme", "north", None)
    assert first["args"]["token"] == "t1" and first["effect"] == first["result"] == machine
    assert (second["effect"], second["error"], second["at"] - first["at"]) == (None, "NotFound", 5)
    assert (third["effect"], third["result"]) == (None, [machine])


def test_a_repeated_create_has_no_effect() -> None:
    cloud, client = provider()
    assert run(client) == run(client)
    assert [entry["effect"] is None for entry in cloud.ledger] == [False, True]
    assert len(cloud.alive()) == 1


def test_what_exists_is_asked_by_store_and_record() -> None:
    cloud, client = provider(deleting=10)
    one = run(client, "t1", tags={"a": "store-1", "b": "0123456789ab"})
    two = run(client, "t2", tags={"a": "store-1", "b": "ffffffffffff"})
    key = client.import_key("web1-012345-1", "ssh-ed25519 AAAA")
    assert [thing.id for thing in cloud.alive("store-1")] == [one, two]
    assert [thing.id for thing in cloud.alive(record_id="0123456789ab")] == [one, key]
    client.terminate_machine(one)
    assert one in [thing.id for thing in cloud.alive()], "it is not gone yet"
    cloud.clock.sleep(10)
    assert one not in [thing.id for thing in cloud.alive()]


def test_others_make_and_remove_things_too() -> None:
    cloud, client = provider()
    theirs = cloud.add("machine", "acme", "north", "web", {"k": "v"})
    assert isinstance(theirs, Thing) and client.get_machine(theirs.id)["state"] == "running"
    cloud.vanish(theirs.id)
    refused("NotFound", client.get_machine, theirs.id)
    assert [entry["call"] for entry in cloud.ledger] == ["get_machine", "get_machine"]


# What is seen when


def test_lists_lag_by_kind() -> None:
    cloud, client = provider(list_lag={"machine": 20, "*": 5})
    machine, volume = run(client), client.create_volume("t2", "a", 1, {})
    assert client.get_machine(machine) and client.get_volume(volume)
    for seconds, found in ((0, ([], [])), (5, ([], [volume])), (15, ([machine], [volume]))):
        cloud.clock.sleep(seconds)
        lists = (client.list_machines, client.list_volumes)
        assert tuple(ids(client.paged(one)) for one in lists) == found


def test_reads_lag() -> None:
    cloud, client = provider(read_lag=3)
    machine = run(client)
    assert ids(client.paged(client.list_machines)) == [machine]
    refused("NotFound", client.get_machine, machine)
    client.stop_machine(machine)  # a change is no read
    cloud.clock.sleep(3)
    assert client.get_machine(machine)["state"] == "stopped"


def test_what_is_deleted_shows_on_as_it_was() -> None:
    cloud, client = provider(gone_lag=4)
    machine = run(client)
    client.terminate_machine(machine)
    assert client.get_machine(machine)["state"] == client.list_machines()["things"][0]["state"] == "running"
    refused("NotFound", client.stop_machine, machine)
    cloud.clock.sleep(4)
    refused("NotFound", client.get_machine, machine)
    assert not client.list_machines()["things"]


def test_what_is_deleted_shows_as_terminated() -> None:
    cloud, client = provider(ghost=3600, gone_lag=4)
    machine = run(client)
    client.terminate_machine(machine)
    cloud.clock.sleep(4)
    assert client.get_machine(machine)["state"] == client.list_machines()["things"][0]["state"] == "terminated"
    assert not cloud.alive()
    cloud.clock.sleep(3600)
    refused("NotFound", client.get_machine, machine)


def test_lists_have_pages() -> None:
    cloud, client = provider(page_size=2)
    machines = [run(client, f"t{number}") for number in range(5)]
    before = len(cloud.ledger)
    assert ids(client.paged(client.list_machines)) == machines
    assert [entry["args"]["page"] for entry in cloud.ledger[before:]] == [None, "2", "4"]


def test_lists_are_filtered_by_tags() -> None:
    _cloud, client = provider()
    one, two = run(client, "t1", tags={"a": "1", "b": "1"}), run(client, "t2", tags={"a": "2"})
    for tags, found in (({"a": "1"}, [one]), ({"a": "*"}, [one, two]), ({"a": "1", "b": "2"}, []), ({"c": "*"}, [])):
        assert ids(client.paged(client.list_machines, tags=tags)) == found


# Tokens


@pytest.mark.parametrize(
    "scope, same",
    [
        ("account", ["a", "a in south", "b"]),
        ("region", ["a", "b"]),
        ("zone", ["a"]),
        (None, []),
    ],
)
def test_a_token_has_a_scope(scope: str | None, same: list[str]) -> None:
    cloud, client = provider(token_scope=scope, token_mismatch=False)
    machine = run(client)
    others = {
        "a": lambda: run(client),
        "b": lambda: run(client, zone="b"),
        "a in south": lambda: run(cloud.client("acme", "south")),
        "a of another account": lambda: run(cloud.client("other", "north")),
    }
    assert sorted(where for where, again in others.items() if again() == machine) == same


def test_a_token_is_known_for_a_while() -> None:
    cloud, client = provider(token_life=DAY)
    machine = run(client)
    cloud.clock.sleep(DAY - 1)
    assert run(client) == machine
    cloud.clock.sleep(1)
    assert run(client) != machine


@pytest.mark.parametrize("outlives", [True, False])
def test_a_token_answers_for_what_is_gone(outlives: bool) -> None:
    cloud, client = provider(token_outlives=outlives)
    machine = run(client)
    client.terminate_machine(machine)
    assert (run(client) == machine) is outlives
    assert len(cloud.alive()) == (0 if outlives else 1)


@pytest.mark.parametrize("minds", [True, False])
def test_a_token_with_another_request(minds: bool) -> None:
    cloud, client = provider(token_mismatch=minds)
    machine = run(client)
    if minds:
        refused("IdempotentParameterMismatch", run, client, size="large")
        refused("IdempotentParameterMismatch", run, client, tags={"k": "w"})
    else:
        assert run(client, size="large") == machine
    assert len(cloud.alive()) == 1


# What takes time, or fails later


def test_all_takes_its_time() -> None:
    cloud, client = provider(creating={"machine": 5}, starting=3, stopping=2, deleting=4)
    machine, wait = run(client), cloud.clock.sleep

    def state() -> str:
        return client.get_machine(machine)["state"]

    assert state() == "creating"
    refused("IncorrectState", client.stop_machine, machine)
    wait(5)
    assert state() == "running"
    for call, pending, seconds, then in (
        (client.stop_machine, "stopping", 2, "stopped"),
        (client.start_machine, "starting", 3, "running"),
        (client.reboot_machine, "starting", 3, "running"),
    ):
        call(machine)
        assert state() == pending
        wait(seconds)
        assert state() == then
    client.terminate_machine(machine)
    assert state() == "deleting"
    wait(3)
    client.terminate_machine(machine)  # again, which makes it no longer
    wait(1)
    refused("NotFound", client.get_machine, machine)


def test_a_kill_cuts_a_stop_short() -> None:
    cloud, client = provider(stopping=60)
    machine = run(client)
    client.stop_machine(machine)
    client.kill_machine(machine)
    assert client.get_machine(machine)["state"] == "stopped"
    cloud.clock.sleep(60)
    assert client.get_machine(machine)["state"] == "stopped"


def test_the_deaf_take_no_notice_of_a_stop() -> None:
    _cloud, client = provider(deaf=True)
    machine = run(client)
    client.stop_machine(machine)
    assert client.get_machine(machine)["state"] == "running"
    client.kill_machine(machine)
    assert client.get_machine(machine)["state"] == "stopped"


def test_capacity_lacks_at_once() -> None:
    cloud, client = provider(full=["a", "b/large"])
    refused("NoCapacity", run, client)
    refused("NoCapacity", run, client, zone="b", size="large")
    assert not cloud.alive()
    assert run(client, zone="b"), "a refused create leaves its token free"


def test_capacity_lacks_later() -> None:
    cloud, client = provider(full_later=["a"], creating=3)
    machine = run(client)
    assert client.get_machine(machine)["state"] == "creating"
    cloud.clock.sleep(3)
    seen = client.get_machine(machine)
    assert (seen["state"], seen["reason"]) == ("error", "NoCapacity")
    assert cloud.alive(), "it exists until it is deleted"


def test_what_lacks_capacity_later_may_end_by_itself() -> None:
    cloud, client = provider(full_later=["a"], full_ends=True, creating=3, ghost=60)
    machine = run(client)
    assert cloud.alive() and client.get_machine(machine)["state"] == "creating"
    cloud.clock.sleep(3)
    seen = client.get_machine(machine)
    assert (seen["state"], seen["reason"]) == ("terminated", "NoCapacity")
    assert not cloud.alive()


# Rules


def test_names_are_unique_or_not() -> None:
    cloud, client = provider(unique=("key", "machine"))
    key = client.import_key("k", "")
    refused("Taken", client.import_key, "k", "")
    cloud.client("acme", "south").import_key("k", "")
    cloud.client("other", "north").import_key("k", "")
    assert client.create_firewall("w", {}) != client.create_firewall("w", {})
    run(client)
    refused("Taken", run, client, "t2")
    client.delete_key(key)
    assert client.import_key("k", "")


@pytest.mark.parametrize("minds", [True, False])
def test_what_is_used_can_not_be_deleted(minds: bool) -> None:
    cloud, client = provider(in_use=minds, deleting={"machine": 5})
    wall = client.create_firewall("w", {})
    machine = run(client, firewalls=[wall])
    volume, address = client.create_volume("t2", "a", 1, {}), client.allocate_address({})
    client.attach_volume(volume, machine)
    client.associate_address(address, machine)
    deletes = ((client.delete_firewall, wall), (client.delete_volume, volume), (client.release_address, address))
    if minds:
        for delete, id in deletes:
            refused("InUse", delete, id)
        refused("InUse", client.attach_volume, volume, run(client, "t3"))
        client.terminate_machine(machine)
        refused("InUse", client.delete_volume, volume)  # as long as the machine is not gone
        cloud.clock.sleep(5)
    for delete, id in deletes:
        delete(id)
    assert not {wall, volume, address} & {thing.id for thing in cloud.alive()}


def test_there_is_a_quota() -> None:
    cloud, client = provider(quota={"machine": 1})
    machine = run(client)
    refused("LimitExceeded", run, client, "t2")
    assert run(client) == machine, "a known token makes nothing"
    assert run(cloud.client("acme", "south"), "t3")
    client.terminate_machine(machine)
    assert run(client, "t2")


@pytest.mark.parametrize("tells", [True, False])
def test_there_is_a_limit_to_calls(tells: bool) -> None:
    cloud, client = provider(rate=0.5, burst=2, retry_after=tells)
    client.whoami()
    client.whoami()
    error = refused("Throttled", client.whoami)
    assert (error.status, error.retry_after) == (429, 2 if tells else None)
    assert cloud.client("other", "north").whoami() == "other"
    cloud.clock.sleep(2)
    client.whoami()
    refused("Throttled", client.whoami)


def test_tags_are_limited() -> None:
    cloud, client = provider(tag_count=2, tag_characters="[a-z]{0,3}")
    for tags in ({"a": "", "b": "", "c": ""}, {"A": ""}, {"a": "abcd"}, {"a": "x/y"}):
        refused("InvalidTags", run, client, tags=tags)
        refused("InvalidTags", client.create_firewall, "w", tags)
        refused("InvalidTags", client.allocate_address, tags)
    assert not cloud.alive()
    assert run(client, tags={"a": "abc", "b": ""})


def test_an_account_sees_its_own_in_its_region() -> None:
    cloud, client = provider()
    machine = run(client)
    for other in (cloud.client("other", "north"), cloud.client("acme", "south")):
        refused("NotFound", other.get_machine, machine)
        refused("NotFound", other.terminate_machine, machine)
        assert not other.list_machines()["things"]
    refused("InvalidRegion", cloud.client("acme", "west").whoami)


def test_what_does_not_exist_is_refused() -> None:
    cloud, client = provider()
    refused("InvalidZone", run, client, zone="z")
    refused("InvalidSize", run, client, size="huge")
    for more in ({"key": "key-9"}, {"network": "network-9"}, {"firewalls": ["firewall-9"]}):
        refused("NotFound", run, client, **more)
    machine, volume = run(client), client.create_volume("t2", "b", 1, {})
    refused("InvalidZone", client.attach_volume, volume, machine)
    assert len(cloud.alive()) == 2


def test_calls_take_time() -> None:
    cloud, client = provider(latency=0.5)
    before = cloud.clock.time()
    machine = run(client)
    assert cloud.clock.time() - before == 0.5
    assert client.get_machine(machine)["created"] - before == 0.5


def test_each_trait_can_be_switched_and_is_tested() -> None:
    cloud = Provider()
    source = pathlib.Path(__file__).read_text(encoding="utf-8")
    for field in dataclasses.fields(Traits):
        cloud.set(**{field.name: getattr(cloud.traits, field.name)})
        assert f"{field.name}=" in source or field.name in ("regions", "zones", "sizes"), field.name
    with pytest.raises(AssertionError):
        cloud.set(lagg=3)


def test_the_newest_image_changes() -> None:
    cloud, client = provider()
    assert client.newest_image() == "image-1"
    cloud.set(image="image-2")
    assert client.newest_image() == "image-2"


# Faults


@pytest.mark.parametrize("what", ERRORS)
def test_a_fault_is_said_before_anything_is_done(what: str) -> None:
    cloud, client = provider()
    cloud.faults = [Fault(what, "run_*")]
    code, status, retry_after = ERRORS[what]
    client.list_machines()
    error = refused(code, run, client)
    assert (error.status, error.retry_after) == (status, retry_after)
    assert not cloud.alive() and cloud.ledger[-1]["error"] == code and cloud.faults[0].fired == 1
    assert run(client), "once"


@pytest.mark.parametrize("what", AFTER)
def test_an_answer_is_lost(what: str) -> None:
    cloud, client = provider()
    cloud.faults = [Fault(what, "run_machine", after=True)]
    refused(ERRORS[what][0], run, client)
    (lost,) = cloud.alive()
    assert (cloud.ledger[-1]["effect"], cloud.ledger[-1]["result"]) == (lost.id, None)
    assert run(client) == lost.id


@pytest.mark.parametrize("what", sorted(set(KINDS_OF_FAULT) - set(AFTER)))
def test_what_is_refused_has_no_effect(what: str) -> None:
    with pytest.raises(AssertionError):
        Fault(what, after=True)


def test_lists_come_empty_or_lack_a_page() -> None:
    cloud, client = provider(page_size=2)
    machines = [run(client, f"t{number}") for number in range(5)]
    for fault, found in (
        (Fault("empty", "list_*"), []),
        (Fault("no_page"), machines[2:]),
        (Fault("no_page", skip=1), machines[:2] + machines[4:]),
        (Fault("empty", skip=1), machines[:2]),
    ):
        cloud.faults = [fault]
        assert client.get_machine(machines[0])  # concerns no list
        assert ids(client.paged(client.list_machines)) == found
        assert ids(client.paged(client.list_machines)) == machines
    assert set(BENT) <= set(KINDS_OF_FAULT)


def test_a_fault_stays_for_ever_or_until_a_time() -> None:
    cloud, client = provider()
    cloud.faults = [Fault("expired", times=math.inf, until=cloud.clock.time() + 5)]
    for _again in range(3):
        refused("ExpiredToken", client.whoami)
    cloud.clock.sleep(5)
    assert client.whoami() == "acme"


def test_faults_may_be_chosen_by_a_function() -> None:
    cloud, client = provider()
    cloud.faults = lambda entry: Fault("internal") if entry["n"] == 1 else None
    client.whoami()
    refused("InternalError", client.whoami)
    client.whoami()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("when, left", [("before", 0), ("after", 1)])
def test_who_watches_can_kill(when: str, left: int) -> None:
    cloud, client = provider()
    phases = []

    def watch(phase: str, entry: dict[str, t.Any]) -> None:
        phases.append((phase, entry["call"], entry["effect"]))
        if phase == when:
            raise Killed

    cloud.watch = watch
    with pytest.raises(Killed):
        run(client)
    assert len(cloud.alive()) == left
    assert phases == [("before", "run_machine", None), ("after", "run_machine", "machine-1")][: left + 1]


def test_who_watches_can_let_others_act() -> None:
    cloud, client = provider(unique=("machine",))
    other = cloud.client("acme", "north")

    def watch(phase: str, entry: dict[str, t.Any]) -> None:
        cloud.watch = None
        run(other, "t2")

    cloud.watch = watch
    refused("Taken", run, client)
    assert [entry["error"] for entry in cloud.ledger] == ["Taken", None]


def test_it_is_cheap() -> None:
    """Counted in calls of functions, since a clock would measure the machine."""
    cloud, client = provider(list_lag=5, creating=3)
    for number in range(50):
        run(client, f"t{number}")
    profile = cProfile.Profile()
    profile.runcall(client.get_machine, "machine-1")
    assert sum(entry.callcount for entry in profile.getstats()) < 200


def test_a_copy_has_the_tags_and_not_the_token_nor_a_unique_name() -> None:
    cloud = Provider(shows_token=("machine", "volume"))
    client = cloud.client("acme", "north")
    firewall = client.create_firewall("web", {"a": "b"})
    volume = client.create_volume("token-1", "a", 5, {"a": "b"})
    assert client.get_volume(volume)["token"] == "token-1" and client.get_firewall(firewall)["token"] == ""
    copy = client.get_volume(cloud.copy(volume).id)
    assert (copy["tags"], copy["token"], copy["size"]) == ({"a": "b"}, "", 5)
    assert client.get_firewall(cloud.copy(firewall).id)["name"] != "web"
    cloud.set(shows_token=())
    assert client.get_volume(volume)["token"] == ""


def test_somebody_copies_what_is_made() -> None:
    cloud = Provider(copied=("volume",))
    volume = cloud.client("acme", "north").create_volume("token-1", "a", 5, {"a": "b"})
    ours, copy = cloud.alive()
    assert ours.id == volume and copy.tags == ours.tags and copy.id != ours.id
