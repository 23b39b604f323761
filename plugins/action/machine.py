# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _host_vars, _input, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._module import SHARED, secret_options
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store
from ansible_collections.dockyard.machine.plugins.plugin_utils import _drivers, _from_variables
from ansible_collections.dockyard.machine.plugins.plugin_utils._action import GROUPED, ControllerAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._recorded import as_recorded

OWN = {
    **_from_variables.SPEC,
    **{name: {**one, "default": None} for name, one in SHARED.items()},
    "machine": {"type": "dict"},
    "driver": {"type": "str"},
    "options": {"type": "dict"},
    "wait": {"type": "bool", "default": True},
    "max_age": {"type": "float", "default": 0},
}
UP = (None, "present", "started", "restarted")


class ActionModule(ControllerAction):
    """Run the driver's module; where the record shows that nothing is to be done, answer without it."""

    _supports_async = True
    spec = OWN
    # All others are a machine's own, and variables of its name in the inventory say what it is, not what is wanted of it
    variables: t.ClassVar[_from_variables.Names] = {
        **dict.fromkeys(OWN),
        **{option: f"machine_{option}" for option in ("store", "timeout")},
    }

    def arguments(self) -> dict[str, t.Any]:
        everything = self._task.args
        said = {**(everything.get("machine") or {}), **everything}
        # A driver's options may stand beside ours, where module_defaults put them, too.
        flat = {name: value for name, value in said.items() if name not in OWN}
        try:
            self._task.args = {name: value for name, value in said.items() if name in OWN and name != "machine"}
            args = super().arguments()
        finally:
            self._task.args = everything
        args["labels"] = _input.as_labels("labels", args["labels"])
        args["options"] = {**flat, **(args["options"] or {})}
        if not args["name"] and args["scope"] != "account":
            raise BadOption("name", "a name is required", "Name the machine")
        return args

    def perform(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        store = open_store(args["store"])
        # Where neither defaults nor secrets are in play, the record alone tells: loading the driver is spared
        known = (
            None if self._task.module_defaults else self._answer(args, store, args["driver"], args["options"], set())
        )
        if known:
            return {"changed": False, "machine": known}
        driver = self._driver(args, store)
        if driver is None:
            return {"changed": False, "machine": None}
        options = _drivers.check_options(driver, self._with_defaults(driver, args["options"]), args["name"] or driver)
        known = self._answer(args, store, driver, options, secret_options(_drivers.load(driver)))
        if known:
            return {"changed": False, "machine": known}
        # Who names the driver describes the machine; who doesn't, means the machine that is there.
        args["keep_options"] = not args["driver"] if args["keep_options"] is None else args["keep_options"]
        shared = {name: args[name] for name in SHARED if args.get(name) is not None}
        # The environment of a task reaches the module, and not us: it must not name another store.
        module_args = {"store": store.where, **self._with_defaults(driver, shared, SHARED), **options}
        result = self.run_module(driver, module_args, task_vars)
        if args["wait"] and args["state"] in UP and not result.get("failed") and not self._task.check_mode:
            self._wait(args, store, bool(result.get("changed")), task_vars, module_args.get("ssh_key"))
        if store.shared:
            self._bring(store, args["name"], result, module_args.get("ssh_key"))
        return result

    @staticmethod
    def _bring(store: Store, name: str | None, result: Result, ssh_key: str | None) -> None:
        """The module's own files are gone with it: let the result name those of this run."""
        machine = result.get("machine") or {}
        record = store.read(name) if name and machine.get("host_vars") else None
        if record:
            machine.update(_machines.brought(store, record, ssh_key))

    def _wait(
        self, args: dict[str, t.Any], store: Store, changed: bool, task_vars: dict[str, t.Any], ssh_key: str | None
    ) -> None:
        """Until the machine can be logged in to, if it may be on its way up."""
        record = store.read(args["name"])
        if record is None or not record.ssh or (record.ssh.get("reached") and not changed):
            return
        store.fill(record.name)
        if ssh_key and store.shared:
            record.ssh["key"] = ssh_key
        observed, folder = store.observed(record.name), store.folder(record.name)
        if observed.get("state") == "running" and observed.get("address") and record.ssh["host_keys"]:
            limit = args["timeout"] or SHARED["timeout"]["default"]
            host = _ssh.Host(record, observed, folder, self.estate_ssh(task_vars, record.name))
            _ssh.wait_until_up(host, limit, not record.ssh.get("reached"))

    def _driver(self, args: dict[str, t.Any], store: Store) -> str | None:
        """The driver that is said, else the recorded one; None if there is neither, and nothing to remove."""
        if args["name"]:
            _input.check_name(args["name"])
        if args["driver"]:
            return _drivers.resolve(args["driver"])
        record = store.read(args["name"]) if args["name"] else None
        if record:
            return _drivers.resolve(record.driver)
        if args["name"] and args["state"] in ("absent", "gathered"):
            return None
        drivers = ", ".join(sorted(_drivers.installed()))
        raise BadOption(
            "driver", f"a driver is required to create {args['name'] or 'a machine'}", f"There are {drivers}"
        )

    def _with_defaults(
        self, driver: str, said: dict[str, t.Any], among: t.Container[str] | None = None
    ) -> dict[str, t.Any]:
        """The task's own word first, then the defaults of the driver's module, then those of the group."""
        among = _drivers.load(driver).argument_spec if among is None else among
        defaults = {name: value for name, value in self.defaults(driver).items() if name in among}
        # The group's defaults were merged into this task's arguments, too: they must not win over the driver's.
        group = self.defaults(GROUPED)
        said = {name: value for name, value in said.items() if name not in defaults or value != group.get(name)}
        return {**defaults, **said}

    @staticmethod
    def _answer(
        args: dict[str, t.Any], store: Store, driver: str | None, options: dict[str, t.Any], secret: set[str]
    ) -> dict[str, t.Any] | None:
        """The machine as recorded, if nothing is to be done."""
        record = store.read(args["name"]) if args["max_age"] and args["name"] else None
        if record is None or record.driver != driver:
            return None
        observed = as_recorded(args, store, record, options, secret)
        if observed is None:
            return None
        public = _host_vars.public(record, observed, store.folder(record.name))
        return {**public, **_machines.brought(store, record, args.get("ssh_key"))}
