# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's part in a rotation of certificates: how far it is stands in the store, and who is done with each machine.

A step that asks something of the hosts is left only when all of them have it: what each works with is noted beside its
record by whatever play has set it up. So a run goes on wherever another one was cut off, here or on another controller.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _record
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store, _ca
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._given_ca import GivenCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _plan as fleet_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _swarm as fleet_swarm
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._machines import Machine

Result = dict[str, t.Any]


@dataclasses.dataclass
class Run:
    store: Store
    kind: str
    begin: bool = True
    drop: bool = True
    limit: list[str] = dataclasses.field(default_factory=list)
    give_up: list[str] = dataclasses.field(default_factory=list)
    timeout: float = 60
    given: GivenCA | None = None  # CAs that are not the store's own
    steps: list[str] = dataclasses.field(default_factory=list)  # those that were left behind now
    replaced: bool = False  # whether any client's pair was

    def look(self) -> Result:
        """What there is to do, and nothing done."""
        files = self._files()
        rotation = self._rotation(files)
        if rotation is None and self.begin:
            self._refuse_other_ca(files)
        lacking = self._lacking(rotation)
        passes = rotation and not rotation.step.hosts and (self.drop or not _next_drops(rotation))
        if passes or (rotation is None and self.begin):  # the step after this one is everybody's
            lacking = [one.name for one in self._machines() if _engine(one).get("authority") != _record.NO_TLS]
        result = self._result(rotation, rotation, lacking)
        return {**result, "changed": bool(rotation or self.begin), "done": rotation is None and not self.begin}

    def go_on(self) -> Result:
        store = self.store
        before = rotation = self._rotation(self._files())
        if rotation and not self.begin:
            self._refuse_failed(rotation)
        if rotation is None and self.begin:
            if store.change_ca(self._begun, self.timeout):
                self.steps.append("begin")
            rotation = self._rotation(store.ca_files())
        while rotation:
            self._give_pairs()
            if rotation.step.hosts and self._waited_for(rotation) or not self.drop and _next_drops(rotation):
                break
            if store.change_ca(functools.partial(_ca.advanced, done=rotation), self.timeout):
                self.steps.append(rotation.step.name)
            rotation = _ca.rotation(store.ca_files())
        store.fill_ca()  # what this run has brought before is of another step
        self._give_pairs()
        return self._result(before, rotation, self._lacking(rotation))

    def _begun(self, files: _ca.Files) -> _ca.Files | None:
        """A rotation at its first step; of CAs that are given, what they have to sign for the client is signed now."""
        if _ca.rotation(files):
            return None
        self._refuse_other_ca(files)
        if not self.given:
            return _ca.begun(files, self.kind)
        return _ca.begun(files, self.kind, self.given.new() if self.kind == "ca" else self.given.renewed(files))

    def _refuse_other_ca(self, files: _ca.Files) -> None:
        lacking = [side for side in _ca.SIDES if f"{side}-ca-key.pem" not in files]
        if lacking and not self.given:
            raise MachineError(
                f"The CA of {' and of '.join(f'{side}s' for side in lacking)} of {self.store.where} is not its own",
                code="given_ca",
                remedy=f"Give machine_{lacking[0]}_ca_cert and what signs with it: the same, or the one that is to come",
            )
        if self.given and self.given.is_in(files) != (self.kind == "certificates"):
            raise BadOption(
                "machine_rotate",
                f"{self.kind!r} is not possible: the given CA {'is already in use' if self.kind == 'ca' else 'is another one'}",
                "Use machine_rotate=certificates for new certificates of the same CA, machine_rotate=ca for another CA",
            )

    # Looking

    def _files(self) -> _ca.Files:
        files = self.store.ca_files() if self.store.exists else {}
        if not files:
            raise _ca.none_yet(self.store.where)
        names = self.store.names() if self.limit or self.give_up else []
        fleet_plan.check_patterns(self.limit, names)
        unknown = sorted(set(self.give_up) - set(names))
        if unknown:
            raise BadOption(
                "machine_rotate_give_up",
                f"{', '.join(unknown)!r} is not a machine of the store",
                "Run list_hosts for the names",
            )
        return files

    def _rotation(self, files: _ca.Files) -> _ca.Rotation | None:
        rotation = _ca.rotation(files)
        if rotation and rotation.kind != self.kind:
            raise MachineError(
                f"A rotation of {rotation.kind} is under way (step {rotation.step.name}), and {self.kind} was asked for",
                code="rotating",
                remedy=f"Finish that first: -e machine_rotate={rotation.kind}",
            )
        return rotation

    def _machines(self) -> list[Machine]:
        """Those that were set up. One that is being made is set up afterwards, with what holds by then."""
        found = _machines.read(self.store)
        for one in found:
            if one.damage:
                raise MachineError(
                    one.damage, code="damaged_record", remedy="Fix that first: it is not known whether it is done"
                )
        return [one for one in found if one.record and one.record.ssh and one.record.status == _record.MADE]

    def _lacking(self, rotation: _ca.Rotation | None) -> list[str]:
        """Those of whom is not noted that they have taken over this step."""
        if rotation is None or not rotation.step.hosts:
            return []
        wanted = _ca.trust_id(self.store.ca_files())
        return [one.name for one in self._machines() if not _has(_engine(one), wanted, rotation)]

    def _waited_for(self, rotation: _ca.Rotation) -> list[str]:
        return [name for name in self._lacking(rotation) if name not in self.give_up]

    def _give_pairs(self) -> None:
        with_ssh = [name for name, record in self.store.records().items() if record.ssh]
        self.replaced = self.store.give_client_pairs(with_ssh) or self.replaced

    def _mine(self, names: list[str]) -> list[str]:
        return [name for name in names if not self.limit or fleet_plan.matches(name, self.limit)]

    def _refuse_failed(self, rotation: _ca.Rotation) -> None:
        """The play over the hosts is over: who is still not done, has failed."""
        failed = self._mine(self._waited_for(rotation))
        if failed:
            raise MachineError(
                f"The rotation ({rotation.kind}) stays at step {rotation.step.name}: {', '.join(failed)} did not apply it",
                code="not_everywhere",
                left_behind=[f"{name}: the certificates that it had before" for name in failed],
                remedy="Fix the errors above, and run again: it continues from there. Start the machines that are off. "
                f"Or skip them: -e machine_rotate_give_up={','.join(failed)}; clients can't reach them then, until "
                "create_hosts sets them up again",
            )

    def _swarm(self, hosts: list[str]) -> Result:
        """What lets the nodes among the hosts be drained while their Engines restart, and whom that asks."""
        found = {one.name: _engine(one).get("swarm") for one in self._machines()} if hosts else {}
        nodes = {name: node for name, node in found.items() if node}
        groups = {name: f"machine_swarm_{node['cluster']}" for name, node in nodes.items()}
        asked = {groups[name] for name in hosts if name in nodes}
        return {
            "nodes": {name: fleet_swarm.for_node(nodes[name]["role"], groups[name]) for name in hosts if name in nodes},
            "managers": {
                name: groups[name]
                for name, node in nodes.items()
                if node["role"] == "manager" and groups[name] in asked
            },
        }

    def _result(self, before: _ca.Rotation | None, after: _ca.Rotation | None, lacking: list[str]) -> Result:
        hosts = self._mine([name for name in lacking if name not in self.give_up])
        return {
            "changed": bool(self.steps or self.replaced),
            "done": after is None,
            "id": after.id if after else None,
            "step": after.step.name if after else None,
            "steps": self.steps,
            "hosts": hosts,
            "waiting": [name for name in lacking if name not in (*hosts, *self.give_up)],
            "given_up": [name for name in lacking if name in self.give_up],
            "swarm": self._swarm(hosts),
            "diff": {"before": _said(before), "after": _said(after)},
        }


def _engine(machine: Machine) -> dict[str, t.Any]:
    return machine.observed.get("engine") or {}


def _has(engine: dict[str, t.Any], wanted: str, rotation: _ca.Rotation) -> bool:
    renewed = rotation.kind != "certificates" or engine.get("renewed") == rotation.id
    return engine.get("authority") == _record.NO_TLS or engine.get("authority") == wanted and renewed


def _next_drops(rotation: _ca.Rotation) -> bool:
    """Whether after this step, certificates of the old CA are refused."""
    steps = _ca.KINDS[rotation.kind]
    after = steps[steps.index(rotation.step) + 1 :]
    return bool(after) and _ca.OLD not in after[0].client


def _said(rotation: _ca.Rotation | None) -> str:
    return f"rotation of {rotation.kind}: {rotation.step.name}\n" if rotation else "no rotation\n"
