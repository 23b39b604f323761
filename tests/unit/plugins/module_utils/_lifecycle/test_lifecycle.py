# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lifecycle over the pretend cloud, with a clock that only waiting moves."""

from __future__ import annotations

import json
import shutil

import pytest

from ansible_collections.acme.cloud.plugins.modules import thing
from ansible_collections.dockyard.machine.plugins.module_utils import _lifecycle as lifecycle
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from tests.faults import faults
from tests.unit.world import FULL, READS, World


def changes(world: World, since: int) -> list[str]:
    return [call for call in world.calls(since) if call not in READS]


# present


def test_present_makes_a_machine(world: World) -> None:
    outcome = world.run(options=FULL, labels={"tier": "front"}, fleet="shop", role="web")
    world.check()
    assert outcome.changed
    assert outcome.before == {"state": "absent"}
    assert outcome.after["state"] == "running"
    assert outcome.after["labels"] == {"tier": "front"}
    machine = outcome.machine
    assert machine and machine["state"] == "running" and machine["fleet"] == "shop" and machine["role"] == "web"
    assert machine["options"] == {"disk": 5, "endpoint": "memory"}, "as given, without secrets"
    assert machine["host_vars"]["ansible_host"] == machine["address"]
    assert [one["kind"] for one in machine["resources"]] == ["Key", "Volume", "Thing"]


def test_a_second_run_changes_nothing(world: World) -> None:
    world.run(options=FULL)
    ledger, record = len(world.state["ledger"]), world.record()
    outcome = world.run(options=FULL)
    assert not outcome.changed
    assert outcome.before == outcome.after
    reads = world.calls(ledger)
    assert len(reads) == len(set(reads)), "each thing is read once"
    assert changes(world, ledger) == []
    assert world.record() == record


def test_a_check_touches_nothing(world: World) -> None:
    outcome = world.run(options=FULL, check=True)
    assert outcome.changed and outcome.before == {"state": "absent"} and outcome.after["state"] == "present"
    assert list(outcome.after["resources"]) == ["Key", "Volume", "Thing"]
    assert not world.store_folder.exists()
    assert changes(world, 0) == []


@pytest.mark.parametrize(
    ("state", "options", "changed"),
    [
        ("present", FULL, False),
        ("present", {**FULL, "rules": [22, 80]}, True),
        ("started", FULL, False),
        ("stopped", FULL, True),
        ("restarted", FULL, True),
        ("paused", FULL, True),
        ("absent", FULL, True),
    ],
)
def test_a_check_of_what_exists_touches_nothing(
    world: World, state: str, options: dict[str, object], changed: bool
) -> None:
    world.run(options=FULL)
    ledger = len(world.state["ledger"])
    files = {path: path.stat().st_mtime_ns for path in world.store_folder.rglob("*")}
    assert world.run(state, options=options, check=True).changed is changed
    assert changes(world, ledger) == []
    assert files == {path: path.stat().st_mtime_ns for path in world.store_folder.rglob("*")}


