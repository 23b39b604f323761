# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the estate tells Ansible's ssh, for what we do by SSH ourselves: a jump host that plays need, we need as well."""

from __future__ import annotations

import shlex
import typing as t

from ansible import constants as C
from ansible.plugins.loader import connection_loader

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError

SETTINGS = ("ssh_args", "ssh_common_args", "ssh_extra_args")  # in the order that Ansible gives them to ssh


def ssh_arguments(task_vars: t.Mapping[str, t.Any], templar: t.Any, play_context: t.Any, name: str | None) -> list[str]:
    """As Ansible would say it of this machine: by its variables if it is a host, else by those of the task's own host.

    A variable wins over the command line, that over the environment, and that over ansible.cfg.
    """
    hosts = task_vars.get("hostvars") or {}
    variables = hosts[name] if name and name in hosts else task_vars
    connection = connection_loader.get("ssh", play_context, "/dev/null")
    known = [one for one in C.config.get_plugin_vars("connection", connection._load_name) if one in variables]
    connection.set_options(var_options={one: templar.template(variables[one]) for one in known})
    words: list[str] = []
    for setting in SETTINGS:
        value = str(connection.get_option(setting) or "")
        try:
            words += shlex.split(value)
        except ValueError as error:
            raise MachineError(
                f"{setting} of Ansible's ssh connection can't be split into words ({error}): {value!r}",
                code="ssh_args",
                remedy=f"Look at ansible_{setting}, ANSIBLE_{setting.upper()} and ansible.cfg",
            ) from None
    return words
