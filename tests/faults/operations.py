# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with a machine, as far as its driver and its world know it."""

from __future__ import annotations

import dataclasses
import types
import typing as t

from ansible_collections.dockyard.machine.plugins.action import machine_record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import _adopt, _prune, _survey
from ansible_collections.dockyard.machine.plugins.module_utils._store._ca import KINDS
from ansible_collections.dockyard.machine.plugins.module_utils.driver import Machine
from tests.faults.world import NAME, World


@dataclasses.dataclass
class Operation:
    """A task, what there was before it, and what it leads to."""

    task: t.Callable[[World], t.Any]
    arguments: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # of the task
    before: t.Callable[[World], t.Any] | None = None
    gone: bool = False  # nothing is left of the machine
    settles: bool = True  # run again, it changes nothing
    takes_down: bool = False  # it may take down what was there
    needed: bool = False  # nothing else can be done before it is done
    running: bool = False  # it needs a machine that runs


def task(state: str = "present", **arguments: t.Any) -> t.Callable[[World], t.Any]:
    return lambda world: world.run(state, **arguments)


def operations(world: type[World]) -> dict[str, Operation]:
    """What can be done with this driver's machines."""
    made = task(labels={"tier": "front"})
    found = {"create": Operation(task()), "remove": Operation(task("absent"), before=made, gone=True, takes_down=True)}
    for name, traits in world.shortages.items():
        found[f"create-{name}"] = Operation(task(), before=lambda world, traits=traits: world.set(**traits))
    for name, arguments in world.changes.items():
        again = bool(arguments.get("recreate"))
        found[name] = Operation(task(**arguments), arguments, made, takes_down=again, settles=not again)
    states = world.states()
    for state in ("stopped", "killed", "paused"):
        if state in states:
            found[state] = Operation(task(state), before=made, running=state == "paused")
    if "started" in states:
        found["started"] = Operation(task("started"), before=lambda world: (made(world), world.run("stopped")))
    if "restarted" in states:
        found["restarted"] = Operation(task("restarted"), before=made, settles=False)
    expiring = task(expires_in="1h")
    found["prune"] = Operation(
        prune, before=lambda world: (expiring(world), world.wait(7200)), gone=True, takes_down=True
    )
    if any(hasattr(kind, "tag") for kind in world.driver.kinds):
        put_off = {"expires_in": "never"}
        found["expiry"] = Operation(task(**put_off), put_off, before=expiring)
    if any(kind.lists_account and issubclass(kind, Machine) for kind in world.driver.kinds):
        found["adopt"] = Operation(adopt, before=lambda world: (made(world), world.lose_record()), needed=True)
    if world.driver.ssh_user:
        found["reached"] = Operation(reached, before=made)
        for kind in KINDS if world.rotates else ():
            found[f"rotate-{kind}"] = Operation(
                lambda world, kind=kind: world.engine.rotate(kind),
                before=lambda world: (made(world), world.set_up()),
                settles=False,
            )
        found["renew-certificate"] = Operation(renew_certificate, before=lambda world: (made(world), world.age()))
    return found


def reached(world: World) -> bool:
    """The machine was reached: what only its first boot needed goes, and so does a host key that others may know."""
    action = object.__new__(machine_record.ActionModule)
    action._task = types.SimpleNamespace(check_mode=False)
    action.estate_ssh = lambda variables, machine: []  # type: ignore[method-assign]
    arguments = {"name": NAME, "store": str(world.store_folder), "engine": None, "reached": True, "lock_timeout": 60}
    return bool(action.perform(arguments, {})["changed"])


def prune(world: World) -> bool:
    """What has expired."""
    return _told(_prune.Pruner(_survey.Survey(world.driver, world.store(), world.wish(""), world.clock)).run())


def adopt(world: World) -> bool:
    """All that is ours and has no record; what was not to be seen of it, the next run makes or finds."""
    survey = _survey.Survey(world.driver, world.store(), world.wish(""), world.clock)
    adopted = _told(_adopt.Adopter(survey, [NAME, *world.ids()]).run())  # nothing proves some of them but one's word
    return bool(world.run().changed or adopted)


def _told(result: dict[str, t.Any]) -> bool:
    """Whether it changed anything; raises what it says that failed."""
    if result.get("failed"):
        error = result["error"]
        raise MachineError(result["msg"], error["code"], error["left_behind"], error["remedy"])
    return bool(result["changed"])


def renew_certificate(world: World) -> bool:
    """The client's, as create_hosts does it when it is old."""
    renewed = world.store().make_ca()
    return bool(world.run().changed or renewed)