@pytest.mark.parametrize("what", ["rules", "unmade", "left"])
def test_a_check_tells_what_the_next_run_settles(world: World, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == "rules":  # somebody else has opened a port
        world.run(options=FULL)
        world.cloud.change(lambda state: next(iter(state["things"].values())).update(rules=[22, 8080]))
    elif what == "unmade":  # as after an adoption
        world.run(options=FULL)
        world.cloud.change(lambda state: state["volumes"].clear())
        record = world.record()
        next(one for one in record["resources"] if one["kind"] == "Volume").update(id=None, status="planned")
        (world.folder() / "machine.json").write_text(json.dumps(record))
    else:
        monkeypatch.setattr(thing.Volume, "keeps_data", False)
        world.run(options={"disk": 5})
        world.crash(faults.BEFORE, "delete_volume")
    options = None if what == "left" else FULL
    world.clock.now += 60
    ledger = len(world.state["ledger"])
    checked = world.run(options=options, check=True)
    assert checked.changed and checked.before != checked.after
    assert changes(world, ledger) == []
    assert world.run(options=options).changed
    assert not world.run(options=options, check=True).changed


def test_the_frozen_plan_is_finished_whatever_the_options_say_now(world: World) -> None:
    world.crash(faults.BEFORE, "run_thing", options={"memory": 512})
    with pytest.raises(MachineError, match="image") as caught:
        world.run(options={"memory": 512, "image": "other"})
    assert caught.value.code == "drift"
    assert [one["image"] for one in world.state["things"].values()] == ["image-1"], "the frozen one"
    world.check()


def test_a_newer_image_is_no_change(world: World) -> None:
    world.run()
    world.cloud.set(image="image-2")
    assert not world.run().changed
    assert world.record()["resources"][1]["requests"][0]["image"] == "image-1"


def test_drift_names_what_differs_and_recreate(world: World) -> None:
    world.run()
    ledger = len(world.state["ledger"])
    with pytest.raises(MachineError) as caught:
        world.run(options={"image": "other"})
    assert caught.value.code == "drift"
    assert "Thing: image" in caught.value.text() and "recreate" in caught.value.text()
    assert changes(world, ledger) == []


def test_recreate_replaces_and_keeps_what_is_not_said(world: World) -> None:
    first = world.run(labels={"tier": "front"}, fleet="shop", ssh_user="admin")
    outcome = world.run(options={"image": "other"}, recreate=True)
    world.check()
    assert outcome.changed and outcome.machine and first.machine
    assert outcome.machine["labels"] == {"tier": "front"} and outcome.machine["fleet"] == "shop"
    assert outcome.machine["host_vars"]["ansible_user"] == "admin"
    assert [one["image"] for one in world.state["things"].values()] == ["other"]
    names = [key["name"] for key in world.state["keys"].values()]
    assert names == [f"web1-{first.machine['id'][:6]}-2"], "another generation, another name"


@pytest.mark.parametrize("moment", [(faults.AFTER, "delete_thing"), (faults.BEFORE, "import_key")])
def test_a_crash_while_it_is_made_anew_keeps_what_is_not_said(world: World, moment: tuple[str, str]) -> None:
    id = world.run(labels={"tier": "front"}).machine["id"]
    world.crash(*moment, options={"image": "other"}, recreate=True)
    machine = world.run(options={"image": "other"}).machine
    world.check()
    assert machine and machine["labels"] == {"tier": "front"} and machine["id"] == id


def test_recreate_with_options_that_cannot_work_costs_nothing(world: World) -> None:
    world.run()
    ledger = len(world.state["ledger"])
    with pytest.raises(MachineError):
        world.run(options={"image": "other", "network": "net-9"}, recreate=True)
    assert changes(world, ledger) == []
    assert not world.run().changed


def test_a_machine_that_is_gone_is_made_anew_with_a_host_key_of_its_own(world: World) -> None:
    world.run(options=FULL)
    shutil.rmtree(world.folder() / "first-boot")  # it was reached
    before = world.record()
    world.cloud.change(lambda state: state["things"].clear())
    assert world.run(options=FULL, check=True).changed
    outcome = world.run(options=FULL)
    world.check()
    after = world.record()
    assert outcome.changed and outcome.before["state"] == "absent" and outcome.after["state"] == "running"
    thing = next(one for one in after["resources"] if one["kind"] == "Thing")
    assert thing["attempt"] == 2, "its former token may still answer"
    assert before["ssh"]["policy"] == "user_data"
    assert len(after["ssh"]["host_keys"]) == 1 and after["ssh"]["host_keys"] != before["ssh"]["host_keys"]
    assert after["ssh"]["host_keys"][0] in next(iter(world.state["things"].values()))["user_data"]


# Changes in place


def test_adjusting_reaches_the_request_and_nothing_else(world: World) -> None:
    world.run(options={"rules": [22, 80]})
    ledger = len(world.state["ledger"])
    outcome = world.run(options={"rules": [22]})
    assert outcome.changed
    assert changes(world, ledger) == ["set_rules"]
    assert next(iter(world.state["things"].values()))["rules"] == [22], "a closed port is closed"


def test_a_change_that_needs_a_stop_needs_the_users_word(world: World) -> None:
    world.run()
    ledger = len(world.state["ledger"])
    with pytest.raises(MachineError, match="memory") as caught:
        world.run(options={"memory": 1024})
    assert caught.value.code == "needs_stop" and "allow_stop" in caught.value.remedy
    assert changes(world, ledger) == []
    assert world.run(options={"memory": 1024}, allow_stop=True).changed
    assert changes(world, ledger) == ["stop", "resize", "start"]
    world.check()


def test_a_change_that_was_cut_off_needs_its_stop_again(world: World) -> None:
    """Somebody has started the machine meanwhile, and the record says already what it is to be."""
    world.run()
    world.cloud.set(faults=[{"call": "resize", "code": "Invalid"}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"memory": 1024}, allow_stop=True)
    world.run("restarted")
    ledger = len(world.state["ledger"])
    with pytest.raises(MachineError, match="memory") as caught:
        world.run(options={"memory": 1024})
    assert caught.value.code == "needs_stop"
    world.run(options={"memory": 1024}, allow_stop=True)
    assert changes(world, ledger) == ["stop", "resize", "start"]
    world.check()


def test_what_was_stopped_stays_stopped(world: World) -> None:
    world.run()
    world.run("stopped")
    outcome = world.run(options={"memory": 1024})
    assert outcome.changed and outcome.after["state"] == "stopped"


def test_data_outlive_their_use_and_are_taken_up_again(world: World) -> None:
    world.run(options={"disk": 5})
    world.run(options={"disk": 0})
    assert len(world.state["volumes"]) == 1 and next(iter(world.state["things"].values()))["volume"] is None
    world.check()
    world.run(options={"disk": 5})
    assert len(world.state["volumes"]) == 1 and next(iter(world.state["things"].values()))["volume"]
    world.check()
    with pytest.raises(MachineError, match="size"):
        world.run(options={"disk": 6})
    world.run("absent")
    assert not world.ids()


def test_what_is_not_wanted_any_more_goes_once_nothing_uses_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = next(kind for kind in world.driver.kinds if kind.__name__ == "Volume")
    monkeypatch.setattr(volume, "keeps_data", False)
    world.run(options={"disk": 5})
    ledger = len(world.state["ledger"])
    world.run(options={"disk": 0})
    assert changes(world, ledger) == ["attach", "delete_volume"], "first let go, then deleted"
    world.run(options={"disk": 5})
    world.check()
    tokens = [one["target"] for one in world.state["ledger"] if one["call"] == "create_volume"]
    assert len(set(tokens)) == 2, "another generation has another token"


def test_what_is_of_use_again_before_it_went_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = next(kind for kind in world.driver.kinds if kind.__name__ == "Volume")
    monkeypatch.setattr(volume, "keeps_data", False)
    world.run(options={"disk": 5})
    world.cloud.set(faults=[{"call": "attach", "code": "Invalid"}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 0})
    ledger = len(world.state["ledger"])
    assert world.run(options={"disk": 5}).changed
    assert changes(world, ledger) == [], "it is still where it was"
    world.check()
    assert not world.run(options={"disk": 5}).changed


def test_only_noted_things_touch_no_provider(world: World) -> None:
    world.run()
    ledger = len(world.state["ledger"])
    outcome = world.run(labels={"tier": "back"}, fleet="shop")
    assert outcome.changed and outcome.after["labels"] == {"tier": "back"}
    assert changes(world, ledger) == []
    assert not world.run().changed, "not said: stays"


def test_a_changed_secret_is_drift_though_none_is_kept(world: World) -> None:
    world.run(options=FULL)
    with pytest.raises(MachineError, match="user_data"):
        world.run(options={**FULL, "user_data": "#!/bin/sh\n# other"})


@pytest.mark.parametrize("user_data", [None, "#!/bin/sh\n# other"])
@pytest.mark.parametrize("moment", ["planned", "gone"])
def test_nothing_is_made_with_another_secret_than_was_planned(world: World, moment: str, user_data: str | None) -> None:
    if moment == "planned":
        world.crash(faults.BEFORE, "run_thing", options=FULL)
    else:
        world.run(options=FULL)
        world.cloud.change(lambda state: state["things"].clear())
        world.clock.now += 60
    with pytest.raises(MachineError) as caught:
        if user_data:
            world.run(options={**FULL, "user_data": user_data})
        else:
            world.run(given=set(), keep_options=True)  # the module machine without driver and options
    assert caught.value.code == ("drift" if moment == "gone" and user_data else "secret")
    assert world.state["things"] == {}
    world.run(options=FULL)
    world.check()
    assert FULL["user_data"] in next(iter(world.state["things"].values()))["user_data"]


# Choices


def test_a_full_zone_leads_to_the_next_with_all_that_depends_on_it(world: World) -> None:
    world.cloud.set(full=["a"])
    world.run(options={"disk": 5})
    world.check()
    assert [one["zone"] for one in world.state["things"].values()] == ["b"]
    assert [one["zone"] for one in world.state["volumes"].values()] == ["b"]
    assert not world.run(options={"disk": 5}).changed


def test_capacity_that_lacks_after_the_call(world: World) -> None:
    world.cloud.set(full_later=["a"])
    world.run(options={"disk": 5})
    world.check()
    assert [one["zone"] for one in world.state["things"].values()] == ["b"]


def test_all_zones_full_is_an_error_that_names_what_is_left_behind(world: World) -> None:
    world.cloud.set(full=["a", "b"])
    with pytest.raises(MachineError) as caught:
        world.run(options={"disk": 5})
    assert caught.value.code == "full"
    assert any(one.startswith("Key key-") for one in caught.value.left_behind)
    world.cloud.set(full=[])
    world.run(options={"disk": 5})
    world.check()


@pytest.mark.parametrize("when", ["full", "full_later"])
def test_a_machine_that_is_gone_and_has_no_capacity_keeps_its_data(world: World, when: str) -> None:
    world.run(options={"disk": 5})
    volumes = list(world.state["volumes"])
    world.state["things"].clear()
    world.clock.now += 60
    world.cloud.set(**{when: ["a"]})
    with pytest.raises(MachineError) as caught:
        world.run(options={"disk": 5})
    assert caught.value.code == "full" and "Run again" in caught.value.remedy
    assert any(one.startswith("Volume") for one in caught.value.left_behind)
    world.cloud.set(**{when: []})
    world.run(options={"disk": 5})
    world.check()
    assert list(world.state["volumes"]) == volumes


# Power


def test_power(world: World) -> None:
    world.run()
    for state, seen in (
        ("stopped", "stopped"),
        ("started", "running"),
        ("paused", "paused"),
        ("started", "running"),
        ("killed", "stopped"),
        ("restarted", "running"),
    ):
        outcome = world.run(state)
        assert outcome.changed and outcome.after["state"] == seen, state
        assert outcome.machine and outcome.machine["state"] == seen
        if state != "restarted":
            assert not world.run(state).changed, state


def test_a_machine_that_does_not_listen_is_forced(world: World) -> None:
    world.run()
    world.cloud.set(deaf=True)
    ledger, started = len(world.state["ledger"]), world.clock.now
    world.run("stopped", stop_timeout=30)
    assert changes(world, ledger)[-1] == "kill"
    assert 30 <= world.clock.now - started < 40


def test_what_others_did_is_not_our_change(world: World) -> None:
    world.run()
    world.cloud.change(lambda state: next(iter(state["things"].values())).update(state="stopped"))
    outcome = world.run("stopped")
    assert not outcome.changed and outcome.before["state"] == "stopped"
    outcome = world.run("started")
    assert outcome.changed and outcome.before["state"] == "stopped"


def test_power_over_what_is_gone_says_so_soon(world: World) -> None:
    world.run()
    world.cloud.change(lambda state: state["things"].clear())
    started = world.clock.now
    with pytest.raises(MachineError, match="gone") as caught:
        world.run("stopped")
    assert caught.value.code == "missing" and world.clock.now - started < 10


def test_a_stopped_machine_is_not_paused(world: World) -> None:
    world.run()
    world.run("stopped")
    with pytest.raises(MachineError, match="stopped"):
        world.run("paused")


def test_a_machine_that_never_comes_up_ends_in_time(world: World) -> None:
    world.cloud.set(boot=10_000)
    started = world.clock.now
    with pytest.raises(MachineError) as caught:
        world.run(timeout=100)
    assert caught.value.code == "timeout" and "starting" in caught.value.message
    assert caught.value.left_behind
    assert world.clock.now - started < 300


# absent


def test_absent_leaves_a_tombstone_and_nothing_else(world: World) -> None:
    machine = world.run(options=FULL).machine
    outcome = world.run("absent")
    assert outcome.changed and outcome.machine is None and outcome.after == {"state": "absent"}
    world.check()
    assert not world.ids() and not world.folder().exists()
    assert machine
    tombstone = json.loads((world.store_folder / "tombstones" / f"{machine['id']}.json").read_text())
    assert {one["id"] for one in tombstone["resources"]} == {one["id"] for one in machine["resources"]}
    assert all(one["token"] and one["name"] for one in tombstone["resources"])
    assert not world.run("absent").changed


def test_a_choice_is_told_by_what_is_there_and_not_by_its_place_in_the_list(world: World) -> None:
    world.cloud.set(full=["a"])
    world.run(options={**FULL, "zones": ["a", "b"]})
    world.cloud.set(full=[])
    before = world.ids()
    for zones in (["b", "c"], ["c", "b"], ["b"], ["a", "c", "b"]):
        world.run(options={**FULL, "zones": zones})
        assert world.ids() == before and not world.run(options={**FULL, "zones": zones}).changed, zones
    with pytest.raises(MachineError) as caught:
        world.run(options={**FULL, "zones": ["a", "c"]})
    assert caught.value.code == "drift" and "zone" in caught.value.message


def test_absent_uses_the_recorded_place(world: World) -> None:
    world.run()
    asked, connect = [], world.driver.connect

    def connects(driver: thing.Acme) -> object:
        asked.append(driver.options["endpoint"])
        return connect(driver)

    with pytest.MonkeyPatch.context() as patched:  # undone before what the world has patched there
        patched.setattr(world.driver, "connect", connects)
        world.run("absent", options={"endpoint": "elsewhere"})
    assert asked == ["memory"] and not world.ids()


def test_another_account_removes_and_concludes_nothing(world: World) -> None:
    world.run(options={"token": "alice:x"})
    for state in ("absent", "stopped"):
        with pytest.raises(MachineError) as caught:
            world.run(state, options={"token": "bob:x"})
        assert caught.value.code == "wrong_account", state
        assert "alice" in caught.value.message and "bob" in caught.value.message
    with pytest.raises(MachineError) as caught:
        world.run(options={"token": "bob:x"})
    assert caught.value.code == "wrong_account", "nothing seen is not taken as gone"
    assert len(world.state["things"]) == 1
    world.run("absent", options={"token": "alice:x"})
    assert not world.ids()


def test_another_account_goes_on_with_nothing(world: World) -> None:
    """Of a machine that was begun there is nothing to be seen yet: so the account is asked for."""
    world.cloud.set(faults=[{"call": "import_key", "code": "Invalid"}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"token": "alice:x"})
    with pytest.raises(MachineError) as caught:
        world.run(options={"token": "bob:x"})
    assert caught.value.code == "wrong_account" and not world.ids()


def test_what_lost_our_tags_is_not_deleted(world: World) -> None:
    world.run()
    thing = next(iter(world.state["things"].values()))
    tags, thing["tags"] = thing["tags"], {"id": "somebody's"}
    with pytest.raises(MachineError) as caught:
        world.run("absent")
    assert caught.value.code == "not_ours" and any("Thing" in one for one in caught.value.left_behind)
    assert len(world.state["things"]) == 1
    thing["tags"] = tags
    world.run("absent")
    assert not world.ids()


def test_an_unknown_create_is_resolved_before_it_is_removed(world: World) -> None:
    calls = ("create_volume", "list_volumes")
    world.cloud.set(faults=[{"call": call, "code": "Timeout", "after": True, "times": 9} for call in calls])
    with pytest.raises(MachineError, match="Timeout"):
        world.run(options={"disk": 5})
    world.cloud.set(faults=[])
    assert world.record()["resources"][1]["status"] == "creating"
    assert len(world.state["volumes"]) == 1, "which nobody knows yet"
    world.run("absent")
    assert not world.ids()


def test_things_of_others_are_never_touched(world: World) -> None:
    foreign = {"zone": "a", "memory": 1, "image": "x", "key": None, "network": None, "user_data": None, "volume": None}
    foreign.update(name="", tags={"machine": "web1", "kind": "Thing"}, rules=[], state="running", since=0, reason="")
    foreign.update(account="acme", created=0)
    world.cloud.change(lambda state: state["things"].update({"thing-900": dict(foreign)}))
    world.run(options=FULL)
    world.run(options={**FULL, "image": "other"}, recreate=True)
    world.run("absent")
    assert list(world.state["things"]) == ["thing-900"]


# The user's own


def test_the_users_own_is_checked_and_never_touched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thing.Network, "tagged", False)
    monkeypatch.setattr(thing.Network, "delete", lambda kind, it: world.state["networks"].clear(), raising=False)
    with pytest.raises(MachineError, match="net-9") as caught:
        world.run(options={"network": "net-9"})
    assert caught.value.code == "missing"
    assert changes(world, 0) == [] and not world.folder().exists(), "nothing touched"
    world.run(options={"network": "net-0"})
    world.run("absent")
    assert list(world.state["networks"]) == ["net-0"]


