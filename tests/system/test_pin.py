# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's pinned host key over a real sshd, whatever an estate's settings say, and what of them goes on working."""

from __future__ import annotations

import json
import pathlib
import shlex
import subprocess
import typing as t

import pytest

from tests.beds.hosts import Host
from tests.system._harness import Ansible

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
OFF = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
SHARED = "-o ControlMaster=auto -o ControlPersist=60s"
# What variables may say, each as a task's own, which wins over group_vars and over the host's
VARIABLES: dict[str, dict[str, t.Any]] = {
    "nothing": {},
    "checking": {"ansible_host_key_checking": False, "ansible_ssh_host_key_checking": False},
    "arguments": {"ansible_ssh_args": f"{OFF} {SHARED}"},
    "common arguments": {"ansible_ssh_common_args": OFF},
    "extra arguments": {f"ansible_{program}_extra_args": OFF for program in ("ssh", "sftp", "scp")},
    "alias": {"ansible_ssh_args": f"{OFF} -o HostKeyAlias=another -o NoHostAuthenticationForLocalhost=yes"},
    "command": {"ansible_ssh_common_args": "-o 'KnownHostsCommand=/bin/cat {folder}/any'"},
    "everybody": {"ansible_ssh_common_args": "-o UserKnownHostsFile={folder}/any -o GlobalKnownHostsFile={folder}/any"},
    "sftp": {"ansible_ssh_transfer_method": "sftp", "ansible_sftp_extra_args": OFF},
    "scp": {"ansible_ssh_transfer_method": "scp", "ansible_ssh_common_args": OFF, "ansible_ssh_args": SHARED},
    "own file": {"ansible_ssh_args": f"-F {{folder}}/config {SHARED}"},
    "own socket": {"ansible_ssh_args": f"{OFF} {SHARED} -o ControlPath={{folder}}/own-%C"},
    "strict": {"ansible_ssh_args": f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={{folder}}/none {SHARED}"},
}
TRANSFERS = ("sftp", "scp")


class Estate:
    """A machine of driver generic, and an inventory of it beside an estate's own."""

    def __init__(
        self, ansible: Ansible, host: Host, folder: pathlib.Path, inventory: pathlib.Path, store: pathlib.Path
    ):
        self.ansible, self.host, self.folder, self.inventory, self.store = ansible, host, folder, inventory, store
        (folder / "none").touch()
        (folder / "config").write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
        self.tasks = [
            {
                "name": name,
                # A module is transferred first, by the method that the variables say
                **({"ansible.builtin.command": "id -un"} if name in TRANSFERS else {"ansible.builtin.raw": "id -un"}),
                "vars": {key: str(value).format(folder=folder) for key, value in variables.items()},
                "ignore_unreachable": True,
            }
            for name, variables in VARIABLES.items()
        ]

    def create(self, **more: t.Any) -> dict[str, t.Any]:
        login = {"address": self.host.address, "ssh_user": self.host.user, "ssh_key": str(self.host.key)}
        arguments = {"driver": "generic", "name": "web1", "store": str(self.store), **login, **more}
        return self.ansible.module("machine", arguments).ok().value

    def show(self, key: str, public: str) -> None:
        """The host shows this key from now on."""
        script = f"umask 077; cat > {HOST_KEY}; echo '{public}' > {HOST_KEY}.pub; systemctl restart ssh"
        self.host.bed.engine.docker("exec", "-i", self.host.container, "sh", "-c", script, input=key)
        self.host.known_hosts.write_text(f"{self.host.address} {public}\n")
        self.host.bed.wait(self.host)

    def ask(self, number: int, **settings: t.Any) -> dict[str, dict[str, t.Any]]:
        """Each task's result, over sessions of this run's own."""
        sockets = self.folder / f"s{number}"
        env = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets), **settings.pop("env", {})}
        run = self.ansible.play(self.tasks, hosts="web1", inventory=self.inventory, env=env, **settings)
        found = {
            event["task"]: dict(event["result"], status=event["status"])
            for event in run.events
            if event["event"] == "task"
        }
        assert found.keys() == VARIABLES.keys(), run
        return found


def key_pair(folder: pathlib.Path) -> tuple[str, str]:
    path = folder / "another"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.read_text(), " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture()
def estate(ansible: Ansible, new_host: t.Callable[..., Host], inventory: pathlib.Path, store: pathlib.Path) -> Estate:
    return Estate(ansible, new_host(), ansible.folder, inventory, store)


