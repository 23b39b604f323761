# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from ansible_collections.dockyard.machine.plugins.module_utils._plan import Recipe
from ansible_collections.dockyard.machine.plugins.modules.none import Endpoint, NoneDriver

URL = "tcp://build.example.com:2376"


def test_the_recipe_makes_nothing() -> None:
    options = {"url": URL}
    m = Recipe("build", options)
    NoneDriver(options).recipe(m)
    assert [(want.kind, want.existing, want.requests) for want in m.wants] == [("Endpoint", URL, [{}])]


def test_clients_are_told_the_url() -> None:
    endpoint = Endpoint(None, {})
    seen = endpoint.seen(endpoint.get(driver.It(name="build", id=URL)))
    assert seen.facts["docker_host"] == URL
    assert seen.state == driver.RUNNING