# Bad input


def test_a_missing_option(world: World) -> None:
    with pytest.raises(BadOption) as caught:
        world.run(options={"endpoint": None})
    assert caught.value.option == "endpoint" and "web1" in caught.value.message and caught.value.remedy
    assert not world.store_folder.exists()


def test_another_driver_on_an_existing_machine(world: World) -> None:
    world.run()
    ledger = len(world.state["ledger"])
    for state in ("present", "absent", "stopped"):
        with pytest.raises(MachineError) as caught:
            world.run(state, driver="dockyard.machine.none")
        assert caught.value.code == "driver_changed"
        assert "acme.cloud.thing" in caught.value.message and caught.value.remedy
    assert world.calls(ledger) == []


@pytest.mark.parametrize("state", ["stopped", "restarted", "paused"])
def test_power_over_what_does_not_exist(world: World, state: str) -> None:
    with pytest.raises(MachineError) as caught:
        world.run(state)
    assert caught.value.code == "not_found" and "present" in caught.value.remedy
    assert not world.store_folder.exists()


def test_a_wrong_key_file(world: World, tmp_path: object) -> None:
    with pytest.raises(BadOption) as caught:
        world.run(ssh_key="/nowhere/id")
    assert caught.value.option == "ssh_key" and "/nowhere/id" in caught.value.message
    assert changes(world, 0) == [] and not world.store_folder.exists()


