# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong at a boundary, once or from there on.

Whoever was killed after sending and whoever was killed after the answer have left the same behind, unless the request
was still on its way: so there is "killed-after", and "killed-late", where it takes effect while the next run is on.
"Killed after saving" is "killed-after" at the save.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import typing as t

from tests.faults.boundaries import API as API_CALL
from tests.faults.boundaries import DISK, Boundary

if t.TYPE_CHECKING:
    from tests.faults.world import World

BEFORE, AFTER, LATE, TORN, POWER = "killed-before", "killed-after", "killed-late", "torn", "power-cut"
KILLS = (BEFORE, AFTER, LATE, TORN, POWER)
COPIED, KILLED_COPIED = "copied", "killed-after-copied"  # somebody launches more like each of our things just then
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}

# What can go wrong with a call to an API; a world's ``fail`` plays it as the provider's client has it.
THROTTLED, THROTTLED_WITH, INTERNAL, UNAVAILABLE = "429", "429-retry-after", "500", "503"
TIMEOUT_BEFORE, TIMEOUT_AFTER, RESET, HTML = "time-out-before", "time-out-after", "reset-in-body", "html"
HTML_OK = "html-200"  # what a portal or a proxy answers in the provider's place, as if all were well
INTERNAL_AFTER, UNAVAILABLE_AFTER = "500-after", "503-after"  # which took effect all the same
EXPIRED, QUOTA, EMPTY, NO_PAGE, NOT_FOUND = "expired", "quota", "empty-list", "page-missing", "not-found-once"
API = (
    *(THROTTLED, THROTTLED_WITH, INTERNAL, UNAVAILABLE, TIMEOUT_BEFORE, TIMEOUT_AFTER, RESET, HTML),
    *(EXPIRED, QUOTA, EMPTY, NO_PAGE, NOT_FOUND, HTML_OK, INTERNAL_AFTER, UNAVAILABLE_AFTER),
)
NEVER_FOR_EVER = (EMPTY, NO_PAGE, NOT_FOUND)  # would be another provider
EVERYWHERE = (EXPIRED, *ERRORS)  # for ever, they strike all calls, or all writes

# With a host over SSH
UNREACHABLE, LOST, LOST_AFTER, DENIED = "unreachable", "time-out-before", "time-out-after", "denied"
SSH = (UNREACHABLE, LOST, LOST_AFTER, DENIED)


@dataclasses.dataclass
class Fault:
    """One of them, to strike at boundary number ``at``."""

    name: str
    at: int
    for_ever: bool = False
    fired: bool = False
    _where: Boundary | None = None
    _until: float = 0.0

    @property
    def kills(self) -> bool:
        return self.name.startswith(KILLS)

    def strike(
        self,
        world: World,
        number: int,
        boundary: Boundary,
        effect: t.Callable[[], t.Any],
        torn: t.Callable[[], t.Any] | None,
    ) -> t.Any:
        if number == self.at:
            self._where, self._until = boundary, world.clock.now + world.lag
        if not self._strikes(world, number, boundary):
            return effect()
        self.fired = True
        if self.kills:
            self._kill(world, effect, torn)
        if self.name == COPIED:
            result = effect()
            world.copy()
            return result
        if boundary.kind == DISK:
            raise OSError(ERRORS[self.name], os.strerror(ERRORS[self.name]), boundary.name)
        return world.fail(self.name, boundary, effect)

    def _strikes(self, world: World, number: int, boundary: Boundary) -> bool:
        if number == self.at:
            return True
        if self._where is None or boundary.kind != self._where.kind:
            return False
        if self.name == EMPTY:
            return boundary.name == self._where.name and world.clock.now < self._until
        if not self.for_ever:
            return False
        return self.name in EVERYWHERE and suits(self.name, boundary, world) or boundary.name == self._where.name

    def _kill(self, world: World, effect: t.Callable[[], t.Any], torn: t.Callable[[], t.Any] | None) -> t.NoReturn:
        if self.name == AFTER:
            effect()
        elif self.name == KILLED_COPIED:
            effect()
            world.copy()
        elif self.name == LATE:
            world.late.append(effect)
        elif self.name == TORN and torn:
            torn()
        elif self.name.startswith(POWER):
            effect()
            assert world.survives
            world.left = world.survives.states()[int(self.name.rpartition("-")[2])]
        world.die()


def suits(fault: str, boundary: Boundary, world: World) -> bool:
    """Whether that can happen there."""
    if boundary.kind == DISK:
        if fault == "ENOSPC":
            return not boundary.name.startswith(("unlink", "rmdir"))
        return fault != TORN or boundary.name.startswith("write")
    return fault in (*KILLS, COPIED, KILLED_COPIED) or world.suits(fault, boundary)


def at(number: int, boundary: Boundary, world: World, states: t.Iterable[int]) -> list[Fault]:
    """All that can go wrong there; ``states``: what a power cut may leave of the disk."""
    kills = [AFTER] if boundary.kind == DISK and number else [BEFORE, AFTER]  # before it is after the last one
    if boundary.kind == DISK:
        kills += [TORN, *(f"{POWER}-{one}" for one in states)]
        errors: t.Iterable[str] = ERRORS
    else:
        kills += [LATE] if boundary.changes else []
        if boundary.changes and boundary.kind == API_CALL and world.copies:
            kills += [COPIED, KILLED_COPIED]
        errors = world.failures.get(boundary.kind, ())
    found = [Fault(name, number) for name in kills]
    for name in errors:
        found += [Fault(name, number)] + ([] if name in NEVER_FOR_EVER else [Fault(name, number, True)])
    return [fault for fault in found if fault.name.startswith(POWER) or suits(fault.name, boundary, world)]
