# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what happens to a machine: plan, freeze, make, settle, power, remove. Knows no provider.

Each verb is one file, from top to bottom: _present, _power, _gathered, _absent. They work on a _task, by parts: _planning,
_choices, _backups, _comparison, _updating. Whole accounts are looked at by _survey, for _prune and _adopt: _things has
what is there, _books what the store says of it.
"""

from __future__ import annotations

import typing as t

from .._clock import Clock
from .._contract import Driver, Seen
from .._errors import MachineError
from .._plan import Recipe
from .._record import Record
from .._resources import Resources
from .._store import Store
from .._wish import Outcome, Wish
from ._gathered import Observer
from ._present import Presence
from ._task import POWER, Task

__all__ = ["POWER", "Lifecycle", "Outcome", "Wish", "gather"]


class Lifecycle:
    """One machine, one task. Each verb returns an Outcome or raises a MachineError."""

    def __init__(self, driver: type[Driver], store: Store, wish: Wish, clock: Clock | None = None) -> None:
        self.task = Task(driver, store, wish, clock)
        self.presence = Presence(self.task)
        self.observer = Observer(self.task)

    def present(self, start: bool = False) -> Outcome:
        """Ensure that the machine exists as asked for; with ``start``, that it runs."""
        return self.presence.run(start)

    def power(self, state: str) -> Outcome:
        """Bring an existing machine to a state of power."""
        return self.presence.power.run(state)

    def gathered(self, over_ssh: bool = True, seen: Seen | None = None) -> dict[str, t.Any] | None:
        """The machine as it is now, or was ``seen`` just now; None if only SSH could tell, and may not be asked."""
        return self.observer.run(over_ssh, seen)

    def absent(self, due: t.Callable[[Record], t.Any] = lambda record: True) -> Outcome:
        """Ensure that nothing of the machine is left, here and at the provider; of a record, if it is ``due``."""
        return self.presence.removal.run(due)

    def states(self) -> list[str]:
        """The states that this driver knows."""
        return self.task.states()

    def copies(self) -> list[str]:
        """What is to be said of each thing that this task met, and that is somebody's copy of the machine's."""
        return self.task.copies()

    # What the contract suite looks at

    @property
    def store(self) -> Store:
        return self.task.store

    @property
    def wish(self) -> Wish:
        return self.task.wish

    @property
    def driver(self) -> Driver:
        return self.task.driver

    @property
    def resources(self) -> Resources:
        return self.task.resources

    def _recipe(self, record: Record) -> Recipe:
        return self.task.recipe(record)

    def _keep_options(self, record: Record) -> None:
        self.presence.planner.keep_options(record)


def gather(
    lifecycles: list[Lifecycle], others: list[Seen] | None = None
) -> list[tuple[Lifecycle, dict[str, t.Any] | None]]:
    """Machines of one place as they are now: by one connection, one look whose account it is, one list if possible.

    What that list has beside them is put into ``others``.
    """
    records = [(lifecycle, record) for lifecycle in lifecycles if (record := lifecycle.task.read())]
    if not records:
        return []
    first, record = records[0]
    try:
        first.task.begin(record)
        account = first.resources.account()
    except MachineError as error:
        return [(lifecycle, lifecycle.observer.unseen(record, error, keep=False)) for lifecycle, record in records]
    for lifecycle, _record in records:
        lifecycle.task.connected, lifecycle.task.known_account = first.driver, account
    ours = [(lifecycle, record) for lifecycle, record in records if record.account == account]
    found = [(lifecycle, lifecycle.gathered()) for lifecycle, record in records if record.account != account]
    try:
        listed = {seen.id: seen for seen in first.observer.listed()} if ours else {}
    except MachineError as error:
        return found + [(lifecycle, lifecycle.observer.unseen(record, error)) for lifecycle, record in ours]
    for lifecycle, record in ours:
        resource = record.resource(record.machine)
        seen = listed.pop(resource.id, None) if resource and resource.id else None
        found.append((lifecycle, lifecycle.gathered(over_ssh=False, seen=seen)))
    if others is not None:
        others.extend(listed.values())
    return found
