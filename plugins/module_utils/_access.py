# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in to a machine, and how its host key is known: chosen before the contact, never by its outcome."""

from __future__ import annotations

import email
import email.message
import email.mime.multipart
import email.mime.text
import functools
import json
import os
import typing as t

from ansible.module_utils.common.warnings import warn

from . import _password, _pin, _ssh
from ._durable import make_folder
from ._errors import MachineError
from ._host_key import REPLACE
from ._record import Record

if t.TYPE_CHECKING:
    from ._clock import Clock
    from ._password import PasswordLogin
    from ._store import Store
    from ._wish import Wish

INJECTED = "injected"  # we made it and handed it over: strict from the first packet
USER_DATA = "user_data"  # the same, by a way that others can read: replaced once the machine was reached
GIVEN = "given"  # the user says what it is
PROVIDER = "provider"  # the provider's console or attributes say what it is
FIRST_CONTACT = "first_contact"  # taken as shown at the first login, and pinned
# How user data begin -> the MIME type that cloud-init knows them by; the first one that fits
KINDS = (
    ("#!", "x-shellscript"),
    ("## template: jinja", "jinja2"),
    ("#cloud-boothook", "cloud-boothook"),
    ("#cloud-config-archive", "cloud-config-archive"),
    ("#cloud-config-jsonp", "cloud-config-jsonp"),
    ("#include-once", "x-include-once-url"),
    ("#include", "x-include-url"),
    ("#part-handler", "part-handler"),
)
AGENT = ""  # as ``key``: whatever the user's agent and default keys are


