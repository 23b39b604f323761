# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of machines: the baked ones, files, and downloads into the cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import typing as t

from ._download import DownloadError, blocks, cache_folder
from ._durable import place, sync
from ._errors import BadOption, MachineError

BAKED = "default"
CHUNK = 1 << 20
REMEDY_BAKE = "Bake it: ansible-playbook dockyard.machine.bake_image"


def find(image: str, checksum: str, architecture: str) -> dict[str, t.Any]:
    """What the option image means, as plain data; a URL's image is in the cache then."""
    if image.startswith(("http://", "https://", "file://")):
        found = _download(image, checksum)
        fetch(found)
        return found
    path = (
        os.path.join(cache_folder(), "images", BAKED) if image == BAKED else os.path.abspath(os.path.expanduser(image))
    )
    if os.path.isdir(path):
        return _baked(image, os.path.realpath(path), architecture)
    if image == BAKED:
        raise BadOption("image", f"{image!r} is not baked yet", REMEDY_BAKE)
    if not os.path.isfile(path):
        raise BadOption(
            "image", f"{image!r} was not found", f"Give {BAKED}, the path of a qcow2 or raw image, or a URL"
        )
    if not os.access(path, os.R_OK):
        raise BadOption("image", f"{image!r} can't be read", "Change its mode, or give another image")
    if checksum:
        _compare(path, checksum, image)
    return {"disk": path, "channel": "nocloud", "architecture": architecture}


def _baked(image: str, folder: str, architecture: str) -> dict[str, t.Any]:
    try:
        with open(os.path.join(folder, "image.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise BadOption("image", f"{image!r} is not a baked image ({error})", REMEDY_BAKE) from error
    if found["architecture"] != architecture:
        raise BadOption(
            "image", f"{image!r} is for {found['architecture']}, not for {architecture}", "Set architecture too"
        )
    paths = {name: os.path.join(folder, found[name]) for name in ("disk", "kernel", "initrd")}
    return {**paths, **{name: found[name] for name in ("cmdline", "channel", "architecture")}}


def _download(url: str, checksum: str) -> dict[str, t.Any]:
    algorithm, _colon, value = checksum.partition(":")
    if algorithm not in ("sha256", "sha512") or len(value) != hashlib.new(algorithm).digest_size * 2:
        given = f" ({checksum!r})" if checksum else ""
        raise BadOption("checksum", f"a checksum of {url} is required{given}", "Give sha256:HEX or sha512:HEX")
    name = f"{value[:16].lower()}-{os.path.basename(url.partition('?')[0]) or 'image'}"
    disk = os.path.join(cache_folder(), "images", "downloads", name)
    return {"disk": disk, "channel": "nocloud", "url": url, "checksum": checksum.lower()}


def fetch(image: dict[str, t.Any]) -> None:
    """Let a URL's image be in the cache: downloaded once, and seen by nobody before it is verified."""
    disk, url = image["disk"], image.get("url")
    if not url or os.path.exists(disk):
        return
    os.makedirs(os.path.dirname(disk), exist_ok=True)
    part = f"{disk}.part"
    with open(part, "ab") as target:
        fcntl.flock(target, fcntl.LOCK_EX)  # machines that are made at once download it once
        if os.path.exists(disk):
            return
        try:
            target.truncate(0)
            for block in blocks(url):
                target.write(block)
            target.flush()
            sync(part)
        except (DownloadError, OSError) as error:
            raise MachineError(f"image: {error}", code="download", remedy="Run again") from error
        try:
            _compare(part, image["checksum"], url)
        except BadOption:
            os.unlink(part)
            raise
        os.chmod(part, 0o644)
        place(part, disk)


def _compare(path: str, checksum: str, image: str) -> None:
    algorithm, _colon, value = checksum.partition(":")
    try:
        digest = hashlib.new(algorithm)
    except ValueError:
        raise BadOption("checksum", f"{checksum!r} has no known algorithm", "Give sha256:HEX or sha512:HEX") from None
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
    if digest.hexdigest() != value.lower():
        raise BadOption(
            "checksum",
            f"{checksum!r} does not match {image}, which has {algorithm}:{digest.hexdigest()}",
            "Check which of the two is right; nothing was created from this image",
        )
