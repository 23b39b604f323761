# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider's SDK: a method a call. All of them raise ApiError; none waits, and none tries again."""

from __future__ import annotations

import typing as t

from .provider import ApiError, Provider, Raw, Thing

POWER = {  # action -> states in which it is possible, the state that it leads to
    "start": (("stopped",), "running"),
    "stop": (("running", "paused"), "stopped"),
    "kill": (("running", "paused", "starting", "stopping"), "stopped"),
    "reboot": (("running",), "running"),
    "pause": (("running",), "paused"),
    "unpause": (("paused",), "running"),
}


class Client:
    """What one account can do in one region."""

    def __init__(self, provider: Provider, account: str, region: str) -> None:
        self.provider = provider
        self.account = account
        self.region = region

    def paged(self, call: t.Callable[..., Raw], **args: t.Any) -> list[Raw]:
        """All pages of a list."""
        found: list[Raw] = []
        page: str | None = None
        while True:
            answer = call(**args, page=page)
            found += answer["things"]
            page = answer["next"]
            if page is None:
                return found

    # Who we are, what there is

    def whoami(self) -> str:
        return self._call("whoami", {}, lambda: self.account)

    def newest_image(self) -> str:
        return self._call("newest_image", {}, lambda: self.provider.traits.image)

    def get_network(self, id: str) -> Raw:
        return self._get("network", id)

    # Keys: names, no tags

    def list_keys(self, page: str | None = None) -> Raw:
        return self._list("list_keys", "key", {}, page)

    def get_key(self, id: str) -> Raw:
        return self._get("key", id)

    def import_key(self, name: str, public_key: str) -> str:
        return self._make("import_key", "key", "", name, {}, public_key=public_key)

    def delete_key(self, id: str) -> None:
        self._end("delete_key", "key", id)

    # Firewalls

    def list_firewalls(self, tags: dict[str, str] | None = None, page: str | None = None) -> Raw:
        return self._list("list_firewalls", "firewall", tags, page)

    def get_firewall(self, id: str) -> Raw:
        return self._get("firewall", id)

    def create_firewall(self, name: str, tags: dict[str, str]) -> str:
        return self._make("create_firewall", "firewall", "", name, tags, rules=[])

    def set_rules(self, id: str, rules: list[int]) -> None:
        self._change("set_rules", "firewall", id, lambda firewall: {"rules": list(rules)}, rules=rules)

    def delete_firewall(self, id: str) -> None:
        self._end("delete_firewall", "firewall", id)

    # Volumes

    def list_volumes(self, tags: dict[str, str] | None = None, page: str | None = None) -> Raw:
        return self._list("list_volumes", "volume", tags, page)

    def get_volume(self, id: str) -> Raw:
        return self._get("volume", id)

    def create_volume(self, token: str, zone: str, size: int, tags: dict[str, str]) -> str:
        return self._make("create_volume", "volume", token, "", tags, zone=zone, size=size, machine=None)

    def attach_volume(self, id: str, machine: str) -> None:
        def attached(volume: Thing) -> Raw:
            if volume.body["zone"] != self._own("machine", machine).body["zone"]:
                raise ApiError("InvalidZone", f"volume {id} is in zone {volume.body['zone']}")
            return self._bound(volume, machine)

        self._change("attach_volume", "volume", id, attached, machine=machine)

    def detach_volume(self, id: str) -> None:
        self._change("detach_volume", "volume", id, lambda volume: {"machine": None})

    def delete_volume(self, id: str) -> None:
        self._end("delete_volume", "volume", id)

    # Addresses: nothing makes a repeated allocation harmless

    def list_addresses(self, tags: dict[str, str] | None = None, page: str | None = None) -> Raw:
        return self._list("list_addresses", "address", tags, page)

    def get_address(self, id: str) -> Raw:
        return self._get("address", id)

    def allocate_address(self, tags: dict[str, str]) -> str:
        return self._make("allocate_address", "address", "", "", tags, ip=self._ip("203.0.113"), machine=None)

    def associate_address(self, id: str, machine: str) -> None:
        self._change("associate_address", "address", id, lambda one: self._bound(one, machine), machine=machine)

    def disassociate_address(self, id: str) -> None:
        self._change("disassociate_address", "address", id, lambda one: {"machine": None})

    def release_address(self, id: str) -> None:
        self._end("release_address", "address", id)

    # Machines

    def list_machines(self, tags: dict[str, str] | None = None, page: str | None = None) -> Raw:
        return self._list("list_machines", "machine", tags, page)

    def get_machine(self, id: str) -> Raw:
        return self._get("machine", id)

    def run_machine(
        self,
        token: str,
        name: str,
        zone: str,
        size: str,
        image: str,
        tags: dict[str, str],
        key: str | None = None,
        firewalls: t.Sequence[str] = (),
        network: str | None = None,
        user_data: str = "",
    ) -> str:
        args = {"token": token, "name": name, "tags": tags}
        body = {"zone": zone, "size": size, "image": image, "key": key, "network": network, "user_data": user_data}
        body["firewalls"] = list(firewalls)

        def effect() -> str:
            for kind, id in (("key", key), ("network", network), *(("firewall", one) for one in firewalls)):
                if id is not None:
                    self._own(kind, id)
            machine = self.provider.make("machine", self.account, self.region, name, tags, body, token)
            self.provider.things[machine].body.setdefault("ip", self._ip("192.0.2", machine))
            return machine

        return self._call("run_machine", {**args, **body}, effect)

    def start_machine(self, id: str) -> None:
        self._power("start", id)

    def stop_machine(self, id: str) -> None:
        self._power("stop", id)

    def kill_machine(self, id: str) -> None:
        self._power("kill", id)

    def reboot_machine(self, id: str) -> None:
        self._power("reboot", id)

    def pause_machine(self, id: str) -> None:
        self._power("pause", id)

    def unpause_machine(self, id: str) -> None:
        self._power("unpause", id)

    def resize_machine(self, id: str, size: str) -> None:
        def resized(machine: Thing) -> Raw:
            self._in_state(machine, ("stopped",))
            if size not in self.provider.traits.sizes:
                raise ApiError("InvalidSize", f"there is no size {size}")
            return {"size": size}

        self._change("resize_machine", "machine", id, resized, size=size)

    def terminate_machine(self, id: str) -> None:
        self._end("terminate_machine", "machine", id)

    # Tags of anything that has some

    def set_tags(self, kind: str, id: str, tags: dict[str, str]) -> None:
        def tagged(thing: Thing) -> Raw:
            self.provider.check_tags({**thing.tags, **tags})
            thing.tags.update(tags)
            return {}

        self._change("set_tags", kind, id, tagged, tags=tags)

    # Helpers

    def _call(self, name: str, args: Raw, effect: t.Callable[[], t.Any]) -> t.Any:
        return self.provider.call(self.account, self.region, name, args, effect)

    def _own(self, kind: str, id: str, lag: bool = False) -> Thing:
        return self.provider.own(kind, self.account, self.region, id, lag)

    def _get(self, kind: str, id: str) -> Raw:
        return self._call(f"get_{kind}", {"id": id}, lambda: self.provider.view(self._own(kind, id, lag=True)))

    def _list(self, name: str, kind: str, tags: dict[str, str] | None, page: str | None) -> Raw:
        args = {"tags": tags, "page": page}
        return self._call(name, args, lambda: self.provider.page(kind, self.account, self.region, tags or {}, page))

    def _make(self, call: str, kind: str, token: str, name: str, tags: dict[str, str], **body: t.Any) -> str:
        args = {"token": token, "name": name, "tags": tags, **body}
        make = self.provider.make
        return self._call(call, args, lambda: make(kind, self.account, self.region, name, tags, body, token))

    def _change(self, call: str, kind: str, id: str, how: t.Callable[[Thing], Raw], **args: t.Any) -> None:
        def effect() -> None:
            thing = self._own(kind, id)
            self.provider.touch(thing, **how(thing))

        self._call(call, {"id": id, **args}, effect)

    def _end(self, call: str, kind: str, id: str) -> None:
        self._call(call, {"id": id}, lambda: self.provider.end(self._own(kind, id)))

    def _bound(self, thing: Thing, machine: str) -> Raw:
        self._in_state(self._own("machine", machine), ("running", "stopped", "paused"))
        if self.provider.view(thing)["machine"] not in (None, machine):
            raise ApiError("InUse", f"{thing.kind} {thing.id} is used by {thing.body['machine']}", 409)
        return {"machine": machine}

    def _in_state(self, machine: Thing, states: t.Sequence[str]) -> None:
        state = machine.state(self.provider.clock.time())
        if state not in states:
            raise ApiError("IncorrectState", f"machine {machine.id} is {state}", 409)

    def _power(self, action: str, id: str) -> None:
        possible, state = POWER[action]
        traits = self.provider.traits

        def effect() -> None:
            machine, now = self._own("machine", id), self.provider.clock.time()
            self._in_state(machine, possible)
            if action == "stop" and traits.deaf:
                return
            takes = {"start": traits.starting, "reboot": traits.starting, "stop": traits.stopping}.get(action, 0)
            pending = "stopping" if action == "stop" else "starting"
            machine.turn(now, *([(now, pending)] if takes else []), (now + takes, state))
            self.provider.touch(machine)

        self._call(f"{action}_machine", {"id": id}, effect)

    def _ip(self, net: str, id: str = "") -> str:
        number = int(id.rpartition("-")[2]) if id else len(self.provider.things) + 1
        return f"{net}.{number % 250 + 1}"
