# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host answers: the controller runs nothing, signs nothing else, prints nothing raw, and no error is a traceback."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import pathlib
import random
import typing as t

import pytest
import yaml

from ansible_collections.dockyard.machine.plugins.action import engine_plan
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.modules import engine_info
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts import _schemas
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm import _make_plan
from tests.unit import liar
from tests.unit.plugins.plugin_utils._engine.test_plan import CLIENT_CA, SERVER_CA, done, fresh

PREFIX = "dockyard.machine."
MODULES = pathlib.Path(engine_plan.__file__).parents[1] / "modules"
# Modules that the controller alone runs: their answers are no host's
OF_THE_CONTROLLER = {"amazonec2", "generic", "none", "qemu"}
MORE = {"outdated": False, "places": {}}


def look(info: dict[str, t.Any]) -> dict[str, t.Any]:
    """What is in the plan's tests, with the rest that engine_info tells."""
    info = copy.deepcopy(info)
    info["host"].update(openrc=False)
    info["rootless"].update(lingers=True, data_root="/var/lib/docker")
    info["units"]["docker.service"].update(MORE)
    del info["units"]["docker.socket"]["listen"]
    return {"left_over": [], **info, "waited": [], "changed": False}


HONEST: dict[str, dict[str, t.Any]] = {
    "dockyard.machine.engine_info": look(done()),
    "dockyard.machine.engine_apply": {"changed": True, "action": "start", "version": "20.10", "api_version": "1.41"},
    "dockyard.machine.engine_benchmark": {
        "changed": False,
        "checks": [{"id": "2.1", "title": "T", "status": "fail", "found": "x", "remedy": "y", "accepted": False}],
        "failing": ["2.1"],
        "summary": {"fail": 1},
    },
    "dockyard.machine.machine_image": {"changed": True, "image": {"name": "debian", "path": "/cache/debian"}},
    "community.docker.docker_swarm_info": {
        "docker_swarm_active": True,
        "docker_swarm_manager": True,
        "swarm_facts": {
            "ID": "abc",
            "Spec": {"Name": "default"},
            "JoinTokens": {"Worker": "SWMTKN-1-a", "Manager": "SWMTKN-1-b"},
        },
        "nodes": [
            {
                "ID": "n1",
                "Spec": {"Role": "manager", "Availability": "active", "Labels": {}},
                "Status": {"State": "ready"},
            }
        ],
        "tasks": [{"ID": "t1", "Status": {"State": "running"}}],
    },
    "community.docker.docker_swarm": {"changed": True},
    "community.docker.docker_node": {"changed": True},
    "ansible.builtin.setup": {
        "ansible_facts": {
            "ansible_distribution": "Debian",
            "ansible_distribution_release": "trixie",
            "ansible_architecture": "x86_64",
        }
    },
    "ansible.builtin.uri": {"status": 200, "json": {"message": "fine"}},
    "ansible.builtin.package": {"changed": True, "rc": 0},
    "ansible.builtin.copy": {"changed": True},
}


def action_for(module: str) -> tuple[type, dict[str, t.Any]]:
    """The action that runs a module, and its arguments."""
    name = module.removeprefix(PREFIX)
    own = module.startswith(PREFIX)
    file = importlib.import_module(
        f"ansible_collections.dockyard.machine.plugins.action.{name if own else 'host_module'}"
    )
    return file.ActionModule, {} if own else {"name": module, "options": {}}


@pytest.fixture(autouse=True)
def printed(monkeypatch: pytest.MonkeyPatch) -> liar.Printed:
    monkeypatch.setattr(
        "ansible_collections.dockyard.machine.plugins.action.host_module.module_defaults", lambda *args: {}
    )
    return liar.Printed(monkeypatch)


