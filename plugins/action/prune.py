# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers, _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import GROUPED, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._accounts import (
    AccountAction,
    aligned,
    key,
    place_of,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._machines import Machine
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

LISTS = {  # with what the table says of each
    "removed": "removed",
    "failed_to_remove": "not removed",
    "busy": "in use",
    "unrecorded": "unrecorded",
    "others": "another store's",
}
COLUMNS = ("WHAT", "MACHINE", "KIND", "ID", "DRIVER", "WHY")


class ActionModule(AccountAction):
    """Let each driver's module prune, once a place that a record, a tombstone or the task names."""

    variables: t.ClassVar[_from_variables.Names] = {}
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "store": {"type": "path"},
        "ids": {"type": "list", "elements": "str"},
        "from_store": {"type": "str"},
        "places": {
            "type": "list",
            "elements": "dict",
            "options": {"driver": {"type": "str", "required": True}, "options": {"type": "dict"}},
        },
        "timeout": {"type": "float"},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        store = open_store(args["store"])
        machines = _machines.read(store)
        damaged: dict[str, MachineError] = {}
        accounts = _known_accounts(store, machines, damaged)
        # Driver and options -> whether it matters that this place can be seen
        runs: dict[str, Run] = {}
        for one in args["places"] or ():
            run = self._given(one)
            runs[key(run.driver, run.options)] = run
        for driver, place, _account, live in accounts:
            run = Run(driver, {name: value for name, value in place.items() if value is not None}, live)
            same = runs.setdefault(key(run.driver, run.options), run)
            same.matters = same.matters or live
        said = {name: args[name] for name in ("ids", "from_store", "timeout")}
        for run in runs.values():
            self._prune(run, {**said, "store": store.where}, task_vars)
        seen = [run for run in runs.values() if run.account is not None]
        result: Result = {
            name: list({key(one): one for run in seen for one in run.listed(name)}.values()) for name in LISTS
        }
        result["not_seen"] = [run.unseen() for run in runs.values() if run.account is None]
        covered = {key(run.driver, run.place, run.account) for run in seen}
        asked = {key(run.driver, run.place) for run in seen}
        for driver, place, account, _live in accounts:
            if key(driver, place, account) not in covered and key(driver, place) in asked:
                why = f"the credentials are for another account than {account!r}: run again with those of that one"
                result["not_seen"].append({"driver": driver, "place": place, "why": why})
        result["missing"] = sorted(set(args["ids"] or ()) - {id for run in seen for id in run.answer["found"]})
        result["warnings"] = [f"{one.name}: {one.damage}" for one in machines if one.damage]
        result["warnings"] += [error.text() for error in damaged.values()]
        result["warnings"] += [
            f"{one['driver']} {one['place']} was not seen: {one['why']}" for one in result["not_seen"]
        ]
        if result["missing"]:
            result["warnings"].append(f"Nothing that was seen has the id {', '.join(result['missing'])}")
        before = "".join(run.answer["diff"]["before"] for run in seen if "diff" in run.answer)
        result.update(
            changed=bool(result["removed"]),
            diff={"before": before, "after": ""},
            table=_table(result, self._task.check_mode),
        )
        problems = [
            run.answer["msg"] for run in runs.values() if run.answer.get("failed") and (run.matters or run in seen)
        ]
        return {**result, **_failure(problems, result["failed_to_remove"])}

    def _given(self, one: dict[str, t.Any]) -> Run:
        driver = _drivers.resolve(one["driver"])
        options = _drivers.check_options(driver, one["options"] or {}, f"places, {one['driver']}")
        known = _drivers.load(driver)
        defaults = {**self.defaults(GROUPED), **self.defaults(driver)}
        options = {**{name: defaults[name] for name in known.place if defaults.get(name) is not None}, **options}
        for name in known.place:
            if name in known.required and options.get(name) is None:
                raise BadOption(f"places, {one['driver']}: {name}", "required to select the place", "Give the option")
        return Run(driver, options, True)

    def _prune(self, run: Run, said: dict[str, t.Any], task_vars: dict[str, t.Any]) -> None:
        try:
            run.place = place_of(run.driver, run.options)
            # What is said of the place is all there is to say of it: no defaults
            run.answer = self.over_account(
                run.driver, "pruned", {**run.options, **said}, task_vars, [*self.spec, *run.place]
            )
        except MachineError as error:  # a driver that is not installed any more
            run.answer = {"failed": True, "msg": error.text()}


@dataclasses.dataclass
class Run:
    """One run of a driver's module, and what came of it."""

    driver: str
    options: dict[str, t.Any]
    matters: bool  # whether it is a failure if this place can't be seen
    place: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    answer: Result = dataclasses.field(default_factory=dict)

    @property
    def account(self) -> str | None:
        return self.answer.get("account")

    def listed(self, name: str) -> list[dict[str, t.Any]]:
        return [{**one, "driver": self.driver} for one in self.answer[name]]

    def unseen(self) -> dict[str, t.Any]:
        return {"driver": self.driver, "place": self.options, "why": str(self.answer.get("msg"))}


def _known_accounts(
    store: Store, machines: list[Machine], damaged: dict[str, MachineError]
) -> list[tuple[str, dict[str, t.Any], str, bool]]:
    """Driver, place and account of each record and tombstone, once; and whether a record is among them."""
    found: dict[str, tuple[str, dict[str, t.Any], str, bool]] = {}
    for one in store.tombstones(damaged) if store.exists else ():
        found[key(one["driver"], one["place"], one["account"])] = (one["driver"], one["place"], one["account"], False)
    for machine in machines:
        if machine.record:
            where = machine.record.driver, machine.record.place, machine.record.account
            found[key(*where)] = (*where, True)
    return list(found.values())


def _table(result: Result, check_mode: bool) -> list[str]:
    words = {**LISTS, **({"removed": "would be removed"} if check_mode else {})}
    rows = [
        (
            said,
            one["machine"],
            one["kind"],
            one["id"],
            one["driver"].removeprefix(f"{_drivers.OWN}."),
            one.get("error") or one["why"],
        )
        for name, said in words.items()
        for one in result[name]
    ]
    return aligned([COLUMNS, *rows])


def _failure(problems: list[str], failed: list[dict[str, t.Any]]) -> Result:
    if not problems:
        return {}
    left = [f"{one['kind']} {one['id']}" if one["id"] else one["machine"] for one in failed]
    error = {"code": "incomplete", "left_behind": left, "remedy": "Fix that and run again: what could be done is done"}
    return {"failed": True, "msg": " ".join(problems), "error": error}
