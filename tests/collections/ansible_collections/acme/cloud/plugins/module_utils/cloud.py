# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pretend cloud, with the manners of real ones: its lists lag, it is full, it answers late or not at all.

Each call is noted in a ledger, together with its effect and in one step. What it does wrong, say its traits:

  lag        seconds until a new thing shows in lists and reads; lag_things and the like: of one kind
  boot       seconds until a new or started thing runs
  deaf       true: things don't listen to a request to stop
  full       zones without capacity, said at once
  full_later zones without capacity, said by a thing that comes up in state "error"
  faults     [{"call": "run_thing", "code": "Timeout", "after": true, "times": 1}, ...]: calls that fail, before
             or after their effect
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import json
import os
import time

EMPTY = {"next": 1, "things": {}, "keys": {}, "volumes": {}, "networks": {"net-0": {}}, "ledger": [], "traits": {}}


class CloudError(Exception):
    def __init__(self, code, message=""):
        super().__init__(message or code)
        self.code = code


class Cloud:
    """The cloud in memory. ``account`` is who asks."""

    def __init__(self, account="acme", clock=time.time, state=None):
        self.account = account
        self.clock = clock
        self.state = copy.deepcopy(EMPTY) if state is None else state

    # Calls

    def whoami(self):
        return self._call("whoami", "", lambda state: self.account)

    def newest_image(self):
        return self._call("newest_image", "", lambda state: state["traits"].get("image", "image-1"))

    def get_network(self, id):
        return self._call("get_network", id, lambda state: self._existing(state["networks"], id, "network"))

    def import_key(self, name, public_key):
        def effect(state):
            if any(key["name"] == name and key["account"] == self.account for key in state["keys"].values()):
                raise CloudError("Taken", f"there is a key {name}")
            return self._add(state, "keys", {"name": name, "public_key": public_key})

        return self._call("import_key", name, effect)

    def list_keys(self):
        return self._call("list_keys", "", lambda state: self._visible(state, "keys"))

    def delete_key(self, id):
        return self._call("delete_key", id, lambda state: self._remove(state, "keys", id))

    def create_volume(self, token, zone, size, tags):
        def effect(state):
            for id, volume in state["volumes"].items():
                if volume["token"] == token:
                    return id
            return self._add(state, "volumes", {"token": token, "zone": zone, "size": size, "tags": tags})

        return self._call("create_volume", token, effect)

    def list_volumes(self):
        return self._call("list_volumes", "", lambda state: self._visible(state, "volumes"))

    def delete_volume(self, id):
        def effect(state):
            if any(thing["volume"] == id for thing in state["things"].values()):
                raise CloudError("Busy", f"volume {id} is attached")
            self._remove(state, "volumes", id)

        return self._call("delete_volume", id, effect)

    def run_thing(self, zone, memory, image, tags, name="", key=None, user_data=None, network=None):
        def effect(state):
            if zone in state["traits"].get("full", ()):
                raise CloudError("OutOfCapacity", f"zone {zone} is full")
            if memory <= 0:
                raise CloudError("Invalid", f"memory {memory}")
            late = zone in state["traits"].get("full_later", ())
            thing = {"zone": zone, "memory": memory, "image": image, "tags": tags, "key": key, "network": network}
            thing.update(name=name, user_data=user_data, rules=[], volume=None)
            thing.update(state="error" if late else "running", since=self.clock())
            thing["reason"] = "OutOfCapacity" if late else ""
            return self._add(state, "things", thing)

        return self._call("run_thing", zone, effect)

    def list_things(self):
        return self._call("list_things", "", lambda state: self._visible(state, "things"))

    def set_rules(self, id, rules):
        return self._call("set_rules", id, lambda state: self._thing(state, id).update(rules=rules))

    def attach(self, id, volume):
        def effect(state):
            thing = self._thing(state, id)
            if volume and self._existing(state["volumes"], volume, "volume")["zone"] != thing["zone"]:
                raise CloudError("Invalid", f"volume {volume} is not in zone {thing['zone']}")
            thing["volume"] = volume

        return self._call("attach", id, effect)

    def resize(self, id, memory):
        def effect(state):
            thing = self._thing(state, id)
            if thing["state"] != "stopped":
                raise CloudError("MustBeStopped", f"thing {id} is {thing['state']}")
            thing["memory"] = memory

        return self._call("resize", id, effect)

    def tag(self, kind, id, tags):
        def effect(state):
            self._existing(state[kind], id, kind[:-1])
            state[kind][id]["tags"].update(tags)

        return self._call("tag", id, effect)

    def power(self, id, action):
        def effect(state):
            thing = self._thing(state, id)
            if action == "stop" and state["traits"].get("deaf"):
                return
            new = {"start": "running", "stop": "stopped", "kill": "stopped", "pause": "paused", "unpause": "running"}
            if action == "start" and thing["state"] != "running":
                thing["since"] = self.clock()
            thing["state"] = new[action]

        return self._call(action, id, effect)

    def delete_thing(self, id):
        return self._call("delete_thing", id, lambda state: self._remove(state, "things", id))

    # For tests, which are no clients

    def copy(self, id):
        """More like this, as somebody makes it: with all tags, and with a name of its own."""

        def copied(state):
            kind = next(kind for kind in ("things", "volumes") if id in state[kind])
            more = {"name": "another", "volume": None} if kind == "things" else {"token": ""}
            return self._add(state, kind, copy.deepcopy({**state[kind][id], **more}))

        return self.change(copied)

    def look(self):
        """All that there is now, as a copy."""
        with self._open() as state:
            return copy.deepcopy(state)

    def set(self, **traits):
        with self._open() as state:
            state["traits"].update(traits)

    def change(self, how):
        with self._open() as state:
            return how(state)

    # Helpers

    def _call(self, call, target, effect):
        with self._open() as state:
            fault = self._fault(state, call)
            entry = {"call": call, "target": target, "account": self.account, "at": self.clock()}
            state["ledger"].append(entry)
            result = None
            try:
                if fault is None or fault.get("after"):
                    result = copy.deepcopy(effect(state))
                    entry["result"] = result if isinstance(result, str) else None
                if fault:
                    raise CloudError(fault["code"], f"{call}: {fault['code']}")
            except CloudError as error:
                entry["error"] = error.code
                raise
            return result

    @staticmethod
    def _fault(state, call):
        for fault in state["traits"].get("faults", ()):
            if fault["call"] == call and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None

    @contextlib.contextmanager
    def _open(self):
        yield self.state

    def _add(self, state, kind, what):
        id = f"{kind[:-1]}-{state['next']}"
        state["next"] += 1
        state[kind][id] = dict(what, account=self.account, created=self.clock())
        return id

    def _visible(self, state, kind):
        lag = state["traits"].get(f"lag_{kind}", state["traits"].get("lag", 0))
        boot = state["traits"].get("boot", 0)
        found = []
        for id, what in state[kind].items():
            if what["account"] != self.account or what["created"] + lag > self.clock():
                continue
            what = dict(what, id=id)
            if kind == "volumes":
                users = state["things"].items()
                what["attached_to"] = [user for user, thing in users if thing["volume"] == id]
            if what.get("state") == "running" and what["since"] + boot > self.clock():
                what["state"] = "starting"
            found.append(what)
        return found

    def _existing(self, those, id, kind):
        if id not in those:
            raise CloudError("NotFound", f"there is no {kind} {id}")
        return dict(those[id], id=id)

    def _thing(self, state, id):
        self._existing(state["things"], id, "thing")
        if state["things"][id]["account"] != self.account:
            raise CloudError("NotFound", f"there is no thing {id}")
        return state["things"][id]

    def _remove(self, state, kind, id):
        what = self._existing(state[kind], id, kind[:-1])
        if what["account"] != self.account:
            raise CloudError("NotFound", f"there is no {kind[:-1]} {id}")
        del state[kind][id]


class FolderCloud(Cloud):
    """The same, kept in a folder and shared by processes."""

    def __init__(self, endpoint, account="acme"):
        super().__init__(account, state={})
        self.endpoint = endpoint
        self.path = os.path.join(endpoint, "cloud.json")

    @contextlib.contextmanager
    def _open(self):
        if not os.path.isdir(self.endpoint):
            raise CloudError("Unreachable", f"no cloud answers at {self.endpoint}")
        with open(os.path.join(self.endpoint, "lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with open(self.path, encoding="utf-8") as file:
                    state = json.load(file)
            except FileNotFoundError:
                state = copy.deepcopy(EMPTY)
            try:
                yield state
            finally:
                # One step: whoever is killed here has done all of the call or nothing of it
                with open(f"{self.path}.new", "w", encoding="utf-8") as file:
                    json.dump(state, file)
                os.rename(f"{self.path}.new", self.path)
