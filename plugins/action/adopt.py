# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers, _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._accounts import AccountAction, aligned, key
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

LISTS = ("adopted", "failed_to_adopt", "others")
SSH = ("ssh_user", "ssh_key", "ssh_args", "host_key")
COLUMNS = ("MACHINE", "ID", "ADOPTED", "MISSING", "LOGIN")


class ActionModule(AccountAction):
    """Let each driver's module rebuild the records of machines that exist, once for all that have the same options."""

    variables: t.ClassVar[_from_variables.Names] = {"ssh_args": None, "host_key": None}
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "store": {"type": "path"},
        "names": {"type": "raw"},
        "resource_ids": {"type": "list", "elements": "str"},
        "driver": {"type": "str"},
        "options": {"type": "dict"},
        "fleet": {"type": "raw"},
        "counts": {"type": "dict"},
        "from_store": {"type": "str"},
        "ssh_user": {"type": "str"},
        "ssh_key": {"type": "path", "no_log": False},
        "ssh_args": {"type": "str"},
        "host_key": {"type": "str", "no_log": False},
        "timeout": {"type": "float"},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        store = open_store(args["store"])
        names = self._names(args["names"])
        runs = self._of_fleet(args, names) if args["fleet"] else [self._of_driver(args, names)]
        said = {name: args[name] for name in ("from_store", "timeout")}
        result: Result = {name: [] for name in LISTS}
        found: set[str] = set()
        problems, after = [], {}
        for driver, module_args in runs:
            if args["resource_ids"]:
                module_args["ids"] = [*(module_args["ids"] or ()), *args["resource_ids"]]
            answer = self.over_account(
                driver, "adopted", {**module_args, **said, "store": store.where}, task_vars, ("store", "ids")
            )
            if answer.get("failed"):
                problems.append(str(answer.get("msg")))
            if "adopted" not in answer:
                continue
            found |= set(answer["found"])
            after.update((answer.get("diff") or {}).get("after", {}))
            for name in LISTS:
                result[name] += [{**one, "driver": driver} for one in answer[name]]
        result["missing"] = sorted(set(names) - found)
        result.update(
            changed=bool(result["adopted"]),
            diff={"before": {name: {"state": "absent"} for name in after}, "after": after},
            table=_table(result, self._task.check_mode),
        )
        warnings = [
            f"{one['name']}: its tags have the expiry {one['doubtful_end']}, which may have been extended since. It does not "
            "expire: set expires_in at the next run with state present if it should"
            for one in result["adopted"]
            if one["doubtful_end"]
        ]
        if warnings:
            result["warnings"] = warnings
        if problems:
            error = {"code": "incomplete", "left_behind": [], "remedy": "Fix that and run again"}
            result.update(failed=True, msg=" ".join(problems), error=error)
        return result

    @staticmethod
    def _names(given: t.Any) -> list[str]:
        """Names of machines, or their ids."""
        names = given.split(",") if isinstance(given, str) else given or []
        return [name for name in (str(one).strip() for one in names) if name]

    def _of_driver(self, args: dict[str, t.Any], names: list[str]) -> tuple[str, dict[str, t.Any]]:
        if not args["driver"]:
            known = ", ".join(sorted(_drivers.installed()))
            raise BadOption("driver", "a driver or a fleet is required", f"There are {known}")
        driver = _drivers.resolve(args["driver"])
        options = _drivers.check_options(driver, args["options"] or {}, "options")
        return driver, {**options, **{name: args[name] for name in SSH}, "ids": names or None}

    def _of_fleet(self, args: dict[str, t.Any], names: list[str]) -> list[tuple[str, dict[str, t.Any]]]:
        """One run for those that differ in nothing but their names."""
        if args["driver"]:
            raise BadOption(
                "driver", f"{args['driver']!r} conflicts with fleet, which has its own", "Give only one of both"
            )
        wanted = fleet_plan.wanted_of_fleet(fleet_plan.check_fleet(args["fleet"], args["counts"] or {}))
        lost = sorted(set(names) - {one["name"] for one in wanted})
        if lost:
            # Of an id it is not known whose options are meant
            raise BadOption(
                "names",
                f"{', '.join(lost)!r} is not a machine of the fleet",
                "To adopt by an id, or more than the counts, give driver and options without a fleet: create_hosts records the fleet later",
            )
        runs: dict[str, tuple[str, dict[str, t.Any]]] = {}
        for one in wanted:
            name = one.pop("name")
            if names and name not in names:
                continue
            driver = _drivers.resolve(one.pop("driver"))
            options = _drivers.check_options(driver, one.pop("options", None) or {}, name)
            said = {**{name: args[name] for name in SSH}, **one, **options}
            runs.setdefault(key(driver, said), (driver, {**said, "ids": []}))[1]["ids"].append(name)
        return list(runs.values())


def _table(result: Result, check_mode: bool) -> list[str]:
    yes = "would be" if check_mode else "yes"
    rows = [(one["name"], one["id"], yes, ", ".join(one["missing"]), one["reached"]) for one in result["adopted"]]
    rows += [(one["name"], one["id"], f"no: {one['error']}", "", "") for one in result["failed_to_adopt"]]
    rows += [(one["name"], one["id"], f"no: {one['why']}", "", "") for one in result["others"]]
    rows += [(name, "", "no: nothing of that name or id was found", "", "") for name in result["missing"]]
    return aligned([COLUMNS, *rows])
