# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.module_utils import driver
from ansible_collections.dockyard.machine.plugins.module_utils._plan import Recipe
from ansible_collections.dockyard.machine.plugins.modules.generic import Generic, Host

OPTIONS = {"address": "192.0.2.10", "ssh_port": 2222, "docker_port": 2376}


def test_the_recipe_takes_up_what_exists() -> None:
    m = Recipe("build1", OPTIONS)
    Generic(OPTIONS).recipe(m)
    assert [(want.kind, want.existing, want.requests) for want in m.wants] == [
        ("Host", "192.0.2.10", [{"ssh_port": 2222, "docker_port": 2376}])
    ]


def test_the_host_is_reached_where_the_options_say() -> None:
    host = Host(None, {})
    request = {"ssh_port": 2222, "docker_port": 2376}
    seen = host.seen(host.get(driver.It(name="build1", id="192.0.2.10", request=request)))
    assert seen.facts == OPTIONS
    assert seen.state is None  # SSH is asked


def test_it_has_no_power_but_a_reboot_from_inside() -> None:
    assert Host.restart == driver.OVER_SSH
    assert not [action for action in ("start", "stop", "kill", "pause", "create", "delete") if hasattr(Host, action)]
