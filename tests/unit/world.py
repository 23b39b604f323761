# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix' world of the pretend cloud, for tests of single moments."""

from __future__ import annotations

import os
import pathlib
import tempfile
import typing as t

import pytest

from tests.faults import faults
from tests.faults.boundaries import Crash
from tests.faults.worlds import thing

READS = {"whoami", "newest_image", "get_network", "list_keys", "list_volumes", "list_things"}
FULL = {"disk": 5, "token": f"acme:{thing.CANARY}", "user_data": f"#!/bin/sh\n# {thing.CANARY}"}


class World(thing.World):
    """Nothing lags, and a machine has no more than it is asked for."""

    traits: t.ClassVar[dict[str, t.Any]] = {}

    def options(self) -> dict[str, t.Any]:
        return {"endpoint": "memory"}

    def calls(self, since: int = 0) -> list[str]:
        return [entry["call"] for entry in self.state["ledger"][since:]]

    def crash(self, how: str, call: str, *arguments: t.Any, **wish: t.Any) -> None:
        """One task that is killed before or after its first such call."""
        self.crossed, self.fault = [], _At(how, call)
        with pytest.raises(Crash):
            self.run(*arguments, **wish)
        self.fault = None


class _At(faults.Fault):
    def __init__(self, how: str, call: str) -> None:
        super().__init__(how, -1)
        self.call = call

    def strike(self, world: t.Any, number: int, boundary: t.Any, *more: t.Any) -> t.Any:
        if boundary.name == self.call:
            self.at = number
        return super().strike(world, number, boundary, *more)


@pytest.fixture()
def world(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[World]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, monkeypatch.context() as patched:
        yield World(pathlib.Path(folder), patched)