def test_each_module_that_runs_on_a_host_has_a_schema_and_an_action() -> None:
    on_hosts = {path.stem for path in MODULES.glob("*.py") if "def main" in path.read_text()} - OF_THE_CONTROLLER
    assert {PREFIX + name for name in on_hosts} == {name for name in _schemas.SCHEMAS if name.startswith(PREFIX)}
    assert set(HONEST) == set(_schemas.SCHEMAS)
    # What the schema does not have would be missing in the plan.
    told = yaml.safe_load(engine_info.RETURN)
    assert set(told) == set(_schemas.ENGINE_INFO)
    for name in on_hosts:
        assert (MODULES.parent / "action" / f"{name}.py").exists()


@pytest.mark.parametrize("module", HONEST)
def test_no_answer_becomes_more_than_data(module: str, monkeypatch: pytest.MonkeyPatch, printed: liar.Printed) -> None:
    cls, arguments = action_for(module)
    answer = HONEST[module]
    honest = liar.run(cls, json.dumps(answer), monkeypatch, **arguments)
    assert not honest.get("failed"), honest
    result = liar.run(cls, liar.poisoned(answer), monkeypatch, **arguments)
    if module != "ansible.builtin.setup":  # whose facts are the poison here
        assert result == honest
    liar.assert_data(result)
    assert "pwned" not in json.dumps(result) and printed.texts == []


@pytest.mark.parametrize("module", HONEST)
def test_a_malformed_answer_is_an_error_that_names_the_host(
    module: str, monkeypatch: pytest.MonkeyPatch, printed: liar.Printed
) -> None:
    cls, arguments = action_for(module)
    for text in liar.MALFORMED:
        result = liar.run(cls, text, monkeypatch, **arguments)
        liar.assert_data(result)
        assert "exception" not in result or "module_stdout" in result, text[:100]
        assert result.get("failed"), text[:100]
        assert result["msg"].startswith("liar gave an answer to") or '"failed": true' in text, text[:100]
        assert len(json.dumps(result, default=str)) < 150_000
        assert not [said for said in printed.texts if "\x1b" in said]


def test_an_answer_that_is_too_long_is_not_parsed(monkeypatch: pytest.MonkeyPatch, printed: liar.Printed) -> None:
    cls, arguments = action_for("dockyard.machine.engine_info")
    result = liar.run(cls, json.dumps({"a": "x" * 9_000_000}), monkeypatch, **arguments)
    assert "it has 9000009 characters" in result["msg"]


VALUES = (
    *(
        None,
        True,
        -1,
        2**63,
        2**65,
        1.5,
        "",
        "x",
        "{{ lookup('pipe', 'touch /tmp/pwned') }}",
        liar.ESCAPES,
        "a\nb",
        "../../etc/passwd",
    ),
    *(
        "#jinja2:variable_start_string:'<<'\n<< 7 >>",
        "x" * 200_000,
        "9" * 300,
        "1.2.3.4.5.6-rc1~~",
        [],
        ["x"],
        [[]],
        {},
        {"x": 1},
        {"a": {"b": []}},
    ),
)


def places(value: t.Any, at: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    yield at
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*at, key))


def changed(value: t.Any, at: tuple[t.Any, ...], new: t.Any) -> t.Any:
    value = copy.deepcopy(value)
    spot = value
    for key in at[:-1]:
        spot = spot[key]
    spot[at[-1]] = new
    return value


