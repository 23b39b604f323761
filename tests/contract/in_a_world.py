# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for each driver over a double of its provider. The test folder gives the fixture ``world``."""

from __future__ import annotations

import dataclasses
import typing as t
import uuid

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _ssh, driver
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import POWER
from ansible_collections.dockyard.machine.plugins.module_utils._plan import covers
from ansible_collections.dockyard.machine.plugins.module_utils._proof import proof_of, proven

from .worlds import World


def makes(world: World) -> list[type[driver.Kind]]:
    return [kind for kind in world.driver.kinds if hasattr(kind, "create")]


def whole_life(world: World) -> list[tuple[str, dict[str, t.Any]]]:
    changed = {**world.adjust, **world.adjust_stopped}
    world.run()  # for states()
    known = world.last.states()
    powers = [one for state in POWER if state in known for one in (state, "started") if one in known]
    world.run("absent")
    states = ["present", *powers, "present"]
    return [*((state, {}) for state in states), ("present", changed), ("gathered", {}), ("absent", changed)]


def until_gone(world: World, kind: driver.Kind, it: driver.It) -> None:
    for _left in world.clock.poll(600):
        seen = look(world, kind, it)
        if seen is None:
            return
        try:
            kind.delete(dataclasses.replace(it, seen=seen))
        except Exception as error:
            assert world.verdict(error) in (driver.BUSY, driver.MISSING, driver.UNSURE), error
    raise AssertionError(f"{type(kind).__name__} {it.id} can't be deleted")


def look(world: World, kind: driver.Kind, it: driver.It) -> driver.Seen | None:
    try:
        raw = kind.get(it)
    except Exception as error:
        assert world.verdict(error) == driver.MISSING, error
        return None
    seen = None if raw is None else kind.seen(raw)
    return None if seen is None or seen.state == driver.ABSENT else seen


