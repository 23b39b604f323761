# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _groups


def test_a_machine_that_is_to_be_is_in_all_groups_but_those_of_its_state():
    groups = _groups.of_wanted("dockyard.machine.qemu", "web", "shop", {"tier": "a.b", "empty": ""})
    assert groups == ["dockyard", "driver_qemu", "role_web", "fleet_shop", "label_tier_a_b"]
    assert _groups.of_wanted("acme.cloud.thing", None, None, {}) == ["dockyard", "driver_acme_cloud_thing"]
