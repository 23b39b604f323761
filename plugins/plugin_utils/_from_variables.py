# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``from_variables``: other options of the task are taken from the variables of the playbooks.

An action says in ``variables`` which variable an option has, where that is not ``machine_OPTION``; None for no variable.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted

OPTION, ALL = "from_variables", "all"
SPEC: dict[str, t.Any] = {OPTION: {"type": "list", "elements": "str", "default": []}}
Names = t.Mapping[str, t.Optional[str]]  # option -> variable


def variables_of(spec: t.Iterable[str], names: Names) -> dict[str, str]:
    """The variable of each option that has one."""
    known = {option: names.get(option, f"machine_{option}") for option in spec if option != OPTION}
    return {option: variable for option, variable in known.items() if variable}


def asked_for(given: t.Any, known: dict[str, str]) -> dict[str, str]:
    """The options that a task takes from variables, as it says in ``from_variables``, with their variables."""
    words = given.split(",") if isinstance(given, str) else given or []
    options = [word for one in words if (word := str(one).strip())]
    unknown = sorted({*options} - {*known, ALL})
    if unknown:
        raise BadOption(
            OPTION, f"{', '.join(unknown)!r} has no variable", f"Give all, or some of {', '.join(sorted(known))}"
        )
    return known if ALL in options else {option: known[option] for option in options}


def values_of(templar: t.Any, variables: t.Mapping[str, t.Any], names: dict[str, str]) -> dict[str, t.Any]:
    """The values of the variables that are defined, by option."""
    templates = {
        option: trusted(f"{{{{ {name} | default(omit) }}}}") for option, name in names.items() if name in variables
    }
    values = templar.template(templates)
    # Before 2.19, what is to be omitted is marked by a value of its own.
    return t.cast("dict[str, t.Any]", without(values, variables["omit"]) if "omit" in variables else values)


def without(value: t.Any, mark: t.Any) -> t.Any:
    """The value, with all that equals the mark left out."""
    if isinstance(value, dict):
        return {name: without(one, mark) for name, one in value.items() if one != mark}
    if isinstance(value, list):
        return [without(one, mark) for one in value if one != mark]
    return value
