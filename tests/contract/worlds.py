# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world: a driver that is connected to a double of its provider, a store of its own, a clock that only waiting moves."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import pathlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _module
from ansible_collections.dockyard.machine.plugins.module_utils import driver as contract
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import POWER, Lifecycle, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore

from ..model.clock import Clock

METHODS = ("get", "list", "create", "adjust", "tag", "delete", "start", "stop", "restart", "kill", "pause", "unpause")
READS = ("get", "list")
Options = dict[str, t.Any]


def connected(driver: type[contract.Driver], connect: t.Callable[[Options], t.Any]) -> type[contract.Driver]:
    """The driver, whose client is what ``connect(options)`` returns: the double's."""
    body = {"connect": lambda self: connect(self.options), "__module__": driver.__module__}
    return type(driver.__name__, (driver,), body)


@dataclasses.dataclass
class RecordedCall:
    """A method of a kind that was called, and the calls to the provider that it made."""

    kind: str
    method: str
    calls: list[str]


@dataclasses.dataclass
class World:
    """What a driver's test folder gives the suite, as the fixture ``world``."""

    name: str  # the driver's, FQCN
    driver: type[contract.Driver]  # connected to the double
    options: Options  # what a machine is made with, and as much of it as there is
    calls: t.Callable[[], t.Sequence[str]]  # the names of all calls to the provider so far
    alive: t.Callable[[], t.Collection[t.Any]]  # all that exists at the provider and costs
    folder: pathlib.Path  # for the store
    clock: Clock = dataclasses.field(default_factory=Clock)
    adjust: Options = dataclasses.field(default_factory=dict)  # options that are changed in place, each by itself
    adjust_stopped: Options = dataclasses.field(default_factory=dict)  # the same, of a stopped machine
    grows: t.Collection[str] = ()  # those of both that can't be changed back
    drift: Options = dataclasses.field(default_factory=dict)  # options that only another machine has
    other_account: Options = dataclasses.field(default_factory=dict)  # options that mean another account
    # Somebody's copy of the thing with that id, with all its tags, as the provider lets one be made: the copy's id.
    # None for what has no tags of its own.
    copy: t.Optional[t.Callable[[str], t.Optional[str]]] = None
    pages: t.Callable[[str], bool] = lambda call: call.startswith("list")  # calls that a list repeats, page by page

    def __post_init__(self) -> None:
        self.did: list[RecordedCall] = []
        self._within = False
        kinds = tuple(self._traced(kind) for kind in self.driver.kinds)
        self.driver = type(self.driver.__name__, (self.driver,), {"kinds": kinds, "__module__": self.driver.__module__})
        self.last: t.Any = None  # the last task's Lifecycle

    def run(self, state: str = "present", name: str = "web1", options: Options | None = None, **wish: t.Any) -> t.Any:
        """One task, as the module runs it: an Outcome, or what was gathered."""
        given = {**self.options, **(options or {})}
        defaults = {option: one.get("default") for option, one in self.driver.argument_spec.items()}
        asked = {"name": name, "driver": self.name, "options": {**defaults, **given}, "given": set(given)}
        asked.update(secret=_module.secret_options(self.driver), **wish)
        self.did.clear()
        self.last = it = Lifecycle(self.driver, self.store, Wish(**asked), self.clock)
        if state in ("present", "started"):
            return it.present(start=state == "started")
        if state in POWER:
            return it.power(state)
        return it.absent() if state == "absent" else it.gathered()

    @property
    def store(self) -> FileStore:
        return FileStore(str(self.folder / "store"))

    def resources(self, name: str = "web1") -> dict[str, str | None]:
        """key -> id, of the record."""
        record = self.store.read(name)
        return {one.key: one.id for one in record.resources} if record else {}

    def made(self) -> list[tuple[contract.Kind, contract.It]]:
        """Each thing that the last task's machine owns, as the methods of its kind meet it."""
        resources = self.last.resources
        owned = [one for one in resources.record.resources if not one.existing]
        return [(resources.kind(one), resources.it(one)) for one in owned]

    def verdict(self, error: Exception) -> str:
        """What the driver says that an error of its provider means."""
        code, verdicts = self.last.driver.code(error), self.driver.verdicts
        return next((verdicts[one] for one in verdicts if fnmatch.fnmatchcase(code, one)), contract.UNSURE)

    def changes(self) -> list[RecordedCall]:
        """What the last task did that may change something."""
        return [one for one in self.did if one.method not in READS]

    def _traced(self, kind: type[contract.Kind]) -> type[contract.Kind]:
        body: dict[str, t.Any] = {"__module__": kind.__module__}
        for name in METHODS:
            method = getattr(kind, name, None)
            if callable(method):
                body[name] = self._trace(kind.__name__, name, method)
        return type(kind.__name__, (kind,), body)

    def _trace(self, kind: str, name: str, method: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        @functools.wraps(method)
        def traced(this: contract.Kind, it: contract.It) -> t.Any:
            if self._within:
                return method(this, it)
            before, self._within = len(self.calls()), True
            try:
                return method(this, it)
            finally:
                self._within = False
                self.did.append(RecordedCall(kind, name, self._without_pages(self.calls()[before:])))

        return traced

    def _without_pages(self, calls: t.Sequence[str]) -> list[str]:
        return [call for at, call in enumerate(calls) if not (at and self.pages(call) and call == calls[at - 1])]
