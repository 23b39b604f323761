# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver qemu and the baked image, on machines that really boot."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import time

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _qemu
from tests.system._harness import processes_of

BOOT_LIMIT = 240  # seconds; an idle controller needs 10 to 20 without KVM


class Machines:
    """The driver's module on one store, and what is seen of its machines from outside."""

    def __init__(self, run_module, store):
        self.run_module = run_module
        self.store = store

    def __call__(self, name, **options):
        return self.run_module("qemu", {"store": str(self.store), "name": name, **options})

    def ok(self, name, **options):
        return self(name, **options).ok().value

    def folder(self, name):
        return self.store / "machines" / name

    def processes(self, name):
        return {pid: line for pid, line in processes_of(f"{self.folder(name)}/").items() if "qemu-system" in line}

    def ssh(self, name, command, limit=BOOT_LIMIT):
        """Runs a command with the key and the pinned host key of the store; a machine that boots is waited for."""
        values = self.ok(name, state="gathered")["machine"]["host_vars"]
        address, port = values["ansible_host"], values["ansible_port"]
        until(lambda: banner(address, port), limit, "a greeting of sshd")
        line = [values["ansible_ssh_executable"], "-F", "none", "-o", "BatchMode=yes"]
        line += ["-i", values["ansible_ssh_private_key_file"], "-p", str(port)]
        line += [f"{values['ansible_user']}@{address}", command]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def until(ask, limit, what):
    """Asks again until the answer is true."""
    deadline = time.monotonic() + limit
    waiter = socket.socketpair()[0]  # something to wait on
    waiter.settimeout(0.2)
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        try:
            waiter.recv(1)
        except TimeoutError:
            continue
    raise AssertionError(f"{what} did not come within {limit} s")


def banner(address, port):
    """The forwarded port accepts connections long before the guest does: only a greeting counts."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture
def machines(run_module, store, baked_image):
    return Machines(run_module, store)


def test_the_life_of_a_machine(machines, baked_image):
    before = os.stat(baked_image / "disk.raw").st_mtime_ns
    assert machines("web1", disk_size=5).ok().value["changed"]
    second = machines.ok("web1", disk_size=5)
    assert (second["changed"], second["machine"]["state"]) == (False, "running")
    machines.ok("web2", memory=512)

    # The host key was pinned before the first packet, and the login is the machine's own
    assert machines.ssh("web1", "hostname; id -un; sudo -n id -un").split() == ["web1", "debian", "root"]
    assert int(machines.ssh("web1", "df --output=size --block-size=M / | tail -n 1 | tr -d M")) > 4500
    # The Engine waits for a configuration, which doesn't come without the role: then it is started nevertheless
    assert machines.ssh("web1", "systemctl is-active docker.socket docker.service || true").split() == ["inactive"] * 2
    assert "dockyard-engine-release" in machines.ssh("web1", "systemctl list-timers")
    machines.ssh("web1", "sudo systemctl start dockyard-engine-release")
    until(lambda: "overlay2" in machines.ssh("web1", "sudo docker info 2>&1 || true"), BOOT_LIMIT, "the Engine")
    secret = (machines.folder("web1") / "first-boot" / "host_ed25519").read_text().split("\n")[2]
    assert all(secret not in line for line in machines.processes("web1").values())

    # Nothing secret came with the image, and the credentials are not in reach of other users
    shadow = machines.ssh("web1", "sudo grep -c -v -E '^[^:]*:[!*]' /etc/shadow || true")
    assert shadow == "0"
    machine_id = machines.ssh("web1", "cat /etc/machine-id")
    host_key = machines.ssh("web1", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    assert " ".join(host_key) in (machines.folder("web1") / "known_hosts").read_text()

    # Two machines have nothing in common
    both = [machines.ok(name, state="gathered")["machine"]["host_vars"] for name in ("web1", "web2")]
    assert len({port for it in both for port in (it["ansible_port"], it["docker_host"].rpartition(":")[2])}) == 4
    other = machines.ssh("web2", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub")
    assert machine_id not in other and host_key[1] not in other
    machines.ok("web2", state="absent")

    assert machines.ok("web1", state="paused")["machine"]["state"] == "paused"
    assert not machines.ok("web1", state="paused")["changed"]
    assert machines.ok("web1", state="started")["machine"]["state"] == "running"

    # Later boots need no credentials
    boot = machines.ssh("web1", "cat /proc/sys/kernel/random/boot_id")
    shutil.rmtree(machines.folder("web1") / "first-boot")
    assert machines.ok("web1", state="stopped", stop_timeout=240)["machine"]["state"] == "stopped"
    assert machines.processes("web1") == {}
    assert not machines.ok("web1", state="stopped")["changed"]
    assert "Power down" in (machines.folder("web1") / "vm" / "console.log").read_text()
    changed = machines.ok("web1", disk_size=6, cpus=1)
    assert (changed["changed"], changed["machine"]["state"]) == (True, "stopped")
    assert machines.ok("web1", state="started", disk_size=6, cpus=1)["changed"]
    assert "-smbios" not in next(iter(machines.processes("web1").values()))
    assert machines.ssh("web1", "cat /proc/sys/kernel/random/boot_id") != boot
    assert machines.ssh("web1", "cat /etc/machine-id; nproc").split() == [machine_id, "1"]
    assert int(machines.ssh("web1", "df --output=size --block-size=M / | tail -n 1 | tr -d M")) > 5500

    refused = machines("web1", memory=900, disk_size=6, cpus=1).failed()
    assert "allow_stop" in refused.messages
    assert machines.ok("web1", state="killed")["machine"]["state"] == "stopped"

    machines.ok("web1", state="absent")
    assert machines.processes("web1") == {}
    assert not machines.folder("web1").exists()
    assert not machines.ok("web1", state="absent")["changed"]
    assert os.stat(baked_image / "disk.raw").st_mtime_ns == before


def test_killed_at_any_moment_it_ends_as_if_nothing_had_happened(ansible, machines):
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    arguments = {"store": str(machines.store), "name": "web1", "memory": 256}
    for state in ("present", "absent"):
        for _time in range(8):
            task = json.dumps({**arguments, "state": state})
            with ansible.start("ansible", "localhost", "-m", "dockyard.machine.qemu", "-a", task) as process:
                try:
                    process.popen.wait(timeout=dice.uniform(0.3, 2.5))
                except subprocess.TimeoutExpired:
                    process.kill()
                process.popen.communicate()
            # A QEMU that is on its way into the background is two processes, until the first has seen the second start.
            until(lambda: len(machines.processes("web1")) <= 1, 30, f"one QEMU at most, seed {seed}")
        machines.ok("web1", state=state, memory=256)
        wanted = 1 if state == "present" else 0
        assert len(machines.processes("web1")) == wanted, f"seed {seed}"
        assert not machines.ok("web1", state=state, memory=256)["changed"], f"seed {seed}"
    assert not machines.folder("web1").exists(), f"seed {seed}"


def test_a_machine_whose_qemu_died_is_stopped_and_starts_again(machines):
    """As after a reboot of the controller: the process is gone, socket and pidfile are left."""
    machines.ok("web1", memory=256)
    (pid,) = machines.processes("web1")
    os.kill(pid, 9)
    until(lambda: not machines.processes("web1"), 30, "the end of QEMU")
    assert machines.ok("web1", state="gathered")["machine"]["state"] == "stopped"
    assert machines.ok("web1", state="started")["machine"]["state"] == "running"
    machines.ok("web1", state="absent")


@pytest.mark.parametrize("architecture", sorted(_qemu.PROBES))
def test_the_guest_that_tries_an_accelerator_runs_to_its_end(architecture, monkeypatch):
    """By emulation, which runs everything. Where it is not installed, the machine can't be of that architecture either."""
    monkeypatch.setattr(_qemu, "PROBE_LIMIT", 60)
    path = shutil.which(f"qemu-system-{architecture}")
    assert path is None or _qemu._works(path, architecture, "tcg")


