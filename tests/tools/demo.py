# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make demo` shows after the set-up: a machine made, used, and removed, and nothing left of it."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import typing as t

from tests.beds import image
from tests.tools import artifact

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
NAME = "demo"
# A store of the demo's own, on a short path, since machines keep sockets there
STORE = pathlib.Path.home() / ".dockyard-demo"
# Few words, and what docs/performance.md advises
SETTINGS = """
[defaults]
display_skipped_hosts = false
localhost_warning = false
[inventory]
inventory_unparsed_warning = false
[ssh_connection]
pipelining = true
"""
VARIABLES = ("--extra-vars", f"machine_store={STORE}", "--extra-vars", f"machine_names={NAME}")


class Failure(Exception):
    """What went wrong, for a person."""


class Demo:
    """One run. Each public method is a phase, and its first line says what the phase shows."""

    def __init__(self, setup_seconds: float) -> None:
        self.seconds: list[tuple[str, float]] = [("set-up: packages and virtualenv", setup_seconds)]
        self.folder = ROOT / ".build" / "demo"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.inventory = self.folder / "machines.yml"
        self.inventory.write_text(
            f"plugin: dockyard.machine.machines\nstore: {STORE}\ngroup_by: [driver, state]\n", encoding="utf-8"
        )
        settings = self.folder / "ansible.cfg"  # so that the user's own settings change nothing here
        settings.write_text(SETTINGS, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DOCK"))}
        self.environment = {
            **kept,
            "PATH": f"{BIN}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
            "ANSIBLE_FORCE_COLOR": "1" if sys.stdout.isatty() else "0",
        }

    @contextlib.contextmanager
    def phase(self, name: str) -> t.Iterator[None]:
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        yield
        self.seconds.append((name, time.monotonic() - started))

    def run(self, *command: str, quiet: bool = False) -> str:
        """Runs a command, shows it and what it prints, and returns that."""
        print("$ " + " ".join(command).replace(f"{ROOT}/", ""), flush=True)
        lines = []
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if not quiet:
                    print(line, end="", flush=True)
        if process.returncode:
            if quiet:
                print("".join(lines), end="", flush=True)
            raise Failure(f"{pathlib.Path(command[0]).name} {command[1]} ended with {process.returncode}: see above")
        return "".join(lines)

    def playbook(self, name: str, *arguments: str) -> str:
        return self.run("ansible-playbook", f"dockyard.machine.{name}", *arguments)

    # The phases

    def install(self) -> None:
        folder = artifact.install(verbose=True)
        self.environment["ANSIBLE_COLLECTIONS_PATH"] = str(folder)
        print(f"Installed into {folder.relative_to(ROOT)}")

    def bake(self) -> None:
        self.playbook("bake_image")

    def create(self) -> None:
        self.playbook("create_hosts", "--extra-vars", "machine_driver=qemu", *VARIABLES)

    def show(self) -> None:
        graph = self.run("ansible-inventory", "--inventory", str(self.inventory), "--graph")
        if f"--{NAME}" not in graph:
            raise Failure(f"the inventory does not show {NAME}")
        if NAME not in self.playbook("list_hosts", "--extra-vars", f"machine_store={STORE}"):
            raise Failure(f"list_hosts does not show {NAME}")

    def container(self) -> None:
        archive = self.folder / "busybox.tar"
        name = image.build(archive)
        said = self.run(
            *("ansible-playbook", "--inventory", str(self.inventory), "tests/tools/demo.yml"),
            *("--extra-vars", json.dumps({"demo_archive": str(archive), "demo_image": name})),
        )
        if "Hello from a container" not in said:
            raise Failure("the container's output did not come back")

    def refusals(self) -> None:
        command = ("ansible-inventory", "--inventory", str(self.inventory), "--host", NAME)
        variables = json.loads(self.run(*command, quiet=True))
        address, port = variables["docker_host"].removeprefix("tcp://").rsplit(":", 1)
        trusting = ssl.create_default_context(cafile=variables["ca_path"])
        for client, connection in (
            ("with no certificate", http.client.HTTPSConnection(address, int(port), timeout=20, context=trusting)),
            ("over plain HTTP", http.client.HTTPConnection(address, int(port), timeout=20)),
        ):
            print(f"A client {client}: {refusal(connection)}")

    def again(self) -> None:
        said = self.playbook("create_hosts", "--extra-vars", "machine_driver=qemu", *VARIABLES)
        changed = [int(count) for count in re.findall(r"changed=(\d+)", said)]
        if not changed or any(changed):
            raise Failure(f"a second create_hosts changed something: {changed}")

    def remove(self) -> None:
        self.playbook("remove_hosts", *VARIABLES)

    def nothing_left(self) -> None:
        left = processes()
        files = sorted(str(path.relative_to(STORE)) for path in STORE.rglob("*") if not path.is_dir())
        folders = [str(path.relative_to(STORE)) for path in STORE.glob("machines/*")]
        print(f"Processes that use the store: {len(left)}")
        print(f"Records and folders of machines: {len(folders)}")
        print("Files in the store: " + ", ".join(files))
        ours = ("store.json", "ca/", "locks/", "tombstones/", "private/digest.json")
        unexpected = [path for path in files if not path.startswith(ours)]
        if left or folders or unexpected or not any(path.startswith("tombstones/") for path in files):
            raise Failure(f"something is left: processes {left}, files {unexpected}, machines {folders}")
        print(
            "So there is the machine's tombstone, beside what belongs to the store itself; the demo removes its store now."
        )
        shutil.rmtree(STORE)


def refusal(connection: http.client.HTTPConnection) -> str:
    """How the Engine refuses a client; one that is served is a failure."""
    try:
        connection.request("GET", "/version")
        response = connection.getresponse()
        body = response.read().decode(errors="replace").strip()
    except (ssl.SSLError, ConnectionError, http.client.HTTPException) as error:
        return f"refused ({error})"
    finally:
        connection.close()
    if response.status == 400 and "HTTPS" in body:
        return f"refused ({response.status}: {body})"
    raise Failure(f"it was served: {response.status} {body}")


def processes() -> list[str]:
    """Command lines of processes that use the demo's store, other than this one."""
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], stdout=subprocess.PIPE, text=True, check=True)
    return [line.strip() for line in listed.stdout.splitlines() if f"{STORE}/" in line]


