# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refused, failed or unanswered call leads to, one resource at a time."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _resources, driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._proof import bears_tags
from ansible_collections.dockyard.machine.plugins.module_utils._resources import _creating
from ansible_collections.dockyard.machine.plugins.module_utils._store._file import FileLock
from tests.unit.world import READS, World

VERDICTS = (driver.MISSING, driver.TAKEN, driver.FULL, driver.BUSY, driver.REFUSED, driver.MISMATCH, driver.UNSURE)


def fail(world: World, call: str, *codes: str, after: bool = False, times: int = 1) -> None:
    world.cloud.set(faults=[{"call": call, "code": code, "after": after, "times": times} for code in codes])


def tries(world: World, call: str) -> int:
    return world.calls().count(call)


def thing(world: World) -> dict[str, object]:
    return next(one for one in world.record()["resources"] if one["kind"] == "Thing")


def test_each_verdict_has_its_steps() -> None:
    assert _resources.AFTER_CREATE.keys() == set(itertools.product(VERDICTS, (False, True)))


def test_nobody_forgets_to_look_before_a_new_attempt() -> None:
    for (verdict, unresolved), steps in _resources.AFTER_CREATE.items():
        if unresolved and verdict not in (driver.BUSY, driver.UNSURE):
            assert steps[0] == _creating.LOOK, verdict


# Nothing is open from before


@pytest.mark.parametrize(("code", "verdict"), [("Invalid", "refused"), ("NotFound", "missing")])
def test_refused(world: World, code: str, verdict: str) -> None:
    fail(world, "run_thing", code, times=100)
    with pytest.raises(MachineError) as caught:
        world.run()
    assert caught.value.code == verdict
    assert caught.value.left_behind == ["Key key-1"]
    assert thing(world)["attempt"] == 2, "surely not done: another attempt, another token"
    world.cloud.set(faults=[])
    world.run()
    world.check()


def test_what_was_made_just_now_may_not_show_yet(world: World) -> None:
    """A machine that names a key which the provider does not know yet is asked for again, for as long as lists lag."""
    fail(world, "run_thing", "NotFound", times=2)
    world.run()
    assert tries(world, "run_thing") == 3 and thing(world)["attempt"] == 1
    world.check()


def test_a_token_that_is_known_with_another_request_is_looked_for(world: World) -> None:
    world.cloud.set(
        faults=[
            {"call": "create_volume", "code": "Timeout", "after": True},
            {"call": "create_volume", "code": "TokenMismatch"},
        ]
    )
    world.run(options={"disk": 5})
    assert len(world.state["volumes"]) == 1
    world.check()


def test_a_token_that_is_known_and_not_found_is_no_new_attempt(world: World) -> None:
    fail(world, "create_volume", "TokenMismatch")
    with pytest.raises(MachineError) as caught:
        world.run(options={"disk": 5})
    assert caught.value.code == "mismatch" and any("Volume" in one for one in caught.value.left_behind)
    volume = next(one for one in world.record()["resources"] if one["kind"] == "Volume")
    assert (volume["status"], volume["attempt"]) == ("creating", 1)
    world.run(options={"disk": 5})
    world.check()


def test_busy_is_asked_again_with_the_same_attempt(world: World) -> None:
    fail(world, "run_thing", "Throttled", times=3)
    world.run()
    assert tries(world, "run_thing") == 4 and thing(world)["attempt"] == 1
    world.check()


def test_busy_for_ever_ends(world: World) -> None:
    fail(world, "run_thing", "Throttled", times=10_000)
    started = world.clock.now
    with pytest.raises(MachineError) as caught:
        world.run(timeout=60)
    assert caught.value.code == "busy" and world.clock.now - started < 120
    world.cloud.set(faults=[])
    world.run()
    world.check()


def test_a_name_that_is_taken_by_others(world: World) -> None:
    fail(world, "import_key", "Taken", times=1)
    started = world.clock.now
    with pytest.raises(MachineError) as caught:
        world.run()
    assert caught.value.code == "taken" and "is unmanaged" in caught.value.text()
    assert world.clock.now > started, "looked for past the lag before it is called foreign"


def test_a_name_that_is_ours_since_the_answer_was_lost(world: World) -> None:
    world.cloud.set(lag=0.2)
    fail(world, "import_key", "Timeout", after=True)
    world.run()
    assert tries(world, "import_key") == 2 and len(world.state["keys"]) == 1
    world.check()


# An earlier call is open


def test_a_lost_answer_is_found_by_its_tags(world: World) -> None:
    world.cloud.set(lag=0.2)
    fail(world, "run_thing", "Timeout", after=True)
    world.run()
    assert tries(world, "run_thing") == 1 and thing(world)["attempt"] == 1
    world.check()


def test_a_lost_answer_is_replayed_by_its_token(world: World) -> None:
    fail(world, "create_volume", "Timeout", after=True)
    world.run(options={"disk": 5})
    tokens = [one["target"] for one in world.state["ledger"] if one["call"] == "create_volume"]
    assert len(tokens) == 2 and len(set(tokens)) == 1
    world.check()


