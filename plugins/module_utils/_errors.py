# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that a person can act on."""

from __future__ import annotations

import typing as t


class MachineError(Exception):
    """What failed and why, what is left behind, and what to do now.

    ``code`` is a short word for programs, ``left_behind`` names each thing that still exists somewhere.
    """

    def __init__(self, message: str, code: str = "failed", left_behind: t.Sequence[str] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.left_behind = list(left_behind)
        self.remedy = remedy

    def text(self) -> str:
        """The one sentence or two that a person reads."""
        parts = [self.message.rstrip(".") + "."]
        if self.left_behind:
            parts.append("Left behind: " + ", ".join(self.left_behind) + ".")
        if self.remedy:
            parts.append(self.remedy.rstrip(".") + ".")
        return " ".join(parts)

    def details(self) -> dict[str, t.Any]:
        return {"code": self.code, "left_behind": self.left_behind, "remedy": self.remedy}


class BadOption(MachineError):
    """An option that can't be used. ``problem`` is a whole sentence, with the value where that may be shown."""

    def __init__(self, option: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{option}: {problem}", code="bad_option", remedy=remedy or f"Change {option}")
        self.option = option
