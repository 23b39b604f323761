# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One resource of a record, brought to where it should be: created once, settled, removed for sure.

The rules that keep anything from being lost or made twice:
- what is about to be called is saved before the call, and the id in the very next instruction after it;
- a create whose outcome isn't known is resolved (by its token, its name or the tags) before anything else;
- ``attempt`` rises only when it is certain that the last one made nothing, or when what it made is gone;
- "not found" is believed on a second read, past the provider's lag, and in the recorded account only.

Each file is a chapter on top of the one before: _calls, _looking, _removing, _making, _tagging.
"""

from __future__ import annotations

from ._calls import PENDING, UNSURE_TRIES, ProviderError
from ._looking import Unproved
from ._making import AFTER_CREATE, Full
from ._tagging import Tagging

__all__ = [
    "AFTER_CREATE",
    "PENDING",
    "UNSURE_TRIES",
    "Full",
    "ProviderError",
    "Resources",
    "Unproved",
]


class Resources(Tagging):
    """The resources of one record, and the calls that concern them."""
