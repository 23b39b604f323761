# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live refresh for what is no task, as an inventory: providers are reached by their drivers' modules only, and only
Ansible runs modules. So Ansible is run, for one task, which asks all providers and leaves the answers in the store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t

from ansible import constants as C
from ansible.utils.collection_loader import AnsibleCollectionConfig

SLACK = 60.0  # seconds for Ansible itself


def ask(store: str, timeout: float, providers: int) -> dict[str, t.Any]:
    """When it was asked, what is to be said of it, and why which machines (name "": all) could not be seen."""
    asked = time.time()
    try:
        result = _machine_info(store, timeout, SLACK + timeout * providers)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = f"The providers can't be asked: {error}"
        return {"asked": asked, "warnings": [why], "unseen": {"": why}}
    unseen = {one["name"]: one["error"] for one in result["machines"] if one["state"] == "unknown" and one["driver"]}
    warnings = [
        f"Not seen: {', '.join(name for name, other in unseen.items() if other == why)}: {why}"
        for why in dict.fromkeys(unseen.values())
    ]
    return {"asked": asked, "warnings": warnings, "unseen": unseen}


def _machine_info(store: str, timeout: float, limit: float) -> dict[str, t.Any]:
    arguments = json.dumps({"store": store, "refresh": True, "timeout": timeout})
    environment = {
        **os.environ,
        # Beside the configured ones, those in the playbook's folder
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(AnsibleCollectionConfig.collection_paths),
        # Its host is no file, and nobody is asked for a password
        "ANSIBLE_INVENTORY_ENABLED": "host_list",
        "ANSIBLE_ASK_PASS": "0",
        "ANSIBLE_BECOME_ASK_PASS": "0",
        "ANSIBLE_ASK_VAULT_PASS": "0",
        # Its output is for us: neither the user's callbacks nor colours, nor less than all
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_NO_LOG": "0",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "0",
        "ANSIBLE_CALLBACK_PLUGINS": os.devnull,  # ansible-runner's takes over what is printed, merely by being found
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_VERBOSITY": "0",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "0",
    }
    for name in ("ANSIBLE_CALLBACKS_ENABLED", "ANSIBLE_FORCE_COLOR"):
        environment.pop(name, None)
    if C.CONFIG_FILE:
        environment["ANSIBLE_CONFIG"] = str(C.CONFIG_FILE)
    program = [
        sys.executable,
        "-m",
        "ansible",
        "adhoc",
        "localhost",
        "--inventory",
        "localhost,",
        "--connection",
        "local",
        # Else variables of the estate came from where we are, and might need a vault's password.
        "--playbook-dir",
        str(C.DEFAULT_LOCAL_TMP),
    ]
    done = subprocess.run(
        [*program, "--module-name", "dockyard.machine.machine_info", "--args", arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    head, arrow, text = done.stdout.partition("=> ")
    if not arrow or "SUCCESS" not in head:
        raise ValueError(" ".join((done.stdout or done.stderr).split())[-500:])
    return json.loads(text)
