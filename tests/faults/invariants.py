# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds at each call, at each save, after each failure and at the end (docs/reliability.md)."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record, expires_at
from ansible_collections.dockyard.machine.plugins.module_utils._times import NEVER

if t.TYPE_CHECKING:
    from tests.faults.boundaries import Boundary
    from tests.faults.world import World

Json = dict[str, t.Any]


class Broken(BaseException):
    """An invariant does not hold. No Exception, which the lifecycle would take for the provider's."""


def holds(condition: t.Any, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)


@dataclasses.dataclass
class Thing:
    """Something that exists at the provider, costs, and seems to be ours."""

    id: str
    kind: str
    name: str = ""
    tags: dict[str, str] = dataclasses.field(default_factory=dict)  # ours, by our names; none where there are none
    shape: t.Any = None  # what does not differ by chance

    def called(self) -> str:
        """The name that the core gives it."""
        if self.name or not self.tags:
            return self.name or self.id
        suffix = self.tags["kind"].partition("/")[2]
        name = f"{self.tags['machine']}-{self.tags['id'][:6]}-{self.tags['generation']}"
        return f"{name}-{suffix}" if suffix else name

    def of(self, record: str) -> bool:
        return self.tags.get("id") == record or (not self.tags and f"-{record[:6]}-" in self.name)


class Watch:
    """Looks at a world at each of its steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answered: set[str] = set()  # ids that a create of this run has told

    # At each call

    def call(self, boundary: Boundary) -> None:
        """The id of what was made is saved by the very next instruction, before anything else is asked or told."""
        if self.answered:
            late = (self.answered & self.world.ids()) - self.recorded()
            holds(not late, f"{boundary} before {late} was saved")

    def method(self, name: str, kind: t.Any, it: t.Any) -> None:
        if name == "create":
            found = [
                one
                for record in self.world.records().values()
                for one in record["resources"]
                if one["key"] == it.tags.get("kind") and record["id"] == it.tags.get("id")
            ]
            holds(
                found and found[0]["status"] == "creating" and found[0]["id"] is None and found[0]["requests"],
                f"{it.name} is created without a durable frozen request",
            )
            holds(str(found[0]["attempt"]) == it.tags["attempt"], f"{it.name}: another attempt than the saved one")
        if name == "delete":
            holds(it.id not in self.world.copied, f"{it.id} is deleted, and is a copy")
            thing = next((one for one in self.world.things() if one.id == it.id), None)
            if thing is None:
                return
            if kind.tagged:
                wrong = [key for key in ("store", "id", "generation") if thing.tags.get(key) != it.tags[key]]
                holds(not wrong, f"{it.id} is deleted though {', '.join(wrong)} of its tags is not ours")
            else:
                holds(thing.name == it.name, f"{it.id} is deleted though its name {thing.name} is not {it.name}")

    # At each save

    def rename(self, source: str, target: str) -> None:
        name = os.path.basename(target)
        if name == "machine.json":
            self._save(target, _read(target), t.cast(Json, _read(source)))
        elif name.startswith(".removed-"):
            self._save(source, _read(os.path.join(source, "machine.json")), None)

    def _save(self, path: str, old: Json | None, new: Json | None) -> None:
        before = old or {"resources": [], "revision": 0, "id": None}
        if new is not None:
            holds(new["revision"] == before["revision"] + 1, f"{path}: a save that was no compare-and-set")
        after = {one["key"]: one for one in (new or {"resources": []})["resources"]}
        there = self.world.things()
        kept = {one["id"] for one in after.values()}
        for one in before["resources"]:
            if one["existing"]:
                continue
            gone = one["id"] and one["id"] not in kept
            holds(
                not gone or one["id"] not in {thing.id for thing in there},
                f"{one['id']} left the record and still exists",
            )
            then = after.get(one["key"])
            if then and then["generation"] == one["generation"] and then["attempt"] > one["attempt"]:
                same = [
                    thing.id
                    for thing in there
                    if thing.tags.get("id") == before["id"]
                    and (thing.tags.get("kind"), thing.tags.get("generation"), thing.tags.get("attempt"))
                    == (one["key"], str(one["generation"]), str(one["attempt"]))
                ]
                holds(not same, f"{same} exists, and another attempt begins")
        if new is None and old is not None:
            self.nothing_of(old["id"])

    def recorded(self) -> set[str]:
        return {
            one["id"]
            for record in self.world.records().values()
            for one in record["resources"]
            if one["id"] and not one["existing"]
        }

    def nothing_of(self, record: str) -> None:
        """The provider has nothing with that record's id."""
        left = [thing.id for thing in self.world.things() if thing.of(record)]
        holds(not left, f"left behind: {left}")

    # After a failure

    def failure(self, error: MachineError, at_stake: set[str]) -> None:
        """It says what is left behind and what to do, and no secret."""
        holds(error.remedy, f"no remedy: {error.message}")
        said = " ".join(error.left_behind)
        whole = {  # what is made and belongs to a machine that is made is not left behind
            one["id"]
            for record in self.world.records().values()
            for one in record["resources"]
            if record["status"] == one["status"] == "made"
        }
        for thing in self.world.things():
            if thing.id in at_stake - whole:
                holds(thing.id in said or thing.called() in said, f"{thing.id} is not named by: {error.text()}")
        self.no_secret(error.text(), "an error")

    # At the end

    def end(self) -> None:
        """What holds whenever no run is under way and the last one succeeded."""
        world = self.world
        recorded: list[str] = []
        things = {thing.id: thing for thing in world.things()}
        for record in world.records().values():
            if "expires_in" in record["kept"]:  # else nobody has said an end
                end = int(expires_at(Record.from_json(json.dumps(record)))) if record["expires"] else NEVER
                told = {one["id"]: things[one["id"]].tags for one in record["resources"] if one["id"] in things}
                wrong = [id for id, tags in told.items() if tags and tags.get("expires", NEVER) != str(end)]
                holds(not wrong, f"{wrong} bear another end than {end}")
            for one in record["resources"]:
                holds(one["existing"] or one["id"], f"{one['key']} is unresolved")
                recorded += [one["id"]] if not one["existing"] and world.exists(one) else []
        holds(len(recorded) == len(set(recorded)), f"recorded twice: {recorded}")
        there = world.ids()
        holds(set(recorded) == there, f"recorded are {sorted(recorded)}, and there are {sorted(there)}")
        for path in world.disk.rglob("*"):
            holds(path.stat().st_mode & 0o077 == 0, f"others may read {path}")
            if path.is_file() and not path.name.startswith("id_ed25519"):
                self.no_secret(path.read_text(errors="replace"), str(path))
        holds(not list(world.store_folder.glob("machines/.*")), "a removed machine's folder is still there")
        self.no_secret("\n".join(world.said), "what was called")

    def copies(self) -> None:
        """Whatever bears our tags and is somebody's is as it was."""
        for id, said in self.world.copied.items():
            holds(
                self.world.looks(id) == said,
                f"{id}, a copy of ours, was touched: {self.world.looks(id)}, and was {said}",
            )

    def no_secret(self, text: str, where: str) -> None:
        for secret in self.world.secrets:
            holds(secret not in text, f"a secret in {where}: {text[:200]}")


def _read(path: t.Any) -> Json | None:
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None
