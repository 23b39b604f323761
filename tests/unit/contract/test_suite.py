# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract suite finds what is wrong: the model's driver, broken in one way at a time."""

from __future__ import annotations

import pathlib
import random
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import driver as contract
from tests.contract import Case, InAWorld, OnPaper, World
from tests.model import Model, Provider, driver_for
from tests.model import driver as model

Broken = tuple[dict[str, dict[str, t.Any]], dict[str, t.Any]]  # of kinds, of the driver


def kind(name: str, **body: t.Any) -> Broken:
    return {name: body}, {}


def driver(**body: t.Any) -> Broken:
    return {}, body


def untold(it: contract.It) -> contract.It:
    return contract.It(it.name, request=it.request, token=it.token, tags={"store": it.tags["store"]})


def without(table: dict[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in table.items() if name != key}


def listed(this: contract.Kind, it: contract.It) -> list[t.Any]:
    tags = model._tags(it)
    return this.api.paged(this.api.list_machines, tags={"dockyard-id": tags.get("dockyard-id", "none")})


def seen_without_rules(this: contract.Kind, raw: dict[str, t.Any]) -> contract.Seen:
    return model._seen(raw)


def seen_as_it_is_written(this: contract.Kind, raw: dict[str, t.Any]) -> contract.Seen:
    seen = model.Server.seen(t.cast(model.Server, this), raw)
    seen.tags = {name.partition("-")[2]: value for name, value in raw["tags"].items()}
    return seen


def twice(this: contract.Kind, it: contract.It) -> str:
    this.api.whoami()
    return model.Server.create(t.cast(model.Server, this), it)


def looked_for(this: contract.Kind, it: contract.It) -> t.Any:
    return this.api.list_machines() and this.api.get_machine(it.id)


def with_token(token: t.Callable[[], str]) -> t.Callable[[t.Any, contract.It], str]:
    def create(this: t.Any, it: contract.It) -> str:
        it.token = token()
        return model.Volume.create(this, it)

    return create


def nothing(this: contract.Kind, it: contract.It) -> None:
    return None


CAUGHT_IN_A_WORLD: dict[str, tuple[Broken, t.Callable[[InAWorld, World], None]]] = {
    "a create that makes two calls": (kind("Server", create=twice), InAWorld.test_each_method_makes_one_call),
    "a read that makes two calls": (kind("Server", get=looked_for), InAWorld.test_each_method_makes_one_call),
    "a list of one record only": (
        kind("Server", list=listed),
        InAWorld.test_a_list_of_the_account_has_all_that_is_ours,
    ),
    "a list of one name only": (
        kind(
            "Key", list=lambda this, it: [one for one in this.api.paged(this.api.list_keys) if one["name"] == it.name]
        ),
        InAWorld.test_a_list_of_the_account_has_all_that_is_ours,
    ),
    "a create without all tags": (
        kind("Address", create=lambda this, it: this.api.allocate_address(model._tags(untold(it)))),
        InAWorld.test_what_is_made_can_be_told_to_be_ours,
    ),
    "tags that are not read back as they were": (
        kind("Server", seen=seen_as_it_is_written),
        InAWorld.test_what_is_made_can_be_told_to_be_ours,
    ),
    "a token of its own": (
        kind("Volume", create=with_token(lambda: str(random.random()))),
        InAWorld.test_a_repeated_create_is_as_harmless_as_it_says,
    ),
    "the same token for all": (
        kind("Volume", create=with_token(lambda: "mine")),
        InAWorld.test_another_token_or_name_makes_another_one,
    ),
    "an identity that there is not": (
        kind("Address", identity="token"),
        InAWorld.test_a_repeated_create_is_as_harmless_as_it_says,
    ),
    "a name that is not ours alone": (
        kind("Firewall", create=lambda this, it: this.api.create_firewall("dockyard", model._tags(it))),
        InAWorld.test_another_token_or_name_makes_another_one,
    ),
    "a delete that does nothing": (kind("Volume", delete=nothing), InAWorld.test_nothing_is_left),
    "an adjust that does nothing": (kind("Firewall", adjust=nothing), InAWorld.test_a_machine_is_made),
    "a change that is not seen": (
        kind("Firewall", seen=seen_without_rules),
        InAWorld.test_what_can_be_changed_is_seen,
    ),
    "a state that is not reached": (
        kind("Server", pause=lambda this, it: this.api.stop_machine(it.id)),
        InAWorld.test_each_state_of_power_is_reached,
    ),
    "no verdict on what is missing": (
        driver(verdicts=without(Model.verdicts, "NotFound")),
        InAWorld.test_what_does_not_exist_is_not_seen,
    ),
    "no verdict on a name that is taken": (
        driver(verdicts=without(Model.verdicts, "Taken")),
        InAWorld.test_a_repeated_create_is_as_harmless_as_it_says,
    ),
    "an account that is never asked": (
        driver(account=lambda this: "acme"),
        InAWorld.test_another_account_is_refused,
    ),
}


def broken_world(folder: pathlib.Path, broken: Broken) -> World:
    provider = Provider()
    kinds, body = broken
    made = type("Model", (driver_for(provider, **kinds),), {"__module__": Model.__module__, **body})
    options = {"region": "north", "disk": 5, "public_address": True, "tags": {"team": "web"}}
    return World(
        "dockyard.machine.model",
        made,
        options,
        calls=provider.calls,
        alive=provider.alive,
        folder=folder,
        clock=provider.clock,
        adjust={"rules": [443], "disk": 0},
        other_account={"token": "other:"},
    )


@pytest.mark.parametrize("name", CAUGHT_IN_A_WORLD)
def test_what_is_wrong_in_a_world_is_caught(name: str, tmp_path: pathlib.Path) -> None:
    broken, test = CAUGHT_IN_A_WORLD[name]
    test(InAWorld(), broken_world(tmp_path / "right", ({}, {})))
    with pytest.raises((AssertionError, contract.MachineError, pytest.fail.Exception)):
        test(InAWorld(), broken_world(tmp_path / "wrong", broken))


def recipe(how: t.Callable[[Model, t.Any], dict[str, t.Any]]) -> dict[str, t.Any]:
    def made(this: Model, m: t.Any) -> None:
        m.want(model.Server, {"volumes": [], "address": None, "size": "small", **how(this, m)})

    return {"recipe": made}


CAUGHT_ON_PAPER: dict[str, tuple[dict[str, t.Any], t.Callable[[OnPaper, Case], None]]] = {
    "a recipe that throws dice": (recipe(lambda this, m: {"x": random.random()}), OnPaper.test_the_recipe_is_pure),
    "a recipe that calls": (
        recipe(lambda this, m: {"image": this.client.newest_image()}),
        OnPaper.test_the_recipe_is_pure,
    ),
    "a recipe that forgets what can be changed": (
        {"recipe": lambda this, m: m.want(model.Server, {"size": "small"})},
        OnPaper.test_what_can_be_adjusted_is_part_of_a_request,
    ),
    "an option without documentation": (
        {"argument_spec": {**Model.argument_spec, "colour": {"type": "str"}}},
        OnPaper.test_the_documentation_agrees_with_the_options,
    ),
    "a secret that says where": ({"place": ("token",)}, OnPaper.test_where_it_is_is_no_secret),
    "a verdict that there is not": ({"verdicts": {"*": "perhaps"}}, OnPaper.test_verdicts_are_such),
    "a machine without power": ({"kinds": (model.Key,)}, OnPaper.test_there_is_one_kind_with_power),
}


@pytest.mark.parametrize("name", CAUGHT_ON_PAPER)
def test_what_is_wrong_on_paper_is_caught(name: str) -> None:
    body, test = CAUGHT_ON_PAPER[name]
    right = Case.of(model, "dockyard.machine.model")
    test(OnPaper(), right)
    with pytest.raises(AssertionError):
        test(OnPaper(), Case(right.name, model, type("Model", (Model,), {"__module__": Model.__module__, **body})))


def test_a_module_defines_one_driver() -> None:
    empty = types.ModuleType("ansible_collections.acme.cloud.plugins.modules.thing")
    with pytest.raises(AssertionError):
        Case.of(empty)
    type_of = type("Thing", (Model,), {"__module__": empty.__name__})
    vars(empty).update(Thing=type_of, Model=Model)
    assert Case.of(empty).name == "acme.cloud.thing" and Case.of(empty).driver is type_of
