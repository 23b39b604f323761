# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on a file system that is full or read-only: small_disk FOLDER full | read-only. To be run in a mount namespace."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

from tests.faults.processes import Controller

SIZE = 512  # KB
PAGE = 4  # KB


def mount(folder: pathlib.Path, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)


def full(folder: pathlib.Path) -> dict[str, t.Any]:
    """For each number of free pages: a create that finds the disk full somewhere, then the same with space."""
    failures = []
    for pages in range(0, 26, 2):
        case = folder / str(pages)
        disk = case / "disk"
        disk.mkdir(parents=True)
        mount(disk, "-o", f"size={SIZE}k")
        controller = Controller(case)
        controller.store = disk / "store"
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free // 1024
        filler.write_bytes(b"x" * 1024 * max(0, free - pages * PAGE))
        result = controller.start(disk=5).result()
        failures.append(result if result.get("failed") else None)
        filler.unlink()
        again = controller.run(disk=5)
        assert again["changed"] is bool(result.get("failed"))
        controller.check()
        os.sync()
        subprocess.run(["umount", str(disk)], check=True)
    return {"failures": failures}


def read_only(folder: pathlib.Path) -> dict[str, t.Any]:
    disk = folder / "disk"
    disk.mkdir()
    mount(disk)
    controller = Controller(folder)
    controller.store = disk / "store"
    controller.run()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    failures = [controller.fail(state="absent"), controller.fail(name="web2")]
    controller.store = disk / "another"
    failures.append(controller.fail())
    controller.store = disk / "store"
    gathered = controller.run(state="gathered", check=True)["machine"]["state"]
    return {"failures": failures, "things": len(controller.cloud.look()["things"]), "gathered": gathered}


if __name__ == "__main__":
    print(json.dumps({"full": full, "read-only": read_only}[sys.argv[2]](pathlib.Path(sys.argv[1]))))
