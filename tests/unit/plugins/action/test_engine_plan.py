# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
import re
import types

import pytest
import yaml
from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.dockyard.machine.plugins.action import engine_plan
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import Plan, PlanError, Wanted
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._packages import SOURCES
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._role_variables import specification, typed
from ansible_collections.dockyard.machine.plugins.plugin_utils._unsafe import trusted

ROLE = pathlib.Path(engine_plan.__file__).parents[2] / "roles" / "docker_engine"
# What the plan knows by another name
PREPARED = {"names", "server_ca", "client_ca", "options", "life", "signed_here"}


def test_a_rotation_does_not_say_that_nobody_may_reach_the_engine():
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._task = types.SimpleNamespace(check_mode=False)
    info = {"tls": {"certificate": None}, "waited": [], "engine": {}}
    rotated = action._result(Wanted(access="tls", rotate="certificates"), Plan(), info, "tls")["engine"]
    assert (rotated["source"], rotated["allow"], rotated["enforced_by"]) == (None, None, None)
    local = action._result(Wanted(access="local"), Plan(source="distro"), info, "local")["engine"]
    assert (local["source"], local["allow"], local["enforced_by"]) == ("distro", [], [])


def test_no_key_of_a_ca_goes_to_the_host():
    key, certificate = _tls.new_ca("both")
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._loader = DataLoader()
    combined = {"server_ca_cert": certificate + key, "client_ca_cert": key + certificate}
    wanted = action._wanted(typed(specification(action._loader), combined))
    assert (wanted.server_ca, wanted.client_ca) == (certificate, certificate)


def test_all_variables_of_the_role_reach_the_plan_with_one_default():
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    known = specification(DataLoader())
    assert {name: {**about, "default": about.get("default")} for name, about in spec.items()} == known
    names = {name.removeprefix("docker_engine_") for name in spec}
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: about.get("default") for name, about in spec.items()} == defaults
    assert {field.name for field in dataclasses.fields(Wanted)} - PREPARED <= names
    assert spec["docker_engine_source"]["choices"] == ["auto", *SOURCES]


def test_names_and_login_are_those_of_the_task():
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    variables = {"inventory_hostname": "web1", "ansible_host": trusted("{{ address }}"), "address": "192.0.2.7"}
    action._templar = Templar(DataLoader(), variables=variables)
    assert action._known(variables) == ("", ["192.0.2.7", "web1"])
    variables = {"inventory_hostname": "web1", "ansible_user": trusted("{{ who }}"), "who": "admin"}
    action._templar = Templar(DataLoader(), variables=variables)
    assert action._known(variables) == ("admin", ["web1", "web1"])


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_the_role_returns_is_documented(check_mode, mocker):
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._task = mocker.Mock(check_mode=check_mode)
    info = {"tls": {"certificate": None}, "engine": {}, "waited": []}
    planned = action._result(Wanted(access="tls"), Plan(changes=["install it"], action="start"), info, "ssh")
    action._tell_clients(planned, Wanted(access="tls"), "192.0.2.7", None)
    result = planned["engine"]
    assert (result["docker_host"], result["docker_cert_path"]) == ("tcp://192.0.2.7:2376", None)
    assert (planned["changed"], planned["check_mode"]) == (check_mode, check_mode)
    assert (result["changed"], result["access"]) == (False, "ssh")
    readme = (ROLE / "README.md").read_text().partition("Afterwards `docker_engine_result` has ")[2]
    assert set(re.findall(r"`(\w+)`", readme.partition("\n")[0])) == set(result)
    said = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["description"]
    (said,) = [text for text in said if "docker_engine_result" in text]
    assert set(re.findall(r"C\((\w+)\)", said)) - {"docker_engine_result"} == set(result)
    done = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["docker_engine_done"]
    assert set(re.findall(r"'(\w+)':", done)) <= set(result)


# -- what a host says of itself


class Hosts(dict):
    """As hostvars is: to ask for one host's variables takes its time, and what is in them may be made from what isn't there."""

    def __getitem__(self, name):
        self.asked = True
        return super().__getitem__(name)


class Unmade(dict):
    def get(self, name, default=None):
        raise AnsibleUndefinedVariable(f"{name} is made from what is not there")


CA, OTHER_CA = _tls.new_ca("servers"), _tls.new_ca("others")


def name(
    certificate=None,
    listen=(),
    asked=(),
    said=("web1", "192.0.2.7", "192.0.2.66"),
    others=None,
    me=None,
    in_store=(),
    **wish,
):
    hosts = Hosts(me=me or {}, victim={"ansible_host": "192.0.2.66"}, web2={}, **(others or {}))
    info = {"host": {"hostname": said[0], "addresses": list(said[1:])}, "tls": {"certificate": certificate}}
    wanted = Wanted(listen=list(listen), server_ca=CA[1], **wish)
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    task_vars = {"inventory_hostname": "me", "hostvars": hosts, "machine_known_names": list(in_store)}
    action._templar = Templar(DataLoader(), variables=task_vars)
    warnings = action._name(wanted, ["192.0.2.7", "me"], list(asked), info, task_vars)
    return wanted.names, warnings, hasattr(hosts, "asked")


