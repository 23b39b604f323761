# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a host key that came by user data, which the provider keeps and shows to whoever may look.

The host makes another pair beside the one in use; both are pinned; the host changes over; a login that accepts
the new one alone must succeed; then the old one is dropped. Cut off anywhere, the next run goes on from there.
"""

from __future__ import annotations

import copy
import re
import shlex
import typing as t

from ._clock import Clock
from ._errors import MachineError
from ._record import Record
from ._ssh import Host

REPLACE = "replace_host_key"  # in a record's ssh: it is still to be done
RELOAD = 15.0  # seconds that the server may take; meanwhile it refuses connections, or shows the former key

# The public half is always made from the private one, so that both agree wherever a script was cut off.
SHOW = 'show() { k=$(ssh-keygen -y -f "$1") && echo "$k" | cut -d" " -f1,2; }; key=/etc/ssh/ssh_host_ed25519_key; new=$key.dockyard; '
# Prints the key in use; then, unless that is the expected one, another that waits to be used.
OFFER = """set -e; umask 077; {show}
current=$(show $key); echo "$current"; [ "$current" != {expected} ] || exit 0
show $new 2>/dev/null && exit 0
rm -f $new $new.pub; ssh-keygen -q -t ed25519 -N '' -C '' -f $new; sync; show $new"""
CHANGE_OVER = """set -e; umask 022; {show}
[ ! -e $new ] || mv -f $new $key
show $key > $new.pub; chmod 644 $new.pub; mv -f $new.pub $key.pub; sync
{{ systemctl reload ssh || systemctl reload sshd || rc-service sshd reload || pkill -HUP -o -x sshd; }} 2>/dev/null || true"""


def replace(
    record: Record, host: t.Callable[[Record], Host], save: t.Callable[[], None], clock: Clock | None = None
) -> None:
    """Do what of it is not done yet. ``host`` reaches the machine with the keys that a record pins."""
    pinned = record.ssh["host_keys"]
    expected = shlex.quote(pinned[-1] if pinned[1:] else "")
    keys = _run(record, host, OFFER.format(show=SHOW, expected=expected)).split("\n")
    new = next((key.strip() for key in reversed(keys) if key.strip()), "nothing")
    if not re.fullmatch(r"ssh-ed25519 [A-Za-z0-9+/=]{8,100}", new):
        raise MachineError(
            f"{record.name} offers no new host key, but says {new!r}",
            code="host_key",
            remedy="See whether the host has ssh-keygen and room in /etc/ssh, and run again",
        )
    if pinned != [pinned[0], new]:
        record.ssh["host_keys"] = [pinned[0], new]
        save()
    _run(record, host, CHANGE_OVER.format(show=SHOW))
    changed = copy.deepcopy(record)
    changed.ssh["host_keys"] = [new]
    _log_in(host(changed), clock or Clock())
    record.ssh["host_keys"] = [new]
    record.ssh[REPLACE] = False
    save()


def _log_in(host: Host, clock: Clock) -> None:
    for left in clock.poll(RELOAD):
        try:
            host.log_in()
            return
        except MachineError:
            if left <= 0:
                raise


def _run(record: Record, host: t.Callable[[Record], Host], script: str) -> str:
    sudo = "" if (record.ssh.get("user") or "root") == "root" else "sudo -n "
    return host(record).run(f"{sudo}sh -c {shlex.quote(script)}")
