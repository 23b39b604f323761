# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver's module: its arguments, its one way in and its one way out."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import inspect
import json
import math
import typing as t

from ._contract import Driver, Machine, Seen
from ._errors import BadOption, MachineError
from ._input import as_labels, check_name, check_ssh_args
from ._lifecycle import POWER, Lifecycle, Wish, gather
from ._lifecycle._adopt import Adopter
from ._lifecycle._books import copies, strangers
from ._lifecycle._prune import Pruner
from ._lifecycle._survey import Survey
from ._quiet import QuietModule
from ._store import open_store
from ._times import seconds_of

OVER_ACCOUNT = ("pruned", "adopted")  # states of an account, of no machine alone

# What all drivers share: documented in the fragment dockyard.machine.driver.
SHARED: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent", *POWER, "gathered", *OVER_ACCOUNT]},
    "scope": {"type": "str", "default": "machine", "choices": ["machine", "account"]},
    "ids": {"type": "list", "elements": "str"},
    "from_store": {"type": "str"},
    "store": {"type": "path"},
    "fleet": {"type": "str"},
    "role": {"type": "str"},
    "labels": {"type": "dict"},
    "tls_san": {"type": "list", "elements": "str"},
    "expires_in": {"type": "str"},
    "ssh_user": {"type": "str"},
    "ssh_key": {"type": "path", "no_log": False},
    "ssh_args": {"type": "str"},
    "ssh_password": {"type": "raw", "no_log": True},
    "host_key": {"type": "str", "no_log": False},
    "keep_options": {"type": "bool"},
    "recreate": {"type": "bool", "default": False},
    "allow_stop": {"type": "bool", "default": False},
    "on_failure": {"type": "str", "default": "keep", "choices": ["keep", "remove"]},
    "timeout": {"type": "float", "default": 600},
    "stop_timeout": {"type": "float", "default": 60},
    "lock_timeout": {"type": "float", "default": 60},
}
AT_ONCE = 16  # hosts that are asked over SSH at the same time
LONGEST_WAIT = 2_000_000  # seconds: what poll() takes at most, in milliseconds, is a little more
ESTATE_SSH = "_estate_ssh"  # from our actions alone: the arguments for ssh that the estate's settings give to Ansible
NEVER_KEPT = "user_data"  # may hold anything: of it, as of no_log options, only an HMAC is kept


def check_numbers(spec: dict[str, dict[str, t.Any]], params: t.Mapping[str, t.Any], least: float = 0) -> None:
    """Refuse numbers that no length of time can be: nan, infinite, negative, or longer than the system can wait."""
    for name, about in spec.items():
        value = params.get(name)
        if about.get("type") not in ("float", "int") or value is None:
            continue
        if not math.isfinite(value) or value < least:
            raise BadOption(name, f"{value!r} is not valid", f"Give a number of {least:g} or more")
        if name.endswith("timeout") and value > LONGEST_WAIT:
            raise BadOption(name, f"{value!r} is longer than 23 days", "Give fewer seconds")


def check_lists(spec: dict[str, dict[str, t.Any]], params: t.Mapping[str, t.Any], what: str = "") -> None:
    """Refuse an empty text in a list of a driver's options: an answer that was left blank, which no provider knows."""
    for name, about in spec.items():
        value = params.get(name)
        if about.get("elements") == "str" and any(not one.strip() for one in value or ()):
            raise BadOption(f"{what}{name}", f"{value!r} contains an empty string", "Leave that out")


def secret_options(driver: type[Driver]) -> set[str]:
    return {name for name, one in driver.argument_spec.items() if one.get("no_log") or name == NEVER_KEPT}


class _Module(QuietModule):
    """Knows which arguments were given, before defaults are filled in."""

    def _load_params(self) -> None:
        super()._load_params()
        self.estate_ssh = self.params.pop(ESTATE_SSH, None) or ()
        # Kept from Ansible, which would hide it in results wherever it is part of a word: admin, ubuntu
        self.ssh_password = self.params.pop("ssh_password", None)
        self.given = {name for name, value in self.params.items() if value is not None}


def fqcn(driver: type[Driver]) -> str:
    """The driver's name: that of the module which defines it."""
    parts = inspect.getmodule(driver).__spec__.name.split(".")  # type: ignore[union-attr]
    return f"{parts[1]}.{parts[2]}.{parts[-1]}"