class InAWorld:
    """A test folder's class extends it, as pytest finds it: ``class TestThing(InAWorld): ...``."""

    @pytest.fixture(autouse=True)
    def all_are_at_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A double's machines have no SSH server: whoever knocks is let in, and each reboot is another boot."""
        monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 AAAA"])
        monkeypatch.setattr(_ssh.Host, "boot_id", lambda host: uuid.uuid4().hex)
        monkeypatch.setattr(_ssh.Host, "reboot", lambda host: None)

    # Present

    def test_a_machine_is_made(self, world: World) -> None:
        outcome = world.run()
        assert outcome.changed
        assert outcome.machine["state"] == driver.RUNNING
        assert bool(world.alive()) == bool(makes(world))
        assert outcome.machine["account"] == world.last.driver.account()
        assert all(world.resources().values()), "each resource has its id"

    def test_the_second_run_changes_nothing(self, world: World) -> None:
        first = world.run()
        before, alive = world.resources(), len(world.alive())
        again = world.run()
        assert not again.changed
        assert not world.changes()
        assert (world.resources(), len(world.alive())) == (before, alive)
        assert again.machine["address"] == first.machine["address"]

    def test_a_check_looks_and_makes_nothing(self, world: World) -> None:
        outcome = world.run(check=True)
        assert outcome.changed
        assert not world.changes() and not world.alive()
        assert not world.store.exists
        world.run()
        assert not world.run(check=True).changed
        assert world.run("absent", check=True).changed
        assert not world.changes() and bool(world.alive()) == bool(makes(world))

    def test_a_recipe_makes_no_call_but_looks(self, world: World) -> None:
        world.run(check=True)
        it = world.last
        before = len(world.calls())
        recipe = it._recipe(it.resources.record)  # what was looked up is kept
        assert len(world.calls()) == before
        assert recipe.wants == it._recipe(it.resources.record).wants

    # A method is a call

    def test_each_method_makes_one_call(self, world: World) -> None:
        """Pages of one list are one call; what needs two is two steps, which the lifecycle takes."""
        did = []
        for state, options in whole_life(world):
            world.run(state, options=options, allow_stop=True, keep_options=state in POWER)
            did += world.did
        assert {one.method for one in did} >= {"create", "delete"} or not makes(world)
        reading = [one for one in did if one.method in ("get", "list")]
        assert all(len(one.calls) <= 1 for one in reading), [one for one in reading if len(one.calls) > 1]
        changing = [one for one in did if one.method not in ("get", "list")]
        assert all(len(one.calls) == 1 for one in changing), [one for one in changing if len(one.calls) != 1]

    # Power

    def test_each_state_of_power_is_reached(self, world: World) -> None:
        world.run()
        for state in POWER:
            if state not in world.last.states():
                continue
            for _again in range(2):
                outcome = world.run(state, keep_options=True)
                assert outcome.machine["state"] == POWER[state][1]
                assert world.run("gathered")["state"] == POWER[state][1]
                assert not world.changes()
                if state != "restarted":
                    assert not world.run(state, keep_options=True).changed
                if "started" in world.last.states():
                    assert world.run("started", keep_options=True).machine["state"] == driver.RUNNING
        assert not world.run(keep_options=True).changed

    def test_a_stopped_machine_stays_so_unless_it_is_started(self, world: World) -> None:
        world.run()
        if "stopped" in world.last.states():
            world.run("stopped", keep_options=True)
            outcome = world.run()
            assert not outcome.changed and outcome.machine["state"] == driver.STOPPED
            assert world.run("started").machine["state"] == driver.RUNNING

    # Changes

    def test_what_can_be_changed_has_an_example(self, world: World) -> None:
        adjustable = {state for kind in world.driver.kinds for state in kind.adjustable.values()}
        assert "any" not in adjustable or world.adjust
        assert driver.STOPPED not in adjustable or world.adjust_stopped

    def test_options_are_changed_in_place(self, world: World) -> None:
        for option, value in world.adjust.items():
            made = world.run()
            machine = world.last.resources.record.machine
            before = world.resources()[machine]
            outcome = world.run(options={option: value})
            assert outcome.changed, option
            assert outcome.machine["id"] == made.machine["id"] and world.resources()[machine] == before, option
            assert not world.run(options={option: value}).changed, option
            if option not in world.grows:
                assert world.run().changed, f"{option} can be changed back"
            world.run("absent")
            assert not world.alive(), option

    def test_what_can_be_changed_is_seen(self, world: World) -> None:
        """Else a change would be called done that nobody has made."""
        for options in ({}, world.adjust):
            world.run(options=options)
            for kind, it in world.made():
                has = kind.seen(kind.get(it)).has
                for field in kind.adjustable.keys() & it.request.keys():
                    what = f"{type(kind).__name__}: {field}"
                    assert field in has and covers(has[field], it.request[field]), what

    def test_a_stop_needs_the_users_word(self, world: World) -> None:
        for option, value in world.adjust_stopped.items():
            world.run()
            with pytest.raises(driver.MachineError) as caught:
                world.run(options={option: value})
            assert caught.value.code == "needs_stop" and option, option
            assert not world.changes()
            outcome = world.run(options={option: value}, allow_stop=True)
            assert outcome.changed and outcome.machine["state"] == driver.RUNNING, "it runs again"
            assert not world.run(options={option: value}).changed, option
            world.run("absent")

    def test_what_can_not_be_changed_is_an_error_and_recreate_replaces(self, world: World) -> None:
        for option, value in world.drift.items():
            world.run()
            machine, alive = world.resources(), len(world.alive())
            with pytest.raises(driver.MachineError) as caught:
                world.run(options={option: value})
            assert caught.value.code == "drift" and "recreate" in caught.value.text(), option
            assert not world.changes() and world.resources() == machine, option
            assert world.run(options={option: value}, recreate=True).changed, option
            assert len(world.alive()) == alive, option
            assert not world.run(options={option: value}).changed, option
            world.run("absent")

    # Absent

    def test_nothing_is_left(self, world: World) -> None:
        world.run()
        assert world.run("absent").changed
        assert not world.alive()
        assert not world.store.names()
        assert not world.run("absent").changed
        world.clock.sleep(3600)
        assert not world.alive()

    def test_what_is_gone_by_itself_is_no_hindrance(self, world: World) -> None:
        """Removed by hand, the machine above all: the rest goes, and so does the record."""
        world.run()
        for kind, it in reversed(world.made()):
            if hasattr(kind, "delete"):
                until_gone(world, kind, it)
        assert not world.alive()
        assert world.run("absent").changed
        assert not world.store.names()

    # Copies

    def copies(self, world: World) -> list[tuple[driver.Kind, driver.It, str]]:
        """Of each tagged thing of the machine, somebody's: the kind, ours, and the copy's id."""
        tagged = [(kind, it) for kind, it in world.made() if kind.tagged]
        assert world.copy or not tagged, "World.copy says how somebody makes more like this"
        made = [(kind, it, world.copy(str(it.id))) for kind, it in tagged if world.copy]
        world.clock.sleep(3600)
        return [(kind, it, id) for kind, it, id in made if id]

    def test_what_proves_that_a_thing_is_ours_is_not_copied(self, world: World) -> None:
        world.run()
        for kind, it, id in self.copies(world):
            unknown = dataclasses.replace(it, id=None)
            ours, copy = (kind.seen(kind.get(dataclasses.replace(it, id=one))) for one in (it.id, id))
            what = f"{type(kind).__name__}, proved by {proof_of(kind)}"
            assert copy.tags == ours.tags, f"{what}: a copy has all tags"
            assert proven(kind, unknown, ours) is (True if proof_of(kind) else None), what
            assert proven(kind, unknown, copy) is (False if proof_of(kind) else None), f"{what}: so has the copy"

    def test_a_copy_is_left_alone(self, world: World) -> None:
        world.run()
        copies = {id for _kind, _it, id in self.copies(world)}
        alive = len(world.alive())
        assert not world.run().changed
        for option, value in list(world.drift.items())[:1]:
            assert world.run(options={option: value}, recreate=True).changed
            assert len(world.alive()) == alive
        world.run("absent")
        assert len(world.alive()) == len(copies)
        world.run()
        world.run("absent")
        assert len(world.alive()) == len(copies)

    # Another account

    def test_another_account_is_refused(self, world: World) -> None:
        world.run()
        if world.other_account:
            alive = len(world.alive())
            for state in ("absent", "present"):
                with pytest.raises(driver.MachineError) as caught:
                    world.run(state, options={**world.other_account, **world.adjust})
                assert caught.value.code == "wrong_account", state
                assert not world.changes()
            asked = world.run("gathered", options=world.other_account)
            assert asked["state"] == driver.UNKNOWN and asked["error"], "another account's machine is not absent"
            assert len(world.alive()) == alive and world.store.names()

    # Gathered

    def test_gathering_reads_only(self, world: World) -> None:
        assert world.run("gathered")["state"] == driver.ABSENT
        world.run()
        machine = world.run("gathered")
        assert machine["state"] == driver.RUNNING and machine["address"] == world.run().machine["address"]
        assert not world.changes()

    # What each kind says of itself

    def test_what_is_made_can_be_told_to_be_ours(self, world: World) -> None:
        """By all tags that it was made with, else by its name."""
        world.run(expires_in="8h")
        world.clock.sleep(60)
        for kind, it in world.made():
            for raw in ([kind.get(it)], kind.list(it)):
                seen = next(seen for seen in map(kind.seen, raw) if seen.id == it.id)
                assert (seen.tags == it.tags) if kind.tagged else (seen.name == it.name), type(kind).__name__

    def test_an_end_that_is_put_off_is_told_by_the_tags(self, world: World) -> None:
        """Without its record, an end that is over would be taken for the machine's."""
        world.run(expires_in="8h")
        for life in ("9h", "never"):
            assert world.run(expires_in=life).changed
            tagged = [one for one in world.made() if hasattr(one[0], "tag")]
            called = [(one.kind, len(one.calls)) for one in world.changes()]
            assert sorted(called) == sorted((type(kind).__name__, 1) for kind, _it in tagged)
            for kind, it in tagged:
                for raw in ([kind.get(it)], kind.list(it)):
                    seen = next(seen for seen in map(kind.seen, raw) if seen.id == it.id)
                    assert seen.tags == it.tags, f"{type(kind).__name__}: {life}"
            assert not world.run(expires_in=life).changed and not world.changes()

    def test_what_does_not_exist_is_not_seen(self, world: World) -> None:
        world.run()
        made = world.made()
        world.run("absent")
        world.clock.sleep(3600)
        for kind, it in made:
            assert look(world, kind, it) is None
            assert it.id not in [seen.id for seen in map(kind.seen, kind.list(it)) if seen.state != driver.ABSENT]
            if hasattr(kind, "delete"):
                try:
                    kind.delete(it)
                except Exception as error:
                    assert world.verdict(error) == driver.MISSING, f"{type(kind).__name__}: {error}"

    def test_a_repeated_create_is_as_harmless_as_it_says(self, world: World) -> None:
        world.run()
        for kind, it in world.made():
            if kind.identity is None:
                continue
            before = len(world.alive())
            if kind.identity == "name":
                it = dataclasses.replace(it, token="another")
            try:
                assert kind.create(it) == it.id, f"{type(kind).__name__}: the same {kind.identity} made another one"
            except Exception as error:
                assert world.verdict(error) == driver.TAKEN, f"{type(kind).__name__}: {error}"
            assert len(world.alive()) == before, type(kind).__name__

    def test_another_token_or_name_makes_another_one(self, world: World) -> None:
        """Else the next attempt, generation or machine would get what the last one made."""
        world.run(name="web1")
        first = {type(kind).__name__: it.id for kind, it in world.made()}
        world.run(name="web2")
        for kind, it in world.made():
            assert it.id != first[type(kind).__name__]

    def test_a_list_of_the_account_has_all_that_is_ours(self, world: World) -> None:
        names = ("web1", "web2")
        wanted: dict[str, set[str | None]] = {}
        for name in names:
            world.run(name=name)
            for kind, it in world.made():
                wanted.setdefault(type(kind).__name__, set()).add(it.id)
        world.clock.sleep(3600)
        for kind, it in world.made():
            if kind.lists_account:
                for tags in ({"store": it.tags["store"]}, {}):
                    asked = driver.It(name="", tags=tags)
                    found = {kind.seen(raw).id for raw in kind.list(asked)}
                    assert wanted[type(kind).__name__] <= found, f"{type(kind).__name__}, asked for {tags}"
