# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile values of every option of every driver: refused, or the machine can be removed, and nothing is left."""

from __future__ import annotations

import importlib
import os
import pathlib
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dockyard.machine.plugins.module_utils import _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import check_lists
from ansible_collections.dockyard.machine.plugins.modules import amazonec2
from tests.contract import World
from tests.contract.conftest import SLOW, WORLDS, own_address
from tests.faults.hosts import keygen

TEXTS = ["", " ", "\n", "\0", "-o 'x", "x" * 5000, "../../x", "{{ 7 * 7 }}", "\u202e\U0001f433"]
NUMBERS = [0, -1, 10**12]
VALUES: dict[str, list[t.Any]] = {
    "str": TEXTS,
    "path": TEXTS,
    "raw": [*TEXTS, [], {}, 0],
    "int": NUMBERS,
    "float": [*NUMBERS, float("nan"), float("inf"), -0.5],
    "bool": [True, False],
    "list": [[], [""], [" "], ["x" * 300] * 2, [{}], ["a"] * 20],
    "dict": [{}, {"": ""}, {"x" * 300: "y" * 300}, {"a": [1]}, {"a": {"b": "c"}}, {"aws:x": "y"}],
}
# Of a driver with many options and a slow double: one value of each kind that has broken something
FEWER: dict[str, dict[str, list[t.Any]]] = {
    "amazonec2": {"str": ["-o 'x\n"], "int": [-1], "list": [[], [""]], "dict": [{"": ""}], "path": ["\0"]}
}


def cases() -> list[t.Any]:
    found = []
    for name in WORLDS:
        world = importlib.import_module(f"tests.contract.doubles.{name}")
        driver = world.world(pathlib.Path("/nowhere")).driver
        # The double of a real API takes its time, and the model goes wrong at each call
        for option, about in driver.argument_spec.items():
            marks = [pytest.mark.slow] if name in {*SLOW, "model"} and option not in ("instance_type", "size") else []
            found.append(pytest.param(name, option, about.get("type", "str"), marks=marks))
    return found


@pytest.mark.parametrize(("name", "option", "type_"), cases())
def test_no_value_leaves_a_machine_that_can_not_be_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, name: str, option: str, type_: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(_ssh, "_run", keygen)
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 AAAAshow"])
    monkeypatch.setattr(amazonec2, "own_address", own_address)
    world: World = importlib.import_module(f"tests.contract.doubles.{name}").world(tmp_path)
    about = {key: one for key, one in world.driver.argument_spec[option].items() if key not in ("default", "fallback")}
    problems = []
    values = FEWER[name].get(type_, []) if name in FEWER else VALUES[type_]
    for value in values:
        checked = ArgumentSpecValidator({option: about}).validate({option: value})
        if checked.error_messages:
            continue
        given = {option: checked.validated_parameters[option]}
        try:
            check_lists({option: about}, given)  # as the module does
        except BadOption:
            continue
        for later in (given, {})[: 1 if name in FEWER else 2]:  # who removes it may say the same, or nothing
            problem = lives(world, given, later)
            if problem:
                problems.append(ascii(f"{str(value)[:40]!r}: {problem}"))
    assert not problems, "\n".join(problems)


def lives(world: World, given: dict[str, t.Any], later: dict[str, t.Any]) -> str | None:
    """What is wrong with the life of a machine that was made with an option; None: nothing."""
    step = "present"
    try:
        try:
            world.run(options=given)
        except MachineError:
            step = "absent after a refusal"
        else:
            step = "present again"
            world.run(options=given)
            step = "absent"
        try:
            world.run("absent", options=later, keep_options=not later)
        except MachineError as error:
            if error.code != "wrong_account":
                raise
            world.run("absent", options=given)  # the option says whose the machine is
    except MachineError as error:
        return f"{step}: {error.text()}" if step.startswith("absent") else None
    except Exception as error:
        return f"{step}: {type(error).__name__}: {error}"
    left = [one for one in world.alive() if world.store.exists]
    return f"left: {left}" if left or (world.store.exists and world.store.names()) else None