@pytest.fixture()
def unsafe_config(estate: Estate) -> dict[str, str]:
    """An estate that checks no host key, by its ansible.cfg, and becomes root in another way."""
    path = estate.folder / "ansible.cfg"
    path.write_text(
        f"[defaults]\nhost_key_checking = False\n[ssh_connection]\nssh_args = {OFF} {SHARED}\n"
        "[privilege_escalation]\nbecome_method = su\n"
    )
    return {"ANSIBLE_CONFIG": str(path), "ANSIBLE_HOST_KEY_CHECKING": "False"}


@pytest.mark.always
def test_the_pinned_key_alone_counts(estate: Estate, unsafe_config: dict[str, str]) -> None:
    right = estate.host.bed.engine.docker("exec", estate.host.container, "cat", HOST_KEY) + "\n"
    created = estate.create()
    [warning] = [one for one in created["warnings"] if "SHA256:" in one]
    fingerprint = estate.host.out(f"ssh-keygen -lf {HOST_KEY}.pub 2>/dev/null || ssh-keygen -lf {HOST_KEY}").split()[1]
    assert fingerprint in warning and "pinned now" in warning and "web1" in warning
    for number, env in enumerate(({}, unsafe_config)):
        for task, result in estate.ask(number, env=env).items():
            assert result["status"] == "ok" and result["stdout"].strip() == "root", (task, result)
    private, public = key_pair(estate.folder)
    # Others' sessions that nobody checks, at the places where plays over the machine might look for one
    estate.show(private, public)
    (estate.folder / "any").write_text(f"* {public}\n")
    (estate.folder / "plain.ini").write_text(
        f"plain ansible_host={estate.host.address} ansible_user={estate.host.user} "
        f"ansible_ssh_private_key_file={estate.host.key}\n"
    )
    for arguments in (SHARED, f"{SHARED} -o ControlPath={estate.folder}/own-%C"):
        env = {**unsafe_config, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(estate.folder / "s2")}
        env["ANSIBLE_SSH_ARGS"] = f"{OFF} {arguments}"
        estate.ansible.command(
            "ansible", "plain", "-m", "raw", "-a", "true", "-i", estate.folder / "plain.ini", env=env
        ).ok()
    assert len([*(estate.folder / "s2").iterdir()]) == 1 and len([*estate.folder.glob("own-*")]) == 1
    for number, env in ((2, {}), (2, unsafe_config)):
        for task, result in estate.ask(number, env=env).items():
            assert result["status"] == "unreachable" and "Host key verification failed" in result["msg"], (task, result)
    # As under AWX, whose runner switches the check off itself
    runner = estate.folder / "runner"
    for name in ("project", "inventory"):
        (runner / name).mkdir(parents=True)
    (runner / "project" / "play.yml").write_text(
        json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": estate.tasks[:3]}])
    )
    (runner / "inventory" / "machines.yml").write_text(estate.inventory.read_text())
    for status, key in (("unreachable", None), ("ok", right)):
        if key:
            estate.show(key, estate.host.host_key.strip())
        run = estate.ansible.command("ansible-runner", "run", str(runner), "-p", "play.yml")
        found = [event["status"] for event in run.events if event["event"] == "task"]
        assert found == [status] * 3, run


def test_a_jump_host_of_the_estate(estate: Estate) -> None:
    """The address means the jump host itself, so nothing but its sshd can answer there."""
    host = estate.host
    group_vars = estate.inventory.parent / "group_vars"
    group_vars.mkdir()
    (estate.inventory.parent / "estate.ini").write_text("[all]\nlocalhost ansible_connection=local\n")

    def jump(known: pathlib.Path) -> None:
        command = f"ssh -i {host.key} -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes -W %h:%p {host.user}@{host.address}"
        option = shlex.quote(f"ProxyCommand={command}")
        (group_vars / "all.yml").write_text(json.dumps({"ansible_ssh_common_args": f"-o {option}"}))

    login = {"address": "127.0.0.1", "ssh_user": host.user, "ssh_key": str(host.key)}
    arguments = {"driver": "generic", "name": "web1", "store": str(estate.store), "timeout": 20, **login}
    jump(estate.folder / "none")
    sources = ("-i", str(estate.inventory))
    failed = estate.ansible.module("machine", arguments, inventory=estate.inventory.parent / "estate.ini").failed()
    error = failed.value["error"]
    assert error["code"] == "jump_host_key" and host.address in failed.value["msg"], failed
    assert "not the cause" in error["remedy"]
    jump(host.known_hosts)
    estate.ansible.module("machine", arguments, inventory=estate.inventory.parent / "estate.ini").ok()
    run = estate.ansible.command("ansible", "web1", "-m", "ansible.builtin.command", "-a", "id -un", *sources).ok()
    assert run.result(action="command")["stdout"] == "root"
