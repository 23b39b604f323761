# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other or wrong credentials: another account's machines are unknown, never absent, and their records stay as they are."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _lifecycle as lifecycle
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from tests.unit.world import READS, World

ALICE, BOB = {"token": "alice:x"}, {"token": "bob:x"}
MACHINES = ("web1", "web2")


def files(world: World) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in world.store_folder.rglob("*.json")}


def gather(world: World, *names: str, **options: t.Any) -> list[dict[str, t.Any]]:
    asked = [world.lifecycle(name, keep_options=True, options=options) for name in names]
    return [machine for _one, machine in lifecycle.gather(asked) if machine]


def refuse(world: World) -> None:
    """Credentials that are wrong: the account can't be asked for."""
    world.cloud.set(faults=[{"call": "whoami", "code": "Invalid", "times": 99}])


@pytest.fixture()
def alice(world: World) -> World:
    for name in MACHINES:
        world.run(name=name, options=ALICE)
        assert world.lifecycle(name, options=ALICE).gathered()["state"] == "running"
    return world


@pytest.mark.parametrize("wrong", [False, True])
def test_another_accounts_machines_are_unknown_and_what_was_observed_stays(alice: World, wrong: bool) -> None:
    before, ledger = files(alice), len(alice.state["ledger"])
    if wrong:
        refuse(alice)
    seen = [alice.lifecycle("web1", options=BOB).gathered(), *gather(alice, *MACHINES, **BOB)]
    assert [one["state"] for one in seen] == ["unknown"] * 3
    said = ["does not say whose account it is"] if wrong else ["'alice'", "'bob'"]
    assert all(word in one["error"] for one in seen for word in said)
    assert all(one["address"] for one in seen), "as it was seen last"
    assert files(alice) == before
    assert set(alice.calls(ledger)) == {"whoami"}, "nothing is looked for there"


def test_the_account_is_asked_once_a_place_whoever_it_has(alice: World) -> None:
    alice.run(name="other", options=BOB)
    alice.cloud.change(lambda state: state["things"].pop(next(iter(state["things"]))))
    ledger = len(alice.state["ledger"])
    found = {one["name"]: one for one in gather(alice, "other", *MACHINES, **ALICE)}
    assert {name: one["state"] for name, one in found.items()} == {
        "web1": "absent",
        "web2": "running",
        "other": "unknown",
    }
    assert "'bob'" in found["other"]["error"]
    assert alice.calls(ledger).count("whoami") == 1
    assert not gather(alice, "web2", **ALICE)[0]["error"]


def test_a_list_that_does_not_come_is_kept_as_unknown_of_its_own_account_alone(alice: World) -> None:
    alice.run(name="other", options=BOB)
    before = files(alice)
    alice.cloud.set(faults=[{"call": "list_things", "code": "Timeout", "times": 99}])
    assert [one["state"] for one in gather(alice, "other", *MACHINES, **ALICE)] == ["unknown"] * 3
    changed = {path for path, text in files(alice).items() if before[path] != text}
    assert len(changed) == 2 and not any("/other/" in path for path in changed)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", ["present", "started", "stopped", "restarted", "absent"])
def test_other_credentials_are_refused_before_anything_is_noted(alice: World, state: str, check: bool) -> None:
    before, ledger = files(alice), len(alice.state["ledger"])
    more = {"labels": {"a": "b"}, "expires_in": "8h", "role": "db", "fleet": "shop", "tls_san": ["x.example"]}
    with pytest.raises(MachineError) as caught:
        alice.run(state, options={**BOB, "rules": [22, 80], "image": "other"}, check=check, **more)
    assert caught.value.code == "wrong_account"
    assert files(alice) == before
    assert set(alice.calls(ledger)) <= READS


def test_what_is_only_noted_needs_the_right_account_too(alice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at a provider that shows another account's things, or numbers each account's from 1."""
    alice.cloud.change(
        lambda state: [one.update(account="bob") for kind in ("things", "keys") for one in state[kind].values()]
    )
    before = files(alice)
    with pytest.raises(MachineError) as caught:
        alice.run(options=BOB, labels={"a": "b"})
    assert caught.value.code == "wrong_account" and files(alice) == before
    assert alice.lifecycle("web1", options=BOB).gathered()["state"] == "unknown"


def test_not_found_is_believed_in_the_recorded_account_only(alice: World) -> None:
    task = alice.lifecycle("web1", options=BOB).task
    task.begin(task.read())
    for resource in task.resources.record.resources:
        with pytest.raises(MachineError) as caught:
            task.resources.confirm(resource)
        assert caught.value.code == "wrong_account"
