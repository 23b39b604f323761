# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver generic over a real sshd: first contact, given and changed host keys, refused logins, reboot."""

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t

import pytest

from tests.beds._base import until
from tests.beds._engine import GATEWAY
from tests.beds.hosts import Host
from tests.faults.processes import Controller

GENERIC = "dockyard.machine.generic"


@pytest.fixture()
def controller(tmp_path: pathlib.Path) -> Controller:
    return Controller(tmp_path)


@pytest.fixture(scope="module")
def host(bed: t.Any) -> t.Iterator[Host]:
    """One host for all tests that leave it as it is."""
    made = bed.host()
    yield made
    bed.remove(made)


def how(host: Host, **more: t.Any) -> dict[str, t.Any]:
    login = {"address": host.address, "ssh_user": host.user, "ssh_key": str(host.key)}
    return {"module": GENERIC, **login, "timeout": 60, **more}


def new_key(path: pathlib.Path) -> pathlib.Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def test_first_contact_pins_what_is_shown(controller: Controller, host: Host) -> None:
    controller.store = controller.folder / "my store"  # ssh takes a space for the end of a file's name
    checked = controller.run(**how(host), check=True)
    assert checked["changed"] and not controller.store.exists(), "a check looks, and touches nothing"
    result = controller.run(**how(host))
    machine = result["machine"]
    assert result["changed"] and machine["state"] == "running" and machine["address"] == host.address
    record = controller.records()["web1"]
    assert record["ssh"]["policy"] == "first_contact" and record["ssh"]["host_keys"] == [host.host_key.strip()]
    known = (controller.store / "machines" / "web1" / "known_hosts").read_text()
    assert known == f"{record['id']} {host.host_key.strip()}\n"
    again = controller.run(**how(host))
    assert not again["changed"] and controller.records()["web1"] == record
    # What plays are given reaches the host
    values = machine["host_vars"]
    command = [values["ansible_ssh_executable"], "-i", values["ansible_ssh_private_key_file"]]
    command += ["-o", "BatchMode=yes", "-l", values["ansible_user"], values["ansible_host"], "id -un"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == host.user
    assert controller.run(**how(host), state="absent")["changed"]
    assert host.out("echo here") == "here", "it is left as it is"


def test_a_host_key_that_is_given(controller: Controller, host: Host) -> None:
    result = controller.run(**how(host), host_key=f"{host.host_key.strip()} comment")
    assert result["changed"] and controller.records()["web1"]["ssh"]["policy"] == "given"
    other = new_key(controller.folder / "other").with_suffix(".pub").read_text()
    failure = controller.fail(**how(host), name="web2", host_key=other)
    assert failure["error"]["code"] == "host_key_changed"
    assert host.address in failure["msg"] and "web2" in failure["msg"] and failure["error"]["remedy"]
    assert "web2" not in controller.records() and not (controller.store / "machines" / "web2").exists()
    failure = controller.fail(**how(host), host_key=other)
    assert failure["error"]["code"] == "host_key_changed"
    assert controller.records()["web1"]["ssh"]["host_keys"] == [host.host_key.strip()], "what does not work is not kept"


def test_the_agents_keys(
    controller: Controller, host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Without ssh_key; also in a check, which create_hosts begins with."""
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL) as agent:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
            until((tmp_path / "agent").exists, "the agent's socket")
            subprocess.run(["ssh-add", "-q", str(host.key)], check=True)
            assert controller.run(**how(host, ssh_key=None), check=True)["changed"]
            assert controller.run(**how(host, ssh_key=None))["changed"]
        finally:
            agent.kill()
    assert controller.records()["web1"]["ssh"]["key"] == ""


def test_a_host_key_that_changed(controller: Controller, host: Host) -> None:
    controller.run(**how(host))
    path = controller.store / "machines" / "web1" / "machine.json"
    other = " ".join(new_key(controller.folder / "other").with_suffix(".pub").read_text().split()[:2])
    path.write_text(path.read_text().replace(host.host_key.strip(), other))
    before = path.read_text()
    for state in ("present", "restarted"):
        failure = controller.fail(**how(host), state=state)
        assert failure["error"]["code"] == "host_key_changed"
        assert "web1" in failure["msg"] and host.address in failure["msg"] and "state: absent" in failure["msg"]
    gathered = controller.run(**how(host), state="gathered")["machine"]
    assert gathered["state"] == "unknown" and "host key" in gathered["error"]
    assert path.read_text() == before


def test_a_new_address_must_show_the_pinned_key(
    controller: Controller, host: Host, new_host: t.Callable[..., Host]
) -> None:
    controller.run(**how(host))
    pinned = controller.records()["web1"]["ssh"]["host_keys"]
    stranger = new_host()
    failure = controller.fail(**how(stranger))
    assert failure["error"]["code"] == "host_key_changed" and stranger.address in failure["msg"]
    assert controller.records()["web1"]["options"]["address"] == host.address, "nothing touched"
    # The same host under another name
    forwarded = how(host, address=f"::ffff:{host.address}")
    result = controller.run(**forwarded)
    assert result["changed"] and result["machine"]["address"] == f"::ffff:{host.address}"
    assert controller.records()["web1"]["ssh"]["host_keys"] == pinned
    assert not controller.run(**forwarded)["changed"]


def test_a_login_that_is_refused(controller: Controller, host: Host) -> None:
    wrong = new_key(controller.folder / "wrong")
    failure = controller.fail(**how(host, ssh_key=str(wrong)))
    assert failure["error"]["code"] == "ssh_login"
    assert f"{host.user}@{host.address}" in failure["msg"] and str(wrong) in failure["msg"]
    assert "authorized_keys" in failure["error"]["remedy"]
    assert not controller.records() and not (controller.store / "machines" / "web1").exists()
    controller.run(**how(host))
    before = controller.records()
    assert controller.fail(**how(host, ssh_key=str(wrong)))["error"]["code"] == "ssh_login"
    assert controller.fail(**how(host, ssh_user="nobody"))["error"]["code"] == "ssh_login"
    assert controller.records() == before, "what does not work is not kept"


def test_a_host_that_can_not_be_reached(controller: Controller, host: Host) -> None:
    failure = controller.fail(**how(host, ssh_port=9, timeout=1))
    assert failure["error"]["code"] == "unreachable"
    assert f"{host.address} port 9" in failure["msg"] and failure["error"]["remedy"]
    assert not controller.records()
    controller.run(**how(host))
    assert controller.fail(**how(host, ssh_port=9))["error"]["code"] == "unreachable"
    assert controller.records()["web1"]["options"].get("ssh_port", 22) == 22


def test_a_host_that_is_down_is_unknown_and_can_be_forgotten(
    controller: Controller, bed: t.Any, new_host: t.Callable[..., Host]
) -> None:
    host = new_host()
    controller.run(**how(host))
    bed.engine.docker("kill", host.container)
    gathered = controller.run(**how(host), state="gathered")["machine"]
    assert gathered["state"] == "unknown" and host.address in gathered["error"]
    account = controller.run(GENERIC, name=None, scope="account", state="gathered")["machines"]
    assert [one["state"] for one in account] == ["unknown"]
    assert controller.run(GENERIC, state="absent")["changed"]
    assert not controller.records()


def test_restarted_waits_for_another_boot(controller: Controller, bed: t.Any, new_host: t.Callable[..., Host]) -> None:
    """In a container the boot id is the kernel's, so the bed shows one that changes with the container's boots.

    And a container that starts again gets whatever address is free by then: so it has one of its own besides.
    """
    own = f"{GATEWAY.rsplit('.', 1)[0]}.{200 + os.getpid() % 50}"
    script = "#!/bin/sh\nmount --bind /etc/boot-id /proc/sys/kernel/random/boot_id\n"
    unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'cat /proc/sys/kernel/random/uuid > /etc/boot-id'\n"
    unit += f"ExecStart=/usr/local/sbin/boot-id\nExecStart=ip address add {own}/24 dev eth0\n"
    unit += "[Unit]\nBefore=ssh.service\n[Install]\nWantedBy=ssh.service\n"
    host = new_host(customize={"/usr/local/sbin/boot-id": script, "/etc/systemd/system/boot-id.service": unit})
    host.ssh("systemctl enable --now boot-id.service")
    host.address = own
    host.known_hosts.write_text(f"{own} {host.host_key}\n")
    controller.run(**how(host))
    before = host.out("cat /proc/sys/kernel/random/boot_id")
    bed.engine.docker("update", "--restart=always", host.container)
    result = controller.run(**how(host, state="restarted"))
    assert result["changed"] and result["machine"]["state"] == "running"
    after = until(lambda: host.out("cat /proc/sys/kernel/random/boot_id"), "its boot id")
    assert after != before
