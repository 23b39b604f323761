# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding drivers: ours by short name, anybody's by FQCN (or by a short name that only one collection has)."""

from __future__ import annotations

import functools
import importlib
import json
import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.collection_loader import AnsibleCollectionConfig

from ansible_collections.dockyard.machine.plugins.module_utils._contract import Driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import check_lists

OWN = "dockyard.machine"
MARK = b"driver.Driver"  # each driver's file has it: cheaper than importing all modules


@functools.cache
def installed() -> dict[str, str]:
    """FQCN -> path of each driver's module, in our collection and in those that depend on it."""
    found: dict[str, str] = {}
    for root in AnsibleCollectionConfig.collection_paths:
        base = os.path.join(root, "ansible_collections")
        for namespace in _listed(base):
            for name in _listed(os.path.join(base, namespace)):
                collection, folder = f"{namespace}.{name}", os.path.join(base, namespace, name)
                if collection == OWN or _depends_on_us(folder):
                    modules = os.path.join(folder, "plugins", "modules")
                    for file in _listed(modules):
                        path = os.path.join(modules, file)
                        if file.endswith(".py") and _is_driver(path):
                            found.setdefault(f"{collection}.{file[:-3]}", path)
    return found


@functools.cache
def resolve(name: str) -> str:
    """The driver's FQCN."""
    fqcn = name if name.count(".") >= 2 else f"{OWN}.{name}"
    if _module(fqcn) is not None:
        return fqcn
    drivers = installed()
    matching = [driver for driver in drivers if driver == name or ("." not in name and driver.endswith(f".{name}"))]
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(driver[len(OWN) + 1 :] if driver.startswith(f"{OWN}.") else driver for driver in sorted(drivers))
    why = f"could be any of {', '.join(matching)}" if matching else "is not installed"
    raise BadOption(
        "driver", f"{name!r} {why}", f"There are {known}; another collection's driver is named like acme.cloud.thing"
    )


@functools.cache
def load(name: str) -> type[Driver]:
    """The driver's class. Importing it has no effect: clients are made in the module's own process only."""
    fqcn = resolve(name)
    module = _module(fqcn)
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Driver) and value.__module__ == module.__name__:
            return value
    raise MachineError(f"{fqcn} is not a driver", code="driver", remedy="Its module defines no Driver")


def check_options(name: str, options: dict[str, t.Any], what: str) -> dict[str, t.Any]:
    """The options as the driver takes them, defaults left out; a wrong one is named with what is allowed."""
    spec = load(name).argument_spec
    for option in options:
        if option not in spec:
            raise BadOption(
                f"{what}: {option}", f"not an option of driver {name}", f"It knows {', '.join(sorted(spec))}"
            )
    without_defaults = {
        option: {key: value for key, value in one.items() if key not in ("default", "fallback")}
        for option, one in spec.items()
    }
    result = ArgumentSpecValidator(without_defaults).validate(options)
    if result.error_messages:
        raise MachineError(
            f"{what}, driver {name}: {'; '.join(result.error_messages)}", code="bad_option", remedy="Fix the option"
        )
    check_lists(spec, result.validated_parameters, f"{what}: ")
    return {option: value for option, value in result.validated_parameters.items() if value is not None}


def _module(fqcn: str) -> t.Any:
    namespace, collection, name = fqcn.rsplit(".", 2)
    path = f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(f"{error.name}.")):
            return None
        raise MachineError(f"Driver {fqcn} can't be loaded: {error}", code="driver") from error


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _depends_on_us(folder: str) -> bool:
    try:
        with open(os.path.join(folder, "MANIFEST.json"), encoding="utf-8") as file:
            return OWN in (json.load(file)["collection_info"].get("dependencies") or {})
    except (OSError, ValueError, KeyError):
        pass
    try:
        with open(os.path.join(folder, "galaxy.yml"), encoding="utf-8") as file:
            return OWN in file.read()
    except OSError:
        return False


def _is_driver(path: str) -> bool:
    with open(path, "rb") as file:
        return MARK in file.read()
