# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole life of a machine at a provider that is bad in one way, and in all ways at once."""

from __future__ import annotations

import math
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import driver as contract
from tests.contract import World
from tests.model import Fault, Provider, driver_for
from tests.model.clock import DAY

OPTIONS = {"region": "north", "disk": 5, "public_address": True, "sizes": ["small", "medium"], "user_data": "#!/bin/sh"}
BAD: dict[str, dict[str, t.Any]] = {
    "as one would like it": {},
    "lists lag": {"list_lag": 30},
    "reads lag": {"read_lag": 15},
    "one kind lags": {"list_lag": {"machine": 60}, "read_lag": {"volume": 20}},
    "what is deleted shows on": {"gone_lag": 20},
    "what is terminated shows on": {"ghost": DAY},
    "pages of one": {"page_size": 1},
    "zonal tokens": {"token_scope": "zone", "full": ["a"]},
    "no tokens": {"token_scope": None, "list_lag": 10},
    "tokens are soon forgotten": {"token_life": 1},
    "tokens go with what they made": {"token_outlives": False},
    "tokens with another request": {"token_mismatch": False},
    "all takes its time": {"creating": 40, "starting": 20, "stopping": 20, "deleting": 30},
    "machines are deaf": {"deaf": True},
    "full at once": {"full": ["a", "b/small"]},
    "full later": {"full_later": ["a", "b/small"], "creating": 5},
    "full later, and gone": {"full_later": ["a", "b/small"], "full_ends": True, "creating": 5, "ghost": 60},
    "names are not unique": {"unique": ("key",)},
    "all names are unique": {"unique": ("key", "firewall", "machine")},
    "nothing is in use": {"in_use": False},
    "just enough of all": {"quota": 1},
    "few tags": {"tag_count": 7},
    "few calls": {"rate": 2, "burst": 10},
    "few calls, and no word for how long": {"rate": 2, "burst": 10, "retry_after": False},
    "slow answers": {"latency": 3},
}
ALONE = set(BAD) - {"as one would like it", "no tokens", "few calls"}  # make check tests most ways together
BAD["bad in all ways"] = {
    name: value
    for name in (
        *("zonal tokens", "reads lag", "lists lag", "what is deleted shows on", "what is terminated shows on"),
        *("pages of one", "all takes its time", "machines are deaf", "full later", "few tags", "slow answers"),
    )
    for name, value in BAD[name].items()
}


def make(folder: pathlib.Path, **traits: t.Any) -> tuple[Provider, World]:
    provider = Provider(**traits)
    world = World(
        "dockyard.machine.model",
        driver_for(provider),
        OPTIONS,
        calls=provider.calls,
        alive=provider.alive,
        folder=folder,
        clock=provider.clock,
    )
    return provider, world


def run(world: World, *args: t.Any, **wish: t.Any) -> t.Any:
    """One task; again, while the provider has no time to say who we are, or what the newest image is."""
    for _again in range(3):
        try:
            return world.run(*args, **wish)
        except contract.MachineError as error:
            if error.code not in ("account", "look"):
                raise
            world.clock.sleep(5)
    raise AssertionError("never")


def kinds(world: World) -> list[str]:
    return sorted(thing.kind for thing in world.alive())


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ALONE)) for name in BAD])
def test_a_machine_lives_and_leaves_nothing(name: str, tmp_path: pathlib.Path) -> None:
    provider, world = make(tmp_path, **BAD[name])
    assert run(world).machine["state"] == contract.RUNNING
    whole = ["address", "firewall", "key", "machine", "volume"]
    assert kinds(world) == whole
    assert not run(world).changed
    for state, seen in (("stopped", contract.STOPPED), ("started", contract.RUNNING), ("restarted", contract.RUNNING)):
        assert run(world, state, keep_options=True).machine["state"] == seen
    provider.clock.sleep(DAY)
    assert not run(world).changed
    assert run(world, options={"rules": [443], "disk": 0}).changed
    assert run(world, options={"rules": [443], "image": "other"}, recreate=True).changed
    assert kinds(world) == sorted({*whole, "volume"} if world.resources().get("Volume/data") else {*whole} - {"volume"})
    run(world, "absent")
    assert not world.alive()
    record = world.last.resources.record.id
    provider.clock.sleep(DAY)
    assert not provider.alive(record_id=record)


@pytest.mark.parametrize(
    "fault, code",
    [
        ("quota", contract.REFUSED),
        ("expired", contract.REFUSED),
        ("timeout", contract.UNSURE),
        ("throttled_bare", contract.BUSY),
    ],
)
def test_what_stays_wrong_is_an_error_and_is_mended_by_the_next_run(
    fault: str, code: str, tmp_path: pathlib.Path
) -> None:
    provider, world = make(tmp_path)
    provider.faults = [Fault(fault, "run_machine", times=math.inf)]
    with pytest.raises(contract.MachineError) as caught:
        world.run()
    assert caught.value.code == code
    assert caught.value.left_behind
    provider.faults = []
    world.run()
    assert kinds(world) == ["address", "firewall", "key", "machine", "volume"]
    world.run("absent")
    assert not world.alive()


def test_the_driver_says_what_its_provider_does(tmp_path: pathlib.Path) -> None:
    said = {kind.__name__: kind for kind in driver_for(Provider(token_scope=None, unique=("key",), list_lag=7)).kinds}
    assert (said["Server"].identity, said["Firewall"].identity, said["Key"].identity) == (None, None, "name")
    assert said["Server"].lag == 8
    said = {kind.__name__: kind for kind in driver_for(Provider(), Server={"lag": 0.5}).kinds}
    assert (said["Server"].identity, said["Server"].lag, said["Volume"].identity) == ("token", 0.5, "token")