def test_what_was_lost_on_the_way_is_sent_again(world: World) -> None:
    fail(world, "run_thing", "Timeout", after=False)
    started = world.clock.now
    world.run()
    assert tries(world, "run_thing") == 2 and thing(world)["attempt"] == 1
    assert world.clock.now - started >= 0.3, "only once the lag is over"
    world.check()


@pytest.mark.parametrize("code", ["OutOfCapacity", "Invalid", "NotFound"])
def test_a_refusal_after_an_open_call_looks_first(world: World, code: str) -> None:
    """By the token the second call is the first one's: it may have been done all the same."""
    world.cloud.set(lag=0.2)
    world.cloud.set(
        faults=[
            {"call": "create_volume", "code": "Timeout", "after": True},
            {"call": "create_volume", "code": code},
        ]
    )
    world.run(options={"disk": 5})
    assert len(world.state["volumes"]) == 1
    volume = next(one for one in world.record()["resources"] if one["kind"] == "Volume")
    assert volume["attempt"] == 1
    world.check()


def test_busy_after_an_open_call_stays_open(world: World) -> None:
    world.cloud.set(
        faults=[
            {"call": "create_volume", "code": "Timeout", "after": True},
            {"call": "create_volume", "code": "Throttled"},
        ]
    )
    world.run(options={"disk": 5})
    assert len(world.state["volumes"]) == 1
    world.check()


def test_no_answer_at_all_says_that_it_is_not_known(world: World) -> None:
    fail(world, "run_thing", "Timeout", times=99)
    with pytest.raises(MachineError) as caught:
        world.run()
    assert caught.value.code == "unsure" and any("Thing web1-" in one for one in caught.value.left_behind)
    assert tries(world, "run_thing") == _resources.UNSURE_TRIES
    assert thing(world)["status"] == "creating"
    world.cloud.set(faults=[])
    world.run()
    world.check()


def test_what_was_open_stays_open_while_the_provider_is_busy(world: World) -> None:
    """A full zone after that leads on only if the first call has surely made nothing there."""
    world.cloud.set(
        lag=0.2,
        faults=[
            {"call": "create_volume", "code": "Timeout", "after": True},
            {"call": "create_volume", "code": "Throttled"},
            {"call": "create_volume", "code": "OutOfCapacity"},
        ],
    )
    world.run(options={"disk": 5})
    assert [one["zone"] for one in world.state["volumes"].values()] == ["a"]
    world.check()


def test_what_is_made_in_the_place_of_what_died_has_another_token(world: World) -> None:
    world.run(options={"disk": 5})
    world.cloud.change(lambda state: state["volumes"].clear())
    world.run(options={"disk": 5})
    tokens = [one["target"] for one in world.state["ledger"] if one["call"] == "create_volume"]
    assert len(tokens) == len(set(tokens)) == 2
    world.check()


# Whose it is


@pytest.mark.parametrize("tag", ["store", "id", "kind", "generation", "attempt"])
def test_what_differs_in_a_tag_is_not_ours(world: World, tag: str) -> None:
    """A look after a lost answer finds a look-alike, and nothing of ours. (One of a later turn is refused: test_backup.)"""
    world.run()
    world.run(recreate=True, options={"image": "other"})
    copy = dict(next(iter(world.state["things"].values())))
    copy["tags"] = {**copy["tags"], "attempt": "2", tag: {"generation": "1", "attempt": "02"}.get(tag, "7")}
    world.state["things"] = {"thing-99": copy}
    fail(world, "run_thing", "Timeout")
    world.run(options={"image": "other"})
    assert len(world.state["things"]) == 2, "made anew"


def test_a_name_that_only_begins_like_ours_is_not_ours(world: World) -> None:
    kind = next(kind for kind in world.driver.kinds if kind.__name__ == "Key")(None, {})
    it = driver.It(name="web1-012345-1")
    assert bears_tags(kind, it, driver.Seen("key-1", name="web1-012345-1"))
    for other in ("web1-012345-10", "web1-012345-1-data", "web1-012345", "WEB1-012345-1", ""):
        assert not bears_tags(kind, it, driver.Seen("key-1", name=other)), other


# The lock


