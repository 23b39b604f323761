# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine on a host, as rotate_certs and the role meet it: its files, and what of them it has read at its start.

The plan, the module that does it on the host, the rotation and the store are the real ones. Each session with the host
is a boundary, and so is each step that the module takes there: its own death is none of the controller's.
"""

from __future__ import annotations

import datetime
import functools
import os
import types
import typing as t

from ansible_collections.dockyard.machine.plugins.action import machine_record
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _commands,
    _daemon_json,
    _file_changes,
    _files,
    _packages,
    _paths,
    _service,
    _service_manager,
    _systemd,
    _unit_files,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._store import _ca
from ansible_collections.dockyard.machine.plugins.modules import engine_apply
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import Wanted, make_plan
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._rotation import Run
from tests.beds import pki
from tests.faults.hosts import SSH
from tests.faults.invariants import holds

if t.TYPE_CHECKING:
    from tests.faults.boundaries import Patch
    from tests.faults.world import World

HOST, FAILS = "host", "fails"  # a step that a module takes there, and what can go wrong with it
COMMAND = "/usr/sbin/dockerd -H fd://"
NAMES = ["192.0.2.1"]
APPLY = {"start_timeout": 10, "secrets": "{}", "port": 2376}


class Failed(Exception):
    """The host was not reached, or its answer was lost."""


class Engine:
    """One that was set up with the CA as it is when this is made, and that clients reach at any moment."""

    def __init__(self, world: World, patch: Patch) -> None:
        self.world = world
        self.key = _tls.new_key()
        self.files: dict[str, str] = {}
        files = world.store().ca_files()
        self._place(_paths.CA_PATH, files["client-ca.pem"])
        self._place(_paths.CERTIFICATE_PATH, self._issue(files, NAMES))
        self._place(_paths.SERVICE_DROP_IN, t.cast(str, _unit_files.service_drop_in(COMMAND, True, False)))
        self._place(_paths.SOCKET_DROP_IN, t.cast(str, _unit_files.socket_drop_in(2376)))
        self.loaded: tuple[str, str] = ("", "")
        self._start()
        self.first = self.loaded
        self._patch(patch)

    def rotate(self, kind: str) -> bool:
        """The playbook rotate_certs."""
        changed = False
        for begin in (True, False, False):
            result = Run(self.world.store(), kind, begin).go_on()
            for name in result["hosts"]:
                self._set_up(name, kind, result["id"])
            changed = changed or result["changed"]
        came = self.shape()
        holds(result["done"] and not came["rotating"], "it says that it is done, and is not")
        holds(came["new"] and came["as it should be"], f"the Engine works with something else: {came}")
        holds(came["accepts the first client"] == (kind != "ca"), "the old client is accepted or refused, wrongly")
        return changed

    def check(self) -> None:
        """What holds at any moment: the client whose pair lies there and the Engine accept each other."""
        pair = {}
        for name in ("ca.pem", "cert.pem"):
            try:
                pair[name] = (self.world.folder() / name).read_text()
            except FileNotFoundError:
                return  # the machine is being removed
        holds(_issued_by(self.loaded[0], pair["ca.pem"]), "the client does not trust the Engine any more")
        holds(_issued_by(pair["cert.pem"], self.loaded[1]), "the Engine refuses the client")

    def shape(self) -> dict[str, t.Any]:
        files = self.world.store().ca_files()
        if not files:
            return {}
        return {
            "rotating": _ca.MARK in files,
            "ca": sorted(files),
            "new": self.loaded[0] != self.first[0],
            "as it should be": _ca.trust_id(files) == _tls.trust_id(*(files["server-ca.pem"], self.loaded[1]))
            and _issued_by(self.loaded[0], files["server-ca.pem"]),
            "accepts the first client": _issued_by(self.first_client, self.loaded[1]),
        }

    # The role

    def _set_up(self, name: str, kind: str, rotation: str) -> None:
        """What tasks/rotate_host.yml does; a host that fails is left to the next step."""
        files = self.world.store().ca_files()
        try:
            info = self._session("look", self._look)
            wanted = Wanted(
                rotate=kind, names=NAMES, server_ca=files["server-ca.pem"], client_ca=files["client-ca.pem"]
            )
            plan = make_plan(wanted, info, datetime.datetime.now(datetime.timezone.utc))
            certificate = self._issue(files, plan.certificate["names"]) if plan.certificate else None
            if plan.changes:
                params = {**APPLY, "certificate": certificate}
                self._session("apply", lambda: engine_apply.PlanRunner(plan.apply, params).run())
        except (Failed, HostError):
            return
        action = object.__new__(machine_record.ActionModule)
        action._task = types.SimpleNamespace(check_mode=False)
        engine = {"authority": plan.trust_id, "renewed": rotation}
        said = {"name": name, "store": str(self.world.store_folder), "reached": False, "lock_timeout": 60}
        action.perform({**said, "engine": engine}, {})

    def _session(self, name: str, do: t.Callable[[], t.Any]) -> t.Any:
        """A module by SSH; what it does there is done, whether its answer comes or not."""
        answer = self.world.cross(SSH, name, lambda: (0, do(), ""))
        if answer is None or answer[0]:
            raise Failed
        return answer[1]

    def _issue(self, files: _ca.Files, names: list[str]) -> str:
        return _tls.issue_server(files["server-ca.pem"], files["server-ca-key.pem"], self.key, names)

    def _look(self) -> dict[str, t.Any]:
        unit = {"exists": True, "load": "loaded", "active": "active", "enabled": "enabled", "arguments": []}
        state = _daemon_json.parse_config(self.files.get(_paths.STATE_PATH, "{}"))
        everywhere = {"read_only": False, "files_left": 1000, "free": 1 << 40, "device": 1, "folder": "/"}
        return {
            "left_over": [],
            "host": {"clock": datetime.datetime.now().timestamp(), "systemd": True, "os": {"name": "Debian"}},
            "config": {"error": None},
            "engine": {"running": True, "containers_running": 1, "live_restore": True},
            "packages": {"manager": "apt"},
            "rootless": {"unit_user": None},
            "places": _Everywhere({"/": everywhere}),
            "remembered": {"pending": state.get("pending"), "after_restart": False},
            "tls": {
                "ca": self.files.get(_paths.CA_PATH),
                "certificate": self.files.get(_paths.CERTIFICATE_PATH),
                "public_key": self.key,
                "key_mode": "0600",
            },
            "units": {
                "docker.service": {**unit, "own_drop_in": self.files[_paths.SERVICE_DROP_IN]},
                "docker.socket": {**unit, "own_drop_in": self.files[_paths.SOCKET_DROP_IN]},
            },
        }

    # The host

    def _patch(self, patch: Patch) -> None:
        """In the place of what modules find on a host."""
        status = types.SimpleNamespace(st_mode=0o600, st_uid=0, st_gid=0)
        patch.setattr(_file_changes, "os", types.SimpleNamespace(**{**vars(os), "stat": lambda path: status}))
        patch.setattr(_files, "read", self.files.get)
        patch.setattr(_files, "write", self._write)
        patch.setattr(_files, "remove", lambda path: self.files.pop(path, None) is not None)
        patch.setattr(_commands, "run", self._run)
        patch.setattr(_api, "ask", lambda *_question: {"Version": "27.3", "ApiVersion": "1.47"})
        patch.setattr(_waiting, "until", lambda question, *_limit, **_more: question())
        shown = {"ActiveState": "active", "ExecMainStartTimestampMonotonic": "5"}
        patch.setattr(_systemd, "show", lambda *_units: {"docker.service": shown})
        patch.setattr(_service_manager, "own_command", lambda _properties: COMMAND)
        patch.setattr(_service, "journal", lambda _since: "")
        patch.setattr(_service, "check_refusal", self._check_shown)
        patch.setattr(_packages, "HOLDS", ())
        self.first_client = (self.world.folder() / "cert.pem").read_text()

    def _write(self, path: str, content: str, *_mode: int) -> bool:
        if self.files.get(path) == content:
            return False
        self.world.cross(HOST, f"write {os.path.basename(path)}", lambda: self._place(path, content))
        return True

    def _place(self, path: str, content: str) -> None:
        self.files[path] = content

    def _run(self, *command: str, **_more: t.Any) -> tuple[int, str, str]:
        if command[1] in ("restart", "start"):
            self.world.cross(HOST, command[1], self._start)
        return 0, "", ""

    def _start(self) -> None:
        self.loaded = self.files[_paths.CERTIFICATE_PATH], self.files[_paths.CA_PATH]

    def _check_shown(self, *asked: t.Any) -> None:
        if asked[-1] and self.loaded[0] != asked[-1]:
            raise HostError("The Engine shows another certificate")


class _Everywhere(dict[str, t.Any]):
    """All paths are on one file system, where there is room."""

    def __missing__(self, path: str) -> t.Any:
        return self["/"]


@functools.cache
def _issued_by(certificate: str, bundle: str) -> bool:
    return pki.issued_by(certificate, bundle)