class Access:
    """The ``ssh`` part of a record: made, kept and used."""

    def __init__(self, record: Record, folder: str, wish: Wish, password: PasswordLogin | None = None) -> None:
        """With a ``password``, the key is added where it is refused."""
        self.record = record
        self.password = password
        self.folder = folder
        self.first_boot = os.path.join(folder, "first-boot")
        self.wish = wish

    # Planning

    def plan(self, default_user: str) -> None:
        wish = self.wish
        self._check()
        self.record.ssh = {
            "user": wish.ssh_user or default_user,
            "key": wish.ssh_key or None,
            "args": wish.ssh_args or "",
            "policy": None,
            "host_keys": [],
        }

    def _check(self) -> None:
        if self.wish.ssh_key:
            _ssh.check_user_key(self.wish.ssh_key)
        _pin.split(self.wish.ssh_args or "")

    def public_key(self) -> str:
        """The key that is to be let in; the machine's own is made when a recipe first asks for it."""
        ssh = self.record.ssh
        if not ssh.get("public_key"):
            if ssh["key"]:
                ssh["public_key"] = _ssh.read_public_key(ssh["key"])
            elif self.wish.check:
                ssh["public_key"] = "(made with the machine)"
            else:
                make_folder(self.folder)
                ssh["public_key"] = _ssh.make_key(os.path.join(self.folder, "id_ed25519"), self.record.name)
        return str(ssh["public_key"])

    def choose_policy(self, injects_host_key: bool, by_user_data: bool = False) -> None:
        """Decide how the host key is known, now that the recipe has said what it can do."""
        ssh, wish = self.record.ssh, self.wish
        if not ssh:
            return
        if self.password and not ssh["key"]:
            self.public_key()  # a key of its own can be added
        if not ssh["key"] and not ssh.get("public_key"):
            ssh["key"] = AGENT  # nothing lets a key of ours in
        if injects_host_key:
            ssh["policy"] = USER_DATA if by_user_data else INJECTED
            ssh[REPLACE] = by_user_data
            if not wish.check:
                ssh["host_keys"] = [self._make_host_key()]
        elif wish.host_key:
            ssh["policy"] = GIVEN
            ssh["host_keys"] = [" ".join(wish.host_key.split()[:2])]

    def _make_host_key(self) -> str:
        make_folder(self.folder)
        make_folder(self.first_boot)
        return _ssh.make_key(self._host_key, self.record.id)

    def renew_host_key(self) -> None:
        """For a machine that is recreated: the former key may have gone with its first boot."""
        ssh = self.record.ssh
        ssh.pop("reached", None)
        if ssh["policy"] in (INJECTED, USER_DATA):
            ssh["host_keys"] = [self._make_host_key()]
            ssh[REPLACE] = ssh["policy"] == USER_DATA
        elif ssh["policy"] in (PROVIDER, FIRST_CONTACT):
            ssh["host_keys"] = []

    @property
    def pins_what_is_shown(self) -> bool:
        """Whether a contact is still to tell the host key: after an adoption, or since it was recreated."""
        ssh = self.record.ssh
        return bool(ssh) and not ssh["host_keys"] and ssh["policy"] in (PROVIDER, FIRST_CONTACT)

    def note(self) -> None:
        """Take over what a later task says of the login."""
        ssh, wish = self.record.ssh, self.wish
        self._check()
        if wish.ssh_key:
            if ssh["key"] != wish.ssh_key:
                ssh["key"] = wish.ssh_key
                ssh.pop("given", None)
            ssh["policy"] = ssh["policy"] or FIRST_CONTACT  # else nobody could log in to it until now
        for name, value in (("user", wish.ssh_user), ("args", wish.ssh_args)):
            if value is not None:
                ssh[name] = value
        if wish.host_key:
            ssh["policy"], ssh["host_keys"] = GIVEN, [" ".join(wish.host_key.split()[:2])]

    # What is handed to the machine

    @property
    def _host_key(self) -> str:
        return os.path.join(self.first_boot, "host_ed25519")

    def fill(self, name: str, placeholder: dict[str, t.Any]) -> t.Any:
        """The value that a placeholder of a request stands for; it is never kept."""
        if name == "secret":
            return self.wish.options.get(placeholder["$secret"])
        if name == "host_key":
            return self._read_host_key()
        if name == "user_data":
            return self._user_data()
        raise MachineError(f"The plan has an unknown placeholder {name}", code="driver")

    def _read_host_key(self) -> str | None:
        try:
            with open(self._host_key, encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return None  # the machine was reached: it has its key, and ours is gone

    def _user_data(self) -> str:
        ssh = self.record.ssh
        config: dict[str, t.Any] = {
            "hostname": self.record.name,
            "ssh_deletekeys": False,
            "merge_how": "list(append)+dict(recurse_list)+str()",
        }
        private = self._read_host_key()
        if private:
            config["ssh_keys"] = {"ed25519_private": private, "ed25519_public": ssh["host_keys"][0]}
        if ssh["user"] == "root":
            config.update(disable_root=False, ssh_authorized_keys=[ssh["public_key"]])
        else:
            user = {"name": ssh["user"], "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL", "lock_passwd": True}
            config["users"] = [{**user, "ssh_authorized_keys": [ssh["public_key"]]}]
        ours = "#cloud-config\n" + json.dumps(config, indent=1)
        theirs = self.wish.options.get("user_data")
        return _joined(theirs, ours) if theirs else ours

    def make_files(self, store: Store) -> None:
        """What clients need, in the machine's folder: known hosts, and the pair for Docker."""
        if not os.path.isdir(store.ca):
            store.make_ca(self.wish.lock_timeout)
        store.give_client_pair(self.record.name)
        _pin.write(self.record, self.folder)

    # Reaching it

    def contact(
        self,
        facts: dict[str, t.Any],
        clock: Clock,
        patience: float = 0,
        in_the_making: bool = True,
    ) -> None:
        """Log in; where no host key could be known before, pin the one that is shown.

        Who answers but lets nobody in is waited for only if the user there may still be ``in_the_making``.
        """
        ssh, password = self.record.ssh, self.password
        if not ssh["host_keys"] and facts.get("host_keys"):
            ssh["policy"], ssh["host_keys"] = PROVIDER, list(facts["host_keys"])
        host = _ssh.Host(self.record, facts, self.folder, self.wish.estate_ssh)
        for left in clock.poll(patience):
            try:
                keys = host.log_in()
                break
            except _ssh.Unreachable as error:
                last = left <= 0 or (isinstance(error, _ssh.Refused) and not in_the_making)
                if isinstance(error, _ssh.Refused) and password and (last or password.at_once):
                    keys = ssh["host_keys"] or list(error.host_keys)
                    if keys and self._add_key(host, keys, password):
                        break
                if last:
                    raise
        self._pin(host, keys)

    def _pin(self, host: _ssh.Host, keys: list[str]) -> None:
        ssh = self.record.ssh
        if not ssh["host_keys"]:
            ssh["policy"], ssh["host_keys"] = FIRST_CONTACT, keys
            warn(
                f"The host key of {self.record.name} ({host.address} port {host.port}) was not known. The one that it "
                f"shows at this first contact is pinned now: {', '.join(map(_ssh.fingerprint, keys))}. Compare it with "
                "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the host, or give host_key beforehand"
            )

    def _add_key(self, host: _ssh.Host, keys: list[str], password: PasswordLogin) -> bool:
        """Let the key in by the password, on a host with one of these keys; False if there is no password."""
        ssh = self.record.ssh
        if self.wish.check:
            password.would_install(host)
            return True

        known = bool(ssh["host_keys"])
        if ssh["key"] == AGENT:
            ssh["key"] = None
        public_key = ssh.get("given") or (_ssh.read_public_key(ssh["key"]) if ssh["key"] else self.public_key())
        try:
            # What is added is recorded before it is. At a first contact, the warning comes before the password is sent.
            if not password.install(host, public_key, keys, password.save, lambda: self._pin(host, keys)):
                return False
        except MachineError as error:
            if not known and ssh["host_keys"]:
                shown = ", ".join(map(_ssh.fingerprint, keys))
                error.remedy = (
                    f"{error.remedy.rstrip('.')}. The password was sent to a host whose key was not known before: {shown}. "
                    "If that is not the host's key, change the password, and give host_key"
                )
            raise
        try:
            host.log_in()
        except _ssh.Refused:
            raise _password.key_refused(host) from None
        except MachineError as error:
            error.left_behind = error.left_behind or [_password.added_key(host)]
            raise
        return True

    def reboot(self, facts: dict[str, t.Any], clock: Clock) -> None:
        """Reboot from inside, and wait for another boot id."""
        host = _ssh.Host(self.record, facts, self.folder, self.wish.estate_ssh)
        before = host.boot_id()
        host.reboot()
        said = "it still runs its former boot"
        for _left in clock.poll(self.wish.timeout, first=1):
            try:
                if host.boot_id() != before:
                    return
            except _ssh.Unreachable as error:
                said = error.message
        raise MachineError(
            f"{self.record.name} was asked to reboot and did not come back within {self.wish.timeout:g} s ({said})",
            code="timeout",
            remedy="Look at its console; run again, or raise timeout",
        )


@functools.lru_cache(maxsize=1)
def _joined(*texts: str) -> str:
    """One text for cloud-init; kept, since each look at a machine asks for its request again."""
    parts = email.mime.multipart.MIMEMultipart(boundary="==dockyard==")
    for text in texts:
        parts.attach(_part(text))
    return parts.as_string()


def _part(text: str) -> email.message.Message:
    """A part as cloud-init takes it: by its first line, as cloud-init itself does, or a MIME text of the user's as it is."""
    if text.lstrip().lower().startswith(("content-type:", "mime-version:")):
        return email.message_from_string(text.lstrip())
    kind = next((kind for start, kind in KINDS if text.startswith(start)), "cloud-config")
    return email.mime.text.MIMEText(text, kind)
