# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for each driver on paper, without its provider. The test folder gives the fixture ``case``."""

from __future__ import annotations

import ast
import inspect
import json
import pathlib

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _module, driver
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import POWER, Lifecycle, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._plan import compare, refers_to
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore

from .cases import Case

VERDICTS = {driver.MISSING, driver.TAKEN, driver.FULL, driver.BUSY, driver.REFUSED, driver.MISMATCH, driver.UNSURE}
FORBIDDEN = {"time", "logging", "threading", "fcntl", "random"}  # waiting, logging, locking: the core's
FIELDS = ("type", "default", "choices", "elements", "required")


def lifecycle(case: Case, folder: pathlib.Path, **wish: object) -> Lifecycle:
    options = case.create()
    arguments = {
        "name": "web1",
        "driver": case.name,
        "options": options,
        "given": set(options),
        "secret": _module.secret_options(case.driver),
        **wish,
    }
    return Lifecycle(case.driver, FileStore(str(folder / "store")), Wish(**arguments))


POWER_ACTIONS = sorted({action for action, _state in POWER.values()} | {"unpause"})


class OnPaper:
    """A test folder's class extends it, as pytest finds it: ``class TestThing(OnPaper): ...``."""

    # Its documentation

    def test_the_documentation_agrees_with_the_options(self, case: Case) -> None:
        said = case.documentation()
        assert said["module"] == case.name.rpartition(".")[2]
        assert "dockyard.machine.driver" in said["extends_documentation_fragment"]
        documented = said.get("options") or {}
        assert documented.keys() == case.options.keys()
        for name, one in case.options.items():
            for field in FIELDS:
                assert documented[name].get(field) == one.get(field), f"{name}: {field}"
            assert documented[name].get("description"), name

    def test_an_option_that_all_drivers_share_keeps_its_type(self, case: Case) -> None:
        for name in case.options.keys() & _module.SHARED.keys():
            assert case.options[name]["type"] == _module.SHARED[name]["type"], name

    def test_examples_are_valid(self, case: Case) -> None:
        assert case.examples()
        for arguments in case.examples():
            case.validated(arguments, shared=True)
        assert all(case.create().get(name) is not None for name in case.driver.required)

    def test_what_is_required_and_where_are_options(self, case: Case) -> None:
        assert set(case.driver.required) <= case.options.keys()
        assert set(case.driver.place) <= case.options.keys()

    def test_where_it_is_is_no_secret(self, case: Case) -> None:
        assert not set(case.driver.place) & _module.secret_options(case.driver)

    def test_options_can_be_kept(self, case: Case) -> None:
        assert json.loads(json.dumps(case.create())) == case.create()

    def test_what_may_be_a_secret_says_so(self, case: Case) -> None:
        for name, one in case.options.items():
            if any(word in name for word in ("token", "secret", "password", "passphrase", "credential")):
                assert "no_log" in one, f"{name}: say no_log, true or false"

    # Its kinds

    def test_there_is_one_kind_with_power(self, case: Case) -> None:
        assert case.driver.kinds
        assert sum(issubclass(kind, driver.Machine) for kind in case.driver.kinds) == 1
        assert all(issubclass(kind, driver.Kind) for kind in case.driver.kinds)
        assert len({kind.__name__ for kind in case.driver.kinds}) == len(case.driver.kinds)

    def test_what_creates_deletes(self, case: Case) -> None:
        for kind in case.driver.kinds:
            if hasattr(kind, "delete"):
                assert hasattr(kind, "create"), f"{kind.__name__} deletes what it does not create"
            assert not kind.adjustable or hasattr(kind, "adjust"), f"{kind.__name__} adjusts nothing"
            assert not hasattr(kind, "adjust") or kind.adjustable, f"{kind.__name__} does not say what it adjusts"

    def test_what_is_tagged_anew_was_made_with_tags(self, case: Case) -> None:
        for kind in case.driver.kinds:
            assert not hasattr(kind, "tag") or (kind.tagged and hasattr(kind, "create")), kind.__name__

    def test_each_kind_can_be_looked_for(self, case: Case) -> None:
        """By list() above all: without it, an uncertain create could not be resolved."""
        for kind in case.driver.kinds:
            assert kind.seen is not driver.Kind.seen, f"{kind.__name__} does not say what it sees"
            finds = kind.list is not driver.Kind.list
            assert finds or kind.get is not driver.Kind.get, kind.__name__
            if hasattr(kind, "create"):
                assert finds, f"{kind.__name__} can't be found by its tags or name"

    def test_a_kind_says_what_makes_its_create_harmless(self, case: Case) -> None:
        for kind in case.driver.kinds:
            assert kind.identity in (None, "name", "token"), kind.__name__
            assert isinstance(kind.lag, (int, float)) and kind.lag >= 0
            assert set(kind.adjustable.values()) <= {"any", driver.STOPPED}
            if not kind.tagged and hasattr(kind, "create"):
                assert kind.identity is not None, f"{kind.__name__} has neither tags nor a name that is its identity"

    def test_power_is_symmetric(self, case: Case) -> None:
        machine = case.machine()
        for one, other in (("start", "stop"), ("stop", "start"), ("pause", "unpause"), ("unpause", "pause")):
            assert not hasattr(machine, one) or hasattr(machine, other), f"{one} without {other}"
        restart = getattr(machine, "restart", None)
        assert restart is None or restart == driver.OVER_SSH or callable(restart)

    def test_methods_take_one_thing(self, case: Case) -> None:
        for kind in case.driver.kinds:
            for name in ("get", "list", "create", "adjust", "tag", "delete", *POWER_ACTIONS):
                method = getattr(kind, name, None)
                if callable(method):
                    assert list(inspect.signature(method).parameters) == ["self", "it"], f"{kind.__name__}.{name}"

    def test_verdicts_are_such(self, case: Case) -> None:
        assert set(case.driver.verdicts.values()) <= VERDICTS

    def test_the_states_named_are_those_that_there_are(self, case: Case, tmp_path: pathlib.Path) -> None:
        it = lifecycle(case, tmp_path)
        assert {"present", "absent", "gathered"} <= set(it.states()) <= set(_module.SHARED["state"]["choices"])
        for state in set(POWER) - set(it.states()):
            with pytest.raises(driver.MachineError) as caught:
                it.present(start=True) if state == "started" else it.power(state)
            assert caught.value.code == "no_such_action"
            assert all(known in caught.value.text() for known in it.states())
        assert not (tmp_path / "store").exists(), "nothing touched"

    def test_a_driver_leaves_to_the_core_what_is_its(self, case: Case) -> None:
        """No waiting, retrying, logging, catching of what it does not know, and no other driver."""
        tree = ast.parse(inspect.getsource(case.module))
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
                assert "plugins.modules" not in (node.module or ""), "one driver knows no other"
                if (node.module or "").endswith("dockyard.machine.plugins.module_utils"):
                    private = [
                        name.name for name in node.names if name.name.startswith("_") and "dockyard" not in case.name
                    ]
                    assert not private, "private modules are no part of the contract"
        assert not imported & FORBIDDEN
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                name = getattr(node.type, "id", "")
                assert node.type is not None and name not in ("Exception", "BaseException"), (
                    "what it means, say verdicts"
                )

    # Its recipe

    def test_the_recipe_is_pure(self, case: Case) -> None:
        first = case.on_paper(case.create())
        again = case.on_paper(case.create(), kept=json.loads(json.dumps(first.kept)))
        assert first.wants
        assert again.wants == first.wants
        assert again.kept == first.kept

    def test_the_recipe_does_not_change_the_options(self, case: Case) -> None:
        options = case.create()
        before = json.dumps(options, sort_keys=True)
        case.on_paper(options)
        assert json.dumps(options, sort_keys=True) == before

    def test_the_recipe_wants_a_machine_of_known_kinds(self, case: Case) -> None:
        kinds = {kind.__name__: kind for kind in case.driver.kinds}
        recipe = case.on_paper(case.create())
        assert {want.kind for want in recipe.wants} <= kinds.keys()
        assert any(issubclass(kinds[want.kind], driver.Machine) for want in recipe.wants)
        for want in recipe.wants:
            assert want.existing is not None or hasattr(kinds[want.kind], "create"), f"{want.key} can't be made"

    def test_a_request_refers_to_what_comes_before_it(self, case: Case) -> None:
        known: set[str] = set()
        for want in case.on_paper(case.create()).wants:
            for request in want.requests:
                assert refers_to(request) <= known, want.key
            known.add(want.key)

    def test_what_can_be_adjusted_is_part_of_a_request(self, case: Case) -> None:
        kinds = {kind.__name__: kind for kind in case.driver.kinds}
        for want in case.on_paper(case.create()).wants:
            if want.existing is None:
                missing = kinds[want.kind].adjustable.keys() - want.requests[0].keys()
                assert not missing, f"{want.key}: a change of {missing} would go unnoticed once it is left out"

    def test_equal_options_are_no_change(self, case: Case) -> None:
        kinds = {kind.__name__: kind for kind in case.driver.kinds}
        one, other = case.on_paper(case.create()), case.on_paper(case.create())
        assert not compare(one.wants, other.wants, lambda kind: kinds[kind].adjustable, lambda key: 0)

    def test_secrets_are_in_no_plan(self, case: Case) -> None:
        for name in _module.secret_options(case.driver):
            options = {**case.create(), name: "canary-71c4"}
            try:
                recipe = case.on_paper(options, digests={name: "digest"})
            except driver.BadOption as error:
                assert "canary-71c4" not in error.text(), "a secret in a message"
                continue
            assert "canary-71c4" not in json.dumps([want.requests for want in recipe.wants])
            assert "canary-71c4" not in json.dumps(recipe.kept)

    def test_secrets_are_in_no_record(self, case: Case, tmp_path: pathlib.Path) -> None:
        secret = _module.secret_options(case.driver)
        it = lifecycle(case, tmp_path)
        it.wish.options.update((name, "canary-71c4") for name in secret)
        it.wish.given |= secret
        it.store.create()
        record = Record("0123456789ab", "web1", case.name)
        it._keep_options(record)
        assert "canary-71c4" not in record.to_json()
        assert record.secrets.keys() == secret
        assert it.wish.given - secret == record.options.keys()

    # Bad input

    def test_each_required_option_is_named(self, case: Case, tmp_path: pathlib.Path) -> None:
        for name in case.driver.required:
            it = lifecycle(case, tmp_path)
            it.wish.options[name] = None
            it.wish.given.discard(name)
            with pytest.raises(driver.BadOption) as caught:
                it.present()
            assert caught.value.option == name
            assert name in caught.value.text() and caught.value.remedy
            assert not (tmp_path / "store").exists(), "nothing touched"

    def test_removing_what_does_not_exist_is_no_change(self, case: Case, tmp_path: pathlib.Path) -> None:
        outcome = lifecycle(case, tmp_path).absent()
        assert not outcome.changed
        assert not (tmp_path / "store").exists(), "nothing touched"
