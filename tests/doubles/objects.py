# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in memory, for stores in tests: each call whole and seen at once, with faults where a test wants them.

    clock = Clock()                                 # virtual
    memory = Memory(clock)
    store = ObjectStore(memory, str(tmp_path), clock, background=False)     # one controller; several may share memory
    memory.fault = lambda call: LOST if call.name.startswith("put") else None

``background=False``: no thread renews leases. Whoever plays a live controller calls store.heartbeat() while it waits
(a virtual clock's sleep is the place); one that does not is as good as dead, and others take over after a period.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._clock import Clock
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store._lease import Conflict, StoredObject

# What can befall a call
REFUSED = "refused"  # no effect, and an error: the service can't be reached
CUT = "cut"  # done, and an error: the answer is lost for good
KILLED = "killed"  # done, and the process ends
LOST = "lost"  # done, the answer is lost, and the SDK repeats the call: a conditional one is refused then


@dataclasses.dataclass
class Call:
    name: str  # get, put_if_absent, put_if_match, delete, list
    key: str
    number: int


class Killed(BaseException):
    """The process ends here. Raised by a fault itself, it ends before the call is done."""


class Memory:
    def __init__(self, clock: Clock | None = None, where: str = "s3://memory/store", seconds: float = 0.0) -> None:
        self.where = self.place = where
        self.objects: dict[str, StoredObject] = {}
        self.calls: list[Call] = []
        self.fault: collections.abc.Callable[[Call], str | None] = lambda call: None
        self.clock = clock
        self.seconds = seconds  # what a call takes
        self._writes = 0

    def get(self, key: str) -> StoredObject | None:
        return self._call("get", key, lambda: self.objects.get(key))

    def put_if_absent(self, key: str, data: bytes) -> str:
        return self._call("put_if_absent", key, lambda: self._put(key, data, None))

    def put_if_match(self, key: str, data: bytes, tag: str) -> str:
        return self._call("put_if_match", key, lambda: self._put(key, data, tag))

    def delete(self, key: str, tag: str | None = None) -> None:
        self._call("delete", key, lambda: self._delete(key, tag))

    def list(self, prefix: str) -> list[str]:
        return self._call("list", prefix, lambda: sorted(key for key in self.objects if key.startswith(prefix)))

    def at(self, where: str) -> Memory:
        """The same objects, copied to another place."""
        other = Memory(self.clock, where)
        other.objects.update(self.objects)
        other._writes = self._writes
        return other

    def _put(self, key: str, data: bytes, tag: str | None) -> str:
        found = self.objects.get(key)
        if (found.tag if found else None) != tag:
            raise Conflict(key)
        self._writes += 1
        self.objects[key] = StoredObject(data, f'"{self._writes}"')
        return self.objects[key].tag

    def _delete(self, key: str, tag: str | None) -> None:
        found = self.objects.get(key)
        if found and tag and found.tag != tag:
            raise Conflict(key)
        self.objects.pop(key, None)

    def _call(self, name: str, key: str, effect: collections.abc.Callable[[], t.Any]) -> t.Any:
        call = Call(name, key, len(self.calls))
        self.calls.append(call)
        if self.clock and self.seconds:
            self.clock.sleep(self.seconds)
        fault = self.fault(call)
        if fault == REFUSED:
            raise _unreachable(self.place)
        refused = None
        try:
            answer = effect()
        except Conflict as error:
            refused = error
        if fault == KILLED:
            raise Killed
        if fault == CUT:
            raise _unreachable(self.place)
        if refused:
            raise refused
        return effect() if fault == LOST else answer


def _unreachable(place: str) -> MachineError:
    return MachineError(f"The store {place} can't be reached", code="store", remedy="Run again")
