# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock where nobody notices that its holder has died: an object that its holder must renew.

- Taken by a conditional write, so that one of many wins; renewed by another, so that a lost one is noticed.
- It lasts for a period from when the last renewal was *sent*. Time is the holder's own, sleep of the computer included.
- Another takes it over when it has *seen* it unchanged for a full period, on its own clock. So clocks that differ do no
  harm, and the holder, who checks what is left before each call, stops before anybody else begins.
- No cloud asks for the lease when it is called. A call that hangs for longer than its limit can't be kept from
  taking effect late: what that does is found out by token and tags, and never hits another generation.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import typing as t
import uuid

from .._clock import Clock
from .._errors import MachineError
from .._times import now

PERIOD = 45.0  # seconds without a renewal until others may take it over: less than lock_timeout, so that a re-run can


class StoredObject(t.NamedTuple):
    """An object as it was read. The tag is another one after each write."""

    data: bytes
    tag: str


class Conflict(Exception):
    """A conditional write was refused: the object is there, or is not as it was."""


class Objects(t.Protocol):
    """All that a store asks of a service: these calls, each of them whole or not at all, and seen at once by all."""

    where: str  # what open_store() takes
    place: str  # what stays the same however the service is reached

    def get(self, key: str) -> StoredObject | None: ...

    def put_if_absent(self, key: str, data: bytes) -> str:
        """Returns the tag. A Conflict may be due to an earlier try of this very call: the caller looks."""

    def put_if_match(self, key: str, data: bytes, tag: str) -> str: ...

    def delete(self, key: str, tag: str | None = None) -> None:
        """With a tag, only what is still so. Not there is as good as deleted."""

    def list(self, prefix: str) -> list[str]:
        """All keys that begin so, in order."""


def write(objects: Objects, key: str, data: bytes, tag: str | None) -> str:
    """Write if it is as it was: absent, or with that tag. What was written holds a nonce, so that one's own is known."""
    try:
        return objects.put_if_absent(key, data) if tag is None else objects.put_if_match(key, data, tag)
    except Conflict:
        # The answer of a first try may have been lost: the second one is refused for what the first has done.
        found = objects.get(key)
        if found and found.data == data:
            return found.tag
        raise


def nonce() -> str:
    return uuid.uuid4().hex


class Boottime(Clock):
    """A computer's own time, that in which it sleeps included."""

    def monotonic(self) -> float:
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    def __init__(self, objects: Objects, key: str, name: str, clock: Clock, period: float = PERIOD) -> None:
        self.name = name
        self._objects = objects
        self._key = key
        self._clock = clock
        self._period = period
        self._run = nonce()
        self._tag: str | None = None
        self._until = 0.0
        self._renewing = threading.RLock()  # the run's own thread and the one that renews

    def acquire(self, timeout: float) -> None:
        since, pause = self._clock.monotonic(), 0.1
        seen, seen_since = "", 0.0
        while True:
            asked = self._clock.monotonic()
            found = self._objects.get(self._key)
            holder = _parse(found.data) if found else None
            if found and found.tag != seen:
                # From when it was seen and not from when it was asked for: it may have been written in between.
                seen, seen_since = found.tag, self._clock.monotonic()
            if holder is None or asked - seen_since > holder["period"]:
                try:
                    self._write(found.tag if found else None)
                    return
                except Conflict:
                    continue  # another one was faster
            # One that is not renewed any more is waited for to its end: else no wait would ever be long enough.
            dying = asked - seen_since > 0.5 * holder["period"]
            if self._clock.monotonic() - since >= timeout and not dying:
                raise self._held_by(holder, timeout)
            self._clock.sleep(self._clock.jittered(pause))
            pause = min(pause * 1.5, 2.0)

    def check(self, seconds: float) -> None:
        with self._renewing:
            if self.left <= seconds:
                self._period = max(self._period, 1.5 * seconds)
                self.renew()
            if self.left <= seconds:
                raise MachineError(
                    f"The lease of {self.name.lstrip('.')} could not be renewed in time: the store answers too slowly",
                    code="lease",
                    remedy="Run again",
                )

    def renew(self) -> None:
        """Hold it for another period; an error if somebody else has it now."""
        with self._renewing:
            if self._tag is None:
                raise self._lost()
            try:
                self._write(self._tag)
                return
            except Conflict:
                found = self._objects.get(self._key)
                holder = _parse(found.data) if found else None
                self._tag = None
            if found and holder and holder["run"] == self._run:  # of the last renewal only the answer was lost
                with contextlib.suppress(Conflict):
                    self._write(found.tag)
                    return
            raise self._lost()

    def renew_if_due(self) -> None:
        if self.held and self.left < 2 / 3 * self._period:
            self.renew()

    def release(self) -> None:
        with self._renewing:
            if self._tag is None:
                return
            tag, self._tag = self._tag, None
            # Whoever has it now keeps it, and if nobody has, it runs out
            with contextlib.suppress(Conflict, MachineError):
                write(self._objects, self._key, json.dumps({"nonce": nonce(), "holder": None}).encode(), tag)

    @property
    def held(self) -> bool:
        return self._tag is not None

    @property
    def left(self) -> float:
        """Seconds for which it is surely ours."""
        return self._until - self._clock.monotonic() if self._tag is not None else 0.0

    def _write(self, tag: str | None) -> None:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        lease = {"nonce": nonce(), "run": self._run, "holder": holder, "period": self._period}
        data = json.dumps(lease).encode()
        sent = self._clock.monotonic()
        self._tag = write(self._objects, self._key, data, tag)
        self._until = sent + self._period

    def _lost(self) -> MachineError:
        return MachineError(
            f"Another run works on {self.name.lstrip('.')} now: the lease of this one ran out, as it was suspended or "
            "interrupted for too long",
            code="lease_lost",
            remedy="Run again when that run is over; nothing is made twice",
        )

    def _held_by(self, holder: dict[str, t.Any], timeout: float) -> MachineError:
        who = holder.get("holder")
        said = f"process {who['pid']} on {who['host']} since {who['since']}" if who else "another process"
        return MachineError(
            f"{self.name.lstrip('.')} is being worked on by {said}; waited {timeout:g} s for it",
            code="locked",
            remedy=f"Wait until that run is over, or raise lock_timeout; if it was killed, its lease runs out within "
            f"{holder['period']:g} s",
        )


def _parse(data: bytes) -> dict[str, t.Any] | None:
    """What a lease says; None: it is free. A damaged one is held by somebody unknown."""
    try:
        lease = json.loads(data)
        if lease["holder"] is None:
            return None
        holder = {key: lease["holder"][key] for key in ("pid", "host", "since")}
        return {"holder": holder, "run": lease["run"], "period": lease["period"] + 0}
    except (ValueError, KeyError, TypeError):
        return {"holder": None, "run": None, "period": PERIOD}