# gathered


def test_gathered_tells_and_changes_nothing(world: World) -> None:
    world.run()
    record = world.record()
    world.cloud.change(lambda state: next(iter(state["things"].values())).update(state="stopped"))
    files = {path: path.read_bytes() for path in world.store_folder.rglob("*.json")}
    machine = world.lifecycle(check=True).gathered()
    assert machine and machine["state"] == "stopped"
    assert files == {path: path.read_bytes() for path in world.store_folder.rglob("*.json")}, "a check"
    machine = world.lifecycle().gathered()
    assert machine and machine["state"] == "stopped"
    assert world.record() == record


def test_gathered_of_what_does_not_answer_is_unknown(world: World) -> None:
    world.run()
    world.cloud.set(faults=[{"call": "list_things", "code": "Timeout", "times": 99}])
    machine = world.lifecycle().gathered()
    assert machine and machine["state"] == "unknown" and "Timeout" in machine["error"]
    world.cloud.set(faults=[])
    machine = world.lifecycle().gathered()
    assert machine and machine["state"] == "running" and not machine["error"]


def test_an_account_is_asked_once_for_all_its_machines(world: World) -> None:
    for name in ("web1", "web2", "web3"):
        world.run(name=name)
    world.run("stopped", "web2")
    ledger = len(world.state["ledger"])
    found = lifecycle.gather([world.lifecycle(name, keep_options=True) for name in ("web1", "web2", "web3")])
    assert [machine["state"] for _one, machine in found if machine] == ["running", "stopped", "running"]
    assert world.calls(ledger) == ["whoami", "list_things"]