def run(driver: type[Driver]) -> None:
    hidden = {name: {**driver.argument_spec[name], "no_log": True} for name in secret_options(driver)}
    module = _Module(
        argument_spec={**SHARED, **driver.argument_spec, **hidden},
        supports_check_mode=True,
        required_if=[("scope", "machine", ["name"])],
    )
    try:
        check_numbers(SHARED, module.params)
        check_numbers(driver.argument_spec, module.params, least=-math.inf)
        check_lists(driver.argument_spec, module.params)
        result = _result(module, driver)
        (module.fail_json if result.get("failed") else module.exit_json)(**result)
    except MachineError as error:
        module.fail_json(msg=error.text(), error=error.details())


def _result(module: _Module, driver: type[Driver]) -> dict[str, t.Any]:
    params = module.params
    state = params["state"]
    store = open_store(params["store"])
    if params["scope"] == "account":
        if state in OVER_ACCOUNT:
            return _over_account(module, driver, store)
        if state != "gathered":
            states = ", ".join(("gathered", *OVER_ACCOUNT))
            raise BadOption("scope", f"'account' is not valid with state {state}", f"Use it with {states}")
        return {"changed": False, **_gather_account(module, driver, store)}
    if state in OVER_ACCOUNT:
        raise BadOption("state", f"{state!r} is only valid for a whole account", "Give scope: account")
    check_name(params["name"] or "")
    lifecycle = Lifecycle(driver, store, _wish(module, driver, params["name"]))
    if state == "gathered":
        return {"changed": False, "machine": lifecycle.gathered()}
    if state in ("present", "started"):
        outcome = lifecycle.present(start=state == "started")
    elif state == "absent":
        outcome = lifecycle.absent()
    else:
        outcome = lifecycle.power(state)
    for copy in lifecycle.copies():
        module.warn(copy)
    result: dict[str, t.Any] = {"changed": outcome.changed, "machine": outcome.machine}
    if module._diff:
        result["diff"] = {"before": outcome.before, "after": outcome.after}
    return result


def _gather_account(module: _Module, driver: type[Driver], store: t.Any) -> dict[str, t.Any]:
    """Each machine of this driver that the store knows in the place that the options say.

    And each that it does not know, though it was made for this store: a backup was restored, or a record was lost.
    """
    place = {name: module.params.get(name) for name in driver.place if name in module.given}
    places: dict[str, list[Lifecycle]] = {}
    for name in store.names():
        try:
            record = store.read(name)
        except MachineError:
            continue  # a damaged record says nothing of its driver; whoever names that machine is told
        if record and record.driver == fqcn(driver) and place.items() <= record.place.items():
            where = json.dumps(record.place, sort_keys=True)
            places.setdefault(where, []).append(Lifecycle(driver, store, _wish(module, driver, name)))
    others: list[Seen] = []
    found = [pair for lifecycles in places.values() for pair in gather(lifecycles, others)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        asked = pool.map(lambda pair: pair[1] or pair[0].gathered(), found)
        machines = [one for one in asked if one]
    machine = next(kind for kind in driver.kinds if issubclass(kind, Machine))
    if not others:
        return {"machines": machines, "unrecorded": []}
    for copy in copies(store, machine, others):
        module.warn(copy)
    return {"machines": machines, "unrecorded": strangers(store, machine, others)}


def _over_account(module: _Module, driver: type[Driver], store: t.Any) -> dict[str, t.Any]:
    """Prune or adopt, in the place that the options say."""
    params = module.params
    for name in driver.place:
        if name in driver.required and params[name] is None:
            raise BadOption(name, "required to select the place", "Give the option")
    survey = Survey(driver, store, _wish(module, driver, ""))
    run = Pruner if params["state"] == "pruned" else Adopter
    result = run(survey, params["ids"] or (), params["from_store"]).run()
    if not module._diff:
        del result["diff"]
    return result


def _as_password(value: t.Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):  # YAML has made something else of it: 0123 is 83, and yes is true
        raise BadOption("ssh_password", "The value is not a string", "Put it in quotes")
    return value


def _wish(module: _Module, driver: type[Driver], name: str) -> Wish:
    params = module.params
    spec = driver.argument_spec
    if params["expires_in"] is not None:
        seconds_of("expires_in", params["expires_in"])
    check_ssh_args("ssh_args", params["ssh_args"])
    keeps = params["state"] != "present" if params["keep_options"] is None else params["keep_options"]
    noted = {field.name for field in dataclasses.fields(Wish)} & set(SHARED) - {"name"}
    return Wish(
        name=name,
        driver=fqcn(driver),
        options={option: params.get(option) for option in spec},
        given=module.given & set(spec),
        secret=secret_options(driver),
        check=module.check_mode,
        estate_ssh=module.estate_ssh,
        **{
            **{option: params[option] for option in noted},
            "ssh_password": _as_password(module.ssh_password),
            "labels": as_labels("labels", params["labels"]),
            "keep_options": keeps,
        },
    )


__all__ = ["SHARED", "fqcn", "run", "secret_options"]
