# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds at each change of the store, at each call, and when the storm is over."""

from __future__ import annotations

import json
import re
import typing as t

from tests.model.driver import PREFIX
from tests.model.provider import Entry, Thing

if t.TYPE_CHECKING:
    from tests.stress.controllers import Process
    from tests.stress.world import World

Json = dict[str, t.Any]
READS = ("get_", "list_", "whoami", "newest_")
RECORDS, LEASES, KEYS, TOMBSTONES = "records/", "leases/", "keys/", "tombstones/"
SOMEBODY = "5e1f0c3a-0000-4000-8000-000000000000"  # another store, of machines with the same names


class Watch:
    def __init__(self, world: World) -> None:
        self.world = world
        self.frozen: dict[tuple[str, str, int, int], str] = {}  # record, key, generation, attempt -> the request
        self.named: set[str] = set()  # names of what is told by its name, as they were frozen
        self.late: set[str] = set()  # made by who had lost the lease meanwhile
        self.foreign: list[tuple[Thing, str]] = []  # and how they were
        self.copies: dict[str, str] = {}  # ids of somebody's copies of ours -> how they were

    def holds(self, condition: t.Any, otherwise: str) -> None:
        if not condition:
            self.world.fail(otherwise)

    def look_alikes(self) -> None:
        """Machines of another store, and one that bears our form only in part."""
        add = self.world.provider.add
        tags = {"store": SOMEBODY, "id": "0123456789ab", "machine": "web1", "generation": "1", "attempt": "1"}
        for kind, ours in (("machine", "Server"), ("firewall", "Firewall"), ("volume", "Volume")):
            name = "" if kind == "volume" else "web1-012345-1"
            for more in ({"kind": ours}, {"kind": "Cluster"}):
                whole = {PREFIX + key: value for key, value in {**tags, **more}.items()}
                self.foreign.append((add(kind, "acme", "north", name, whole), ""))
        self.foreign = [(thing, repr(thing)) for thing, _said in self.foreign]

    def alive(self) -> list[Thing]:
        """What exists and is nobody's copy."""
        return [thing for thing in self.world.provider.alive() if thing.id not in self.copies]

    def copy(self, id: str) -> None:
        thing = self.world.provider.copy(id)
        self.copies[thing.id] = repr(thing)
        self.world.seen["copies"] += 1

    def untag(self) -> None:
        """Somebody says of the copies that they are theirs."""
        for id in self.copies:
            thing = self.world.provider.things[id]
            thing.tags.clear()
            self.copies[id] = repr(thing)

    # At each change of the store

    def kept(self, key: str, old: bytes | None, new: bytes | None) -> None:
        if key.startswith(RECORDS):
            self._recorded(json.loads(old)["record"] if old else None, json.loads(new)["record"] if new else None)

    def _recorded(self, old: Json | None, new: Json | None) -> None:
        if new:
            # Written once more as it is: then its files were others
            again = new == old
            self.holds(
                again or new["revision"] == (old["revision"] if old else 0) + 1, "a save that was no compare-and-set"
            )
            self.holds(not old or old["id"] == new["id"], f"{new['id']} was saved over {old and old['id']}")
            for one in new["resources"]:
                self._freeze(new, one)
        after = {one["key"]: one for one in new["resources"]} if new else {}
        ids = {one["id"] for one in after.values()}
        for one in old["resources"] if old else ():
            if one["existing"]:
                continue
            self.holds(one["id"] in ids or not self._lives(one["id"]), f"{one['id']} left the record, and still exists")
            then = after.get(one["key"])
            if then and (then["generation"], then["attempt"]) != (one["generation"], one["attempt"]):
                forgotten = self._made(old["id"], one["key"], one["generation"], one["attempt"])
                self.holds(not forgotten, f"{forgotten} exists, and another attempt begins")
        if old and not new:
            left = [thing.id for thing in self._of(old["id"]) if thing.id not in self.late]
            self.holds(not left, f"left behind: {left}")
            begun = any(turn[0] == old["id"] for turn in self.frozen)
            buried = f"{TOMBSTONES}{old['id']}.json" in self.world.objects.objects
            self.holds(buried or not begun, f"no tombstone of {old['id']}")

    def _freeze(self, record: Json, one: Json) -> None:
        if one["status"] != "creating":
            return
        turn = (record["id"], one["key"], one["generation"], one["attempt"])
        request = json.dumps(one["requests"][min(one["choice"], len(one["requests"]) - 1)], sort_keys=True)
        self.holds(request == self.frozen.setdefault(turn, request), f"another request in one attempt: {turn}")
        self.named.add(f"{record['name']}-{record['id'][:6]}-{one['generation']}")

    # At each call

    def call(self, process: Process, entry: Entry) -> None:
        """Just before it takes effect."""
        if entry["call"].startswith(READS):
            return
        self.holds(process.doing, f"{entry['call']} by none of a kind's methods")
        assert process.doing
        method, kind, it = process.doing
        holder = self._holder(it.machine)
        ours = holder == process.number
        # No cloud asks for a lease: who is stopped in the middle of a call makes it, whatever happened meanwhile.
        self.holds(
            ours or process.stopped, f"{process} makes {entry['call']} for {it.machine}, and {holder} has its lease"
        )
        if not ours:
            self.world.seen["late calls"] += 1
        if method == "create":
            turn = (it.tags["id"], it.tags["kind"], int(it.tags["generation"]), int(it.tags["attempt"]))
            self.holds(turn in self.frozen, f"{entry['call']} without a durable frozen request: {turn}")
            self.holds(kind.tagged or it.name in self.named, f"{it.name} was never frozen")
        if method == "delete":
            self.holds(it.id not in self.copies, f"{it.id} is deleted, and is a copy")
            thing = self.world.provider.things[it.id]
            if kind.tagged:
                names = ("store", "id", "kind", "generation", "attempt")
                wrong = [name for name in names if _tags(thing).get(name) != it.tags[name]]
                self.holds(not wrong, f"{thing.id} is deleted, and {', '.join(wrong)} of its tags are not ours")
            else:
                self.holds(thing.name == it.name, f"{thing.id} is deleted, and its name {thing.name} is not {it.name}")
            self.holds(not self._in_use(thing.id), f"{thing.id} is deleted, which belongs to a machine that is made")

    def effect(self, process: Process, entry: Entry) -> None:
        """Just after it took effect."""
        creates = entry["effect"] and process.doing and process.doing[0] == "create"
        if creates and process.doing and self._holder(process.doing[2].machine) != process.number:
            self.late.add(entry["effect"])
            self.world.seen["late creates"] += 1

    def _holder(self, name: str) -> int | None:
        found = self.world.objects.objects.get(f"{LEASES}{name}.json")
        lease = json.loads(found.data) if found else {}
        return lease["holder"]["pid"] if lease.get("holder") else None

    def _in_use(self, id: str) -> bool:
        return any(
            one["id"] == id and one["status"] == "made"
            for record in self.records().values()
            if record["status"] == "made"
            for one in record["resources"]
        )

    # At the end

    def end(self) -> None:
        world = self.world
        records = self.records()
        wanted = {task.name for task in world.scenario.final if task.verb != "absent"}
        self.holds(set(records) == wanted, f"recorded are {sorted(records)}, and wanted {sorted(wanted)}")
        ids: list[str] = []
        for record in records.values():
            self.holds(record["status"] == "made", f"{record['name']} is {record['status']}")
            for one in record["resources"]:
                self.holds(
                    one["id"] and one["status"] == "made", f"{one['key']} of {record['name']} is {one['status']}"
                )
                ids.append(one["id"])
        there = [one.id for one in self.alive() if one not in [thing for thing, _said in self.foreign]]
        self.holds(sorted(ids) == sorted(there), f"recorded are {sorted(ids)}, and there are {sorted(there)}")
        for name in wanted:
            self._one_machine(name, records[name])
        self._keys(records)
        for id, said in self.copies.items():
            thing = world.provider.things[id]
            self.holds(repr(thing) == said, f"{id}, a copy, was touched: {thing}, and was {said}")
        for thing, said in self.foreign:
            self.holds(repr(thing) == said, f"{thing.id} of somebody else was touched: {thing}")

    def _one_machine(self, name: str, record: Json) -> None:
        machines = [
            one
            for one in self.alive()
            if one.kind == "machine" and _tags(one).get("machine") == name and _tags(one)["store"] != SOMEBODY
        ]
        self.holds(len(machines) == 1, f"there are {len(machines)} machines {name}")
        self.holds(machines[0].state(self.world.clock.now) == "running", f"{name} does not run")
        keys = [one.body["public_key"] for one in self.alive() if one.id == machines[0].body["key"]]
        self.holds(keys == [record["ssh"]["public_key"]], f"{name} lets in {keys}")
        for key in record["ssh"]["host_keys"]:
            self.holds(key in machines[0].body["user_data"], f"{name} has another host key than {key}")

    def _keys(self, records: dict[str, Json]) -> None:
        """The private keys of what is recorded are there, and of what isn't, none."""
        objects = self.world.objects.objects
        for key, found in objects.items():
            if key.startswith(KEYS):
                self.holds(key.split("/")[1] in records, f"{key} is left")
            if key.startswith(RECORDS):
                data = json.loads(found.data)
                self.holds(data["record"], f"{key} is a place that nobody has taken")
                texts = json.loads(objects[data["keys"]].data) if data["keys"] in objects else {}
                ssh = data["record"]["ssh"]
                public = " ".join(texts.get("id_ed25519.pub", "").split()[:2])
                self.holds(public == ssh["public_key"], f"the key of {key} is lost: {sorted(texts)}")
                private = texts.get("id_ed25519", "").split()[-1:]
                self.holds(private == public.split()[-1:], f"the private key of {key} is another one's")

    # Looking

    def records(self) -> dict[str, Json]:
        found = self.world.objects.objects
        kept = {
            key[len(RECORDS) : -len(".json")]: json.loads(one.data)["record"]
            for key, one in found.items()
            if key.startswith(RECORDS)
        }
        return {name: record for name, record in kept.items() if record}  # else its place is reserved

    def _lives(self, id: str | None) -> bool:
        """It exists, and its end was not asked for."""
        thing = self.world.provider.things.get(id or "")
        return thing is not None and self.world.clock.now < thing.gone

    def _of(self, record: str) -> list[Thing]:
        return [
            thing
            for thing in self.alive()
            if _tags(thing).get("id") == record or (not thing.tags and f"-{record[:6]}-" in thing.name)
        ]

    def _made(self, record: str, key: str, generation: int, attempt: int) -> list[str]:
        turn = {"id": record, "kind": key, "generation": str(generation), "attempt": str(attempt)}
        return [
            thing.id for thing in self.alive() if thing.id not in self.late and turn.items() <= _tags(thing).items()
        ]


def _tags(thing: Thing) -> dict[str, str]:
    """Ours, by our names."""
    return {
        name[len(PREFIX) :]: re.sub("_([0-9a-f]{2})", lambda one: chr(int(one[1], 16)), value)
        for name, value in thing.tags.items()
        if name.startswith(PREFIX)
    }
