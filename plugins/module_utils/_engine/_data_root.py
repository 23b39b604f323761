# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's data: what is in a data-root, and whether it could be moved. Runs on the host, on Python 3.8."""

from __future__ import annotations

import json
import os
import re
import stat
import typing as t

from . import _files

JOURNAL = "/var/lib/dockyard/move.json"
PARTIAL = ".dockyard-moving"  # in the new place, so that it is on its file system even where that is a mount point
NOT_OURS = (PARTIAL, "lost+found")
# Mounts that come and go with the Engine and its containers
_OF_THE_ENGINE = ("/overlay2/", "/fuse-overlayfs/", "/containers/", "/volumes/", "/plugins/", "/netns/", "/rootfs/")


class Mount(t.NamedTuple):
    parent: str
    device: str
    root: str  # what of its file system is mounted
    point: str


def _mounts(text: str | None = None) -> dict[str, Mount]:
    """What is mounted, by number."""
    found = {}
    for line in ((_files.read("/proc/self/mountinfo") if text is None else text) or "").splitlines():
        words = [re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), word) for word in line.split()[:5]]
        found[words[0]] = Mount(*words[1:5])
    return found


def mounts_below(folder: str, text: str | None = None) -> list[str]:
    """Mount points in a folder, itself not counted."""
    points = {mount.point for mount in _mounts(text).values()}
    return sorted(point for point in points if point.startswith(folder.rstrip("/") + "/"))


def self_mounted(folder: str, text: str | None = None) -> bool:
    """Whether a folder is mounted over itself: an Engine does that to share what it mounts in there.

    One that ended badly leaves it. Nothing else shows without it.
    """
    mounts = _mounts(text)
    for mount in mounts.values():
        over = mounts.get(mount.parent)
        if mount.point == folder and over and over.device == mount.device:
            return os.path.join(over.root, os.path.relpath(folder, over.point)) == mount.root
    return False


def foreign_mounts(folder: str, mounts: t.Iterable[str]) -> list[str]:
    """Those that stay when the Engine stops, as far as one can tell while it runs."""
    below = {point: point[len(folder.rstrip("/")) :] + "/" for point in mounts}
    # With remapped users it is all in a root of theirs.
    return [
        point for point, path in below.items() if not re.sub(r"^/\d+\.\d+(?=/)", "", path).startswith(_OF_THE_ENGINE)
    ]


def inventory(root: str) -> dict[str, list[str]]:
    """What an Engine on this data has to know: names of volumes, ids of containers, and of images behind their driver's name.

    Containers that go when they end are not part of it, nor are the volumes that are theirs alone; nor is what is left of
    a container whose removal the end of the Engine cut off: no Engine knows that any more.
    """
    containers, passing = [], set()
    for path in _folders(os.path.join(root, "containers")):
        about, limits = (_json(os.path.join(path, name)) for name in ("config.v2.json", "hostconfig.json"))
        if limits.get("AutoRemove"):
            passing |= {point.get("Name", "") for point in (about.get("MountPoints") or {}).values()}
        elif about and limits and not (about.get("State") or {}).get("Dead"):
            containers.append(os.path.basename(path))
    volumes = [os.path.basename(path) for path in _folders(os.path.join(root, "volumes"))]
    images = [
        f"{os.path.basename(driver)}/{image}"
        for driver in _folders(os.path.join(root, "image"))
        for image in names(os.path.join(driver, "imagedb", "content", "sha256"))
    ]
    return {"images": images, "containers": containers, "volumes": [name for name in volumes if name not in passing]}


def roots(root: str) -> list[str]:
    """The root itself, and those of remapped users below it."""
    return [root, *(path for path in _folders(root) if re.fullmatch(r"\d+\.\d+", os.path.basename(path)))]


def holds_data(root: str) -> bool:
    """Whether it would be missed: images, containers, volumes, or a swarm's state."""
    return any(any(inventory(path).values()) or names(os.path.join(path, "swarm")) for path in roots(root))


def settle_paths(root: str, old: str, new: str) -> None:
    """Containers have noted where their volumes and files are, and not all versions of the Engine read that again."""
    for base in roots(root):
        for path in _folders(os.path.join(base, "containers")):
            file = os.path.join(path, "config.v2.json")
            about = _json(file)
            moved = _moved(about, old.rstrip("/") + "/", new.rstrip("/") + "/")
            if moved != about:
                _files.write(file, json.dumps(moved, separators=(",", ":")), stat.S_IMODE(os.stat(file).st_mode))


def _moved(about: dict[str, t.Any], old: str, new: str) -> dict[str, t.Any]:
    def place(value: t.Any) -> t.Any:
        return new + value[len(old) :] if isinstance(value, str) and value.startswith(old) else value

    # The key Path alone is a program in the container.
    changed = {
        name: place(value) if name.endswith("Path") and name != "Path" else value for name, value in about.items()
    }
    points = about.get("MountPoints")
    if isinstance(points, dict):
        changed["MountPoints"] = {
            name: {**point, "Source": place(point.get("Source"))} if "Source" in point else point
            for name, point in points.items()
        }
    return changed


def names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _json(path: str) -> dict[str, t.Any]:
    try:
        content = json.loads(_files.read(path) or "{}")
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}


def occupied(folder: str) -> bool:
    """Whether something is there that isn't ours."""
    try:
        return bool(set(os.listdir(folder)) - set(NOT_OURS))
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True


def existing(path: str) -> str:
    """The nearest folder that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    return path


def by_rename(source: str, target: str) -> bool:
    """Whether a rename will do, once the Engine is stopped. None leads from one mount to another, be it of the same file system."""
    points = {mount.point for mount in _mounts().values()}

    def mounted_at(path: str) -> str:
        return max(
            (point for point in points if (path + "/").startswith(point.rstrip("/") + "/")), key=len, default="/"
        )

    there = existing(target)
    return (
        os.path.isdir(source)
        and (source not in points or self_mounted(source))
        and mounted_at(os.path.dirname(source)) == mounted_at(there)
        and os.stat(source).st_dev == os.stat(there).st_dev
    )


def room(folder: str) -> tuple[int, int]:
    """Free bytes and free entries of the file system; entries are 0 where it has no limit."""
    about = os.statvfs(existing(folder))
    return about.f_bavail * about.f_frsize, about.f_favail if about.f_files else 0


def size(folder: str) -> tuple[int, int]:
    """Bytes on disk and number of entries; a file with several names counts once."""
    total, entries, seen = 0, 0, set()
    folders = [folder]
    while folders:
        for entry in entries_of(folders.pop()):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone in the meantime
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            total += status.st_blocks * 512
            entries += 1
    return total, entries


def entries_of(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []  # a container's, which has gone in the meantime


def journal() -> dict[str, t.Any] | None:
    return _json(JOURNAL) or None
