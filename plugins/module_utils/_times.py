# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time and lengths of time, as records and options write them."""

from __future__ import annotations

import datetime
import re
import time

from ._errors import BadOption
from ._schema import TIME

NEVER = "never"  # as an end
LONGEST = 100 * 365 * 86400  # seconds of a life: beyond that dates end, and nobody means it
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> str:
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(TIME)


def seconds_of(option: str, life: str) -> int | None:
    """A length of time like 90m, 8h or 7d; None: never."""
    found = re.fullmatch(rf"([1-9][0-9]*)([smhdw]?)|{NEVER}", life)
    if not found:
        raise BadOption(option, f"{life!r} is not a valid duration", "Write it like 90m, 8h, 7d, in seconds, or never")
    if life == NEVER:
        return None
    seconds = int(found.group(1)) * UNITS[found.group(2)]
    if seconds > LONGEST:
        raise BadOption(option, f"{life!r} is more than a hundred years", "Give less, or never")
    return seconds
