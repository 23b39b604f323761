# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From create_hosts to "the Engine answers over TLS", against a bare boot of the same image until all units are up."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import ssl
import statistics
import subprocess
import time

from tests.bench._report import ansible, report, say
from tests.system._harness import Ansible, processes_of

RUNS = 3
LIMIT = 300.0
NAME = "bench"
UP = re.compile(rb"Reached target [^\n]*multi-user\.target")
# What decides how fast a guest runs: taken from the driver's own process
ALIKE = ("-accel", "-machine", "-M", "-cpu", "-smp", "-m")


def answers(folder: pathlib.Path) -> bool:
    """Whether the Engine of a machine serves a client with our certificate."""
    try:
        observed = json.loads((folder / "observed.json").read_text(encoding="utf-8"))
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        connection = http.client.HTTPSConnection(
            observed["address"], observed["docker_port"], timeout=5, context=context
        )
        with contextlib.closing(connection):
            connection.request("GET", "/_ping")
            return connection.getresponse().status == 200
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False


def create(runs: Ansible, store: pathlib.Path) -> tuple[float, float]:
    """Seconds until the Engine answers, and until the playbook ends."""
    started = time.monotonic()
    answered = None
    variables = {"machine_store": str(store), "machine_driver": "qemu", "machine_names": NAME}
    with runs.start_playbook("create_hosts", variables) as process:
        while process.popen.poll() is None:
            if time.monotonic() > started + LIMIT:
                raise SystemExit(f"create_hosts: not within {LIMIT:.0f} s")
            if answered is None and answers(store / "machines" / NAME):
                answered = time.monotonic()
            time.sleep(0.2)
        process.wait(LIMIT).ok()
    ended = time.monotonic()
    return (answered or ended) - started, ended - started


def arguments(store: pathlib.Path) -> list[str]:
    """How the driver runs QEMU: the program, and what decides its speed."""
    for pid in processes_of(f"{store}/"):
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        if "qemu-system" in command[0]:
            kept = [command[0]]
            for one, value in zip(command[1:], command[2:], strict=False):
                if one in ALIKE:
                    kept += [one, value]
            return kept
    raise SystemExit("no QEMU runs for the machine")


def bare(command: list[str], folder: pathlib.Path) -> float:
    """Seconds until the same image, booted by hand, has reached its target."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    image = cache / "dockyard" / "images" / "default"
    described = json.loads((image / "image.json").read_text(encoding="utf-8"))
    disk, console = folder / "bare.qcow2", folder / "console"
    console.write_bytes(b"")
    started = time.monotonic()
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.resolve() / described["disk"])]
        + [str(disk), "8G"],
        check=True,
    )
    process = subprocess.Popen(
        [
            *command,
            *("-kernel", str(image / described["kernel"]), "-initrd", str(image / described["initrd"])),
            *("-append", described["cmdline"] + " systemd.show_status=yes"),
            *("-drive", f"file={disk},if=virtio,format=qcow2"),
            *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"),
            *("-device", "virtio-rng-pci", "-display", "none", "-serial", f"file:{console}", "-no-reboot"),
        ],
        stdin=subprocess.DEVNULL,
    )
    try:
        while not UP.search(console.read_bytes()):
            if process.poll() is not None or time.monotonic() > started + LIMIT:
                raise SystemExit(f"the bare boot came to no end: {console.read_bytes()[-2000:]!r}")
            time.sleep(0.05)
        return time.monotonic() - started
    finally:
        process.kill()
        process.wait()


def main() -> None:
    with ansible() as runs:
        say("Baking the image, unless the cache has it")
        runs.playbook("bake_image").ok()
        ours, whole, theirs = [], [], []
        for number in range(RUNS):
            say(f"Creating a machine and booting bare, {number + 1} of {RUNS}")
            store = runs.folder / f"store{number}"
            answered, ended = create(runs, store)
            ours.append(answered)
            whole.append(ended)
            command = arguments(store)
            runs.playbook("remove_hosts", {"machine_store": str(store), "machine_names": NAME}).ok()
            theirs.append(bare(command, runs.folder))
        one, other = statistics.median(ours), statistics.median(theirs)
        report(
            "create to Engine over TLS ÷ bare boot to all units up",
            one / other,
            1.15,
            f"{one:.1f} s ÷ {other:.1f} s; create_hosts itself ends after {statistics.median(whole):.1f} s",
        )


if __name__ == "__main__":
    main()