def test_what_a_list_lacks_is_looked_for(world: World) -> None:
    for name in ("web1", "web2"):
        world.run(name=name)
    gone = next(id for id, one in world.state["things"].items() if one["tags"]["machine"] == "web2")
    del world.state["things"][gone]
    found = lifecycle.gather([world.lifecycle(name, keep_options=True) for name in ("web1", "web2")])
    assert [machine["state"] for _one, machine in found if machine] == ["running", "absent"]


def test_an_account_that_does_not_answer_leaves_all_unknown(world: World) -> None:
    for name in ("web1", "web2"):
        world.run(name=name)
    world.cloud.set(faults=[{"call": "list_things", "code": "Timeout", "times": 100}])
    ledger = len(world.state["ledger"])
    found = lifecycle.gather([world.lifecycle(name, keep_options=True) for name in ("web1", "web2")])
    assert [machine["state"] for _one, machine in found if machine] == ["unknown", "unknown"]
    lists = ["list_things"] * 5
    assert world.calls(ledger) == ["whoami", *lists], "one list, asked for a few times, and no machine by itself"


# An end


def test_an_expiry_is_counted_from_when_it_was_said_first(world: World) -> None:
    world.run(expires_in="8h")
    first = world.record()["expires"]
    assert world.state["things"]["thing-2"]["tags"]["expires"] == str(int(world.clock.now + 8 * 3600))
    world.clock.now += 3600
    assert not world.run(expires_in="8h").changed and world.record()["expires"] == first
    assert not world.run().changed and world.record()["expires"] == first, "not said: as it was"
    assert world.run(expires_in="9h").changed and world.record()["expires"] > first
    assert world.run(expires_in="never").changed and world.record()["expires"] is None


