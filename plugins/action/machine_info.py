# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import datetime
import os
import signal
import subprocess
import time
import typing as t

from ansible import constants as C

from ansible_collections.dockyard.machine.plugins.module_utils import _input
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import SHARED
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers, _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import GROUPED, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _expiry
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._accounts import AccountAction, aligned, unseen_in
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._machines import Machine
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

TIMED_OUT = 124
COLUMNS = ("NAME", "FLEET/ROLE", "DRIVER", "STATE", "ADDRESS", "ENGINE", "CERT DAYS")


class ActionModule(AccountAction):
    """Tell what the store knows; with ``refresh``, let each driver's module look first, once a place."""

    variables: t.ClassVar[_from_variables.Names] = {"name": "machine_names", "timeout": "machine_refresh_timeout"}
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "fleet": {"type": "raw"},
        "filter": {"type": "str"},
        "store": {"type": "path"},
        "refresh": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 30},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        store = open_store(args["store"])
        matches = _machines.Filter(args["filter"]).matches if args["filter"] else None
        names = list(dict.fromkeys(filter(None, map(str.strip, args["name"] or ())))) or None
        for name in names or ():
            _input.check_name(name)
        fleet = fleet_plan.id_of_fleet(args["fleet"]) if args["fleet"] else None
        machines = [one for one in _machines.read(store, names) if self._in_fleet(one, fleet)]
        warnings = [f"{one.name}: {one.damage}" for one in machines if one.damage]
        if args["refresh"]:
            warnings += self._refresh(args, store, machines, task_vars)
        if names:
            _machines.bring(store, machines)
        shown = [one.public() for one in machines]
        if matches:
            shown = [one for one in shown if matches(one)]
        missing = [name for name in names or () if name not in {one.name for one in machines}]
        names_shown = {one["name"] for one in shown}
        ends = [*_expiry.of_store(store).values()] if store.exists else []
        ends += [end for one in machines if one.name in names_shown and (end := one.end())]
        now = datetime.datetime.now(datetime.timezone.utc)
        warnings += _expiry.told(ends, now)
        result: Result = {
            "changed": False,
            "machines": shown,
            "missing": missing,
            "certificates": [one.public(now) for one in ends],
            "table": _table(shown, missing) + _of_store(ends, now),
        }
        if warnings:
            result["warnings"] = warnings
        return result

    @staticmethod
    def _in_fleet(machine: Machine, fleet: str | None) -> bool:
        # Whose it is, a damaged record can't say: it is shown rather than lost.
        return fleet is None or machine.record is None or machine.record.fleet == fleet

    # The live refresh

    def _refresh(
        self, args: dict[str, t.Any], store: Store, machines: list[Machine], task_vars: dict[str, t.Any]
    ) -> list[str]:
        """One module run a driver and place. Who can't be seen is unknown, and that is a warning, no failure."""
        places: dict[tuple[str, str], list[Machine]] = {}
        for one in machines:
            if one.record:
                where = (one.record.driver, repr(sorted(one.record.place.items())))
                places.setdefault(where, []).append(one)
        warnings = []
        self._told: list[str] = []  # by the drivers' modules
        for members in places.values():
            started = time.time()
            why, unknown = self._ask(args, store, members, task_vars)
            unseen = []
            for one in members:
                one.observed = store.observed(one.name)
                if one.name in unknown:  # of another account, say: then the store keeps what was seen before
                    one.unseen(unknown[one.name])
                with contextlib.suppress(MachineError):
                    one.record = store.read(one.name) or one.record
                # A module that failed half-way has seen some of them.
                if why and (one.observed.get("refreshed") or 0) < started:
                    one.unseen(why)
                    unseen.append(one.name)
            if unseen:
                warnings.append(f"{why} Not seen: {', '.join(unseen)}.")
            warnings += [
                f"{one.name} can't be seen: {one.observed['error']}"
                for one in members
                if one.name not in unseen
                and one.observed.get("state") == _machines.UNKNOWN
                and one.observed.get("error")
            ]
        return warnings + self._told

    def _ask(
        self, args: dict[str, t.Any], store: Store, members: list[Machine], task_vars: dict[str, t.Any]
    ) -> tuple[str | None, dict[str, str]]:
        """Run the driver's module over these machines; why it failed, if it did, and which it could not see and why."""
        record = t.cast(Record, members[0].record)
        try:
            driver = _drivers.resolve(record.driver)
            known = {**SHARED, **_drivers.load(driver).argument_spec}
            defaults = {**self.defaults(GROUPED), **self.defaults(driver)}
        except MachineError as error:
            return error.text(), {}
        module_args = {name: value for name, value in defaults.items() if name in known}
        module_args.update((name, value) for name, value in record.place.items() if value is not None)
        module_args.update(state="gathered", scope="account", store=store.where)
        if len(members) == 1:
            module_args.update(scope="machine", name=record.name)
        self._limit = args["timeout"]
        result = self.run_module(driver, module_args, task_vars)
        self._told += result.get("warnings") or []
        if len(members) > 1 and (result.get("error") or {}).get("code") in _machines.DAMAGE:
            # Another machine's record is in the way of asking for all at once.
            answers = [self._ask(args, store, [one], task_vars) for one in members]
            unknown = {name: error for _why, unseen in answers for name, error in unseen.items()}
            return next((why for why, _unseen in answers if why), None), unknown
        if result.get("rc") == TIMED_OUT and result.get("failed"):
            return f"{driver} has not answered within {args['timeout']:g} s.", {}
        if result.get("failed"):
            return f"{driver} can't be asked: {str(result.get('msg')).rstrip('.')}.", {}
        return None, unseen_in(result)

    def _low_level_execute_command(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        self._connection.exec_command = self._execute  # it would wait for ever
        return super()._low_level_execute_command(*args, **kwargs)

    def _execute(self, cmd: t.Any, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """As the local connection does it, with a time limit for all that the command has started."""
        shell = self._play_context.executable or C.DEFAULT_EXECUTABLE
        process = subprocess.Popen(
            cmd,
            shell=isinstance(cmd, (str, bytes)),
            executable=shell if isinstance(cmd, (str, bytes)) else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(in_data, timeout=self._limit)
        except subprocess.TimeoutExpired:
            return TIMED_OUT, b"", b"timed out"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        return process.returncode, out, err


def _of_store(ends: list[_expiry.End], now: datetime.datetime) -> list[str]:
    """What the table says of the certificates that are no machine's."""
    said = [f"{_expiry.WORDS[one.kind].removeprefix('the ')} {one.days_left(now)}" for one in ends if not one.machine]
    return ["", f"Days left: {', '.join(said)}"] if said else []


def _table(machines: list[dict[str, t.Any]], missing: list[str]) -> list[str]:
    """Aligned lines, for people."""
    ends = any(one.get("expires") for one in machines)
    columns = (*COLUMNS, "EXPIRES") if ends else COLUMNS
    rows: list[tuple[t.Any, ...]] = [columns]
    for one in machines:
        owner = "/".join(part for part in (one["fleet"], one["role"]) if part)
        driver = (one["driver"] or "").removeprefix(f"{_drivers.OWN}.")
        days = one["certificate_days_left"]
        where = one["address"] or one["docker_host"]
        cells = (one["name"], owner, driver, one["state"], where, one["engine_version"], days, one.get("expires"))
        rows.append(cells[: len(columns)])
    rows += [(name, None, None, "absent", *[None] * (len(columns) - 4)) for name in missing]
    return aligned(rows)
