# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that say another end than the record: whoever finds them without it would end the machine by them."""

from __future__ import annotations

from .._contract import Seen
from .._record import Resource
from .._times import NEVER
from ._calls import Calls
from ._looking import Finder


class Tagger:
    """Writes the record's expiry into tags."""

    def __init__(self, calls: Calls, finder: Finder) -> None:
        self.calls, self.finder, self.clock = calls, finder, calls.clock

    def is_stale(self, resource: Resource, seen: Seen | None) -> bool:
        """Whether its tags say another end than its record, and its kind can let them say this one."""
        if seen is None or resource.existing or not hasattr(self.calls.kind(resource), "tag"):
            return False
        end = self.calls.it(resource).tags.get("expires")  # not said: who adopted it is to say it first
        return end is not None and seen.tags.get("expires", NEVER) != end

    def tag(self, resource: Resource, seen: Seen) -> None:
        """Let it bear the end that its record says; no call, if it does."""
        if not self.is_stale(resource, seen):
            return
        for _left in self.clock.poll(self.calls.timeout):
            self.calls.attempt(resource, "tag")
            now = self.finder.confirm(resource)
            if now is None or not self.is_stale(resource, now):
                return  # what is gone is recreated, with these tags, by the next run
        raise self.calls.timed_out(f"{resource.kind} {resource.id} still has another expiry", self.calls.timeout)
