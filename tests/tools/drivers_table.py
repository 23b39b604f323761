# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of drivers in README.md, made from the drivers' classes and documentation.

drivers_table.py [--write]: says whether the file is as it should be, or makes it so.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
import types

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MODULES = ROOT / "plugins" / "modules"
PACKAGE = "ansible_collections.dockyard.machine.plugins"
BEGIN, END = "<!-- drivers: written by make docs -->\n", "<!-- end of drivers -->\n"


def load(name: str) -> types.ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


def drivers() -> dict[str, type]:
    """The drivers' classes, by the name of their module."""
    contract = load("module_utils.driver")
    found = {}
    for path in sorted(MODULES.glob("*.py")):
        module = load(f"modules.{path.stem}")
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        for defined in classes:
            if issubclass(defined, contract.Driver) and defined.__module__ == module.__name__:
                found[path.stem] = defined
    return found


def _cell(machine: type, action: str) -> str:
    does = getattr(machine, action, None)
    if does is not None:
        return "yes" if callable(does) else str(does)
    # The lifecycle restarts what can be stopped and started
    return "yes" if action == "restart" and hasattr(machine, "stop") and hasattr(machine, "start") else ""


def table() -> str:
    power = load("module_utils._lifecycle").POWER
    contract = load("module_utils.driver")
    lines = [
        " | ".join(("| driver", "what it does", *power)) + " |",
        "|---" * (2 + len(power)) + "|",
    ]
    for name, driver in drivers().items():
        said = yaml.safe_load(load(f"modules.{name}").DOCUMENTATION)["short_description"]
        machine = next((kind for kind in driver.kinds if issubclass(kind, contract.Machine)), None)
        cells = [_cell(machine, action) for action, _state in power.values()]
        lines.append(" | ".join((f"| [{name}](docs/drivers/{name}.md)", said, *cells)) + " |")
    return "\n".join(lines).replace("  ", " ") + "\n"


def current(text: str) -> str:
    """README as it should be."""
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    sys.path.append(str(ROOT / ".build" / "src"))
    text = README.read_text(encoding="utf-8")
    wanted = current(text)
    if text == wanted:
        return 0
    if "--write" not in sys.argv[1:]:
        print("README.md: the table of drivers is out of date: make docs", file=sys.stderr)
        return 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
