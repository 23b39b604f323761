# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract: what a driver must and may define.

A driver is a recipe and its kinds. The recipe says what, the kinds say how, the lifecycle says when.
The life of a machine, in the order in which the lifecycle calls a driver:

  present     connect(), account()       who we are to the provider
              recipe(m), on paper        what the machine needs, in creation order; the result is data
              kind.get(it)               for each existing() of the recipe: the user's own, read, never touched
              the plan is frozen: saved before the first call; check mode and diff end here and show it
              kind.list(it)              for each want: is it there already, from an earlier try?
              kind.create(it)            if not; its id is saved by the very next instruction
              kind.get(it), adjust(it)   until ``seen`` covers the request
              kind.start(it)             if the machine does not run
  later       kind.get(it)               for each resource; only then recipe(old options) and recipe(new options)
              kind.adjust(it)            are compared; what can't be adjusted is drift
              kind.tag(it)               if the tags say another end than the record
  power       kind.stop(it), ...         called until the state agrees; what isn't defined does not exist
  gathered    kind.get(it) or list(it)   changes nothing
  absent      account()                  must be the recorded one
              kind.delete(it)            in reverse order, called until get() finds nothing

A method makes one call. It does not wait, retry, log, catch or keep anything: what an exception means is
looked up in ``verdicts``. Everything else happens once, in the core.
"""

from __future__ import annotations

from ._contract import (
    ABSENT,
    BUSY,
    CREATING,
    ERROR,
    FULL,
    MISMATCH,
    MISSING,
    OVER_SSH,
    PAUSED,
    REFUSED,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    TAKEN,
    UNKNOWN,
    UNSURE,
    Driver,
    Kind,
    Machine,
    ResourceContext,
    Seen,
)
from ._errors import BadOption, MachineError

It = ResourceContext  # the short name, for the annotations of drivers


def run(driver: type[Driver]) -> None:
    """The whole of a driver module's main()."""
    from ._module import run as run_module  # the lifecycle is no part of the contract, and needs a newer Python

    run_module(driver)


__all__ = [
    "ABSENT",
    "BUSY",
    "CREATING",
    "ERROR",
    "FULL",
    "MISMATCH",
    "MISSING",
    "OVER_SSH",
    "PAUSED",
    "REFUSED",
    "RUNNING",
    "STARTING",
    "STOPPED",
    "STOPPING",
    "TAKEN",
    "UNKNOWN",
    "UNSURE",
    "BadOption",
    "Driver",
    "It",
    "Kind",
    "Machine",
    "MachineError",
    "ResourceContext",
    "Seen",
    "run",
]
