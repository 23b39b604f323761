# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a host's Engine: from what is wanted and what was seen to what is to be done.

Pure: no host, no clock, no files. The plan is data; check mode shows it, the module engine_apply does it.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import json
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_config as cfg
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine_sources import NOTHING, SOURCES, PlanError

ACCESS = ("tls", "ssh", "local")
# A certificate is backdated by two days: with a clock further behind, the host would refuse every client.
CLOCK_LIMIT = _tls.BACKDATE.total_seconds()
LISTS_FRESH = 3600  # seconds for which the package lists need no update
_ACTIONS = (None, "start", "reload", "restart", "cycle")  # the later includes the earlier


@dataclasses.dataclass
class Wanted:
    """What the role's variables ask for."""

    source: str = "distro"
    access: str = "tls"
    port: int = 2376
    allow: list[str] = dataclasses.field(default_factory=list)
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    environment: list[str] = dataclasses.field(default_factory=list)  # the names of its variables
    live_restore: bool = True
    interrupt: bool = False
    users: list[str] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)
    server_ca: str = ""
    client_ca: str = ""


@dataclasses.dataclass
class Plan:
    """What is to be done, in words, as steps, and as a difference."""

    changes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    prepare: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    certificate: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    apply: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    action: str | None = None
    diff: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def act(self, action: str | None, why: str = "") -> None:
        if why:
            self.changes.append(why)
        if _ACTIONS.index(action) > _ACTIONS.index(self.action):
            self.action = action

    def differ(self, header: str, before: t.Any, after: t.Any) -> None:
        texts = [
            value if isinstance(value, str) else "" if value is None else json.dumps(value, indent=4) + "\n"
            for value in (before, after)
        ]
        if texts[0] != texts[1]:
            self.diff.append({"before_header": header, "after_header": header, "before": texts[0], "after": texts[1]})