def ends(world: World) -> set[str]:
    return {one["tags"]["expires"] for kind in ("things", "volumes") for one in world.state[kind].values()}


def test_a_machine_that_is_made_anew_ends_when_it_would_have(world: World) -> None:
    world.run(expires_in="8h")
    first, tagged = world.record()["expires"], ends(world)
    world.clock.sleep(60)
    assert world.run(options={"image": "other"}, recreate=True).changed
    assert world.record()["expires"] == first and ends(world) == tagged
    assert not world.run(options={"image": "other"}, expires_in="8h").changed
    assert world.run(options={"image": "third"}, recreate=True, expires_in="8h").changed
    assert world.record()["expires"] > first, "said for the new one, it is the new one's"


def test_an_end_that_is_put_off_reaches_the_tags(world: World) -> None:
    world.run(options=FULL, expires_in="1h")
    ledger = len(world.state["ledger"])
    checked = world.run(options=FULL, expires_in="2h", check=True)
    assert checked.changed and checked.before["expires"] < checked.after["expires"]
    assert checked.after["changes"] == {"tag": ["Volume", "Thing"]} and changes(world, ledger) == []
    for life, end in (("2h", str(int(world.clock.now + 7200))), ("never", "never")):
        ledger = len(world.state["ledger"])
        assert world.run(options=FULL, expires_in=life).changed
        assert changes(world, ledger) == ["tag", "tag"] and ends(world) == {end}
        record, ledger = world.record(), len(world.state["ledger"])
        assert not world.run(options=FULL, expires_in=life).changed and not world.run(options=FULL).changed
        assert changes(world, ledger) == [] and world.record() == record
    world.check()