def test_what_is_another_host_s_is_left_out_of_a_certificate():
    names, warnings, dummy = name(said=("web2", "192.0.2.8", "192.0.2.66", "victim"))
    assert names == ["192.0.2.7", "me", "192.0.2.8"]
    assert [text.split(":")[0] for text in warnings] == [
        "This host says that it is web2, which is web2",
        "This host says that it is 192.0.2.66, which is victim",
        "This host says that it is victim, which is victim",
    ]


def test_who_asks_for_it_by_a_variable_gets_it():
    names, warnings, dummy = name(asked=["192.0.2.66"], listen=["192.0.2.99"])
    assert names == ["192.0.2.7", "me", "192.0.2.99", "web1", "192.0.2.66"] and warnings == []
    assert name(access="local")[:2] == ([], [])


def test_other_hosts_are_looked_at_only_for_names_that_the_ca_has_not_certified():
    key = _tls.new_key()
    ours = _tls.issue_server(CA[1], CA[0], key, ["192.0.2.7", "me", "web1", "192.0.2.66"])
    assert name(ours) == (["192.0.2.7", "me", "web1", "192.0.2.66"], [], False)
    forged = _tls.issue_server(OTHER_CA[1], OTHER_CA[0], key, ["192.0.2.7", "me", "web1", "192.0.2.66"])
    for certificate in (forged, "garbage", None):
        names, warnings, asked = name(certificate)
        assert "192.0.2.66" not in names and len(warnings) == 1 and asked


def test_what_the_store_knows_as_another_machine_s_is_left_out_though_no_inventory_has_it():
    store = [{"name": "DB1", "machine": "db1"}, {"name": "192.0.2.9", "machine": "db1"}]
    said = ("db1", "192.0.2.7", "192.0.2.9")
    names, warnings, dummy = name(said=said, in_store=store)
    assert names == ["192.0.2.7", "me"]
    assert [text.split(":")[0] for text in warnings] == [
        "This host says that it is db1, which is db1",
        "This host says that it is 192.0.2.9, which is db1",
    ]
    assert "192.0.2.9" in name(said=said, in_store=store, asked=["192.0.2.9"])[0], "its user's word"


@pytest.mark.parametrize("said", ["localhost", "localhost.localdomain", "web.localhost", "127.0.0.1", "::1", "0.0.0.0"])
def test_a_name_that_each_host_answers_to_is_for_those_alone_who_ask_for_it(said):
    assert name(said=(said, "192.0.2.7")) == (["192.0.2.7", "me"], [], True)
    asked = name(said=("web1",), asked=[said])[0]
    assert asked == ["192.0.2.7", "me", "web1", said]
    certificate = _tls.issue_server(CA[1], CA[0], _tls.new_key(), asked)
    assert name(certificate, said=("web1",), rotate="certificates")[0] == asked, "a rotation has not all variables"


def test_what_a_host_says_of_itself_by_facts_takes_no_name_from_others():
    hosts = {"liar": {"docker_engine_tls_san": ["web1"], "machine_id": "192.0.2.8"}, "me": {}}
    manager = types.SimpleNamespace(_fact_cache={"liar": dict.fromkeys(hosts["liar"])})
    task_vars = {"hostvars": type("Known", (dict,), {"_variable_manager": manager})(hosts)}
    assert engine_plan._owners(task_vars, "me") == {"liar": "liar"}
    manager._fact_cache.clear()
    assert engine_plan._owners(task_vars, "me") == {"liar": "liar", "web1": "liar", "192.0.2.8": "liar"}


@pytest.mark.parametrize("said", ["VICTIM", "*.example.org", "::ffff:192.0.2.66", "[192.0.2.66]", "[::FFFF:c000:242]"])
def test_no_spelling_makes_it_the_host_s_own(said):
    names, warnings, dummy = name(said=("web1", said))
    assert names == ["192.0.2.7", "me", "web1"] and len(warnings) == 1


def test_the_other_hosts_names_may_be_spelled_in_any_way():
    others = {"DB.example.org": {"ansible_host": "2001:DB8:0::7"}}
    assert name(said=("db.example.org", "2001:db8::7"), others=others)[0] == ["192.0.2.7", "me"]


