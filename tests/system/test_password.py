# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ssh_password over a real sshd: one login, the machine's key, and nothing kept."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import threading
import typing as t

import pytest

from tests.beds.hosts import Host
from tests.faults.processes import Controller, until
from tests.system._harness import Ansible

GENERIC = "dockyard.machine.generic"
PASSWORD = "canary-of-a-password 'Ж\" $HOME"
CANARY = "canary-of-a-password"
USER, HOME = "carla", "/home/carla"
FILE = f"{HOME}/.ssh/authorized_keys"
SSHD = "/etc/ssh/sshd_config.d/aaa.conf"


@pytest.fixture()
def controller(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Controller(tmp_path)


@pytest.fixture(scope="module")
def shared(bed: t.Any) -> t.Iterator[Host]:
    made = bed.host()
    yield made
    bed.remove(made)


@pytest.fixture()
def host(shared: Host) -> Host:
    """A host with a user who has a password and nothing else; the tests look by another user."""
    secret = PASSWORD.replace("'", "'\\''")
    shared.ssh(f"userdel -rf {USER} 2>/dev/null; useradd -m -s /bin/bash {USER}; rm -f {SSHD}; systemctl reload ssh")
    shared.ssh(f"printf '%s:%s' {USER} '{secret}' | chpasswd; : > /var/log/attempts")
    return shared


def how(host: Host, **more: t.Any) -> dict[str, t.Any]:
    login = {"address": host.address, "ssh_user": USER, "ssh_password": PASSWORD}
    return {"module": GENERIC, **login, "timeout": 60, **more}


def attempts(host: Host) -> list[str]:
    """The logins by password that this boot's sshd has logged for the user."""
    log = host.out("journalctl -b -o cat -t sshd -t sshd-session --no-pager").splitlines()
    return [line for line in log if "password for" in line and f" {USER} " in line]


def lines(host: Host) -> list[str]:
    return host.out(f"cat {FILE}").splitlines()


def test_one_login_lets_the_key_in(controller: Controller, host: Host) -> None:
    before = len(attempts(host))
    checked = controller.run(**how(host), check=True)
    assert checked["changed"] and checked["diff"]["after"]["key_added_for"] == USER
    assert not controller.store.exists() and len(attempts(host)) == before, "a check does not use it"
    result = controller.run(**how(host))
    assert result["changed"] and result["machine"]["state"] == "running"
    assert result["diff"]["after"]["key_added_for"] == USER
    assert len(attempts(host)) == before + 1
    folder = controller.store / "machines" / "web1"
    key = " ".join((folder / "id_ed25519.pub").read_text().split()[:2])
    assert lines(host) == [f"{key} dockyard.machine web1"]
    assert host.out(f"stat -c '%U %a' {HOME}/.ssh {FILE}").splitlines() == [f"{USER} 700", f"{USER} 600"]
    record = controller.records()["web1"]
    assert record["ssh"]["key"] is None and record["ssh"]["policy"] == "first_contact"
    assert record["ssh"]["host_keys"] == [host.host_key.strip()] and record["status"] == "made"
    for again in (how(host), how(host, ssh_password=None), how(host, ssh_password="wrong")):
        assert not controller.run(**again)["changed"]
    assert controller.records()["web1"] == record and len(attempts(host)) == before + 1, "never again"
    assert controller.run(**how(host), state="absent")["changed"]
    assert lines(host) == [f"{key} dockyard.machine web1"], "the host stays as it is"


def test_no_output_file_or_process_has_it(ansible: Ansible, store: pathlib.Path, host: Host) -> None:
    """The playbook, a vault and a jump host, with all that -vvv prints. The Engine is not what this is about."""
    key = f"-i {host.key} -o UserKnownHostsFile={host.known_hosts} -o IdentitiesOnly=yes"
    (ansible.folder / "config").write_text(
        f"Host bastion\nHostName {host.address}\nUser {host.user}\nIdentityFile {host.key}\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {host.known_hosts}\n"
    )
    role = {"driver": "generic", "options": {"address": "127.0.0.1"}, "ssh_user": USER, "host_key": host.host_key}
    roles = {
        "jump": {**role, "ssh_password": "{{ secret }}", "ssh_args": f"-F {ansible.folder}/config -J bastion"},
        "proxy": {**role, "ssh_password": "{{ secret }}"},
    }
    roles["proxy"]["ssh_args"] = f"-o 'ProxyCommand=ssh {key} -W %h:%p {host.user}@{host.address}'"
    (ansible.folder / "secrets.yml").write_text(json.dumps({"secret": PASSWORD}))
    (ansible.folder / "vault").write_text("vault's password")
    vault = ("--vault-password-file", str(ansible.folder / "vault"))
    ansible.command("ansible-vault", "encrypt", *vault, "secrets.yml").ok()
    variables = {"machine_fleet": {"id": "lab", "roles": roles}, "machine_store": str(store)}
    arguments = ("-vvv", "--diff", "-e", f"@{ansible.folder}/secrets.yml", *vault)
    # It ends where the user is to become root
    with Watch() as watch:
        run = ansible.playbook("create_hosts", variables, *arguments)
    assert "can't become root on this host" in str(run) and watch.looks > 20 and not watch.shown
    assert len(lines(host)) == 2, "one key of each"
    files = [*ansible.folder.rglob("*"), *store.parent.rglob("*")]
    assert store / "machines" / "lab-jump-0" / "machine.json" in files
    assert not [path for path in files if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert CANARY not in str(run) + run.stdout + run.stderr


class Watch(threading.Thread):
    """Looks for the password in arguments and environments of all processes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.looks, self.shown, self.over = 0, set(), threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            self.looks += 1
            for process in os.listdir("/proc"):
                for name in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        text = pathlib.Path("/proc", process, name).read_bytes()
                        self.shown |= {text} if CANARY.encode() in text else set()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.over.set()
        self.join()


@pytest.mark.long
def test_a_key_of_the_users(controller: Controller, host: Host) -> None:
    """It is added once, below what is there; comments and unfinished lines stay what they are. SELinux is told."""
    host.ssh("printf '#!/bin/sh\\necho \"$@\" >> /tmp/restored; exit 1' > /usr/sbin/restorecon; rm -f /tmp/restored")
    host.ssh("chmod 755 /usr/sbin/restorecon")
    public = " ".join(host.key.with_suffix(".pub").read_text().split()[:2])
    host.ssh(f"install -d -o {USER} -m 777 {HOME}/.ssh; printf '#{public}\\nssh-rsa AAAA other' > {FILE}")
    host.ssh(f"chown {USER} {FILE}; chmod 666 {FILE}")
    assert controller.run(**how(host, ssh_key=str(host.key)))["changed"]
    wanted = [f"#{public}", "ssh-rsa AAAA other", f"{public} dockyard.machine web1"]
    assert lines(host) == wanted
    assert host.out(f"stat -c %a {HOME}/.ssh {FILE}").split() == ["755", "644"]
    assert host.out("cat /tmp/restored; rm /usr/sbin/restorecon") == f"{HOME}/.ssh {FILE}"
    assert controller.records()["web1"]["ssh"]["key"] == str(host.key)
    before = len(attempts(host))
    assert controller.run(**how(host, ssh_key=str(host.key)), name="web2")["changed"], "the key is there"
    assert lines(host) == wanted and len(attempts(host)) == before


@pytest.mark.long
def test_a_wrong_password_is_tried_once(controller: Controller, host: Host) -> None:
    before = len(attempts(host))
    failure = controller.fail(**how(host, ssh_password="wrong " + PASSWORD))
    assert failure["error"]["code"] == "ssh_password" and failure["error"]["left_behind"] == []
    assert f"{USER}@{host.address}" in failure["msg"] and "refuses ssh_password" in failure["msg"]
    assert "ssh_user" in failure["error"]["remedy"] and PASSWORD not in json.dumps(failure)
    assert len(attempts(host)) == before + 1
    assert not controller.records() and not (controller.store / "machines" / "web1").exists()


@pytest.mark.long
def test_a_password_that_has_expired(controller: Controller, host: Host) -> None:
    host.ssh(f"chage -d 0 {USER}")
    failure = controller.fail(**how(host))
    assert failure["error"]["code"] == "password_expired" and "ssh_password" in failure["error"]["remedy"]


@pytest.mark.long
def test_a_server_without_passwords(controller: Controller, host: Host) -> None:
    host.ssh(f"echo PasswordAuthentication no > {SSHD}; systemctl reload ssh")
    before = len(attempts(host))
    failure = controller.fail(**how(host))
    assert failure["error"]["code"] == "no_password_login" and "ssh_key" in failure["error"]["remedy"]
    assert "publickey" in failure["msg"] and len(attempts(host)) == before


@pytest.mark.long
def test_a_server_that_asks_questions(controller: Controller, host: Host) -> None:
    host.ssh(f"printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\n' > {SSHD}; systemctl reload ssh")
    assert controller.run(**how(host))["changed"] and len(lines(host)) == 1
    host.ssh(f"rm {FILE}; chage -d 0 {USER}")
    assert controller.fail(**how(host), name="web2")["error"]["code"] == "password_expired"


@pytest.mark.long
def test_a_host_with_another_key_gets_no_password(controller: Controller, host: Host, tmp_path: pathlib.Path) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDeI6yPi3EJWzbMN3XeJyfCuoBvkXy0sbxC+Zkgv4as"
    before = len(attempts(host))
    failure = controller.fail(**how(host, host_key=other))
    assert failure["error"]["code"] == "host_key_changed" and len(attempts(host)) == before
    assert controller.run(**how(host, host_key=host.host_key))["changed"]
    assert controller.records()["web1"]["ssh"]["policy"] == "given"


@pytest.mark.long
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (f"ln -s /root/.ssh {HOME}/.ssh", "/.ssh belongs to another user"),
        (f"install -d -o {USER} {HOME}/.ssh; ln -s /etc/passwd {FILE}; chown -h nobody {FILE}", "another user"),
        (f"install -d -o {USER} {HOME}/.ssh; ln -s /etc/nothing {FILE}", "a link to nothing"),
        (f"install -d -o {USER} {HOME}/.ssh; install -d -o {USER} {FILE}", "is not a file"),
        (f"chown nobody {HOME}", f"{HOME} belongs to another user"),
        (f"install -d -o root {HOME}/.ssh", "can't create"),
    ],
)
def test_what_others_have_made_is_not_followed(controller: Controller, host: Host, spoil: str, said: str) -> None:
    host.ssh(f"chown {USER} {HOME}; rm -rf {HOME}/.ssh; chown -h nobody /nothing 2>/dev/null; {spoil}")
    host.ssh(f"test ! -L {HOME}/.ssh || chown -h nobody {HOME}/.ssh")
    before = host.out("cat /etc/passwd /root/.ssh/authorized_keys")
    failure = controller.fail(**how(host))
    assert failure["error"]["code"] == "authorized_keys" and said in failure["msg"], failure
    assert host.out("cat /etc/passwd /root/.ssh/authorized_keys") == before


@pytest.mark.long
def test_killed_at_any_moment_and_run_again(controller: Controller, host: Host) -> None:
    """Also when the key is added and the machine is not recorded as made: the next run needs no password then."""
    folder = controller.store / "machines" / "web1"
    moments: list[t.Callable[[], t.Any]] = [
        (folder / "id_ed25519").exists,
        lambda: attempts(host)[before:],
        (folder / "machine.json").exists,
        lambda: host.ssh(f"test -s {FILE}", check=False).returncode == 0,
        (folder / "cert.pem").exists,
    ]
    for moment in moments:
        host.ssh(f"rm -rf {HOME}/.ssh")
        before = len(attempts(host))
        task = controller.start(**how(host))
        until(moment, "that moment")
        task.kill()
        added = host.ssh(f"test -s {FILE}", check=False).returncode == 0
        used = len(attempts(host))
        controller.run(**how(host, ssh_password="wrong" if added else PASSWORD))
        assert len(lines(host)) == 1 and len(attempts(host)) == used + (not added)
        assert controller.records()["web1"]["status"] == "made"
        controller.run(GENERIC, state="absent")


@pytest.mark.long
def test_an_added_key_that_the_server_does_not_accept(controller: Controller, host: Host) -> None:
    host.ssh(f"echo 'AuthorizedKeysFile /etc/ssh/keys/%u' > {SSHD}; cp -r /home/debian/.ssh/authorized_keys /tmp/keys")
    host.ssh("install -d /etc/ssh/keys; cp /tmp/keys /etc/ssh/keys/debian; cp /tmp/keys /etc/ssh/keys/root")
    host.ssh("chmod 644 /etc/ssh/keys/*; systemctl reload ssh")
    failure = controller.fail(**how(host))
    assert failure["error"]["code"] == "ssh_login" and "AuthorizedKeysFile" in failure["error"]["remedy"]
    assert failure["error"]["left_behind"] == [f"the key of web1 in authorized_keys of {USER}@{host.address} port 22"]
    host.ssh(f"rm {SSHD}; systemctl reload ssh")
    before = len(attempts(host))
    controller.run(**how(host))
    assert len(lines(host)) == 1 and len(attempts(host)) == before, "the key was kept"
    assert controller.records()["web1"]["status"] == "made"
