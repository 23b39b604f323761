# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and how the host's key is known."""

from __future__ import annotations

import email
import email.mime.multipart
import email.mime.text
import json
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _access, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._access import Access
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Wish
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from tests.faults.world import Clock


@pytest.fixture()
def access(tmp_path: pathlib.Path) -> t.Callable[..., Access]:
    def make(user: str = "admin", **wish: t.Any) -> Access:
        record = Record("0123456789ab", "web1", "x")
        wish = {"name": "web1", "driver": "x", "options": {}, "given": set(), "secret": set(), **wish}
        it = Access(record, str(tmp_path / "web1"), Wish(**wish))
        it.plan(user)
        return it

    return make


def test_a_machine_gets_a_key_of_its_own_and_a_host_key(
    access: t.Callable[..., Access], tmp_path: pathlib.Path
) -> None:
    it = access()
    public = it.public_key()
    it.choose_policy(injects_host_key=True)
    ssh = it.record.ssh
    assert ssh["policy"] == "injected" and ssh["key"] is None and ssh["public_key"] == public
    assert ssh["host_keys"][0].startswith("ssh-ed25519 ") and ssh["host_keys"] != [public]
    private = (tmp_path / "web1" / "first-boot" / "host_ed25519").read_text()
    assert it.fill("host_key", {"$host_key": True}) == private
    assert "PRIVATE" not in it.record.to_json()


def test_a_check_makes_nothing(access: t.Callable[..., Access], tmp_path: pathlib.Path) -> None:
    it = access(check=True)
    assert it.public_key() == "(made with the machine)"
    it.choose_policy(injects_host_key=True)
    assert not (tmp_path / "web1").exists()


def test_the_policy_is_chosen_before_the_contact(access: t.Callable[..., Access]) -> None:
    it = access(host_key="ssh-ed25519 CCCC me@there")
    it.choose_policy(injects_host_key=False)
    assert (it.record.ssh["policy"], it.record.ssh["host_keys"]) == ("given", ["ssh-ed25519 CCCC"])
    it = access()
    it.choose_policy(injects_host_key=False)
    assert it.record.ssh["policy"] is None and it.record.ssh["key"] == _access.AGENT


def test_a_check_may_use_the_agent(access: t.Callable[..., Access]) -> None:
    """A host that lets no key of ours in; where a recipe asks for one, a check has none yet."""
    it = access(check=True)
    it.choose_policy(injects_host_key=False)
    assert it.record.ssh["key"] == _access.AGENT
    it = access(check=True)
    it.public_key()
    it.choose_policy(injects_host_key=False)
    assert it.record.ssh["key"] is None


@pytest.mark.parametrize("arguments", ["-o 'x", "-J bastion \\"])
def test_arguments_that_can_not_be_split(access: t.Callable[..., Access], arguments: str) -> None:
    with pytest.raises(BadOption) as caught:
        access(ssh_args=arguments)
    assert caught.value.option == "ssh_args"
    it = access()
    it.wish.ssh_args = arguments
    with pytest.raises(BadOption):
        it.note()
    assert it.record.ssh["args"] == ""


def test_a_first_contact_shows_what_is_pinned(access: t.Callable[..., Access], monkeypatch: pytest.MonkeyPatch) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDeI6yPi3EJWzbMN3XeJyfCuoBvkXy0sbxC+Zkgv4as"
    warnings: list[str] = []
    monkeypatch.setattr(_access, "warn", warnings.append)
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: [key])
    it = access()
    it.choose_policy(injects_host_key=False)
    it.contact({"address": "192.0.2.1"}, Clock())
    [warning] = warnings
    for part in ("web1", "192.0.2.1", _ssh.fingerprint(key), "pinned now"):
        assert part in warning
    it.contact({"address": "192.0.2.1"}, Clock())
    assert len(warnings) == 1, "it is known now"


def test_a_provider_may_say_the_key(access: t.Callable[..., Access], monkeypatch: pytest.MonkeyPatch) -> None:
    it = access()
    it.choose_policy(injects_host_key=False)
    monkeypatch.setattr(_ssh.Host, "log_in", lambda host: ["ssh-ed25519 SHOW"])
    it.contact({"address": "192.0.2.1", "host_keys": ["ssh-ed25519 SAID"]}, Clock())
    assert (it.record.ssh["policy"], it.record.ssh["host_keys"]) == ("provider", ["ssh-ed25519 SAID"])