def test_bad_input_touches_nothing(machines, tmp_path):
    (tmp_path / "disk.raw").write_bytes(b"image")
    url = (tmp_path / "disk.raw").as_uri()
    right = hashlib.sha256(b"image").hexdigest()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for options, named in (
            ({"image": "/nowhere.qcow2"}, ("image", "/nowhere.qcow2", "URL")),
            ({"image": url, "checksum": "sha256:" + "0" * 64}, ("checksum", "0" * 64, right)),
            ({"image": url}, (f"checksum: a checksum of {url} is required", "sha256:HEX")),
            ({"ssh_port": port}, ("ssh_port", str(port), "another port")),
            ({"ports": ["x"]}, ("ports", "'x'", "HOST:GUEST")),
            ({"disk_size": 1}, ("disk_size", "1", "2 GiB")),
            ({"user_data": "#cloud-config"}, ("user_data", "cloud-init", "image")),
        ):
            said = machines("web1", **options).failed().messages
            assert all(part in said for part in named), said
    assert not machines.folder("web1").exists() or not (machines.folder("web1") / "machine.json").exists()


def test_qemu_is_missing(ansible, store, baked_image, tmp_path):
    for program in pathlib.Path("/usr/bin").iterdir():
        if not program.name.startswith("qemu-"):
            (tmp_path / program.name).symlink_to(program)
    arguments = {"store": str(store), "name": "web1"}
    run = ansible.module("qemu", arguments, env={"PATH": f"{ansible.bin}:{tmp_path}"}).failed()
    assert "qemu-system-x86_64" in run.messages or "qemu-system-aarch64" in run.messages
    assert "Install the package qemu-system-" in run.messages


def test_the_image_is_baked_once(ansible, baked_image):
    again = ansible.playbook("bake_image").ok()
    assert again.changed == 0
    assert str(baked_image) in again.stdout
    image = json.loads((baked_image / "image.json").read_text())
    assert {"docker.io", "openssh-server", "systemd"} <= set(image["packages"])
    wanted = ansible.playbook("bake_image", {"machine_image_extra_packages": ["htop"]}, check=True).ok()
    assert wanted.changed == 1
    assert not [name for name in os.listdir(baked_image.parent) if name.startswith(".baking-")]


def test_an_interrupted_bake_leaves_no_image(ansible, tmp_path):
    cache = tmp_path / "cache"
    variables = {"machine_image_cache": str(cache), "machine_image_default": False}
    with ansible.start_playbook("bake_image", variables) as process:
        until(lambda: list(cache.glob(".baking-*/mmdebstrap.*")), 120, "the bake")
        # The module outlives a playbook that is killed, so it is the one to kill
        first = min(processes_of(f"{cache}/"))
        module = int(pathlib.Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(module, 9)
        process.wait(timeout=120).failed()
    until(lambda: not processes_of(f"{cache}/"), 60, "the end of mmdebstrap")
    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == []
    # What is half-made goes with the next bake, which here fails at once
    ansible.playbook("bake_image", {**variables, "machine_image_mirrors": [f"file://{tmp_path}/none"]}).failed()
    assert [path.name for path in cache.iterdir()] == [".lock"]