@pytest.mark.parametrize(
    ("variable", "value", "theirs"),
    [
        ("docker_engine_tls_san", ["DB.example.org", "2001:DB8:0::7"], ("db.example.org", "2001:db8::7")),
        ("docker_engine_tls_san", "db.example.org, 192.0.2.9", ("db.example.org", "192.0.2.9")),
        ("docker_engine_listen", ["192.0.2.9", "2001:db8::7"], ("192.0.2.9", "2001:db8::7")),
        ("machine_tls_san", ["db.example.org"], ("db.example.org",)),
        ("machine_id", "0123456789ab", ("0123456789ab",)),
        ("docker_host", "tcp://192.0.2.9:2376", ("192.0.2.9",)),
        ("docker_host", "tcp://[2001:DB8:0::7]:2376", ("2001:db8::7",)),
        ("docker_host", "ssh://root@DB.example.org", ("db.example.org",)),
    ],
)
def test_what_another_host_is_called_by_its_variables_is_that_one_s(variable, value, theirs):
    others = {"db": {variable: value}}
    names, warnings, dummy = name(said=("web1", *theirs), others=others)
    assert names == ["192.0.2.7", "me", "web1"]
    left_out = "that is left out of its certificate"
    assert warnings == [f"This host says that it is {one}, which is db: {left_out}" for one in theirs]
    # What several are called is that of each of them
    ours = _tls.issue_server(CA[1], CA[0], _tls.new_key(), ["192.0.2.7", "me", *theirs])
    names, warnings, asked = name(ours, said=("new",), others=others, me={variable: value}, rotate="certificates")
    assert names == ["192.0.2.7", "me", "new", *theirs] and warnings == [] and asked


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("docker_engine_listen", ["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"]),
        ("docker_host", "tcp://127.0.0.1:23760"),
        ("docker_host", "unix:///run/docker.sock"),
        ("docker_host", "tcp://[2001:db8::7"),
        ("docker_engine_tls_san", None),
        ("docker_engine_tls_san", ["{{ what_only_another_run_has }}", {"a": 1}]),
    ],
)
def test_of_the_other_hosts_variables_what_says_nothing_takes_no_name_away(variable, value):
    said, mine = ("web1", "192.0.2.5"), ["localhost", "0.0.0.0", "::", "127.0.0.1", "::1"]
    names, warnings, asked = name(said=said, asked=mine, others={"db": {variable: value}})
    assert set(names) == {"192.0.2.7", "me", *said, *mine} and warnings == [] and asked


@pytest.mark.parametrize("rotate", ["", "certificates"])
def test_who_shows_another_host_s_certificate_does_not_get_its_names(rotate):
    """Anybody gets it in a handshake, and the public key in it as well."""
    victim_s = _tls.issue_server(
        CA[1], CA[0], _tls.new_key(), ["192.0.2.66", "victim", "*.example.org", "vip.example.org"]
    )
    names, warnings, asked = name(victim_s, said=("victim", "192.0.2.66", "192.0.2.8"), rotate=rotate)
    kept = ["vip.example.org"] if rotate else []  # which is nobody's
    assert names == ["192.0.2.7", "me", "192.0.2.8", *kept] and asked
    assert len(warnings) == (3 if rotate else 2)


def test_a_rotation_keeps_the_names_that_a_host_had():
    had = ["192.0.2.5", "me", "*.example.org", "victim", "2001:db8::7"]
    ours = _tls.issue_server(CA[1], CA[0], _tls.new_key(), had)
    names, warnings, asked = name(ours, said=("me", "192.0.2.5"), rotate="ca")
    assert set(names) == {"192.0.2.7", *had} and warnings == [] and not asked
    names, warnings, dummy = name(ours, said=("me",))
    assert names == ["192.0.2.7", "me"] and warnings == []


@pytest.mark.parametrize("rotate", ["certificates", "ca"])
def test_a_rotation_keeps_the_life_that_was_wanted(rotate):
    """Else the next run with the variable would restart all Engines for its sake."""
    month, day = datetime.timedelta(days=30), datetime.timedelta(days=1)
    certificate = _tls.issue_server(CA[1], CA[0], _tls.new_key(), ["me"], month)
    assert life(certificate, rotate=rotate) == month
    assert life(certificate, rotate=rotate, certificate_life="1d") == day
    assert life(certificate) == life(None, rotate=rotate) == _tls.CERTIFICATE_LIFE
    assert life(certificate, certificate_life="1d") == day
    # A host can't have itself a longer one by what it shows
    own = _tls.issue_server(OTHER_CA[1], OTHER_CA[0], _tls.new_key(), ["me"], 5 * _tls.CERTIFICATE_LIFE)
    assert life(own, rotate=rotate) == _tls.CERTIFICATE_LIFE


def life(certificate, certificate_life="", **given):
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._loader = DataLoader()
    given |= {"certificate_life": certificate_life, "server_ca_cert": CA[1], "client_ca_cert": CA[1]}
    wanted = action._wanted(typed(specification(action._loader), given))
    engine_plan._keep_life(wanted, certificate_life, certificate)
    return wanted.life


