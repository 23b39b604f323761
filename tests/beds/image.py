# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small container image made on the spot, for hosts that have no registry to pull from.

The image is the statically linked busybox of the distribution (package busybox-static), as an archive of
the form that ``docker save`` writes and ``docker load`` or community.docker.docker_image_load take.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

NAME = "dockyard/busybox:local"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


def _layer(busybox: str) -> bytes:
    with open(busybox, "rb") as stream:
        program = stream.read()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("bin", "etc", "tmp", "www"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for path, data, mode in (
            ("bin/busybox", program, 0o755),
            ("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644),
            ("etc/group", b"root:x:0:\n", 0o644),
        ):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
        for applet in applets:
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, "busybox", 0o777
                archive.addfile(entry)
    return content.getvalue()


def build(path: str | os.PathLike[str], name: str = NAME, busybox: str = "/bin/busybox") -> str:
    """Write the image's archive to a path and return the image's name. The same busybox gives the same bytes."""
    if not os.path.exists(busybox):
        raise FileNotFoundError(f"{busybox} is missing: install the package busybox-static")
    layer = _layer(busybox)
    machine = os.uname().machine
    config = {
        "architecture": _MACHINES.get(machine, machine),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "busybox-static"}],
    }
    described = json.dumps(config).encode()
    config_name = hashlib.sha256(described).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    partial = f"{os.fspath(path)}.{os.getpid()}"
    packed = os.fspath(path).endswith(".gz")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in ((config_name, described), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with open(partial, "wb") as stream:
        stream.write(gzip.compress(content.getvalue(), 6, mtime=0) if packed else content.getvalue())
    os.replace(partial, path)
    return name


if __name__ == "__main__":
    print(build(sys.argv[1], *sys.argv[2:3]))
