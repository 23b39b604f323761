# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role docker_engine, as a task has them: evaluated, and each with its type; and the strategy of its play."""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._from_variables import without
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import plain

PREFIX = "docker_engine_"
# What can be wanted is told once, by the role; here it is read, so that values have their types.
_ROLE = pathlib.Path(__file__).parents[3] / "roles" / "docker_engine" / "meta" / "argument_specs.yml"
# What no result may show: the host gets it in one piece
_SECRET = ("environment", "proxies", "client_proxies")


def specification(loader: DataLoader) -> dict[str, t.Any]:
    """The role's argument specification. Ansible has read it; defaults alone are copied, since a validation fills them."""
    spec = loader.load_from_file(str(_ROLE), unsafe=True)["argument_specs"]["main"]["options"]
    return {name: {**about, "default": copy.copy(about.get("default"))} for name, about in spec.items()}


def options_of(
    loader: DataLoader, templar: t.Any, variables: t.Mapping[str, t.Any], given: dict[str, t.Any] | None
) -> dict[str, t.Any]:
    """All that is wanted, by the variables, or by what was given in their place."""
    spec = specification(loader)
    return typed(spec, said(templar, spec, variables) if given is None else given)


def said(templar: t.Any, spec: t.Iterable[str], variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the variables say, by their names without prefix; those alone are evaluated that are templates."""
    found = plain(templar.template({name: variables[name] for name in spec if name in variables}))
    # Before 2.19, what is to be omitted is marked by a value of its own.
    found = without(found, variables["omit"]) if "omit" in variables else found
    return {name.removeprefix(PREFIX): value for name, value in found.items()}


def typed(spec: dict[str, t.Any], given: dict[str, t.Any]) -> dict[str, t.Any]:
    """All of a specification by name without prefix, each with its type; PlanError if one can't have that value."""
    unknown = sorted(name for name in given if PREFIX + name not in spec)
    if unknown:
        raise PlanError(f"The role docker_engine has no variable {', '.join(PREFIX + name for name in unknown)}")
    # A variable without a value, as a line of YAML that ends with a colon, is one that is not given.
    checked = ArgumentSpecValidator(spec).validate({PREFIX + name: given[name] for name in _given(given)})
    if checked.error_messages:
        raise PlanError("; ".join(checked.error_messages))
    options = {name.removeprefix(PREFIX): value for name, value in plain(checked.validated_parameters).items()}
    if "environment" in options:
        options["environment"] = _given(options["environment"])
    return options


def secrets_of(options: dict[str, t.Any]) -> str:
    """What the modules take as ``secrets``."""
    return json.dumps({name: options[name] for name in _SECRET})


def secrets_said(loader: DataLoader, templar: t.Any, variables: t.Mapping[str, t.Any]) -> str:
    """The same from the variables themselves."""
    spec = {name: about for name, about in specification(loader).items() if name.removeprefix(PREFIX) in _SECRET}
    return secrets_of(typed(spec, said(templar, spec, variables)))


def _given(values: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in values.items() if value is not None}


def goes_on_alone(task: t.Any) -> str:
    """The play's strategy, if its hosts don't wait for each other by it."""
    strategy = str(task.get_play().strategy)
    return strategy if strategy.endswith(("free", "host_pinned")) else ""