def test_a_certificate_that_the_host_has_made_vouches_for_no_names():
    key = _tls.new_key()
    own = _tls.issue_server(CA[1], CA[0], key, ["192.0.2.7", "me"])
    by_other = _tls.issue_server(OTHER_CA[1], OTHER_CA[0], key, ["192.0.2.7", "me", "bank.example"])
    for forged in (by_other, by_other + own, _signed_by_a_host(own, key, "bank.example") + own):
        assert name(forged, said=("me",), rotate="certificates")[0] == ["192.0.2.7", "me"]


def _signed_by_a_host(own, key, name):
    """What a host signs with the key of its own certificate, which is no CA's."""
    loaded, issuer = (
        serialization.load_pem_private_key(key.encode(), None),
        x509.load_pem_x509_certificate(own.encode()),
    )
    other = serialization.load_pem_private_key(_tls.new_key().encode(), None).public_key()
    start = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer.subject, x509.Name([]), other, 7, start, start + datetime.timedelta(9)
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(loaded, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_that_another_host_s_address_can_t_be_told_is_nothing_to_this_one():
    names, warnings, asked = name(others={"later": Unmade()}, said=("later", "web1", "192.0.2.66"))
    assert names == ["192.0.2.7", "me", "web1"] and len(warnings) == 2 and asked


# -- hooks and proxies


def test_hooks_are_files_that_exist(tmp_path):
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
    (tmp_path / "drain.yml").write_text("[]")
    given = {"before_restart": "drain.yml", "after_restart": str(tmp_path / "drain.yml")}
    path = str(tmp_path / "drain.yml")
    assert engine_plan._hooks(loader, given) == {"before": path, "after": path}
    assert engine_plan._hooks(loader, {"before_restart": "", "after_restart": ""}) == {}
    with pytest.raises(PlanError, match="docker_engine_after_restart is 'x.yml', and there is no file .*/x.yml"):
        engine_plan._hooks(loader, given | {"after_restart": "x.yml"})


def test_hooks_are_found_where_ansible_was_started(tmp_path, monkeypatch):
    loader = DataLoader()
    loader.set_basedir("/nonexistent")  # with a playbook of a collection, that one's folder
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drain.yml").write_text("[]")
    given = {"before_restart": "drain.yml", "after_restart": ""}
    assert engine_plan._hooks(loader, given) == {"before": str(tmp_path / "drain.yml")}


@pytest.mark.parametrize("strategy", ["free", "host_pinned", "ansible.builtin.free", "mitogen_free", "linear"])
def test_turns_are_refused_where_hosts_do_not_wait_for_each_other(strategy, mocker):
    task = mocker.Mock()
    task.get_play.return_value.strategy = strategy
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._task = task
    action._check_turns({}, {"one_at_a_time": True})
    action._check_turns({"before": "drain.yml"}, {"one_at_a_time": False})
    refused = (
        contextlib.nullcontext() if strategy == "linear" else pytest.raises(PlanError, match=f"strategy '{strategy}'")
    )
    with refused:
        action._check_turns({"before": "drain.yml"}, {"one_at_a_time": True})


def test_turns_that_can_not_be_are_refused_before_the_host_is_looked_at(tmp_path, mocker):
    (tmp_path / "drain.yml").write_text("[]")
    given = {"one_at_a_time": True, "before_restart": str(tmp_path / "drain.yml")}
    action = engine_plan.ActionModule.__new__(engine_plan.ActionModule)
    action._task, action._loader, action._connection = mocker.Mock(delegate_to=None), DataLoader(), None
    action._task.get_play.return_value.strategy = "free"
    action._templar = Templar(action._loader)
    mocker.patch.object(ActionBase, "run", return_value={})
    mocker.patch.object(engine_plan, "Visit", side_effect=AssertionError("it was looked at"))
    mocker.patch.object(action, "validate_argument_spec", return_value=(None, {"wanted": given}))
    result = action.run(None, {"inventory_hostname": "web1"})
    assert result["failed"] and "strategy 'free'" in result["msg"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"proxies": {"http_proxy": "canary"}, "environment": {}},
            "docker_engine_proxies.http_proxy is not a valid proxy",
        ),
        (
            {"client_proxies": {"ftp_proxy": "canary"}, "environment": {}},
            "docker_engine_client_proxies.ftp_proxy is not a valid proxy",
        ),
        ({"proxies": {"no_proxy": ["a"]}, "environment": {"no_proxy": "canary"}}, "NO_PROXY is asked for twice"),
    ],
)
def test_proxies_that_can_not_be_are_named_without_their_values(given, said):
    with pytest.raises(PlanError) as caught:
        engine_plan._proxy_variables({"proxies": {}, "client_proxies": {}, **given})
    assert said in str(caught.value) and "canary" not in str(caught.value)