@pytest.mark.parametrize("moment", [faults.BEFORE, faults.AFTER])
def test_an_end_that_did_not_reach_all_tags_is_told_by_the_next_run(world: World, moment: str) -> None:
    """Also where the record alone would tell that nothing is to be done."""
    world.run(options=FULL, expires_in="1h")
    world.crash(moment, "tag", options=FULL, expires_in="never")
    record = world.store().read("web1")
    assert record and record.expires is None and record.kept["untagged"]
    assert world.run(options=FULL, expires_in="never", check=True).changed
    assert world.run(options=FULL, expires_in="never").changed and ends(world) == {"never"}
    assert "untagged" not in world.record()["kept"]


def test_an_end_that_may_not_be_tagged_is_kept_and_told(world: World) -> None:
    world.run(expires_in="1h")
    world.cloud.set(faults=[{"call": "tag", "code": "Invalid", "times": 1}])
    with pytest.raises(MachineError, match=r"Thing.tag: .*Invalid"):
        world.run(expires_in="never")
    assert world.record()["expires"] is None, "the record counts"
    assert world.run().changed and ends(world) == {"never"}, "though it is not said again"


# A create that fails


def test_what_failed_is_kept_for_a_second_run(world: World) -> None:
    world.cloud.set(faults=[{"call": "run_thing", "code": "Invalid"}])
    with pytest.raises(MachineError) as caught:
        world.run(options={"disk": 5})
    assert caught.value.left_behind == ["Key key-1", "Volume volume-2"]
    assert world.record()["status"] == "creating"


def test_what_failed_is_taken_down_if_that_is_asked_for(world: World) -> None:
    world.cloud.set(faults=[{"call": "run_thing", "code": "Invalid"}])
    with pytest.raises(MachineError, match="Invalid") as caught:
        world.run(options={"disk": 5}, on_failure="remove")
    assert caught.value.left_behind == [] and "Nothing is left" in caught.value.remedy
    assert not world.ids() and not world.records()
    assert list(world.store_folder.glob("tombstones/*.json"))


