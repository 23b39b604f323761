# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One resource of a record, brought to where it should be: created once, settled, removed for sure.

The rules that keep anything from being lost or made twice:
- what is about to be called is saved before the call, and the id in the very next instruction after it;
- a create whose outcome isn't known is resolved (by its token, its name or the tags) before anything else;
- ``attempt`` rises only when it is certain that the last one made nothing, or when what it made is gone;
- "not found" is believed on a second read, past the provider's lag, and in the recorded account only.

Calls knows the provider; Finder, Creator, Remover, Maker and Tagger each do one thing by it, one file each. The lifecycle
has them together, as Resources.
"""

from __future__ import annotations

import typing as t

from .._contract import Driver
from .._record import Record
from ._calls import PENDING, UNSURE_TRIES, Calls, ProviderError
from ._creating import AFTER_CREATE, Creator, NoCapacity
from ._looking import Finder, UnprovenError
from ._making import Maker
from ._removing import Remover
from ._tagging import Tagger

__all__ = [
    "AFTER_CREATE",
    "PENDING",
    "UNSURE_TRIES",
    "Calls",
    "NoCapacity",
    "ProviderError",
    "Resources",
    "UnprovenError",
]


class Resources:
    """The resources of one record, and what can be done with them: each by the part that does it."""

    def __init__(self, driver: Driver, record: Record, **about: t.Any) -> None:
        calls = self.calls = Calls(driver, record, **about)
        finder = self.finder = Finder(calls)
        creator = self.creator = Creator(calls, finder)
        remover = Remover(calls, finder, creator)
        maker = Maker(calls, finder, creator, remover)
        tagger = Tagger(calls, finder)

        self.record = record
        self.kind, self.it = calls.kind, calls.it
        self.account, self.check_account, self.note_account = calls.account, calls.check_account, calls.note_account
        self.get, self.last, self.note, self.forget = calls.get, calls.last, calls.note, calls.forget
        self.read, self.ask, self.attempt, self.insist = calls.read, calls.ask, calls.attempt, calls.insist
        self.left_behind, self.timed_out = calls.left_behind, calls.timed_out
        self.confirm, self.find, self.listed, self.copies = finder.confirm, finder.find, finder.listed, finder.copies
        self.ensure, self.differing = maker.ensure, maker.differing
        self.remove, self.delete = remover.remove, remover.delete
        self.delete_late, self.delete_lost = remover.delete_late, remover.delete_lost
        self.tag, self.is_stale = tagger.tag, tagger.is_stale

    @property
    def changed(self) -> bool:
        """Whether a call was made that may have changed something."""
        return self.calls.changed

    @property
    def fresh(self) -> bool:
        """Whether the record was made in this run, so that nothing can be there yet."""
        return self.creator.fresh

    @fresh.setter
    def fresh(self, fresh: bool) -> None:
        self.creator.fresh = fresh