@pytest.mark.parametrize("module", [name for name in HONEST if name != "dockyard.machine.engine_info"])
def test_each_part_of_an_answer_can_be_anything(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, arguments = action_for(module)
    answer = {"changed": False, **HONEST[module]}
    for at in list(places(answer))[1:]:
        for value in VALUES:
            result = liar.run(cls, json.dumps(changed(answer, at, value)), monkeypatch, **arguments)
            liar.assert_data(result)
            assert "exception" not in result, (at, value)


def test_no_manager_s_answer_makes_the_swarm_s_plan_anything_but_a_plan_or_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = "community.docker.docker_swarm_info"
    cls, arguments = action_for(module)
    settings = {"CAConfig": {"NodeCertExpiry": 7}, "Raft": {"KeepOldSnapshots": 1}, "Labels": {"a": "b"}}
    answer = {"changed": False, **copy.deepcopy(HONEST[module])}
    answer["swarm_facts"]["Spec"].update(settings)
    answer["nodes"][0].update(Description={"Hostname": "m"}, ManagerStatus={"Reachability": "reachable", "Addr": "a:1"})
    answer["nodes"].append({**answer["nodes"][0], "ID": "n2"})
    wishes = {name: _make_plan.Wish(state="present", role="manager", identity=name) for name in ("web1", "web2")}
    for at in list(places(answer))[1:]:
        for value in VALUES:
            result = liar.run(cls, json.dumps(changed(answer, at, value)), monkeypatch, **arguments)
            with contextlib.suppress(MachineError):
                seen = _make_plan.SwarmView(answers=[{**result, "item": "web1"}])
                _make_plan.make_plan(wishes, seen, {"node_cert_expiry": 8, "labels": {"x": "y"}})


def wanted(**more: t.Any) -> dict[str, t.Any]:
    return {
        "source": "distro",
        "server_ca_cert": SERVER_CA[1],
        "server_ca_key": SERVER_CA[0],
        "client_ca_cert": CLIENT_CA[1],
        "connect_timeout": 0,
        **more,
    }


@pytest.mark.slow
@pytest.mark.parametrize("seen", [fresh, done])
@pytest.mark.parametrize(
    "more", [{}, {"rotate": "certificates"}, {"access": "local"}, {"version": "20", "upgrade": True}]
)
def test_no_look_makes_the_plan_anything_but_a_plan_or_an_error(
    seen: t.Callable[[], dict[str, t.Any]], more: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = look(seen())
    seeds = random.Random(f"{seen.__name__} {more}")
    spots = [(at, value) for at in list(places(honest))[1:] for value in VALUES]
    for at, value in seeds.sample(spots, 60):
        text = json.dumps(changed(honest, at, value))
        result = liar.run(engine_plan.ActionModule, text, monkeypatch, wanted=wanted(**more))
        liar.assert_data(result)
        assert "exception" not in result, (at, value, result.get("exception"))
        assert result.get("failed") or set(result) >= {"needed", "changes", "engine"}, (at, value)


@pytest.mark.parametrize("hostname", ["victim", "VICTIM", "db1", "*.corp.example", "localhost", "x" * 200, "a b"])
def test_a_host_gets_a_certificate_for_its_own_names_alone(hostname: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = look(fresh())
    seen["host"].update(hostname=hostname, addresses=["192.0.2.66", "192.0.2.99", "192.0.2.7", "127.0.0.1"])
    variables = {
        "ansible_host": "192.0.2.7",
        "hostvars": {"victim": {"ansible_host": "192.0.2.66"}},
        "machine_known_names": [{"name": "192.0.2.99", "machine": "db1"}, {"name": "db1", "machine": "db1"}],
    }
    result = liar.run(engine_plan.ActionModule, liar.poisoned(seen), monkeypatch, variables, wanted=wanted())
    liar.assert_data(result)
    assert result["certificate"]["names"] == ["192.0.2.7", "liar"]


@pytest.mark.parametrize("key", ["", "pwned" + liar.ESCAPES, SERVER_CA[1][:300], "x" * 100_000])
def test_no_certificate_is_signed_for_what_is_no_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.dockyard.machine.plugins.action import engine_certificate

    given = {"server_ca_cert": SERVER_CA[1], "server_ca_key": SERVER_CA[0], "names": ["web1"], "life": "1d"}
    arguments = {"public_key": key, "csr": None, "server_ca_command": [], "server_ca_timeout": 1, **given}
    with pytest.raises(Exception, match=r"^liar got no certificate") as caught:
        liar.run(engine_certificate.ActionModule, "", monkeypatch, **arguments)
    assert "\x1b" not in str(caught.value) and "PRIVATE KEY" not in str(caught.value)
    assert _tls.inspect(SERVER_CA[1])["names"] == []
