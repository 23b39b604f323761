# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the collection say of each other must agree."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest
import yaml

from tests.tools import drivers_table
from tests.unit.taking import USES

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = sorted(ROOT.glob("plugins/modules/*.py"))
FRAGMENTS = ROOT / "plugins" / "doc_fragments"
NAMES = [path.stem for path in MODULES]


def constants(path: pathlib.Path) -> dict[str, str]:
    """The texts that a file assigns to names, without running it."""
    return {
        target.id: node.value.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def documentation(path: pathlib.Path) -> dict:
    return yaml.safe_load(constants(path)["DOCUMENTATION"])


def options(path: pathlib.Path) -> set[str]:
    """Options of a module, with those that come from our fragments."""
    said = documentation(path)
    found = set(said.get("options") or {})
    for name in said.get("extends_documentation_fragment", []):
        if name.startswith("dockyard.machine."):
            _namespace, _collection, file, *part = name.split(".")
            fragment = drivers_table.load(f"doc_fragments.{file}").ModuleDocFragment
            text = getattr(fragment, part[0].upper() if part else "DOCUMENTATION")
            found |= set(yaml.safe_load(text).get("options") or {})
    return found


def group() -> list[str]:
    return yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["machine"]


def test_the_action_group_is_what_takes_a_store() -> None:
    assert sorted(group()) == sorted(path.stem for path in MODULES if "store" in options(path))


def test_each_fragment_is_used() -> None:
    used = {
        name.split(".")[2]
        for path in [*MODULES, *ROOT.glob("plugins/inventory/*.py"), *ROOT.glob("plugins/lookup/*.py")]
        for name in documentation(path).get("extends_documentation_fragment", [])
        if name.startswith("dockyard.machine.")
    }
    assert {path.stem for path in FRAGMENTS.glob("*.py") if path.stem != "__init__"} == used


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_is_documented(path: pathlib.Path) -> None:
    texts = constants(path)
    assert documentation(path)["module"] == path.stem
    assert documentation(path)["version_added"]
    assert isinstance(yaml.safe_load(texts["EXAMPLES"]), list)
    assert yaml.safe_load(texts["RETURN"])


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_examples_use_options_that_exist(path: pathlib.Path) -> None:
    # No linter sees a wrong option in an example
    known = {module.stem: options(module) for module in MODULES}
    for task in yaml.safe_load(constants(path)["EXAMPLES"]):
        for action, arguments in task.items():
            name = action.removeprefix("dockyard.machine.")
            # The action `machine` takes its driver's options, too
            if name != action and name in known and name != "machine" and isinstance(arguments, dict):
                assert set(arguments) <= known[name], task["name"]


def test_failures_say_what_is_for_programs() -> None:
    """As CONTRIBUTING.md says of errors."""
    without = {path.stem for path in MODULES if "error" not in yaml.safe_load(constants(path)["RETURN"])}
    on_hosts = ("machine_image", "host_module")
    assert without == {name for name in NAMES if name.startswith("engine_") or name in on_hosts}


def test_each_action_is_documented_and_each_stub_has_an_action() -> None:
    actions = {path.stem for path in ROOT.glob("plugins/action/*.py") if not path.stem.startswith("_")}
    # A stub has documentation alone
    stubs = {path.stem for path in MODULES if "def main" not in path.read_text(encoding="utf-8")}
    # What a host answers is filtered by an action of the same name.
    on_hosts = {"engine_info", "engine_apply", "engine_benchmark", "machine_image"}
    assert actions - on_hosts == stubs


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/tasks/*.yml")), ids=lambda path: f"{path.parts[-3]}-{path.stem}"
)
def test_a_run_of_other_tags_passes_a_role_by(path: pathlib.Path) -> None:
    # Else it visits hosts, may install Python there, and tells a plan of which nothing is done.
    assert not [
        task["name"] for task in yaml.safe_load(path.read_text(encoding="utf-8")) if "always" in task.get("tags", ())
    ]


def test_a_driver_has_its_page_and_test() -> None:
    for name in drivers_table.drivers():
        assert (ROOT / "docs" / "drivers" / f"{name}.md").is_file(), name
        assert (ROOT / "tests" / "unit" / "plugins" / "modules" / f"test_{name}.py").is_file(), name


def test_the_readme_names_each_module() -> None:
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| modules |")]
    assert sorted(re.findall(r"`(\w+)`", line)) == sorted(set(NAMES) - set(drivers_table.drivers()))


def test_the_variables_of_playbooks_are_documented() -> None:
    files = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("playbooks/tasks/*.yml")]
    read = {name for path in files for name in re.findall(r"\b(machine_\w+)\s*\|\s*default\(", path.read_text())}
    read |= {variable for use in USES for variable in use.variables().values()}
    docs = "".join(path.read_text() for path in ROOT.glob("docs/*.md"))
    assert len(read) > 40 and sorted(name for name in read if f"`{name}`" not in docs) == []


def test_the_table_of_drivers_is_current() -> None:
    text = drivers_table.README.read_text(encoding="utf-8")
    assert text == drivers_table.current(text), "make docs"


@pytest.mark.parametrize("folder", ["module_utils", "module_utils/_engine", "plugin_utils"])
def test_the_map_shows_each_file_and_folder(folder: str) -> None:
    """Who adds one says where others find it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"`([\w/.]+)`", text.partition("## Map of the code")[2].partition("\n## ")[0]))
    entries = [path for path in (ROOT / "plugins" / folder).iterdir() if not path.name.startswith("__")]
    inside = folder.partition("/")[2]
    names = {f"{path.relative_to(path.parents[bool(inside)])}/" if path.is_dir() else path.name for path in entries}
    assert names and not names - shown
