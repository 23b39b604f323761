# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of a store as people look at them: none left out, and those that can't be read say why."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import typing as t
import urllib.parse

from ansible_collections.dockyard.machine.plugins.module_utils import _host_vars, _pin, _record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, _base
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _expiry
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._keys import PLACE

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError:
    jmespath = None

UNKNOWN = "unknown"
AT_ONCE = 16  # what is read of a shared store at the same time
DAMAGE = (*_base.DAMAGE, "store")  # codes of errors that are about one record alone; "store": its object


@dataclasses.dataclass
class Machine:
    """One machine of a store; without a record, ``damage`` says why it can't be read.

    The folder of a machine whose files have not been brought here is _keys.PLACE.
    """

    name: str
    folder: str
    record: Record | None = None
    observed: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    damage: str | None = None
    ends: dict[str, _expiry.End] = dataclasses.field(default_factory=dict)  # of the store's client and CAs

    def host_vars(self) -> dict[str, t.Any]:
        record, observed = self._shown()
        values = _host_vars.host_vars(record, observed, self.folder)
        if self.damage:
            values.update(machine_id=None, machine_driver=None)
        if "ansible_host" not in values and (self.damage or record.ssh):
            # Without this a play would log in to whatever host has the machine's name elsewhere.
            values["ansible_host"] = f"{self.name}.{'damaged' if self.damage else 'no-address'}.invalid"
        return {**values, **self._expiry(record)}

    def end(self) -> _expiry.End | None:
        """Of the Engine's certificate."""
        return _expiry.of_engine(self.name, self.observed.get("engine") or {})

    def _expiry(self, record: Record) -> dict[str, t.Any]:
        now, own = datetime.datetime.now(datetime.timezone.utc), self.end()
        mine = self.ends if record.ssh else {}
        last = {kind: one.public(now)["not_after"] for kind, one in mine.items()}
        authorities = [last[kind] for kind in (_expiry.SERVER_CA, _expiry.CLIENT_CA) if kind in last]
        return {
            "machine_certificate_days_left": own.days_left(now) if own else None,
            "machine_certificate_due": any(one.is_due(now) for one in (own, *mine.values()) if one),
            "machine_client_certificate_not_after": last.get(_expiry.CLIENT),
            "machine_ca_not_after": min(authorities, default=None),
        }

    def public(self) -> dict[str, t.Any]:
        record, observed = self._shown()
        values = _host_vars.public(record, observed, self.folder)
        if self.damage:
            values.update(id=None, driver=None)
        values["host_vars"] = self.host_vars()
        if self.folder == PLACE:
            values = {**_host_vars.without_files(values, PLACE), "folder": None}
        values["certificate_days_left"] = values["host_vars"]["machine_certificate_days_left"]
        values["certificate_due"] = values["host_vars"]["machine_certificate_due"]
        return values

    def unseen(self, why: str) -> None:
        """Its present state can't be told."""
        self.observed = {**self.observed, "state": UNKNOWN, "error": why}

    def _shown(self) -> tuple[Record, dict[str, t.Any]]:
        if self.record:
            return self.record, self.observed
        nothing = Record(id="", name=self.name, driver="", status=_record.MADE)
        return nothing, {"state": UNKNOWN, "error": self.damage}


def read(store: Store, names: t.Iterable[str] | None = None) -> list[Machine]:
    """All machines of the store, or those of the names that exist."""
    if not store.exists:
        return []
    # Of a shared store the CA's certificates lie with its keys, which nobody fetches for a list of machines.
    ends = {} if store.shared else _expiry.of_store(store)
    _read_once = store.id  # else the store makes sure of itself at each read, which costs a listing of all machines

    def look(name: str) -> Machine | None:
        machine = Machine(name, PLACE if store.shared else store.folder(name), ends=ends)
        try:
            machine.record = store.read(name)
            if machine.record is None:
                return None
            machine.observed = store.observed(name)
        except MachineError as error:
            if error.code not in DAMAGE:
                raise
            machine.damage = error.text()
        return machine

    wanted = store.names() if names is None else names
    if not store.shared:
        return [machine for machine in map(look, wanted) if machine]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return [machine for machine in pool.map(look, wanted) if machine]


def bring(store: Store, machines: list[Machine]) -> None:
    """Bring the files of these machines, so that their variables are paths, which hold as long as the run."""
    for machine in machines:
        record = machine.record
        if record and store.shared:
            store.fill(machine.name)
            store.give_client_pair(machine.name)
            machine.folder = store.folder(machine.name)
        elif record and record.ssh:
            with contextlib.suppress(OSError):  # a store that can't be written to
                _pin.write(record, machine.folder)  # a copy may lack them, or their modes


def brought(store: Store, record: Record, ssh_key: str | None = None) -> dict[str, t.Any]:
    """What a result says of a machine's files, with the files in their place; ``ssh_key``: where this run has it."""
    if ssh_key and store.shared and record.ssh:
        record.ssh["key"] = ssh_key
    machine = Machine(record.name, store.folder(record.name), record, store.observed(record.name))
    bring(store, [machine])
    return {"folder": machine.folder, "host_vars": _host_vars.host_vars(record, machine.observed, machine.folder)}


class Filter:
    """A JMESPath expression over a machine as modules return it."""

    def __init__(self, expression: str) -> None:
        if jmespath is None:
            raise MachineError(
                "filter needs the Python library jmespath",
                code="missing_library",
                remedy="Install it with Ansible: pip install jmespath",
            )
        self.expression = expression
        try:
            self._compiled = jmespath.compile(expression)
        except RecursionError:
            raise BadOption("filter", f"{f'{expression[:60]}...'!r} is nested too deeply", "Simplify it") from None
        except JMESPathError as error:
            raise BadOption(
                "filter",
                f"{expression!r} is not a valid JMESPath expression ({_one_line(error)})",
                "Write it like: role == 'web'",
            ) from error

    def matches(self, public: dict[str, t.Any]) -> bool:
        try:
            result = self._compiled.search(public)
        except RecursionError:
            raise BadOption("filter", f"{f'{self.expression[:60]}...'!r} is nested too deeply", "Simplify it") from None
        except JMESPathError as error:
            raise BadOption(
                "filter", f"{self.expression!r} fails for {public['name']} ({_one_line(error)})", "Fix the expression"
            ) from error
        # What JMESPath holds for true: the number 0, too
        return result is not None and result is not False and result not in ("", [], {})


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def known_names(store: Store, others_than: t.Container[str]) -> list[dict[str, str]]:
    """Names and addresses of a store's machines, each with the machine's name."""
    return [
        {"name": name, "machine": machine.name}
        for machine in read(store)
        if machine.name not in others_than
        for name in dict.fromkeys(_names(machine))
    ]


def _names(machine: Machine) -> t.Iterator[str]:
    values = machine.host_vars()
    yield machine.name
    if values["machine_id"]:
        yield values["machine_id"]
    # What does not exist any more has no address: another machine can have it now.
    if values["machine_state"] != "absent":
        if "ansible_host" in values:
            yield values["ansible_host"]
        yield from values["machine_tls_san"] or ()
        yield urllib.parse.urlsplit(values.get("docker_host") or "").hostname or machine.name
