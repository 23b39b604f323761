# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver as the suite meets it: its module, its documentation, its recipe on paper."""

from __future__ import annotations

import dataclasses
import types
import typing as t

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dockyard.machine.plugins.module_utils import _module
from ansible_collections.dockyard.machine.plugins.module_utils import driver as contract
from ansible_collections.dockyard.machine.plugins.module_utils._plan import Recipe


@dataclasses.dataclass
class Case:
    """One driver."""

    name: str  # FQCN
    module: types.ModuleType
    driver: type[contract.Driver]

    @classmethod
    def of(cls, module: types.ModuleType, name: str = "") -> Case:
        """The driver that a module defines; its name is that of the module, as Ansible says it."""
        defined = drivers_of(module)
        assert len(defined) == 1, f"{module.__name__} defines {len(defined)} drivers"
        parts = module.__name__.split(".")
        return cls(name or ".".join((*parts[1:3], parts[-1])), module, defined[0])

    @property
    def options(self) -> dict[str, t.Any]:
        return self.driver.argument_spec

    def documentation(self) -> dict[str, t.Any]:
        return yaml.safe_load(self.module.DOCUMENTATION)

    def examples(self) -> list[dict[str, t.Any]]:
        """The arguments of each example task of this driver."""
        tasks = yaml.safe_load(self.module.EXAMPLES) or []
        return [task[self.name] for task in tasks if self.name in task]

    def create(self) -> dict[str, t.Any]:
        """The driver's options in the first example that makes a machine, with defaults."""
        arguments = next(one for one in self.examples() if one.get("state", "present") in ("present", "started"))
        return self.validated({name: value for name, value in arguments.items() if name in self.options})

    def validated(self, arguments: dict[str, t.Any], shared: bool = False) -> dict[str, t.Any]:
        spec = {**(_module.SHARED if shared else {}), **self.options}
        result = ArgumentSpecValidator(spec).validate(arguments)
        assert not result.error_messages, f"{arguments}: {result.error_messages}"
        return result.validated_parameters

    def machine(self) -> type[contract.Machine]:
        return next(kind for kind in self.driver.kinds if issubclass(kind, contract.Machine))

    def on_paper(self, options: dict[str, t.Any], kept: dict[str, t.Any] | None = None, **more: t.Any) -> Recipe:
        """The recipe, run without a client; a look is answered as far as that can be made up."""
        recipe = PaperRecipe("web1", options, kept=kept, public_key=lambda: "ssh-ed25519 AAAA", **more)
        it = self.driver(options)
        it.client = Paper(recipe)
        it.recipe(recipe)
        return recipe


class PaperRecipe(Recipe):
    """Notes the looks, and whether one is being answered."""

    looking = 0

    def look(self, ask: t.Callable[..., t.Any], *args: t.Any) -> t.Any:
        self.looking += 1
        try:
            return super().look(ask, *args)
        finally:
            self.looking -= 1


class Paper:
    """A client that may be asked by looks only."""

    def __init__(self, recipe: PaperRecipe) -> None:
        self._recipe = recipe

    def __getattr__(self, call: str) -> t.Callable[..., str]:
        if call.startswith("_"):
            raise AttributeError(call)

        def answer(*arguments: t.Any, **more: t.Any) -> Answer:
            assert self._recipe.looking, f"the recipe calls {call} itself: reads go through m.look()"
            return Answer(f"<{call}>")

        answer.__name__ = call
        return answer


class Answer(str):
    """Something, and a list of one such thing, whose fields are such, too."""

    def __getitem__(self, field: t.Any) -> Answer:
        return Answer(f"{self!s}[{field}]")

    def get(self, field: t.Any, default: t.Any = None) -> Answer:
        return self[field]

    def __iter__(self) -> t.Iterator[Answer]:  # type: ignore[override]
        return iter([Answer(f"{self!s}[0]")])


def drivers_of(module: types.ModuleType) -> list[type[contract.Driver]]:
    """The drivers that are defined in a module, and not only imported there."""
    classes = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, contract.Driver)]
    return [one for one in classes if one.__module__ == module.__name__]