def left_from_before() -> bool:
    return any(STORE.glob("machines/*"))


def clean_up_hint(environment: dict[str, str]) -> str:
    collections = environment.get("ANSIBLE_COLLECTIONS_PATH", "")
    return (
        "To clean up: make demo removes what an earlier one left and starts again. By hand:\n"
        f"  ANSIBLE_COLLECTIONS_PATH={collections} .venv/bin/ansible-playbook dockyard.machine.remove_hosts "
        f"-e machine_names={NAME} -e machine_store={STORE} && rm -r {STORE}"
    )


def tell(demo: Demo, keep: bool) -> None:
    with demo.phase("build the collection, install the artifact offline"):
        demo.install()
    if left_from_before():
        with demo.phase("remove what an earlier demo left"):
            demo.remove()
    with demo.phase("bake the machine image, unless the cache has it"):
        demo.bake()
    with demo.phase("create the machine"):
        demo.create()
    with demo.phase("list it"):
        demo.show()
    with demo.phase("run a container on it, over mutual TLS"):
        demo.container()
    with demo.phase("refuse other clients"):
        demo.refusals()
    with demo.phase("create it again: nothing changes"):
        demo.again()
    if not keep:
        with demo.phase("remove it"):
            demo.remove()
        with demo.phase("look for what is left"):
            demo.nothing_left()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setup-seconds", type=float, default=0)
    demo = Demo(parser.parse_args().setup_seconds)
    keep = os.environ.get("KEEP", "") not in ("", "0")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tell(demo, keep)
    except KeyboardInterrupt:
        print(f"\ndemo: interrupted\n{clean_up_hint(demo.environment)}", file=sys.stderr)
        return 130
    except (Failure, OSError, SystemExit) as error:
        print(f"\ndemo: failed: {error}\n{clean_up_hint(demo.environment)}", file=sys.stderr)
        return 1

    print("\n=== seconds")
    for name, seconds in [*demo.seconds, ("together", sum(seconds for _name, seconds in demo.seconds))]:
        print(f"{seconds:7.1f}  {name}")
    if keep:
        print(f"The machine {NAME} stays. {clean_up_hint(demo.environment)}")
    print("demo: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
