# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups that a machine is in: of the inventory, and of the run that makes the machine, so that both find the same group_vars."""

from __future__ import annotations

import typing as t

from ansible.inventory.group import to_safe_group_name

PARENT = "dockyard"
LABEL = "label_"


def pairs(group_by: t.Iterable[str], variables: dict[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    """Prefix and value of each group, of a host with these variables."""
    for name in group_by:
        if name.startswith(LABEL):
            value = variables["machine_labels"].get(name[len(LABEL) :])
        else:
            value = variables[f"machine_{name}"]
            if name == "driver" and value:
                value = value.removeprefix("dockyard.machine.")
        if value not in (None, ""):
            yield name, str(value)


def group(prefix: str, value: str) -> str:
    return str(to_safe_group_name(f"{prefix}_{value}", force=True, silent=True))


def of_wanted(driver: str, role: str | None, fleet: str | None, labels: dict[str, t.Any]) -> list[str]:
    """All that a machine can be in whatever becomes of it; so not the groups of its state."""
    variables = {"machine_driver": driver, "machine_role": role, "machine_fleet": fleet, "machine_labels": labels}
    group_by = ("driver", "role", "fleet", *(LABEL + key for key in labels))
    return [PARENT, *(group(*pair) for pair in pairs(group_by, variables))]