def test_nothing_is_changed_once_the_lock_may_be_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must last for as long as a call may take."""
    world.run(options={"disk": 5})
    calls = len(world.calls())
    asked: list[float] = []

    def check(lock: object, seconds: float) -> None:
        if seconds > 30:
            asked.append(seconds)
            raise MachineError("Another run works on web1 now", code="lease_lost")

    monkeypatch.setattr(FileLock, "check", check)
    assert not world.run(options={"disk": 5}).changed and not asked
    for state, options in (("present", {"rules": [80]}), ("stopped", {}), ("absent", {})):
        with pytest.raises(MachineError) as caught:
            world.run(state, options={"disk": 5, **options})
        assert caught.value.code == "lease_lost"
    assert asked == [world.driver.call_limit] * 3
    assert set(world.calls(calls)) <= READS


# Twins


def test_of_twins_the_oldest_stays(world: World) -> None:
    fail(world, "run_thing", "Timeout", after=True, times=99)
    world.cloud.set(lag_things=2)  # longer than the driver says: what such a provider does is made up for
    with pytest.raises(MachineError):
        world.run()
    twins = sorted(world.state["things"])
    assert len(twins) > 1
    world.cloud.set(faults=[], lag_things=0)
    world.run()
    assert list(world.state["things"]) == [twins[0]]
    world.check()


def test_twins_of_another_attempt_are_left_alone(world: World) -> None:
    world.run()
    copy = dict(next(iter(world.state["things"].values())))
    copy["tags"] = {**copy["tags"], "attempt": "7"}
    world.state["things"]["thing-99"] = copy
    assert not world.run().changed
    assert "thing-99" in world.state["things"]


# Reading


@pytest.mark.parametrize("times", [1, 2, 3])
def test_one_read_that_finds_nothing_is_not_believed(world: World, times: int) -> None:
    """Whichever it is, of those that look for what the diff shows or for what is to be there."""
    world.run()
    fail(world, "list_things", "NotFound", times=times)
    assert not world.run().changed
    assert tries(world, "run_thing") == 1


def test_lists_that_lag_make_no_second_machine(world: World) -> None:
    world.cloud.set(lag=0.25)
    world.run(options={"disk": 5})
    assert tries(world, "run_thing") == tries(world, "create_volume") == tries(world, "import_key") == 1
    world.check()


def test_what_was_made_and_never_shows_is_not_made_for_ever(world: World) -> None:
    world.cloud.set(lag=10_000)
    with pytest.raises(MachineError) as caught:
        world.run()
    assert caught.value.code == "vanished" and caught.value.left_behind
    assert tries(world, "import_key") == 1


def test_a_read_is_tried_again_a_few_times(world: World) -> None:
    world.run()
    fail(world, "list_things", "Timeout", times=3)
    assert not world.run().changed
    fail(world, "list_things", "Timeout", times=99)
    with pytest.raises(MachineError, match="Timeout"):
        world.run()


# Settling and deleting


def test_an_adjustment_without_an_answer_is_seen(world: World) -> None:
    fail(world, "set_rules", "Timeout", after=True)
    world.run()
    assert tries(world, "set_rules") == 1
    world.check()


def test_an_adjustment_that_never_takes_is_named(world: World) -> None:
    fail(world, "set_rules", "Timeout", times=10_000)
    with pytest.raises(MachineError, match="rules") as caught:
        world.run(timeout=30)
    assert caught.value.code == "timeout" and "Timeout" in caught.value.message, "with the provider's last complaint"


def test_a_delete_without_an_answer_is_seen(world: World) -> None:
    world.run(options={"disk": 5})
    fail(world, "delete_thing", "Timeout", after=True)
    world.run("absent")
    assert tries(world, "delete_thing") == 1
    world.check()


def test_a_delete_is_over_when_nothing_is_seen_any_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that says yes and does nothing is asked again."""
    world.run()
    thing = next(kind for kind in world.driver.kinds if kind.__name__ == "Thing")
    delete, asked = thing.delete, []

    def deletes(kind: object, it: driver.It) -> None:
        asked.append(it.id)
        if len(asked) == 3:
            delete(kind, it)

    monkeypatch.setattr(thing, "delete", deletes)
    world.run("absent")
    assert len(asked) == 3 and not world.ids()


def test_a_delete_that_is_refused_keeps_the_record(world: World) -> None:
    world.run(options={"disk": 5})
    fail(world, "delete_volume", "Invalid")
    with pytest.raises(MachineError) as caught:
        world.run("absent")
    assert any("Volume" in one for one in caught.value.left_behind)
    assert world.record()["status"] == "removing"
    assert {one["kind"] for one in world.record()["resources"]} == {"Volume", "Key"}
    world.run("absent")
    assert not world.ids()


def test_a_record_of_a_kind_that_the_driver_does_not_know(world: World) -> None:
    world.run()
    record = (world.folder() / "machine.json").read_text()
    (world.folder() / "machine.json").write_text(record.replace('"kind": "Key"', '"kind": "Elder"'))
    with pytest.raises(MachineError, match="Elder"):
        world.run("absent")
    assert len(world.state["keys"]) == 1


# What changes nothing


@pytest.mark.parametrize("call", ["whoami", "newest_image", "list_things"])
def test_what_is_asked_is_asked_again(world: World, call: str) -> None:
    fail(world, call, "Throttled", "Timeout", times=3)
    world.run()
    world.check()


def test_who_is_somebody_else_concludes_nothing_of_the_users_own(world: World) -> None:
    world.run(options={"network": "net-0"})
    fail(world, "get_network", "NotFound", times=9)
    with pytest.raises(MachineError) as caught:
        world.run(options={"network": "net-0", "token": "other:"})
    assert caught.value.code == "wrong_account"
