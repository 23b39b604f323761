# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password by which a machine's key can be added: the task's, or the one that the provider has."""

from __future__ import annotations

import typing as t

from .. import _contract as contract
from .._password import PasswordLogin
from .._record import Record
from ._task import Task


def password_login(task: Task, record: Record) -> PasswordLogin | None:
    """For a run that may add the key; None if there is no password."""
    given = task.wish.ssh_password
    by_provider = any(
        issubclass(kind, contract.Machine) and hasattr(kind, "password") for kind in task.driver_class.kinds
    )

    def ask() -> str | None:
        resource = record.resource(record.machine)
        if given or resource is None:
            return given
        task.resources.check_account()
        kind: t.Any = task.resources.kind(resource)
        return t.cast("str | None", task.resources.read(kind.password, task.resources.it(resource)))

    def save() -> None:
        task.save(record)
        task.changed = True

    wanted = task.driver_class.ssh_user and (given or by_provider)
    return PasswordLogin(ask, save, at_once=by_provider) if wanted else None
