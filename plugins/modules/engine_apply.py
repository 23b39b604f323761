#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_apply
short_description: Brings the Docker Engine of a host to its plan
version_added: "0.1.0"
author:
  - Dockyard contributors (@dockyard)
description:
  - Applies the plan of M(dockyard.machine.engine_plan) to the host, in one round trip.
  - The Engine's private key is created on the host and stays there. Files are replaced atomically, and restored if the
    Engine does not start with them.
  - This is a part of the role P(dockyard.machine.docker_engine#role). Use the role.
attributes:
  check_mode:
    description: Changes nothing and reports whether it would.
    support: full
  diff_mode:
    description: Shows the difference that M(dockyard.machine.engine_plan) has computed.
    support: full
  idempotent:
    description: Files with the wanted content are not changed. A restart in the plan is always done.
    support: partial
    details:
      - The plan is empty for a host in the wanted state.
  action:
    description: An action on the controller adds the secrets.
    support: full
  platform:
    description: Where the module runs.
    platforms: posix
    support: full
options:
  prepare:
    description: Whether to create a key, and the names for a signing request.
    type: dict
    default: {}
  install:
    description: Changes of packages, their repository, or an archive.
    type: dict
    default: {}
  apply:
    description: Changes of files, users and units, and the action on the service.
    type: dict
    default: {}
  certificate:
    description: The Engine's certificate as PEM, if there is a new one.
    type: str
  after_restart_done:
    description: Record that the tasks after a restart are done and no longer pending. Nothing else is done then.
    type: bool
    default: false
  secrets:
    description:
      - The Engine's environment and proxies and those of Docker's clients, as a JSON object of the role's variables
        C(environment), C(proxies) and C(client_proxies).
      - If O(apply) needs it and it is missing, the variables C(docker_engine_environment) and so on are read.
    type: str
    default: "{}"
  port:
    description: The port that must refuse plain HTTP afterwards.
    type: int
  start_timeout:
    description: Maximum seconds for the Engine to start or stop.
    type: int
    default: 120
  wait_timeout:
    description: Maximum seconds to wait for package locks, and for mirrors that do not answer.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Apply the plan
  dockyard.machine.engine_apply:
    prepare: "{{ plan.prepare }}"
    apply: "{{ plan.apply }}"
  when: plan.needed
"""

RETURN = r"""
public_key:
  description: The public half of the Engine's key, as PEM.
  returned: when a key was made
  type: str
csr:
  description: A signing request for the given names, as PEM, if the host has openssl.
  returned: when one is wanted
  type: str
version:
  description: Version of the Engine that answers.
  returned: when it was looked at
  type: str
  sample: 20.10.24+dfsg1
api_version:
  description: Version of its API.
  returned: when it was looked at
  type: str
  sample: "1.41"
old_data:
  description: The old folder of data that was moved, or what could not be removed of it.
  returned: when it was kept, or could not be removed
  type: str
action:
  description: What was done to the service, one of V(start), V(reload), V(restart), V(cycle), or none.
  returned: success
  type: str
"""

import contextlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _arguments,
    _commands,
    _config_file,
    _daemon_json,
    _environment_file,
    _file_changes,
    _files,
    _owner,
    _paths,
    _server_key,
    _state,
    _systemd,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _client_proxies as clients
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_move as moving
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space as places
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _installation as source
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _leftovers as leftovers
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _rootless as rootless
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service as service
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _service_manager as manager
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _subordinate_ids as ids
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _units
from ansible_collections.dockyard.machine.plugins.module_utils._quiet import QuietModule

LOCK = "/run/dockyard-engine.lock"


class PlanRunner:
    """One run of the apply part of a plan."""

    def __init__(
        self, plan: dict[str, t.Any], params: dict[str, t.Any], came_from: t.Optional[source.Source] = None
    ) -> None:
        self.plan = plan
        self.params = params
        self.source = came_from or source.Source({}, 0)
        self.files = _file_changes.Files()
        self.environment, self.client_proxies = secrets.secrets_of(params["secrets"])
        self.action: t.Optional[str] = plan.get("action")
        self.limit: float = params["start_timeout"]
        self.unit: dict[str, str] = {}
        self.was_active = False
        self.acted: t.Optional[str] = None
        # What a reload tells the Engine for keys that go
        self.without: dict[str, t.Any] = plan.get("config_without", {}) if self.action == "reload" else {}
        self.move = moving.Move(plan["move"]) if plan.get("move") else None
        self.result: dict[str, t.Any] = {}

    def run(self) -> dict[str, t.Any]:
        self.unit = manager.here().state()
        self.leave_to_arguments()
        self.was_active = _is_up(self.unit) or self.source.running
        self.note_start_by_others(self.unit)
        before, owed = _state.remembered(), _state.owed()
        try:
            if self.action or self.plan.get("remember_first"):
                # Should this run be cut off, the next one knows what the Engine still has to take over.
                put = self.plan.get("remember", self.plan.get("config_set", {}))
                _state.remember({**before, **put, **self.without}, self.action, **self.plan.get("remember_first", {}))
            self.make_room()
            self.place()
            self.settle()
        except (HostError, OSError, ValueError) as error:
            kept = self.acted is not None and bool(self.plan.get("live_restore_first"))
            begun = self.move if self.move and self.acted and not self.move.switched else None
            data_outcome = self.move_back(begun) if begun else ""
            told = self.source.go_back()
            acted = "cycle" if told else self.acted
            outcome = told + service.put_back(self.files, acted, self.was_active, kept, self.limit) + data_outcome
            if self.plan.get("rootless"):
                outcome += rootless.make_way_back(self.plan["rootless"], self.limit)
            if begun and self.was_active:
                begun.start_again(0)
            # An Engine that was not restarted still owes what a run that was cut off has left to it.
            pending = owed if acted in (None, "reload") else None
            with contextlib.suppress(HostError):
                _state.remember({**before, "live-restore": True} if kept else before, pending)
            raise HostError(f"The Engine of this host was not brought to its plan: {error}. {outcome}") from error
        if self.plan.get("remove_tls"):
            for path in (_paths.KEY_PATH, _paths.CERTIFICATE_PATH, _paths.CA_PATH):
                _files.remove(path)
        # A plan that says what is ours as a whole, or one key of it (the role docker_swarm)
        ours = self.plan.get("remember", {**before, **self.plan.get("config_set", {})})
        _state.remember(ours, None, **self.plan.get("remember_then", {}))
        self.source.finish()
        if self.move:
            self.finish_move(self.move)
        return self.result

    def note_start_by_others(self, unit: dict[str, str]) -> None:
        """Since the look someone else has started the Engine: it may run without some of what is put in place."""
        if self.action == "start" and _is_up(unit) and not self.plan.get("nothing_new"):
            self.action = "cycle"

    def leave_to_arguments(self) -> None:
        """What was just installed may have live-restore as an argument, as Fedora's: with both, the Engine would not start."""
        installed = _units.about_units({"docker.service": self.unit})["docker.service"]
        if "live-restore" in _arguments.keys_of(installed["arguments"]):
            for part in ("config_set", "remember"):
                self.plan.get(part, {}).pop("live-restore", None)

    def make_room(self) -> None:
        """What needs the Engine and its containers stopped."""
        if self.move:
            self.was_active = self.move.begin(self.was_active)
        if self.plan.get("stop_containers"):
            self.acted, self.action = "cycle", "start"
            service.stop_with_containers(self.limit)
        if self.move:
            self.move.forth()

    def move_back(self, move: moving.Move) -> str:
        """The data where it was; what came of it as a sentence."""
        try:
            service.stop_with_containers(self.limit)
            move.back()
        except (HostError, OSError, ValueError) as error:
            return f" The data was not brought back to {move.source}: {error}."
        return f" The data is in {move.source}."

    def place(self) -> None:
        """Everything in its place before the Engine hears of it."""
        plan, put = self.plan, self.files.put
        for who in plan.get("ids", []):
            ids.provide(**who)
        if plan.get("config_set") or plan.get("config_unset"):
            self.put_config({**plan["config_set"], **self.without}, plan["config_unset"])
        if plan.get("ca"):
            put(_paths.CA_PATH, plan["ca"], _paths.CERTIFICATE_MODE, 0o700)
        if self.params["certificate"]:
            put(_paths.CERTIFICATE_PATH, self.params["certificate"], _paths.CERTIFICATE_MODE, 0o700)
        if plan.get("environment"):
            put(_paths.ENVIRONMENT_PATH, _environment_file.render_environment(self.environment) or None, 0o600)
        for user, keys in plan.get("clients", {}).items():
            clients.put(user, {key: self.client_proxies[key] for key in keys["set"]}, keys["unset"])
        if "service" in plan:
            self.place_units(plan["service"])
        if plan.get("own_files"):
            rootless.own_files()
        for user in plan.get("users", []):
            ids.join(user, "docker")
        if plan.get("enable"):
            manager.here().enable(plan["enable"], self.limit)

    def place_units(self, unit: dict[str, t.Any]) -> None:
        changed = _file_changes.open_and_close(self.plan.get("firewall"), self.limit)
        it = manager.here()
        placed = (
            self.place_rootless(unit)
            if _owner.OWNER
            else it.place(self.files.put, self.plan, self.unit, self.close_port)
        )
        if packages.lift_hold() or placed or changed:
            it.reread(self.limit)

    def close_port(self) -> None:
        """Stop the Engine with its socket: whoever restarts it before its turn would serve the port without TLS."""
        it = manager.here()
        it.reread(self.limit)
        if self.was_active:
            self.keep_containers()
        self.acted = "cycle"
        it.stop(self.limit)

    def keep_containers(self) -> None:
        """Have the running Engine take over live-restore, which a restart of it needs; once."""
        if self.plan.get("live_restore_first") and not self.acted:
            # Until the Engine has taken that over, what puts things back must not restart it either.
            self.acted = "reload"
            service.reload_engine(True, self.limit)

    def place_rootless(self, unit: dict[str, t.Any]) -> bool:
        if not rootless.script():
            raise HostError("dockerd-rootless.sh is not on this host, though what it comes with is installed")
        if _files.read(_paths.CONFIG_PATH) is None:
            # It is named in the command, so it has to be there.
            self.files.put(_config_file.config_path(), _daemon_json.render_config({}))
        plan = self.plan["rootless"]
        text = rootless.unit(plan["user"], plan["port"], plan["listen"], unit["environment"], unit["controllers"])
        return self.files.put(isolation.ROOTLESS_UNIT, text)

    def put_config(self, keys: dict[str, t.Any], gone: list[str]) -> None:
        old = _files.read(_paths.CONFIG_PATH)
        text = _daemon_json.render_config(_daemon_json.apply_changes(_daemon_json.parse_config(old or ""), keys, gone))
        _config_file.validate(text)
        self.files.put(_config_file.config_path(), text, _files.mode_of(_paths.CONFIG_PATH))

    def settle(self) -> None:
        """Let the Engine take it over, and look whether it did."""
        if self.move:
            self.move.release()
        if self.action:
            unit = manager.here().state() if self.action == "start" else self.unit
            self.note_start_by_others(unit)
            self.start(self.action, unit)
        if self.move:
            self.move.check(self.limit)

    def start(self, action: str, unit: dict[str, str]) -> None:
        self.keep_containers()
        self.acted = action
        # Where a package has restarted the Engine, and there is nothing else for it to take over, that was it.
        if action != "restart" or self.files.changed or not self.source.renewed(self.unit):
            service.act(action, self.limit, unit.get(_systemd.STARTED) != "0")
        if self.without:
            # The Engine has taken over what holds without these keys, so now they can go.
            self.put_config({}, list(self.without))
        version = service.version(min(30.0, self.limit))
        port = self.plan.get("port") or self.params["port"]
        if port and self.plan["service"]["tls"]:
            service.check_refusal(self.plan.get("listen") or [], port, self.params["certificate"])
        self.result.update(version=version.get("Version"), api_version=version.get("ApiVersion"))

    def finish_move(self, move: moving.Move) -> None:
        kept = move.finish()
        if kept:
            self.result["old_data"] = kept
        if move.warnings:
            self.result["warnings"] = move.warnings


def _is_up(unit: dict[str, str]) -> bool:
    return unit.get("ActiveState") in ("active", "activating", "reloading")


def main() -> None:
    module = QuietModule(
        argument_spec={
            "prepare": {"type": "dict", "default": {}},
            "install": {"type": "dict", "default": {}},
            "apply": {"type": "dict", "default": {}},
            "certificate": {"type": "str"},
            "after_restart_done": {"type": "bool", "default": False},
            "secrets": {"type": "str", "default": "{}", "no_log": True},
            "port": {"type": "int"},
            "start_timeout": {"type": "int", "default": 120},
            "wait_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    prepare, plan = module.params["prepare"], module.params["apply"]
    done = module.params["after_restart_done"]
    changed = bool(prepare.keys() - {"request"} or module.params["install"] or plan or done)
    result: dict[str, t.Any] = {"changed": changed, "action": plan.get("action")}
    if plan.get("diff") and module._diff:
        result["diff"] = plan["diff"]
    if module.check_mode:
        module.exit_json(**result)
    try:
        with _waiting.alone(LOCK, module.params["wait_timeout"]):
            if done:
                _state.remember(_state.remembered(), _state.owed(), after_restart=False)
            else:
                result.update(perform(module.params))
    except OSError as error:
        module.fail_json(msg=places.why(error, str(error.filename)) if error.filename else str(error))
    except (HostError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def perform(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """All parts of a plan; what the result says of them."""
    prepare, plan, result = params["prepare"], params["apply"], {}
    leftovers.sweep(_state.client_users())
    if prepare.get("key"):
        _server_key.make_key()
        result["public_key"] = _server_key.public_key(_paths.KEY_PATH)
    if prepare.get("request"):
        result["csr"] = _server_key.make_request(prepare["request"])
    came_from = source.Source(params["install"], params["wait_timeout"])
    came_from.run()
    limit = params["start_timeout"]
    left = rootless.leave(plan["rootless_off"], limit) if plan.get("rootless_off") else None
    try:
        if plan.get("rootless"):
            rootless.prepare(plan["rootless"], limit)
        if plan:
            result.update(PlanRunner(plan, params, came_from).run())
    except (HostError, OSError, ValueError) as error:
        if not left:
            raise
        raise HostError(f"{error}{rootless.come_back(left, limit)}") from error
    if _owner.OWNER and plan["rootless"]["context"] and _commands.which("docker"):
        rootless.context(_owner.OWNER, limit)
    return result


if __name__ == "__main__":
    main()
