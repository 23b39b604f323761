# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the record alone tells that a machine is as it is asked for."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _record, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store

NOTED = ("fleet", "role", "labels", "tls_san")  # what the record notes, beside the driver's options


def as_recorded(
    asked: t.Mapping[str, t.Any], store: Store, record: Record, options: dict[str, t.Any], secret: set[str]
) -> dict[str, t.Any] | None:
    """What was last seen of the machine, if that was lately, it runs, and it is as asked for; else None.

    ``asked`` has options of the module machine; one that is left out or None is not asked for. ``secret`` has the names
    of those options of which the store keeps a digest.
    """
    max_age = asked.get("max_age")
    if not max_age or asked.get("state") not in (None, "present", "started") or record.status != _record.MADE:
        return None
    if record.ssh and not record.ssh.get("reached"):
        return None  # it may still be on its way up: a run that was cut short has not waited for it
    observed = store.observed(record.name)
    if observed.get("state") != "running" or time.time() - (observed.get("refreshed") or 0) > max_age:
        return None
    keeps = asked.get("keep_options") and not options
    if not keeps and not _record.has_options(record, options, secret, store.digest):
        return None
    if any(asked.get(name) is not None and asked[name] != getattr(record, name) for name in NOTED):
        return None
    if asked.get("expires_in") not in (None, record.kept.get("expires_in")) or record.kept.get(_record.UNTAGGED):
        return None
    if asked.get("ssh_key") and not _ssh.means(record.ssh, asked["ssh_key"]):
        return None
    said = {"user": asked.get("ssh_user"), "args": asked.get("ssh_args")}
    if any(value is not None and value != record.ssh.get(name) for name, value in said.items()):
        return None
    host_key = asked.get("host_key")
    if host_key and host_key.split()[:2] not in [key.split() for key in record.ssh["host_keys"]]:
        return None
    return observed
