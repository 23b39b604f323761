# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import json
import pathlib

import pytest
from ansible.module_utils import basic

from ansible_collections.dockyard.machine.plugins.module_utils import _quiet

ROOT = pathlib.Path(__file__).resolve().parents[4]
CANARY = "canary-of-an-argument"
SECRET = {"driver": "splunk", "log-opts": {"splunk-token": CANARY}}
# What is needed to get as far as the log
ARGUMENTS = {
    "engine_apply": {"apply": {"config_set": SECRET, "diff": [SECRET]}, "install": SECRET, "prepare": SECRET},
    "engine_info": {"data_root": CANARY},
    "engine_benchmark": {},
    "machine_image": {
        "architecture": "x86_64",
        **dict.fromkeys(("distribution", "recipe", "suite", "cmdline"), CANARY),
        "packages": [CANARY],
    },
    "generic": {
        "name": "web",
        "labels": {"a": CANARY},
        **dict.fromkeys(("address", "ssh_args", "ssh_password"), CANARY),
    },
    "none": {"name": "web", "url": CANARY},
    "qemu": {"name": "web", "labels": {"a": CANARY}, "user_data": CANARY},
    "amazonec2": {"name": "web", "labels": {"a": CANARY}, "user_data": CANARY, "secret_key": CANARY},
}


class Enough(Exception):
    pass


def runs(module: str) -> bool:
    """Whether it is more than the documentation of an action."""
    return "def main(" in (ROOT / "plugins" / "modules" / f"{module}.py").read_text()


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("plugins/modules/*.py")))
def test_no_argument_of_a_module_goes_to_the_log_of_its_host(monkeypatch, name):
    if not runs(name):
        assert name not in ARGUMENTS
        return
    logged = []

    def log(self, message, log_args=None):
        logged.append(f"{message} {log_args}")
        raise Enough

    given = {**ARGUMENTS[name], "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.AnsibleModule, "log", log)
    module = importlib.import_module(f"ansible_collections.dockyard.machine.plugins.modules.{name}")
    with pytest.raises(Enough):
        module.main()
    assert logged and CANARY not in "".join(logged)


def test_the_log_would_have_them_otherwise(monkeypatch):
    logged = []
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {"apply": SECRET}}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda self, message, log_args=None: logged.append(message))
    for kind in (basic.AnsibleModule, _quiet.QuietModule):
        kind(argument_spec={"apply": {"type": "dict"}})
    assert [CANARY in message for message in logged] == [True, False]
