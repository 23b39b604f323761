# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for, and what comes of it."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass
class Wish:
    """What a task asks for. None: not said, so it stays as it is."""

    name: str
    driver: str  # FQCN
    options: dict[str, t.Any]  # the driver's, with defaults
    given: set[str]  # names of the options that were said
    secret: set[str]  # names of the options whose values are never kept
    fleet: str | None = None
    role: str | None = None
    labels: dict[str, str] | None = None
    tls_san: list[str] | None = None
    expires_in: str | None = None
    ssh_user: str | None = None
    ssh_key: str | None = None
    ssh_args: str | None = None
    ssh_password: str | None = dataclasses.field(default=None, repr=False)  # for one login; never recorded
    host_key: str | None = None
    estate_ssh: t.Sequence[str] = ()  # arguments for ssh that the estate's settings give to Ansible; never recorded
    keep_options: bool = False  # if no option is given, all stay as they are recorded
    recreate: bool = False
    allow_stop: bool = False
    on_failure: str = "keep"  # or "remove": what could not be made is taken down again
    timeout: float = 600
    stop_timeout: float = 60
    lock_timeout: float = 60
    check: bool = False


@dataclasses.dataclass
class Outcome:
    changed: bool
    before: dict[str, t.Any]
    after: dict[str, t.Any]
    machine: dict[str, t.Any] | None
