# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model provider with stores beside it, for what is lost, copied, restored, expired and found again."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import time
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _module, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Outcome, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._adopt import Adopter
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._prune import Pruner
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle._survey import Survey
from ansible_collections.dockyard.machine.plugins.module_utils._proof import token_of
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from tests import model
from tests.faults.hosts import keygen

DRIVER = "tests.model.driver"
DAY = 86400.0
TURN = ("generation", "attempt")
FULL = {"disk": 10, "public_address": True}  # all kinds of things
DEFAULTS = {name: one.get("default") for name, one in model.Model.argument_spec.items()}
CHANGES = ("import_", "create_", "allocate_", "run_", "delete_", "release_", "terminate_", "set_", "attach_", "resize_")


class Orphanage:
    """One provider, and stores by name. What is run takes ``store``, ``account`` and ``region``, or the usual ones."""

    def __init__(self, folder: pathlib.Path, **traits: t.Any) -> None:
        self.folder = folder
        self.clock = model.Clock(float(int(time.time())))  # the store notes true times
        self.provider = model.Provider(self.clock, **traits)
        self.driver = model.driver_for(self.provider)

    # Stores

    def store(self, name: str = "store") -> FileStore:
        return FileStore(str(self.folder / name))

    def copy(self, source: str, target: str) -> None:
        shutil.rmtree(self.folder / target, ignore_errors=True)
        shutil.copytree(self.folder / source, self.folder / target)

    def lose(self, name: str = "store") -> str:
        """Delete a store; returns its id."""
        id = self.store(name).id
        shutil.rmtree(self.folder / name)
        return id

    def lose_record(self, name: str, store: str = "store", keys: bool = True) -> None:
        folder = self.folder / store / "machines" / name
        if keys:
            os.unlink(folder / "machine.json")
        else:
            shutil.rmtree(folder)

    def record(self, name: str = "web1", store: str = "store") -> dict[str, t.Any]:
        return json.loads((self.folder / store / "machines" / name / "machine.json").read_text())

    def edit(self, name: str = "web1", store: str = "store", **fields: t.Any) -> None:
        path = self.folder / store / "machines" / name / "machine.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    def records(self, store: str = "store") -> list[str]:
        return sorted(path.parent.name for path in (self.folder / store).glob("machines/*/machine.json"))

    def tombstones(self, store: str = "store") -> list[dict[str, t.Any]]:
        return [json.loads(path.read_text()) for path in (self.folder / store).glob("tombstones/*.json")]

    # Tasks

    def wish(self, name: str, account: str = "acme", region: str = "north", **more: t.Any) -> Wish:
        names = {field for field in more if field in DEFAULTS}
        given = {"region": region, "token": f"{account}:", **{field: more.pop(field) for field in names}}
        return Wish(
            name=name,
            driver=DRIVER,
            options={**DEFAULTS, **given},
            given=set(given),
            secret=_module.secret_options(self.driver),
            **more,
        )

    def lifecycle(self, name: str = "web1", store: str = "store", **more: t.Any) -> Lifecycle:
        return Lifecycle(self.driver, self.store(store), self.wish(name, **more), self.clock)

    def present(self, name: str = "web1", **more: t.Any) -> Outcome:
        return self.lifecycle(name, **more).present()

    def absent(self, name: str = "web1", **more: t.Any) -> Outcome:
        return self.lifecycle(name, **more).absent()

    def prune(self, *ids: str, from_store: str | None = None, store: str = "store", **more: t.Any) -> dict[str, t.Any]:
        return Pruner(self._survey(store, **more), ids, from_store).run()

    def adopt(self, *ids: str, from_store: str | None = None, store: str = "store", **more: t.Any) -> dict[str, t.Any]:
        return Adopter(self._survey(store, **more), ids, from_store).run()

    def _survey(self, store: str, **more: t.Any) -> Survey:
        return Survey(self.driver, self.store(store), self.wish("", **more), self.clock)

    # Looking

    def alive(self, *kinds: str) -> list[str]:
        return sorted(thing.id for thing in self.provider.alive() if not kinds or thing.kind in kinds)

    def one(self, kind: str, machine: str = "web1") -> model.Thing:
        there = [one for one in self.provider.alive() if one.kind == kind]
        found = [one for one in there if machine in one.tags.values() or one.name.startswith(f"{machine}-")]
        assert len(found) == 1, found
        return found[0]

    def again(self, thing: model.Thing) -> model.Thing:
        """What a second call with the same request makes where no token hinders it."""
        body = {**thing.body, **({"machine": None} if "machine" in thing.body else {})}
        account, region = thing.account, thing.region
        return self.provider.add(thing.kind, account, region, thing.name, thing.tags, 0, thing.token, **body)

    @staticmethod
    def retag(server: model.Thing, **turn: int) -> model.Thing:
        """As if another generation or attempt had made it."""
        server.tags.update({f"dockyard-{name}": str(value) for name, value in turn.items()})
        store, id, generation, attempt = (server.tags[f"dockyard-{name}"] for name in ("store", "id", *TURN))
        server.token = token_of(store, id, "Server", int(generation), int(attempt))
        return server

    def changes(self, since: int = 0) -> list[str]:
        """Calls that change something at the provider."""
        return [call for call in self.provider.calls(since) if call.startswith(CHANGES)]

    def ids_of(self, name: str = "web1", store: str = "store") -> list[str]:
        return sorted(one["id"] for one in self.record(name, store)["resources"] if one["id"])


@pytest.fixture()
def orphanage(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Orphanage:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(_ssh, "_run", keygen)
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 AAAAshow"])
    return Orphanage(tmp_path)


def names(things: list[dict[str, t.Any]]) -> list[str]:
    """A list of a result, as "KIND ID" and "MACHINE"."""
    return sorted(
        f"{one['kind']} {one['id']}" if one.get("kind") else one.get("machine") or one["name"] for one in things
    )