def test_a_contact_waits_only_as_long_as_it_may(
    access: t.Callable[..., Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    it, clock = access(), Clock()
    it.choose_policy(injects_host_key=False)

    def log_in(host: _ssh.Host) -> list[str]:
        if clock.now < 1_000_030:
            raise _ssh.Refused("not yet", code="ssh_login")
        return ["ssh-ed25519 SHOW"]

    monkeypatch.setattr(_ssh.Host, "log_in", log_in)
    with pytest.raises(MachineError):
        it.contact({"address": "192.0.2.1"}, clock)
    assert clock.now == 1_000_000 and it.record.ssh["host_keys"] == []
    it.contact({"address": "192.0.2.1"}, clock, 60)
    assert (it.record.ssh["policy"], it.record.ssh["host_keys"]) == ("first_contact", ["ssh-ed25519 SHOW"])


def test_a_login_that_is_refused_is_final_where_the_user_is_there(
    access: t.Callable[..., Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    it, clock, errors = (
        access(),
        Clock(),
        [_ssh.Unreachable("it boots", code="x"), _ssh.Refused("no", code="ssh_login")],
    )

    def log_in(host: _ssh.Host) -> list[str]:
        raise errors.pop(0)

    monkeypatch.setattr(_ssh.Host, "log_in", log_in)
    with pytest.raises(_ssh.Refused):
        it.contact({"address": "192.0.2.1"}, clock, 60, in_the_making=False)
    assert not errors


def test_a_reboot_is_over_with_another_boot_id(
    access: t.Callable[..., Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    it, clock = access(timeout=100), Clock()

    def boot_id(host: _ssh.Host) -> str:
        if 1_000_005 < clock.now < 1_000_020:
            raise _ssh.Unreachable("it is down", code="unreachable")
        return "new" if clock.now >= 1_000_020 else "old"

    monkeypatch.setattr(_ssh.Host, "boot_id", boot_id)
    monkeypatch.setattr(_ssh.Host, "reboot", lambda host: None)
    it.reboot({"address": "192.0.2.1"}, clock)
    assert 20 <= clock.now - 1_000_000 < 30
    monkeypatch.setattr(_ssh.Host, "boot_id", lambda host: "old")
    with pytest.raises(MachineError, match="former boot") as caught:
        it.reboot({"address": "192.0.2.1"}, clock)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("user", ["admin", "root"])
def test_user_data_lets_the_user_in_and_hands_over_the_host_key(access: t.Callable[..., Access], user: str) -> None:
    it = access(user)
    public = it.public_key()
    it.choose_policy(injects_host_key=True)
    text = it.fill("user_data", {"$user_data": ""})
    assert text.startswith("#cloud-config\n")
    config = json.loads(text.partition("\n")[2])
    who = config if user == "root" else config["users"][0]
    assert who["ssh_authorized_keys"] == [public]
    assert config["ssh_keys"]["ed25519_public"] == it.record.ssh["host_keys"][0]
    assert config["ssh_keys"]["ed25519_private"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert config["ssh_deletekeys"] is False


@pytest.mark.parametrize(
    ("theirs", "subtype"),
    [
        ("#!/bin/sh\nid", "x-shellscript"),
        ("#cloud-config\n{}", "cloud-config"),
        ("#include\nx", "x-include-url"),
        ("#include-once\nx", "x-include-once-url"),
        ("## template: jinja\n#cloud-config\n{}", "jinja2"),
        ("#cloud-config-archive\n[]", "cloud-config-archive"),
        ("#part-handler\nx = 1", "part-handler"),
    ],
)
def test_the_users_own_user_data_comes_first(access: t.Callable[..., Access], theirs: str, subtype: str) -> None:
    it = access(options={"user_data": theirs})
    it.public_key()
    it.choose_policy(injects_host_key=True)
    parts = email.message_from_string(it.fill("user_data", {"$user_data": "digest"})).get_payload()
    assert [part.get_content_subtype() for part in parts] == [subtype, "cloud-config"]
    assert parts[0].get_payload(decode=True).decode() == theirs


def test_user_data_of_several_parts_stay_parts(access: t.Callable[..., Access]) -> None:
    theirs = email.mime.multipart.MIMEMultipart()
    for text, subtype in (("#!/bin/sh\nécho", "x-shellscript"), ("packages: [jq]", "cloud-config")):
        theirs.attach(email.mime.text.MIMEText(text, subtype))
    it = access(options={"user_data": theirs.as_string()})
    it.public_key()
    it.choose_policy(injects_host_key=True)
    whole = email.message_from_string(it.fill("user_data", {"$user_data": "digest"}))
    parts = [part for part in whole.walk() if not part.is_multipart()]
    assert [part.get_content_subtype() for part in parts] == ["x-shellscript", "cloud-config", "cloud-config"]
    assert parts[0].get_payload(decode=True).decode() == "#!/bin/sh\nécho"


def test_secrets_are_filled_in_at_the_call_only(access: t.Callable[..., Access]) -> None:
    it = access(options={"password": "x"})
    assert it.fill("secret", {"$secret": "password", "digest": "d"}) == "x"
    with pytest.raises(MachineError, match="unknown placeholder"):
        it.fill("other", {})


def test_a_later_task_may_say_another_login(access: t.Callable[..., Access], tmp_path: pathlib.Path) -> None:
    it = access()
    key = tmp_path / "key"
    key.write_text("private")
    it.wish.ssh_user, it.wish.ssh_key, it.wish.ssh_args, it.wish.host_key = "root", str(key), "-4", "ssh-rsa DDDD x"
    it.note()
    assert it.record.ssh == {
        "user": "root",
        "key": str(key),
        "args": "-4",
        "policy": "given",
        "host_keys": ["ssh-rsa DDDD"],
    }


def test_a_machine_that_is_made_anew_has_another_host_key(access: t.Callable[..., Access]) -> None:
    it = access()
    for policy, kept in (("given", True), ("provider", False), ("first_contact", False)):
        it.record.ssh.update(policy=policy, host_keys=["ssh-ed25519 EEEE"])
        it.renew_host_key()
        assert bool(it.record.ssh["host_keys"]) is kept, policy
    it.record.ssh.update(policy="injected", host_keys=["ssh-ed25519 EEEE"])
    it.renew_host_key()
    assert it.record.ssh["host_keys"][0] not in ("", "ssh-ed25519 EEEE")