def make_plan(wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> Plan:
    """The plan for one host; PlanError if it can't or must not be done."""
    _check_wanted(wanted)
    _check_host(info)
    plan = Plan()
    _packages(plan, wanted, info)
    _config(plan, wanted, info)
    _units(plan, wanted, info)
    _environment(plan, wanted, info)
    _tls_files(plan, wanted, info, now)
    _users(plan, wanted, info)
    _service(plan, wanted, info)
    if plan.changes:
        # Outside check mode the difference is shown by the task that makes it.
        plan.apply.update(action=plan.action, diff=plan.diff)
    return plan


# -- checks


def _check_wanted(wanted: Wanted) -> None:
    for option, value, allowed in (
        ("docker_engine_source", wanted.source, sorted(SOURCES)),
        ("docker_engine_access", wanted.access, ACCESS),
    ):
        if value not in allowed:
            raise PlanError(f"{option} is {value!r}; it can be {', '.join(allowed)}")
    if not 1 <= wanted.port <= 65535:
        raise PlanError(f"docker_engine_port is {wanted.port}; it can be 1 to 65535")
    for key in wanted.config:
        if key in cfg.OWN_KEYS:
            raise PlanError(
                f"docker_engine_config has the key '{key}', but how the Engine listens is set by docker_engine_access, "
                "docker_engine_port and docker_engine_allow"
            )
    if cfg.masked(wanted.config) != wanted.config:
        raise PlanError(
            "docker_engine_config has a URL with a password. daemon.json is readable and shown in differences: "
            "proxies with passwords belong in docker_engine_environment"
        )
    for source in wanted.allow:
        try:
            ipaddress.ip_network(source, strict=False)
        except ValueError:
            raise PlanError(f"docker_engine_allow has {source!r}, which is no address or network") from None
    if wanted.access == "tls":
        missing = _tls.missing_library()
        if missing:
            raise PlanError(missing)
        for option, value in (("server_ca_cert", wanted.server_ca), ("client_ca_cert", wanted.client_ca)):
            if not value:
                raise PlanError(
                    f"docker_engine_access is 'tls', which needs docker_engine_{option}: the path or the content of a "
                    "CA certificate on the controller. Without one, use docker_engine_access 'ssh' or 'local'"
                )


def _check_host(info: dict[str, t.Any]) -> None:
    if not info["host"]["systemd"]:
        raise PlanError(f"systemd does not run on this host ({info['host']['os']['name']}), and the role needs it")
    if info["config"]["error"]:
        raise PlanError(
            f"{cfg.CONFIG_PATH} on the host is not valid: {info['config']['error']}. Correct or remove it first; "
            "it is not overwritten"
        )


# -- the parts


def _packages(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    packages = SOURCES[wanted.source](info)
    if packages == NOTHING:
        return
    seen = info["packages"]
    age = seen["lists_age"]
    update = age is None or age > LISTS_FRESH or not all(name in seen["candidates"] for name in packages.names)
    plan.prepare.update(packages=packages.names, optional=packages.optional, update=update)
    plan.apply.update(packages=packages.names, optional=packages.optional)
    versions = {name: seen["candidates"].get(name, "newest") for name in packages.names}
    plan.differ("packages", None, versions)
    plan.act("start", "install " + ", ".join(packages.names))


def _config(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    current, remembered = info["config"]["content"], info["remembered"]["config"]
    config = dict(wanted.config)
    if "live-restore" not in config:
        if wanted.live_restore and info["engine"].get("swarm", "inactive") == "inactive":
            config["live-restore"] = True
        elif "live-restore" in current:
            # Off explicitly: to take the key out would need a restart.
            config["live-restore"] = False
    put, out = cfg.config_changes(current, config, remembered)
    merged = cfg.apply_changes(current, put, out)
    _check_conflicts(wanted, merged, info["units"]["docker.service"])
    if put or out:
        plan.apply.update(config_set=put, config_unset=out)
        plan.differ(
            cfg.CONFIG_PATH, info["config"]["content"] if info["config"]["exists"] else None, cfg.masked(merged)
        )
        said = [f"set {key}" for key in put] + [f"take out {key}" for key in out]
        plan.act(cfg.effect_of(put, out), f"{cfg.CONFIG_PATH}: {', '.join(said)}")
    plan.apply["remember"] = config
    if config != remembered and not (put or out):
        plan.changes.append("remember what is ours in " + cfg.CONFIG_PATH)


def _check_conflicts(wanted: Wanted, merged: dict[str, t.Any], service: dict[str, t.Any]) -> None:
    """The Engine does not start if a key is in its file and in its arguments, so this is said before."""
    arguments = cfg.keys_of(service["arguments"])
    places = ", ".join([service["fragment"], *service["drop_ins"]])
    for key in merged:
        if key in arguments:
            raise PlanError(
                f"'{key}' is in the Engine's configuration ({cfg.CONFIG_PATH} and docker_engine_config) and in its "
                f"arguments ({arguments[key]}, from {places}): the Engine would not start. Take it out of one of them"
            )
    if wanted.access != "tls":
        return
    for key in cfg.OWN_KEYS[1:]:
        if key in merged or key in arguments:
            place = cfg.CONFIG_PATH if key in merged else places
            raise PlanError(f"'{key}' is set in {place}, but docker_engine_access 'tls' sets it: take it out there")
    if service["later_drop_ins"]:
        raise PlanError(
            f"{', '.join(service['later_drop_ins'])} replaces the Engine's command and comes after the role's "
            f"{cfg.SERVICE_DROP_IN}: TLS would be lost. Give it a name that comes before"
        )
    hosts = cfg.host_arguments(service["arguments"])
    if service["exists"] and not any(host.startswith("fd://") for host in hosts):
        raise PlanError(
            f"The Engine's command ({places}) does not listen on fd://, so it can't be reached over docker.socket. "
            f"It listens on {', '.join(hosts) or 'its own socket'}"
        )
    for host in hosts:
        if host.endswith(f":{wanted.port}"):
            raise PlanError(
                f"The Engine's command ({places}) listens on {host} itself: take that out, or set another port"
            )


def _units(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    tls, environment = wanted.access == "tls", bool(wanted.environment)
    service, sock = info["units"]["docker.service"], info["units"]["docker.socket"]
    plan.apply["service"] = {"tls": tls, "environment": environment}
    after = cfg.service_drop_in(service["exec_start"] or "(the command of the package's unit)", tls, environment)
    if after != service["own_drop_in"]:
        plan.differ(cfg.SERVICE_DROP_IN, service["own_drop_in"], after)
        plan.act("restart", f"{'write' if after else 'remove'} {cfg.SERVICE_DROP_IN}")
    if wanted.allow and tls and info["host"]["cgroup"] != 2:
        raise PlanError(
            "docker_engine_allow is enforced by systemd with cgroup v2, and this host has cgroup v1: it would have no "
            "effect. Use a firewall there and leave docker_engine_allow empty"
        )
    after = cfg.socket_drop_in(str(wanted.port) if tls else None, wanted.allow)
    plan.apply["socket"] = after
    if after != sock["own_drop_in"]:
        plan.differ(cfg.SOCKET_DROP_IN, sock["own_drop_in"], after)
        plan.act("cycle", f"{'write' if after else 'remove'} {cfg.SOCKET_DROP_IN}")


def _environment(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    seen = info["environment"]
    plan.apply["environment"] = not seen["matches"]
    if not seen["matches"]:
        # Values are secrets, so the difference has names only.
        plan.differ(cfg.ENVIRONMENT_PATH, seen["names"], wanted.environment)
        plan.act("restart", f"{cfg.ENVIRONMENT_PATH}: set {', '.join(wanted.environment) or 'nothing'}")


def _tls_files(plan: Plan, wanted: Wanted, info: dict[str, t.Any], now: datetime.datetime) -> None:
    seen = info["tls"]
    if wanted.access != "tls":
        plan.apply["remove_tls"] = any((seen["ca"], seen["certificate"], seen["key_mode"]))
        if plan.apply["remove_tls"]:
            plan.changes.append(f"remove {cfg.TLS_FOLDER}")
        return
    behind = now.timestamp() - info["host"]["clock"]
    if abs(behind) > CLOCK_LIMIT:
        raise PlanError(
            f"The host's clock is {abs(behind) / 3600:.0f} hours {'behind' if behind > 0 else 'ahead'}: certificates would "
            "be refused. Set it first"
        )
    if seen["key_mode"] is None or seen["public_key"] is None:
        plan.prepare["key"] = True
        plan.changes.append(f"make a private key, {cfg.KEY_PATH}")
    elif seen["key_mode"] != "0600":
        plan.prepare["key"] = True
        plan.changes.append(f"make {cfg.KEY_PATH} private: its mode is {seen['key_mode']}")
    if seen["ca"] != wanted.client_ca:
        plan.apply["ca"] = wanted.client_ca
        plan.differ(cfg.CA_PATH, seen["ca"], wanted.client_ca)
        plan.act("restart", f"write {cfg.CA_PATH}, the CA of clients")
    reason = _certificate_reason(wanted, seen, now)
    if reason:
        plan.certificate = {"names": wanted.names, "reason": reason, "public_key": seen["public_key"]}
        plan.differ("certificate", _described(seen["certificate"]), {"names": wanted.names})
        plan.act("restart", f"issue a certificate for {', '.join(wanted.names)}: {reason}")


def _described(certificate: str | None) -> dict[str, t.Any] | None:
    if not certificate:
        return None
    try:
        look = _tls.inspect(certificate)
    except _tls.TlsError as error:
        return {"error": str(error)}
    return {"names": look["names"], "not_after": look["not_after"]}


def _certificate_reason(wanted: Wanted, seen: dict[str, t.Any], now: datetime.datetime) -> str | None:
    """Why the host needs a new certificate, or None."""
    if not seen["certificate"]:
        return "there is none"
    if not seen["public_key"]:
        return "its key is new"
    try:
        if _tls.public_key_sha256(seen["certificate"]) != _tls.public_key_sha256(seen["public_key"]):
            return "it does not belong to the host's key"
        if not _tls.issued_by(seen["certificate"], wanted.server_ca):
            return "it was not issued by this CA"
        return _tls.needs_renewal(seen["certificate"], wanted.names, now)
    except _tls.TlsError as error:
        return f"the one there can't be read ({error})"


def _users(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    seen = info["groups"]
    if seen["missing"]:
        raise PlanError(f"docker_engine_users names users that this host does not have: {', '.join(seen['missing'])}")
    if seen["outside"]:
        plan.apply["users"] = seen["outside"]
        plan.changes.append(f"add {', '.join(seen['outside'])} to the group docker")


def _service(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    service, sock, engine = info["units"]["docker.service"], info["units"]["docker.socket"], info["engine"]
    if service["exists"]:
        for name, unit in (("docker.service", service), ("docker.socket", sock)):
            if unit["load"] == "masked":
                raise PlanError(f"{name} is masked on this host: unmask it first")
        disabled = [
            name
            for name, unit in (("docker.service", service), ("docker.socket", sock))
            if unit["enabled"] == "disabled"
        ]
        if disabled:
            plan.apply["enable"] = disabled
            plan.changes.append(f"enable {', '.join(disabled)}")
    pending = info["remembered"]["pending"]
    if pending in _ACTIONS[1:]:
        plan.act(pending, f"{pending} the Engine: an earlier run was interrupted")
    if not plan.action and (service["active"] != "active" or sock["active"] != "active") and service["exists"]:
        plan.act("start", "start the Engine")
    if plan.action in ("reload", "restart") and service["active"] != "active":
        plan.action = "start"
    if plan.action in ("reload", "restart") and sock["active"] != "active":
        plan.action = "cycle"
    if plan.action == "cycle" and service["active"] != "active" and sock["active"] != "active":
        plan.action = "start"
    _keep_containers(plan, wanted, engine)


def _keep_containers(plan: Plan, wanted: Wanted, engine: dict[str, t.Any]) -> None:
    """A restart of the Engine must not be one of its containers."""
    if plan.action not in ("restart", "cycle") or not engine.get("containers_running"):
        return
    if plan.apply.get("remember", {}).get("live-restore"):
        # Written and restarted at once, the containers would go with the old Engine: it has to know before.
        plan.apply["live_restore_first"] = not engine["live_restore"]
    elif not wanted.interrupt:
        swarm = engine.get("swarm", "inactive") != "inactive"
        raise PlanError(
            f"This needs a restart of the Engine ({'; '.join(plan.changes)}), which would stop the "
            f"{engine['containers_running']} containers that run, since live-restore is "
            f"{'not possible on a swarm node: drain it first, then' if swarm else 'off: set docker_engine_live_restore, or'}"
            " allow it with docker_engine_interrupt"
        )
