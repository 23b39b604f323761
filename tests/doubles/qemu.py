# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver qemu finds on a controller, for tests on paper: programs that do nothing, and an empty image."""

from __future__ import annotations

import json
import os
import pathlib

import pytest


def programs(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Programs of QEMU that are found and do nothing, first in the path, and a cache of the test's own."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name in ("qemu-system-x86_64", "qemu-system-aarch64"):
        (bin_folder / name).write_text("#!/bin/sh\nexit 33\n")
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return bin_folder


def baked_image(folder: pathlib.Path, architecture: str = "x86_64") -> pathlib.Path:
    """A baked image in that cache, the default one."""
    images = folder / "cache" / "dockyard" / "images"
    baked = images / f"debian-x-{architecture}-0123"
    baked.mkdir(parents=True)
    image = {"disk": "disk.raw", "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": "quiet"}
    image.update(channel="smbios", architecture=architecture)
    (baked / "image.json").write_text(json.dumps(image))
    (baked / "disk.raw").write_bytes(b"")
    (images / "default").symlink_to(baked.name)
    return baked
