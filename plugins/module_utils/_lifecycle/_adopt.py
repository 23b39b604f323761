# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``adopted``: which of the machines without a record are to have one again, and of which things each is surely made."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._errors import MachineError
from ._adoption import Adoption
from ._survey import Survey, failure
from ._task import Task
from ._things import Thing


class Adopter:
    """One run over one place and account."""

    def __init__(self, survey: Survey, ids: t.Collection[str] = (), from_store: str | None = None) -> None:
        self.survey = survey
        self.ids = set(ids)  # ids or names of machines; none: all
        self.from_store = from_store
        self.adopted: list[dict[str, t.Any]] = []
        self.failed: list[dict[str, t.Any]] = []
        self.others: list[dict[str, t.Any]] = []
        self.machines: dict[tuple[str, str, str], dict[tuple[str, str], Thing]] = {}
        self.looks = 0
        self.copies: set[str] = set()

    def run(self) -> dict[str, t.Any]:
        survey, found = self.survey, set()
        machine = next(kind for kind in survey.driver_class.kinds if issubclass(kind, contract.Machine))
        if not machine.lists_account:
            raise MachineError(
                f"{survey.wish.driver} can't list the machines that there are, so that none can be adopted",
                code="no_list",
                remedy="Restore the store from a backup",
            )
        self._look()
        books = survey.books()
        chosen = []
        named = {one for _store, *both in self.machines for one in both} & self.ids
        for store, id, name in sorted(self.machines):
            things = {thing.seen.id for thing in self.machines[store, id, name].values()}
            if self.ids and not ({id, name} if named else things) & self.ids:
                continue
            found |= {id, name, *things}
            said = {"name": name, "id": id, "store": store}
            entry = books.entries.get((store, id))
            outdated = entry and entry.outdated(list(self.machines[store, id, name].values()))
            if entry and entry.record and not outdated:
                continue  # it has its record
            if entry and not outdated:
                self.others.append({**said, "why": "it was removed; prune removes what is left of it"})
            elif store not in (books.own, self.from_store):
                self.others.append({**said, "why": f"it belongs to another store; from_store: {store} takes it over"})
            else:
                chosen.append((store, id, name))
        for store, id, name in chosen:
            said = {"name": name, "id": id, "store": store}
            twins = [other for _store, other, also in chosen if also == name and other != id]
            if twins:
                why = f"There are several machines {name}: {', '.join(sorted([id, *twins]))}. Give the id of one"
                self.failed.append({**said, "error": why})
                continue
            self._adopt(said, (store, id, name))
        recorded = set(survey.store.names()) if survey.store.exists else set()
        return {
            "changed": bool(self.adopted),
            "diff": {
                "before": {one["name"]: {"state": "absent"} for one in self.adopted},
                "after": {one["name"]: one.pop("shape") for one in self.adopted},
            },
            "account": survey.account,
            "adopted": self.adopted,
            "failed_to_adopt": self.failed,
            "others": self.others,
            "found": sorted(self.ids & (found | recorded)),
            **failure("Not all could be adopted", self.failed, []),
        }

    def _adopt(self, said: dict[str, t.Any], which: tuple[str, str, str]) -> None:
        survey = self.survey
        task = Task(survey.driver_class, survey.store, survey.wish_for(said["name"]), survey.clock)
        task.connected = survey.driver

        def again() -> list[Thing]:
            if self.looks == 1:
                # One list may lag, or lack a page: what it did not show would be made a second time.
                survey.clock.sleep(max(kind.lag for kind in survey.driver_class.kinds))
                self._look()
            return self._sure(which)

        try:
            try:
                sure = self._sure(which)
            except MachineError:
                sure = again()  # what proves it may be what the list lacked
            self.adopted.append({**said, **Adoption(task).adopt(sure, again)})
        except MachineError as error:
            self.failed.append({**said, "error": error.text()})

    def _sure(self, which: tuple[str, str, str]) -> list[Thing]:
        """What is surely that machine's: proven, named by its id, or alone and attached to what is proven."""
        things = list(self.machines[which].values())
        proven = {thing.seen.id for thing in things if thing.proven or thing.seen.id in self.ids}
        sure = []
        for key in sorted({thing.key for thing in things}):
            latest = max(thing.turn for thing in things if thing.key == key)
            found = [thing for thing in things if thing.key == key and thing.turn == latest]
            found = [thing for thing in found if thing.seen.id in self.ids] or found
            if len(found) > 1 or not proven & {found[0].seen.id, *found[0].seen.attached_to}:
                ids = sorted(thing.seen.id for thing in found)
                raise MachineError(
                    f"{key} of {which[2]}: {' and '.join(ids)} by the tags, which can be copied",
                    code="unproved",
                    remedy="Give the id of the one that belongs to the machine (resource_ids; playbook: machine_resource_ids)",
                )
            sure += found
        return sure

    def _look(self) -> None:
        """Sort what is there by the machines that it was made for; what was seen once is there."""
        self.looks += 1
        for thing in self.survey.things():
            if thing.store and thing.proven is False:
                if thing.seen.id not in self.copies:
                    said = {"name": thing.machine, "id": thing.id, "store": thing.store}
                    self.others.append({**said, "why": thing.copied()})
                self.copies.add(thing.seen.id)
            elif thing.store:
                of_machine = self.machines.setdefault((thing.store, thing.id, thing.machine), {})
                of_machine[thing.kind.__name__, thing.seen.id] = thing
