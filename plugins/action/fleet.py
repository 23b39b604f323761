# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import itertools
import typing as t
import uuid

from ansible_collections.dockyard.machine.plugins.module_utils import _record, _times
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._module import secret_options
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers, _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _expiry
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _groups, _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _swarm as fleet_swarm
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._accounts import AccountAction, unseen_in
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._recorded import as_recorded
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import unsafe

# Handed on to the module machine, for each machine
FOR_ALL = ("store", "recreate", "allow_stop", "on_failure", "timeout")
MANAGERS = "machine_swarm_managers_"  # a group of the playbook, before the plan's id


class ActionModule(AccountAction):
    """Make the plan: what is wanted, what is there, what is to be done. Bad input fails here, for all machines."""

    id = ""  # of this plan: the playbooks' groups are named by it

    variables: t.ClassVar[_from_variables.Names] = {"state": None, "refresh": None, "show_secrets": None}
    spec: t.ClassVar[dict[str, t.Any]] = {
        **_from_variables.SPEC,
        "store": {"type": "path"},
        "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        "names": {"type": "raw"},
        "driver": {"type": "str"},
        "options": {"type": "dict"},
        "fleet": {"type": "raw"},
        "counts": {"type": "dict"},
        "limit": {"type": "raw"},
        "refresh": {"type": "bool", "default": True},
        "remove_surplus": {"type": "bool", "default": False},
        "remove_max": {"type": "str"},
        "recreate": {"type": "bool", "default": False},
        "allow_stop": {"type": "bool", "default": False},
        "on_failure": {"type": "str", "choices": ["keep", "remove"]},
        "expires_in": {"type": "str"},
        "timeout": {"type": "float"},
        "max_age": {"type": "float", "default": 60},
        "show_secrets": {"type": "bool", "default": False},
    }

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        self.id = uuid.uuid4().hex[:12]
        store = open_store(args["store"])
        names = fleet_plan.as_names(args["names"])
        if args["expires_in"]:
            _times.seconds_of("machine_expires_in", args["expires_in"])
        fleet = fleet_plan.check_fleet(args["fleet"], args["counts"] or {}) if args["fleet"] else None
        if args["state"] == "absent" and args["names"] is not None:
            fleet = None  # it may come with the inventory: who names machines means these, and nobody is not everybody
        if not names and not fleet:
            raise BadOption(
                "machine_names", f"{args['names']!r} contains no name", "Give machine_names or machine_fleet"
            )
        # Of a removal, a blank limit is not all: it may come from a variable of a shell that is empty.
        limit = fleet_plan.as_patterns(args["limit"], blank=args["state"] == "present")
        fleet_plan.removable(args["remove_max"], 0)
        of_fleet = fleet_plan.names_of_fleet(fleet) if fleet else {}
        named = {*names, *itertools.chain(*of_fleet.values())}
        # Who removes a fleet means all of its machines, also those beyond the counts.
        whole = {f"{fleet['id']}-{role}" for role in of_fleet} if fleet and args["state"] == "absent" else set()

        def is_meant(name: str) -> bool:
            return (name in named or name.rpartition("-")[0] in whole) and (
                not limit or fleet_plan.matches(name, limit)
            )

        records, damage = self._records(store, is_meant)
        warnings = [f"{name}: {error.text()}" for name, error in damage.items()]
        fleet_plan.check_patterns(limit, {*named, *records, *damage})
        if args["state"] == "absent":
            return {
                **self._removal(store, names, fleet, records, damage, limit),
                **({"warnings": warnings} if warnings else {}),
            }
        nodes = fleet_swarm.nodes_of_fleet(fleet, of_fleet) if fleet else {}
        wanted = self._wanted(args, names, fleet, records)
        surplus = fleet_plan.surplus_of_fleet(fleet, records) if fleet else []

        def has_options(record: Record, options: dict[str, t.Any]) -> bool:
            return _record.has_options(record, options, secret_options(_drivers.load(record.driver)), store.digest)

        plan = fleet_plan.make(wanted, surplus, records, limit, has_options)
        for one in plan.wanted:
            if one["name"] in plan.keep and args["refresh"]:
                one["max_age"] = args["max_age"]
        if args["show_secrets"]:
            return {"wanted": plan.wanted}
        if args["remove_surplus"] and fleet:
            mine = sum(1 for record in records.values() if record.fleet == fleet["id"])
            fleet_plan.check_surplus(plan.surplus, mine, args["remove_max"])
        swarm = self._swarm(store, records, damage, nodes, plan, args["remove_surplus"])
        made, ready = False, {}
        uses_ssh = any(_drivers.load(one["driver"]).ssh_user for one in plan.wanted)
        # A store that isn't there is made with the first machine: what is wrong with that must not leave a store.
        if store.exists and not self._task.check_mode:
            if uses_ssh:
                made = store.make_ca()
                # Also where nothing was made: the run that has made it may have ended before it came to that.
                made = store.give_client_pairs(name for name, record in records.items() if record.ssh) or made
            if args["refresh"]:
                warnings += self._refresh(store, plan, records, task_vars)
                ready = self._ready(store, records, plan)
        even = fleet_swarm.even_managers(nodes)
        warnings += [even] if even else []
        if uses_ssh and store.exists:
            # What create_hosts does not mend by itself: a CA, and what the run has no CA's key for
            warnings += _expiry.told(_expiry.of_store(store).values(), datetime.datetime.now(datetime.timezone.utc))
        return {
            **({"warnings": warnings} if warnings else {}),
            # Beside the CA nothing is changed here; a check says what the machines' tasks would change.
            "changed": made or (self._task.check_mode and self._differs(plan, args["remove_surplus"])),
            "diff": plan.diff(),
            "id": self.id,
            **self._shown(plan.wanted),
            "create": plan.create,
            "change": plan.change,
            "keep": plan.keep,
            "ready": ready,
            "groups": {one["name"]: self._groups(one, records.get(one["name"])) for one in plan.wanted},
            "surplus": plan.surplus,
            "remove_surplus": args["remove_surplus"],
            "swarm": swarm,
        }

    @staticmethod
    def _records(store: Store, is_meant: t.Callable[[str], bool]) -> tuple[dict[str, Record], dict[str, MachineError]]:
        """Those that can be read, and why others can't; an error if this run has to do with one of these."""
        damage: dict[str, MachineError] = {}
        records = store.records(damage)
        for name, error in damage.items():
            if is_meant(name):
                raise error
        return records, damage

    def _wanted(
        self,
        args: dict[str, t.Any],
        names: list[str],
        fleet: dict[str, t.Any] | None,
        records: dict[str, Record],
    ) -> list[dict[str, t.Any]]:
        wanted = fleet_plan.wanted_of_fleet(fleet) if fleet else []
        for name in names:
            one: dict[str, t.Any] = {"name": name}
            recorded = records.get(name)
            if not args["driver"] and recorded:
                # Not the recorded options, which lack what is secret: that would look like a change.
                one.update(driver=recorded.driver, keep_options=True)
            elif not args["driver"]:
                known = ", ".join(sorted(_drivers.installed()))
                raise BadOption("machine_driver", f"a driver is required to create {name}", f"There are {known}")
            else:
                one.update(driver=args["driver"], options=args["options"] or {})
            if args["expires_in"]:
                one["expires_in"] = args["expires_in"]
            wanted.append(one)
        for one in wanted:
            driver = one["driver"] = _drivers.resolve(one["driver"])
            self._refuse_secrets(one)
            one["options"] = _drivers.check_options(driver, one.get("options") or {}, one["name"])
            can_start = any(hasattr(kind, "start") for kind in _drivers.load(driver).kinds)
            one["state"] = "started" if can_start else "present"
            one.update({name: args[name] for name in FOR_ALL if args[name] is not None})
        doubled = set(names) & {one["name"] for one in wanted[: len(wanted) - len(names)]}
        if doubled:
            raise BadOption(
                "machine_names", f"{', '.join(sorted(doubled))!r} is also in machine_fleet", "Name it only once"
            )
        return wanted

    @staticmethod
    def _shown(wanted: list[dict[str, t.Any]]) -> Result:
        """Without secret options: a result is seen with -v, and kept by AWX."""
        shown, hidden = [], []
        for one in wanted:
            secret = {name for name in secret_options(_drivers.load(one["driver"])) if one["options"].get(name)}
            rest = {name: value for name, value in one.items() if name != "ssh_password"}
            shown.append({**rest, "options": {name: one["options"][name] for name in one["options"].keys() - secret}})
            hidden += [one["name"]] if secret or one.get("ssh_password") else []
        return {"wanted": shown, "hidden": hidden}

    @staticmethod
    def _refuse_secrets(one: dict[str, t.Any]) -> None:
        for option in (one.get("options") or {}).keys() & secret_options(_drivers.load(one["driver"])) - {"user_data"}:
            raise BadOption(
                f"{one['name']}: {option}",
                "a secret option is not allowed in a fleet",
                "Set it by the provider's environment variables, or by module_defaults of the driver's module",
            )

    @staticmethod
    def _groups(one: dict[str, t.Any], record: Record | None) -> list[str]:
        # What is not said of a machine stays as it is recorded.
        fleet, role, labels = (
            getattr(record, name, None) if one.get(name) is None else one[name] for name in ("fleet", "role", "labels")
        )
        return _groups.of_wanted(one["driver"], role, fleet, labels or {})

    def _refresh(
        self, store: Store, plan: fleet_plan.Plan, records: dict[str, Record], task_vars: dict[str, t.Any]
    ) -> list[str]:
        """One module run a driver and place, so that unchanged machines need none of their own; its warnings."""
        kept = set(plan.keep)
        unseen: set[str] = set()
        warnings: list[str] = []
        runs = {
            (one["driver"], tuple(sorted(records[one["name"]].place.items())))
            for one in plan.wanted
            if one["name"] in kept
        }
        for driver, place in runs:
            said = {**dict(place), "store": store.where}
            # What the record says of the place is all there is to say of it: no defaults
            result = self.over_account(driver, "gathered", said, task_vars, ("ids", *dict(place)))
            if result.get("failed"):
                raise MachineError(
                    f"{driver} can't be asked for its machines: {result.get('msg')}",
                    code="refresh",
                    remedy="Fix that first: nothing was changed",
                )
            unseen.update(unseen_in(result))
            warnings += result.get("warnings") or []
            for one in result.get("unrecorded") or ():
                if one["name"] in plan.create:
                    raise MachineError(
                        f"{one['name']} is to be created, and {driver} has it already in {dict(place)}, with id {one['id']}: "
                        "its record was lost",
                        code="unrecorded",
                        remedy="Adopt it (playbook dockyard.machine.adopt), or remove it (playbook dockyard.machine.prune "
                        f"with machine_ids={one['id']})",
                    )
        for one in plan.wanted:
            if one["name"] in unseen:
                one.pop("max_age", None)  # what another run has seen lately says nothing of these credentials
        return warnings

    def _ready(self, store: Store, records: dict[str, Record], plan: fleet_plan.Plan) -> dict[str, dict[str, t.Any]]:
        """The variables of those machines of which the record alone tells that nothing is to be done.

        Where a driver has defaults from module_defaults, it is up to its module to compare them.
        """
        found = {}
        for one in plan.wanted if not self._task.module_defaults else ():
            record = records.get(one["name"])
            if record and record.driver == one["driver"]:
                secret = secret_options(_drivers.load(record.driver))
                if as_recorded(one, store, record, one["options"], secret) is not None:
                    found[record.name] = unsafe(_machines.brought(store, record, one.get("ssh_key"))["host_vars"])
        return found

    def _removal(
        self,
        store: Store,
        names: list[str],
        fleet: dict[str, t.Any] | None,
        records: dict[str, Record],
        damage: dict[str, MachineError],
        limit: list[str],
    ) -> Result:
        of_fleet = [name for name, record in records.items() if fleet and record.fleet == fleet["id"]]
        remove = [name for name in sorted({*names, *of_fleet}) if not limit or fleet_plan.matches(name, limit)]
        there = [name for name in remove if name in records]
        diff = {"before": "".join(f"{name}\n" for name in there), "after": ""}
        return {
            "changed": self._task.check_mode and bool(there),
            "diff": diff,
            "id": self.id,
            "remove": remove,
            "existing": there,
            "swarm": self._members(store, records, damage, {}, there),
        }

    def _swarm(
        self,
        store: Store,
        records: dict[str, Record],
        damage: dict[str, MachineError],
        nodes: dict[str, str],
        plan: fleet_plan.Plan,
        remove_surplus: bool,
    ) -> dict[str, t.Any]:
        wanted = {one["name"]: one["driver"] for one in plan.wanted}
        for name, driver in wanted.items():
            if name in nodes and not _drivers.load(driver).ssh_user:
                raise BadOption(
                    "machine_fleet.swarm",
                    f"{name!r} can't be a node: machines of driver {driver} are not reached by SSH",
                    "Set swarm: none for its role",
                )
        out = [name for name in wanted if nodes and name not in nodes]
        return self._members(store, records, damage, nodes, [*out, *(plan.surplus if remove_surplus else ())], wanted)

    def _members(
        self,
        store: Store,
        records: dict[str, Record],
        damage: dict[str, MachineError],
        nodes: dict[str, str],
        going: list[str],
        set_up: t.Container[str] = (),
    ) -> dict[str, t.Any]:
        """The swarm of this run, with what reaches the machines that no other play of it reaches."""
        recorded: dict[str, dict[str, t.Any]] = {}

        def membership(name: str) -> dict[str, t.Any]:
            return (store.observed(name).get("engine") or {}).get("swarm") or {}

        def read(names: t.Iterable[str]) -> None:
            recorded.update((name, found) for name in names if (found := membership(name)))

        # Only what has to do with a swarm is read: a swarm is one fleet's.
        read(going)
        read(name for name in nodes if name in records)
        clusters = {one["cluster"] for one in recorded.values()}
        for name, error in damage.items():
            if clusters and membership(name).get("cluster") in clusters:
                raise error  # whether a swarm can do without its node, nobody can tell
        fleets = {records[name].fleet for name in [*recorded, *nodes] if name in records}
        read(name for name, record in records.items() if record.fleet in fleets and name not in going)
        found = fleet_swarm.members(nodes, recorded, going, set_up)

        def reached(names: list[str]) -> dict[str, t.Any]:
            # One without an address has one that ends in .invalid: a play must not log in to whoever has its name elsewhere.
            machines = _machines.read(store, names)
            _machines.bring(store, machines)
            return unsafe({one.name: one.host_vars() for one in machines})

        return {
            "nodes": {name: fleet_swarm.for_node(part, MANAGERS + self.id) for name, part in found.nodes.items()},
            "managers": found.managers,
            "leaving": reached(found.leaving),
            "others": reached(found.others),
            "may_end": found.may_end,
        }

    @staticmethod
    def _differs(plan: fleet_plan.Plan, remove_surplus: bool) -> bool:
        return bool(plan.create or plan.change or (remove_surplus and plan.surplus))