def test_what_can_be_neither_made_nor_taken_down_is_named(world: World) -> None:
    world.cloud.set(
        faults=[{"call": "run_thing", "code": "Invalid"}, {"call": "delete_volume", "code": "Invalid", "times": 9}]
    )
    with pytest.raises(MachineError, match="run_thing: Invalid") as caught:
        world.run(options={"disk": 5}, on_failure="remove")
    assert "Volume volume-2" in caught.value.left_behind and "state absent" in caught.value.remedy
    world.cloud.set(faults=[])
    world.run("absent")
    assert not world.ids()


def test_a_machine_that_a_list_lacks_for_a_while_runs_again_after_its_change(world: World) -> None:
    world.run(options=FULL)
    until = world.clock.now + 0.2
    real = type(world.cloud).list_things
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(world.cloud), "list_things", lambda cloud: real(cloud) if world.clock.now >= until else [])
        world.run(options={**FULL, "memory": 1024}, allow_stop=True)
    assert [(one["memory"], one["state"]) for one in world.state["things"].values()] == [(1024, "running")]


# What the provider has refused is mended in the options


REFUSED = {"code": "Invalid", "times": 1}


def test_what_was_refused_is_made_as_the_options_say_now(world: World) -> None:
    world.cloud.set(faults=[{"call": "run_thing", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"image": "misspelt", "rules": [22]})
    assert world.run(options={"image": "other", "rules": [22, 80]}).changed
    assert [(one["image"], one["rules"]) for one in world.state["things"].values()] == [("other", [22, 80])]
    assert world.record()["options"]["image"] == "other"
    assert not world.run(options={"image": "other", "rules": [22, 80]}).changed
    world.check()


def test_what_was_refused_is_left_out_if_the_options_do_not_want_it_any_more(world: World) -> None:
    world.cloud.set(faults=[{"call": "create_volume", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 5000})
    world.run(options={"disk": 0})
    assert not world.state["volumes"] and len(world.state["things"]) == 1
    world.check()
    world.run(options={"disk": 5})
    world.check()
    tokens = [one["target"] for one in world.state["ledger"] if one["call"] == "create_volume"]
    assert len(set(tokens)) == len(tokens), "another generation has another token"


@pytest.mark.parametrize("moment", [(faults.BEFORE, "run_thing"), (faults.AFTER, "run_thing")])
def test_a_plan_that_was_mended_is_finished_after_a_crash(world: World, moment: tuple[str, str]) -> None:
    world.cloud.set(faults=[{"call": "create_volume", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 5000})
    world.crash(*moment, options={"disk": 0})
    world.run(options={"disk": 0})
    assert not world.state["volumes"] and len(world.state["things"]) == 1
    world.check()


def test_what_is_there_is_no_matter_of_a_mended_plan(world: World) -> None:
    world.cloud.set(faults=[{"call": "run_thing", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 5})
    with pytest.raises(MachineError, match="size") as caught:
        world.run(options={"disk": 6, "image": "other"})
    assert caught.value.code == "drift"
    assert [one["image"] for one in world.state["things"].values()] == ["image-1"], "the frozen one"
    world.check()


def test_what_was_refused_to_a_machine_that_runs_is_made_as_the_options_say_now(world: World) -> None:
    world.run()
    before = set(world.state["things"])
    world.cloud.set(faults=[{"call": "create_volume", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 5000})
    assert world.run(options={"disk": 6}, check=True).after["changes"]["create"]["Volume"]["size"] == 6
    world.run(options={"disk": 6})
    assert [one["size"] for one in world.state["volumes"].values()] == [6]
    assert set(world.state["things"]) == before
    world.check()


def test_what_was_refused_to_a_machine_that_runs_is_let_go(world: World) -> None:
    world.run()
    world.cloud.set(faults=[{"call": "create_volume", **REFUSED}])
    with pytest.raises(MachineError, match="Invalid"):
        world.run(options={"disk": 5000})
    ledger = len(world.state["ledger"])
    world.run(options={"disk": 0})
    assert changes(world, ledger) == [] and not world.run(options={"disk": 0}).changed
    world.check()
