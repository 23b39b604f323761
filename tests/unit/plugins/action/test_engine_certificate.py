# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.dockyard.machine.plugins.action.engine_certificate import ActionModule
from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._expiry import days_left
from tests.beds import pki

NAMES = ["web1.example.org", "192.0.2.7"]
CA_KEY, CA = _tls.new_ca("servers")


@pytest.fixture
def key():
    return _tls.new_key()


def issue(key, task_vars=None, check=False, **args):
    task = Task.load({"action": "dockyard.machine.engine_certificate"})
    task.check_mode = check
    task.args = {
        "public_key": _tls.public_key(key),
        "names": NAMES,
        "server_ca_cert": CA,
        "server_ca_key": CA_KEY,
        **args,
    }
    loader = DataLoader()
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir="/"))
    return ActionModule(task, connection, PlayContext(), loader, Templar(loader=loader), None).run(
        task_vars=task_vars or {}
    )


def test_a_hosts_certificate(key):
    made = issue(key, life="30d")
    assert not made["changed"], "it is not in place yet"
    assert made["names"] == NAMES and days_left(made["not_after"]) in (29, 30)
    assert pki.issued_by(made["certificate"], CA) and _tls.belongs(key, made["certificate"])
    assert _tls.inspect(made["certificate"])["usage"] == ["server"]


def test_of_a_request_the_key_alone_counts(key):
    made = issue(key, csr=_tls.new_request({"CN": "bank.example"}, ["bank.example"], key))
    assert made["names"] == NAMES and _tls.belongs(key, made["certificate"])


def test_a_request_of_another_key_is_refused(key):
    with pytest.raises(AnsibleActionFail, match="for another key than the host has"):
        issue(key, csr=_tls.new_request({"CN": NAMES[0]}, NAMES))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"life": "never"}, "life"),
        ({"names": []}, "at least one name"),
        ({"server_ca_key": None}, "server_ca_key is needed"),
        ({"server_ca_key": _tls.new_key()}, "server_ca_key does not belong"),
        ({"public_key": "key"}, "Neither a PEM signing request nor a PEM public key"),
    ],
)
def test_what_cant_be_signed_is_told_without_a_traceback(key, args, said):
    with pytest.raises(AnsibleActionFail, match=said):
        issue(key, **args)


def test_a_check_asks_nobody(key, tmp_path):
    ca = pki.make_ca("Acme servers").save(tmp_path)
    signer = {"server_ca_key": None, "server_ca_cert": ca.bundle}
    signer["server_ca_command"] = [sys.executable, pki.__file__, str(tmp_path)]
    for given in (signer, {}):
        said = "Would issue a certificate for web1.example.org, 192.0.2.7"
        assert issue(key, check=True, **given) == {"changed": False, "names": NAMES, "msg": said}
    assert not (tmp_path / "asked").exists()
    assert issue(key, **signer)["names"] == NAMES and (tmp_path / "asked").exists()
    with pytest.raises(AnsibleActionFail, match="there is no program"):
        issue(key, check=True, **{**signer, "server_ca_command": ["./no-such"]})
    with pytest.raises(AnsibleActionFail, match="server_ca_key is needed"):
        issue(key, check=True, server_ca_key=None)
    with pytest.raises(AnsibleActionFail, match="Neither a PEM signing request nor a PEM public key"):
        issue(key, check=True, public_key="key")


def test_a_failure_in_the_role_says_who_has_what_and_what_to_do(key, tmp_path):
    told = {"inventory_hostname": "web1", "ansible_role_name": "dockyard.machine.docker_engine"}
    for args, said in (
        ({"server_ca_key": None}, "is needed"),
        ({"server_ca_key": str(tmp_path / "x")}, "can't be read"),
    ):
        with pytest.raises(AnsibleActionFail, match=f"docker_engine_server_ca_key .*{said}") as caught:
            issue(key, told, **args)
        assert str(caught.value).startswith("web1 got no certificate: ")
        assert "key stays" in str(caught.value) and str(caught.value).endswith("fix that and run again")
        assert caught.value.__suppress_context__, "else ansible-core tells it twice"
