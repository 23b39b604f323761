# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not show yet is not taken for gone: by whoever looks, and whatever clock said when it was made."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _module
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._task import Task
from ansible_collections.dockyard.machine.plugins.module_utils._proof import token_of
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from tests.doubles.objects import Memory
from tests.model import Clock, Fault, Provider, driver_for
from tests.model.clock import DAY
from tests.model.provider import Entry, Thing

LAG = 60.0


class Ahead(Clock):
    """A controller's clock that is ahead of the true one, or behind."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def time(self) -> float:
        return self.clock.time() + self.seconds

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)


class Cut(BaseException):
    """kill -9"""


class World:
    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.clock = Clock()
        self.provider = Provider(self.clock, read_lag=LAG, list_lag=LAG)
        self.driver = driver_for(self.provider)
        self.memory = Memory(self.clock)
        monkeypatch.setattr(Task, "observe", lambda self, record: None)

    def run(self, verb: str = "present", ahead: float = 0.0, **options: t.Any) -> bool:
        clock = Ahead(self.clock, ahead)
        given = {"region": "north", **options}
        defaults = {name: one.get("default") for name, one in self.driver.argument_spec.items()}
        wish = Wish(
            "web1", "dockyard.machine.model", {**defaults, **given}, set(given), _module.secret_options(self.driver)
        )
        store = ObjectStore(self.memory, str(self.folder), clock, background=False)
        return bool(getattr(Lifecycle(self.driver, store, wish, clock), verb)().changed)

    def add_server(self, tags: dict[str, str], **more: str) -> Thing:
        """A machine that a late call of ours has made, with these tags but for what is said."""
        tags = {**tags, "dockyard-kind": "_53erver", **{f"dockyard-{name}": value for name, value in more.items()}}
        store, id, generation, attempt = (tags[f"dockyard-{name}"] for name in ("store", "id", "generation", "attempt"))
        token = token_of(store, id, "Server", int(generation), int(attempt))
        return self.provider.add("machine", "acme", "north", "", tags, DAY, token, key="", image="")

    def calls(self, name: str) -> int:
        return self.provider.calls().count(name)

    def kill(self, call: str, phase: str) -> None:
        def watch(at: str, entry: Entry) -> None:
            if (entry["call"], at) == (call, phase):
                self.provider.watch = None
                raise Cut

        self.provider.watch = watch


@pytest.fixture()
def world(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@pytest.mark.parametrize("ahead", [-200.0, 0.0, 3.0, 200.0])
def test_another_controllers_clock_says_when_it_was_made(world: World, ahead: float) -> None:
    world.provider.faults = [Fault("quota", "run_machine")]
    with pytest.raises(MachineError, match="LimitExceeded"):
        world.run()
    before = world.clock.now
    world.run(ahead=ahead)
    assert world.calls("import_key") == world.calls("create_firewall") == 1
    assert world.clock.now - before < 10 * LAG


def test_the_lag_begins_with_the_answer(world: World) -> None:
    """A call may take its time, and what it made is then as new as ever."""
    world.provider.watch = lambda at, entry: world.clock.sleep(50) if at == "before" else None
    world.run()
    assert world.calls("create_firewall") == world.calls("run_machine") == 1


def test_a_call_of_a_killed_run_may_still_be_on_its_way(world: World) -> None:
    world.kill("allocate_address", "before")
    with pytest.raises(Cut):
        world.run(public_address=True)

    def arrives(at: str, entry: Entry) -> None:
        if world.clock.now > sent + world.driver.call_limit - 5 and at == "before":
            world.provider.watch = None
            tags = next(one.tags for one in world.provider.things.values() if one.kind == "firewall")
            tags = {**tags, "dockyard-kind": "_41ddress"}
            world.provider.add("address", "acme", "north", tags=tags, age=0, ip="203.0.113.9")

    sent = world.clock.now
    world.provider.watch = arrives
    world.clock.sleep(10)
    with pytest.raises(MachineError, match="it is not known") as caught:
        world.run(public_address=True)
    assert world.provider.watch is None, "it arrived"
    (address,) = (one for one in world.provider.alive() if one.kind == "address")
    assert caught.value.code == "unproved" and address.id in caught.value.text()
    for verb in ("present", "absent"):
        with pytest.raises(MachineError, match="it is not known"):
            world.run(verb, public_address=True)
    assert world.calls("allocate_address") == 1 and world.calls("release_address") == 0, "a person is asked first"
    address.tags.clear()  # "it is mine"
    world.run(public_address=True)
    assert len([one for one in world.provider.alive() if one.kind == "address"]) == 2
    world.run("absent")
    assert world.provider.alive() == [address]


def test_no_next_zone_while_a_call_of_a_killed_run_is_on_its_way(world: World) -> None:
    """Zonal tokens: a zone that is full now may have room when that call arrives."""
    held: list[t.Callable[[], t.Any]] = []
    sent: list[float] = []
    call = world.provider.call

    def hold(account: str, region: str, name: str, *more: t.Any) -> t.Any:
        if name == "run_machine" and not sent:
            sent.append(world.clock.now)
            held.append(lambda: call(account, region, name, *more))
            raise Cut
        if held and world.clock.now > sent[0] + world.driver.call_limit - 5:
            world.provider.set(full=())
            held.pop()()
        return call(account, region, name, *more)

    world.provider.set(token_scope="zone")
    world.provider.call = hold  # type: ignore[method-assign]
    with pytest.raises(Cut):
        world.run()
    world.provider.set(full=("a",))
    world.run()
    assert sent and not held, "it arrived"
    assert [one.body["zone"] for one in world.provider.alive() if one.kind == "machine"] == ["a"]


@pytest.mark.parametrize("sleeps", [False, True])
def test_a_token_that_the_provider_has_forgotten(world: World, sleeps: bool) -> None:
    """After a day; by the next run, or by a controller that slept in the midst of the call."""
    world.provider.set(token_life=DAY)

    def late(at: str, entry: Entry) -> None:
        if (entry["call"], at) == ("run_machine", "after"):
            world.provider.watch = None
            world.clock.sleep(2 * DAY)
            raise ConnectionError

    if sleeps:
        world.provider.watch = late
    else:
        world.kill("run_machine", "after")
        with pytest.raises(Cut):
            world.run()
        world.clock.sleep(2 * DAY)
    world.run()
    assert len([one for one in world.provider.alive() if one.kind == "machine"]) == 1
    world.run("absent")
    assert world.provider.alive() == []


def test_a_look_counts_from_when_it_was_asked(world: World) -> None:
    """An answer that takes its time tells how it was before."""
    world.provider.faults = [Fault("reset", "create_firewall", after=True)]
    asked = []

    def slow(at: str, entry: Entry) -> None:
        if (entry["call"], at) == ("list_firewalls", "after"):
            asked.append(entry)
            world.clock.sleep(2 * LAG if len(asked) == 3 else 0)

    world.provider.watch = slow
    world.run()
    assert len(asked) > 3
    assert world.calls("create_firewall") == 2, "that which was unanswered, and its repetition, whose name is taken"


def test_a_late_twin_goes_with_its_machine(world: World) -> None:
    """Nobody asks for a lease: a call that was held up may make a second one, where nothing makes that harmless."""
    world.provider.set(token_scope=None)
    world.driver = driver_for(world.provider)
    world.run()
    (server,) = (one for one in world.provider.alive() if one.kind == "machine")
    for more in ({}, {"attempt": "2"}, {"generation": "2"}, {"id": "ffffffffffff"}):
        world.add_server(server.tags, **more)
    copy = world.provider.copy(server.id)
    world.run("absent")
    left = [(one.tags["dockyard-generation"], one.tags["dockyard-id"]) for one in world.provider.alive()]
    assert left[:2] == [("2", server.tags["dockyard-id"]), ("1", "ffffffffffff")], (
        "of another generation, of another one"
    )
    assert world.provider.alive()[2:] == [copy]


def test_what_comes_up_after_its_removal_goes_with_the_rest(world: World) -> None:
    world.run()
    (server,) = (one for one in world.provider.alive() if one.kind == "machine")
    world.kill("delete_firewall", "before")
    with pytest.raises(Cut):
        world.run("absent")
    firewalls = [one.id for one in world.provider.alive() if one.kind == "firewall"]
    world.provider.add(
        "machine",
        "acme",
        "north",
        server.name,
        server.tags,
        DAY,
        server.token,
        **{**server.body, "firewalls": firewalls},
    )
    copy = world.provider.copy(server.id)
    world.run("absent")
    assert world.provider.alive() == [copy]


def test_what_a_list_shows_may_not_show_by_its_id_yet(world: World) -> None:
    world.provider.set(list_lag=0)
    world.kill("run_machine", "before")
    with pytest.raises(Cut):
        world.run()
    world.clock.sleep(1000)
    tags = next(one.tags for one in world.provider.alive() if one.kind == "firewall")
    world.add_server(tags)
    world.run("absent")
    assert world.provider.alive() == []


# Later than the driver says: no provider documents a bound


LATER = 5 * LAG


def until_it_ends(world: World, verb: str = "present") -> list[str]:
    """Run again and again, until it succeeds; what was said meanwhile."""
    said = []
    for _again in range(20):
        try:
            world.run(verb)
            return said
        except MachineError as error:
            said.append(error.text())
            world.clock.sleep(60)
    raise AssertionError(said)


@pytest.mark.parametrize("verb", ["present", "absent"])
@pytest.mark.parametrize("kind", ["key", "firewall", "machine"])
@pytest.mark.parametrize("lag", ["read_lag", "both"])
def test_what_shows_later_than_the_driver_says(world: World, lag: str, kind: str, verb: str) -> None:
    late = {kind: LATER, "*": LAG}
    world.provider.set(read_lag=late, list_lag=late if lag == "both" else LAG)
    try:
        world.run()
    except MachineError as error:
        assert lag == "both" and error.code == "vanished" and "run again" in error.text()
    until_it_ends(world, verb)
    world.clock.sleep(2 * LATER)
    until_it_ends(world, verb)
    machines = [one for one in world.provider.alive() if one.kind == "machine"]
    assert len(world.provider.alive()) == (3 if verb == "present" else 0), "none twice, and none lost"
    assert len(machines) == (verb == "present")
    if verb == "present":
        assert world.calls("run_machine") == 1


def test_what_was_given_up_and_shows_after_all_is_removed(world: World) -> None:
    """By the next run, and later by prune: its id is ours, whatever has taken its place."""
    world.provider.set(read_lag={"machine": DAY, "*": LAG}, list_lag={"machine": DAY, "*": LAG})
    with pytest.raises(MachineError, match="can't be found"):
        world.run()
    (first,) = (one for one in world.provider.alive() if one.kind == "machine")
    world.clock.sleep(700)
    world.provider.set(read_lag=LAG, list_lag=LAG)
    first.created = world.clock.now + LAG  # it shows in twice LAG from now
    world.run()
    assert len([one for one in world.provider.alive() if one.kind == "machine"]) == 2, "the case is real"
    world.clock.sleep(2 * LAG)
    world.run()
    assert [one.id for one in world.provider.alive() if one.kind == "machine"] != [first.id]
    assert len([one for one in world.provider.alive() if one.kind == "machine"]) == 1
    world.run("absent")
    assert world.provider.alive() == []


def test_a_name_that_an_earlier_attempt_of_ours_has(world: World) -> None:
    """A group that is later to show than its record waits is accepted once it shows, not taken for another's."""
    world.run()
    (firewall,) = (one for one in world.provider.alive() if one.kind == "firewall")
    record = world.memory.objects["records/web1.json"]
    text = record.data.decode()
    data = json.loads(text)
    (one,) = (one for one in data["record"]["resources"] if one["key"] == "Firewall")
    one.update(id=None, status="planned", attempt=3)
    world.memory.objects["records/web1.json"] = record._replace(data=json.dumps(data).encode())
    world.run()
    assert [one.id for one in world.provider.alive() if one.kind == "firewall"] == [firewall.id]
    world.run("absent")
    assert world.provider.alive() == []
