# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import typing as t
import urllib.parse

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _environment_file
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _secrets as secrets
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import NO_TLS
from ansible_collections.dockyard.machine.plugins.module_utils._store import VARIABLE
from ansible_collections.dockyard.machine.plugins.module_utils._store._ca import none_yet
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._store_ca import StoreCA
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine import _sources
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._look import Visit
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._access import ALL, docker_host
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._certificate import of_any_host
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import (
    Plan,
    PlanError,
    Wanted,
    make_plan,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._options import OPTIONS
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._role_variables import (
    PREFIX,
    goes_on_alone,
    options_of,
    secrets_of,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._machines import known_names
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _facts
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._action import HostAction, Result
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import (
    find_file,
    plain,
    read_certificates,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._store._open import open_store

SPEC: dict[str, t.Any] = {"wanted": {"type": "dict", "no_log": True}}
# Files of the controller, which the plan wants the content of
_PEM = ("server_ca_cert", "server_ca_key", "client_ca_cert")
# What the plan gets in another form than it was given
_PREPARED = ("environment", "proxies", "repository", "archive", *_PEM)
# Names of other machines, by a playbook that knows the store: evaluated only where a host has names that are new
_IN_STORE = "machine_known_names"
_SERVER_CA = PREFIX + "server_ca"
# What has a host's names and addresses: variables of the role, and of the store's inventory
_CALLED_BY = ("ansible_host", PREFIX + "tls_san", PREFIX + "listen", "machine_tls_san", "machine_id", "docker_host")


class ActionModule(HostAction):
    """Looks at a host and makes the plan for its Engine, on the controller."""

    def perform(self, variables: dict[str, t.Any]) -> Result:
        dummy, arguments = self.validate_argument_spec(SPEC)
        try:
            options = options_of(self._loader, self._templar, variables, arguments["wanted"])
            wanted = self._wanted(options)
            hooks = _hooks(self._loader, options)
            self._check_turns(hooks, options)
            user, names = self._known(variables)
            visit = Visit(self, variables, user or "The user", options)
            asked_for = options["access"] == "ssh" and not (options["rotate"] or options["rootless_user"])
            if asked_for and not user and self._connection.transport != "local":
                user = visit.login()
            info = plain(visit.look(_asked(options, user)))
            if self._connection.transport == "local":
                # An SSH session there is that of whoever started Ansible, not one between controller and host.
                info["host"]["controller"] = None
            ca = self._store_ca(wanted, options, info, variables)
            plan = self._plan(wanted, options, names, info, variables, ca)
            if ca and not self._task.check_mode:
                missing = ca.is_missing
                ca.create()  # only now that nothing stands in the way of the host
                plan = self._plan(wanted, options, names, info, variables, ca) if missing else plan
            _sources.fetch(plan, options["download"] == "controller", self._task.check_mode)
        except (PlanError, _tls.TlsError) as error:
            return {"failed": True, "msg": str(error)}
        except MachineError as error:
            return {"failed": True, "msg": error.text()}
        result = self._result(wanted, plan, info, options["access"]) | {
            "hooks": {when: file for when, file in hooks.items() if when in plan.hooks}
        }
        result["changed"] = result["changed"] or visit.python_installed
        self._tell_clients(result, wanted, names[0], ca)
        return result

    def _store_ca(
        self, wanted: Wanted, options: dict[str, t.Any], info: dict[str, t.Any], variables: dict[str, t.Any]
    ) -> StoreCA | None:
        """The CAs of the store, for a host with TLS that is given no others."""
        if wanted.access != "tls" or wanted.server_ca or wanted.client_ca or _tls.missing_library():
            return None
        names = (options["store"], self._templar.template(variables.get("machine_store") or ""))
        said = next((name for one in names if (name := str(one or "").strip())), "")
        ca = StoreCA(open_store(said))
        if wanted.rotate and ca.is_missing:
            raise none_yet(ca.store.where)
        for option in ("server_ca_key", "server_ca_command"):
            # Of a CA that was given to the store, the store has no key.
            if options[option] and (ca.is_missing or ca.options()["server_ca_key"]):
                raise PlanError(
                    f"docker_engine_{option} needs docker_engine_server_ca_cert: the certificate of that CA. "
                    f"Or leave it out: then the CAs of the store {ca.store.where} are used"
                )
        there = info["tls"]["ca"]
        if there and not said and not os.environ.get(VARIABLE, "").strip() and not ca.is_of(there):
            raise PlanError(
                f"The Engine of this host accepts clients of a CA that is not the CA of the store {ca.store.where}. No "
                "variable names that CA, so its clients would lose access. Set docker_engine_store to its store, or "
                "docker_engine_server_ca_cert and docker_engine_client_ca_cert to the CAs. To replace the CA, set "
                f"docker_engine_store to {ca.store.where}"
            )
        return ca

    def _plan(
        self,
        wanted: Wanted,
        options: dict[str, t.Any],
        names: list[str],
        info: dict[str, t.Any],
        variables: dict[str, t.Any],
        ca: StoreCA | None,
    ) -> Plan:
        if ca:
            of_store = ca.options()
            options = {**options, **of_store, "server_ca_key": of_store["server_ca_key"] or options["server_ca_key"]}
            wanted.server_ca, wanted.client_ca = options["server_ca_cert"], options["client_ca_cert"]
            wanted.signed_here = bool(options["server_ca_key"])
        _keep_life(wanted, options["certificate_life"], info["tls"]["certificate"])
        others = self._name(wanted, names, options["tls_san"], info, variables, ca)
        plan = make_plan(wanted, info, datetime.datetime.now(datetime.timezone.utc))
        plan.warnings += others
        if plan.certificate:
            self._rehearse(wanted, plan, options)
        if ca and not ca.files:
            plan.changes.insert(0, f"create the CAs of the store {ca.store.where}")
            for part in plan.diff:
                part["after"] = part["after"].replace(
                    wanted.client_ca, f"the client CA of the store {ca.store.where}\n"
                )
        return plan

    def _tell_clients(self, result: Result, wanted: Wanted, address: str, ca: StoreCA | None) -> None:
        """How a Docker client reaches the Engine, as far as it is known here."""
        engine = result["engine"]
        engine["docker_host"] = docker_host(wanted, address) if wanted.access == "tls" and not wanted.rotate else None
        engine["docker_cert_path"] = ca.client_folder if ca else None
        result["client"] = {"store": ca.store.where if ca else "", "message": []}
        if ca:
            if engine["docker_host"]:
                result["client"]["message"] = ca.message(engine["docker_host"], self._task.check_mode)
            result["changed"] = result["changed"] or (ca.would_change() if self._task.check_mode else ca.changed)
            if ca.warnings:
                result["warnings"] = [*result.get("warnings", ()), *ca.warnings]

    def _known(self, variables: dict[str, t.Any]) -> tuple[str, list[str]]:
        """Who logs in, empty where no variable says so; names and addresses for the certificate, besides what the host reports."""
        me = variables["inventory_hostname"]
        user, address = self._templar.template([variables.get("ansible_user") or "", variables.get("ansible_host", me)])
        return str(user), [str(address), me]

    def _wanted(self, options: dict[str, t.Any]) -> Wanted:
        if options["rotate"]:
            options = {**options, "access": "tls"}  # of a host that has it; another one is left alone
        tls, life = options["access"] == "tls", options["certificate_life"]
        ours = _proxy_variables(options)
        fields = {field.name for field in dataclasses.fields(Wanted)}
        server_ca = self._certificates("server_ca_cert", options) if tls else ""
        return Wanted(
            **{name: value for name, value in options.items() if name in fields and name not in _PREPARED},
            options={name: options[name] for name in OPTIONS},
            environment=sorted({*options["environment"], *ours}),
            proxies=ours,
            repository=_sources.repository(self._loader, options["repository"]),
            archive=_sources.archive(self._loader, options["archive"]),
            server_ca=server_ca,
            signed_here=bool(options["server_ca_key"]),
            life=_authority.life_of(PREFIX + "certificate_life", life) if life else _tls.CERTIFICATE_LIFE,
            client_ca=self._certificates("client_ca_cert", options) if tls else "",
        )

    def _check_turns(self, hooks: dict[str, str], options: dict[str, t.Any]) -> None:
        alone = goes_on_alone(self._task) if hooks and options["one_at_a_time"] else ""
        if alone:
            raise PlanError(
                f"docker_engine_one_at_a_time is set, and by the play's strategy {alone!r} hosts don't wait for each other: give "
                "the play strategy linear"
            )

    def _name(
        self,
        wanted: Wanted,
        known: list[str],
        asked: list[str],
        info: dict[str, t.Any],
        task_vars: dict[str, t.Any],
        ca: StoreCA | None = None,
    ) -> list[str]:
        """Fill in the names for the certificate; what is to be said about them.

        Of what the host says of itself, what is another host's is left out: else it could have itself a certificate with
        which it passes for that one.
        """
        if wanted.access != "tls":
            return []
        me, own = task_vars["inventory_hostname"], _spelled([*known, *wanted.listen, *asked])
        said = _spelled([info["host"]["hostname"], *info["host"]["addresses"]])
        certified = _spelled(_authority.names_vouched_for(info["tls"]["certificate"], wanted.server_ca))
        if wanted.rotate:
            # A run without the variables of the one that has set the host up must not take names out of its certificate.
            said += [name for name in certified if name not in said]
        # Anybody can show another host's certificate, but that one has another name.
        its_own = {*_names([me, *known[:1]], [], wanted.server_ca)[:1]} & {*certified}
        sure = {*own, *(certified if its_own else ())}
        # Only where there is something new: to ask for the variables of all hosts takes its time.
        owners = {} if sure.issuperset(said) else {**self._in_store(task_vars, ca), **_owners(task_vars, me)}
        owners.update((name, "the name of many") for name in said if name.startswith("*") and name not in sure)
        kept = sure if wanted.rotate else own
        owners.update((name, "the name of any host") for name in said if of_any_host(name) and name not in kept)
        taken = [name for name in said if name in owners and name not in own]
        kept = [name for name in said if name not in taken]
        wanted.names = _names([*known, *wanted.listen, *kept], asked, wanted.server_ca)
        return [
            f"This host says that it is {name}, which is {owners[name]}: that is left out of its certificate"
            for name in taken
            if not of_any_host(name)
        ]

    def _in_store(self, variables: dict[str, t.Any], ca: StoreCA | None) -> dict[str, str]:
        """What the store knows as other machines', also those that no inventory of this run has."""
        known = self._templar.template(variables.get(_IN_STORE) or [])
        if ca and ca.store.exists:
            known = [*known, *known_names(ca.store, [variables["inventory_hostname"]])]
        return {name: str(one["machine"]) for one in known for name in _spelled([str(one["name"])])}

    def _certificates(self, option: str, options: dict[str, t.Any]) -> str:
        return read_certificates(self._loader, PREFIX + option, options[option])

    def _rehearse(self, wanted: Wanted, plan: Plan, options: dict[str, t.Any]) -> None:
        """Find out that a certificate can't be issued before the host is touched, not after."""
        given = {PREFIX + name: value for name, value in options.items()}
        authority = _authority.open_authority(self._loader, _SERVER_CA, given)
        request = _authority.server_request(plan.certificate["public_key"] or "", wanted.names, wanted.life)
        touched_first = plan.prepare.keys() - {"request"}
        if touched_first and not self._task.check_mode:
            authority.rehearse(request)
        else:
            authority.check(request)

    def _result(self, wanted: Wanted, plan: Plan, info: dict[str, t.Any], access: str) -> dict[str, t.Any]:
        needed = bool(plan.changes)
        certificate = info["tls"]["certificate"]
        kept = certificate and wanted.access == "tls" and not plan.certificate
        look: dict[str, t.Any] = {}
        with contextlib.suppress(_tls.TlsError):  # of a host that a rotation leaves alone
            look = _tls.inspect(certificate) if kept else {}
        result: dict[str, t.Any] = {
            # Outside check mode the task that does it says that it changed something.
            "changed": needed and self._task.check_mode,
            "needed": needed,
            # That of the task, which a role or an include can have of its own
            "check_mode": self._task.check_mode,
            "changes": plan.changes,
            "action": plan.action,
            "waited": info["waited"],
            "prepare": plan.prepare if needed else {},
            "install": plan.install if needed else {},
            "certificate": plan.certificate,
            "apply": plan.apply if needed else {},
            "engine": {
                "source": plan.source or None,
                "version": info["engine"].get("version"),
                "api_version": info["engine"].get("api_version"),
                "access": access,
                # A rotation does not look at who may reach the Engine, which is not that nobody may.
                "allow": None if wanted.rotate else [],
                "enforced_by": None if wanted.rotate else [],
                "authority": plan.trust_id or NO_TLS,
                **plan.access,
                "certificate_not_before": look.get("not_before"),
                "certificate_not_after": look.get("not_after"),
                "action": plan.action,
                "changed": False,
            },
        }
        if plan.warnings:
            result["warnings"] = plan.warnings
        if plan.diff:
            result["diff"] = plan.diff
        return result


def _asked(options: dict[str, t.Any], login: str) -> dict[str, t.Any]:
    """What engine_info is asked for: no more than what is wanted touches."""
    users = list(options["users"])
    if options["access"] == "ssh" and not options["rootless_user"] and login not in ("", "root", *users):
        users.append(login)
    return {
        "secrets": secrets_of(options),
        "users": users,
        "data_root": options["data_root"] or options["config"].get("data-root", ""),
        "rootless_user": options["rootless_user"],
        "as_it_is": bool(options["rotate"]),
        "userns_remap": options["userns_remap"] or options["config"].get("userns-remap", ""),
        "version": options["version"],
        "upgrade": options["upgrade"],
        "holds": options["hold"] != "as_is",
        "source": options["source"],
        "wait_timeout": options["wait_timeout"],
        "port": options["port"] if options["access"] == "tls" and not options["rotate"] else 0,
        "listen": options["listen"],
        "filters": options["access"] == "tls" and ALL not in options["allow"] and not options["rootless_user"],
    }


def _hooks(loader: DataLoader, options: dict[str, t.Any]) -> dict[str, str]:
    """The files of tasks that are done before and after a restart; PlanError if one isn't there."""
    found = {}
    for when in ("before", "after"):
        given = options[f"{when}_restart"]
        if given:
            found[when] = find_file(loader, given)
            if not loader.is_file(found[when]):
                raise PlanError(f"docker_engine_{when}_restart is {given!r}, and there is no file {found[when]}")
    return found


def _proxy_variables(options: dict[str, t.Any]) -> list[str]:
    """The names of the Engine's variables that docker_engine_proxies gives; PlanError for what can't be."""
    for option in ("proxies", "client_proxies"):
        problem = secrets.wrong(PREFIX + option, options[option])
        if problem:
            raise PlanError(problem)
    ours = secrets.variables(options["proxies"])
    twice = {_environment_file.variable_key(name) for name in options["environment"]} & set(ours)
    if twice:
        raise PlanError(
            f"{', '.join(sorted(twice))} is asked for twice, by docker_engine_proxies and in docker_engine_environment: "
            "take it out of one"
        )
    return sorted(ours)


def _keep_life(wanted: Wanted, asked: str, certificate: str | None) -> None:
    """A rotation without the variables of the run that has set the host up makes no certificate live longer, or shorter."""
    if wanted.rotate and not asked:
        wanted.life = _authority.life_vouched_for(certificate, wanted.server_ca) or wanted.life


def _names(found: list[str], asked: list[str], server_ca: str) -> list[str]:
    """Names in a certificate's spelling. Of those found, what can't be in one is left out; asked for, it is an error."""
    names = _spelled(found)
    if server_ca:
        names = [name for name in names if _authority.may_name(server_ca, name)]
    try:
        return _tls.normal_names(names + asked)
    except _tls.TlsError as error:
        raise PlanError(f"docker_engine_tls_san: {error}") from error


def _spelled(found: t.Iterable[str]) -> list[str]:
    """Names in a certificate's spelling, by which alone they can be compared; what can't be in one is left out."""
    names: dict[str, None] = {}
    for name in found:
        with contextlib.suppress(_tls.TlsError):
            names.update(dict.fromkeys(_tls.normal_names([name])))
    return list(names)


def _owners(task_vars: dict[str, t.Any], me: str) -> dict[str, str]:
    """What the inventory says that other hosts are called, and this one is not, with whose it is."""
    called = {host: set(_spelled(_called(host, task_vars))) for host in task_vars.get("hostvars", {})}
    mine = called.pop(me, set())
    return {name: host for host, names in called.items() for name in names - mine}


def _called(host: str, task_vars: dict[str, t.Any]) -> t.Iterator[str]:
    yield host
    # What is made from what only other runs have is no fault of the host that is looked at.
    with contextlib.suppress(AnsibleError):
        variables, facts = task_vars["hostvars"][host], _facts.facts_of(task_vars, host)
        # No host takes another one's name by what it says of itself.
        for variable in _CALLED_BY:
            if variable in facts:
                continue
            with contextlib.suppress(AnsibleError, ValueError):
                words = _words(variables.get(variable))
                yield from (one for one in words if variable == "ansible_host" or not of_any_host(one))


def _words(given: t.Any) -> list[str]:
    """The names in a list or a text; of a URL, that of its host."""
    if isinstance(given, (list, tuple)):
        return [word for one in given for word in _words(one)]
    words = [] if given is None else [word.strip() for word in str(given).split(",")]
    return [urllib.parse.urlsplit(word).hostname or "" if "://" in word else word for word in words]
