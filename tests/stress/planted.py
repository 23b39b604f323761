# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs that the stress must find: each is planted for a while, and some seed must fail."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _resources
from ansible_collections.dockyard.machine.plugins.module_utils._store import _lease
from tests.doubles import objects


def no_lease_asked_before_a_call(patch: pytest.MonkeyPatch) -> None:
    change = _resources.Calls.change

    def unguarded(self, resource, action, it=None):  # type: ignore[no-untyped-def]
        self.guard = lambda seconds: None
        return change(self, resource, action, it)

    patch.setattr(_resources.Calls, "change", unguarded)


def taken_over_at_once(patch: pytest.MonkeyPatch) -> None:
    parse = _lease._parse

    def hasty(data):  # type: ignore[no-untyped-def]
        found = parse(data)
        return found and {**found, "period": found["period"] / 4}

    patch.setattr(_lease, "_parse", hasty)


def no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    put = objects.Memory._put

    def careless(self, key, data, tag):  # type: ignore[no-untyped-def]
        found = self.objects.get(key)
        return put(self, key, data, found.tag if found and key.startswith("records/") else tag)

    patch.setattr(objects.Memory, "_put", careless)


PLANTED = (no_lease_asked_before_a_call, taken_over_at_once, no_compare_and_set)
