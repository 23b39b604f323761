# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  from_variables:
    description:
      - Options to take from variables, as the playbooks of this collection do. V(all) takes every option that has a variable.
      - The variable of an option is usually C(machine_) and the option's name. The pages of the playbooks list all variables.
      - The inventory gives variables such as C(machine_fleet) to each machine. In a play on machines, list the options
        instead of V(all), unless these variables are meant.
      - Options of the task take precedence. Undefined variables are ignored.
    type: list
    elements: str
    default: []
"""
